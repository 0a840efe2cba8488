"""FlexWear-HD: one recording a trial, and what is refused."""

import shutil

import h5py
import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset


@pytest.fixture
def folder(forged, tmp_path):
    """A copy of the forged set that may be damaged."""
    return shutil.copytree(forged("flexwear-hd"), tmp_path / "set")


def first(folder):
    return folder / "p001" / "data_allchannels_initial.h5"


def test_recordings_equal_an_independent_reading(forged):
    dataset = open_dataset(forged("flexwear-hd"))
    assert not dataset.info.non_commercial
    assert len(dataset) == 10 * 2 + 9
    for recording in dataset:
        with h5py.File(recording.source) as file:
            expected = file[f"{recording.task}_p1"][recording.repetition - 1]
        assert np.array_equal(recording.raw(), expected)
        assert np.array_equal(recording.raw(7, 30), expected[:, 7:30])
        assert recording.label_counts() == {recording.task: recording.n_samples}
        assert recording.layout.neighbours(5) == ()


def test_a_missing_gesture_is_missing(forged):
    tasks = {(r.session, r.task) for r in open_dataset(forged("flexwear-hd"))}
    assert ("initial", "tripod") in tasks
    assert ("recalibration", "tripod") not in tasks


DAMAGE = {
    "twice": ("rest_p2", np.zeros((1, 64, 9)), "gesture occurs twice: .*found rest_p2"),
    "electrodes": ("grip_p1", np.zeros((1, 63, 9)), r"not the trials of a gesture: .*number \(1, 63, 9\)"),
    "axes": ("grip_p1", np.zeros((64, 9)), r"not the trials of a gesture: .*number \(64, 9\)"),
    "text": ("grip_p1", np.zeros((1, 64, 9), "S2"), "not the trials of a gesture: .*text"),
    "no time": ("grip_p1", np.zeros((1, 64, 0)), "not the trials of a gesture: .*at most 1000 trials of samples"),
    "NaN": ("grip_p1", np.full((1, 64, 9), np.nan), "sample is not finite: .*in trial 1"),
}


def check_all(folder):
    for recording in open_dataset(folder):
        recording.check()


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files_are_refused(case, folder):
    name, values, message = DAMAGE[case]
    with h5py.File(first(folder), "r+") as file:
        if name in file:
            del file[name]
        file[name] = values
    with pytest.raises(EmgIoError, match=message) as caught:
        check_all(folder)
    assert caught.value.file == str(first(folder))


def test_what_is_no_gesture_is_left_out_and_said(folder):
    keys = [recording.key for recording in open_dataset(folder)]
    with h5py.File(first(folder), "r+") as file:
        file["online_accuracy"] = np.zeros(3)
    dataset = open_dataset(folder)
    assert [recording.key for recording in dataset] == keys
    assert dataset[0].metadata["warnings"] == ("online_accuracy: no gesture of the set, left out",)


def test_a_file_without_gestures_is_refused(folder):
    with h5py.File(first(folder), "r+") as file:
        for name in list(file):
            file.move(name, f"online_{name}")
    with pytest.raises(EmgIoError, match=r"no gesture of the set: .*found online_abduct_p1"):
        open_dataset(folder)


def test_a_trial_that_went_missing_is_refused(folder):
    recording = open_dataset(folder)[1]
    with h5py.File(first(folder), "r+") as file:
        values = file["rest_p1"][:1]
        del file["rest_p1"]
        file["rest_p1"] = values
    with pytest.raises(EmgIoError, match="trial is missing: expected trial 2, found 1 trials"):
        recording.check()
