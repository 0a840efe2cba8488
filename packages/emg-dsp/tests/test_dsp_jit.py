"""Compilation: late, cached where possible, and never in the way where it is not."""

import multiprocessing

import numba
import numpy as np
import pytest

import emg_dsp
from emg_dsp._jit import Kernel

SIGNATURE = ("void(float64[::1])",)


def double(x):
    for i in range(x.shape[0]):
        x[i] *= 2.0


def without_cache(reason):
    real = numba.njit

    def njit(*args, cache, **options):
        if cache:
            raise RuntimeError(reason)
        return real(*args, **options)

    return njit


def test_a_folder_that_cannot_be_written_costs_the_cache_only(monkeypatch):
    monkeypatch.setattr(numba, "njit", without_cache("cannot cache function 'double': no locator available"))
    x = np.ones(3)
    Kernel(double, SIGNATURE)(x)
    np.testing.assert_array_equal(x, 2)


def test_other_failures_are_not_hidden(monkeypatch):
    monkeypatch.setattr(numba, "njit", without_cache("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        Kernel(double, SIGNATURE).compile()


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_compute_the_same(method):
    """Filters travel to workers; kernels are serial, so a forked worker may use what its parent compiled."""
    emg_dsp.warmup()
    clean = emg_dsp.highpass(20, 1000) + emg_dsp.notch(50, 1000)
    x = np.random.default_rng(0).standard_normal((4, 500))
    with multiprocessing.get_context(method).Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(clean, (x,)), clean(x))
