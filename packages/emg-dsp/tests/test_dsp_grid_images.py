"""Images: each channel in its place and back, for every grid, layout and type; grey levels; activation maps."""

import dsp_oracles
import dsp_oracles_grids as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import EmgDspError, Grid

LAW = settings(derandomize=True, deadline=None, max_examples=25)
GRIDS = oracles.GRIDS
CAPG = Grid.capgmyo()
X = dsp_oracles.emg(128, 333)
each_grid = pytest.mark.parametrize("name", GRIDS)
each_way = pytest.mark.parametrize("frames", [False, True])


def noise(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@each_grid
@each_way
@pytest.mark.parametrize("samples", [0, 1, 16, 131])
def test_image_equals_placing_one_channel_at_a_time(name, frames, samples):
    grid = GRIDS[name]
    x = noise(2, grid.n_chans, samples)
    got = grid.image(x, frames=frames)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, oracles.image(grid, x, frames))


@each_grid
@each_way
def test_there_and_back(name, frames):
    grid = GRIDS[name]
    for lead in [(), (3,), (2, 0), (2, 2)]:
        x = noise(*lead, grid.n_chans, 19)
        back = grid.vector(grid.image(x, frames=frames), frames=frames, fill=-7.0)
        expected = x.copy()
        expected[..., list(grid.dropped), :] = -7.0
        np.testing.assert_array_equal(back, expected)
        again = grid.image(back, frames=frames, fill=0)
        np.testing.assert_array_equal(again, grid.image(x, frames=frames, fill=0))


@LAW
@given(
    st.permutations(range(12)), st.integers(0, 4), st.sampled_from([(3, 4), (2, 6), (1, 12), (12, 1)]), st.booleans()
)
def test_any_map_gives_a_bijection(order, n_dropped, shape, frames):
    cells = np.array(order).reshape(shape)
    dropped = sorted(order[:n_dropped])
    cells[np.isin(cells, dropped)] = -1
    grid = Grid.custom(cells, n_chans=12, dropped=dropped)
    x = np.arange(12.0 * 5).reshape(12, 5)
    pictures = grid.image(x, frames=frames)
    np.testing.assert_array_equal(pictures, oracles.image(grid, x, frames))
    np.testing.assert_array_equal(grid.vector(pictures, frames=frames)[grid.channels], x[grid.channels])


@each_way
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64", "float16", "float32", ">f4", "float64", ">f8"])
def test_types(frames, dtype):
    x = (X * 20).astype(dtype)
    got = CAPG.image(x, frames=frames)
    assert got.dtype == (np.float64 if dtype in {"float64", ">f8"} else np.float32)
    np.testing.assert_array_equal(got, oracles.image(CAPG, x.astype(np.float64), frames))
    assert CAPG.vector(x.reshape(16, 8, -1)).dtype == got.dtype


@each_way
def test_memory_layout_changes_no_value(frames):
    expected = CAPG.image(X, frames=frames)
    wide = np.zeros((256, 666), np.float32)
    wide[::2, ::2] = X
    for x in (np.asfortranarray(X), np.ascontiguousarray(X.T).T, wide[::2, ::2], X[::-1][::-1]):
        x.flags.writeable = False
        np.testing.assert_array_equal(CAPG.image(x, frames=frames), expected)
    for pictures in (np.asfortranarray(expected), expected[..., ::-1][..., ::-1]):
        np.testing.assert_array_equal(CAPG.vector(pictures, frames=frames), X)


@each_way
@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_no_value(frames, threads):
    for name in ("csl", "GR08MM1305"):
        x = noise(GRIDS[name].n_chans, 1000)
        expected = GRIDS[name].image(x, frames=frames)
        np.testing.assert_array_equal(GRIDS[name].image(x, frames=frames, threads=threads), expected)


@pytest.mark.parametrize("samples", [1039, 1040, 1041, 2500])
def test_time_major_memory_is_turned_block_by_block(samples):
    x = noise(128, samples)
    frames = np.ascontiguousarray(x.T)
    np.testing.assert_array_equal(CAPG.vector(frames.reshape(-1, 16, 8), frames=True), x)
    np.testing.assert_array_equal(CAPG.image(frames.T), x.reshape(16, 8, -1))


def test_the_result_is_new_memory():
    x = X.copy()
    for frames in (False, True):
        CAPG.image(x, frames=frames)[:] = 0
        CAPG.vector(CAPG.image(x, frames=frames), frames=frames)[:] = 0
    np.testing.assert_array_equal(x, X)


def test_a_place_without_electrode_gets_the_fill():
    grid = Grid.otb("GR08MM1305")
    x = noise(64, 4)
    assert np.isnan(grid.image(x)[12, 4]).all()
    assert not grid.image(x, fill=0)[12, 4].any()
    assert (grid.image(x, frames=True, fill=3)[:, 12, 4] == 3).all()
    assert (grid.grey(np.clip(x, -1, 1))[:, 12, 4] == 0.5).all()
    assert (grid.spread(np.arange(64), fill=-1)[12, 4]) == -1


@each_way
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", [(0, 0), (97, 250), (127, 332)])
def test_a_sample_that_is_not_finite_is_named_or_stays(frames, bad, dtype, place):
    x = X.astype(dtype)
    x[place] = bad
    with pytest.raises(EmgDspError, match=f"in channel {place[0]} at sample {place[1]}"):
        CAPG.image(x, frames=frames)
    got = CAPG.image(x, frames=frames, nan="propagate")
    np.testing.assert_array_equal(got, oracles.image(CAPG, x, frames))


def test_dropped_channels_are_not_looked_at():
    grid = Grid.csl()
    x = noise(192, 60)
    x[list(grid.dropped)] = np.nan
    assert np.isfinite(grid.image(x)).all()
    assert np.isfinite(grid.grey(np.clip(x, -1, 1))).all()
    assert np.isfinite(grid.activation(x)).all()
    x[8, 50] = np.nan
    with pytest.raises(EmgDspError, match="in channel 8 at sample 50"):
        grid.image(x, frames=True)


def test_grey_is_half_of_x_plus_one():
    x = np.clip(X / 5, -1, 1)
    expected = (oracles.image(CAPG, x.astype(np.float64), frames=True) + 1) / 2
    got = CAPG.grey(x)
    assert got.shape == (333, 16, 8)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-7)
    counts = (x * 32767).astype(np.int16)
    np.testing.assert_allclose(CAPG.grey(counts, 32768), (CAPG.image(counts, frames=True) / 32768 + 1) / 2, atol=1e-7)


def test_grey_ends_at_0_and_1_whatever_the_full_scale():
    grid = Grid.custom([[0, 1, 2]])
    for full_scale in np.random.default_rng(0).uniform(0.1, 9, 200).astype(np.float32):
        for scale in (float(full_scale), float(full_scale) * (1 - 5e-8)):
            got = grid.grey(np.array([[-full_scale], [0], [full_scale]]), scale)
            np.testing.assert_allclose(got[0, 0], [0, 0.5, 1], atol=1e-6)
            assert got.min() >= 0
            assert got.max() <= 1


def test_grey_does_not_scale_frame_by_frame():
    """A loud frame is brighter than a quiet one: minimum and maximum of a frame do not matter."""
    x = np.outer(np.where(np.arange(128) % 2, 1, -1), [0.1, 0.9])
    np.testing.assert_allclose(np.ptp(CAPG.grey(x), axis=(1, 2)), [0.1, 0.9])


@pytest.mark.parametrize(("value", "level"), [(1.5, 1), (-2.0, 0), (np.inf, 1)])
def test_beyond_full_scale_is_named_or_clipped(value, level):
    x = np.zeros((2, 128, 40))
    x[1, 77, 33] = value
    with pytest.raises(EmgDspError, match=r"x has .* in channel 77 at sample 33; required are values in \+-1"):
        CAPG.grey(x, nan="propagate")
    got = CAPG.grey(x, outside="clip", nan="propagate")
    assert got[1, 33, 9, 5] == level
    assert (np.delete(got.ravel(), np.flatnonzero(got != 0.5)) == 0.5).all()


def test_a_nan_stays_nan_in_grey():
    x = np.zeros((128, 3))
    x[5, 1] = np.nan
    assert np.isnan(CAPG.grey(x, nan="propagate")).sum() == 1


@pytest.mark.parametrize("name", ["capgmyo", "csl", "hyser", "gaps"])
@pytest.mark.parametrize("feature", ["RMS", "MAV"])
def test_activation_is_the_feature_in_its_place(name, feature):
    grid = GRIDS[name]
    x = noise(grid.n_chans, 300)
    w = emg_dsp.windows(x, 100, 50)
    values = emg_dsp.features(w, [feature], 1000)[..., 0]
    got = grid.activation(w, feature)
    assert got.shape == (5, *grid.shape)
    np.testing.assert_allclose(got, oracles.image(grid, values[..., None])[..., 0], rtol=1e-6)
    np.testing.assert_allclose(grid.spread(values), got, rtol=1e-6)


def test_frames_on_line():
    grid = GRIDS["gaps"]
    stage = emg_dsp.GridFrames(grid, fill=0.25)
    x = noise(8, 50)
    expected = grid.image(x, frames=True, fill=0.25)
    np.testing.assert_array_equal(stage(x), expected)
    stream = stage.stream(8)
    parts = [stream.push(x[:, a:b]) for a, b in [(0, 1), (1, 1), (1, 33), (33, 50)]]
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert emg_dsp.Stage.from_dict(stage.to_dict()) == stage
    assert stage.start(8, np.dtype("f4")).n_chans_out == grid.n_electrodes


BAD = {
    "channels": (lambda: CAPG.image(X[:64]), r"64 channels; grid 'capgmyo' reads files of 128 channels\.$"),
    "compact": (lambda: Grid.csl().image(np.zeros((168, 5))), r"without the 24 dropped ones use compact\(\)"),
    "one axis": (lambda: CAPG.image(X[0]), r"required is \(..., channels, time\)"),
    "policy": (lambda: CAPG.image(X, nan="drop"), r"nan='drop'"),
    "threads": (lambda: CAPG.image(X, threads=0), r"threads=0"),
    "pictures": (
        lambda: CAPG.vector(np.zeros((8, 16, 5))),
        r"shape \(8, 16, 5\); grid 'capgmyo' requires \(..., 16, 8, t",
    ),
    "frames": (lambda: CAPG.vector(np.zeros((16, 8, 5)), frames=True), r"requires \(..., time, 16, 8\)"),
    "too few axes": (lambda: CAPG.vector(np.zeros((16, 8))), r"requires \(..., 16, 8, time\)"),
    "no time": (lambda: CAPG.vector(np.zeros((16, 8)), frames=True), r"requires \(..., time, 16, 8\)"),
    "outside": (lambda: CAPG.grey(X, outside="wrap"), r"outside='wrap'; required is 'raise' or 'clip'"),
    "full scale": (lambda: CAPG.grey(X, 0), r"full_scale=0; required is a finite number above 0"),
    "grey fill": (lambda: CAPG.grey(X, fill=2), r"fill=2; required is a level in \[0, 1\]"),
    "grey nan fill": (lambda: CAPG.grey(X, fill=np.nan), r"fill=nan; required is a level"),
    "values": (lambda: CAPG.spread(np.zeros(127)), r"shape \(127,\); grid 'capgmyo' requires 128"),
    "feature": (lambda: CAPG.activation(X, "ZC"), r"feature='ZC'; required is 'RMS' or 'MAV'"),
    "frame fill": (lambda: emg_dsp.GridFrames(CAPG, fill=np.nan), r"fill=nan; required is a finite number"),
    "stream": (
        lambda: emg_dsp.GridFrames(CAPG).stream(64),
        r"64 channels; grid_frames for grid 'capgmyo' requires 128",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    run, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        run()
