"""The kernels of grids against their oracles on tiny arrays, also without compilation (test_dsp_interpreted.py)."""

import dsp_oracles_grids as oracles
import numpy as np
import pytest

from emg_dsp import CommonReference, EmgDspError, Grid, SpatialFilter, SpatialMedian
from emg_dsp._grids.mixing import EXCHANGES, median_of_nine

GRID = Grid.custom(np.concatenate([np.arange(17), [-1, 17, 18]]).reshape(4, 5), along="rows")


def noise(samples, dtype):
    return np.random.default_rng(0).standard_normal((19, samples)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [0, 1, 16, 35])
def test_images(dtype, samples):
    x = noise(samples, dtype)
    for frames in (False, True):
        np.testing.assert_array_equal(GRID.image(x, frames=frames), oracles.image(GRID, x, frames))
        np.testing.assert_array_equal(GRID.image(x.T.copy().T, frames=frames), oracles.image(GRID, x, frames))
    np.testing.assert_array_equal(GRID.vector(GRID.image(x, frames=True), frames=True), x)


@pytest.mark.parametrize("frames", [False, True])
def test_full_tiles_and_samples_that_are_not_finite(frames):
    grid = Grid.ring(16)
    x = noise(33, np.float32)[:16]
    np.testing.assert_array_equal(grid.image(x, frames=frames), oracles.image(grid, x, frames))
    x[3, 7] = np.nan
    with pytest.raises(EmgDspError, match="channel 3 at sample 7"):
        grid.image(x, frames=frames)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mixing(dtype):
    x = noise(9, dtype)
    filter_ = SpatialFilter(GRID, "LSD")
    expected = oracles.filtered(GRID.map, x.astype(np.float64), oracles.MASKS["LSD"], None)[:3]
    np.testing.assert_allclose(filter_.output.image(filter_(x)), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_medians(dtype):
    x = noise(9, dtype)
    np.testing.assert_array_equal(SpatialMedian(GRID)(x), oracles.median(GRID, x))
    np.testing.assert_allclose(CommonReference("median")(x), x - np.median(x, axis=0), atol=1e-6)
    x[4, 2] = np.nan
    assert np.isnan(CommonReference("median")(x, nan="propagate")).sum() == 19


def test_dropped_channels_pass_the_median():
    grid = Grid.custom([[0, 2]], n_chans=3, dropped=(1,))
    x = noise(5, np.float32)[:3]
    np.testing.assert_array_equal(SpatialMedian(grid)(x), oracles.median(grid, x))


def test_the_network_finds_the_median_of_any_nine():
    """It holds for all inputs if it holds for all of zeros and ones (the zero-one principle)."""
    x = ((np.arange(512)[None, :] >> np.arange(9)[:, None]) & 1).astype(np.float32)
    out = np.empty((1, 512), np.float32)
    median_of_nine(x.ravel(), np.arange(9) * 512, np.arange(9)[None, :], EXCHANGES, out)
    np.testing.assert_array_equal(out[0], x.sum(axis=0) >= 5)
