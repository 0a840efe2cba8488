"""Speed of the window store against bare maps, in the same run: pytest packages/emg-io/tests/bench_io_store.py."""

import numpy as np
import pytest

from emg_io import Recording
from emg_io.store import WindowStore, prepare

WINDOW, N_WINDOWS, N_CHANS = 1000, 200, 16


@pytest.fixture(scope="module")
def recordings():
    rng = np.random.default_rng(0)
    return [
        Recording.from_array(rng.integers(-2000, 2000, (N_CHANS, 400_000)).astype(np.int16), 2000.0, subject=str(n))
        for n in range(4)
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory, recordings):
    return WindowStore.create(tmp_path_factory.mktemp("store") / "s", recordings)


@pytest.fixture(scope="module")
def picks(store):
    return store.draw(N_WINDOWS, WINDOW, np.random.default_rng(1))


@pytest.fixture(scope="module")
def bare(store):
    return np.asarray(np.memmap(store.folder / "shard-00000.samples", "<i2", "r")).reshape(-1, N_CHANS)


@pytest.fixture(scope="module")
def starts(store, picks):
    return [store.entries[entry].offset + start for entry, start in picks]


@pytest.mark.benchmark(group="200 random windows of 1000 x 16 int16, copied")
def test_store_raw(benchmark, store, picks):
    assert len(benchmark(lambda: [store.raw(entry, start, WINDOW).copy() for entry, start in picks])) == N_WINDOWS


@pytest.mark.benchmark(group="200 random windows of 1000 x 16 int16, copied")
def test_bare_memmap(benchmark, bare, starts):
    assert len(benchmark(lambda: [bare[start : start + WINDOW].T.copy() for start in starts])) == N_WINDOWS


@pytest.mark.benchmark(group="batch of 200 windows as float32 in V")
def test_store_windows(benchmark, store, picks):
    entries, starts = zip(*picks, strict=True)
    assert benchmark(store.windows, entries, starts, WINDOW).shape == (N_WINDOWS, N_CHANS, WINDOW)


@pytest.mark.benchmark(group="batch of 200 windows as float32 in V")
def test_bare_batch(benchmark, bare, starts):
    def batch():
        out = np.empty((N_WINDOWS, N_CHANS, WINDOW), np.float32)
        for row, start in enumerate(starts):
            out[row] = bare[start : start + WINDOW].T
        out *= np.float32(1e-6)
        return out

    assert benchmark(batch).shape == (N_WINDOWS, N_CHANS, WINDOW)


@pytest.mark.benchmark(group="drawing 256 windows")
def test_draw(benchmark, store):
    rng = np.random.default_rng(2)
    assert len(benchmark(store.draw, 256, WINDOW, rng)) == 256


@pytest.mark.benchmark(group="writing 51 MB of samples, hashed and synchronised")
def test_prepare(benchmark, recordings, tmp_path):
    folders = (tmp_path / str(n) for n in range(9))
    assert len(benchmark.pedantic(lambda: prepare(recordings, next(folders)), rounds=3)) == 4
