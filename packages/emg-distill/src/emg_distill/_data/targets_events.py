"""Gestures as a target: pulses on a network's frames, 1 for a while after each event, and where a channel counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emg_distill._errors import EmgDistillError

from .targets_text import digest_of, sample_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    import emg_io
    from emg_distill._examples.examples import Kind

    from .targets import Plan
    from .windows import WindowTable

    Ints = NDArray[np.int64]

GESTURES = (
    "index_press", "index_release", "middle_press", "middle_release", "thumb_click", "thumb_down", "thumb_in",
    "thumb_out", "thumb_up",
)  # fmt: skip
RELEASES = {1: 0, 3: 2}  # channel of a release: channel of its press
PULSE_S = (0.08, 0.12)
_HALF_TICK_S = 1e-9  # an edge that falls on a sample, up to rounding, belongs to it


@dataclass(frozen=True)
class FrameGrid:
    """Where a network's outputs lie: at samples `first`, ``first + step``, ... of its window.

    The causal convolution of 21 samples and stride 10 of the neuromotor networks has ``FrameGrid(20, 10)``.

    Attributes
    ----------
    first, step
        Samples, ``>= 0`` and ``>= 1``.
    """

    first: int = 20
    step: int = 10

    def frames(self, n_times: int) -> int:
        """Return how many there are in `n_times` samples: ``⌊(n_times - 1 - first) / step⌋ + 1``, 0 at least."""
        return max(0, (n_times - 1 - self.first) // self.step + 1)

    def inside(self, start: int, stop: int, n_frames: int) -> slice:
        """Return the frames at samples `start` (included) to `stop` (excluded), counted from the window's first."""
        low, high = (-((self.first - edge) // self.step) for edge in (start, stop))
        low = min(n_frames, max(0, low))
        return slice(low, max(low, min(n_frames, high)))


@dataclass(frozen=True)
class PulseTarget:
    """A pulse on a gesture's channel after each event.

    It is 1 at samples whose time t has ``onset + 80 ms <= t < onset + 120 ms``, taken at the samples of `grid`. A
    release counts in the loss from the first sample of the pulse of the last press before it to the end of its own
    pulse, without a press not at all; all other channels count everywhere.

    Attributes
    ----------
    grid
        Where the outputs lie.
    length
        Samples of a window; shorter ones are filled up.
    event
        Kind of the events that are gestures.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w (released code).
    """

    grid: FrameGrid = FrameGrid()
    length: int = 16000
    event: str = "gesture"
    kind: Kind = "events"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return the gestures."""
        return list(GESTURES)

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return `pulses` and `counted` (3, n): first sample, the one behind the last, channel; and the `events`.

        `events` (2, n) float64 has where each event lies, in samples and parts of one, and its channel: the truth that
        error rates of events are taken from.
        """
        events = [event for event in recording.events if event.kind == self.event]
        channels = gesture_channels([event.value for event in events], recording.source)
        onsets = np.array([event.onset for event in events], np.float64)
        times = sample_times(uniform)
        pulses, places = pulse_spans(onsets, channels, times), np.interp(onsets, times, np.arange(len(times)))
        return {"pulses": pulses, "counted": counted_spans(pulses), "events": np.stack([places, channels])}

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Keep all windows."""
        return windows

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> PulseTable:
        """Return the pulses of a part's windows."""
        return PulseTable(tuple(plans), windows.recording, windows.valid, self.grid, self.length)


@dataclass(frozen=True, eq=False)
class PulseTable:
    """Pulses of windows, cut from those of their recordings.

    Attributes
    ----------
    plans
        `pulses`, `counted` and `events` of each recording, see `PulseTarget.plan`.
    recording, valid
        Recording and number of real samples of each window, (windows,) int64.
    grid, length
        Where the outputs lie, and samples of a window.
    """

    plans: tuple[Plan, ...]
    recording: Ints
    valid: Ints
    grid: FrameGrid
    length: int

    @property
    def digest(self) -> str:
        """Sha256 (hex) of pulses, where they count, and windows."""
        arrays = [plan[name] for plan in self.plans for name in ("pulses", "counted", "events")]
        return digest_of([*arrays, self.recording, self.valid], f"{self.grid} {self.length}")

    def read(self, rows: Ints, starts: Ints) -> dict[str, torch.Tensor]:
        """Return `y` and `weight`, (batch, frames, gestures) float32 of 0 and 1; frames of no real sample count 0."""
        shape = (len(rows), self.grid.frames(self.length), len(GESTURES))
        y, weight = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        weight[:, :, list(RELEASES)] = 0.0
        triples = zip(self.recording[rows].tolist(), starts.tolist(), self.valid[rows].tolist(), strict=True)
        for row, (recording, start, valid) in enumerate(triples):
            n_frames = self.grid.frames(valid)
            paint(y[row, :n_frames], self.plans[recording]["pulses"], start, self.grid)
            paint(weight[row, :n_frames], self.plans[recording]["counted"], start, self.grid)
            weight[row, n_frames:] = 0.0
        return {"y": torch.from_numpy(y), "weight": torch.from_numpy(weight)}

    def events(self, recording: int) -> tuple[NDArray[np.float64], Ints]:
        """Return the true events of a whole recording in order, (events,) each: where, in samples, and channels.

        Divided by the rate this is the time on which frames lie too, ``(start + first + step * frame) / sfreq``; stamps
        would run away from it over an hour.
        """
        places, channels = self.plans[recording]["events"]
        order = np.argsort(places, kind="stable")
        return places[order].astype(np.float64), channels[order].astype(np.int64)


def paint(out: NDArray[np.float32], spans: NDArray[np.generic], start: int, grid: FrameGrid) -> None:
    """Set 1 in `out` (frames, channels) of the window from sample `start`, where a span (3, n) holds a frame."""
    end = start + grid.first + grid.step * len(out)
    for begin, stop, channel in spans[:, (spans[0] < end) & (spans[1] > start)].T.tolist():
        out[grid.inside(begin - start, stop - start, len(out)), channel] = 1.0


def pulse_spans(onsets: NDArray[np.float64], channels: Ints, times: NDArray[np.float64]) -> Ints:
    """Return where the pulse after each event is 1, (3, events) in order of onset; `times` (samples,) in s."""
    order = np.argsort(onsets, kind="stable")
    edges = [np.searchsorted(times, onsets[order] + shift - _HALF_TICK_S, "left") for shift in PULSE_S]
    return np.stack([*edges, channels[order]]).astype(np.int64)


def counted_spans(pulses: Ints) -> Ints:
    """Return where releases count, (3, n): from the pulse of the last press before each to the end of its own."""
    found: list[tuple[int, int, int]] = []
    pressed: dict[int, int] = {}
    for start, stop, channel in pulses.T.tolist():
        if channel in RELEASES.values():
            pressed[channel] = start
        elif RELEASES.get(channel, -1) in pressed:
            found.append((pressed.pop(RELEASES[channel]), stop, channel))
    return np.array(found, np.int64).reshape(-1, 3).T


def gesture_channels(names: Sequence[str], source: str) -> Ints:
    """Return the channel of each named gesture, (events,) int64; an unknown name raises `EmgDistillError`."""
    strange = sorted(set(names) - set(GESTURES))
    if strange:
        raise EmgDistillError(f"{source}: gesture {strange[0]!r} is none of {', '.join(GESTURES)}; relabel it")
    return np.array([GESTURES.index(name) for name in names], np.int64)
