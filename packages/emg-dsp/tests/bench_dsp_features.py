"""Time-domain features beside LibEMG: the same values where the formulas are the same, and every group timed.

Run with ``OMP_NUM_THREADS=1 pytest packages/emg-dsp/tests/bench_dsp_features.py``. Single features of LibEMG are timed
in ``bench_dsp_peers.py``; here a group is timed as users ask for it, windowing included on both sides.
"""

import dsp_bench
import numpy as np
import pytest

import emg_dsp

LENGTH, HOP, SFREQ = 410, 102, 2048
HTD_RMS = ["MAV", "RMS", "WL", "ZC", "SSC"]
GROUPS = {
    "HTD and RMS": HTD_RMS,
    "HJORTH": ["ACT", "MOB", "COMP"],
    "ITD": ["ISD", "COR", "MDIFF", "MLK"],
    "TDPSD": ["M0", "M2", "M4", "SPARSI", "IRF", "WLF"],
}
SAME = [
    *("MAV", "MEAN", "IAV", "ISD", "RMS", "VAR", "LD", "MSR", "MPK", "TM", "SKEW", "KURT"),
    *("WL", "MAVFD", "DASDV", "MFL", "MAVSLP", "MDIFF", "MZP", "MLK", "PAP", "COR", "ACT", "MOB"),
    *("M0", "M2", "M4", "SPARSI", "IRF", "WLF", "ZC", "SSC", "WAMP"),
]
"""LibEMG's COMP is another formula, and mixes windows."""


@pytest.fixture(scope="module")
def few():
    """Some windows of 8 channels of array A."""
    return emg_dsp.windows(dsp_bench.array_a()[:8, :8192], LENGTH, HOP)


@pytest.mark.parametrize("name", SAME)
def test_values_are_those_of_libemg(few, name):
    extractor = dsp_bench.libemg().feature_extractor.FeatureExtractor()
    theirs = np.asarray(extractor.extract_features([name], few.astype(np.float64), {})[name])
    ours = emg_dsp.features(few.astype(np.float64), [name], SFREQ)
    np.testing.assert_allclose(ours[..., 0], theirs.reshape(len(few), 8), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("group", GROUPS)
def test_group_with_windows(benchmark, group):
    x, names = dsp_bench.array_a(), GROUPS[group]
    rows = np.ascontiguousarray(x.T)
    package = dsp_bench.libemg()
    get_windows, extractor = package.utils.get_windows, package.feature_extractor.FeatureExtractor()

    def theirs():
        return extractor.extract_features(names, get_windows(rows, LENGTH, HOP))

    def ours():
        return emg_dsp.features(emg_dsp.windows(x, LENGTH, HOP), names, SFREQ)

    dsp_bench.measure(benchmark, x.size, ours, {"libemg": theirs})


@pytest.mark.parametrize("kind", ["zeros abound", "two threads", "short windows", "stream of 1 ms"])
def test_htd_and_rms(benchmark, kind):
    x = dsp_bench.array_a()
    if kind == "stream of 1 ms":
        stage = emg_dsp.Features(0.2, 0.05, HTD_RMS, SFREQ)
        stream, chunk = stage.stream(128), np.ascontiguousarray(x[:, :2])
        dsp_bench.latency(benchmark, lambda: stream.push(chunk, copy=False), calls=5000, warm=500)
        return
    length, hop, threads = (40, 10, 1) if kind == "short windows" else (LENGTH, HOP, 1 + (kind == "two threads"))
    w = emg_dsp.windows(np.round(x * 4) if kind == "zeros abound" else x, length, hop)
    dsp_bench.measure(benchmark, x.size, lambda: emg_dsp.features(w, HTD_RMS, SFREQ, threads=threads))
