"""Clocks of XDF streams against the field's reader: offsets, stragglers, resets, gaps, jitter, stray ends."""

import io
import logging

import numpy as np
import pytest
import pyxdf

from emg_io import open_dataset
from emg_io.engines._xdf import index_xdf
from emg_io.engines._xdf_clock import HUBER_S, common_clock, robust_line
from emg_io.engines._xdf_write import StreamText, xdf_bytes

logging.getLogger("pyxdf").setLevel(logging.CRITICAL)


def emg(n_times=400, offsets=()):
    values, stamps = np.zeros((2, n_times), np.float32), 100.0 + np.arange(n_times) / 200
    return StreamText("EMG", "EMG", "float32", 200.0, values, stamps, offsets)


def theirs(path):
    """Streams by name, as the field's reader has them."""
    return {stream["info"]["name"][0]: stream for stream in pyxdf.load_xdf(str(path))[0]}


def random_stream(rng):
    """A stream with jitter, gaps, drift, stragglers among the offsets, and perhaps a clock reset."""
    sfreq, n_times = float(rng.choice([10.0, 250.0, 1000.0])), int(rng.integers(2, 3000))
    stamps = rng.uniform(0, 1e5) + np.arange(n_times) / sfreq + rng.uniform(0, 0.8 / sfreq, n_times)
    for at in rng.integers(0, n_times, int(rng.integers(0, 3))):
        stamps[at:] += rng.choice([0.3, 1.5, 70.0])
    end = stamps[-1] + 10
    times = np.linspace(stamps[0] - 3, end, int(rng.integers(12, 200)))
    offsets = rng.uniform(-1e4, 1e4) + rng.uniform(-1e-4, 1e-4) * times + rng.normal(0, 1e-4, len(times))
    odd = rng.random(len(times)) < 0.1
    offsets[odd] += rng.choice([-1, 1], odd.sum()) * rng.uniform(0.001, 0.01, odd.sum())
    if rng.random() < 0.3:
        again = len(times) // 2
        times[again:] -= times[again] - 5.0
        offsets[again:] += 3000.0
        stamps[n_times // 2 :] -= stamps[n_times // 2] - 5.5
    values = rng.integers(-100, 100, (2, n_times)).astype(np.int16)
    shown = stamps.copy()
    shown[rng.random(n_times) < rng.choice([0.0, 0.7])] = np.nan
    shown[0] = stamps[0]
    return StreamText("s", "EMG", "int16", sfreq, values, shown, list(zip(times, offsets, strict=True)))


@pytest.mark.parametrize("seed", range(40))
def test_clocks_agree_with_the_field_s_reader(seed, tmp_path):
    data = xdf_bytes([random_stream(np.random.default_rng(seed))], samples_per_chunk=50)
    path = tmp_path / "a.xdf"
    path.write_bytes(data)
    mine = index_xdf(io.BytesIO(data), len(data), "a.xdf").streams[1].clock("a.xdf")
    peer = theirs(path)["s"]
    assert np.abs(mine.stamps - peer["time_stamps"]).max() < 1e-6
    ends = {stop + 1 for _, stop in peer["info"]["segments"] + peer["info"]["clock_segments"]}
    assert set(mine.parts) == {0} | ends - {len(mine.stamps)}


def loss(line, times, offsets):
    """Huber's loss of a line."""
    away = np.abs(offsets - line[0] - line[1] * times) / HUBER_S
    return np.where(away <= 1, away**2, 2 * away - 1).sum()


@pytest.mark.parametrize("seed", range(10))
def test_lines_fit_no_worse_than_the_field_s_reader_s(seed):
    """With few measurements and large outliers its iteration stops short of the best line."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 1000, int(rng.integers(3, 30))))
    offsets = rng.normal(0, 1e-4, len(times)) + (rng.random(len(times)) < 0.3) * rng.uniform(-1, 1, len(times))
    peer = pyxdf.pyxdf._robust_fit(np.column_stack([np.ones(len(times)), times / HUBER_S]), offsets / HUBER_S)
    assert (
        loss(robust_line(times, offsets), times, offsets) <= loss((peer[0] * HUBER_S, peer[1]), times, offsets) + 1e-6
    )


def test_a_robust_line_ignores_outliers():
    times = np.linspace(0, 100, 201)
    offsets = 5 + 1e-5 * times
    offsets[::20] += 0.5
    intercept, slope = robust_line(times, offsets)
    assert abs(intercept - 5) < 5e-5
    assert abs(slope - 1e-5) < 1e-6
    assert robust_line(np.full(3, 7.0), np.array([1.0, 2.0, 30.0])) == (2.0, 0.0)


def test_jitter_of_a_regular_stream_is_taken_out_and_told():
    rng = np.random.default_rng(0)
    stamps = 50 + np.arange(1000) / 100 + rng.normal(0, 1e-3, 1000)
    clock = common_clock(stamps, 100.0, np.zeros(0), np.zeros(0), regular=True)
    assert clock.parts == (0,)
    assert np.ptp(np.diff(clock.stamps)) < 1e-9
    assert clock.sfreq == pytest.approx(100.0, rel=1e-4)
    assert 1e-3 < clock.jitter < 1e-2


@pytest.mark.parametrize("garbage", [(-5.0, 3.0), (106.0, -9e4), (104.0, 50.0), (9e6, 3.0)])
def test_a_stray_sample_and_offset_at_the_end_are_dropped(garbage, tmp_path):
    """What a sender leaves that goes away while it is recorded: one sample too many, and an offset of garbage."""
    offsets = [*((95.0 + n, 3.0 + 1e-5 * (n % 3)) for n in range(10)), garbage]
    stream = emg(n_times=401, offsets=offsets)
    stream.stamps[-1] = garbage[0]
    data = xdf_bytes([stream]).replace(b"<sample_count>401<", b"<sample_count>400<")
    (tmp_path / "a.xdf").write_bytes(data)
    (recording,) = open_dataset(tmp_path, "xdf")
    peer = theirs(tmp_path / "a.xdf")["EMG"]
    assert recording.n_samples == len(peer["time_stamps"]) == 400
    assert np.abs(recording.reader.session.clocks[1].stamps - peer["time_stamps"]).max() < 1e-6
    assert recording.metadata["warnings"] == ("stream 1 (EMG): 1 stray samples at the end dropped",)


def test_a_footer_that_counts_too_few_is_no_reason_to_drop(tmp_path):
    data = xdf_bytes([emg(offsets=[(95.0 + n, 3.0) for n in range(10)])])
    (tmp_path / "a.xdf").write_bytes(data.replace(b"<sample_count>400<", b"<sample_count>390<"))
    (recording,) = open_dataset(tmp_path, "xdf")
    assert recording.n_samples == len(theirs(tmp_path / "a.xdf")["EMG"]["time_stamps"]) == 400
    assert recording.metadata["warnings"] == ("stream 1 (EMG): footer says 390 samples, not as found",)
