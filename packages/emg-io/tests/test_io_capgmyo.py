"""CapgMyo: grid, scale, people behind subject numbers, maximum-force trials, and what is refused."""

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5_write import mat_bytes
from emg_io.formats import REGISTRY
from emg_io.formats.capgmyo import LAYOUT

PARTS = "abc"


def written(folder, name="001-001-001.mat", part="a", **changes):
    number, gesture, trial = (int(text) for text in name[:11].split("-"))
    made = {"data": np.linspace(-1, 1, 50 * 128, dtype=np.float32).reshape(50, 128)}
    made |= {"subject": np.array([[number]]), "gesture": np.array([[gesture]]), "trial": np.array([[trial]])}
    made = {field: value for field, value in (made | changes).items() if value is not None}
    (folder / name).write_bytes(mat_bytes(made))
    return open_dataset(folder, f"capgmyo-{part}")


@pytest.mark.parametrize("part", PARTS)
def test_values_equal_scipy(part, forged):
    dataset = open_dataset(forged(f"capgmyo-{part}"))
    for recording in dataset:
        theirs = scipy.io.loadmat(recording.source)
        assert recording.raw().dtype == theirs["data"].dtype == np.float32
        assert np.array_equal(recording.raw(), theirs["data"].T)
        assert recording.metadata["subject_number"] == theirs["subject"].item()
        assert recording.repetition == theirs["trial"].item()
        gesture = theirs["gesture"].item()
        if gesture < 100:
            assert set(recording.labels().tolist()) == {gesture}
            assert recording.task == dataset.label_names[gesture]
        else:
            assert recording.task == f"mvc {gesture}"
            assert dict(recording.tracks) == {}


def test_one_is_two_and_a_half_millivolt(tmp_path):
    recording = written(tmp_path)[0]
    assert (recording.unit, recording.scale, recording.sfreq) == ("mV", 2.5, 1000.0)
    signal = recording.signal(dtype=np.float64)
    assert (signal.min(), signal.max()) == (-2.5, 2.5)
    assert "unverified" in recording.metadata["unit"]


def test_a_frame_is_a_picture_of_16_by_8_whose_rows_close():
    frame = np.arange(128)
    assert np.array_equal(np.array(LAYOUT.cells), frame.reshape(16, 8))
    assert LAYOUT.position(8 * 3 + 5) == (3, 5)
    assert LAYOUT.circular == (True, False)
    for channel in range(128):
        assert LAYOUT.position(channel) == (channel // 8, channel % 8)


def test_names():
    names = {part: REGISTRY[f"capgmyo-{part}"].info.label_names for part in PARTS}
    assert names["a"] == names["b"]
    assert list(names["a"]) == list(range(1, 9))
    assert list(names["c"]) == list(range(1, 13))
    assert (names["a"][1], names["a"][8]) == ("thumb up", "adduction of extended fingers")
    assert (names["c"][1], names["c"][12]) == ("index flexion", "thumb extension")


@pytest.mark.parametrize(
    ("number", "subject", "session"), [(1, "1", "1"), (2, "1", "2"), (19, "10", "1"), (20, "10", "2")]
)
def test_db_b_has_one_person_under_two_numbers(tmp_path, number, subject, session):
    recording = written(tmp_path, f"{number:03d}-008-010.mat", "b")[0]
    assert recording.key == (subject, session, "adduction of extended fingers", 10)
    assert recording.metadata["subject_number"] == number == 2 * (int(subject) - 1) + int(session)
    assert "2 * (person - 1) + session" in recording.metadata["subject"]


@pytest.mark.parametrize(("name", "part"), [
    ("019-001-001.mat", "a"), ("001-009-001.mat", "a"), ("001-001-011.mat", "a"), ("000-001-001.mat", "a"),
    ("021-001-001.mat", "b"), ("011-001-001.mat", "c"), ("001-013-001.mat", "c"), ("001-102-001.mat", "c"),
])  # fmt: skip
def test_numbers_outside_the_set_are_refused(tmp_path, name, part):
    with pytest.raises(EmgIoError, match=rf"no such trial in DB-{part}: is it another part.*found {name}"):
        written(tmp_path, name, part)


def test_numbers_in_the_file_are_optional_and_db_b_may_name_the_person(tmp_path):
    written(tmp_path, subject=None, gesture=None, trial=None)[0].check()
    written(tmp_path, "020-001-001.mat", "b", subject=np.array([[10]]))[-1].check()
    with pytest.raises(EmgIoError, match=r"expected 20, found \[9\]"):
        written(tmp_path, "020-001-001.mat", "b", subject=np.array([[9]]))[-1].check()


@pytest.mark.parametrize(("changes", "message"), [
    ({"data": None}, "data: variable is missing"),
    ({"subject": np.array([[2]])}, r"subject: file name and content disagree: expected 1, found \[2\]"),
    ({"gesture": np.array([[2]])}, "gesture: file name and content disagree"),
    ({"trial": np.array([[1, 1]])}, r"trial: file name and content disagree: expected 1, found \(1, 2\)"),
    ({"data": np.zeros((50, 127))}, r"data: not a trial of CapgMyo: expected floats \(frames, 128\), found f8"),
    ({"data": np.zeros((0, 128))}, "data: not a trial of CapgMyo"),
    ({"data": np.zeros((50, 128), np.int16)}, "expected floats.*found i2"),
    ({"data": np.where(np.arange(50)[:, None] == 7, np.nan, np.zeros((50, 128)))}, "data, row 7, column 0.*nan"),
    ({"data": np.full((50, 128), 4.1)}, "data, row 0, column 0: sample out of range.*at most 4 times full scale"),
])  # fmt: skip
def test_broken_content_names_the_field(tmp_path, changes, message):
    recording = written(tmp_path, **changes)[0]
    with pytest.raises(EmgIoError, match=message) as caught:
        recording.check()
    assert caught.value.file.endswith("001-001-001.mat")


@pytest.mark.parametrize(("names", "part"), [
    (["dbb-preprocessed-001/001-001-001.mat"], "b"), (["DB-a/001-001-001.mat"], "a"),
    (["DBc/001/001-001-001.mat"], "c"),
    (["001-012-001.mat"], "c"), (["001-001-001.mat", "020-001-001.mat"], "b"),
])  # fmt: skip
def test_parts_are_told_apart_by_folder_or_number(tmp_path, names, part):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"not looked into")
    assert open_dataset(tmp_path).format == f"capgmyo-{part}"


def test_the_folder_itself_may_name_the_part(tmp_path):
    folder = tmp_path / "dba-preprocessed-001"
    folder.mkdir()
    (folder / "001-001-001.mat").write_bytes(b"not looked into")
    assert open_dataset(folder).format == "capgmyo-a"


@pytest.mark.parametrize(("names", "found"), [
    (["001-001-001.mat"], "capgmyo-a in .*capgmyo-b in .*capgmyo-c in"),
    (["011-001-001.mat"], "capgmyo-a in .*capgmyo-b in"),
])  # fmt: skip
def test_what_may_be_any_part_must_be_named(tmp_path, names, found):
    for name in names:
        (tmp_path / name).write_bytes(b"not looked into")
    with pytest.raises(EmgIoError, match=f"ambiguous data set: name the format.*found {found}"):
        open_dataset(tmp_path)


def test_the_same_trial_twice_is_refused(tmp_path):
    for folder in ("dba-preprocessed-001", "copy-of-dba"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "001-001-001.mat").write_bytes(b"not looked into")
    with pytest.raises(EmgIoError, match="recording occurs twice"):
        open_dataset(tmp_path)
