"""The ring buffer against a plain list, in one thread and in two."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_dsp import EmgDspError, RingBuffer
from emg_dsp._live import ring as module

LAW = settings(derandomize=True, deadline=None, max_examples=60)


def counting(n_chans, start, count, dtype="float32"):
    """Samples that say their own number, in every channel."""
    return np.tile(np.arange(start, start + count), (n_chans, 1)).astype(dtype)


@LAW
@given(st.integers(1, 3), st.integers(1, 12), st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=15))
def test_it_holds_the_last_samples_in_order(n_chans, capacity, pushes):
    ring = RingBuffer(n_chans, capacity)
    reader, seen, read, missed = ring.reader(), 0, 0, 0
    for count, look in pushes:
        ring.push(counting(n_chans, seen, count))
        seen += count
        held = min(seen, capacity)
        assert (len(ring), ring.n_seen, ring.n_dropped) == (held, seen, max(0, seen - capacity))
        for n in (0, 1, capacity // 2, capacity):
            expected = counting(n_chans, seen - min(n, held), min(n, held))
            np.testing.assert_array_equal(ring.latest(n), expected, strict=True)
            np.testing.assert_array_equal(ring.latest(n, copy=False), expected, strict=True)
        if look:
            got = reader.read()
            first = max(read, seen - capacity)
            missed += first - read
            np.testing.assert_array_equal(got, counting(n_chans, first, seen - first))
            read = seen
            assert reader.n_dropped == missed
    np.testing.assert_array_equal(ring.latest(), counting(n_chans, seen - min(seen, capacity), min(seen, capacity)))


def test_a_reader_in_another_thread_sees_no_torn_samples():
    ring = RingBuffer(64, 4096, dtype="int64")
    ended = threading.Event()
    chunk = counting(64, 0, 256, "int64")

    def produce():
        for n in range(3000):
            ring.push(chunk + 256 * n)
        ended.set()

    reader, taken = ring.reader(), 0
    thread = threading.Thread(target=produce)
    thread.start()
    while not ended.is_set():
        got = reader.read()
        newest = ring.latest(1000)
        for values in (got, newest):
            assert (np.diff(values, axis=1) == 1).all()
            assert (values == values[:1]).all()
        taken += got.shape[1]
    thread.join()
    taken += reader.read().shape[1]
    assert taken + reader.n_dropped == ring.n_seen == 3000 * 256


class Racing(RingBuffer):
    """A ring whose producer pushes while a reader copies."""

    left = 0

    def _between(self, start, stop, *, copy):
        values = super()._between(start, stop, copy=copy)
        if self.left:
            self.left -= 1
            self.push(np.full((1, 5), -1, dtype=np.float32))
        return values


def test_a_reader_that_is_overtaken_reads_again_and_says_so():
    ring = Racing(1, 8)
    ring.push(counting(1, 0, 8))
    ring.left = 1
    np.testing.assert_array_equal(ring.latest(8), [[5, 6, 7, -1, -1, -1, -1, -1]])
    ring.left = module._TRIES
    with pytest.raises(EmgDspError, match="the producer overwrote 8 of 8 samples while they were read, 8 times"):
        ring.latest()
    ring.left = module._TRIES
    assert ring.latest(3).shape == (1, 3)
    reader = ring.reader()
    ring.push(counting(1, 0, 8))
    ring.left = 2
    assert reader.read().shape == (1, 2)
    assert reader.n_dropped == 8 + 5 + 5 - 2


def test_views_are_read_only_and_seconds_are_rounded():
    ring = RingBuffer(2, 0.2, sfreq=2048, dtype=">i2")
    assert (ring.capacity, ring.n_chans, ring.dtype) == (410, 2, np.int16)
    ring.push(np.ones((2, 3), dtype=np.int8))
    with pytest.raises(ValueError, match="read-only"):
        ring.latest(copy=False)[:] = 0
    assert repr(ring) == "RingBuffer(2 channels, 3 of 410 samples, n_seen=3)"


def test_bad_arguments_are_named():
    ring = RingBuffer(2, 5)
    wrong = {
        r"chunk has shape \(3, 1\); required is \(2, n\)": lambda: ring.push(np.zeros((3, 1), "float32")),
        r"chunk has shape \(1, 2, 1\)": lambda: ring.push(np.zeros((1, 2, 1), "float32")),
        "chunk has dtype float64, which does not fit float32 without rounding": lambda: ring.push(np.zeros((2, 1))),
        "n=6; required is at most the capacity of 5": lambda: ring.latest(6),
        "n=-1; required is a whole number": lambda: ring.latest(-1),
        "n_chans=0": lambda: RingBuffer(0, 5),
        "length=0": lambda: RingBuffer(2, 0),
        "dtype='complex64'; required are integers or floats": lambda: RingBuffer(2, 5, dtype="complex64"),
    }
    for message, act in wrong.items():
        with pytest.raises(EmgDspError, match=message):
            act()
    assert ring.n_seen == 0
