"""NinaPro and CapgMyo against scipy.io: pytest packages/emg-io/tests/bench_io_numeric_mat.py."""

import numpy as np
import pytest
import scipy.io

from emg_io import open_dataset
from emg_io.engines._mat5_write import mat_bytes

ROWS = 200_000


@pytest.fixture(scope="module")
def db2(tmp_path_factory):
    """A file as large as a ninth of a real exercise of DB2: 100 s of everything at 2000 Hz."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("db2")
    labels = np.repeat(np.arange(20) % 18, ROWS // 20).astype(np.uint8)
    fields = {
        "subject": np.array([[12]], np.uint8),
        "exercise": np.array([[1]], np.uint8),
        "emg": rng.normal(0, 1e-5, (ROWS, 12)).astype(np.float32),
        "acc": rng.normal(0, 1, (ROWS, 36)).astype(np.float32),
        "glove": rng.normal(100, 5, (ROWS, 22)).astype(np.float32),
        "restimulus": labels,
        "rerepetition": (labels > 0).astype(np.uint8),
    }
    (folder / "S12_E1_A1.mat").write_bytes(mat_bytes(fields))
    return folder


@pytest.mark.benchmark(group="DB2, 100 s: EMG and labels")
def test_reader(benchmark, db2):
    reader = open_dataset(db2, "ninapro-db2")[0].reader
    assert benchmark(reader.load).raw.shape == (12, ROWS)


@pytest.mark.benchmark(group="DB2, 100 s: EMG and labels")
def test_scipy_three_variables(benchmark, db2):
    path, names = db2 / "S12_E1_A1.mat", ["emg", "restimulus", "rerepetition"]
    assert benchmark(lambda: scipy.io.loadmat(path, variable_names=names))["emg"].shape == (ROWS, 12)


@pytest.mark.benchmark(group="DB2, 100 s: EMG and labels")
def test_scipy_whole_file(benchmark, db2):
    assert benchmark.pedantic(lambda: scipy.io.loadmat(db2 / "S12_E1_A1.mat"), rounds=3)["emg"].shape == (ROWS, 12)


@pytest.mark.benchmark(group="DB2, 100 s: length and names")
def test_scan(benchmark, db2):
    reader = open_dataset(db2, "ninapro-db2")[0].reader
    assert benchmark(reader.scan).n_samples == ROWS


@pytest.mark.benchmark(group="DB2, 100 s: length and names")
def test_scipy_whosmat(benchmark, db2):
    assert len(benchmark(lambda: scipy.io.whosmat(db2 / "S12_E1_A1.mat"))) == 7


@pytest.mark.benchmark(group="CapgMyo, ten trials of 0.1 s")
def test_capgmyo(benchmark, forged):
    dataset = open_dataset(forged("capgmyo-a"))
    assert len(benchmark(lambda: [recording.reader.load().raw for recording in dataset])) == len(dataset)


@pytest.mark.benchmark(group="CapgMyo, ten trials of 0.1 s")
def test_scipy_capgmyo(benchmark, forged):
    files = sorted(forged("capgmyo-a").rglob("*.mat"))
    assert len(benchmark(lambda: [scipy.io.loadmat(file)["data"] for file in files])) == len(files)
