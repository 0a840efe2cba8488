"""Speed against the obvious way, in the same run: pytest packages/emg-io/tests/bench_io.py."""

import io

import numpy as np
import pytest

from emg_io import Recording, WindowStore, synthesize
from emg_io.engines._uci_repeats import parse

WINDOW, N_WINDOWS = 1000, 200


@pytest.fixture(scope="module")
def series(uci):
    reader = uci[0].reader
    return reader.container.read(reader.member.name)


@pytest.mark.benchmark(group="uci text, one series")
def test_parse(benchmark, series):
    assert benchmark(parse, series, "x")[1].shape[0] == 8


@pytest.mark.benchmark(group="uci text, one series")
def test_loadtxt(benchmark, series):
    table = benchmark.pedantic(lambda: np.loadtxt(io.BytesIO(series), skiprows=1), rounds=3)
    assert table.shape[1] == 10


@pytest.mark.benchmark(group="forging eight UCI subjects")
def test_synthesize(benchmark, tmp_path):
    folders = (tmp_path / str(n) for n in range(9))
    benchmark.pedantic(lambda: synthesize(next(folders), n_subjects=8), rounds=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    raw = np.random.default_rng(0).integers(-2000, 2000, (16, 400_000)).astype(np.int16)
    return WindowStore.create(tmp_path_factory.mktemp("store") / "s", [Recording.from_array(raw, 2000.0)])


@pytest.fixture(scope="module")
def starts():
    return np.random.default_rng(1).integers(0, 390_000, N_WINDOWS).tolist()


@pytest.mark.benchmark(group="200 random windows of 1000 x 16 int16, copied")
def test_store_windows(benchmark, store, starts):
    assert benchmark(lambda: [store.raw(0, start, WINDOW).copy() for start in starts])[0].shape == (16, WINDOW)


@pytest.mark.benchmark(group="200 random windows of 1000 x 16 int16, copied")
def test_bare_memmap(benchmark, store, starts):
    bare = np.memmap(store.folder / "shard-00000.samples", "<i2", "r").reshape(-1, 16)
    assert benchmark(lambda: [bare[start : start + WINDOW].T.copy() for start in starts])[0].shape == (16, WINDOW)
