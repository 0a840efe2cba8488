"""The one-subject Myo set: class names from the file beside the trials, whole counts, the stream."""

import json

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.formats.one_subject_myo import LABELS

ROW = "1,-2,3,-4,5,-6,127,-128"
ENTRY = {"rep_idx": 0, "class_idx": 1, "class_name": "Hand_Open", "file_type": "png"}
KEY = "data/subject1/sgt/trial_1/R_0_C_1.csv"
NAMED = json.dumps({"gifs": False, KEY: ENTRY})


def one(folder, table=f"{ROW}\r\n{ROW}\r\n", names=NAMED):
    trial = folder / "trial_1"
    trial.mkdir(exist_ok=True)
    (trial / "R_0_C_1.csv").write_bytes(table.encode("latin-1"))
    if names is not None:
        (trial / "metadata.json").write_bytes(names.encode())
    return open_dataset(folder, "one-subject-myo")[0]


def test_one_trial(tmp_path):
    recording = one(tmp_path)
    assert recording.key == ("1", "trial_1", "class_1", 0)
    assert recording.raw().tolist() == [[int(cell)] * 2 for cell in ROW.split(",")]
    assert recording.raw().dtype == np.int8
    assert recording.label_counts() == {"hand open": 2}
    assert recording.metadata["clipped"] == [0, 0, 0, 0, 0, 0, 2, 2]


def test_names_win_over_numbers(tmp_path):
    swapped = {KEY.replace("/", "\\"): ENTRY | {"class_name": "wrist_FLEXION"}}
    assert one(tmp_path, names=json.dumps(swapped)).label_counts() == {"wrist flexion": 2}


NAMES = {
    "no file": (None, r"R_0_C_1.csv, metadata.json: nothing names this class"),
    "other trials": (json.dumps({KEY.replace("C_1", "C_2"): ENTRY}), r"r_0_c_1.csv: does not name a trial.*found 0"),
    "twice": (json.dumps({KEY: ENTRY, "x/" + KEY: ENTRY}), r"does not name a trial once.*found 2"),
    "no object": (json.dumps({KEY: 3}), r"does not name a trial once"),
    "a list": ("[1]", r"metadata.json, trial_1/r_0_c_1.csv: does not name a trial once"),
    "other class": (json.dumps({KEY: ENTRY | {"class_idx": 2}}), r"disagrees with the file's name.*\(0, 1\).*\(0, 2\)"),
    "unknown name": (json.dumps({KEY: ENTRY | {"class_name": "Thumb_Up"}}), r"unknown class.*hand close.*Thumb_Up"),
    "no name": (json.dumps({KEY: {"rep_idx": 0, "class_idx": 1}}), r"unknown class.*None"),
    "no JSON": ('{"a"', r"metadata.json, byte 4: not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_names_that_do_not_name(tmp_path, case):
    names, message = NAMES[case]
    with pytest.raises(EmgIoError, match=message):
        one(tmp_path, names=names).raw()


TABLES = {
    "seven columns": (ROW[2:] + "\r\n", r"line 1.*columns.*8.*7"),
    "nine columns": (ROW + ",1\r\n", r"line 1.*columns.*8.*9"),
    "ragged": (f"{ROW}\r\n1,2\r\n", r"line 2.*8 columns"),
    "a point": (ROW.replace("3", "3.5") + "\r\n", r"line 1, column 3"),
    "beyond int8": (ROW.replace("127", "128") + "\r\n", r"line 1, column 7.*-128..127"),
    "text": (ROW.replace("3", "x") + "\r\n", r"line 1, column 3"),
    "nan": (ROW.replace("3", "nan") + "\r\n", r"line 1, column 3"),
    "empty": ("", r"R_0_C_1.csv"),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_that_are_no_counts(tmp_path, case):
    table, message = TABLES[case]
    with pytest.raises(EmgIoError, match=message):
        one(tmp_path, table=table).raw()


def attempt(call):
    """Return what a reader made of a file, and its EmgIoError if it raised one; nothing else may come out."""
    try:
        return call(), None
    except EmgIoError as error:
        return None, error


def test_mutations_are_recordings_or_errors(tmp_path):
    rng, outcomes = np.random.default_rng(22), {True: 0, False: 0}
    table, names = f"{ROW}\r\n" * 8, NAMED
    for turn in range(300):
        texts = [table, names]
        text = texts[turn % 2]
        at = int(rng.integers(len(text)))
        texts[turn % 2] = (
            text[:at] + str(rng.choice(list('0123456789,-"\r\n{}[]. x'))) + text[at + int(rng.integers(3)) :]
        )
        recording = one(tmp_path, *texts)
        raw, error = attempt(recording.raw)
        outcomes[error is None] += 1
        if error:
            assert error.file
        else:
            assert raw.shape == (8, recording.n_samples)
            assert set(recording.labels().tolist()) <= set(LABELS)
    assert min(outcomes.values()) > 50


@pytest.mark.real
def test_all_real_files(real):
    dataset = open_dataset(real("libemg_one_subject_myo"))
    assert len(dataset) == 61
    counts = {}
    for recording in dataset:
        table = np.loadtxt(recording.source, delimiter=",")
        assert np.array_equal(recording.raw(), table.T)
        if recording.task == "stream":
            assert recording.n_samples == 4900
            assert not recording.tracks
            continue
        assert 598 <= recording.n_samples <= 610
        (name,) = recording.label_counts()
        assert name == LABELS[int(recording.task[-1])]
        counts[name] = counts.get(name, 0) + 1
    assert counts == dict.fromkeys(LABELS.values(), 12)
    assert not dataset.duplicates()
