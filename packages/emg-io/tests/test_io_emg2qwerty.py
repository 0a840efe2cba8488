"""emg2qwerty: what the reader makes of a typing block, and what it refuses."""

import shutil

import h5py
import numpy as np
import numpy.lib.recfunctions as rfn
import orjson
import pytest

from emg_io import EmgIoError, open_dataset


@pytest.fixture
def folder(forged, tmp_path):
    """A copy of the forged set that may be damaged."""
    return shutil.copytree(forged("emg2qwerty"), tmp_path / "set")


def first(folder):
    return sorted(folder.glob("*.hdf5"))[0]


def change(folder, **attributes):
    with h5py.File(first(folder), "r+") as file:
        for name, value in attributes.items():
            file["emg2qwerty"].attrs[name] = value


def replace_table(folder, edit):
    with h5py.File(first(folder), "r+") as file:
        rows = edit(file["emg2qwerty/timeseries"][()])
        del file["emg2qwerty/timeseries"]
        file["emg2qwerty"].create_dataset("timeseries", data=rows)


def read(folder):
    recording = open_dataset(folder, "emg2qwerty")[0]
    recording.check()
    return recording


def test_recording_equals_an_independent_reading(forged):
    dataset = open_dataset(forged("emg2qwerty"))
    assert dataset.info.non_commercial
    assert not dataset.info.verified_on_real_files
    for recording in dataset:
        with h5py.File(recording.source) as file:
            rows, attributes = file["emg2qwerty/timeseries"][()], dict(file["emg2qwerty"].attrs)
        assert np.array_equal(recording.raw()[:16], rows["emg_left"].T)
        assert np.array_equal(recording.raw()[16:], rows["emg_right"].T)
        assert np.array_equal(recording.timestamps, rows["time"] - rows["time"][0])
        assert recording.raw().dtype == np.float32
        assert recording.metadata["start_unix_s"] == rows["time"][0]
        assert recording.metadata["condition"] == attributes["condition"]
        assert (recording.subject, recording.session) == (attributes["user"], attributes["session_name"])
        strokes = [s for s in orjson.loads(attributes["keystrokes"]) if s["start"] <= rows["time"][-1]]
        found = [event for event in recording.events if event.kind == "keystroke"]
        assert [event.value for event in found] == [stroke["key"] for stroke in strokes]
        assert np.allclose([e.onset for e in found], [s["start"] - rows["time"][0] for s in strokes], atol=0)
        assert recording.metadata["events_outside"] == 1
        assert [e.value for e in recording.events if e.kind == "prompt"] == ["the quick brown fox", ""]


def test_channels_and_layout(forged):
    recording = open_dataset(forged("emg2qwerty"))[0]
    assert recording.channels[:2] == ("left1", "left2")
    assert recording.channels[16:18] == ("right1", "right2")
    assert recording.layout.shape == (2, 16)
    assert recording.layout.neighbours(15) == (0, 14)
    assert recording.layout.neighbours(16) == (17, 31)
    assert recording.sfreq == pytest.approx(2000, rel=1e-3)


def test_without_metadata_csv_the_files_tell(folder):
    with_table = [recording.key for recording in open_dataset(folder)]
    (folder / "metadata.csv").unlink()
    assert [recording.key for recording in open_dataset(folder)] == with_table


def test_slices_span_blocks_and_chunks(forged):
    recording = open_dataset(forged("emg2qwerty"))[1]
    raw = recording.raw()
    for start, stop in ((0, 1), (1023, 1025), (1000, 2100), (recording.n_samples - 1, recording.n_samples)):
        assert np.array_equal(recording.raw(start, stop), raw[:, start:stop])


def test_events_outside_and_without_an_end(folder):
    with h5py.File(first(folder)) as file:
        start = float(file["emg2qwerty/timeseries"]["time"][0])
    strokes = [{"key": "a", "start": start - 9, "end": start - 8}, {"key": "b", "start": start + 0.25, "end": None}]
    strokes.append({"key": "c", "start": start - 0.05, "end": start + 0.05})
    change(folder, keystrokes=orjson.dumps(strokes).decode(), prompts="[]")
    recording = read(folder)
    assert recording.metadata["events_outside"] == 1
    assert [(event.value, event.duration) for event in recording.events][1] == ("b", 0.0)
    assert recording.events[0].onset == pytest.approx(-0.05)


def equal_stamps(rows):
    rows["time"][7] = rows["time"][6]
    return rows


def step_back(rows):
    rows["time"][7] = rows["time"][5]
    return rows


def backwards(rows):
    rows["time"][-1] = 0
    return rows


def not_a_number(rows):
    rows["emg_right"][70, 3] = np.nan
    return rows


def without_right(rows):
    return rfn.drop_fields(rows, "emg_right")


def of_two_dtypes(rows):
    form = [("time", "f8"), ("emg_left", "f4", (16,)), ("emg_right", "f8", (16,))]
    return np.zeros(len(rows), form)


def of_single_time(rows):
    return np.zeros(len(rows), [("time", "f4"), ("emg_left", "f4", (16,)), ("emg_right", "f4", (16,))])


def of_15(rows):
    return np.zeros(len(rows), [("time", "f8"), ("emg_left", "f4", (15,)), ("emg_right", "f4", (16,))])


TABLES = {
    "one step back": (step_back, r"timeseries: clock runs backwards.*in row 7"),
    "backwards": (backwards, "timeseries: clock does not run forwards"),
    "NaN": (not_a_number, "timeseries: sample is not finite.*in row 70"),
    "one band": (without_right, r"member is missing or of another shape: expected floating emg_right \(16,\)"),
    "two dtypes": (of_two_dtypes, "members differ in dtype"),
    "single time": (of_single_time, "members differ in dtype: expected one dtype, and float64 time"),
    "15 electrodes": (of_15, r"expected floating emg_left \(16,\)"),
    "one row": (lambda rows: rows[:1], r"not a time series: expected two or more rows.*\(1,\)"),
    "no rows": (lambda rows: rows[:0], "not a time series"),
    "two axes": (lambda rows: rows[:4].reshape(2, 2), "not a time series"),
    "numbers": (lambda rows: rows["emg_left"].copy(), "not a time series"),
}


@pytest.mark.parametrize("case", TABLES)
def test_damaged_tables_are_refused(case, folder):
    edit, message = TABLES[case]
    replace_table(folder, edit)
    with pytest.raises(EmgIoError, match=message) as caught:
        read(folder)
    assert caught.value.file == str(first(folder))


def test_repeated_stamps_are_read_as_they_are(folder):
    """The set's own loader promises stamps that never decrease, not stamps that differ."""
    replace_table(folder, equal_stamps)
    recording = open_dataset(folder)[0]
    assert recording.timestamps[6] == recording.timestamps[7]
    held = recording.resample(2000.0)
    assert abs(held.n_samples - recording.n_samples) <= 2


def test_the_table_names_the_user(folder):
    change(folder, user="user77")
    recording = read(folder)
    assert recording.subject == "user0"
    assert recording.metadata["warnings"] == ("user user77 in the file, user0 in metadata.csv, which counts",)


ATTRIBUTES = {
    "not JSON": ({"keystrokes": "[{"}, "keystrokes: attribute is not JSON"),
    "deep JSON": ({"prompts": "[" * 5000 + "]" * 5000}, "prompts: attribute is not JSON"),
    "no list": ({"keystrokes": "{}"}, "keystrokes: attribute is not a list of objects"),
    "numbers": ({"keystrokes": "[1, 2]"}, "keystrokes: attribute is not a list of objects"),
    "no key": ({"keystrokes": '[{"start": 1, "end": 2}]'}, "keystrokes: key is not text"),
    "no start": ({"keystrokes": '[{"key": "a", "end": 2}]'}, "event has no time.*'a' from None to 2"),
    "text for time": ({"keystrokes": '[{"key": "a", "start": "1"}]'}, "event has no time"),
    "ends early": ({"keystrokes": '[{"key": "a", "start": 2, "end": 1}]'}, "event ends before it starts"),
    "payload": ({"prompts": '[{"start": 1, "end": 2, "payload": {"text": 7}}]'}, "prompts: text is not text"),
    "user": ({"user": 7}, "attribute user: attribute is not text"),
    "other session": ({"session_name": "x"}, "file and metadata.csv disagree: expected session 2020-.*found x"),
    "duration": ({"duration_mins": np.nan}, "duration_mins: attribute is not a number"),
    "durations": ({"duration_mins": [1.0, 2.0]}, "duration_mins: attribute is not a number"),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_damaged_attributes_are_refused(case, folder):
    values, message = ATTRIBUTES[case]
    change(folder, **values)
    with pytest.raises(EmgIoError, match=message) as caught:
        read(folder)
    assert caught.value.file == str(first(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user\nu", "columns are missing: expected columns user, session"),
        ("user,user,session\na,b,c", "columns are missing"),
        ("user,session\na", "row 2: ragged row: expected 2 columns, found 1"),
        ('user,session\n"a,b', "not a CSV table"),
        ("", "columns are missing"),
    ],
)
def test_damaged_metadata_csv_is_refused(text, message, folder):
    (folder / "metadata.csv").write_text(text)
    with pytest.raises(EmgIoError, match=message) as caught:
        open_dataset(folder, "emg2qwerty")
    assert caught.value.file.endswith("metadata.csv")


def test_attributes_may_be_missing_only_with_an_error(folder):
    for name in ("keystrokes", "prompts", "condition", "session_name"):
        with h5py.File(first(folder), "r+") as file:
            kept = file["emg2qwerty"].attrs[name]
            del file["emg2qwerty"].attrs[name]
        with pytest.raises(EmgIoError, match=f"/emg2qwerty: attribute is missing: expected {name}"):
            read(folder)
        change(folder, **{name: kept})
    read(folder)


def test_other_hdf5_files_are_left_alone(tmp_path):
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["data"] = np.zeros(4)
    with pytest.raises(EmgIoError, match="no recordings found"):
        open_dataset(tmp_path)


def shorten(path, n_rows):
    """Write the file anew with its first rows only."""
    with h5py.File(path) as file:
        rows, attributes = file["emg2qwerty/timeseries"][:n_rows], dict(file["emg2qwerty"].attrs)
    with h5py.File(path, "w") as file:
        group = file.create_group("emg2qwerty")
        group["timeseries"] = rows
        for name, value in attributes.items():
            group.attrs[name] = value


def test_mutated_files_raise_or_are_valid(folder):
    """A bit more than the header is mutated; what is still accepted keeps the contract."""
    path, rng, errors = first(folder), np.random.default_rng(5), 0
    shorten(path, 40)
    whole = path.read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), int(rng.integers(1, 4))).tolist():
            changed[at] = int(rng.choice([0, 1, 127, 255, changed[at] ^ 1, changed[at] ^ 128]))
        path.write_bytes(changed[: len(whole) if rng.integers(0, 8) else int(rng.integers(0, len(whole)))])
        try:
            recording = open_dataset(folder, "emg2qwerty")[0]
            recording.check()
        except EmgIoError:
            errors += 1
        else:
            assert recording.raw().shape == (32, recording.n_samples)
            assert np.isfinite(recording.raw()).all()
            assert (np.diff(recording.timestamps) > 0).all()
    assert 20 < errors < 290
