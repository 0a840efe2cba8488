"""LibEMG, NeuroKit2 and BioSPPy beside ours, each reading the layout that it wants.

Run with ``nox -s "bench(emg-dsp)" -- -k peers``, which installs LibEMG 2.0.3 with numpy < 2; without it these skip.
Arrays are whole where nothing else is said. A feature's row leaves the windows out on both sides: LibEMG is handed the
copied tensor (N, C, L) that it needs, ours reads the same windows as a view of the signal. ``peer_values`` says where a
peer is timed on fewer windows than ours, which flatters it: they fit the cache.
"""

import dsp_bench
import numpy as np
import pytest
from dsp_bench import libemg, measure, peer

import emg_dsp

pytestmark = pytest.mark.filterwarnings("ignore")
HTD_RMS = ["MAV", "ZC", "SSC", "WL", "RMS"]
LENGTH, HOP = 410, 102
RATE_OPTION = {"MDF", "MNF", "SM", "DFTR", "WENG", "WV", "WWL", "WENT"}
FIRST_WINDOWS = {"SAMPEN": (60, 4), "FUZZYEN": (60, 2)}
"""Windows of 128 channels that ours and the peer are given where the peer takes half an hour for all 1,201."""
# fmt: off
LIBEMG_NAMES = [
    "ACT", "AR", "CC", "COMP", "COR", "DASDV", "DFTR", "FUZZYEN", "IAV", "IRF", "ISD", "KURT",
    "LD", "LS", "M0", "M2", "M4", "MAV", "MAVFD", "MAVSLP", "MDF", "MDIFF", "MEAN", "MFL",
    "MLK", "MNF", "MNP", "MOB", "MPK", "MSR", "MZP", "PAP", "RMS", "RMSPHASOR", "SAMPEN", "SKEW",
    "SM", "SPARSI", "SSC", "TM", "VAR", "WAMP", "WENG", "WENT", "WL", "WLF", "WLPHASOR", "WV",
    "WWL", "ZC",
]
# fmt: on


@pytest.fixture(scope="module")
def a():
    return dsp_bench.array_a()


@pytest.fixture(scope="module")
def b():
    return dsp_bench.array_b()


@pytest.fixture(scope="module")
def time_major(a):
    return np.ascontiguousarray(a.T)


@pytest.fixture(scope="module")
def tensor(a):
    return np.ascontiguousarray(emg_dsp.windows(a, LENGTH, HOP))


def libemg_filter(sfreq, *filters):
    made = libemg().filtering.Filter(sampling_frequency=sfreq)
    for entry in filters:
        made.install_filters(dict(entry))
    return made


BAND = {"name": "bandpass", "cutoff": [20, 450], "order": 4}
HIGH = {"name": "highpass", "cutoff": 20, "order": 4}
NOTCH = {"name": "notch", "cutoff": 50, "bandwidth": 50 / 30}


@pytest.mark.parametrize("kind", ["causal", "zero_phase"])
def test_libemg_filter_a(benchmark, a, time_major, kind):
    """LibEMG's only filter is zero-phase; ours is timed both ways."""
    peer_filter = libemg_filter(2048, BAND, NOTCH)
    clean = emg_dsp.bandpass(20, 450, 2048) + emg_dsp.notch(50, 2048)
    ours = clean if kind == "causal" else clean.zero_phase
    measure(benchmark, a.size, lambda: ours(a), {"libemg": lambda: peer_filter.filter(time_major)})


@pytest.mark.parametrize("kind", ["causal", "zero_phase"])
def test_libemg_filter_b(benchmark, b, kind):
    rows = np.ascontiguousarray(b.T)
    peer_filter = libemg_filter(200, HIGH, NOTCH)
    clean = emg_dsp.highpass(20, 200) + emg_dsp.notch(50, 200)
    ours = clean if kind == "causal" else clean.zero_phase
    measure(benchmark, b.size, lambda: ours(b), {"libemg": lambda: peer_filter.filter(rows)}, rounds=5)


@pytest.mark.parametrize("array", ["a", "b"])
def test_libemg_htd_rms_with_windows(benchmark, array, request):
    """From the signal to the features: windowing counts on both sides."""
    x = request.getfixturevalue(array)
    sfreq, length, hop = (2048, LENGTH, HOP) if array == "a" else (200, 40, 10)
    rows = np.ascontiguousarray(x.T)
    get_windows, extractor = libemg().utils.get_windows, libemg().feature_extractor.FeatureExtractor()

    def theirs():
        return extractor.extract_features(HTD_RMS, get_windows(rows, length, hop))

    def ours():
        return emg_dsp.features(emg_dsp.windows(x, length, hop), HTD_RMS, sfreq)

    measure(benchmark, x.size, ours, {"libemg": theirs})


@pytest.mark.parametrize("name", LIBEMG_NAMES)
def test_libemg_feature(benchmark, a, tensor, name):
    """Every feature of LibEMG, under our name for it, with its default options."""
    extractor = libemg().feature_extractor.FeatureExtractor()
    options = {f"{name}_fs": 2048} if name in RATE_OPTION else {}
    count, theirs = FIRST_WINDOWS.get(name, (len(tensor), len(tensor)))
    x = a if count == len(tensor) else np.ascontiguousarray(a[:, : (count - 1) * HOP + LENGTH])
    w = emg_dsp.windows(x, LENGTH, HOP)
    benchmark.extra_info["windows"], benchmark.extra_info["peer_windows"] = count, theirs

    def libemg_of(windows):
        return extractor.extract_features([name], windows, options)

    libemg_of(tensor[:1])  # compiles what it compiles
    peers = {"libemg": (lambda: libemg_of(tensor[:theirs]), x.size * theirs / count)}
    measure(benchmark, x.size, lambda: emg_dsp.features(w, [name], 2048), peers, rounds=2)


def test_neurokit2_amplitude(benchmark, a):
    """Band-pass 10-400 Hz, rectify, 8 Hz low-pass, all zero-phase of order 2: NeuroKit2's amplitude of 8 channels."""
    amplitude = peer("neurokit2.emg.emg_amplitude")._emg_amplitude_envelope
    x = np.ascontiguousarray(a[:8])
    band, smooth = emg_dsp.bandpass(10, 400, 2048, order=2), emg_dsp.lowpass(8, 2048, order=2)

    def theirs():
        return [amplitude(row, sampling_rate=2048) for row in x]

    measure(benchmark, x.size, lambda: smooth.zero_phase(np.abs(band.zero_phase(x))), {"neurokit2": theirs})


def test_biosppy_smoother(benchmark, a):
    """Moving average of the rectified signal over 0.1 s, 8 channels."""
    smoother = peer("biosppy.signals.tools").smoother
    x = np.ascontiguousarray(a[:8])
    moving = emg_dsp.MovingMAV(205)

    def theirs():
        return [smoother(np.abs(row), kernel="boxcar", size=205) for row in x]

    measure(benchmark, x.size, lambda: moving(x), {"biosppy": theirs})
