"""Pulses after gestures: on which frames, and where releases count."""

import importlib.util
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import emg_models
from emg_distill import EmgDistillError
from emg_distill._data.targets_events import GESTURES, FrameGrid, PulseTarget
from emg_distill._data.windows import Cut, cut


def load_oracles() -> Any:
    path = Path(__file__).with_name("distill_oracles_sequence.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ORACLES = load_oracles()
N_SAMPLES = 1500
# onsets in tenths of ms, none twice: on a sample (multiples of 5) or between two
EVENTS = st.lists(st.tuples(st.integers(-1500, 8000), st.integers(0, 8)), max_size=12, unique_by=lambda pair: pair[0])


def recording(events: list[tuple[float, str]], n_samples: int = N_SAMPLES) -> Any:
    made = [SimpleNamespace(onset=onset, kind="gesture", value=name) for onset, name in events]
    made.append(SimpleNamespace(onset=0.0, kind="stage", value="stage_0"))
    return SimpleNamespace(events=made, n_samples=n_samples, sfreq=2000.0, timestamps=None, source="file.hdf5")


def table_of(events: list[tuple[int, int]], rule: Cut) -> Any:
    target = PulseTarget(length=rule.length)
    given_events = [(onset / 10000.0, GESTURES[channel]) for onset, channel in events]
    plan = target.plan(*[recording(given_events)] * 2)
    windows = cut(rule, [(0, N_SAMPLES)], None)
    return target.table([plan], target.keep(windows, plan, "file")), windows


@given(EVENTS, st.integers(0, N_SAMPLES - 400))
def test_pulses_of_any_window_equal_those_of_the_slow_form(events: list[tuple[int, int]], start: int) -> None:
    table, _ = table_of(events, Cut(400, 400, "none"))
    fields = table.read(np.array([0]), np.array([start]))
    frames = start + np.arange(20, 400, 10)
    assert fields["y"].shape == (1, len(frames), 9)
    assert np.array_equal(fields["y"][0].numpy(), ORACLES.pulses(events, N_SAMPLES, 9)[frames])
    assert np.array_equal(fields["weight"][0].numpy(), ORACLES.counted(events, N_SAMPLES, 9)[frames])


@given(EVENTS)
def test_a_last_short_window_counts_up_to_its_end_alone(events: list[tuple[int, int]]) -> None:
    table, windows = table_of(events, Cut(400, 300, "none", pad=True))
    short = int(np.flatnonzero(windows.valid < 400)[-1])
    assert windows.valid[short] == 300
    fields = table.read(np.array([short]), windows.start[[short]])
    frames = int(windows.start[short]) + np.arange(20, 300, 10)
    assert fields["y"].shape == (1, 38, 9)
    assert np.array_equal(fields["y"][0, : len(frames)].numpy(), ORACLES.pulses(events, N_SAMPLES, 9)[frames])
    assert not fields["y"][0, len(frames) :].any()
    assert not fields["weight"][0, len(frames) :].any()


def test_a_pulse_lasts_from_80_to_120_ms() -> None:
    table, _ = table_of([(1000, 4)], Cut(1500, 1500, "none"))
    y = table.read(np.array([0]), np.array([0]))["y"][0, :, 4].numpy()
    assert (20 + 10 * np.flatnonzero(y)).tolist() == [360, 370, 380, 390, 400, 410, 420, 430]


@pytest.mark.parametrize("place", range(60))
def test_a_pulse_that_begins_on_a_frame_is_there_whatever_the_rounding(place: int) -> None:
    table, _ = table_of([(5 * (place + 200), 4)], Cut(400, 400, "none"))
    frames = 20 + 10 * np.arange(38)
    for start in (place + 360 - 20, place + 360 - 390):  # on the first frame of a window, and on the last one
        y = table.read(np.array([0]), np.array([start]))["y"][0, :, 4].numpy()
        samples = start + frames
        assert np.array_equal(y, ((samples >= place + 360) & (samples < place + 440)).astype(np.float32))
        assert y.any()


def test_a_release_counts_from_its_press_to_its_end() -> None:
    events = [(1000, 0), (2000, 0), (3000, 1), (4000, 1), (5000, 3)]
    table, _ = table_of(events, Cut(1500, 1500, "none"))
    weight = table.read(np.array([0]), np.array([0]))["weight"][0].numpy()
    samples = 20 + 10 * np.flatnonzero(weight[:, 1])
    assert (samples.min(), samples.max()) == (560, 830)  # the last press before, to the end of the release's pulse
    assert not weight[:, 3].any()  # never pressed
    assert weight[:, [0, 2, 4, 5, 6, 7, 8]].all()


def test_true_events_of_a_recording_are_kept_in_samples() -> None:
    table, _ = table_of([(3002, 1), (1000, 0)], Cut(400, 400, "none"))
    places, channels = table.events(0)
    assert np.allclose(places, [200.0, 600.4])
    assert channels.tolist() == [0, 1]
    assert channels.dtype == np.int64


@pytest.mark.parametrize("n_times", [0, 20, 21, 30, 31, 16000])
@pytest.mark.parametrize("name", ["neuromotor-gestures", "tinymyo-neuromotor"])
def test_frames_are_those_of_the_networks(name: str, n_times: int) -> None:
    small = {"n_blocks": 1} if name.startswith("tinymyo") else {"width": 8, "n_layers": 1}
    model = emg_models.create_model(name, **small)
    assert FrameGrid().frames(n_times) == model.frames(n_times)
    assert FrameGrid().frames(n_times) == len(range(20, n_times, 10))


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 60), st.integers(-50, 300), st.integers(-50, 300))
def test_frames_inside_a_stretch_are_those_that_lie_there(
    first: int, step: int, n_frames: int, start: int, stop: int
) -> None:
    found = FrameGrid(first, step).inside(start, stop, n_frames)
    wanted = [frame for frame in range(n_frames) if start <= first + step * frame < stop]
    assert list(range(n_frames))[found] == wanted


def test_an_unknown_gesture_is_refused() -> None:
    with pytest.raises(EmgDistillError, match=r"file.hdf5: gesture 'wave' is none of index_press, .*relabel it"):
        PulseTarget().plan(*[recording([(0.1, "wave")])] * 2)


def test_tables_pickle_and_tell_themselves_apart() -> None:
    table, _ = table_of([(1000, 0)], Cut(400, 400, "none"))
    other, _ = table_of([(1005, 0)], Cut(400, 400, "none"))
    assert pickle.loads(pickle.dumps(table)).digest == table.digest != other.digest  # noqa: S301  our own object
    assert (PulseTarget().labels({}), PulseTarget().kind) == (list(GESTURES), "events")
