"""Cells, structs and texts of MAT v5 against scipy, and against every lie their tags can tell."""

import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emg_io import EmgIoError
from emg_io.engines._mat import forget, open_mat
from emg_io.engines._mat5_write import Cell, Small, mat_bytes


def opened(data, key=None):
    return open_mat(io.BytesIO(data), len(data), "x.mat", key)


def everything(node):
    """The value of a node, whatever its class."""
    if node.kind == "cell":
        return [everything(part) for part in node.cells()]
    if node.kind in {"struct", "object"}:
        return {name: everything(part) for name, part in node.fields().items()}
    return node.text() if node.kind == "char" else node.read()


def all_of(data):
    mat = opened(data)
    return {name: everything(mat.node(name)) for name in mat.variables}


def same(mine, theirs):
    """Compare with what scipy.io.loadmat returns."""
    if isinstance(mine, dict):
        assert set(mine) == set(theirs.dtype.names)
        return all(same(mine[name], theirs[0, 0][name]) for name in mine)
    if isinstance(mine, list):
        assert theirs.dtype == object
        return all(same(a, b) for a, b in zip(mine, theirs.ravel(order="F"), strict=True))
    if isinstance(mine, str):
        return mine == (str(theirs[0]) if theirs.size else "")
    return mine.shape == theirs.shape and mine.dtype == theirs.dtype and mine.tobytes() == theirs.tobytes()


LEAVES = st.one_of(
    hnp.arrays(st.sampled_from(["f8", "f4", "i2", "u1"]), hnp.array_shapes(min_dims=2, max_dims=2, max_side=4)),
    st.text("aZ ß€µ_0", min_size=1, max_size=6),
)
TREES = st.recursive(
    LEAVES,
    lambda inside: st.one_of(
        st.lists(inside, min_size=1, max_size=3).map(Cell),
        st.dictionaries(st.sampled_from(["a", "b_1", "labelnames"]), inside, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


@given(TREES, st.booleans())
def test_whatever_is_written_is_read_as_scipy_reads_it(tree, compress):
    data = mat_bytes({"v": tree, "after": np.arange(3.0)}, compress=compress)
    theirs = scipy.io.loadmat(io.BytesIO(data))
    mine = all_of(data)
    assert same(mine["v"], theirs["v"])
    assert same(mine["after"], theirs["after"])
    opened(data).verify("v")


@pytest.mark.parametrize("compress", [True, False])
def test_what_scipy_writes_is_read(compress):
    cells = np.empty((2, 2), object)
    cells[:] = [[np.arange(4.0).reshape(2, 2), "abc"], [np.zeros((0, 3)), np.array([[1, 2]], np.int16)]]
    made = {"c": cells, "p": {"inner": {"x": np.ones((2, 3), np.float32)}, "s": "Fist"}, "u": "Ünïcode ℝ", "empty": ""}
    out = io.BytesIO()
    scipy.io.savemat(out, made, do_compression=compress)
    theirs, mine = scipy.io.loadmat(io.BytesIO(out.getvalue())), all_of(out.getvalue())
    assert list(mine) == list(made)
    assert all(same(mine[name], theirs[name]) for name in made)


def test_cells_come_first_axis_first_and_are_named():
    data = mat_bytes({"c": Cell([np.full((1, 1), n, float) for n in range(6)], (2, 3))})
    node = opened(data).node("c")
    assert (node.kind, node.shape, node.stored) == ("cell", (2, 3), "")
    assert [part.path for part in node.cells()] == [f"c{{{n}}}" for n in range(1, 7)]
    assert [part.read().item() for part in node.cells()] == scipy.io.loadmat(io.BytesIO(data))["c"].ravel("F").tolist()


def test_doubles_stored_small_and_logicals():
    data = mat_bytes({"n": Small(np.array([[3, 200]], np.uint8)), "flag": np.array([[True, False]])})
    mat = opened(data)
    assert (mat.node("n").kind, mat.node("n").stored) == ("f8", "u1")
    assert mat.read("n").dtype == scipy.io.loadmat(io.BytesIO(data))["n"].dtype == np.uint8
    assert mat.read("flag").tolist() == [[1, 0]]
    assert scipy.io.loadmat(io.BytesIO(data), mat_dtype=True)["flag"].dtype == bool


def test_same_bytes_every_time():
    made = {"c": Cell(["a", np.arange(5)]), "p": {"x": np.ones(2)}}
    assert mat_bytes(made) == mat_bytes(made)


def test_big_endian_text_and_cell():
    def matrix(name, code, shape, content):
        body = struct.pack(">IIII", 6, 8, code, 0) + struct.pack(">IIii", 5, 8, *shape)
        body += struct.pack(">II", 1, len(name)) + name.ljust((len(name) + 7) // 8 * 8, b"\0") + content
        return struct.pack(">II", 14, len(body)) + body

    text = matrix(b"", 4, (1, 3), struct.pack(">II", 4, 6) + "aß€".encode("utf-16-be") + b"\0\0")
    data = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x0100) + b"MI" + matrix(b"c", 1, (1, 1), text)
    assert all_of(data) == {"c": ["aß€"]}


def part(kind, data):
    return struct.pack("<II", kind, len(data)) + data.ljust((len(data) + 7) // 8 * 8, b"\0")


def matrix(code, name, *parts, shape=(1, 1)):
    """One element, its parts as given; an opaque one has no shape."""
    body = part(6, struct.pack("<II", code, 0)) + (part(5, struct.pack("<ii", *shape)) if shape else b"")
    body += part(1, name) + b"".join(parts)
    return struct.pack("<II", 14, len(body)) + body


def test_objects_are_read_as_structs():
    """A file as MATLAB writes one for an object of an old-style class: its name, then the fields of a struct."""
    number = matrix(6, b"", part(9, struct.pack("<d", 2.5)))
    element = matrix(
        3, b"o", part(1, b"otbfile"), part(5, struct.pack("<i", 8)), part(1, b"gain".ljust(8, b"\0")), number
    )
    data = CELL[:128] + element
    assert (
        all_of(data)["o"]["gain"].tolist() == scipy.io.loadmat(io.BytesIO(data))["o"]["gain"][0, 0].tolist() == [[2.5]]
    )


def test_a_file_with_matlabs_own_objects_opens():
    """Strings and tables are opaque, with nameless bytes behind them; what stands beside them is read."""
    inner = matrix(13, b"", part(6, struct.pack("<4I", 1, 2, 3, 4)), shape=(1, 4))
    opaque = matrix(17, b"label", part(1, b"MCOS"), part(1, b"string"), inner, shape=None)
    workspace = matrix(9, b"", part(2, bytes(range(16))), shape=(1, 16))
    mat = opened(mat_bytes({"emg": np.ones((3, 2))}, compress=False) + opaque + workspace)
    assert list(mat.variables) == ["emg", "label", "__function_workspace__"]
    assert mat.read("emg").shape == (3, 2)
    with pytest.raises(EmgIoError, match=r"label: variable is not numeric: .*found opaque"):
        mat.read("label")


WRONG_CLASS = [
    ("cells", "t", "variable is not a cell array.*char of shape"),
    ("fields", "c", "variable is not one struct.*cell of shape"),
    ("text", "c", "variable is not a text"),
    ("read", "p", "variable is not numeric.*struct of shape"),
]


@pytest.mark.parametrize(("verb", "name", "message"), WRONG_CLASS)
def test_the_wrong_class_is_named(verb, name, message):
    mat = opened(mat_bytes({"c": Cell(["x"]), "p": {"a": "x"}, "t": "text"}))
    with pytest.raises(EmgIoError, match=f"x.mat, {name}: {message}"):
        getattr(mat.node(name), verb)()


# ---- damaged and hostile files

CELL = mat_bytes({"c": Cell([np.arange(4.0).reshape(2, 2), "abc"], (1, 2))}, compress=False)
STRUCT = mat_bytes({"p": {"a": np.arange(3.0), "s": "Fist"}}, compress=False)


CRASHES = [(144, 4), (192, 5), (193, 8), (220, 1), (224, 0), (225, 1), (290, 1), (292, 0), (312, 0), (313, 1)]


@pytest.mark.parametrize(("at", "value"), CRASHES)
def test_one_byte_that_ends_the_process_in_scipy_is_an_error_here(at, value):
    """scipy.io.loadmat of ``CELL`` with one byte changed dies of a segmentation fault.

    Recipe: set each byte from 128 on to each value, load the result in a child process, note where the child is killed
    by signal 11. With scipy 1.17.1 that happens at ten offsets; the list holds the first value at each. Byte 144 is the
    class of the array, from cell to char; the others are classes, types and sizes of the arrays inside.
    """
    data = bytearray(CELL)
    assert data[at] != value
    data[at] = value
    with pytest.raises(EmgIoError, match=r"^x.mat, (byte \d+, .* of c|c.1.: variable is not numeric)") as caught:
        all_of(bytes(data))
    assert caught.value.expected


def attempt(data):
    """Read everything: whether that worked; an error must name file and place."""
    try:
        all_of(data)
    except EmgIoError as error:
        if error.file != "x.mat" or not error.place:
            raise AssertionError(str(error)) from error
        return False
    return True


@pytest.mark.parametrize("data", [CELL, STRUCT], ids=["cell", "struct"])
def test_every_byte_set_to_every_telling_value(data):
    """One byte at a time, to values that tags use: an error with a place, or arrays that fit their shapes."""
    outcomes = []
    for at in range(124, len(data)):
        for value in (0, 1, 4, 5, 6, 8, 9, 14, 15, 16, 127, 255):
            changed = bytearray(data)
            changed[at] = value
            outcomes.append(attempt(bytes(changed)))
    assert 500 < sum(outcomes) < len(outcomes) - 500


def patched(data, offset, form, *values):
    out = bytearray(data)
    struct.pack_into(form, out, offset, *values)
    return bytes(out)


def find(data, part):
    at = data.index(part)
    assert data.count(part) == 1
    return at


FIRST = 176  # tag of the first cell of CELL
NAMES = find(STRUCT, b"a".ljust(32, b"\0"))
LIES = {
    "cell beyond its array": (patched(CELL, FIRST + 4, "<I", 4000), "matrix size of c{1}: .*at most"),
    "cell that is no matrix": (patched(CELL, FIRST, "<I", 9), "matrix tag of c{1}: .*14 .matrix., found 9"),
    "more cells than bytes": (patched(CELL, 160, "<ii", 1000, 1000), "parts of c: .*in .* bytes, found 1000000"),
    "fewer cells than bytes": (patched(CELL, 160, "<ii", 1, 1), "parts of c: .*expected an end at byte"),
    "more cells than there are": (patched(CELL, 160, "<ii", 1, 3), "matrix tag of c{3}: .*a whole header"),
    "inner shape": (patched(CELL, FIRST + 32, "<ii", 2, 3), "numbers of c{1}: .*48 bytes for shape"),
    "name inside a cell": (patched(CELL, FIRST + 44, "<I", 200), "name of c{1}: "),
    "width of names": (patched(STRUCT, NAMES - 12, "<i", 0), "length of field names of p: .*1..256, found 0"),
    "size of names": (patched(STRUCT, NAMES - 4, "<I", 2**31), "field names of p: .*at most 1000"),
    "twice the same field": (patched(STRUCT, NAMES + 32, "<c", b"a"), "field names of p: .*each once"),
    "field without a name": (patched(STRUCT, NAMES, "<c", b"\0"), "field names of p: .*identifiers"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_lying_tags_of_nested_arrays_name_place_and_path(case):
    data, message = LIES[case]
    with pytest.raises(EmgIoError, match=message.replace("{", r"\{")) as caught:
        all_of(data)
    assert caught.value.file == "x.mat"


def test_offsets_inside_compressed_elements_are_called_inflated():
    element = bytearray(CELL[128:])
    element[FIRST - 128] = 9
    body = zlib.compress(bytes(element))
    data = CELL[:128] + struct.pack("<II", 15, len(body)) + body
    with pytest.raises(EmgIoError, match=rf"x.mat, byte 128, inflated byte {FIRST - 128}, matrix tag of c\{{1\}}"):
        all_of(data)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"\xff\xfeab", "text of t: .*expected utf-8"),
        ("ab€".encode()[:4], "text of t: "),
        (b"ab\xc3\xa4", "4 characters, found 3"),
    ],
)
def test_texts_must_decode_to_their_length(bad, message):
    at = find(mat_bytes({"t": "abcd"}, compress=False), b"abcd")
    with pytest.raises(EmgIoError, match=message):
        all_of(patched(mat_bytes({"t": "abcd"}, compress=False), at, "<4s", bad))


def test_texts_are_bounded():
    with pytest.raises(EmgIoError, match=r"t: variable is not a text: expected one row of at most 65536 characters"):
        all_of(mat_bytes({"t": "a" * 65_537}))
    assert len(all_of(mat_bytes({"t": "a" * 65_536}))["t"]) == 65_536


def test_two_rows_of_characters_are_no_text():
    out = io.BytesIO()
    scipy.io.savemat(out, {"t": np.array(["ab", "cd"])})
    with pytest.raises(EmgIoError, match="variable is not a text: expected one row"):
        opened(out.getvalue()).node("t").text()


def test_nesting_is_bounded():
    tree = Cell(["x"])
    for _ in range(40):
        tree = Cell([tree])
    with pytest.raises(EmgIoError, match=r"nesting of c.*at most 16 arrays inside one another"):
        all_of(mat_bytes({"c": tree}))


def test_a_bomb_of_small_cells_costs_no_memory():
    """A million empty cells inflate from a few kB; they are found one by one, none is kept."""
    count = 300_000
    body = (
        struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, count, 1) + struct.pack("<HH", 1, 1) + b"c\0\0\0"
    )
    body += struct.pack("<II", 14, 0) * count
    packed = zlib.compress(struct.pack("<II", 14, len(body)) + body, 9)
    data = CELL[:128] + struct.pack("<II", 15, len(packed)) + packed
    assert len(data) < 10_000
    cells = opened(data).node("c").cells()
    assert [next(cells).shape for _ in range(1000)] == [(0, 0)] * 1000


# ---- laziness


class Counting(io.BytesIO):
    """A stream that counts what is read."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data

    def readinto(self, out):
        count = super().readinto(out)
        self.taken += count
        return count


@pytest.fixture(scope="module")
def big():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 4000, (192, 4000)).astype(np.int16) for _ in range(8)]


@pytest.fixture(scope="module")
def compressed(big):
    return mat_bytes({"gestures": Cell(big)})


def test_plain_cells_are_reached_without_reading_the_others(big):
    data = mat_bytes({"gestures": Cell(big)}, compress=False)
    stream = Counting(data)
    mat = open_mat(stream, len(data), "x.mat")
    cell = list(mat.node("gestures").cells())[5]
    assert np.array_equal(cell.read(), big[5])
    assert stream.taken < big[5].nbytes + 20_000


def test_compressed_cells_any_order_any_time(big, compressed):
    cells = list(opened(compressed).node("gestures").cells())
    for index in (7, 0, 3, 3, 6, 1, 7):
        assert np.array_equal(cells[index].read(), big[index])


def test_places_in_a_compressed_element_are_remembered_by_key(big, compressed):
    """With a key, another opening inflates from the state kept before a cell, not from the start."""

    def taken():
        stream = Counting(compressed)
        cells = list(open_mat(stream, len(compressed), "x.mat", "file").node("gestures").cells())
        for index in (7, 2):
            assert np.array_equal(cells[index].read(), big[index])
        return stream.taken

    first, second = taken(), taken()
    forget("file")
    again = taken()
    forget("file")
    assert first > len(compressed)
    assert second < 0.5 * len(compressed)
    assert again == first


def test_memory_of_a_scan_is_bounded(compressed):
    import tracemalloc

    tracemalloc.start()
    shapes = [cell.shape for cell in opened(compressed).node("gestures").cells()]
    opened(compressed).verify("gestures")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shapes == [(192, 4000)] * 8
    assert peak < len(compressed) / 2 + 8 * 2**20


def test_the_end_of_a_compressed_element_is_checked_with_its_last_array(compressed):
    broken = compressed[:-1] + bytes([compressed[-1] ^ 1])
    cells = list(opened(broken).node("gestures").cells())
    with pytest.raises(EmgIoError, match=r"compressed element: .*incorrect data check"):
        cells[-1].read()
    with pytest.raises(EmgIoError, match=r"compressed element: .*incorrect data check"):
        opened(broken).verify("gestures")


# ---- mutations


def mutants(data, seed, count):
    """Seeded changes: bits, bytes, words, cuts, insertions."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        out, at = bytearray(data), int(rng.integers(128, len(data)))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            out[at] = int(rng.choice([0, 1, 3, 4, 14, 15, 16, 255]))
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + int(rng.integers(1, 17))]
        elif kind == 4:
            out[at:at] = rng.bytes(int(rng.integers(1, 9)))
        else:
            struct.pack_into("<I", out, min(at, len(out) - 4), int(rng.choice([0, 1, 8, 2**16, 2**31, 2**32 - 1])))
        yield bytes(out)


@pytest.mark.parametrize("packed", [False, True])
def test_mutated_nested_files(packed):
    """Headers are changed before they are compressed, so that no checksum saves the reader."""
    tree = {"p": {"names": Cell(["Fist", "Open"], (1, 2)), "x": np.arange(5.0)}, "s": "text"}
    plain = mat_bytes({"v": tree}, compress=False)
    n_read = 0
    for data in mutants(plain, 21, 300):
        body = zlib.compress(data[128:])
        n_read += attempt(data[:128] + struct.pack("<II", 15, len(body)) + body if packed else data)
    assert 5 < n_read < 150
