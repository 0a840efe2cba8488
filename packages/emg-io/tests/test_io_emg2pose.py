"""emg2pose: what the reader makes of one hand and stage, and what it refuses."""

import csv
import shutil

import h5py
import numpy as np
import numpy.lib.recfunctions as rfn
import pytest

from emg_io import EmgIoError, open_dataset


@pytest.fixture
def folder(forged, tmp_path):
    """A copy of the forged set that may be damaged."""
    return shutil.copytree(forged("emg2pose"), tmp_path / "set")


def first(folder):
    return sorted(folder.glob("*.hdf5"))[0]


def rewrite(path, edit=lambda rows: rows, **changed):
    """Write a file anew, its table edited, some attributes changed; None drops one."""
    with h5py.File(path) as file:
        rows, attributes = file["emg2pose/timeseries"][()], dict(file["emg2pose"].attrs)
    with h5py.File(path, "w") as file:
        group = file.create_group("emg2pose")
        group["timeseries"] = edit(rows)
        for name, value in (attributes | changed).items():
            if value is not None:
                group.attrs[name] = value


def read(folder):
    recording = open_dataset(folder, "emg2pose")[0]
    recording.check()
    return recording


def test_recording_equals_an_independent_reading(forged):
    dataset = open_dataset(forged("emg2pose"))
    with (forged("emg2pose") / "metadata.csv").open() as stream:
        listed = {row["filename"]: row for row in csv.DictReader(stream)}
    assert {recording.task for recording in dataset} == {
        "FingerPinches1/left", "FingerPinches1/right", "HandOverHand/left", "HandOverHand/right",
    }  # fmt: skip
    for recording in dataset:
        with h5py.File(recording.source) as file:
            rows, attributes = file["emg2pose/timeseries"][()], dict(file["emg2pose"].attrs)
        assert np.array_equal(recording.raw(), rows["emg"].T)
        assert np.array_equal(recording.timestamps, rows["time"] - rows["time"][0])
        angles = recording.aux("joint_angles")
        assert np.array_equal(angles.values, rows["joint_angles"].T)
        assert (angles.unit, len(angles.channels), angles.channels[4]) == ("rad", 20, "index MCP AA")
        lost = (rows["joint_angles"] == 0).all(axis=1)
        assert np.array_equal(recording.labels("tracked"), ~lost)
        assert recording.label_counts("tracked")["tracking failed"] == lost.sum() > 0
        row = listed[attributes["filename"]]
        for name in ("split", "generalization", "held_out_user", "moving_hand"):
            assert recording.metadata[name] == row[name]
    assert {recording.metadata["generalization"] for recording in dataset} == {"", "user"}


def test_both_hands_of_a_stage_may_differ_in_length(forged):
    left, right = open_dataset(forged("emg2pose"))[:2]
    assert (left.subject, left.session) == (right.subject, right.session)
    assert left.n_samples != right.n_samples


def test_without_metadata_csv_the_files_tell_but_not_the_split(folder):
    keys = [recording.key for recording in open_dataset(folder)]
    (folder / "metadata.csv").unlink()
    dataset = open_dataset(folder)
    assert [recording.key for recording in dataset] == keys
    assert "split" not in dataset[0].metadata


def test_the_table_names_the_user(folder):
    rewrite(first(folder), user="x")
    recording = read(folder)
    assert recording.subject == "0000000000"
    assert recording.metadata["warnings"] == ("user x in the file, 0000000000 in metadata.csv, which counts",)


def test_the_table_may_have_the_name_it_is_downloaded_by(folder):
    (folder / "metadata.csv").rename(folder / "emg2pose_metadata.csv")
    assert open_dataset(folder)[0].metadata["split"] == open_dataset(folder)[1].metadata["split"] != ""


def lost_pose(rows):
    rows["joint_angles"][3, 4] = np.inf
    return rows


DAMAGE = {
    "no angles": (lambda rows: rfn.drop_fields(rows, "joint_angles"), r"expected floating joint_angles \(20,\)"),
    "no band": (lambda rows: rfn.drop_fields(rows, "emg"), r"expected floating emg \(16,\)"),
    "no time": (lambda rows: rfn.drop_fields(rows, "time"), r"expected floating time \(\)"),
    "infinite": (lost_pose, "timeseries: sample is not finite.*in row 3"),
    "reversed": (lambda rows: rows[::-1].copy(), "timeseries: clock does not run forwards"),
    "one row": (lambda rows: rows[:1], "not a time series"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_tables_are_refused(case, folder):
    edit, message = DAMAGE[case]
    rewrite(first(folder), edit)
    with pytest.raises(EmgIoError, match=message) as caught:
        read(folder)
    assert caught.value.file == str(first(folder))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sample_rate": 1000.0}, "sample_rate: rate is not the set's: expected 2000.0 Hz, found 1000.0"),
        ({"sample_rate": None}, "attribute is missing: expected sample_rate"),
        ({"side": "right"}, "file and metadata.csv disagree: expected side left, found right"),
        ({"stage": "x"}, "file and metadata.csv disagree: expected stage FingerPinches1, found x"),
        ({"stage": 3.0}, "attribute stage: attribute is not text"),
    ],
)
def test_damaged_attributes_are_refused(changed, message, folder):
    rewrite(first(folder), **changed)
    with pytest.raises(EmgIoError, match=message):
        read(folder)


def test_unknown_signal_beside_the_band(forged):
    recording = open_dataset(forged("emg2pose"))[0]
    with pytest.raises(EmgIoError, match=r"no such signal beside the EMG.*joint_angles.*found glove"):
        recording.aux("glove")
    with pytest.raises(EmgIoError, match="no such signal beside the EMG"):
        recording.reader.aux("glove")


def test_mutated_files_raise_or_are_valid(folder):
    path, rng, errors = first(folder), np.random.default_rng(6), 0
    rewrite(path, lambda rows: rows[:10])
    whole = path.read_bytes()
    for _ in range(150):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), int(rng.integers(1, 4))).tolist():
            changed[at] = int(rng.choice([0, 1, 127, 255, changed[at] ^ 1, changed[at] ^ 128]))
        path.write_bytes(changed)
        try:
            recording = read(folder)
        except EmgIoError:
            errors += 1
        else:
            assert recording.raw().shape == (16, recording.n_samples)
            assert np.isfinite(recording.aux("joint_angles").values).all()
            assert set(recording.labels("tracked").tolist()) <= {0, 1}
    assert 2 < errors < 145
