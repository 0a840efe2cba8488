"""NinaPro DB1: exact against scipy, ragged lengths, exercises, broken contents, and all real files."""

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5 import MatFile
from emg_io.engines._mat5_write import mat_bytes

N = 300
ROW = np.arange(N)[:, None]


def fields(**changes):
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1, 0, 2, 0, 12], 50).astype(np.uint8)
    repetition = np.repeat([0, 1, 0, 1, 0, 10], 50).astype(np.uint8)
    made = {
        "subject": np.array([[3]], np.uint8),
        "exercise": np.array([[1]], np.uint8),
        "emg": rng.integers(0, 1900, (N, 10)) * 0.0024,
        "stimulus": label,
        "restimulus": label,
        "repetition": repetition,
        "rerepetition": repetition,
    }
    made |= changes
    return {name: value for name, value in made.items() if value is not None}


def dataset(folder, name="S3_A1_E1.mat", **changes):
    (folder / name).write_bytes(mat_bytes(fields(**changes)))
    return open_dataset(folder, "ninapro-db1")


def test_values_equal_scipy(nina):
    for recording in nina:
        theirs = scipy.io.loadmat(recording.source)
        assert np.array_equal(recording.raw(), theirs["emg"].T)
        assert recording.raw().dtype == theirs["emg"].dtype
        assert np.array_equal(recording.labels(), theirs["restimulus"].ravel())
        assert np.array_equal(recording.labels("repetition"), theirs["rerepetition"].ravel())
        assert np.array_equal(recording.labels("cue"), theirs["stimulus"].ravel())


def test_facts(nina):
    recording = nina[0]
    assert (recording.sfreq, recording.uniform, recording.unit, recording.n_chans) == (100.0, True, "V", 10)
    assert recording.timestamps is None
    assert "nominal" in recording.metadata["clock"]
    assert "unverified" in recording.metadata["unit"]
    assert "envelope" in recording.metadata["signal"]
    assert recording.layout.position(9) == (1, 1)
    assert recording.layout.neighbours(7) == (0, 6)
    assert recording.layout.neighbours(8) == ()
    assert nina.label_names[1] == "index flexion"
    assert list(nina.label_names) == list(range(53))
    assert len(set(nina.label_names.values())) == 53


@pytest.mark.parametrize(("field", "name"), [("emg", "emg"), ("restimulus", "label"), ("rerepetition", "repetition")])
def test_ragged_lengths_are_cut_and_counted(tmp_path, field, name):
    made = fields()
    recording = dataset(tmp_path, **{field: made[field][:-7]})[0]
    assert recording.n_samples == N - 7
    assert recording.raw().shape == (10, N - 7)
    assert all(len(track.values) == N - 7 for track in recording.tracks.values())
    warnings = recording.metadata["warnings"]
    assert recording.metadata["trimmed_samples"] == 7 * len(warnings) == 28
    assert all("7 samples cut" in warning for warning in warnings)
    assert name in {"emg", *recording.tracks}


@pytest.mark.parametrize(("name", "exercise", "offset"), [
    ("S3_A1_E1.mat", 1, 0), ("S3_A1_E2.mat", 2, 12), ("S3_E3_A1.mat", 3, 29), ("s3_a1_e1.MAT", 1, 0),
])  # fmt: skip
def test_exercises_count_on_and_both_name_orders(tmp_path, name, exercise, offset):
    recording = dataset(tmp_path, name, exercise=np.array([[exercise]], np.uint8))[0]
    assert recording.key == ("3", "1", f"E{exercise}", None)
    assert set(recording.labels().tolist()) == {0, 1 + offset, 2 + offset, 12 + offset}
    local = recording.track("local_label")
    assert set(local.values.tolist()) == {0, 1, 2, 12}
    assert local.names[2] == recording.track("label").names[2 + offset]


@pytest.mark.parametrize(("changes", "message"), [
    ({"emg": None}, "emg: variable is missing"),
    ({"restimulus": None}, "restimulus: variable is missing"),
    ({"rerepetition": None}, "rerepetition: variable is missing"),
    ({"emg": np.zeros((N, 12))}, r"emg: wrong shape: expected \(time, 10\), found \(300, 12\)"),
    ({"restimulus": np.zeros((N, 2), np.uint8)}, r"restimulus: wrong shape.*\(300, 2\)"),
    ({"emg": np.zeros((100, 10))}, "lengths disagree by more than a second"),
    ({"emg": np.where(ROW == 7, np.nan, np.zeros((N, 10)))}, "emg, row 7, column 0: sample out.*found nan"),
    ({"emg": np.where(ROW == 9, np.inf, np.zeros((N, 10)))}, "emg, row 9, column 0.*found inf"),
    ({"emg": np.full((N, 10), 77.0)}, "emg, row 0, column 0: sample out of range.*0 to 5 V.*77"),
    ({"emg": np.full((N, 10), -0.0024)}, "emg, row 0, column 0: sample out of range.*0 to 5 V"),
    ({"emg": np.zeros((0, 10))}, "lengths disagree"),
    ({"emg": np.zeros((N, 10, 1))}, r"emg: wrong shape.*\(300, 10, 1\)"),
    ({"restimulus": np.full(N, 13, np.uint8)}, r"restimulus, row 0: value outside its set.*0\.\.12, found 13"),
    ({"restimulus": np.full(N, -1, np.int8)}, r"restimulus, row 0.*found -1"),
    ({"restimulus": np.full(N, 0.5)}, r"restimulus, row 0.*found 0\.5"),
    ({"restimulus": np.full(N, np.nan)}, r"restimulus, row 0.*found nan"),
    ({"rerepetition": np.full(N, 11, np.uint8)}, r"rerepetition, row 0.*0\.\.10, found 11"),
    ({"stimulus": np.full(N, 13, np.uint8)}, r"stimulus, row 0.*found 13"),
    ({"repetition": np.full(N, 11, np.uint8)}, r", repetition, row 0.*found 11"),
    ({"subject": np.array([[3, 3]], np.uint8)}, r"subject: file name and content disagree.*\(1, 2\)"),
    ({"subject": np.array([[4]], np.uint8)}, r"subject: file name and content disagree: expected 3, found \[4\]"),
    ({"exercise": np.array([[2]], np.uint8)}, "exercise: file name and content disagree"),
])  # fmt: skip
def test_broken_content_names_the_field(tmp_path, changes, message):
    recording = dataset(tmp_path, **changes)[0]
    with pytest.raises(EmgIoError, match=message) as caught:
        recording.raw()
    assert caught.value.file.endswith("S3_A1_E1.mat")


def test_header_needs_no_samples(tmp_path):
    """The length is known from the tags even where the samples are damaged."""
    recording = dataset(tmp_path)[0]
    path = tmp_path / "S3_A1_E1.mat"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert recording.n_samples == N
    with pytest.raises(EmgIoError, match=r"compressed"):
        recording.raw()


def test_names_that_are_not_of_the_set_are_refused(tmp_path):
    for name in ("S28_A1_E1.mat", "S0_A1_E1.mat", "S1_A1_E4.mat", "S1_A2_E1.mat"):
        (tmp_path / name).write_bytes(mat_bytes(fields()))
        with pytest.raises(EmgIoError, match=rf"no such file in ninapro-db1.*subject 1\.\.27.*found {name}"):
            open_dataset(tmp_path, "ninapro-db1")
        (tmp_path / name).unlink()


def test_signals_beside_the_emg_are_inflated_when_asked_for(tmp_path, monkeypatch):
    glove = np.arange(N * 22, dtype=float).reshape(N, 22)
    recording = dataset(tmp_path, glove=glove)[0]
    read, original = [], MatFile.read
    monkeypatch.setattr(MatFile, "read", lambda self, name: read.append(name) or original(self, name))
    assert recording.n_samples == N
    assert read == []
    recording.raw()
    recording.labels()
    assert "glove" not in read
    assert read.count("emg") == 1
    aux = recording.aux("glove")
    assert np.array_equal(aux.values, glove.T)
    assert (aux.sfreq, aux.unit, aux.values.flags.writeable) == (100.0, "unknown", False)
    assert read.count("emg") == 1
    with pytest.raises(EmgIoError, match="no such signal beside the EMG: expected glove, found acc"):
        recording.aux("acc")


@pytest.mark.parametrize(("glove", "message"), [
    (np.zeros((N, 21)), r"glove: wrong shape: expected \(time, 22 or 18\), found \(300, 21\)"),
    (np.zeros((N - 101, 22)), "glove: lengths disagree by more than a second: expected 300 rows, found 199"),
    (np.where(ROW == 4, -np.inf, np.zeros((N, 22))), "glove, row 4, column 0: value out of range.*found -inf"),
    ("text", "glove: variable is not numeric"),
])  # fmt: skip
def test_broken_signals_beside_the_emg_do_not_harm_it(tmp_path, glove, message):
    recording = dataset(tmp_path, glove=glove)[0]
    assert recording.raw().shape == (10, N)
    with pytest.raises(EmgIoError, match=message):
        recording.aux("glove")
    with pytest.raises(EmgIoError, match=message):
        recording.check()


def test_a_shorter_glove_is_told_and_a_longer_one_cut(tmp_path):
    recording = dataset(tmp_path, glove=np.zeros((N - 3, 22)))[0]
    assert recording.n_samples == N
    assert recording.aux("glove").values.shape == (22, N - 3)
    assert recording.metadata["warnings"] == ("glove: 3 samples fewer than EMG",)
    recording = dataset(tmp_path, "S3_A1_E2.mat", exercise=np.array([[2]], np.uint8), glove=np.zeros((N + 5, 22)))[1]
    assert recording.aux("glove").values.shape == (22, N)
    assert recording.metadata["warnings"] == ("glove: 5 samples more than EMG",)


@pytest.mark.real
def test_real_files(real):
    dataset = open_dataset(real("ninapro_db1"))
    assert dataset.format == "ninapro-db1"
    assert [int(subject) for subject in dataset.subjects] == [1, 2, 3, 4, 7, 8, 9, 10, 12, 14, 16, 22, 25, 27]
    for recording in dataset:
        theirs = scipy.io.loadmat(recording.source)
        raw, labels, repetitions = recording.raw(), recording.labels(), recording.labels("repetition")
        assert raw.dtype == theirs["emg"].dtype
        assert np.array_equal(raw, theirs["emg"].T)
        assert np.array_equal(recording.aux("glove").values, theirs["glove"].T)
        assert recording.aux_names == ("glove",)
        for track, field in (("label", "restimulus"), ("repetition", "rerepetition"), ("cue", "stimulus"),
                             ("cue_repetition", "repetition"), ("local_label", "restimulus")):  # fmt: skip
            assert np.array_equal(recording.labels(track), theirs[field].ravel())
        assert recording.key == (str(theirs["subject"].item()), "1", "E1", None)
        assert (recording.sfreq, recording.metadata["warnings"]) == (100.0, ())
        assert raw.min() >= 0
        assert raw.max() < 4.67
        assert np.abs(raw * 409.6 - np.rint(raw * 409.6)).max() < 0.05  # steps of a 12-bit converter
        assert 100_600 < recording.n_samples < 102_000
        assert 0.45 < np.mean(labels == 0) < 0.65
        counts = recording.label_counts()
        assert list(counts) == [recording.track("label").names[label] for label in range(13)]
        assert counts["rest"] == max(counts.values())
        pairs = {(v, r) for v, r in zip(labels.tolist(), repetitions.tolist(), strict=True) if v and r}
        assert pairs == {(v, r) for v in range(1, 13) for r in range(1, 11)}
    dataset[0].check()
    assert not dataset.duplicates()
