"""MAT files against scipy (v5) and h5py (v7.3) in the same run: pytest packages/emg-io/tests/bench_io_mat.py."""

import io
from itertools import islice

import h5py
import numpy as np
import pytest
import scipy.io

from emg_io.engines._mat import open_mat
from emg_io.engines._mat5_write import Cell, mat_bytes


@pytest.fixture(scope="module")
def table():
    """(200000, 12) doubles on a converter's steps: what a NinaPro exercise holds."""
    return np.rint(np.random.default_rng(0).normal(size=(200_000, 12)) * 300) * 2.0**-16


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(1)
    return [np.rint(rng.normal(size=(192, 6144)) * 300) * 2.0**-19 for _ in range(10)]


@pytest.fixture(scope="module")
def files(tmp_path_factory, table, cells):
    folder = tmp_path_factory.mktemp("mat")
    for compress in (True, False):
        (folder / f"table-{compress}.mat").write_bytes(
            mat_bytes({"emg": table, "label": np.zeros(200_000, np.uint8)}, compress=compress)
        )
    (folder / "cells.mat").write_bytes(mat_bytes({"gestures": Cell(cells)}))
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file.create_dataset("emg", data=table.T, chunks=(12, 8192), compression="gzip", compression_opts=3)
        file.create_dataset("plain", data=table.T)
    data = bytearray((folder / "v73.mat").read_bytes())
    data[:19] = b"MATLAB 7.3 MAT-file"
    (folder / "v73.mat").write_bytes(data)
    return folder


def ours(path, work):
    """Open a file and do something with it."""
    with path.open("rb") as stream:
        return work(open_mat(stream, path.stat().st_size, "x.mat"))


@pytest.mark.parametrize("compress", [True, False])
def test_table_scipy(benchmark, files, table, compress):
    benchmark.group = f"v5: (200000, 12) doubles, compressed {compress}"
    found = benchmark(scipy.io.loadmat, files / f"table-{compress}.mat", variable_names=["emg"])
    assert np.array_equal(found["emg"], table)


@pytest.mark.parametrize("compress", [True, False])
def test_table_ours(benchmark, files, table, compress):
    benchmark.group = f"v5: (200000, 12) doubles, compressed {compress}"
    found = benchmark(ours, files / f"table-{compress}.mat", lambda mat: mat.read("emg"))
    assert np.array_equal(found, table)


@pytest.mark.benchmark(group="v5: what is in a file")
def test_list_scipy(benchmark, files):
    assert len(benchmark(scipy.io.whosmat, files / "table-True.mat")) == 2


@pytest.mark.benchmark(group="v5: what is in a file")
def test_list_ours(benchmark, files):
    assert benchmark(ours, files / "table-True.mat", lambda mat: mat.shape("emg")) == (200_000, 12)


@pytest.mark.benchmark(group="v5: ten cells of (192, 6144), all")
def test_cells_scipy(benchmark, files, cells):
    found = benchmark.pedantic(scipy.io.loadmat, (files / "cells.mat",), rounds=3)
    assert np.array_equal(found["gestures"][9, 0], cells[9])


@pytest.mark.benchmark(group="v5: ten cells of (192, 6144), all")
def test_cells_ours(benchmark, files, cells):
    def work(mat):
        return [cell.read() for cell in mat.node("gestures").cells()]

    found = benchmark.pedantic(ours, (files / "cells.mat", work), rounds=3)
    assert np.array_equal(found[9], cells[9])


@pytest.mark.benchmark(group="v5: the third cell of ten")
def test_third_cell_scipy(benchmark, files, cells):
    found = benchmark.pedantic(scipy.io.loadmat, (files / "cells.mat",), rounds=3)
    assert np.array_equal(found["gestures"][2, 0], cells[2])


@pytest.mark.benchmark(group="v5: the third cell of ten")
def test_third_cell_ours(benchmark, files, cells):
    def work(mat):
        return next(islice(mat.node("gestures").cells(), 2, None)).read()

    found = benchmark.pedantic(ours, (files / "cells.mat", work), rounds=3)
    assert np.array_equal(found, cells[2])


@pytest.mark.parametrize("name", ["emg", "plain"])
def test_v73_h5py(benchmark, files, table, name):
    benchmark.group = f"v7.3: (200000, 12) doubles, {name}"

    def work():
        with h5py.File(files / "v73.mat") as file:
            return file[name][()].T

    assert np.array_equal(benchmark(work), table)


@pytest.mark.parametrize("name", ["emg", "plain"])
def test_v73_ours(benchmark, files, table, name):
    benchmark.group = f"v7.3: (200000, 12) doubles, {name}"
    assert np.array_equal(benchmark(ours, files / "v73.mat", lambda mat: mat.read(name)), table)


@pytest.mark.benchmark(group="v5: a struct of texts and numbers")
def test_struct_scipy(benchmark):
    data = mat_bytes({"p": {"names": Cell(["Fist", "Raise", "Lower", "Open"]), "n": np.array([[4.0]])}})
    assert benchmark(lambda: scipy.io.loadmat(io.BytesIO(data)))["p"].shape == (1, 1)


@pytest.mark.benchmark(group="v5: a struct of texts and numbers")
def test_struct_ours(benchmark):
    data = mat_bytes({"p": {"names": Cell(["Fist", "Raise", "Lower", "Open"]), "n": np.array([[4.0]])}})

    def work():
        fields = open_mat(io.BytesIO(data), len(data), "x").node("p").fields()
        return [cell.text() for cell in fields["names"].cells()], fields["n"].read()

    assert benchmark(work)[0][3] == "Open"
