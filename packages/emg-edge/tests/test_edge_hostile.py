"""Hostile models, samples and compiled folders: an EmgEdgeError or a whole result in little memory."""

import importlib.util
import io
import json
import os
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emg_edge import EmgEdgeError, load_compiled
from emg_edge._arrays import load_npz

FUZZ = Path(__file__).parents[1] / "fuzz"
N_MUTATIONS = 50  # of each model; the session `fuzz` of the noxfile runs thousands, against the clock
N_FOLDERS = 120


def _load(name):
    spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_load("structures")
mutations, specimens = _load("mutations"), _load("specimens")
target, folders = _load("target"), _load("folders")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(specimens.MODELS))
def test_damaged_models_are_refused_or_compiled(name, tmp_path):
    data, path, stages = specimens.specimen(name), tmp_path / "m.onnx", set()
    for number in range(N_MUTATIONS):
        path.write_bytes(mutations.mutate(data, np.random.default_rng((2, number))))
        stages.add(target.read(path, deep=number % 10 == 0)[0])
    assert "refused" in stages


@pytest.fixture(scope="module")
def forged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forged")
    return folder / "out", folders.forge(folder)


@pytest.fixture
def folder(forged):
    path, files = forged
    yield path
    for name, content in files.items():
        (path / name).write_bytes(content)


def test_changed_folders_are_refused_or_work(forged, folder):
    assert folders.use(folder) == "works"
    outcomes = set()
    for number in range(N_FOLDERS):
        folders.damage(folder, forged[1], np.random.default_rng((3, number)))
        outcomes.add(folders.use(folder))
        for name, content in forged[1].items():
            (folder / name).write_bytes(content)
    assert outcomes == {"refused", "works"}


def signed(folder, files, name, content):
    (folder / name).write_bytes(content)
    folders._sign(folder, files, name)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("program.json", lambda d: d["ops"][0].update(shift="1"), "need int"),
        ("program.json", lambda d: d["tensors"][0].update(shape=[1.5]), r"need tuple\[int, ...\]"),
        ("program.json", lambda d: d["tensors"][0].update(shape=[2**20, 2**20]), "at most 268435456 elements"),
        ("program.json", lambda d: d.update(name=None), "name is None, need str"),
        ("program.json", lambda d: d["ops"].reverse(), "before anything wrote them"),
        ("layers.json", lambda d: d.update(target="moon"), "moon"),
        ("layers.json", lambda d: d.update(memory={}), r"layers.json: \['memory'\] not as"),
        ("layers.json", lambda d: d["layers"].pop(), r"layers.json: \['layers'\] not as"),
        ("layers.json", lambda d: d.update(hash="0"), "describes another program than program.json"),
    ],
)
def test_what_was_changed_is_named(forged, folder, name, change, message):
    document = json.loads(forged[1][name])
    change(document)
    signed(folder, forged[1], name, json.dumps(document).encode())
    with pytest.raises(EmgEdgeError, match=message):
        load_compiled(folder)


def test_a_pipe_in_place_of_a_file_does_not_hang(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    os.mkfifo(folder / "pipe")
    manifest["files"] = {**manifest["files"], "pipe": "0" * 64, "nul\0": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EmgEdgeError, match="is missing or changed since it was compiled"):
        load_compiled(folder)
    (folder / "pipe").unlink()


def npy(shape, dtype="<f4", data=b"", version=1):
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2, "little") + header + data


def zipped(*members):
    packed = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # names that stand twice
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy((2**40,)), r"declares 4398046511104 bytes and has 0"),
        (npy((-1,)), r"has shape \(-1,\)"),
        (npy((1,) * 17), "has shape"),
        (npy((2,), data=b"1234567"), "declares 8 bytes and has 7"),
        (npy((1,), "|O", b"cbuiltins\nexit\n(tR."), "need plain real numbers"),
        (npy((1,), "<U1", b"1234"), "need plain real numbers"),
        (npy((1,), version=9), "version"),
        (b"\x93NUMPY", "cannot be read"),
        (b"", "cannot be read"),
        (b"PK\x03\x04 broken", "cannot be read"),
        (zipped(("a.npy", npy((2**33,)))), "declares 34359738368 bytes"),
        (zipped(("a.txt", b"x")), "is no array"),
        (zipped(("a.npy", npy((1,), data=bytes(4))), ("a.npy", npy((1,), data=bytes(4)))), "or there twice"),
        (zipped(("a.npy", npy((1,), "|O", b"cos\nsystem\n(tR."))), "need plain real numbers"),
        (zipped(*((f"{i}.npy", b"") for i in range(2**14 + 1))), "at most 16384 are read"),
    ],
)
def test_samples_that_are_none(tmp_path, content, message):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(EmgEdgeError, match=message):
        load_npz(tmp_path / "x.npz")


def test_a_bomb_of_samples_is_not_unpacked(tmp_path):
    packed = bytearray(zipped(("a.npy", npy((1,), data=bytes(4)))))
    at = packed.rindex(b"PK\x01\x02") + 24  # the size that the directory declares
    packed[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    double = bytes(packed)
    (tmp_path / "x.npz").write_bytes(double)
    with pytest.raises(EmgEdgeError, match=r"declares 4 bytes and has 4294967166"):
        load_npz(tmp_path / "x.npz")


def test_arrays_of_any_order_come_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(3, 2))}
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    found = load_npz(tmp_path / "x.npz")
    assert sorted(found) == ["a", "b"]
    assert all(np.array_equal(found[name], arrays[name]) and found[name].dtype == arrays[name].dtype for name in arrays)
    np.save(tmp_path / "x.npy", arrays["b"])
    assert np.array_equal(load_npz(tmp_path / "x.npy")["array"], arrays["b"])
