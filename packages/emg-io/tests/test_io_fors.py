"""FORS-EMG: channels first, names whatever their capitals, both spellings of ulnar, and what is refused."""

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5_write import mat_bytes

VALUE = np.arange(8 * 30, dtype=float).reshape(8, 30)


def written(folder, path="Subject1/Rest/Index-1.mat", **made):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(mat_bytes(made or {"value": VALUE}))
    return open_dataset(folder, "fors-emg")


def test_values_equal_scipy(forged):
    dataset = open_dataset(forged("fors-emg"))
    assert dataset.format == "fors-emg"
    for recording in dataset:
        theirs = scipy.io.loadmat(recording.source)["value"]
        assert recording.raw().dtype == theirs.dtype
        assert np.array_equal(recording.raw(), theirs)
        assert set(recording.labels().tolist()) <= set(dataset.label_names)
        assert (recording.sfreq, recording.unit, recording.layout.kind) == (985.0, "unknown", "unplaced")
        assert recording.task == f"{next(iter(recording.label_counts()))}, {recording.metadata['orientation']}"


def test_twelve_gestures_radial_is_not_ulnar(forged):
    names = open_dataset(forged("fors-emg")).label_names
    assert list(names) == list(range(1, 13))
    assert (names[11], names[12]) == ("ulnar deviation", "radial deviation")
    assert len(set(names.values())) == 12


@pytest.mark.parametrize(("path", "task"), [
    ("FORS-EMG/Subject3/rest/Ulner_Deviation-5.mat", "ulnar deviation, rest"),
    ("subject3/PRONATION/ulnar_deviation-5.MAT", "ulnar deviation, pronation"),
    ("Subject3/Supination/Radial_Deviation-5.mat", "radial deviation, supination"),
    ("Subject3/Supination/thumb_up-5.mat", "thumb up, supination"),
])  # fmt: skip
def test_names_whatever_their_capitals(tmp_path, path, task):
    recording = written(tmp_path, path)[0]
    assert recording.key == ("3", "1", task, 5)
    assert recording.label_counts() == {task.split(",")[0]: 30}


@pytest.mark.parametrize("path", [
    "Subject20/Rest/Index-1.mat", "Subject0/Rest/Index-1.mat", "Subject1/Rest/Fist-1.mat", "Subject1/Rest/Peace2-1.mat",
    "Subject1/Rest/Index-6.mat",
    "Subject1/Rest/Index-0.mat",
])  # fmt: skip
def test_trials_outside_the_set_are_refused(tmp_path, path):
    with pytest.raises(EmgIoError, match=f"no such trial in FORS-EMG.*found {path}"):
        written(tmp_path, path)


def test_both_spellings_of_one_trial_are_two_files_for_one_recording(tmp_path):
    written(tmp_path, "Subject1/Rest/Ulnar_Deviation-1.mat")
    with pytest.raises(EmgIoError, match="recording occurs twice"):
        written(tmp_path, "Subject1/Rest/Ulner_Deviation-1.mat")


@pytest.mark.parametrize(("made", "message"), [
    ({"values": VALUE}, "value: variable is missing"),
    ({"value": VALUE.T}, r"value: wrong shape: channels come first in this set: expected \(8, time\), found \(30, 8\)"),
    ({"value": np.zeros((8, 0))}, "value: wrong shape"),
    ({"value": np.where(VALUE == 33, np.nan, VALUE)}, "value, row 1, column 3: sample is no number.*found nan"),
    ({"value": np.where(VALUE == 33, np.inf, VALUE)}, "value, row 1, column 3.*found inf"),
    ({"value": "text"}, "value: variable is not numeric"),
])  # fmt: skip
def test_broken_content_names_the_field(tmp_path, made, message):
    recording = written(tmp_path, **made)[0]
    with pytest.raises(EmgIoError, match=message) as caught:
        recording.check()
    assert caught.value.file.endswith("Index-1.mat")
