"""OTBioLab+ exports: roles by description, grids by code, and the real sample to the last bit."""

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io.engines._mat5_write import Cell, mat_bytes
from emg_io.formats._otb_columns import grids_of
from emg_io.formats._otb_grids import GRIDS, NO_MAP, otb_layout

SITE = "Tibialis anterior - IN 1 (Channel 1->64) - GR08MM1305"
FORCE = "acquired data[ %(MVC)]"


def channels(site=SITE, count=64, unit="uV"):
    return [f"{site} ({n})[{unit}]" for n in range(1, count + 1)]


def made(texts=None, n_samples=8, **changes):
    """Bytes of a small sound export: row r, column c of the table holds 100 r + c; None drops a variable."""
    texts = [*channels(), FORCE] if texts is None else texts
    table = (100 * np.arange(n_samples)[:, None] + np.arange(len(texts))).astype(np.float32)
    fields = {
        "Data": Cell([table], (1, 1)),
        "Description": Cell(texts),
        "OTBFile": "unknown",
        "SamplingFrequency": np.array([[2048]], np.uint16),
        "Time": Cell([7 + np.arange(n_samples) / 2048], (1, 1)),
    }
    return mat_bytes({name: value for name, value in (fields | changes).items() if value is not None})


def written(folder, data, name="any name.mat"):
    (folder / name).write_bytes(data)
    return open_dataset(folder, "openhdemg")


def test_columns_are_found_by_what_they_say(tmp_path):
    train, source = f"1 - 4 - Decomposition of {SITE} (1)[a.u]", f"4 - Source for decomposition of {SITE} (1)[a.u]"
    texts = [FORCE, train, "performed path[ %(MVC)]", "trigger", source, *channels()[::-1]]
    table = np.arange(3 * len(texts), dtype=np.float32).reshape(3, -1)
    table[:, 1] = [0, 1, 0]
    recording = written(tmp_path, made(texts, 3, Data=Cell([table], (1, 1))))[0]
    assert np.array_equal(recording.raw(), table[:, :4:-1].T)
    assert recording.aux_names == ("firing", "source", "force", "performed_path")
    for name, column in (("firing", 1), ("source", 4), ("force", 0), ("performed_path", 2)):
        assert np.array_equal(recording.aux(name).values, table[:, [column]].T)
        assert recording.aux(name).channels == (texts[column],)
    assert recording.aux("force").unit == "%MVC"
    assert recording.aux("firing").unit == "unknown"
    assert recording.metadata["ignored_columns"] == ("trigger",)
    assert recording.metadata["t0"] == 7.0
    assert (recording.task, recording.subject, recording.unit) == (SITE, "any name", "uV")


def test_each_grid_of_a_file_is_a_recording(tmp_path):
    other = "Vastus - IN 2 (Channel 1->64) - GR10MM0808"
    texts = [*channels(), *channels(other, unit="mV"), f"Decomposition of {other} (1)[a.u]", FORCE]
    table = np.zeros((4, len(texts)), np.float32)
    table[:, 64:128] = 5.0
    first, second = written(tmp_path, made(texts, 4, Data=Cell([table], (1, 1))))
    assert (first.task, first.layout.shape, first.aux_names) == (SITE, (13, 5), ("force",))
    assert (second.task, second.layout.shape, second.aux_names) == (other, (8, 8), ("firing", "force"))
    assert (first.unit, second.unit) == ("uV", "mV")
    assert not first.raw().any()
    assert (second.raw() == 5.0).all()


def test_a_table_that_is_not_in_a_cell_is_read(tmp_path):
    table = np.ones((8, 65), np.float32)
    assert written(tmp_path, made(Data=table))[0].raw().shape == (64, 8)


def test_long_descriptions_cannot_keep_the_reader_busy():
    """Both were slow with one expression for everything: repeated words that nearly fit, and no bound on length."""
    with pytest.raises(EmgIoError, match="Description: description is too long: expected at most 500"):
        grids_of(["decomposition of " * 2000], "x.mat")
    with pytest.raises(EmgIoError, match="no column is a channel"):
        grids_of([("decomposition of GR08MM1305 (1)[" * 15)[:500]] * 4000, "x.mat")


# ---- grids

DRAWN = """
64 39 38 13 12
63 40 37 14 11
62 41 36 15 10
61 42 35 16 9
60 43 34 17 8
59 44 33 18 7
58 45 32 19 6
57 46 31 20 5
56 47 30 21 4
55 48 29 22 3
54 49 28 23 2
53 50 27 24 1
52 51 26 25 0
"""


@pytest.mark.parametrize("code", ["GR08MM1305", "GR04MM1305"])
def test_thirteen_by_five(code):
    drawn = np.array([row.split() for row in DRAWN.strip().split("\n")], int) - 1
    assert np.array_equal(np.array(otb_layout(code).cells), drawn)
    turned = np.array(otb_layout(code, 180).cells)
    assert np.array_equal(turned, drawn[::-1, ::-1])
    assert turned[0, 0] == drawn[12, 4] == -1


def test_eight_by_eight():
    cells = np.array(otb_layout("GR10MM0808").cells) + 1
    assert cells[0].tolist() == [57, 49, 41, 33, 25, 17, 9, 1]
    assert cells[:, 3].tolist() == list(range(33, 41))
    assert (np.array(otb_layout("GR10MM0808", 180).cells)[0] + 1).tolist() == [8, 16, 24, 32, 40, 48, 56, 64]


@pytest.mark.parametrize("code", GRIDS)
@pytest.mark.parametrize("orientation", [0, 180])
def test_every_map_is_a_bijection_with_its_empty_corners(code, orientation):
    grid, layout = GRIDS[code], otb_layout(code, orientation)
    cells = [cell for row in layout.cells for cell in row]
    assert sorted(cells) == sorted([-1] * (grid.n_rows * grid.n_columns - grid.n_chans) + list(range(grid.n_chans)))
    assert layout.shape == (grid.n_rows, grid.n_columns)
    assert layout.pitch_mm == grid.pitch_mm == float(code[2:4])


@pytest.mark.parametrize("code", NO_MAP)
def test_grids_without_a_map_are_refused_not_guessed(tmp_path, code):
    message = f"its electrode map is not established: expected GR04MM1305, .*found {code}"
    with pytest.raises(EmgIoError, match=message):
        otb_layout(code)
    with pytest.raises(EmgIoError, match=f"any name.mat, Description, grid code: no electrode map: {message}"):
        written(tmp_path, made(channels(f"Biceps - {code}")))


def test_unknown_codes_and_orientations_are_refused():
    with pytest.raises(EmgIoError, match="unknown grid"):
        otb_layout("GR99MM9999")
    with pytest.raises(EmgIoError, match=r"grid code, orientation.*0 or 180, found GR08MM1305, 90"):
        otb_layout("GR08MM1305", 90)


# ---- damaged files

NAN = np.zeros((8, 65), np.float32)
NAN[3, 5] = np.nan
TRAIN = [*channels(), f"Decomposition of {SITE} (1)[a.u]"]
BAD = {
    "nan": (made(Data=Cell([NAN], (1, 1))), "Data, row 3, column 5: sample out of range: .*found nan"),
    "force nan": (made(Data=Cell([NAN[:, ::-1].copy() + 0], (1, 1))), "Data, row 3, column 59: sample"),
    "incomplete": (made([*channels()[:-1], FORCE]), "Description, Tibialis .*: grid is not complete: .*63 columns"),
    "twice": (made([*channels()[:-1], channels()[0]]), ".*grid is not complete"),
    "units": (made([*channels()[:-1], channels(unit="mV")[-1]]), ".*not in one unit of voltage: .*found mV, uV"),
    "unit": (made(channels(unit="a.u")), ".*not in one unit of voltage: .*found a.u"),
    "no grid": (made([FORCE, "EMG"]), "Description: no column is a channel of a grid"),
    "columns": (made(Data=Cell([np.zeros((8, 64), np.float32)])), "Data.1.: table and descriptions disagree"),
    "integers": (made(Data=Cell([np.zeros((8, 65), np.int16)])), "Data.1.: table and descriptions disagree"),
    "no rows": (made(n_samples=0), ".*table and descriptions disagree"),
    "two tables": (made(Data=Cell([NAN, NAN])), "Data: not one table: .*found .2, 1."),
    "texts": (made(Description="EMG"), "Description: not a list of descriptions: .*found char"),
    "rate": (made(SamplingFrequency=np.array([[0]], np.uint16)), "SamplingFrequency: not a rate"),
    "rate is nan": (made(SamplingFrequency=np.array([[np.nan]])), "SamplingFrequency: not a rate"),
    "clock": (made(Time=Cell([7 + np.arange(8) / 1000])), "Time: clock disagrees with the rate"),
    "short clock": (
        made(Time=Cell([7 + np.arange(7) / 2048])),
        "Time: clock disagrees with the rate: .*found shape .7, 1.",
    ),
    "no clock": (made(Time=None), "Time: variable is missing"),
    "train": (made(TRAIN, 4), "Data, Decomposition of Tibialis .*: firing train is not 0 or 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_exports_are_named(tmp_path, case):
    data, message = BAD[case]
    with pytest.raises(EmgIoError, match="any name.mat, " + message):
        written(tmp_path, data)[0].check()


def test_other_mat_files_are_not_taken_for_exports(tmp_path):
    (tmp_path / "a.mat").write_bytes(mat_bytes({"emg": np.ones((3, 3))}))
    with pytest.raises(EmgIoError, match="no recordings found"):
        open_dataset(tmp_path)


# ---- the real sample


@pytest.fixture
def sample(real):
    (recording,) = open_dataset(real("openhdemg_sample"))
    return recording


@pytest.mark.real
def test_real_sample_is_what_the_sheet_says(sample):
    assert (sample.n_chans, sample.n_samples, sample.sfreq, sample.unit) == (64, 66_560, 2048.0, "uV")
    assert sample.n_samples / sample.sfreq == 32.5
    assert sample.metadata["t0"] == 7.0
    assert sample.metadata["grid"] == "GR08MM1305"
    assert sample.metadata["ignored_columns"] == ()
    assert round(float(sample.raw().min())) == -1269
    assert round(float(sample.raw().max())) == 1502
    shapes = {name: sample.aux(name).values.shape for name in sample.aux_names}
    assert shapes == {"firing": (5, 66_560), "source": (5, 66_560), "force": (1, 66_560)}
    force = sample.aux("force").values
    assert (round(float(force.min()), 2), round(float(force.max()), 1)) == (0.87, 27.2)
    assert set(np.unique(sample.aux("firing").values)) == {0.0, 1.0}


@pytest.mark.real
def test_real_sample_is_what_scipy_reads(sample, real):
    theirs = scipy.io.loadmat(real("openhdemg_sample") / "otb_testfile.mat")
    table = theirs["Data"][0, 0]
    texts = [str(text.item()) for text in theirs["Description"].ravel()]
    assert np.array_equal(sample.raw(), table[:, :64].T)
    assert texts[:64] == [f"{sample.task} ({n})[uV]" for n in range(1, 65)]
    found = {
        text: row
        for name in sample.aux_names
        for text, row in zip(sample.aux(name).channels, sample.aux(name).values, strict=True)
    }
    assert set(found) == set(texts[64:])
    for column, text in enumerate(texts[64:], 64):
        assert np.array_equal(found[text], table[:, column])


@pytest.mark.real
def test_real_grid_is_smooth_where_neighbours_are(sample):
    """Neighbours along a column of the map resemble each other more than channels of a wrong map do."""
    emg = sample.raw(20_000, 40_000).astype(float)
    likeness = np.corrcoef(emg)

    def mean(cells):
        pairs = [(a, b) for a, b in zip(cells[:-1].ravel(), cells[1:].ravel(), strict=True) if min(a, b) >= 0]
        return float(np.mean([likeness[a, b] for a, b in pairs]))

    cells = np.array(sample.layout.cells)
    shuffled = np.random.default_rng(0).permutation(64)
    assert mean(cells) > mean(np.where(cells >= 0, shuffled[cells], -1)) + 0.1
