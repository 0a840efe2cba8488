"""Myo readings: eight files a recording, labels in the last column, and every way a file can be wrong."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.formats.myo_readings import LABELS


def reading(tmp_path, data, name="12345-2/3.txt"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return open_dataset(tmp_path, "myo-readings")[0]


ROWS = [b"11,32,-3,-43,4,5,42,-128,0", b"13,24,-5,12,43,42,12,127,3", b"123,121,-100,-88,-32,32,123,13,3"]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_names_and_columns_are_read(tmp_path, ending):
    recording = reading(tmp_path, ending.join([*ROWS, ROWS[0], ROWS[1]]))
    assert recording.key == ("12345", "2", "radial deviation", None)
    assert recording.raw().dtype == np.int8
    assert recording.raw()[:, 0].tolist() == [11, 32, -3, -43, 4, 5, 42, -128]
    assert recording.labels().tolist() == [0, 3, 3, 0, 3]
    assert recording.labels("repetition").tolist() == [0, 1, 1, 0, 2]
    assert (recording.sfreq, recording.unit) == (200.0, "adc")
    assert "nominal" in recording.metadata["clock"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n".join(ROWS).replace(b"-128", b"-129"), r"line 1, column 8.*-128\.\.127, found '-129'"),
        (b"\n".join(ROWS).replace(b"13,3", b"13,4"), r"line 3, column 9: label that does not belong.*0 or 3, found 4"),
        (b"\n".join(ROWS)[:-2], r"line 3: not a row: expected 9 columns, found 8"),
        (b"\n".join([*ROWS, b"", ROWS[0]]), r"line 4: empty line"),
        (ROWS[0][:-2], r"wrong number of columns: expected 9, found 8"),
        (b"\n".join(ROWS).replace(b"32", b"3 2"), r"line 1, column 2"),
    ],
)
def test_broken_readings(tmp_path, data, message):
    with pytest.raises(EmgIoError, match=message):
        reading(tmp_path, data).raw()


def test_gesture_beyond_the_set(tmp_path):
    with pytest.raises(EmgIoError, match=r"no such gesture in the set: expected 0\.txt to 7\.txt, found 8\.txt"):
        reading(tmp_path, ROWS[0], "12345-2/8.txt")


def test_other_tables_under_the_same_names_are_not_claimed(tmp_path):
    reading(tmp_path, ROWS[0])
    assert open_dataset(tmp_path).format == "myo-readings"
    reading(tmp_path, b"")
    assert open_dataset(tmp_path).format == "myo-readings", "a damaged file is claimed, so that it is not passed over"
    reading(tmp_path, b"1,2,3")
    with pytest.raises(EmgIoError, match=r"no recordings found"):
        open_dataset(tmp_path)


@pytest.mark.real
def test_real_facts(real):
    dataset = open_dataset(real("myo_readings"))
    assert len(dataset) == 96
    assert dataset.subjects == ("10000", "12345", "99998", "99999")
    n_crlf = 0
    for recording in dataset:
        gesture = dict(map(reversed, LABELS.items()))[recording.task]
        n_crlf += b"\r\n" in recording.reader.container.read(recording.reader.member.name)
        assert 11_816 <= recording.n_samples <= 12_464
        assert 196 < recording.metadata["rows_per_second"] < 208
        segments = recording.segments()
        if gesture == 0:
            assert [value for _, _, value in segments] == [0]
            continue
        assert [value for _, _, value in segments] == [0, gesture] * 6
        assert all(676 <= stop - start <= 1600 for start, stop, _ in segments)
        assert set(recording.labels("repetition").tolist()) == set(range(7))
    assert n_crlf == 24
    assert not dataset.duplicates()


@pytest.mark.real
def test_real_values_equal_an_independent_parse(real):
    for recording in open_dataset(real("myo_readings"))[::16]:
        lines = recording.reader.container.read(recording.reader.member.name).decode().splitlines()
        want = np.array([[int(cell) for cell in line.split(",")] for line in lines]).T
        assert np.array_equal(recording.raw(), want[:8])
        assert np.array_equal(recording.labels(), want[8])
