"""MAT v7.3 behind the same face as v5: against h5py, against v5, and against damage."""

import io
import itertools
import struct

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat import open_mat
from emg_io.engines._mat5_write import Cell, mat_bytes

WORDS = {"f8": "double", "f4": "single", "i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16", "i4": "int32"}
NUMBERS = itertools.count()
CLASS, EMPTY, DECODE = "MATLAB_class", "MATLAB_empty", "MATLAB_int_decode"


def put(group, name, value):
    """Write a value the way MATLAB does: axes reversed, class in an attribute, cells by reference."""
    if isinstance(value, dict):
        made, word = group.create_group(name), "struct"
        for key, inside in value.items():
            put(made, key, inside)
    elif isinstance(value, Cell):
        refs, shape = group.file.require_group("#refs#"), value.shape or (len(value.parts), 1)
        rows = []
        for part in value.parts:
            label = f"r{next(NUMBERS)}"
            put(refs, label, part)
            rows.append(refs[label].ref)
        table = np.empty(len(rows), h5py.ref_dtype)
        table[:] = rows
        made, word = group.create_dataset(name, data=table.reshape(shape[::-1]), dtype=h5py.ref_dtype), "cell"
    elif isinstance(value, str) and value:
        units = np.frombuffer(value.encode("utf-16-le"), "<u2").reshape(-1, 1)
        made, word = group.create_dataset(name, data=units), "char"
        made.attrs[DECODE] = np.int32(2)
    elif len(value) == 0 or value.size == 0:
        shape = (0, 0) if isinstance(value, str) else value.shape
        made, word = (
            group.create_dataset(name, data=np.array(shape, "u8")),
            "char" if isinstance(value, str) else "double",
        )
        made.attrs[EMPTY] = np.uint8(1)
    else:
        packed = {"chunks": True, "compression": "gzip", "compression_opts": 3} if value.size > 64 else {}
        made = group.create_dataset(name, data=(value.astype(np.uint8) if value.dtype == bool else value).T, **packed)
        word = "logical" if value.dtype == bool else WORDS[value.dtype.str[1:]]
        if word == "logical":
            made.attrs[DECODE] = np.int32(1)
    made.attrs[CLASS] = np.bytes_(word)


def saved(variables, user_block=512, change=None):
    """Bytes of a file; ``change`` may edit it through h5py."""
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=user_block) as file:
        for name, value in variables.items():
            put(file, name, value)
        if change:
            change(file)
    data = bytearray(out.getvalue())
    if user_block:
        data[:128] = b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H2s", 0x0200, b"IM")
    return bytes(data)


def opened(data):
    return open_mat(io.BytesIO(data), len(data), "x.mat")


def everything(node):
    if node.kind == "cell":
        return [everything(part) for part in node.cells()]
    if node.kind == "struct":
        return {name: everything(part) for name, part in node.fields().items()}
    return node.text() if node.kind == "char" else node.read()


def same(a, b):
    if isinstance(a, dict):
        return set(a) == set(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b if isinstance(a, str) else a.shape == b.shape and a.tobytes() == b.tobytes()


TREES = st.recursive(
    st.one_of(
        hnp.arrays(st.sampled_from(["f8", "f4", "i2", "u1"]), hnp.array_shapes(min_dims=2, max_dims=3, max_side=4)),
        st.text("aß€_0", min_size=1, max_size=5),
    ),
    lambda inside: st.one_of(
        st.lists(inside, min_size=1, max_size=3).map(Cell),
        st.dictionaries(st.sampled_from(["a", "b_1", "names"]), inside, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@settings(max_examples=40)
@given(TREES)
def test_both_versions_say_the_same(tree):
    old, new = opened(mat_bytes({"v": tree})), opened(saved({"v": tree}))
    assert type(old) is not type(new)
    assert (old.node("v").kind, old.node("v").shape) == (new.node("v").kind, new.node("v").shape)
    assert same(everything(old.node("v")), everything(new.node("v")))
    new.verify("v")


@pytest.mark.parametrize("user_block", [0, 512])
def test_numbers_are_those_of_h5py_with_axes_turned(user_block):
    emg = np.random.default_rng(0).integers(-90, 90, (3000, 12)).astype(np.float64)
    data = saved({"emg": emg, "subject": np.array([[4.0]]), "flag": np.array([[True, False]])}, user_block)
    mat = opened(data)
    assert list(mat.variables) == ["emg", "flag", "subject"]
    assert mat.shape("emg") == (3000, 12)
    with h5py.File(io.BytesIO(data)) as file:
        assert np.array_equal(mat.read("emg"), file["emg"][()].T)
    assert np.array_equal(mat.read("emg"), emg)
    assert mat.read("emg").flags.f_contiguous
    assert not mat.read("emg").flags.writeable
    assert mat.read("subject").tolist() == [[4.0]]
    assert (mat.node("flag").kind, mat.read("flag").tolist()) == ("u1", [[1, 0]])


def test_cells_of_trials_come_in_order_and_by_path():
    trials = [np.full((192, 3 + n), n, float) for n in range(5)]
    node = opened(saved({"gestures": Cell(trials)})).node("gestures")
    assert (node.kind, node.shape) == ("cell", (5, 1))
    assert [cell.shape for cell in node.cells()] == [trial.shape for trial in trials]
    assert [cell.path for cell in node.cells()][1] == "gestures{2}"
    assert all(np.array_equal(cell.read(), trial) for cell, trial in zip(node.cells(), trials, strict=True))


def test_arrays_without_entries_keep_their_shape():
    mat = opened(saved({"e": np.zeros((0, 3)), "t": ""}))
    assert mat.read("e").shape == mat.shape("e") == (0, 3)
    assert mat.node("t").text() == ""


def test_files_without_class_attributes_are_read_by_their_types():
    def plain(file):
        file.create_dataset("data", data=np.arange(6, dtype="f4").reshape(2, 3))
        file.create_dataset("row", data=np.arange(4))
        file.create_dataset("flag", data=np.array([[True], [False]]))

    mat = opened(saved({}, 0, plain))
    assert (mat.node("data").kind, mat.shape("data")) == ("f4", (3, 2))
    assert mat.shape("row") == (4, 1)
    assert mat.read("row").ravel().tolist() == [0, 1, 2, 3]
    assert mat.read("flag").tolist() == [[1, 0]]


def marked(name, word, value=None):
    """An edit that gives a new dataset a class attribute."""

    def change(file):
        made = file.create_dataset(name, data=np.arange(4.0).reshape(2, 2) if value is None else value)
        made.attrs[CLASS] = word

    return change


def looping(file):
    refs = file.require_group("#refs#")
    made = refs.create_dataset("a", (1, 1), dtype=h5py.ref_dtype)
    made.attrs[CLASS] = np.bytes_("cell")
    made[0, 0] = made.ref
    file["v"] = made


def nowhere(file):
    made = file.create_dataset("v", (1, 1), dtype=h5py.ref_dtype)
    made.attrs[CLASS] = np.bytes_("cell")


def empty_lie(shape):
    def change(file):
        made = file.create_dataset("v", data=np.array(shape, "i8"))
        made.attrs[CLASS], made.attrs[EMPTY] = np.bytes_("double"), np.uint8(1)

    return change


def sparse(file):
    group = file.create_group("v")
    group.attrs[CLASS], group.attrs["MATLAB_sparse"] = np.bytes_("double"), np.uint64(3)


HALF = np.array([[0xD800]], "u2")
COMPLEX = np.zeros((2, 2), [("real", "f8"), ("imag", "f8")])
LIES = {
    "complex": (marked("v", np.bytes_("double"), COMPLEX), "v: variable is not numeric: .*found complex"),
    "function": (marked("v", np.bytes_("function_handle")), "v: variable is not numeric: .*found function_handle"),
    "class": (marked("v", np.arange(3)), "v: class is not a word"),
    "text of floats": (marked("v", np.bytes_("char")), "v: variable is not a text"),
    "cell of floats": (marked("v", np.bytes_("cell")), "v: variable is not a cell array"),
    "half a character": (marked("v", np.bytes_("char"), HALF), "v: variable is not a text: .*UTF-16"),
    "a loop": (looping, "arrays are nested too deep"),
    "a reference to nothing": (nowhere, "v"),
    "not empty": (empty_lie((2, 3)), "v: array without entries has some: .*found .2, 3."),
    "empty of one axis": (empty_lie((0,)), "v: array without entries has no shape"),
    "sparse": (sparse, "v: variable is not numeric: .*found sparse"),
    "soft link": (lambda file: file.__setitem__("v", h5py.SoftLink("/w")), "soft"),
    "external link": (lambda file: file.__setitem__("v", h5py.ExternalLink("other.h5", "/w")), "external"),
    "terabytes": (lambda file: file.create_dataset("v", (2**20, 2**20), "f8", chunks=(64, 64)), "v|chunk"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_what_cannot_be_read_says_why(case):
    change, message = LIES[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        read_all(saved({"w": np.ones((2, 2))}, 512, change))
    assert caught.value.file == "x.mat"


def read_all(data):
    mat = opened(data)
    for name in mat.variables:
        mat.verify(name)
        everything(mat.node(name))


@pytest.mark.parametrize(
    ("verb", "name", "message"),
    [
        ("cells", "t", "not a cell array: .*char"),
        ("fields", "c", "not one struct"),
        ("text", "c", "not a text"),
        ("read", "p", "not numeric"),
    ],
)
def test_the_wrong_class_is_named(verb, name, message):
    mat = opened(saved({"c": Cell(["x"]), "p": {"a": "x"}, "t": "text"}))
    with pytest.raises(EmgIoError, match=f"x.mat, {name}: variable is {message}"):
        getattr(mat.node(name), verb)()


def test_missing_and_wrong_variables():
    mat = opened(saved({"emg": np.ones((2, 2)), "s": "text"}))
    with pytest.raises(EmgIoError, match=r"force: variable is missing: expected force, found emg, s"):
        mat.read("force")
    with pytest.raises(EmgIoError, match=r"s: variable is not numeric: .*found char"):
        mat.shape("s")


@pytest.mark.parametrize("data", [b"", b"MATLAB 7.3", b"\x89HDF\r\n\x1a\n", b"MATLAB 7.3 MAT-file".ljust(600)])
def test_heads_without_a_file(data):
    with pytest.raises(EmgIoError) as caught:
        opened(data)
    assert caught.value.file == "x.mat"


def test_mutated_files():
    rng = np.random.default_rng(31)
    sound = saved({"emg": rng.normal(size=(40, 3)), "g": Cell([rng.normal(size=(8, 4)), "abc"]), "p": {"a": "Fist"}})
    n_errors = 0
    for number in range(300):
        data, local = bytearray(sound), np.random.default_rng((31, number))
        for _ in range(int(local.integers(1, 3))):
            at = int(local.integers(512, len(data)))
            data[at] = int(local.choice([0, 1, 2, 255, int(local.integers(0, 256))]))
        if number % 10 == 0:
            del data[int(local.integers(512, len(data))) :]
        n_errors += failed(bytes(data))
    assert 30 < n_errors < 290


def failed(data):
    """Read everything: whether that raised; an error must name the file."""
    try:
        read_all(data)
    except EmgIoError as error:
        if error.file != "x.mat":
            raise AssertionError(str(error)) from error
        return True
    return False


def test_data_sets_do_not_care_for_the_version(tmp_path):
    trials = [np.random.default_rng(n).integers(-9, 9, (192, 20 + n)).astype(float) for n in range(3)]
    keep = [row for row in range(192) if row % 8 != 7]
    for version, write in (("old", mat_bytes), ("new", saved)):
        path = tmp_path / version / "subject1/session1/gest5.mat"
        path.parent.mkdir(parents=True)
        path.write_bytes(write({"gestures": Cell(trials)}))
        recordings = open_dataset(tmp_path / version, "csl-hdemg")
        for recording, trial in zip(recordings, trials, strict=True):
            assert np.array_equal(recording.raw(), trial[keep])
            recording.check()


@pytest.mark.parametrize("write", [saved, mat_bytes, lambda made: mat_bytes(made, compress=False)])
def test_files_that_shrank_since_they_were_listed(write):
    data = write({"emg": np.random.default_rng(0).normal(size=(8, 7))})
    with pytest.raises(EmgIoError, match=r"cut|bytes"):
        open_mat(io.BytesIO(data[:-300]), len(data), "x.mat").read("emg")
