"""Text tables: every number is the one Python's float makes of it, and every fault is named by line and column."""

import importlib.util
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import EmgIoError, open_dataset
from emg_io.engines._table import read_table
from emg_io.engines._table_cells import exact_number, numbers
from emg_io.engines._table_grid import Grid
from emg_io.engines._table_head import Dialect, read_head


def bits(values):
    """Bit patterns of float64, so that -0.0 and 0.0 differ and NaN equals itself."""
    return np.asarray(values, np.float64).view(np.uint64)


digits = st.text("0123456789", min_size=1, max_size=20)
plain = st.builds(
    lambda sign, whole, part: f"{sign}{whole}{part}",
    st.sampled_from(["", "-", "+"]),
    digits,
    st.one_of(st.just(""), st.just("."), digits.map(lambda text: f".{text}")),
)
cells = st.one_of(
    plain,
    digits.map(lambda text: f"-.{text}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-10, 10).map("{:.5g}".format),
    st.floats(-10, 10).map("{:.9f}".format),
    st.integers(-999, 999).map(str),
    st.builds(lambda a, b: f"{a}e{b}", plain, st.integers(-30, 30)),
    st.just(' "1.5" '),
    st.just("-0"),
    st.just("9007199254740993"),
    st.just("0.30000000000000004"),
)
tables = st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=12))


def python_float(cell):
    return float(cell.strip().strip('"'))


@given(tables, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from([",", ";", "\t", "|"]))
def test_every_cell_equals_float_to_the_last_bit(rows, ending, closed, delimiter):
    data = (ending.join(delimiter.join(row) for row in rows) + ending * closed).encode()
    values = read_table(data, "t.csv", Dialect(delimiter=delimiter)).values
    assert np.array_equal(bits(values), bits([[python_float(cell) for cell in row] for row in rows]).T)


@given(tables)
def test_fast_and_slow_paths_agree(rows):
    block = "".join(",".join(row) + "\n" for row in rows).encode()
    grid = Grid.of(block, ord(","), len(rows[0]))
    slow = [exact_number(grid.cell(at), at, {}, whole=False) for at in range(len(grid.starts))]
    assert np.array_equal(bits(numbers(grid, {}, whole=False)), bits(slow))


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3), min_size=1, max_size=10))
def test_integers_are_exact(rows):
    data = "\n".join(",".join(map(str, row)) for row in rows).encode()
    assert np.array_equal(read_table(data, "t", dtype=np.int64).values, np.array(rows).T)


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60), st.integers(0, 17))
def test_decimals_of_any_length(values, places):
    texts = [f"{value:.{places}f}" for value in values]
    found = read_table("\n".join(texts).encode(), "t").values[0]
    assert np.array_equal(bits(found), bits([float(text) for text in texts]))


def test_halfway_cases_round_as_float_does():
    texts = [f"{2**53 + k}" for k in range(-3, 9)] + [f"{2**53 + k}.5" for k in range(-3, 9)]
    texts += [
        "0.1",
        "0.2",
        "0.3",
        "2.675",
        "1.005",
        "1e22",
        "1e23",
        "123456789012345.6",
        "5e-324",
        "2.2250738585072011e-308",
    ]
    found = read_table("\n".join(texts).encode(), "t").values[0]
    assert np.array_equal(bits(found), bits([float(text) for text in texts]))


def test_many_blocks_and_many_unusual_cells():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5000, 4))
    for form in ("%.18e", "%r", "%.4f", "%.12g"):
        text = "\n".join(",".join(form % x if form != "%r" else repr(float(x)) for x in row) for row in table)
        found = read_table(text.encode(), "t").values
        assert np.array_equal(found.T, [[float(cell) for cell in line.split(",")] for line in text.split("\n")])


def test_columns_are_picked_in_order_and_the_others_may_hold_anything():
    data = b"t,who,a,b\n0.5,\xb5Eve \x00,1,2\n1.5,Bob,3.5,4\n"
    dialect = Dialect(header=True, encoding="latin-1")
    table = read_table(data, "t", dialect, columns=[3, 0, 2])
    assert table.values.tolist() == [[2, 4], [0.5, 1.5], [1, 3.5]]
    assert table.head.names == ("t", "who", "a", "b")
    with pytest.raises(EmgIoError, match=r"line 2, column 2 \(who\).*a number.*Eve"):
        read_table(data, "t", dialect)
    with pytest.raises(EmgIoError, match=r"no such column.*0\.\.3"):
        read_table(data, "t", dialect, columns=[4])


WRITTEN = {
    "BOM": (b"\xef\xbb\xbf1,2\n3,4\n", Dialect()),
    "no BOM": (b"1,2\n3,4\n", Dialect()),
    "CRLF": (b"1,2\r\n3,4\r\n", Dialect()),
    "CRLF without the last": (b"1,2\r\n3,4", Dialect()),
    "mixed endings": (b"1,2\r\n3,4\n", Dialect()),
    "empty lines behind": (b"1,2\n3,4\n\r\n\n", Dialect()),
    "blanks": (b"  1   2\n3\t 4  \n", Dialect(delimiter=" ")),
    "blanks and CRLF": (b"1 2 \r\n3 4\r\n", Dialect(delimiter=" ")),
    "padded": (b" 1, 2\n3 , 4\n", Dialect()),
    "quoted": (b'"1","2"\n"3","4"\n', Dialect()),
    "trailing": (b"1,2,\n3,4,\n", Dialect(trailing=True)),
    "trailing and CRLF": (b"1;2;\r\n3;4;\r\n", Dialect(delimiter=";", trailing=True)),
    "decimal comma": (b"1,0;2,0\n3,0;4e0\n", Dialect(delimiter=";", decimal=",")),
    "header": (b"a,b\n1,2\n3,4\n", Dialect(header=True)),
    "quoted header": (b'"a, b","c"\n1,2\n3,4\n', Dialect(header=True)),
    "comments": (b"# one\n# two\n1,2\n3,4\n", Dialect(comment="#")),
    "preamble": (b"Logger 3\nno, really, 3\na,b\n1,2\n3,4\n", Dialect(skip_lines=2, header=True)),
    "exponents": (b"1e0,20E-1\n.3e+1,4.\n", Dialect()),
    "words": (b"one,2\n3,four\n", Dialect(words=(("one", 1), ("four", 4)))),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN)
def test_ways_of_writing_one_table(case):
    data, dialect = WRITTEN[case]
    assert read_table(data, "t", dialect).values.tolist() == [[1, 3], [2, 4]]


def test_missing_values_stay_in_their_place():
    dialect = Dialect(header=True, missing=("NULL", "n/a", "", "NaN"))
    values = read_table(b"a,b,c\n1,NULL,3\n,n/a,NaN\n7, NULL ,9\n", "t", dialect).values
    assert np.array_equal(values, [[1, np.nan, 7], [np.nan] * 3, [3, np.nan, 9]], equal_nan=True)
    single = read_table(b"1\n\n3\n\n", "t", Dialect(missing=("",))).values
    assert np.array_equal(single, [[1, np.nan, 3, np.nan]], equal_nan=True)


BROKEN = {
    "empty": (b"", Dialect(), r"line 1: file ends before the first row"),
    "only a BOM": (b"\xef\xbb\xbf", Dialect(), r"line 1: file ends"),
    "only a header": (b"a,b\n", Dialect(header=True), r"line 2: file ends before the first row"),
    "only comments": (b"# a\n# b\n", Dialect(comment="#"), r"line 3: file ends"),
    "skip too far": (b"1\n2\n", Dialect(skip_lines=5), r"line 3: file ends"),
    "short row": (b"1,2\n3\n5,6\n", Dialect(), r"line 2: not a row: expected 2 columns, found 1: '3'"),
    "long row": (b"1,2\n3,4,5\n", Dialect(), r"line 2: not a row.*found 3"),
    "balanced": (b"1,2\n3\n4,5,6\n", Dialect(), r"line 2: not a row.*found 1"),
    "cut last row": (b"1,2\n3,4\n5", Dialect(), r"line 3: not a row"),
    "header and rows differ": (b"a,b,c\n1,2\n", Dialect(header=True), r"line 2.*3 columns, found 2"),
    "empty line": (b"1,2\n\n3,4\n", Dialect(), r"line 2: empty line"),
    "trailing unsaid": (b"a,b\n1,2,\n", Dialect(header=True), r"line 2.*2 columns, found 3"),
    "trailing once": (b"1,2,\n3,4\n", Dialect(trailing=True), r"line 2.*ended by a delimiter"),
    "trailing filled": (b"1,2,\n3,4,5\n", Dialect(trailing=True), r"line 2.*ended by a delimiter"),
    "text": (b"1,2\n3,x\n", Dialect(), r"line 2, column 2: not a value: expected a number, found 'x'"),
    "named": (b"a,b\n1,2\n3,x\n", Dialect(header=True), r"line 3, column 2 \(b\)"),
    "behind comments": (b"#\n#\n1,2\n3,x\n", Dialect(comment="#"), r"line 4, column 2"),
    "nan": (b"1,nan\n", Dialect(), r"line 1, column 2.*'nan'"),
    "inf": (b"1,-inf\n", Dialect(), r"line 1, column 2.*'-inf'"),
    "too large": (b"1,1e999\n", Dialect(), r"column 2.*range of float64, found '1e999'"),
    "empty cell": (b"1,,3\n", Dialect(), r"column 2.*found ''"),
    "comma": (b"1;0,5\n", Dialect(delimiter=";"), r"column 2.*'0,5'"),
    "point": (b"1;0.5\n", Dialect(delimiter=";", decimal=","), r"column 2.*'0\.5'"),
    "thousands": (b"1;1.000,5\n", Dialect(delimiter=";", decimal=","), r"column 2.*'1\.000,5'"),
    "two points": (b"1,1.2.3\n", Dialect(), r"column 2.*'1\.2\.3'"),
    "point before minus": (b"1,.-5\n", Dialect(), r"column 2"),
    "two signs": (b"1,--5\n", Dialect(), r"column 2"),
    "minus behind": (b"1,5-\n", Dialect(), r"column 2"),
    "minus alone": (b"1,-\n", Dialect(), r"column 2"),
    "point alone": (b"1,.\n", Dialect(), r"column 2"),
    "minus point": (b"1,-.\n", Dialect(), r"column 2"),
    "underscore": (b"1,1_000\n", Dialect(), r"column 2"),
    "hexadecimal": (b"1,0x10\n", Dialect(), r"column 2"),
    "Arabic digits": ("1,٣٤\n".encode(), Dialect(), r"column 2"),
    "full-width digits": ("1,１\n".encode(), Dialect(), r"column 2"),
    "NUL": (b"1,2\x00\n", Dialect(), r"column 2.*x00"),
    "lone CR": (b"1,2\n1,2\r3\n", Dialect(), r"line 2, column 2.*\\r3"),
    "old Mac": (b"1,2\r3,4\r", Dialect(), r"line 1: a quote or a line ending is out of place"),
    "tab": (b"1,\t2\n", Dialect(), r"column 2"),
    "vertical tab": (b"1,\x0b2\n", Dialect(), r"column 2"),
    "digits without end": (b"1," + b"1" * 500 + b"\n", Dialect(), r"column 2"),
    "latin-1 header": (b"\xb5V,b\n1,2\n", Dialect(header=True), r"line 1, byte 1: text in another encoding"),
    "UTF-16": ("1,2\n".encode("utf-16"), Dialect(), r"not a text of bytes.*UTF-16"),
    "too many columns": (b"1," * 10_001 + b"1\n", Dialect(), r"line 1: not a table.*10000 columns"),
    "cut off": (b"1,2\n3,4", Dialect(closed=True), r"line 2: file is cut off: its last line has no end"),
    "comments without end": (b"#\n" * 10_002, Dialect(comment="#"), r"line 10002: too many lines before the table"),
    "long line": (b"1" * (2**20 + 9), Dialect(), r"line 1: line too long"),
    "long line later": (b"1\n" + b"1" * (2**20 + 9) + b"\n1\n", Dialect(), r"line 2: line too long"),
    "quote in the header": (b'"a\n1\n' + b'"' * 200_000, Dialect(header=True), r"line 3|line 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_tables_name_line_and_column(case):
    data, dialect, message = BROKEN[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        read_table(data, "table.csv", dialect)
    assert caught.value.file == "table.csv"
    assert caught.value.place


@pytest.mark.parametrize(
    ("cell", "dtype", "message"),
    [
        ("128", np.int8, r"line 3, column 2.*an integer in -128\.\.127, found '128'"),
        ("-32769", np.int16, r"-32768\.\.32767, found '-32769'"),
        ("1.0", np.int16, r"an integer, found '1\.0'"),
        ("1e3", np.int64, r"an integer, found '1e3'"),
        (str(2**63), np.int64, r"an integer of 64 bits"),
        ("9" * 60, np.int64, r"an integer of 64 bits"),
        ("", np.int32, r"an integer, found ''"),
    ],
)
def test_integers_out_of_place(cell, dtype, message):
    with pytest.raises(EmgIoError, match=message):
        read_table(f"1,2\n3,4\n5,{cell}\n".encode(), "t", dtype=dtype)


def test_a_fault_deep_in_a_large_file_is_found():
    lines = [b"1.5,2,3"] * 30_000
    lines[29_990] = b"1.5,2,3x"
    with pytest.raises(EmgIoError, match=r"line 29991, column 3.*'3x'"):
        read_table(b"\n".join(lines), "t")
    lines[29_990] = b"1.5,2"
    with pytest.raises(EmgIoError, match=r"line 29991: not a row"):
        read_table(b"\n".join(lines), "t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "ab"}, r"delimiter.*one of"),
        ({"delimiter": ",", "decimal": ","}, r"decimal.*not the delimiter"),
        ({"encoding": "utf-16"}, r"encoding"),
        ({"skip_lines": -1}, r"skip_lines"),
        ({"trailing": True, "delimiter": " "}, r"trailing"),
        ({"missing": ("-999",)}, r"a number cannot stand for something else.*'-999'"),
    ],
)
def test_dialects_that_cannot_be(options, message):
    with pytest.raises(EmgIoError, match=message):
        Dialect(**options)


def test_types_that_cannot_be():
    with pytest.raises(EmgIoError, match=r"no type for a table.*float32"):
        read_table(b"1\n", "t", dtype=np.float32)
    with pytest.raises(EmgIoError, match=r"integers cannot be missing"):
        read_table(b"1\nNULL\n", "t", Dialect(missing=("NULL",)), dtype=np.int16)
    with pytest.raises(EmgIoError, match=r"wrong number of columns: expected 3, found 2"):
        read_table(b"1,2\n", "t", n_columns=3)


def test_heads():
    head = read_head(b"\xef\xbb\xbf# a\r\n# b\r\nx; y \r\n1;2\r\n", "t", Dialect(";", header=True, comment="#"))
    assert head.comments == ("# a", "# b")
    assert head.names == ("x", "y")
    assert (head.n_columns, head.line) == (2, 4)
    assert head.column(1) == "column 2 (y)"
    assert read_head(b"1 2  3", "t", Dialect(" ")).column(0) == "column 1"


def peak(call):
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.parametrize("row", [b"1,2,3,4,5,6,7,8\n", b"-0.0012345,0.12345,1.5\n"])
def test_memory_is_at_most_four_times_the_file(row):
    data = row * (6_000_000 // len(row))
    assert peak(lambda: read_table(data, "t")) <= 4 * len(data) + 2**22


def test_a_table_of_empty_cells_is_not_worth_eight_bytes_each():
    data = (b"," * 999 + b"\n") * 9000
    with pytest.raises(EmgIoError, match=r"line 1: more cells than text"):
        read_table(data, "t", Dialect(missing=("",)))


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(1)
    rows = [
        [*(f"{x:.4f}" for x in rng.normal(size=3)), str(k % 5), f"{x:.3e}"] for k, x in enumerate(rng.normal(size=40))
    ]
    return ("time,a,b,label,c\r\n" + "\r\n".join(",".join(row) for row in rows) + "\r\n").encode()


def oracle(data):
    """Parse line by line, in the plainest words."""
    lines = data.split(b"\n")[1:]
    while lines and not lines[-1].strip(b"\r"):
        lines.pop()
    rows = [[float(cell.strip(b' "')) for cell in line.removesuffix(b"\r").split(b",")] for line in lines]
    return np.array(rows).T


@pytest.fixture(scope="module")
def mutation():
    """Give `mutate` and `attempt`."""
    spec = importlib.util.spec_from_file_location("io_mutation", Path(__file__).with_name("test_io_mutation.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mutated_tables(sound, mutation):
    rng, outcomes = np.random.default_rng(15), {"error": 0, "valid": 0}
    for _ in range(900):
        data = mutation.mutate(sound, rng)
        found, error = mutation.attempt(read_table, data, "x.csv", Dialect(header=True))
        if error:
            assert error.file == "x.csv"
            assert error.place
            outcomes["error"] += 1
        else:
            assert np.array_equal(bits(found.values), bits(oracle(data)))
            assert all(math.isfinite(x) for x in found.values.ravel())
            outcomes["valid"] += 1
    assert min(outcomes.values()) > 30


@pytest.mark.parametrize("name", ["3dc", "biosppy", "emgflow", "longterm-8ch", "myo-readings"])
def test_mutated_files_of_a_data_set(name, forged, mutation, tmp_path):
    """An EmgIoError or a valid recording, whatever happens to a file."""
    source = sorted(path for path in forged(name).rglob("*") if path.is_file())[-1]
    path = tmp_path / source.relative_to(forged(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    whole, rng, outcomes = source.read_bytes(), np.random.default_rng(17), {"error": 0, "valid": 0}
    for _ in range(60):
        path.write_bytes(mutation.mutate(whole, rng))
        recording = open_dataset(tmp_path, name)[0]
        raw, error = mutation.attempt(recording.raw)
        if error:
            assert error.file == str(path)
            assert error.place
            outcomes["error"] += 1
            continue
        assert raw.shape == (recording.n_chans, recording.n_samples)
        assert raw.dtype.kind == "i" or np.isfinite(raw).all() or recording.metadata["missing_samples"]
        assert all(track.values.shape == raw.shape[1:] for track in recording.tracks.values())
        outcomes["valid"] += 1
    assert min(outcomes.values()) > 0


def test_every_truncation_raises_or_gives_whole_rows(sound):
    whole = read_table(sound, "t", Dialect(header=True)).values
    for cut in range(len(sound) - 1):
        try:
            part = read_table(sound[:cut], "t", Dialect(header=True)).values
        except EmgIoError:
            continue
        n_rows = part.shape[1]
        assert np.array_equal(part[:, : n_rows - 1], whole[:, : n_rows - 1])
        assert np.array_equal(part[:-1, -1], whole[:-1, n_rows - 1])


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "pattern", "dtype"),
    [
        ("dataset_3dc", "*.txt", np.int16),
        ("longterm_semg_8ch", "*.csv", np.float64),
        ("myo_readings", "*1/3.txt", np.int8),
        ("libemg_one_subject_myo", "R_*.csv", np.int8),
    ],
)
def test_real_tables_equal_loadtxt(real, folder, pattern, dtype):
    paths = sorted(real(folder).rglob(pattern))
    assert paths
    for path in paths[:: 1 + len(paths) // 40]:
        found = read_table(path.read_bytes(), path.name, dtype=dtype).values
        assert found.dtype == dtype
        assert np.array_equal(bits(found), bits(np.loadtxt(path, delimiter=",")).T)
