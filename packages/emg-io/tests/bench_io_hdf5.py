"""HDF5 against h5py used directly, in the same run: pytest packages/emg-io/tests/bench_io_hdf5.py."""

import h5py
import numpy as np
import pytest

from emg_io._container import Folder
from emg_io.formats.emg2qwerty import QwertyFile

N_ROWS, WINDOW, N_WINDOWS = 240_000, 8000, 50
LAYOUTS = {
    "whole": {},
    "chunks": {"chunks": (4096,)},
    "gzip": {"chunks": (1024,), "compression": "gzip", "shuffle": True},
}
PATH = "emg2qwerty/timeseries"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two minutes of typing, 33 MB, in three layouts; the values compress as much as noise of 8 bits does."""
    where, rng = tmp_path_factory.mktemp("hdf5"), np.random.default_rng(0)
    rows = np.zeros(N_ROWS, [("time", "f8"), ("emg_left", "f4", (16,)), ("emg_right", "f4", (16,))])
    rows["time"] = 1.6e9 + np.arange(N_ROWS) / 2000
    for side in ("emg_left", "emg_right"):
        rows[side] = rng.normal(0, 100, (N_ROWS, 16)).round()
    for name, options in LAYOUTS.items():
        with h5py.File(where / f"{name}.hdf5", "w") as file:
            group = file.create_group("emg2qwerty")
            group.create_dataset("timeseries", data=rows, **options)
            group.attrs.update(
                {"user": "u", "session_name": "s", "condition": "c", "keystrokes": "[]", "prompts": "[]"}
            )
            group.attrs["duration_mins"] = 2.0
    return where


@pytest.fixture(scope="module")
def starts():
    return np.random.default_rng(1).integers(0, N_ROWS - WINDOW, N_WINDOWS).tolist()


def ours(folder, name):
    members = {member.name: member for member in Folder(folder).members()}
    return QwertyFile(Folder(folder), members[f"{name}.hdf5"])


def theirs(folder, name, start, stop):
    with h5py.File(folder / f"{name}.hdf5") as file:
        rows = file[PATH][start:stop]
    return np.ascontiguousarray(np.concatenate([rows["emg_left"], rows["emg_right"]], axis=1).T)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("reader", ["ours", "h5py"])
def test_whole_recording(benchmark, folder, name, reader):
    benchmark.group = f"33 MB of compounds, {name}"
    file = ours(folder, name)
    call = (lambda: file.samples(0, N_ROWS)) if reader == "ours" else (lambda: theirs(folder, name, 0, N_ROWS))
    assert benchmark.pedantic(call, rounds=5, warmup_rounds=1).shape == (32, N_ROWS)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("reader", ["ours", "h5py"])
def test_random_windows(benchmark, folder, starts, name, reader):
    benchmark.group = f"{N_WINDOWS} windows of {WINDOW}, opened each time, {name}"
    file = ours(folder, name)

    def call():
        if reader == "ours":
            return [file.samples(start, start + WINDOW) for start in starts]
        return [theirs(folder, name, start, start + WINDOW) for start in starts]

    found = benchmark.pedantic(call, rounds=5, warmup_rounds=1)
    assert np.array_equal(found[0], theirs(folder, name, starts[0], starts[0] + WINDOW))


@pytest.mark.parametrize("reader", ["ours", "h5py"])
def test_opening(benchmark, folder, reader):
    benchmark.group = "opening a file and reading its attributes"
    file = ours(folder, "whole")

    def call():
        if reader == "ours":
            return file.scan().n_samples
        with h5py.File(folder / "whole.hdf5") as opened:
            _ = dict(opened["emg2qwerty"].attrs), opened[PATH][:1], opened[PATH][-1:]
            return len(opened[PATH])

    assert benchmark(call) == N_ROWS
