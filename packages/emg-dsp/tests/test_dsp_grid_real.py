"""On real grids: the maps put channels beside their neighbours, and repair finds what an electrode recorded."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

import emg_dsp
from emg_dsp import Grid
from emg_dsp._grids.geometry import neighbours

pytestmark = pytest.mark.real
GAP = Grid.otb("GR08MM1305")


@pytest.fixture(scope="module")
def folder():
    place = os.environ.get("EMG_DATA")
    if not place:
        pytest.skip("EMG_DATA is not set")
    return Path(place)


@pytest.fixture(scope="module")
def vastus(folder):
    """openhdemg's sample, electrodes 1 ... 64 of a GR08MM1305, 12 s at 2048 Hz, in uV."""
    file = loadmat(folder / "openhdemg_sample" / "otb_testfile.mat", squeeze_me=True)
    data, names = file["Data"][()], [str(name) for name in file["Description"]]
    pattern = re.compile(r"^(?!.*ecomposition).*GR08MM1305 \((\d+)\)\[uV\]$")
    columns = {int(match[1]): n for n, name in enumerate(names) if (match := pattern.match(name))}
    assert sorted(columns) == list(range(1, 65))
    return np.ascontiguousarray(data[:24_576, [columns[n] for n in range(1, 65)]].T)


@pytest.fixture(scope="module")
def clean(vastus):
    return emg_dsp.bandpass(20, 450, 2048)(vastus)


def likeness(grid, x):
    """Mean correlation of neighbouring electrodes."""
    table = np.corrcoef(x)
    return np.mean([table[channel, neighbours(grid, channel)].mean() for channel in grid.channels])


def test_neighbours_on_the_map_are_alike(clean):
    """If the map were another, neighbours would be less alike: row-major order loses a sixth."""
    rowmajor = Grid.custom(np.append(np.arange(64), -1).reshape(13, 5))
    shuffled = Grid.custom(np.append(np.random.default_rng(0).permutation(64), -1).reshape(13, 5))
    assert likeness(GAP, clean) > 0.92
    assert likeness(rowmajor, clean) < 0.85
    assert likeness(shuffled, clean) < 0.85


def test_a_good_recording_has_no_bad_channel(vastus):
    assert GAP.bad_channels(vastus, 2048) == {}


def test_a_spoiled_channel_is_found_and_repaired(vastus, clean):
    spoiled = vastus.copy()
    spoiled[20] = np.random.default_rng(0).standard_normal(vastus.shape[1]) * 3000
    found = GAP.bad_channels(spoiled, 2048)
    assert list(found) == [20]
    repaired = emg_dsp.bandpass(20, 450, 2048)(GAP.repair(spoiled, found, "tps"))
    assert np.corrcoef(repaired[20], clean[20])[0, 1] > 0.95


@pytest.mark.parametrize("method", ["idw", "tps"])
def test_repair_finds_what_an_electrode_recorded(clean, method):
    rows = [np.corrcoef(GAP.repair(clean, [c], method)[c], clean[c])[0, 1] for c in range(0, 64, 7)]
    assert np.median(rows) > 0.97
    assert min(rows) > 0.9


def test_images_and_filters_of_the_recording(clean):
    pictures = GAP.image(clean, frames=True)
    assert pictures.shape == (24_576, 13, 5)
    assert np.isnan(pictures).sum() == 24_576
    np.testing.assert_array_equal(GAP.vector(pictures, frames=True), clean)
    double = emg_dsp.SpatialFilter(GAP, "LDD", "rows")(clean)
    assert double.shape == (54, 24_576)
    assert double.std() < clean.std()
    stream = emg_dsp.SpatialFilter(GAP, "LDD", "rows").stream(64)
    parts = [stream.push(clean[:, start : start + 2048]) for start in range(0, 24_576, 2048)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), double)


def test_flexemg_map_is_that_of_the_file(folder):
    stored = loadmat(folder / "flexemg" / "arraymap.mat")["arraymap"]
    np.testing.assert_array_equal(Grid.flexemg().map, stored.astype(int) - 1)


@pytest.mark.parametrize("part", ["001-Session1Train", "002-Session1Test"])
def test_flexemg_counts(folder, part):
    raw = loadmat(folder / "flexemg" / "data" / part / f"{part[:3]}-001.mat")["raw"].T
    grid = Grid.custom(Grid.flexemg().map, n_chans=96, dropped=range(64, 96))
    assert set(grid.bad_channels(raw, 1000, mains=60)) <= {22, 23}
    maps = grid.activation(emg_dsp.windows(emg_dsp.bandpass(20, 450, 1000)(raw), 0.2, 0.05, sfreq=1000))
    assert maps.shape == (557, 16, 4)
    assert maps[100:].min() > 0
