"""generic-neuromotor-interface: three tasks, one reader; and the data frames of pandas without pandas."""

import shutil

import h5py
import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.formats.neuromotor import TASKS

NAMES = [task.name for task in TASKS]


@pytest.fixture
def folder(forged, tmp_path):
    """A copy of a forged task that may be damaged."""
    return lambda name: shutil.copytree(forged(name), tmp_path / "set")


def first(folder):
    return sorted(folder.glob("*.hdf5"))[0]


def rewrite(path, edit, task=None, *, frames=True):
    """Write a file anew, its table edited; another task; frames left out."""
    with h5py.File(path) as file:
        rows, told = file["data"][()], file["data"].attrs["task"]
        with h5py.File(path.with_suffix(".new"), "w") as new:
            new["data"] = edit(rows)
            new["data"].attrs["task"] = task or told
            for name in set(file) - {"data"} if frames else ():
                file.copy(name, new)
    path.with_suffix(".new").replace(path)


def read(folder, name):
    recording = open_dataset(folder, name)[0]
    recording.check()
    return recording


@pytest.mark.parametrize("name", NAMES)
def test_recording_equals_an_independent_reading(name, forged):
    dataset = open_dataset(forged(name))
    task = TASKS[NAMES.index(name)]
    assert dataset.info.non_commercial
    for recording in dataset:
        with h5py.File(recording.source) as file:
            rows = file["data"][()]
        assert np.array_equal(recording.raw(), rows["emg"].T)
        assert np.array_equal(recording.timestamps, rows["time"] - rows["time"][0])
        assert (recording.unit, recording.scale, recording.task) == ("V", 1.0, task.files)
        stages = [event for event in recording.events if event.kind == "stage"]
        assert [event.value for event in stages] == ["stage_0", "stage_1", "stage_2"]
        assert stages[0].onset == 0.0
        assert {event.kind for event in recording.events} == {"stage", task.prompts} - {""}
        if not task.prompts:
            angles = recording.aux("wrist_angles")
            assert np.array_equal(angles.values, rows["wrist_angles"].T)
            assert (angles.unit, angles.channels[0]) == ("rad", "flexion-extension")


def test_gestures_come_as_events(forged):
    recording = open_dataset(forged("neuromotor-gestures"))[0]
    found = [event for event in recording.events if event.kind == "gesture"]
    assert [event.value for event in found] == ["index_press", "index_release", "middle_press", "middle_release"]
    assert all(event.duration == 0 for event in found)


def test_prompts_come_with_their_span(forged):
    for recording in open_dataset(forged("neuromotor-handwriting")):
        found = [event for event in recording.events if event.kind == "prompt"]
        assert found[0].value == "hello world"
        assert found[0].duration == pytest.approx(0.25)


def test_splits_come_from_the_corpus_table(forged, folder):
    for recording in open_dataset(forged("neuromotor-wrist")):
        split = ("train", "val", "test")[int(recording.subject) % 3]
        assert recording.metadata["split"] == split
        parts = recording.metadata["splits"]
        assert [part["split"] for part in parts] == [split, split]
        assert parts[0]["end_s"] == parts[1]["start_s"]
        assert parts[1]["end_s"] == pytest.approx(recording.timestamps[-1], abs=1e-6)
    place = folder("neuromotor-wrist")
    (place / "wrist_corpus.csv").unlink()
    assert "split" not in open_dataset(place)[0].metadata


def no_time(rows):
    rows["time"][4] = np.nan
    return rows


def no_angles(rows):
    return rows[["time", "emg"]]


DAMAGE = {
    "clock": (no_time, {}, r"/data: clock runs backwards.*in row 4"),
    "angles": (no_angles, {}, r"/data: member is missing or of another shape: expected wrist_angles \(angles,\)"),
    "task": (lambda rows: rows, {"task": "handwriting"}, "file is of another task: expected wrist, found handwriting"),
    "frames": (lambda rows: rows, {"frames": False}, "data frame is missing: expected stages, found no data frames"),
    "short": (lambda rows: rows[:1], {}, "not a time series"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_files_are_refused(case, folder):
    edit, options, message = DAMAGE[case]
    place = folder("neuromotor-wrist")
    rewrite(first(place), edit, **options)
    with pytest.raises(EmgIoError, match=message) as caught:
        read(place, "neuromotor-wrist")
    assert caught.value.file == str(first(place))


@pytest.mark.parametrize("row", ["x,1,2", "x,a,2,train", "x,3,2,train", "x,nan,2,train"])
def test_damaged_corpus_table_is_refused(row, folder):
    place = folder("neuromotor-wrist")
    (place / "wrist_corpus.csv").write_text(f"dataset,start,end,split\n{row}\n")
    with pytest.raises(EmgIoError, match=r"row 2: (ragged row|not a span of time)") as caught:
        open_dataset(place)
    assert caught.value.file.endswith("wrist_corpus.csv")


def without(name):
    def edit(group):
        del group.attrs[name]

    return edit


def replaced(name, data):
    def edit(group):
        del group[name]
        group[name] = data

    return edit


@pytest.mark.parametrize(("row", "n_open"), [("0,inf", 1), ("-inf,inf", 2)])
def test_spans_may_be_open(row, n_open, folder):
    place = folder("neuromotor-wrist")
    name = sorted(place.glob("*.hdf5"))[0].stem
    (place / "wrist_corpus.csv").write_text(f"dataset,start,end,split\n{name},{row},train\n")
    said = open_dataset(place)[0].metadata
    (part,) = said["splits"]
    assert part["end_s"] == said["duration_s"]
    assert part["start_s"] == (0.0 if n_open == 2 else -said["start_unix_s"])


FRAMES = {
    "no kind": (0, without("pandas_type"), "data frame is missing: expected stages"),
    "no blocks": (0, without("nblocks"), "attribute is missing: expected nblocks"),
    "columns": (0, replaced("block1_items", np.array([b"begin", b"end"])), "expected start or time"),
    "same names": (0, replaced("block1_items", np.array([b"end", b"end"])), "columns do not name themselves apart"),
    "three names": (0, replaced("block1_items", np.array([b"a", b"b", b"c"])), "block does not fit the frame"),
    "index": (0, replaced("axis1", np.arange(9)), "block does not fit the frame|not a list"),
    "text": (0, replaced("block1_values", np.zeros((3, 2), "S4")), "stages"),
    "objects": (0, replaced("block0_values", np.zeros((1, 3))), "column is not text: expected texts in name"),
    "table": (1, replaced("table", np.zeros(3)), "table: not a table"),
    "no list": (1, replaced("table", np.zeros(3, [("index", "i8"), ("x", "f8")])), "expected x_kind"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_damaged_frames_are_refused(case, folder):
    which, edit, message = FRAMES[case]
    place = folder("neuromotor-gestures")
    path = sorted(place.glob("*.hdf5"))[which]
    with h5py.File(path, "r+") as file:
        edit(file["stages"])
    with pytest.raises(EmgIoError, match=message) as caught:
        open_dataset(place)[which].check()
    assert caught.value.file == str(path)


@pytest.mark.parametrize("which", [0, 1])
def test_mutated_files_raise_or_are_valid(which, folder):
    """File 0 has pandas' fixed frames, file 1 its tables."""
    place = folder("neuromotor-gestures")
    path, rng, errors = sorted(place.glob("*.hdf5"))[which], np.random.default_rng(7 + which), 0
    rewrite(path, lambda rows: rows[:20])
    whole = path.read_bytes()
    for _ in range(120):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), int(rng.integers(1, 6))).tolist():
            changed[at] = int(rng.choice([0, 1, 127, 255, changed[at] ^ 1, changed[at] ^ 128]))
        path.write_bytes(changed)
        try:
            recording = open_dataset(place, "neuromotor-gestures")[which]
            recording.check()
        except EmgIoError:
            errors += 1
        else:
            assert recording.raw().shape == (16, recording.n_samples)
            assert all(np.isfinite([event.onset, event.duration]).all() for event in recording.events)
    assert 5 < errors < 118
