"""Bad channels are found for the right reason and no other; the active part of a trial is cut as described."""

import dsp_oracles_grids as oracles
import numpy as np
import pytest

from emg_dsp import ChannelLimits, EmgDspError, Grid, SpatialMedian

SFREQ = 1000.0
GRID = Grid.otb("GR08MM1305")


def muscle(grid=GRID, seconds=5, seed=0, activity=1.0):
    """Sources that spread over the grid, louder on one side, and a little noise of each electrode's own."""
    rng = np.random.default_rng(seed)
    samples = int(seconds * SFREQ)
    places = grid.places[:, 1:] + 20.0 * grid.places[:, :1]
    centres = places[rng.choice(grid.channels, 12, replace=False)] + rng.uniform(-0.5, 0.5, (12, 2))
    spread = np.exp(-((places[:, None] - centres[None]) ** 2).sum(axis=2) / 12)
    loud = 0.3 + places[:, 0] / 6
    own = 0.05 * rng.standard_normal((grid.n_chans, samples))
    return (activity * loud[:, None] * (spread @ rng.standard_normal((12, samples))) + own).astype(np.float32)


CLEAN = muscle()
TIME = np.arange(CLEAN.shape[1]) / SFREQ


def spoiled(channel, value):
    x = CLEAN.copy()
    x[channel] = value(x[channel])
    return x


CASES = {
    "not finite": lambda row: np.where(np.arange(len(row)) == 77, np.nan, row),
    "flat": lambda row: np.full_like(row, 3.0),
    "saturated": lambda row: np.clip(row, -0.5 * row.std(), 0.7 * row.std()),
    "noisy": lambda row: row + 40 * np.random.default_rng(1).standard_normal(len(row)).astype(np.float32),
    "hum": lambda row: row + 2 * row.std() * np.sin(2 * np.pi * 50 * TIME) + row.std() * np.sin(2 * np.pi * 150 * TIME),
    "uncorrelated": lambda row: (row.std() * np.random.default_rng(2).standard_normal(len(row))).astype(np.float32),
}


def test_a_clean_grid_has_no_bad_channel():
    assert GRID.bad_channels(CLEAN, SFREQ) == {}
    assert GRID.bad_channels(CLEAN.astype(np.float64) + 1e4, SFREQ) == {}
    assert GRID.bad_channels((CLEAN * 1000).astype(np.int16), SFREQ) == {}


@pytest.mark.parametrize("reason", CASES)
@pytest.mark.parametrize("channel", [0, 30, 63])
def test_each_reason_is_found_in_its_channel_alone(reason, channel):
    found = GRID.bad_channels(spoiled(channel, CASES[reason]), SFREQ)
    assert list(found) == [channel]
    assert reason in found[channel]
    if reason in {"not finite", "flat", "uncorrelated"}:
        assert found[channel] == (reason,)


def test_several_bad_channels_do_not_hide_each_other():
    x = CLEAN.copy()
    channels = dict(zip(CASES, (5, 12, 25, 33, 47, 58), strict=True))
    for reason, channel in channels.items():
        x[channel] = CASES[reason](x[channel])
    found = GRID.bad_channels(x, SFREQ)
    assert list(found) == sorted(channels.values())
    assert all(reason in found[channel] for reason, channel in channels.items())
    repaired = GRID.repair(x, found, "tps")
    assert GRID.bad_channels(repaired, SFREQ) == {}


def test_a_grid_at_rest_is_not_called_uncorrelated():
    assert GRID.bad_channels(muscle(activity=0.0), SFREQ) == {}


def test_a_grid_that_is_all_flat():
    found = GRID.bad_channels(np.ones((64, 2000)), SFREQ)
    assert found == dict.fromkeys(range(64), ("flat",))


def test_a_grid_without_a_finite_channel():
    found = GRID.bad_channels(np.full((64, 2000), np.nan), SFREQ)
    assert found == dict.fromkeys(range(64), ("not finite",))


def test_hum_is_looked_for_where_asked():
    x = spoiled(9, lambda row: row + 3 * row.std() * np.sin(2 * np.pi * 60 * TIME))
    assert "hum" not in GRID.bad_channels(x, SFREQ).get(9, ())
    assert "hum" in GRID.bad_channels(x, SFREQ, mains=60)[9]
    assert "hum" not in GRID.bad_channels(x, SFREQ, mains=None).get(9, ())


def test_dropped_channels_and_other_sheets_are_not_looked_at():
    csl, hyser = Grid.csl(), Grid.hyser()
    x = muscle(csl)
    x[list(csl.dropped)] = np.nan
    assert csl.bad_channels(x, SFREQ) == {}
    y = muscle(hyser)
    y[:64] *= 100  # another muscle, louder: neighbours are on the same sheet
    assert [c for c, why in hyser.bad_channels(y, SFREQ).items() if "noisy" in why] == []


def test_limits_are_the_callers():
    x = spoiled(30, lambda row: row * 0.02)
    assert GRID.bad_channels(x, SFREQ).get(30, ()).count("flat") == 0
    assert "flat" in GRID.bad_channels(x, SFREQ, limits=ChannelLimits(flat=0.1))[30]


def test_a_lone_electrode_has_no_neighbour_to_differ_from():
    grid = Grid.custom([[0, -1, 1]])
    x = muscle(GRID)[:2]
    assert grid.bad_channels(x, SFREQ) == {}


def test_short_signals_are_one_block():
    assert GRID.bad_channels(CLEAN[:, :300], SFREQ, mains=None) == {}


BAD = {
    "short": (
        lambda: GRID.bad_channels(CLEAN[:, :2], SFREQ),
        r"shape \(64, 2\); required is \(channels, time\) with at",
    ),
    "batch": (lambda: GRID.bad_channels(CLEAN[None], SFREQ), r"shape \(1, 64, 5000\); required is \(channels, time\)"),
    "rate": (lambda: GRID.bad_channels(CLEAN, -1), r"sfreq=-1; required"),
    "mains": (lambda: GRID.bad_channels(CLEAN, 90), r"mains=50 Hz is not below half of sfreq=90 Hz; pass mains=None"),
    "channels": (lambda: GRID.bad_channels(CLEAN[:5], SFREQ), r"5 channels; grid 'GR08MM1305' reads files of 64"),
    "one block": (
        lambda: GRID.active_segment(CLEAN[:, :200]),
        r"shape \(64, 200\); required is one trial .* blocks of 150",
    ),
    "trials": (lambda: GRID.active_segment(CLEAN[None]), r"required is one trial \(channels, time\)"),
    "block": (lambda: GRID.active_segment(CLEAN, 0), r"block=0"),
    "alike": (lambda: GRID.active_segment(np.ones((64, 900))), r"all 6 blocks have the same activity"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    run, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        run()


def blocks_of(levels, size=150, rest=40, seed=0):
    """A trial whose blocks have the given RMS, and some samples after the last whole block."""
    rng = np.random.default_rng(seed)
    level = np.concatenate([np.repeat(levels, size), np.full(rest, levels[-1])])
    return rng.standard_normal((192, len(level))) * level


SEGMENTS = {
    "one run": ([1, 1, 9, 9, 9, 1, 1, 1], (2, 5)),
    "a single gap is filled": ([1, 9, 9, 1, 9, 1, 1, 1, 1, 1], (1, 5)),
    "two blocks are no gap": ([1, 9, 9, 1, 1, 9, 9, 9, 1, 1, 1, 1], (5, 8)),
    "first of equal runs": ([9, 9, 1, 1, 9, 9, 1, 1, 1], (0, 2)),
    "up to the end": ([1, 1, 1, 1, 9, 9], (4, 6)),
}


@pytest.mark.parametrize("case", SEGMENTS)
def test_active_segment(case):
    levels, (first, last) = SEGMENTS[case]
    x = blocks_of(levels)
    assert Grid.csl().active_segment(x) == (150 * first, 150 * last)
    assert Grid.csl().active_segment(x[:, ::3].astype(np.float32), 50) == (50 * first, 50 * last)


def test_active_segment_follows_the_description_step_by_step():
    grid = Grid.csl()
    x = np.random.default_rng(5).standard_normal((192, 1700)) * (1 + np.sin(np.arange(1700) / 200))
    x[20] *= 1e6  # one electrode that shouts is taken out by the spatial median
    rms = np.sqrt((x[:, :1650].reshape(192, 11, 150) ** 2).mean(axis=2))
    level = oracles.median(grid, rms)[grid.channels].mean(axis=0)
    active = level > level.mean()
    start, stop = grid.active_segment(x)
    inside = np.arange(11) * 150
    inside = (inside >= start) & (inside < stop)
    assert active[inside].mean() > 0.6
    np.testing.assert_allclose(SpatialMedian(grid)(rms), oracles.median(grid, rms))


@pytest.mark.parametrize("exponent", [700, 1000])
def test_very_loud_samples_change_no_judgement(exponent):
    x = spoiled(7, CASES["hum"]).astype(np.float64)
    assert GRID.bad_channels(np.ldexp(x, exponent), SFREQ) == GRID.bad_channels(x, SFREQ) == {7: ("hum",)}
