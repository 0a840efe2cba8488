"""Speed of envelopes, onsets and label windows on arrays A and B, peers in the same run; see dsp_bench.py."""

import dsp_bench
import numpy as np
import pytest
from scipy import ndimage, signal

import emg_dsp

ARRAYS = {"a": (dsp_bench.array_a, 2048.0), "b": (dsp_bench.array_b, 200.0)}


@pytest.fixture(params=ARRAYS)
def recording(request):
    """Array and rate."""
    array, sfreq = ARRAYS[request.param]
    return array(), sfreq


def _one_channel_at_a_time(run, x):
    """Peers that take one channel are timed on one and counted by its samples."""
    return (lambda: run(np.asarray(x[0], dtype=np.float64))), x.shape[1]


def test_moving_rms(benchmark, recording):
    x, sfreq = recording
    stage = emg_dsp.MovingRMS(0.2, sfreq=sfreq)
    peers = {
        "uniform_filter1d": lambda: np.sqrt(ndimage.uniform_filter1d(x * x, stage.n_samples, axis=1)),
        "sosfilt_envelope": _sosfilt_envelope(x, sfreq),
    }
    dsp_bench.measure(benchmark, x.size, lambda: stage(x), peers)


def test_moving_rms_on_two_threads(benchmark):
    x = dsp_bench.array_a()
    stage = emg_dsp.MovingRMS(0.2, sfreq=2048)
    dsp_bench.measure(benchmark, x.size, lambda: stage(x, threads=2), {"one_thread": lambda: stage(x)})


def test_moving_mav(benchmark, recording):
    x, sfreq = recording
    stage = emg_dsp.MovingMAV(0.2, sfreq=sfreq)
    peers = {"uniform_filter1d": lambda: ndimage.uniform_filter1d(np.abs(x), stage.n_samples, axis=1)}
    dsp_bench.measure(benchmark, x.size, lambda: stage(x), peers)


def test_envelope(benchmark, recording):
    x, sfreq = recording
    peers = {"sosfilt_envelope": _sosfilt_envelope(x, sfreq)}
    dsp_bench.measure(benchmark, x.size, lambda: emg_dsp.envelope(x, sfreq), peers)


def test_envelope_of_one_channel_at_a_time(benchmark):
    neurokit2 = dsp_bench.peer("neurokit2")
    x = dsp_bench.array_b()
    peers = {"neurokit2": _one_channel_at_a_time(neurokit2.emg_amplitude, x)}
    dsp_bench.measure(benchmark, x.size, lambda: emg_dsp.envelope(x, 200.0), peers)


def test_teager_kaiser(benchmark, recording):
    x, _ = recording
    peers = {"numpy": lambda: x[:, 1:-1] ** 2 - x[:, :-2] * x[:, 2:]}
    dsp_bench.measure(benchmark, x.size, lambda: emg_dsp.teager_kaiser(x), peers)


DETECTORS = {
    "hodges_bui": emg_dsp.onset_hodges_bui,
    "tkeo": emg_dsp.onset_tkeo,
    "double_threshold": emg_dsp.onset_double_threshold,
    "aglr": emg_dsp.onset_aglr,
}


@pytest.mark.parametrize("name", DETECTORS)
def test_onsets(benchmark, name):
    x = emg_dsp.highpass(20, 200)(dsp_bench.array_b())
    options = {"cutoff": 10} if name == "hodges_bui" else {}
    dsp_bench.measure(benchmark, x.size, lambda: DETECTORS[name](x, 200.0, rest=(0, 1), **options))


def test_labels_by_majority(benchmark):
    track = np.repeat(np.random.default_rng(0).integers(0, 12, 5_000), 2_000).astype(np.uint8)

    def numpy_votes():
        return np.array(
            [np.bincount(window).argmax() for window in emg_dsp.windows(track[None, :500_000], 400, 100)[:, 0]]
        )

    peers = {"numpy": (numpy_votes, 500_000)}
    dsp_bench.measure(benchmark, track.size, lambda: emg_dsp.window_labels(track, 400, 100), peers)


def _sosfilt_envelope(x, sfreq):
    sos = signal.butter(2, 6, fs=sfreq, output="sos").astype(np.float32)
    return lambda: signal.sosfilt(sos, np.abs(x))
