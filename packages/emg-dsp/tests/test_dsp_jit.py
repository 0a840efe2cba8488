"""Compilation: late, cached where possible, and never in the way where it is not."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading

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

    def njit(*args, cache=False, **options):
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


def test_filters_compile_from_nothing_and_fill_the_folder_that_is_named(tmp_path):
    """Builds the vector code anew, which a filled cache would skip; the bits are those of this process."""
    code = (
        "import emg_dsp, numpy\n"
        "emg_dsp.warmup('filters')\n"
        "x = numpy.random.default_rng(0).standard_normal((19, 90)).astype('f4')\n"
        "f = emg_dsp.bandpass(20, 450, 1000)\n"
        "print(f(x).tobytes().hex(), f.zero_phase(x).tobytes().hex())"
    )
    command, environment = [sys.executable, "-c", code], {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    x = np.random.default_rng(0).standard_normal((19, 90)).astype("f4")
    band = emg_dsp.bandpass(20, 450, 1000)
    assert ran.stdout.split() == [band(x).tobytes().hex(), band.zero_phase(x).tobytes().hex()]
    found = {path.name.split("-")[0] for path in tmp_path.rglob("*.nbc")}
    assert {"biquad.causal", "round_trip.zero_phase", "single.single"} <= found


CHAIN = emg_dsp.highpass(20, 1000) + emg_dsp.notch(50, 1000) | emg_dsp.Standardizer(np.zeros(4), np.ones(4))
X = np.random.default_rng(0).standard_normal((4, 500))


def finish(stream):
    """Push the rest of the signal in a worker."""
    return stream.push(X[:, stream.n_seen :])


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_compute_the_same(method):
    """Stages travel to workers; kernels are serial, so a forked worker may use what its parent compiled."""
    expected = CHAIN(X)
    with multiprocessing.get_context(method).Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(CHAIN, (X,)), expected)


def test_a_stream_pickles_with_its_memory():
    stream = CHAIN.stream(4)
    first = stream.push(X[:, :123])
    twin = pickle.loads(pickle.dumps(stream))  # noqa: S301  our own bytes
    for follower in (twin, stream):
        np.testing.assert_array_equal(np.hstack([first, finish(follower)]), CHAIN(X))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_process_forked_amid_a_live_run_continues_the_stream():
    """A thread of the parent holds no lock that a child would wait for."""
    entered, ended = threading.Event(), threading.Event()

    def source():
        yield X[:, :100]
        entered.set()
        ended.wait()

    stream = CHAIN.stream(4)
    stream.push(X[:, :77])
    with emg_dsp.Live(source(), CHAIN, lambda *_: None):
        assert entered.wait(30)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            got = pool.apply(finish, (stream,))
        ended.set()
    np.testing.assert_array_equal(got, CHAIN(X)[:, 77:])


def test_threads_share_a_stage():
    """A stage holds no memory of a signal: any number of streams of it may run at once."""
    results = {}

    def work(n):
        stream = CHAIN.stream(4)
        results[n] = np.hstack([stream.push(n * X[:, start : start + 7]) for start in range(0, 500, 7)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, got in results.items():
        np.testing.assert_array_equal(got, CHAIN(n * X))
    assert len(results) == 4
