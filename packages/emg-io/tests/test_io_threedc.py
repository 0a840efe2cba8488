"""3DC: what the folders and names say, lengths that differ, and every way a trial can be wrong."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.formats.threedc import LABELS


def trial(tmp_path, data, name="Participant3/train/EMG/3dc_EMG_gesture_2_10.txt"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return open_dataset(tmp_path, "3dc")[0]


ROW = b"77,-878,62,-17,-11,-21,38,66,182,-29717"


def test_name_and_folders_are_read(tmp_path):
    recording = trial(tmp_path, b"\n".join([ROW] * 3))
    assert recording.key == ("3", "train", "pinch grip", 2)
    assert recording.label_counts() == {"pinch grip": 3}
    assert recording.raw()[:, 2].tolist() == [77, -878, 62, -17, -11, -21, 38, 66, 182, -29717]
    assert (recording.sfreq, recording.unit) == (1000.0, "adc")
    assert recording.metadata["short"] is True
    assert recording.metadata["nominal_samples"] == 5000


def test_letter_case_of_folders_does_not_matter(tmp_path):
    recording = trial(tmp_path, ROW, "participant12/Test/emg/3DC_EMG_gesture_0_1.TXT")
    assert recording.key == ("12", "test", "radial deviation", 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"line 1: file ends before the first row"),
        (ROW + b",1", r"line 1: wrong number of columns: expected 10, found 11"),
        (ROW + b"\n77,-87", r"line 2: not a row: expected 10 columns, found 2"),
        (ROW.replace(b"62", b"6.2"), r"line 1, column 3: not a value: expected an integer, found '6\.2'"),
        (ROW.replace(b"-29717", b"-32769"), r"line 1, column 10.*-32768\.\.32767"),
        (ROW.replace(b"62", b"nan"), r"column 3"),
        (ROW + b"\n\n" + ROW, r"line 2: empty line"),
    ],
)
def test_broken_trials(tmp_path, data, message):
    with pytest.raises(EmgIoError, match=message) as caught:
        trial(tmp_path, data).raw()
    assert caught.value.file.endswith("3dc_EMG_gesture_2_10.txt")


def test_gesture_beyond_the_set(tmp_path):
    with pytest.raises(EmgIoError, match=r"name: no such gesture in the set: expected 0\.\.10, found 11"):
        trial(tmp_path, ROW, "Participant3/train/EMG/3dc_EMG_gesture_2_11.txt")


def test_parts_are_sessions_of_one_person(forged):
    dataset = open_dataset(forged("3dc"))
    assert dataset.subjects == ("1", "2")
    assert {recording.session for recording in dataset} == {"train", "test"}
    assert {recording.metadata["short"] for recording in dataset} == {True}
    assert len({recording.n_samples for recording in dataset}) > 1


@pytest.mark.real
def test_real_facts(real):
    dataset = open_dataset(real("dataset_3dc"))
    assert len(dataset) == 88
    assert {recording.key for recording in dataset} == {
        ("1", session, task, repetition)
        for session in ("train", "test")
        for task in LABELS.values()
        for repetition in range(4)
    }
    lengths = [recording.n_samples for recording in dataset]
    assert (min(lengths), max(lengths)) == (363, 5332)
    assert min(recording.raw().min() for recording in dataset) == -29_717
    assert max(recording.raw().max() for recording in dataset) == 22_366
    for recording in dataset:
        assert set(recording.labels().tolist()) == {dict(map(reversed, LABELS.items()))[recording.task]}
        assert recording.metadata["short"] == (recording.n_samples < 5000)
    assert not dataset.duplicates()


@pytest.mark.real
def test_real_values_equal_an_independent_parse(real):
    for recording in open_dataset(real("dataset_3dc"))[::5]:
        lines = recording.reader.container.read(recording.reader.member.name).decode().splitlines()
        want = [[int(cell) for cell in line.split(",")] for line in lines]
        assert np.array_equal(recording.raw().T, want)
