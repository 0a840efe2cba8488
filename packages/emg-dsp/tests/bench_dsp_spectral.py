"""Spectra, and features of spectra and wavelets, beside LibEMG, scipy and torch (each where it is installed).

Run with ``OMP_NUM_THREADS=1 pytest packages/emg-dsp/tests/bench_dsp_spectral.py``. LibEMG's features on array A are in
``bench_dsp_peers.py``; here they run on array B, and on 8 channels of A. torch and LibEMG need not be
in one environment.
"""

import dsp_bench
import numpy as np
import pytest
from dsp_bench import latency, libemg, measure
from scipy import signal

import emg_dsp

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = ["MDF", "MNF", "MNP", "SM", "DFTR", "WENG", "WV", "WWL", "WENT"]
TOGETHER = ["MNF", "MDF", "PKF", "MNP", "TTP", "SM1", "SM2", "SM3", "VCF", "DFTR"]
OURS_ALONE = ["PKF", "VCF", "FR", "PSR", "SS", "SFLT", "SFLX", "SDEC", "SE", "SR", "TWR", "TWS", "SNR", "DPR", "OHM"]


@pytest.fixture(scope="module")
def arrays():
    """A signal, its rate, and windows as a view and as the tensor that LibEMG wants."""
    sets = {}
    for name, x, sfreq, length, hop in (
        ("a8", np.ascontiguousarray(dsp_bench.array_a()[:8]), 2048, 410, 102),
        ("b", dsp_bench.array_b(), 200, 40, 10),
    ):
        view = emg_dsp.windows(x, length, hop)
        sets[name] = x, sfreq, view, np.ascontiguousarray(view)
    return sets


@pytest.mark.parametrize("array", ["a8", "b"])
@pytest.mark.parametrize("name", NAMES)
def test_feature(benchmark, arrays, array, name):
    x, sfreq, view, tensor = arrays[array]
    extractor = libemg().feature_extractor.FeatureExtractor()
    options = {} if name == "MNP" else {f"{name}_fs": sfreq}
    theirs = {"libemg": lambda: extractor.extract_features([name], tensor, options)}
    measure(benchmark, x.size, lambda: emg_dsp.features(view, [name], sfreq), theirs)


@pytest.mark.parametrize("names", [TOGETHER, *([name] for name in OURS_ALONE)], ids="-".join)
def test_ours_alone(benchmark, arrays, names):
    x, sfreq, view, _ = arrays["a8"]
    measure(benchmark, x.size, lambda: emg_dsp.features(view, names, sfreq))


def torch_log_spectrogram(x):
    """The transform as one would write it with torch on one thread."""
    torch = dsp_bench.peer("torch")
    torch.set_num_threads(1)
    rows, window = torch.from_numpy(x.copy()), torch.hann_window(64)

    def run():
        frames = torch.stft(rows, 64, 16, window=window, center=False, return_complex=True)
        power = frames.abs() ** 2 / (window**2).sum()
        return torch.log10(power + 1e-6).permute(2, 0, 1).contiguous()

    return run


def scipy_log_spectrogram(x):
    transform = signal.ShortTimeFFT(signal.get_window("hann", 64).astype(np.float32), 16, fs=1)

    def run():
        frames = transform.stft(x, p0=2, p1=(x.shape[1] - 32) // 16 + 1)
        return np.log10((frames.real**2 + frames.imag**2) / 24 + 1e-6)

    return run


def test_log_spectrogram_beside_scipy(benchmark, arrays):
    x = arrays["a8"][0]
    measure(benchmark, x.size, lambda: emg_dsp.log_spectrogram(x), {"scipy": scipy_log_spectrogram(x)})


def test_log_spectrogram_beside_torch(benchmark, arrays):
    x = arrays["a8"][0]
    measure(benchmark, x.size, lambda: emg_dsp.log_spectrogram(x), {"torch": torch_log_spectrogram(x)})


def test_log_spectrogram_live(benchmark, arrays):
    """16 channels, one frame of 8 ms at 2 kHz a push."""
    stream = emg_dsp.LogSpectrogram().stream(16)
    chunk = np.ascontiguousarray(np.tile(arrays["a8"][0], (2, 1))[:, :16])
    latency(benchmark, lambda: stream.push(chunk), calls=5_000)


def test_mpf_live(benchmark, arrays):
    """16 channels, one output of 20 ms at 2 kHz a push."""
    stream = emg_dsp.MultivariatePower().stream(16)
    chunk = np.ascontiguousarray(np.tile(arrays["a8"][0], (2, 1))[:, :40])
    latency(benchmark, lambda: stream.push(chunk), calls=1_500, warm=200)


def test_stft(benchmark, arrays):
    x = arrays["a8"][0]
    transform = signal.ShortTimeFFT(signal.get_window("hann", 410).astype(np.float32), 102, fs=1)
    measure(benchmark, x.size, lambda: emg_dsp.stft(x, 410, 102), {"scipy": lambda: transform.stft(x)})


def test_power_spectrum(benchmark, arrays):
    x = arrays["a8"][0]
    theirs = {"welch": lambda: signal.welch(x, 2048, nperseg=512)}
    measure(benchmark, x.size, lambda: emg_dsp.power_spectrum(x, 2048, 0.25), theirs)


def test_mpf(benchmark, arrays):
    """16 channels of 10 s; the peer computes all cross-spectra at once and takes logarithms with NumPy."""
    x = np.ascontiguousarray(np.tile(arrays["a8"][0], (2, 1))[:, :20_000])
    measure(benchmark, x.size, lambda: emg_dsp.mpf(x))
