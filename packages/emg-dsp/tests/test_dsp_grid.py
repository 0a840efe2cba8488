"""Grids as values: every map is a bijection and stands where the facts say; bad maps name the channels."""

import dataclasses
import json

import dsp_oracles_grids as oracles
import numpy as np
import pytest

import emg_dsp
from emg_dsp import EmgDspError, Grid

GRIDS = oracles.GRIDS
SHAPES = {
    "GR04MM1305": ((13, 5), 64),
    "GR04MM1305@180": ((13, 5), 64),
    "GR08MM1305": ((13, 5), 64),
    "GR08MM1305@180": ((13, 5), 64),
    "GR10MM0808": ((8, 8), 64),
    "GR10MM0808@180": ((8, 8), 64),
    "capgmyo": ((16, 8), 128),
    "csl": ((24, 7), 192),
    "flexemg": ((16, 4), 64),
    "hyser": ((4, 8, 8), 256),
    "ninapro_db1": ((1, 10), 10),
}


def test_the_registry_is_complete():
    assert emg_dsp.grid_names() == sorted(SHAPES)
    assert {name: (Grid.named(name).shape, Grid.named(name).n_chans) for name in SHAPES} == SHAPES


@pytest.mark.parametrize("name", GRIDS)
def test_contract(name):
    grid = GRIDS[name]
    placed = np.sort(grid.map[grid.map >= 0])
    np.testing.assert_array_equal(np.sort([*placed, *grid.dropped]), np.arange(grid.n_chans))
    np.testing.assert_array_equal(placed, grid.channels)
    assert grid.map.shape == grid.shape
    assert grid.n_electrodes == len(placed)
    for place, channel in oracles.cells(grid):
        assert tuple(grid.places[channel])[-len(place) :] == place
    again = Grid.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert again == grid
    assert hash(again) == hash(grid)
    assert name not in SHAPES or (grid.name == name and len(grid.note) > 40)


@pytest.mark.parametrize("name", GRIDS)
def test_a_value_does_not_change(name):
    grid = GRIDS[name]
    grid.map[:] = 0
    assert grid.map.max() > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        grid.n_chans = 3
    for array in (grid.order, grid.places):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_constructors_are_the_registry():
    makers = [Grid.capgmyo, Grid.csl, Grid.hyser, Grid.flexemg, Grid.ninapro_db1]
    assert [make().name for make in makers] == ["capgmyo", "csl", "hyser", "flexemg", "ninapro_db1"]
    assert all(make() == Grid.named(make().name) for make in makers)
    assert Grid.otb("GR04MM1305", 180) == Grid.named("GR04MM1305@180")


def test_capgmyo_is_row_major_and_closes_round_the_arm():
    grid = Grid.capgmyo()
    np.testing.assert_array_equal(grid.map, np.arange(128).reshape(16, 8))
    assert (grid.closed, grid.along, grid.dropped, grid.kind) == ("rows", "cols", (), "bipolar")


def test_csl_drops_the_difference_across_each_columns_end():
    """A public loader reshapes to (21, 8): wrong for this order."""
    grid = Grid.csl()
    assert grid.dropped == tuple(range(7, 192, 8))
    for row in range(24):
        assert grid.map[row].tolist() == [8 * row + col for col in range(7)]
    assert grid.compact().map.tolist() == np.arange(168).reshape(24, 7).tolist()


def test_hyser_counts_down_in_four_blocks():
    grid = Grid.hyser()
    for k, row, col in np.ndindex(4, 8, 8):
        assert grid.map[k, row, col] == 64 * k + 63 - 8 * row - col
    assert "unverified" in grid.note


@pytest.mark.parametrize("code", ["GR04MM1305", "GR08MM1305"])
def test_thirteen_by_five_winds_down_and_up(code):
    columns = [range(64, 51, -1), range(39, 52), range(38, 25, -1), range(13, 26), [*range(12, 0, -1), 0]]
    np.testing.assert_array_equal(Grid.otb(code).map + 1, np.array([list(column) for column in columns]).T)
    np.testing.assert_array_equal(Grid.otb(code, 180).map, Grid.otb(code).map[::-1, ::-1])
    assert Grid.otb(code, 180).map[0, 0] == -1
    assert Grid.otb(code).pitch_mm == (float(code[2:4]),) * 2


def test_eight_by_eight_has_electrode_32():
    """openhdemg 0.1.2 lists channel 33 twice in this map, and 32 never."""
    grid = Grid.otb("GR10MM0808")
    assert (grid.map + 1 == 32).sum() == (grid.map + 1 == 33).sum() == 1
    for row, col in np.ndindex(8, 8):
        assert grid.map[row, col] + 1 == 57 - 8 * col + row
        assert Grid.otb("GR10MM0808", 180).map[row, col] + 1 == 8 * (col + 1) - row
    twice = Grid.otb("GR10MM0808").map
    twice[twice == 31] = 32
    with pytest.raises(EmgDspError, match=r"twice: 32; missing: 31. Required is each of 0 ... 63"):
        Grid.custom(twice)


def test_flexemg_mirrors_its_halves():
    for row, col in np.ndindex(16, 4):
        expected = 4 * (7 - row) + col + 1 if row < 8 else 64 - 4 * (row - 8) - col
        assert Grid.flexemg().map[row, col] + 1 == expected


def test_rings_and_bands():
    assert Grid.ring(8).map.tolist() == [list(range(8))]
    assert Grid.ring(8, bands=3).map.tolist() == np.arange(24).reshape(3, 8).tolist()
    assert (Grid.ring(8).closed, Grid.ring(8).along) == ("cols", "rows")


def test_stack_shifts_channels_and_part_takes_one_grid_out():
    stack = Grid.stack([GRIDS["gaps"], GRIDS["gaps"]], name="two")
    assert stack.shape == (2, 2, 3)
    assert stack.map[1].tolist() == [[13, -1, 8], [10, 11, 15]]
    assert stack.dropped == (1, 4, 6, 9, 12, 14)
    second = stack.part(1)
    assert second.map.tolist() == stack.map[1].tolist()
    assert second.n_chans == 16
    assert second.dropped == (0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 14)
    assert second.compact().map.tolist() == [[3, -1, 0], [1, 2, 4]]
    x = np.arange(16.0)[:, None]
    np.testing.assert_array_equal(stack.image(x)[1], second.image(x))


def test_compact_reads_what_is_left():
    grid = GRIDS["gaps"]
    x = np.random.default_rng(0).standard_normal((8, 3))
    np.testing.assert_array_equal(grid.compact().image(np.delete(x, grid.dropped, axis=0)), grid.image(x))


def test_custom_takes_lists_arrays_and_one_pitch():
    grid = Grid.custom([[1, 0]], pitch_mm=8)
    assert grid == Grid.custom(np.array([[[1, 0]]]), pitch_mm=(8.0, 8.0))
    assert Grid.custom([[0, 1]], pitch_mm=(None, 3)).steps() == (3.0, 3.0)
    assert Grid.custom([[0, 1]]).steps() == (1.0, 1.0)


BAD = {
    "twice": (lambda: Grid.custom([[0, 1], [1, 3]]), r"'custom' is no bijection; channels twice: 1; missing: 2"),
    "missing": (lambda: Grid.custom([[0, 1]], n_chans=4), r"missing: 2, 3. Required is each of 0 ... 3"),
    "many": (lambda: Grid.custom([[0]], n_chans=50), r"missing: 1, 2, 3, 4, 5, 6, 7, 8 \.\.\."),
    "beyond": (lambda: Grid.custom([[0, 5]], n_chans=2), r"missing: 1; not in the file: 5"),
    "both": (lambda: Grid.custom([[0, 1]], n_chans=2, dropped=(1,)), r"twice: 1"),
    "negative": (lambda: Grid.custom([[0, -2]]), r"has -2; required are channels from 0, -1 for no electrode"),
    "words": (lambda: Grid.custom([["a", "b"]]), r"required is a table of whole numbers"),
    "floats": (lambda: Grid.custom(np.zeros((2, 2))), r"type float64; required is a table of whole numbers"),
    "ragged": (lambda: Grid.custom([[0, 1], [2]]), r"with rows of one length"),
    "ragged sheets": (lambda: Grid(sheets=[[[0, 1], [2]]], n_chans=3), r"with rows of one length"),
    "flat": (lambda: Grid.custom(np.arange(4)), r"shape \(1, 4\)"),
    "empty": (lambda: Grid.custom(np.zeros((0, 3), int)), r"shape \(1, 0, 3\)"),
    "pitch": (lambda: Grid.custom([[0]], pitch_mm=-1), r"pitch_mm=-1; required is a finite number above 0 mm"),
    "pitches": (lambda: Grid.custom([[0]], pitch_mm=(1, 2, 3)), r"pitch_mm=\(1, 2, 3\); required is a pair"),
    "closed": (
        lambda: Grid.custom([[0]], closed="round"),
        r"closed='round'; required is one of \('rows', 'cols', None",
    ),
    "along": (lambda: Grid.custom([[0]], along="arm"), r"along='arm'"),
    "kind": (lambda: Grid.custom([[0]], kind="wet"), r"kind='wet'"),
    "dropped": (lambda: Grid.custom([[0]], n_chans=2, dropped=(-1,)), r"channel in dropped=-1; required"),
    "not dropped": (lambda: Grid([[[0]]], 2, dropped=1), r"dropped=1; required is a list of channel numbers"),
    "name": (lambda: Grid.named("capgmio"), r"unknown grid 'capgmio'; near names are capgmyo"),
    "code": (lambda: Grid.otb("XX"), r"code='XX', which is unknown; required is one of GR04MM1305"),
    "hd": (lambda: Grid.otb("HD08MM1305"), r"HD08MM1305', whose map is not established"),
    "orientation": (lambda: Grid.otb("GR08MM1305", 90), r"orientation=90; required is one of .* and 0 or 180"),
    "ring": (lambda: Grid.ring(1), r"n=1; required is a whole number of at least 2"),
    "stack": (lambda: Grid.stack([]), r"grids=\[\]; required is a list of at least one Grid"),
    "stack of unlike": (lambda: Grid.stack([Grid.ring(8), Grid.ring(9)]), r"grids differ in shape"),
    "part": (lambda: Grid.hyser().part(4), r"index=4; grid 'hyser' has 4 grids, counted from 0"),
    "keys": (lambda: Grid.from_dict({"sheets": [[[0]]]}), r"not a grid: keys \['sheets'\]; required are \['along'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_maps_are_named(case):
    make, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        make()
