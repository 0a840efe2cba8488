"""Long-term sEMG: days and armband positions, clips of eight decimals, and every way a clip can be wrong."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.formats.longterm import LABELS, POSITIONS

ROW = b"0.0018529,-0.0046184,8.6784e-05,0.0080488,-0.0055107,0.006126,-1.40,0.00062593\n"


def clip(tmp_path, data, name="data/sub4/day12/D12M22T4.csv"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return open_dataset(tmp_path, "longterm-8ch")[0]


def test_names_and_folders_are_read(tmp_path):
    recording = clip(tmp_path, ROW * 300)
    assert recording.key == ("4", "day12", "motion 22", 4)
    assert recording.raw()[:, 7].tolist() == [float(cell) for cell in ROW.split(b",")]
    assert (recording.sfreq, recording.unit) == (200.0, "unknown")
    assert recording.metadata["position"] == "N"
    assert recording.metadata["short"] is False
    assert set(recording.labels().tolist()) == {22}


def test_positions_of_the_design():
    assert len(POSITIONS) == 30
    assert [POSITIONS.count(letter) for letter in "NIO"] == [10, 10, 10]
    assert POSITIONS[:10] == "NIONIIOONN"
    assert len(LABELS) == 22


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ROW[:-20], r"line 1: wrong number of columns: expected 8, found 6"),
        (ROW[:-2], r"line 1: file is cut off: its last line has no end"),
        (ROW + ROW[:-1], r"line 2: file is cut off"),
        (ROW + ROW[:-14], r"line 2: file is cut off"),
        (ROW.replace(b"0.0018529", b"nan"), r"line 1, column 1"),
        (ROW.replace(b"0.0018529", b"1e6"), r"line 1, column 1: sample out of range"),
        (ROW.replace(b"0.0018529", b"0,0018529"), r"line 1: wrong number of columns"),
    ],
)
def test_broken_clips(tmp_path, data, message):
    with pytest.raises(EmgIoError, match=message):
        clip(tmp_path, data).raw()


@pytest.mark.parametrize("name", ["day1/D2M1T1", "day31/D31M1T1", "day1/D1M23T1", "day1/D1M0T1", "day1/D1M1T0"])
def test_clips_that_the_set_cannot_have(tmp_path, name):
    with pytest.raises(EmgIoError, match=r"name: no such clip in the set"):
        clip(tmp_path, ROW, f"data/sub1/{name}.csv")


@pytest.mark.real
def test_real_facts(real):
    dataset = open_dataset(real("longterm_semg_8ch"))
    assert {recording.key for recording in dataset} == {
        ("1", f"day{day}", LABELS[motion], trial) for day in (1, 2) for motion in range(1, 23) for trial in range(1, 5)
    }
    assert len(dataset) == 176
    assert {recording.raw().shape for recording in dataset} == {(8, 300)}
    lowest = min(recording.raw().min() for recording in dataset)
    highest = max(recording.raw().max() for recording in dataset)
    assert (round(lowest, 2), round(highest, 2)) == (-1.40, 1.27)
    positions = {(recording.session, recording.metadata["position"]) for recording in dataset}
    assert positions == {("day1", "N"), ("day2", "I")}
    assert not dataset.duplicates()


@pytest.mark.real
def test_real_values_equal_an_independent_parse(real):
    for recording in open_dataset(real("longterm_semg_8ch")):
        lines = recording.reader.container.read(recording.reader.member.name).decode().splitlines()
        want = np.array([[float(cell) for cell in line.split(",")] for line in lines])
        assert recording.raw().tobytes() == np.ascontiguousarray(want.T).tobytes()
