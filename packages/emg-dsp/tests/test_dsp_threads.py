"""Threads: rows are cut without gap or overlap, results keep every bit, and processes may fork in between."""

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor

import dsp_oracles
import numpy as np
import pytest

import emg_dsp
from emg_dsp import EmgDspError
from emg_dsp._threads import ROW_BLOCK, over_rows, row_blocks

X = dsp_oracles.emg(67, 300)


@pytest.mark.parametrize("threads", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("multiple", [1, ROW_BLOCK])
@pytest.mark.parametrize("n_rows", [0, 1, 15, 16, 17, 128, 1000])
def test_blocks_cover_every_row_once(n_rows, multiple, threads):
    blocks = row_blocks(n_rows, threads, multiple)
    assert [row for start, stop in blocks for row in range(start, stop)] == list(range(n_rows))
    assert all((stop - start) % multiple == 0 for start, stop in blocks[:-1])
    assert len(blocks) <= (1 if threads == 1 else 4 * threads)


def test_one_thread_is_the_calling_one():
    seen = []
    over_rows(100, 1, lambda start, stop: seen.append((start, stop, threading.current_thread())))
    assert seen == [(0, 100, threading.current_thread())]


def test_several_threads_share_the_rows():
    together = threading.Barrier(2, timeout=30)
    out = np.zeros(2 * ROW_BLOCK)

    def job(start, stop):
        together.wait()
        out[start:stop] += 1

    over_rows(2 * ROW_BLOCK, 2, job)
    np.testing.assert_array_equal(out, 1)


def test_what_a_job_raises_is_raised_after_all_have_ended():
    ended = []

    def job(start, stop):
        if start == 0:
            raise KeyError("first")
        ended.append(stop)

    with pytest.raises(KeyError, match="first"):
        over_rows(4 * ROW_BLOCK, 2, job)
    assert sorted(ended) == [ROW_BLOCK * n for n in (2, 3, 4)]


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2", None])
def test_bad_threads_are_named(threads):
    with pytest.raises(EmgDspError, match=rf"threads={threads!r}; required is a whole number of at least 1"):
        over_rows(3, threads, print)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_thread_count_changes_no_bit(threads):
    clean = emg_dsp.bandpass(20, 450, 2048)
    np.testing.assert_array_equal(clean(X, threads=threads), clean(X))
    np.testing.assert_array_equal(clean.zero_phase(X, threads=threads), clean.zero_phase(X))
    batch = X[:66].reshape(2, 3, 11, 300)
    np.testing.assert_array_equal(clean(batch, threads=threads), clean(batch))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_threads_work_in_a_child_after_use_in_the_parent(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{method} does not exist on this system")
    clean = emg_dsp.bandpass(20, 450, 2048)
    expected = clean(X, threads=2)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        got = pool.submit(clean, X, threads=2).result(timeout=120)
    np.testing.assert_array_equal(got, expected)
