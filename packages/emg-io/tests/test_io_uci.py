"""The UCI reader: exact values, the clock, and every way a text file can be wrong."""

import itertools
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import EmgIoError, open_dataset
from emg_io.engines._uci_repeats import _parse_repeats, parse
from emg_io.engines._uci_text import HEADER, parse_rows, spell
from emg_io.formats._forges.uci import text

ROW = "\t".join(["{}", "1e-05", "-2e-05", "0", "-0.00128", "0.00127", "0.0001", "-4e-05", "0.00021", "{}"])


def table(*rows, ending="\r\n"):
    return (ending.join([HEADER.decode(), *rows]) + ending).encode()


def good(n=5, ending="\r\n"):
    return table(*(ROW.format(1 + k, k % 8) for k in range(n)), ending=ending)


def test_spelling_is_exact_and_parsed_for_all_counts():
    counts = np.tile(np.arange(-128, 128, dtype=np.int8), (8, 1))
    stamps = np.arange(1, 257)
    time, found, classes = parse(text(stamps, counts, np.zeros(256, int)), "f")
    assert np.array_equal(time, stamps)
    assert np.array_equal(found, counts)
    assert not classes.any()
    assert all(Decimal(spell(k)) == k * Decimal("1e-5") for k in range(-128, 128))
    assert [spell(k) for k in (0, -4, 9, 10, -21, 100)] == ["0", "-4e-05", "9e-05", "0.0001", "-0.00021", "0.001"]


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_both_line_endings_equal_loadtxt(ending, oracles):
    data = good(40, ending)
    for mine, theirs in zip(parse(data, "f"), oracles.loadtxt_uci(data), strict=True):
        assert np.array_equal(mine, theirs)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.lists(st.integers(-128, 127), min_size=8, max_size=8), st.integers(0, 7)),
             min_size=1, max_size=40),
    st.sampled_from(["\r\n", "\n"]),
)  # fmt: skip
def test_any_table_survives_text_and_back(rows, ending):
    stamps = np.cumsum([step for step, _, _ in rows])
    counts = np.array([values for _, values, _ in rows], np.int8).T
    labels = np.array([label for _, _, label in rows])
    time, found, classes = parse(text(stamps, counts, labels, ending), "f")
    assert np.array_equal(time, stamps)
    assert np.array_equal(found, counts)
    assert np.array_equal(classes, labels)


@pytest.mark.parametrize("token", ["-0.00004", "-4.0e-5", "-.4E-4", "-0.000040", "-0.0000400000000000"])
def test_other_spellings_of_a_count_are_exact(token):
    data = table(ROW.format(1, 0), ROW.format(2, 0).replace("-4e-05", token))
    assert parse(data, "f")[1][6].tolist() == [-4, -4]


BROKEN = {
    "header": (good().replace(b"channel3", b"chan3"), r"line 1.*not the header"),
    "empty": (b"", r"line 1.*not the header"),
    "only a header": (HEADER + b"\r\n", r"line 2.*ends before the first sample"),
    "nine columns": (table(ROW.format(1, 0), ROW.format(2, 0).replace("\t0\t", "\t", 1)), r"line 3.*9 columns"),
    "eleven columns": (table(ROW.format(1, 0), ROW.format(2, 0) + "\t1"), r"line 3.*11 columns"),
    "blank line": (table(ROW.format(1, 0), "", ROW.format(2, 0)), r"line 3.*1 columns"),
    "cut last line": (good()[:-20], r"line 6.*cut off"),
    "half a last ending": (good()[:-1], r"line 6.*one line ending|cut off"),
    "no last class": (good()[:-3], r"line 6.*cut off"),
    "class of two digits, cut": (good()[:-2] + b"1", r"line 6.*cut off"),
    "mixed endings": (good().replace(b"\r\n", b"\n", 3), r"line 4.*one line ending"),
    "header alone with CR": (good(ending="\n").replace(b"\n", b"\r\n", 1), r"line 2.*one line ending"),
    "header alone without CR": (good().replace(b"\r\n", b"\n", 1), r"line 2.*one line ending"),
    "header with two CR": (good().replace(b"\r\n", b"\r\r\n", 1), r"line 1.*not the header"),
    "lone CR": (good().replace(b"1e-05", b"1e\r05", 1), r"line 2.*one line ending"),
    "NUL": (good().replace(b"1e-05", b"1e\x0005", 1), r"line 2.*one line ending"),
    "nan": (good().replace(b"-2e-05", b"nan", 1), r"line 2, column channel2.*'nan'"),
    "inf": (good().replace(b"-2e-05", b"-inf", 1), r"line 2, column channel2.*'-inf'"),
    "comma": (good().replace(b"0.00021", b"0,00021", 1), r"line 2, column channel8.*'0,00021'"),
    "finer than a count": (good().replace(b"0.00021", b"0.000215", 1), r"line 2, column channel8.*k \* 1e-5"),
    "beyond int8": (good().replace(b"0.00127", b"0.00128", 1), r"line 2, column channel5.*-128..127"),
    "huge exponent": (good().replace(b"0.00127", b"1e999999999", 1), r"line 2, column channel5.*-128..127"),
    "empty cell": (good().replace(b"0.00127", b"", 1), r"line 2, column channel5.*found ''"),
    "latin-1": (good().replace(b"0.00127", b"\xb5", 1), r"line 2, column channel5"),
    "underscore": (good().replace(b"0.00127", b"0.0_012", 1), r"line 2, column channel5"),
    "label 8": (table(ROW.format(1, 0), ROW.format(2, 8)), r"line 3, column class.*0\.\.7.*found 8"),
    "label -1": (table(ROW.format(1, 0), ROW.format(2, -1)), r"line 3, column class.*'-1'"),
    "label text": (table(ROW.format(1, "fist")), r"line 2, column class.*'fist'"),
    "label missing": (table(ROW.format(1, "")), r"line 2, column class.*found ''"),
    "time repeats": (table(ROW.format(5, 0), ROW.format(5, 0)), r"line 3, column time.*increase strictly"),
    "time falls": (table(ROW.format(5, 0), ROW.format(6, 0), ROW.format(4, 0)), r"line 4, column time.*found 4"),
    "time jumps": (table(ROW.format(5, 0), ROW.format(10_006, 0)), r"line 3, column time.*at most 10000 ms"),
    "time with point": (table(ROW.format("1.5", 0)), r"line 2, column time.*'1.5'"),
    "time of 9 digits": (table(ROW.format("123456789", 0)), r"line 2, column time.*1 to 8 digits"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_text_names_line_and_column(case):
    data, message = BROKEN[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        parse(data, "series.txt")
    assert caught.value.file == "series.txt"
    assert caught.value.place


def test_every_truncation_raises_or_is_a_whole_number_of_rows():
    data, whole = good(4), parse(good(4), "f")
    for cut in range(len(data)):
        try:
            time, counts, _ = parse(data[:cut], "f")
        except EmgIoError:
            continue
        assert data[:cut].endswith(b"\r\n") or data[cut:].startswith(b"\r\n")
        assert np.array_equal(counts, whole[1][:, : len(time)])


def test_constant_signal_has_no_rate(tmp_path):
    folder = tmp_path / "01"
    folder.mkdir()
    (folder / "1_raw_data_x.txt").write_bytes(good(9))
    recording = open_dataset(tmp_path, "uci")[0]
    with pytest.raises(EmgIoError, match=r"signal never changes"):
        _ = recording.sfreq


def test_forged_recording_has_the_set_s_clock(uci):
    recording = uci[0]
    assert not recording.uniform
    assert 92 <= recording.sfreq <= 111
    assert 940 <= recording.metadata["rows_per_second"] <= 975
    assert recording.metadata["largest_step_s"] <= 0.036
    assert np.all(np.diff(recording.timestamps) > 0)
    order = [value for _, _, value in recording.segments() if value]
    assert order == [1, 2, 3, 4, 5, 6] * 2
    reps = recording.labels("repetition")
    firsts = {label: set(reps[recording.labels() == label].tolist()) for label in range(1, 7)}
    assert all(numbers == {1, 2} for numbers in firsts.values())


@pytest.mark.real
def test_real_archive_facts(real):
    dataset = open_dataset(real("uci_emg_gestures.zip"))
    assert len(dataset) == 53
    assert open_dataset(real("."), "uci").recordings == dataset.recordings
    assert len(dataset.subjects) == 27
    totals = dict.fromkeys(range(8), 0)
    for recording in dataset:
        assert recording.n_chans == 8
        assert 47_253 <= recording.n_samples <= 68_697
        assert 91 < recording.sfreq < 112
        assert recording.metadata["largest_step_s"] <= 0.036
        assert [v for _, _, v in recording.segments() if v] == [1, 2, 3, 4, 5, 6] * 2
        for label, count in zip(*np.unique(recording.labels(), return_counts=True), strict=True):
            totals[int(label)] += int(count)
    assert totals == {0: 1_973_772, 1: 179_308, 2: 176_325, 3: 180_453, 4: 181_667, 5: 182_856, 6: 183_562, 7: 0}
    assert not dataset.duplicates()


@pytest.mark.real
def test_all_real_values_equal_loadtxt(real, oracles):
    n_files = 0
    for recording in open_dataset(real("uci_emg_gestures.zip")):
        reader = recording.reader
        data = reader.container.read(reader.member.name)
        assert _parse_repeats(data) is not None, "the fast path must be the one that is taken"
        time, counts, classes = oracles.loadtxt_uci(data)
        assert np.array_equal(recording.raw(), counts)
        assert np.array_equal(np.rint(recording.timestamps * 1e3), time)
        assert np.array_equal(recording.labels(), classes)
        assert recording.metadata["last_line_ended"]
        n_files += 1
    assert n_files == 53


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_a_whole_last_row_needs_no_ending(tmp_path, ending):
    data = good(40, ending)
    bare = data.removesuffix(ending.encode())
    for mine, theirs in zip(parse(bare, "f"), parse(data, "f"), strict=True):
        assert np.array_equal(mine, theirs)
    folder = tmp_path / "01"
    folder.mkdir()
    (folder / "1_raw_data_x.txt").write_bytes(bare.replace(b"1e-05", b"0", 1))
    assert open_dataset(tmp_path, "uci")[0].metadata["last_line_ended"] is False


def test_repeated_rows_are_parsed_once_and_alike(uci):
    """The fast path is taken on a sound file, and agrees with the token parser to the last value."""
    reader = uci[0].reader
    data = reader.container.read(reader.member.name)
    fast = _parse_repeats(data)
    assert fast is not None
    for mine, theirs in zip(fast, parse_rows(data, "f"), strict=True):
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)


@given(st.lists(st.tuples(st.integers(1, 999), st.sampled_from([0, 1, -128, 127, 100])), min_size=1, max_size=30))
def test_both_parsers_agree_on_repeats_of_any_length(rows):
    stamps = np.cumsum([step for step, _ in rows])
    counts = np.tile(np.array([count for _, count in rows], np.int8), (8, 1))
    data = text(stamps, counts, np.arange(len(rows)) // 4 % 8)
    for mine, theirs in zip(parse(data, "f"), parse_rows(data, "f"), strict=True):
        assert np.array_equal(mine, theirs)


def test_forged_values_equal_loadtxt(uci, oracles):
    for recording in itertools.islice(uci, 0, None, 5):
        reader = recording.reader
        time, counts, classes = oracles.loadtxt_uci(reader.container.read(reader.member.name))
        assert np.array_equal(recording.raw(), counts)
        assert np.array_equal(np.rint(recording.timestamps * 1e3), time)
        assert np.array_equal(recording.labels(), classes)


def test_the_one_file_that_is_published_cut_off_loses_that_row_only(uci, tmp_path):
    """Public loaders mend the first series of subject 34 by adding a class to its last row."""
    data = Path(uci[0].source).read_bytes()
    cut = data[: data.rstrip().rfind(b"\t")]
    for name, sound in (("1_raw_data_10-51_07.04.16.txt", True), ("2_raw_data_10-53_07.04.16.txt", False)):
        file = tmp_path / name / "34" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(cut)
        recording = open_dataset(tmp_path / name)[0]
        if not sound:
            with pytest.raises(EmgIoError, match=r"file is cut off"):
                recording.raw()
            continue
        assert np.array_equal(recording.raw(), uci[0].raw()[:, :-1])
        assert recording.metadata["last_line_ended"] is False
        assert "last row is cut off as published" in recording.metadata["warnings"][0]
    file.write_bytes(data)
    assert open_dataset(tmp_path / name)[0].metadata["warnings"] == ()
