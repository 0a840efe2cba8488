"""The Myo armband set: bytes to counts, names to labels, the published duplicate found."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.formats.myo_armband import LABELS, PARTS, SESSIONS

TRIAL = "PreTrainingDataset/Female0/training0/classe_0.dat"


def write(folder, name, data):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def one(folder, data, name=TRIAL):
    write(folder, name, data)
    return open_dataset(folder, "myo-armband")[0]


def test_a_number_in_a_name_is_repetition_and_gesture(forged):
    dataset = open_dataset(forged("myo-armband"))
    assert dataset.subjects == ("EvaluationDataset/Female0", "PreTrainingDataset/Female0")
    for recording in dataset:
        number = int(recording.source.rpartition("_")[2].removesuffix(".dat"))
        assert recording.repetition == number // 7
        assert set(recording.labels().tolist()) == {number % 7}
        assert recording.task == LABELS[number % 7]
        assert recording.raw().dtype == np.int16
    assert {r.session for r in dataset if r.subject.startswith(PARTS[1])} == set(SESSIONS)
    person = dataset[0].metadata["person"]
    assert person["Sex"] == ["F"]
    assert len(person["Circumference"]) == 1


def test_a_slice_reads_only_its_rows(tmp_path):
    counts = np.arange(-128, 128).repeat(2).reshape(-1, 8).astype("<i2")
    recording = one(tmp_path, counts.tobytes())
    assert np.array_equal(recording.raw(3, 9), counts[3:9].T)
    bad = counts.copy()
    bad[40, 2] = 128
    recording = one(tmp_path, bad.tobytes())
    assert recording.raw(0, 40).shape == (8, 40)
    with pytest.raises(EmgIoError, match=r"classe_0.dat, sample 40, channel 3: not a Myo count.*-128..127.*128"):
        recording.raw(39, 42)


@pytest.mark.parametrize("n_bytes", [0, 1, 15, 17, 159])
def test_sizes_that_are_no_rows(tmp_path, n_bytes):
    with pytest.raises(EmgIoError, match=rf"size: not whole rows.*multiple of 16 bytes.*found {n_bytes}"):
        _ = one(tmp_path, bytes(n_bytes)).n_samples


def test_a_file_cut_after_listing(tmp_path):
    recording = one(tmp_path, bytes(320))
    assert recording.n_samples == 20
    write(tmp_path, TRIAL, bytes(160))
    with pytest.raises(EmgIoError, match=r"byte 160: file is shorter than when it was listed.*320 bytes"):
        recording.raw()


def test_names_in_any_case_are_spelt_as_the_set_spells_them(tmp_path):
    recording = one(tmp_path, bytes(160), "x/EVALUATIONdataset/male3/TEST0/Classe_27.dat")
    assert recording.key == ("EvaluationDataset/Male3", "Test0", "hand open", 3)


def test_a_trial_beyond_the_set(tmp_path):
    with pytest.raises(EmgIoError, match=r"no such trial in the set.*classe_27.dat.*found classe_28.dat"):
        one(tmp_path, bytes(160), TRIAL.replace("_0.dat", "_28.dat"))


def test_ragged_sheets(tmp_path):
    recording = one(tmp_path, bytes(160))
    assert recording.metadata["person"] == {}
    sheet = "\ufeffSex,F\r\nCircumference,,22,\r\n,,,\r\nTimeMyo,,50, 65\r\nDegree"
    write(tmp_path, "PreTrainingDataset/Female0/experiment.csv", sheet.encode())
    recording = open_dataset(tmp_path, "myo-armband")[0]
    assert recording.metadata["person"] == {
        "Sex": ["F"],
        "Circumference": ["22"],
        "TimeMyo": ["50", "65"],
        "Degree": [],
    }
    write(tmp_path, "PreTrainingDataset/Female0/experiment.csv", b"x" * 70_000)
    with pytest.raises(EmgIoError, match=r"experiment.csv, size: too large for a sheet.*65536"):
        _ = open_dataset(tmp_path, "myo-armband")[0].metadata


def test_sheets_alone_are_no_data_set(tmp_path):
    write(tmp_path, "PreTrainingDataset/Female0/experiment.csv", b"Sex,F")
    with pytest.raises(EmgIoError, match=r"no recordings found"):
        open_dataset(tmp_path, "myo-armband")


def attempt(call):
    """Return what a reader made of a file, and its EmgIoError if it raised one; nothing else may come out."""
    try:
        return call(), None
    except EmgIoError as error:
        return None, error


def test_mutations_are_counts_or_errors(tmp_path):
    rng = np.random.default_rng(21)
    whole, outcomes = rng.integers(-128, 128, (40, 8)).astype("<i2").tobytes(), {True: 0, False: 0}
    for _ in range(300):
        data = bytearray(whole)
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
        del data[int(rng.integers(len(data))) :][: int(rng.integers(3)) * 8]
        raw, error = attempt(one(tmp_path, bytes(data)).raw)
        outcomes[error is None] += 1
        if error:
            assert error.file.endswith("classe_0.dat")
        else:
            assert raw.shape == (8, len(data) // 16)
            assert raw.min() >= -128
            assert raw.max() <= 127
    assert min(outcomes.values()) > 50


@pytest.mark.real
def test_all_real_files(real):
    folder = real("myo_armband_dataset")
    dataset = open_dataset(folder)
    assert len(dataset) == 1708
    assert len(dataset.subjects) == 35
    lengths, histogram = [], dict.fromkeys(LABELS, 0)
    for recording in dataset:
        stored = np.fromfile(recording.source, "<i2").reshape(-1, 8).T
        assert np.array_equal(recording.raw(), stored)
        lengths.append(recording.n_samples)
        histogram[int(recording.labels()[0])] += 1
        assert recording.metadata["person"]["Sex"] == [recording.subject.partition("/")[2][0]]
    assert (min(lengths), max(lengths)) == (732, 1038)
    assert sum(994 <= length <= 1002 for length in lengths) == 1667
    assert set(histogram.values()) == {1708 // 7}
    short = {r.subject for r, n in zip(dataset, lengths, strict=True) if not 994 <= n <= 1002}
    assert "PreTrainingDataset/Female2" in short


@pytest.mark.real
def test_the_published_duplicates_are_found(real):
    dataset = open_dataset(real("myo_armband_dataset"))
    twins = {}
    for group in dataset.duplicates():
        names = [(dataset[i].subject, dataset[i].session, dataset[i].task, dataset[i].repetition) for i in group]
        assert len(names) == 2
        assert names[0][2:] == names[1][2:]
        key = tuple(name[:2] for name in names)
        twins[key] = twins.get(key, 0) + 1
    copy = "EvaluationDataset/Female0"
    assert twins == {
        ((copy, session), (f"PreTrainingDataset/Female{k}", "training0")): 28
        for session, k in zip(SESSIONS, (7, 8, 9), strict=True)
    }
