"""Repair, spatial filters, interpolation, references, medians and rolls: laws, oracles, streams."""

import dataclasses
import itertools
import json

import dsp_oracles_grids as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import CommonReference, EmgDspError, Grid, Interpolation, Repair, SpatialFilter, SpatialMedian, Stage

LAW = settings(derandomize=True, deadline=None, max_examples=20)
GRIDS = oracles.GRIDS
CAPG, FLAT, GAP = Grid.capgmyo(), Grid.otb("GR10MM0808"), Grid.otb("GR08MM1305")
UNEQUAL = dataclasses.replace(FLAT, pitch_mm=(4.0, 10.0))
METHODS = ["idw", "tps"]


def noise(channels, samples=40, seed=0):
    return np.random.default_rng(seed).standard_normal((channels, samples))


def positions(grid, channels):
    return grid.places[channels, 1:] * np.array(grid.steps())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grid", [CAPG, FLAT, GAP, UNEQUAL, Grid.csl(), Grid.hyser()], ids=lambda grid: grid.name)
def test_repair_leaves_a_constant_field_and_good_channels_alone(grid, method):
    rng = np.random.default_rng(3)
    for _ in range(2):
        bad = rng.choice(grid.channels, 6, replace=False).tolist()
        x = np.full((grid.n_chans, 3), 7.25)
        x[bad] = np.nan
        np.testing.assert_allclose(grid.repair(x, bad, method), 7.25, rtol=1e-9)
        y = noise(grid.n_chans)
        good = np.setdiff1d(np.arange(grid.n_chans), bad)
        np.testing.assert_array_equal(grid.repair(y, bad, method)[good], y[good])


@LAW
@given(
    st.sampled_from([FLAT, GAP, UNEQUAL, Grid.csl(), GRIDS["flexemg"]]),
    st.sets(st.integers(0, 63), min_size=1, max_size=12),
    st.tuples(*[st.floats(-5, 5)] * 3),
)
def test_the_thin_plate_is_exact_on_planes(grid, bad, coefficients):
    bad = [channel for channel in bad if channel in grid.channels]
    x = oracles.plane(grid, *coefficients)
    x[list(grid.dropped)] = 0
    spoiled = x.copy()
    spoiled[bad] = 1e6
    np.testing.assert_allclose(grid.repair(spoiled, bad, "tps"), x, atol=1e-7)


@pytest.mark.parametrize("grid", [FLAT, GAP, UNEQUAL], ids=["flat", "gap", "unequal"])
def test_the_thin_plate_is_that_of_scipy(grid):
    x, bad = noise(64), [0, 17, 18, 40, 63]
    good = np.setdiff1d(np.arange(64), bad)
    expected = oracles.spline(positions(grid, good), x[good], positions(grid, bad))
    np.testing.assert_allclose(grid.repair(x, bad, "tps")[bad], expected, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("steps", [1, 5, -3, 16])
def test_repair_does_not_know_where_a_ring_begins(method, steps):
    x, bad = noise(128), [0, 3, 60, 121]
    moved = [int(np.flatnonzero(CAPG.roll(np.arange(128)[:, None], steps)[:, 0] == channel)[0]) for channel in bad]
    rolled = CAPG.repair(CAPG.roll(x, steps), moved, method)
    np.testing.assert_allclose(rolled, CAPG.roll(CAPG.repair(x, bad, method), steps), atol=1e-9)


def test_inverse_distance_by_hand():
    x = noise(64)
    place = {tuple(grid_place): channel for grid_place, channel in oracles.cells(UNEQUAL)}
    weights = {(r, c): 1 / ((4 * r) ** 2 + (10 * c) ** 2) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)}
    expected = sum(w * x[place[3 + r, 5 + c]] for (r, c), w in weights.items()) / sum(weights.values())
    bad = place[3, 5]
    np.testing.assert_allclose(UNEQUAL.repair(x, [bad])[bad], expected)


def test_where_neighbours_are_bad_the_next_good_ones_count():
    ring = Grid.ring(8)
    x = np.arange(8.0)[:, None]
    assert ring.repair(x, [3])[3] == pytest.approx(3)
    assert ring.repair(x, [2, 3, 4])[3, 0] == pytest.approx(3)
    assert ring.repair(x, [0])[0] == pytest.approx(4)
    only = Grid.custom([[0, 1, 2]])
    assert only.repair(x[:3], [0, 1])[0] == 2


def test_dropped_channels_pass_through_and_sheets_do_not_mix():
    hyser, csl = Grid.hyser(), Grid.csl()
    x = noise(192)
    np.testing.assert_array_equal(csl.repair(x, [0])[7], x[7])
    y = noise(256)
    y[64:] = 1e9
    assert np.abs(hyser.repair(y, [3, 20], "tps")[:64]).max() < 1e3


@pytest.mark.parametrize("name", oracles.MASKS)
@pytest.mark.parametrize("grid", [CAPG, GAP, FLAT, Grid.hyser(), Grid.ring(8, bands=3)], ids=lambda grid: grid.name)
@pytest.mark.parametrize("along", ["rows", "cols"])
def test_spatial_filter_equals_the_mask_by_hand(grid, name, along):
    x = noise(grid.n_chans, 5)
    filter_ = SpatialFilter(grid, name, along)
    got = filter_.output.image(filter_(x))
    mask = np.array(oracles.MASKS[name]).T if along == "cols" else np.array(oracles.MASKS[name])
    for sheet, table in enumerate(np.array(grid.sheets)):
        expected = oracles.filtered(table, x, mask, grid.closed)
        for axis, n in enumerate(mask.shape):
            if grid.closed != ("rows", "cols")[axis]:
                start = (n - 1) // 2
                stop = expected.shape[axis] - (n - 1 - start)
                expected = np.take(expected, range(start, stop), axis=axis)
        np.testing.assert_allclose(got[sheet] if len(grid.sheets) > 1 else got, expected, atol=1e-12)


@pytest.mark.parametrize("name", oracles.MASKS)
@LAW
@given(st.tuples(*[st.floats(-5, 5)] * 3))
def test_differences_vanish_on_constants_and_second_ones_on_planes(name, coefficients):
    constant = oracles.plane(FLAT, 0, 0, coefficients[2])
    filter_ = SpatialFilter(FLAT, name, "rows")
    np.testing.assert_allclose(filter_(constant), 0, atol=1e-10)
    if name not in {"LSD", "TSD"}:
        np.testing.assert_allclose(filter_(oracles.plane(FLAT, *coefficients)), 0, atol=1e-10)


def test_single_differential_of_a_plane_is_its_slope():
    x = oracles.plane(FLAT, 2.0, 3.0, 1.0)
    np.testing.assert_allclose(SpatialFilter(FLAT, "LSD", "rows")(x), 20)
    np.testing.assert_allclose(SpatialFilter(FLAT, "TSD", "rows")(x), 30)


@LAW
@given(st.sampled_from(sorted(oracles.MASKS)), st.floats(-9, 9), st.integers(0, 99))
def test_spatial_filters_are_linear(name, factor, seed):
    filter_ = SpatialFilter(CAPG, name)
    x, y = noise(128, 9, seed), noise(128, 9, seed + 1)
    np.testing.assert_allclose(filter_(factor * x + y), factor * filter_(x) + filter_(y), atol=1e-10)


@pytest.mark.parametrize("name", oracles.MASKS)
def test_spatial_filters_turn_with_the_ring(name):
    filter_ = SpatialFilter(CAPG, name)
    x = noise(128)
    np.testing.assert_allclose(filter_(CAPG.roll(x, 3)), filter_.output.roll(filter_(x), 3), atol=1e-12)


def test_missing_electrodes_take_outputs_with_them():
    """GR08 lacks the place in its last row and column: only masks that reach it are lost."""
    counts = {name: SpatialFilter(GAP, name, "rows").output for name in oracles.MASKS}
    shapes = {name: (grid.shape, grid.n_chans) for name, grid in counts.items()}
    assert shapes["LSD"] == ((12, 5), 59)
    assert shapes["TDD"] == ((13, 3), 38)
    assert shapes["NDD"] == ((11, 3), 33)
    assert shapes["IR"] == shapes["IB2"] == ((11, 3), 32)
    assert counts["IR"].map[10, 2] == -1
    assert (counts["LSD"].kind, counts["LSD"].along, counts["LSD"].pitch_mm) == ("filtered", "rows", (8.0, 8.0))


@pytest.mark.parametrize("source", [FLAT, GAP], ids=["flat", "gap"])
def test_interpolation_equals_scipy(source):
    other = Grid.custom(np.arange(12).reshape(3, 4), pitch_mm=(5.0, 3.0))
    rows, cols = source.shape
    step = source.steps()[0]
    at = np.array(
        [[(r - 1) * 5 / step + (rows - 1) / 2, (c - 1.5) * 3 / step + (cols - 1) / 2] for r, c in np.ndindex(3, 4)]
    )
    x = noise(64)
    np.testing.assert_allclose(source.interpolate(x, other), oracles.bilinear(source.image(x, fill=0), at), atol=1e-12)
    expected = oracles.spline(positions(source, source.channels), x, at * step)
    np.testing.assert_allclose(source.interpolate(x, other, "tps"), expected, atol=1e-7)


SAME = [(name, method) for name in ("GR08MM1305", "GR10MM0808@180", "bands") for method in ("bilinear", "tps")]


@pytest.mark.parametrize(("name", "method"), [*SAME, ("ring", "bilinear"), ("rings", "bilinear")])
def test_interpolation_at_the_same_places_changes_nothing(name, method):
    grid = GRIDS[name]
    if name == "bands":
        grid = dataclasses.replace(grid, pitch_mm=(20.0, 30.0))
    x = noise(grid.n_chans)
    np.testing.assert_allclose(grid.interpolate(x, grid, method), x, atol=1e-9)


def test_interpolation_of_a_plane_is_a_plane():
    """The finer grid lies within the coarser one, so bilinear and spline agree with the plane."""
    coarse, fine = Grid.otb("GR08MM1305"), Grid.otb("GR04MM1305", 180)
    x = oracles.plane(coarse, 0.5, -0.25, 3.0)
    centre = 3.0 + 0.5 * 8 * 6 - 0.25 * 8 * 2
    expected = oracles.plane(fine, 0.5, -0.25, centre - 0.5 * 4 * 6 + 0.25 * 4 * 2)
    for method in ("bilinear", "tps"):
        np.testing.assert_allclose(coarse.interpolate(x, fine, method), expected, atol=1e-8)


def test_rings_are_matched_by_the_part_of_a_turn():
    eight, sixteen = Grid.ring(8), Grid.ring(16)
    x = np.cos(2 * np.pi * np.arange(8) / 8)[:, None]
    assert Interpolation(eight, sixteen).output == sixteen
    got = eight.interpolate(x, sixteen)
    np.testing.assert_allclose(got[::2], x, atol=1e-12)
    np.testing.assert_allclose(got[15], (x[7] + x[0]) / 2)
    np.testing.assert_allclose(sixteen.interpolate(got, eight), x, atol=1e-12)
    half = Grid.custom([[0, 1]], pitch_mm=4.0)
    closed = Grid.custom([[0, 1, 2, 3]], pitch_mm=4.0, closed="cols")
    np.testing.assert_allclose(closed.interpolate(np.arange(4.0)[:, None], half)[:, 0], [1, 2])


def test_a_missing_corner_leaves_its_weight_to_the_others():
    gap = Grid.custom([[0, 1], [2, -1]], pitch_mm=2.0)
    point = Grid.custom([[0]], pitch_mm=2.0)
    assert gap.interpolate(np.array([[1.0], [2.0], [6.0]]), point)[0, 0] == pytest.approx(3)


def test_places_outside_are_named_or_taken_from_the_edge():
    small = Grid.custom(np.arange(4).reshape(2, 2), pitch_mm=2.0)
    large = Grid.custom(np.arange(16).reshape(4, 4), pitch_mm=2.0)
    x = noise(4, 1)
    with pytest.raises(EmgDspError, match=r"8 electrodes of 'custom' lie beyond 'custom' along its rows"):
        small.interpolate(x, large)
    got = large.image(small.interpolate(x, large, outside="nearest"))[..., 0]
    np.testing.assert_allclose(got, np.pad(x.reshape(2, 2), 1, mode="edge"))


@pytest.mark.parametrize("name", GRIDS)
def test_spatial_median_equals_sorting_nine(name):
    grid = GRIDS[name]
    x = noise(grid.n_chans, 7)
    np.testing.assert_array_equal(SpatialMedian(grid)(x), oracles.median(grid, x))
    ties = np.round(x).astype(np.float32)
    np.testing.assert_array_equal(SpatialMedian(grid)(ties), oracles.median(grid, ties))


def test_spatial_median_removes_one_bad_electrode_and_keeps_a_step():
    step = np.where(np.arange(128) % 8 < 4, 0.0, 1.0)[:, None]
    spoiled = step.copy()
    spoiled[50] = 1e9
    np.testing.assert_array_equal(SpatialMedian(CAPG)(spoiled), step)


def test_a_nan_spoils_the_nine_medians_around_it():
    x = noise(128, 600)
    x[20, 555] = np.inf
    got = SpatialMedian(CAPG)(x, nan="propagate")
    assert np.isnan(got).sum() == 9
    with pytest.raises(EmgDspError, match="inf in channel 20 at sample 555"):
        SpatialMedian(CAPG)(x)


@pytest.mark.parametrize("how", ["mean", "median"])
@pytest.mark.parametrize("channels", [1, 2, 5, 64])
def test_common_reference_equals_numpy(how, channels):
    x = noise(channels, 600)
    reference = getattr(np, how)(x, axis=0)
    np.testing.assert_allclose(CommonReference(how)(x), x - reference, atol=1e-12)
    np.testing.assert_allclose(CommonReference(how)(x + 1e3), x - reference, atol=1e-9)


@pytest.mark.parametrize("how", ["mean", "median"])
def test_common_reference_leaves_channels_out(how):
    x = noise(6, 30)
    x[4] = 1e9
    reference = getattr(np, how)(np.delete(x, 4, axis=0), axis=0)
    np.testing.assert_allclose(CommonReference(how, (4,))(x), x - reference)
    x[2, 7] = np.nan
    assert np.isnan(CommonReference(how)(x, nan="propagate")).sum() == 6


@pytest.mark.parametrize("name", ["capgmyo", "ring", "bands", "rings"])
@pytest.mark.parametrize("steps", [0, 1, -1, 5, 100])
def test_roll_turns_the_picture(name, steps):
    grid = GRIDS[name]
    x = noise(grid.n_chans)
    axis = (-3, -2)[grid.closed == "cols"]
    np.testing.assert_array_equal(grid.image(grid.roll(x, steps)), np.roll(grid.image(x), steps, axis=axis))
    np.testing.assert_array_equal(grid.roll(grid.roll(x, steps), -steps), x)
    assert grid.roll(x.astype(np.int16), steps).dtype == np.int16


STAGES = {
    "repair idw": Repair(CAPG, (3, 77), "idw"),
    "repair tps": Repair(CAPG, (3, 77), "tps"),
    "filter": SpatialFilter(CAPG, "IB2"),
    "interpolation": Interpolation(
        dataclasses.replace(CAPG, pitch_mm=(10.0, 10.0)),
        Grid.custom(np.arange(60).reshape(12, 5), pitch_mm=(None, 9.0), closed="rows"),
    ),
    "mean": CommonReference("mean", (1,)),
    "median": CommonReference("median"),
    "spatial median": SpatialMedian(CAPG),
}


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stream_equals_batch_and_types_stay(name, dtype):
    stage, x = STAGES[name], noise(128, 1300).astype(dtype)
    expected = stage(x)
    assert expected.dtype == dtype
    for sizes in ([1] * 5, [0, 511, 2, 600], [64] * 30, [1300]):
        stream = stage.stream(128, dtype=dtype)
        cuts = np.minimum([0, *np.cumsum(sizes), 1300], 1300).tolist()
        parts = [stream.push(x[:, a:b]) for a, b in itertools.pairwise(cuts)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected)
        stream.fork()


@pytest.mark.parametrize("name", STAGES)
def test_runs_say_how_many_channels_they_give(name):
    run = STAGES[name].start(128, np.dtype(np.float32))
    assert run.n_chans_out == len(STAGES[name](noise(128, 2)))
    assert run.dump() == {}


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_plain_data(name):
    stage = STAGES[name]
    again = Stage.from_dict(json.loads(json.dumps(stage.to_dict())))
    assert again == stage
    assert hash(again) == hash(stage)
    x = noise(128, 20)
    np.testing.assert_array_equal(again(x), stage(x))


@pytest.mark.parametrize("name", STAGES)
def test_layouts_types_and_leading_axes(name):
    stage, x = STAGES[name], noise(128, 600).astype(np.float32)
    expected = stage(x)
    swapped = x.astype(">f4")
    for other in (np.asfortranarray(x), np.ascontiguousarray(x.T).T, np.repeat(x, 2, axis=1)[:, ::2], swapped):
        np.testing.assert_array_equal(stage(other), expected)
    both = stage(np.stack([[x, -x]]))
    assert both.shape == (1, 2, *expected.shape)
    np.testing.assert_array_equal(both[0, 0], expected)
    assert stage(np.zeros((0, 128, 9), np.float32)).shape == (0, len(expected), 9)
    assert stage(x[:, :0]).shape == (len(expected), 0)
    counts = (x * 100).astype(np.int16)
    assert stage(counts).dtype == np.float32
    np.testing.assert_allclose(stage(counts), stage(counts.astype(np.float64)), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", STAGES)
def test_a_sample_that_is_not_finite_is_named(name):
    x = noise(128, 600)
    x[43, 530] = np.nan
    with pytest.raises(EmgDspError, match="nan in channel 43 at sample 530"):
        STAGES[name](x)
    spoiled = STAGES[name](x, nan="propagate")
    assert np.isnan(spoiled).any()
    assert np.isfinite(spoiled[:, :530]).all()
    assert np.isfinite(spoiled[:, 531:]).all()


def test_what_bad_channels_hold_does_not_matter():
    x = noise(128, 20)
    expected = CAPG.repair(x, [3, 77])
    x[3], x[77] = np.nan, np.inf
    np.testing.assert_array_equal(CAPG.repair(x, [3, 77]), expected)
    stream = Repair(CAPG, (3, 77)).stream(128, nan="propagate", dtype=np.float64)
    np.testing.assert_array_equal(stream.push(x), expected)
    x[4, 9] = np.nan
    with pytest.raises(EmgDspError, match="channel 4 at sample 9"):
        CAPG.repair(x, [3, 77])


def test_a_sum_too_large_for_float32_raises():
    with pytest.raises(EmgDspError, match="overflowed on finite input"):
        SpatialFilter(FLAT, "NDD")(np.where(np.arange(64) % 2, 3e38, -3e38).astype(np.float32)[:, None])


def test_a_chain_of_grid_stages():
    filter_ = SpatialFilter(CAPG, "NDD")
    chain = Repair(CAPG, (5,)) | CommonReference() | filter_ | emg_dsp.GridFrames(filter_.output)
    x = noise(128, 50).astype(np.float32)
    expected = filter_.output.image(filter_(CommonReference()(CAPG.repair(x, [5]))), frames=True)
    np.testing.assert_array_equal(chain(x), expected)
    assert Stage.from_dict(json.loads(json.dumps(chain.to_dict()))) == chain


LINE = Grid.custom([[0, 1, 2, 3]], pitch_mm=2.0)
BAD = {
    "method": (lambda: FLAT.repair(noise(64), [1], "mean"), r"method='mean'; required is 'idw' or 'tps'"),
    "bad": (lambda: Repair(FLAT, (64,)), r"bad=\[64\]: \[64\] have no place in grid 'GR10MM0808'"),
    "dropped": (lambda: Repair(Grid.csl(), (7,)), r"\[7\] have no place in grid 'csl'"),
    "negative": (lambda: Repair(FLAT, (-1,)), r"channel in bad=-1; required is a whole number of at least 0"),
    "one bad": (lambda: Repair(FLAT, 3), r"bad=3; required is a list of channel numbers"),
    "no grid": (lambda: SpatialMedian("capgmyo"), r"grid='capgmyo'; required is a Grid, e.g. Grid.capgmyo\(\)"),
    "no other grid": (lambda: Interpolation(FLAT, None), r"other=None; required is a Grid"),
    "all bad": (lambda: Repair(LINE, (0, 1, 2, 3)), r"channel 0 has no good electrode on its grid.*4 of 4"),
    "line": (lambda: Repair(LINE, (1,), "tps"), r"3 electrodes, all on one line, do not fix a thin plate"),
    "filter": (lambda: SpatialFilter(FLAT, "NDE"), r"unknown spatial filter 'NDE'; near names are .*NDD"),
    "along": (lambda: SpatialFilter(FLAT, "LSD"), r"does not say which axis runs along the fibres; pass along='rows'"),
    "axis": (lambda: SpatialFilter(FLAT, "NDD", "up"), r"along='up'; required is 'rows', 'cols' or None"),
    "too small": (lambda: SpatialFilter(LINE, "NDD"), r"NDD needs 3 x 3 electrodes .* grid 'custom' of 1 x 4"),
    "holes": (lambda: SpatialFilter(GRIDS["gaps"], "LDD", "rows"), r"LDD needs 3 x 1 electrodes .* of 2 x 3"),
    "no way round": (
        lambda: Grid.csl().roll(noise(192), 1),
        r"'csl' has no axis that closes; required is closed='rows'",
    ),
    "half a ring": (
        lambda: Grid.custom([[0, 1, -1]], closed="cols").roll(noise(2), 1),
        r"some places of a ring only; turned by 1",
    ),
    "interpolation": (lambda: FLAT.interpolate(noise(64), FLAT, "cubic"), r"method='cubic'; required is 'bilinear'"),
    "outside": (lambda: Interpolation(FLAT, FLAT, outside="zero"), r"outside='zero'; required is 'raise'"),
    "other data": (lambda: Grid.from_dict(SpatialMedian(CAPG).to_dict()), r"not a grid: keys \['grid', 'kind'\]"),
    "sheets": (lambda: Interpolation(FLAT, Grid.hyser()), r"1 grids in 'GR10MM0808', 4 in 'hyser'"),
    "pitch": (lambda: Interpolation(CAPG, FLAT), r"axis rows has the pitch None mm in 'capgmyo', 10.0 mm"),
    "hole": (
        lambda: Interpolation(
            Grid.custom([[0, 1, 2], [3, -1, 4], [5, 6, 7]], pitch_mm=2.0), Grid.custom([[0]], pitch_mm=2.0)
        ),
        r"no electrode of 'custom' around row 1, column 1.*Use the method 'tps'",
    ),
    "how": (lambda: CommonReference("mode"), r"how='mode'; required is 'mean' or 'median'"),
    "all left out": (lambda: CommonReference("mean", (0, 1))(noise(2)), r"leave_out=\[0, 1\] of 2 channels"),
    "left out beyond": (lambda: CommonReference("mean", (9,)).stream(2), r"leave_out=\[9\] of 2 channels"),
    "stream": (lambda: SpatialMedian(CAPG).stream(64), r"64 channels; spatial_median for grid 'capgmyo' requires 128"),
    "batch": (lambda: SpatialMedian(CAPG)(noise(64)), r"64 channels; spatial_median for grid 'capgmyo' requires 128"),
    "keys": (lambda: SpatialMedian.from_dict({"kind": "spatial_median"}), r"not a spatial_median: keys \['kind'\]"),
    "state": (
        lambda: SpatialMedian(CAPG).start(128, np.dtype("f4")).load({"a": np.zeros(1)}),
        r"state of a stage without memory",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    run, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        run()
