"""CSL-HDEMG: cells as trials, rows without meaning, trials missing, and files that lie."""

import shutil

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5_write import Cell, mat_bytes
from emg_io.formats import csl

RNG = np.random.default_rng(7)
ROWS = np.array([row for row in range(192) if row % 8 != 7])


def trial(length=20):
    return RNG.integers(-900, 900, (192, length)) * 2.0**-19


def written(folder, cells, name="subject1/session1/gest3.mat", field="gestures", **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mat_bytes({field: Cell(cells, **options)}))
    return open_dataset(folder, "csl-hdemg")


def checked(make, *arguments, **options):
    """Check every recording of a data set."""
    for recording in make(*arguments, **options):
        recording.check()


@pytest.fixture(scope="module")
def dataset(forged):
    return open_dataset(forged("csl-hdemg"))


def test_forged_files_hold_what_scipy_finds(dataset, forged):
    for recording in dataset:
        gesture = csl.LABELS[int(recording.labels()[0])]
        assert recording.task == gesture
        path = forged("csl-hdemg") / recording.reader.member.name
        cell = scipy.io.loadmat(path)["gestures"][recording.repetition - 1, 0]
        assert np.array_equal(recording.raw(), cell[ROWS])
        assert len(np.unique(recording.labels())) == 1
        assert recording.n_samples == cell.shape[1]


def test_every_channel_lands_on_its_place():
    """Channel i: column i // 7 round the arm, row i % 7 along it; row 8 * column + row of a cell."""
    for channel in range(168):
        column, row = csl.LAYOUT.position(channel)
        assert csl.CHANNELS[channel] == f"ch{8 * column + row + 1}"
        assert ROWS[channel] == 8 * column + row
    assert csl.LAYOUT.shape == (24, 7)
    assert csl.LAYOUT.circular == (False, False)


def test_one_hot_channel_reaches_its_cell(tmp_path):
    cells = []
    for stored in (0, 6, 8, 100, 190):
        cell = np.zeros((192, 4))
        cell[stored] = 1.0
        cells.append(cell)
    for recording, stored in zip(written(tmp_path, cells), (0, 6, 8, 100, 190), strict=True):
        channel = int(np.flatnonzero(recording.raw()[:, 0])[0])
        assert recording.layout.position(channel) == (stored // 8, stored % 8)


def test_lengths_differ_and_a_missing_trial_is_told(dataset):
    assert len({recording.n_samples for recording in dataset}) > 2
    short = [recording for recording in dataset if recording.subject == "2" and recording.task == "gesture 2"]
    assert [recording.repetition for recording in short] == [1, 2]
    assert short[0].metadata["warnings"] == ("2 trials of 10: 10 were published",)
    assert short[0].metadata["dropped_rows"] == 24


@pytest.mark.parametrize(
    ("name", "count", "warnings"),
    [
        ("subject4/session4/gest8.mat", 9, ("9 trials of 10: as published",)),
        ("subject4/session4/gest9.mat", 9, ("9 trials of 10: as published",)),
        ("Subject4/Session3/GEST8.MAT", 9, ("9 trials of 10: 10 were published",)),
        ("subject1/session1/gest0.mat", 30, ()),
        ("deep/er/subject5/session5/gest26.mat", 10, ()),
    ],
)
def test_published_numbers_of_trials(tmp_path, name, count, warnings):
    found = written(tmp_path, [trial(2) for _ in range(count)], name)
    assert len(found) == count
    assert found[0].metadata["warnings"] == warnings


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2"])
def test_samples_stay_as_stored(tmp_path, dtype):
    cell = RNG.integers(-900, 900, (192, 5)).astype(dtype)
    raw = written(tmp_path, [cell], shape=(1, 1))[0].raw()
    assert raw.dtype == np.dtype(dtype)
    assert np.array_equal(raw, cell[ROWS])


NAN = trial(5)
NAN[8, 3] = np.nan
HUGE = trial(5)
HUGE[191, 4], HUGE[190, 4] = 1e300, -1e300
BAD = {
    "too large": ([HUGE], {}, "gestures{1}, ch191, sample 4: sample out of range: .*at most 1e.06, found -1e.300"),
    "not a number": ([NAN], {}, "gestures{1}, ch9, sample 3: sample out of range: .*found nan"),
    "rows": ([trial(), np.zeros((168, 20))], {}, "gestures{2}: not a trial: .*192.*found f8 of shape .168, 20."),
    "empty": ([np.zeros((192, 0))], {}, "gestures{1}: not a trial"),
    "text": (["192"], {}, "gestures{1}: not a trial: .*found char"),
    "unsigned": ([np.ones((192, 9), np.uint16)], {}, "gestures{1}: not a trial: .*found u2"),
    "a table of cells": ([trial(1)] * 4, {"shape": (2, 2)}, "gestures: not a list of trials"),
    "too many": ([trial(1)] * 11, {}, "gestures: too many trials: expected at most 10, found 11"),
    "other name": ([trial()], {"field": "gesture"}, "gestures: variable is missing: .*found gesture"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_cells_are_named(tmp_path, case):
    cells, options, message = BAD[case]
    with pytest.raises(EmgIoError, match="gest3.mat, " + message.replace("{", r"\{")):
        checked(written, tmp_path, cells, **options)


def test_a_gesture_beyond_the_set(tmp_path):
    with pytest.raises(EmgIoError, match=r"gest27.mat, name: not a file of CSL-HDEMG"):
        written(tmp_path, [trial()], "subject1/session1/gest27.mat")


def test_numbers_instead_of_cells(tmp_path):
    path = tmp_path / "subject1/session1/gest1.mat"
    path.parent.mkdir(parents=True)
    path.write_bytes(mat_bytes({"gestures": trial()}))
    with pytest.raises(EmgIoError, match=r"gestures: not a list of trials.*found f8 of shape \(192, 20\)"):
        open_dataset(tmp_path)


def test_a_damaged_end_spoils_every_trial_of_a_file(tmp_path, forged):
    """The checksum stands behind the last cell, and is verified before the first is handed out."""
    shutil.copytree(forged("csl-hdemg"), tmp_path / "set")
    path = tmp_path / "set/subject1/session1/gest1.mat"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    first = next(r for r in open_dataset(tmp_path / "set") if r.subject == "1" and r.task == "gesture 1")
    with pytest.raises(EmgIoError, match=r"gest1.mat, byte 128, compressed element: .*incorrect data check"):
        first.raw()


def test_check_reads_anew(tmp_path):
    found = written(tmp_path, [trial(), trial()])[1]
    found.raw()
    path = tmp_path / found.reader.member.name
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(EmgIoError, match="compressed element"):
        found.check()
