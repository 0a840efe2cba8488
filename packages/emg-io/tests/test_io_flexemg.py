"""flexemg: derived labels, the mirrored grid, and the real files to the last count."""

import tracemalloc

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5_write import Cell, Small, mat_bytes
from emg_io.formats import flexemg
from emg_io.formats._flexemg_script import LABELS, Script

NAMES = ["Fist", "Raise", "Lower", "Open"]
TRIAL = "data/001-Session1Train/001-002.mat"


def made(raw=None, **changes):
    """Bytes of a small sound trial, fields of p changed; None drops one."""
    fields = {
        "lsbmV": np.array([[flexemg.MV_PER_COUNT]]),
        "labelnames": Cell(NAMES, (1, 4)),
        "numlabels": Small(np.array([[4]], np.uint8)),
        "sequence": Small(np.array([[2, 4, 1, 3]], np.uint8)),
        "reps": Small(np.array([[1]], np.uint8)),
        "timegest": Small(np.array([[10]], np.uint16)),
        "timerest": Small(np.array([[5]], np.uint16)),
    }
    fields = {name: value for name, value in (fields | changes).items() if value is not None}
    if raw is None:
        raw = np.zeros((51, 96), np.uint16)
        raw[:, :64] = np.arange(51 * 64).reshape(51, 64)
    return mat_bytes({"p": fields, "raw": Small(raw) if raw.dtype == np.uint16 else raw})


def written(folder, data, name=TRIAL):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return open_dataset(folder, "flexemg")


def map_of(values):
    return mat_bytes({"arraymap": np.asarray(values)})


def test_labels_follow_from_the_struct(tmp_path):
    recording = written(tmp_path, made())[0]
    assert recording.key == ("001", "1", "Train", 2)
    assert [(s.start, s.stop, LABELS[s.value]) for s in recording.segments()] == [
        (0, 5, "Rest"), (5, 15, "Raise"), (15, 25, "Open"), (25, 35, "Fist"), (35, 45, "Lower"), (45, 51, "Rest"),
    ]  # fmt: skip
    assert set(recording.labels("repetition")[5:45].tolist()) == {1}
    assert recording.metadata["sequence"] == ("Raise", "Open", "Fist", "Lower")
    assert recording.metadata["grid"] == "as published: arraymap.mat is not here"


def test_labels_go_by_name_not_by_number(tmp_path):
    data = made(labelnames=Cell(NAMES[::-1], (1, 4)))
    assert written(tmp_path, data)[0].metadata["sequence"] == ("Lower", "Fist", "Open", "Raise")


def test_repeated_sequences_have_a_rest_before_each():
    label, repetition = Script((1, 2), reps=2, timegest=3, timerest=2).tracks(18)
    assert label.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0]
    assert repetition.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 2, 2, 2, 2, 2, 2, 0, 0]


def test_the_grid_is_mirrored_in_its_halves():
    cells = np.array(flexemg.LAYOUT.cells)
    assert cells.shape == (16, 4)
    assert cells[0].tolist() == [28, 29, 30, 31]
    assert cells[7].tolist() == [0, 1, 2, 3]
    assert cells[8].tolist() == [63, 62, 61, 60]
    assert cells[15].tolist() == [35, 34, 33, 32]
    assert not np.array_equal(cells, np.arange(64).reshape(16, 4))


def test_signal_is_in_millivolts_and_the_level_stays(tmp_path):
    recording = written(tmp_path, made())[0]
    assert np.array_equal(recording.signal(dtype=np.float64), recording.raw() * 0.0030517578125)
    assert recording.raw().dtype == np.uint16


SWAPPED = flexemg.array_map()
SWAPPED[0, 0], SWAPPED[0, 1] = SWAPPED[0, 1], SWAPPED[0, 0]
MAPS = {
    "no permutation": (np.ones((16, 4), np.uint8), "arraymap: electrode map is not a permutation: .*found 1 different"),
    "transposed": (flexemg.array_map().T, "arraymap: electrode map is not a permutation: .*found 0 different"),
    "another": (SWAPPED, "arraymap, row 0, column 0: electrode map is not the published one: expected 29, found 30"),
    "huge": (
        np.random.default_rng(0).random((200, 200)),
        "arraymap: electrode map is not a permutation: .*found 0 different",
    ),
}


@pytest.mark.parametrize("case", MAPS)
def test_wrong_maps_are_refused(tmp_path, case):
    values, message = MAPS[case]
    (tmp_path / "arraymap.mat").write_bytes(map_of(values))
    with pytest.raises(EmgIoError, match="arraymap.mat, " + message):
        written(tmp_path, made())


LEAK = np.zeros((51, 96), np.uint16)
LEAK[7, 70] = 3
BAD = {
    "column 70": (made(LEAK), "raw, row 7, column 70: column without an electrode holds data: expected 0, found 3"),
    "columns": (made(LEAK[:, :64]), "raw: wrong shape: .*found f8 stored as u2, .51, 64."),
    "floats": (made(np.ones((51, 96))), "raw: wrong shape: .*stored as f8"),
    "short": (made(LEAK[:44] * 0), "p: gestures are longer than the recording: expected at most 44 .*found 45"),
    "gain": (made(lsbmV=np.array([[0.5]])), "p.lsbmV: .*expected 0.0030517578125, found 0.5"),
    "unknown name": (made(labelnames=Cell(["Fist", "Wave", "Lower", "Open"])), "p.labelnames: .*found .*Wave"),
    "twice a name": (made(labelnames=Cell(["Fist", "Fist", "Lower", "Open"])), "p.labelnames"),
    "names as text": (made(labelnames="Fist"), "p.labelnames: .*a cell array.*found char"),
    "sequence": (made(sequence=np.array([[1, 2, 3, 5.0]])), "p.sequence: .*numbers of 1..4"),
    "sequence of fractions": (made(sequence=np.array([[1, 2, 3, 3.5]])), "p.sequence"),
    "long sequence": (made(sequence=np.ones((1, 5))), "p.sequence"),
    "count": (made(numlabels=np.array([[3.0]])), "p.sequence"),
    "reps": (made(reps=np.array([[0.0]])), "p.reps: .*a whole number, >= 1, found 0.0"),
    "huge time": (made(timegest=np.array([[1e300]])), "p.timegest: .*found 1e.300"),
    "nan time": (made(timerest=np.array([[np.nan]])), "p.timerest: .*found nan"),
    "two times": (made(timerest=np.array([[1.0, 2.0]])), "p.timerest: .*one number"),
    "no field": (made(reps=None), "p: not the script of a trial: expected a field reps, found lsbmV"),
}


def test_what_should_be_small_is_not_read_when_it_is_not(tmp_path):
    """Fields that inflate from kilobytes to a hundred megabytes are refused by their headers."""
    for field in ("sequence", "reps", "timegest"):
        data = made(**{field: np.ones((1, 2_000_000))})
        assert len(data) < 60_000
        tracemalloc.start()
        with pytest.raises(EmgIoError, match=rf"p.{field}: not the script of a trial"):
            written(tmp_path, data)[0].check()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * 2**20


@pytest.mark.parametrize("case", BAD)
def test_bad_trials_are_named(tmp_path, case):
    data, message = BAD[case]
    with pytest.raises(EmgIoError, match="001-002.mat, " + message):
        written(tmp_path, data)[0].check()


def test_folder_and_file_must_name_one_subject(tmp_path):
    with pytest.raises(EmgIoError, match="name: folder and file name another subject: expected 001, found 002"):
        written(tmp_path, made(), "data/001-Session1Train/002-001.mat")


# ---- real files


@pytest.fixture
def recordings(real):
    return open_dataset(real("flexemg"))


@pytest.mark.real
def test_real_trials_are_all_there(recordings):
    keys = {(s, "1", part, n) for s in ("001", "002") for part in ("Train", "Test") for n in (1, 2, 3)}
    assert {recording.key for recording in recordings} == keys
    for recording in recordings:
        assert (recording.n_samples, recording.sfreq, recording.unit) == (28_000, 1000.0, "mV")
        counts = {"Rest": 8000, "Fist": 5000, "Raise": 5000, "Lower": 5000, "Open": 5000}
        assert recording.label_counts() == counts
        assert recording.metadata["grid"] == "arraymap.mat"


@pytest.mark.real
def test_real_counts_and_labels_are_those_of_scipy(recordings, real):
    levels = []
    for recording in recordings:
        theirs = scipy.io.loadmat(real("flexemg") / recording.reader.member.name)
        assert np.array_equal(recording.raw(), theirs["raw"][:, :64].T)
        assert not theirs["raw"][:, 64:].any()
        script = theirs["p"][0, 0]
        names = [str(name[0]) for name in script["labelnames"][0]]
        for block, number in enumerate(script["sequence"][0]):
            middle = int(script["timerest"][0, 0]) + block * int(script["timegest"][0, 0]) + 2500
            assert LABELS[int(recording.labels()[middle])] == names[number - 1]
        levels += recording.raw().mean(axis=1).tolist()
    assert 6_900 < min(levels) < 7_000
    assert 17_000 < max(levels) < 17_100


@pytest.mark.real
def test_real_map_is_the_published_one(real):
    assert np.array_equal(scipy.io.loadmat(real("flexemg") / "arraymap.mat")["arraymap"], flexemg.array_map())
