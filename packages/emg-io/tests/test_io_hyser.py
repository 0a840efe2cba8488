"""Hyser: layout, labels, forces, the set's gaps, and records that are not of the set."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines._wfdb_write import SignalText, record_bytes
from emg_io.formats import REGISTRY
from emg_io.formats.hyser import CHANNELS, GESTURES

LAYOUT = REGISTRY["hyser"].info.layout


def emg_record(folder, name, names=CHANNELS, unit="mV", n_times=16, rate=2048.0, gain=100.0):
    folder.mkdir(parents=True, exist_ok=True)
    codes = np.random.default_rng(0).integers(-9000, 9000, (len(names), n_times)).astype(np.int16)
    for file, content in record_bytes(name, codes, [SignalText(n, gain, 3, unit) for n in names], rate).items():
        (folder / file).write_bytes(content)
    return codes


@pytest.fixture
def session(tmp_path):
    """One session of the gesture part, one raw trial of each stage."""
    folder = tmp_path / "pr_dataset" / "subject07_session2"
    for stage in ("dynamic", "maintenance"):
        emg_record(folder, f"{stage}_raw_sample2")
        (folder / f"label_{stage}.txt").write_text("34, 5\n,5")
    return folder


def test_layout_is_the_authors_picture():
    assert LAYOUT.kind == "grids"
    assert LAYOUT.shape == (16, 16)
    assert LAYOUT.pitch_mm == 10.0
    corners = {(0, 0): (0, 0), (1, 0): (8, 0), (2, 0): (0, 8), (3, 0): (8, 8)}
    for block in range(4):
        top, left = corners[block, 0]
        for row in range(8):
            for column in range(8):
                channel = 64 * block + 63 - 8 * row - column
                assert LAYOUT.position(channel) == (top + row, left + column)
                array = ("ED", "EP", "FD", "FP")[block]
                assert CHANNELS[channel] == f"{array}-{row + 1}-{column + 1}"


def test_sessions_may_lie_outside_the_folder_of_their_part(session):
    keys = [recording.key for recording in open_dataset(session.parents[1])]
    assert keys[0] == ("7", "2", "pr/dynamic/raw", 2)
    assert [recording.key for recording in open_dataset(session.parent)] == keys


def test_there_are_34_gestures():
    assert list(GESTURES) == list(range(1, 35))
    assert len(set(GESTURES.values())) == 34
    assert [GESTURES[n] for n in (1, 6, 11, 14, 25, 30, 34)] == [
        "thumb extension",
        "wrist flexion",
        "wrist supination",
        "hand close with flexion",
        "hand open with supination",
        "hand close",
        "thumb-middle pinch",
    ]


def test_forged_sub_data_sets(forged):
    dataset = open_dataset(forged("hyser"))
    tasks = {recording.task for recording in dataset}
    assert tasks == {
        "pr/dynamic/raw", "pr/dynamic/preprocess", "pr/maintenance/raw", "pr/maintenance/preprocess",
        "1dof/finger2/raw", "ndof/combination3/raw", "random/raw", "mvc/finger1/flexion/raw",
    }  # fmt: skip
    assert {recording.session for recording in dataset} == {"1", "2"}
    for recording in dataset:
        part = recording.task.split("/")[0]
        assert (recording.repetition is None) == (part == "mvc")
        assert set(recording.tracks) == ({"label", "repetition"} if part == "pr" else set())
        assert recording.aux_names == (("force",) if part in {"1dof", "mvc", "random"} else ())
        note = recording.metadata["warnings"]
        assert note == (("no force record beside this one",) if part == "ndof" else ())
        assert np.abs(recording.signal()).max() < 16.7


def test_forces_stand_beside_the_emg(forged):
    recording = next(r for r in open_dataset(forged("hyser")) if r.task == "1dof/finger2/raw")
    force = recording.aux("force")
    assert force.channels == ("thumb", "index", "middle", "ring", "little")
    assert (force.sfreq, force.unit) == (100.0, "N")
    assert force.values.shape == (5, round(recording.n_samples / 2048 * 100))
    assert force.values[1].max() == pytest.approx(20.0)
    assert not force.values[0].any()
    with pytest.raises(EmgIoError, match="no such signal"):
        recording.aux("glove")


def test_label_and_repetition_hold_throughout_a_trial(session):
    first, second = open_dataset(session.parents[1])
    assert (first.subject, first.session, first.repetition) == ("7", "2", 2)
    assert [first.task, second.task] == ["pr/dynamic/raw", "pr/maintenance/raw"]
    assert first.label_counts() == {"little extension": 16}
    assert set(first.track("repetition").values.tolist()) == {1}
    assert set(GESTURES) >= set(first.track("label").values.tolist())


def test_files_of_other_spelling_and_depth(session, tmp_path):
    deep = tmp_path / "x" / "hd-semg" / "PR_DATASET"
    deep.parent.mkdir(parents=True)
    session.parent.rename(deep)
    for file in list(next(deep.iterdir()).iterdir()):
        if file.suffix != ".dat":
            file.rename(file.with_name(file.name.replace("label", "Label").replace(".hea", ".HEA")))
    dataset = open_dataset(tmp_path / "x")
    assert dataset.format == "hyser"
    assert len(dataset) == 2
    assert dataset[0].label_counts() == {"little extension": 16}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            "34",
            r"label_dynamic\.txt, entry 2: trial has no label: expected .*dynamic_raw_sample2\.hea, found 1 entries",
        ),
        ("34,35", r"label_dynamic\.txt, entry 2: not a label: expected 1\.\.34.*found '35'"),
        ("0,1", "entry 1: not a label"),
        ("34,,", "entry 2: not a label.*found ''"),
        ("34,", "entry 2: trial has no label.*found 1 entries"),
        ("34;1", "not a label"),
        ("1,\xe9", "entry 2: not a label"),
        ("1," * 40_000, "not a label"),
    ],
)
def test_bad_labels_are_refused(labels, message, session):
    (session / "label_dynamic.txt").write_bytes(labels.encode("latin-1"))
    recording = open_dataset(session.parents[1])[0]
    with pytest.raises(EmgIoError, match=message):
        recording.labels()


def test_trials_without_labels_are_refused(session):
    (session / "label_dynamic.txt").unlink()
    with pytest.raises(EmgIoError, match=r"labels are missing: expected label_dynamic\.txt beside it"):
        open_dataset(session.parents[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"names": CHANNELS[:255]},
            "not an EMG record of Hyser: expected 256 signals at 2048 Hz, found 255 at 2048 Hz",
        ),
        ({"rate": 1000.0}, "found 256 at 1000 Hz"),
        ({"unit": "N"}, "unit is no voltage"),
        ({"names": CHANNELS[::-1]}, "signal 0: channels stand in another order.*expected ED-8-8, found 'FP-1-1'"),
    ],
)
def test_records_that_are_not_of_the_set_are_refused(changes, message, tmp_path):
    emg_record(tmp_path / "random_dataset" / "subject01_session1", "random_raw_sample1", **changes)
    with pytest.raises(EmgIoError, match=message):
        open_dataset(tmp_path)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("V", 1.0), ("uV", 1e-3)])
def test_units_of_the_header(unit, factor, tmp_path):
    codes = emg_record(tmp_path / "random_dataset" / "subject01_session1", "random_raw_sample1", unit=unit)
    (recording,) = open_dataset(tmp_path)
    assert recording.unit == "mV"
    assert np.allclose(recording.signal(dtype=np.float64), (codes - 3) / 100.0 * factor)
    assert f"header says {unit}" in recording.metadata["unit"]


def test_channels_without_names_are_placed_and_told(tmp_path):
    names = [f"ch{n}" for n in range(256)]
    emg_record(tmp_path / "random_dataset" / "subject01_session1", "random_raw_sample1", names=names)
    (recording,) = open_dataset(tmp_path)
    assert recording.channels == CHANNELS
    assert "header names no electrodes: placed by position" in recording.metadata["warnings"]


def test_a_force_record_of_another_rate_is_refused(tmp_path):
    folder = tmp_path / "random_dataset" / "subject01_session1"
    emg_record(folder, "random_raw_sample1")
    emg_record(folder, "random_force_sample1", names=("thumb",), unit="N", rate=50.0)
    (recording,) = open_dataset(tmp_path)
    with pytest.raises(
        EmgIoError, match=r"random_force_sample1\.hea, line 1: not a force record: expected 100 Hz, found 50 Hz"
    ):
        recording.aux("force")


def test_known_gaps_are_no_errors(tmp_path):
    REGISTRY["hyser"].forge(tmp_path, 3, 1, n_gestures=1, segment_s=0.03)
    trials = [recording for recording in open_dataset(tmp_path) if recording.task == "pr/dynamic/raw"]
    assert [sum(recording.subject == subject for recording in trials) for subject in "123"] == [4, 4, 0]


def test_a_missing_signal_file_is_named(session):
    (session / "dynamic_raw_sample2.dat").unlink()
    recording = open_dataset(session.parents[1])[0]
    with pytest.raises(EmgIoError, match=r"dynamic_raw_sample2\.hea, dynamic_raw_sample2\.dat: signal file is missing"):
        recording.raw()
