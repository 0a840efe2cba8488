"""Speed of filters and resampling, each job beside its peer in the same run; `dsp_bench` says what is timed and stored.

Run with ``OMP_NUM_THREADS=1 pytest packages/emg-dsp/tests/bench_dsp_filters.py``.
"""

import dsp_bench
import dsp_oracles
import numpy as np
import pytest
from dsp_bench import measure
from scipy import signal

import emg_dsp

CLEAN = dsp_oracles.DESIGNS["bandpass+notch"]


@pytest.fixture(scope="module")
def a():
    return dsp_bench.array_a()


@pytest.mark.parametrize("rows", [128, 32, 16, 8, 4, 1])
def test_causal_by_rows(benchmark, a, rows):
    clean, single = CLEAN.ours(), CLEAN.sos().astype(np.float32)
    x = np.ascontiguousarray(a[:rows])
    measure(benchmark, x.size, lambda: clean(x), {"sosfilt_float32": lambda: signal.sosfilt(single, x)})


def test_causal_on_two_threads(benchmark, a):
    clean = CLEAN.ours()
    measure(benchmark, a.size, lambda: clean(a, threads=2), {"one_thread": lambda: clean(a)})


def test_causal_in_float64(benchmark, a):
    clean, sos, x = CLEAN.ours(), CLEAN.sos(), a.astype(np.float64)
    measure(benchmark, x.size, lambda: clean(x), {"sosfilt_float64": lambda: signal.sosfilt(sos, x)})


@pytest.mark.parametrize("rows", [128, 32, 16, 8, 4, 1])
def test_zero_phase_by_rows(benchmark, a, rows):
    clean, sos = CLEAN.ours(), CLEAN.sos()
    x = np.ascontiguousarray(a[:rows])
    measure(benchmark, x.size, lambda: clean.zero_phase(x), {"sosfiltfilt": lambda: signal.sosfiltfilt(sos, x)})


@pytest.mark.parametrize("operation", dsp_oracles.OPERATIONS)
def test_armband(benchmark, operation):
    x, run, clean = dsp_bench.array_b(), dsp_oracles.OPERATIONS[operation], CLEAN.ours()
    single, sos = CLEAN.sos().astype(np.float32), CLEAN.sos()
    peers = {
        "causal": {"sosfilt_float32": lambda: signal.sosfilt(single, x)},
        "zero_phase": {"sosfiltfilt": lambda: signal.sosfiltfilt(sos, x)},
    }
    measure(benchmark, x.size, lambda: run.ours(clean, x), peers[operation])


def test_zero_phase_on_two_threads(benchmark, a):
    clean = CLEAN.ours()
    measure(benchmark, a.size, lambda: clean.zero_phase(a, threads=2), {"one_thread": lambda: clean.zero_phase(a)})


@pytest.mark.parametrize("rates", [(2048, 2000), (2000, 1000)])
def test_resample(benchmark, a, rates):
    """Scipy with our taps, and with its own, which are fewer and let aliases through."""
    design = emg_dsp.Resampler(*rates).design
    few, taps = a[:16], (design.filter / design.up).astype(np.float32)
    peers = {
        "resample_poly_same_taps": lambda: signal.resample_poly(few, design.up, design.down, axis=-1, window=taps),
        "resample_poly": lambda: signal.resample_poly(few, design.up, design.down, axis=-1),
    }
    measure(
        benchmark, a.size, lambda: emg_dsp.resample(a, *rates), {name: (job, few.size) for name, job in peers.items()}
    )
