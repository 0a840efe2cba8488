"""The file of a stream: written whole or not at all, and every kind of damage is refused by name, never run."""

import io
import json
import os
import warnings
import zipfile

import dsp_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import EmgDspError, Stream

CHAIN = emg_dsp.highpass(20, 1000) | emg_dsp.notch(50, 1000)
X = dsp_oracles.emg(3, 100)
LAW = settings(derandomize=True, deadline=None, max_examples=60)


def npy(array):
    memory = io.BytesIO()
    np.lib.format.write_array(memory, np.asarray(array), allow_pickle=True)
    return memory.getvalue()


def document(**changes):
    """Return the JSON document of a good file, changed."""
    stream = CHAIN.stream(3)
    stream.push(X)
    about = {"format": "emg-dsp stream 1", **stream._about(), **changes}
    return np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)


def parts(**changes):
    """Return the parts of a good file, changed; None removes one."""
    stream = CHAIN.stream(3)
    stream.push(X)
    good = {"about": document(), **{f"array.{name}": value for name, value in stream.state["arrays"].items()}}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def forged(path, members, compression=zipfile.ZIP_STORED):
    """Write an archive of these parts: arrays, or bytes as they are."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(f"{name}.npy", value if isinstance(value, bytes) else npy(value))
    return path


def huge_header():
    """An array that claims far more values than there are."""
    memory = io.BytesIO()
    np.lib.format.write_array_header_1_0(memory, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)})
    return memory.getvalue() + bytes(80)


DAMAGE = {
    "no document": (lambda: parts(about=None), "it has no part 'about'"),
    "another format": (lambda: parts(about=document(format="emg-dsp stream 9")), "format is not 'emg-dsp stream 1'"),
    "a list": (lambda: parts(about=np.frombuffer(b"[]", np.uint8)), "format is not 'emg-dsp stream 1'"),
    "no JSON": (lambda: parts(about=np.frombuffer(b"{", np.uint8)), "not the file of a stream, or damaged"),
    "deep JSON": (lambda: parts(about=np.frombuffer(b"[" * 200_000, np.uint8)), "not the file of a stream, or damaged"),
    "no UTF-8": (lambda: parts(about=np.frombuffer(b"\xff", np.uint8)), "not the file of a stream, or damaged"),
    "surplus field": (lambda: parts(about=document(more=1)), "it has the fields .*more.*; required are"),
    "another stage": (lambda: parts(about=document(stage={"kind": "magic"})), "unknown stage kind 'magic'"),
    "no stage": (lambda: parts(about=document(stage=None)), "NoneType does not describe a stage"),
    "channels": (
        lambda: parts(about=document(n_chans=4)),
        r"sections has shape \(2, 3, 2\) .*required are \(2, 4, 2\)",
    ),
    "many channels": (lambda: parts(about=document(n_chans=1 << 60)), "not the file of a stream, or damaged"),
    "half a channel": (lambda: parts(about=document(n_chans=2.5)), "n_chans=2.5; required is a whole number"),
    "policy": (lambda: parts(about=document(nan="drop")), "nan='drop'; required is"),
    "type": (lambda: parts(about=document(dtype="object")), "dtype='object'; required are"),
    "opened for": (lambda: parts(about=document(opened_for="float64")), "this one was opened for float64"),
    "seen": (lambda: parts(about=document(n_seen=-1)), "n_seen=-1; required is"),
    "array missing": (lambda: parts(**{"array.0.sections": None}), r"has the arrays \[\]; required are \['sections'\]"),
    "array surplus": (lambda: parts(**{"array.9.x": np.zeros(1)}), "no stage has it"),
    "array type": (lambda: parts(**{"array.0.sections": np.zeros((2, 3, 2), "f4")}), "required are .* and float64"),
    "pickle": (lambda: parts(**{"array.0.sections": np.array([{}], dtype=object)}), "allow_pickle=False"),
    "pickled document": (lambda: parts(about=np.array([{}], dtype=object)), "allow_pickle=False"),
    "claims more than it holds": (lambda: parts(**{"array.0.sections": huge_header()}), "not the file of a stream, or"),
    "no array at all": (lambda: parts(**{"array.0.sections": b"words"}), "not the file of a stream, or damaged"),
    "an empty part": (lambda: parts(**{"array.0.sections": b""}), "not the file of a stream, or damaged"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_refused_by_name(case, tmp_path):
    make, message = DAMAGE[case]
    path = forged(tmp_path / "state.npz", make())
    with pytest.raises(EmgDspError, match=message) as caught:
        Stream.restore(path)
    assert str(caught.value).startswith(f"{path}: not the file of a stream, or damaged: ")


def test_the_forger_can_write_a_good_file(tmp_path):
    assert Stream.restore(forged(tmp_path / "state.npz", parts())).n_seen == 100


def test_a_part_larger_than_the_file_is_refused(tmp_path):
    path = forged(tmp_path / "bomb.npz", parts(about=bytes(1 << 22)), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 16
    with pytest.raises(EmgDspError, match=r"part 'about' is compressed; required is stored"):
        Stream.restore(path)


@LAW
@given(st.integers(0, 10**6), st.binary(max_size=8), st.booleans())
def test_any_changed_byte_is_refused_or_harmless(tmp_path_factory, place, new, cut):
    folder = tmp_path_factory.mktemp("fuzz")
    stream = CHAIN.stream(3)
    stream.push(X)
    stream.save(folder / "good.npz")
    data = (folder / "good.npz").read_bytes()
    place %= len(data)
    changed = data[:place] if cut else data[:place] + new + data[place + len(new) :]
    (folder / "changed.npz").write_bytes(changed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            again = Stream.restore(folder / "changed.npz")
        except EmgDspError as error:
            told = str(error)
            assert "changed.npz: not the file of a stream, or damaged" in told
            return
    np.testing.assert_array_equal(again.push(X), stream.push(X))


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    stream = CHAIN.stream(3)
    stream.save(tmp_path / "state.npz")
    stream.push(X)

    def full(_):
        message = "no space left"
        raise OSError(message)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            stream.save(tmp_path / "state.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    assert Stream.restore(tmp_path / "state.npz").n_seen == 0
    stream.save(str(tmp_path / "state.npz"))
    assert Stream.restore(str(tmp_path / "state.npz")).n_seen == 100


def test_a_missing_file_and_a_folder_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        Stream.restore(tmp_path / "none.npz")
    with pytest.raises(OSError, match=str(tmp_path)):
        Stream.restore(tmp_path)


def test_what_a_stream_was_opened_for_survives(tmp_path):
    stream = CHAIN.stream(3, nan="propagate", dtype="float64")
    stream.save(tmp_path / "state.npz")
    again = Stream.restore(tmp_path / "state.npz")
    assert (again.dtype, again.n_chans) == (np.float64, 3)
    assert np.isnan(again.push(np.full((3, 1), np.nan))).all()
    again.reset()
    assert again.dtype == np.float64
