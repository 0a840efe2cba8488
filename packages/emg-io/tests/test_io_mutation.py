"""Seeded mutations of sound files: the outcome is an EmgIoError or a valid recording, never anything else."""

import importlib.util
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5 import MatFile
from emg_io.engines._uci_repeats import parse
from emg_io.engines._uci_text import parse_rows

N_MUTATIONS = 700


def _mutate():
    """Load the one mutator, which lies with the fuzz harness."""
    path = Path(__file__).parents[1] / "fuzz" / "mutations.py"
    spec = importlib.util.spec_from_file_location("io_mutations", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.mutate


mutate = _mutate()


def attempt(call, *arguments):
    """Return what a reader made of a mutated file, and its EmgIoError if it raised one; nothing else may come out."""
    try:
        return call(*arguments), None
    except EmgIoError as error:
        return None, error


@pytest.fixture(scope="module")
def uci_text(uci):
    reader = uci[0].reader
    lines = reader.container.read(reader.member.name).split(b"\r\n")
    return b"\r\n".join(lines[:120]) + b"\r\n"


def test_mutated_uci_text(uci_text, oracles):
    rng = np.random.default_rng(11)
    outcomes = {"error": 0, "valid": 0}
    for _ in range(N_MUTATIONS):
        data = mutate(uci_text, rng)
        found, error = attempt(parse, data, "x.txt")
        assert str(error) == str(attempt(parse_rows, data, "x.txt")[1])
        if error:
            assert error.file == "x.txt"
            assert error.place
            outcomes["error"] += 1
            continue
        for mine, theirs in zip(found, oracles.loadtxt_uci(data), strict=True):
            assert np.array_equal(mine, theirs)
        outcomes["valid"] += 1
    assert outcomes["error"] > N_MUTATIONS / 2
    assert outcomes["valid"] > 5


@pytest.fixture(scope="module")
def small_mat():
    from emg_io.engines._mat5_write import mat_bytes

    rng = np.random.default_rng(5)
    label = np.repeat([0, 1, 0, 2], 20).astype(np.uint8)
    made = {"subject": np.array([[1]], np.uint8), "emg": rng.integers(0, 900, (80, 10)) * 0.0024}
    made |= {"restimulus": label, "rerepetition": (label > 0).astype(np.uint8), "glove": np.zeros((80, 22))}
    return {compress: mat_bytes(made, compress=compress) for compress in (True, False)}


def opened(folder, data):
    (folder / "S1_A1_E1.mat").write_bytes(data)
    reader = open_dataset(folder, "ninapro-db1")[0].reader
    content = reader.load()
    assert reader.scan().n_samples == content.raw.shape[1] == len(content.tracks["label"].values)
    return content.raw, content.tracks["label"].values


@pytest.mark.parametrize("compress", [True, False])
def test_mutated_mat_files(small_mat, compress, tmp_path):
    rng = np.random.default_rng(12)
    whole, _ = opened(tmp_path, small_mat[compress])
    outcomes = {"error": 0, "valid": 0}
    for _ in range(N_MUTATIONS):
        found, error = attempt(opened, tmp_path, mutate(small_mat[compress], rng))
        if error:
            assert error.file.endswith("S1_A1_E1.mat")
            assert error.place
            outcomes["error"] += 1
            continue
        raw, labels = found
        assert raw.dtype == np.float64
        assert raw.shape[0] == 10
        assert np.isfinite(raw).all()
        assert set(labels.tolist()) <= set(range(13))
        if compress:
            assert np.array_equal(raw, whole)
        outcomes["valid"] += 1
    assert outcomes["error"] > N_MUTATIONS / 3
    assert outcomes["valid"] > 5


def shapes_of(data):
    mat = MatFile.scan(io.BytesIO(data), len(data), "x.mat")
    return [(mat.shape(name), mat.read(name).shape) for name in mat.variables]


def test_mutated_headers_inside_the_compression(small_mat):
    """Mutate an array header and compress it again, so that checksums do not save the reader."""
    rng = np.random.default_rng(13)
    plain = small_mat[False]
    start = plain.index(struct.pack("<I", 14), 200)
    element = plain[start : start + 8 + struct.unpack_from("<I", plain, start + 4)[0]]
    n_errors = 0
    for _ in range(N_MUTATIONS):
        head = mutate(element[:72], rng)
        body = zlib.compress(head + element[72:])
        data = plain[:128] + struct.pack("<II", 15, len(body)) + body
        shapes, error = attempt(shapes_of, data)
        if error:
            assert error.place
            n_errors += 1
        else:
            assert all(declared == read for declared, read in shapes)
    assert n_errors > N_MUTATIONS / 2


def test_truncations_at_every_boundary_of_a_mat_file(small_mat, tmp_path):
    data = small_mat[True]
    for cut in [*range(0, 200), *range(200, len(data), 37), len(data) - 1]:
        with pytest.raises(EmgIoError):
            opened(tmp_path, data[:cut])


def raw_of(path):
    return open_dataset(path, "uci")[0].reader.load().raw


def test_mutated_archives(uci_text, tmp_path):
    rng = np.random.default_rng(14)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("EMG_data_for_gestures-master/01/1_raw_data_a.txt", uci_text)
    whole, n_errors = path.read_bytes(), 0
    expected = open_dataset(path)[0].raw()
    for _ in range(N_MUTATIONS):
        path.write_bytes(mutate(whole, rng))
        raw, error = attempt(raw_of, path)
        if error:
            assert str(path) in str(error)
            n_errors += 1
        else:
            assert np.array_equal(raw, expected)
    assert n_errors > N_MUTATIONS / 4
