"""Error rates of events, on recordings joined from their windows."""

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._examples.joining import join_recordings
from emg_distill._examples.timeline import Timeline
from emg_distill._metrics.events import EventRules, Events, event_metrics, find_events

from .learner import Context
from .tallies import Measured

Outputs = NDArray[np.float32]


class EventTally:
    """Events: CLER, recall and false alarms an hour, recording by recording.

    Logits of overlapping windows are averaged. Where a part does not know its recordings, every window is one, and an
    event is where its pulse begins.
    """

    monitors: ClassVar[tuple[str, ...]] = ("cler",)
    joins = False

    def __init__(self, part: Measured) -> None:
        self._part = part
        self._outputs: list[Outputs] = []
        self._pulses: list[Outputs] = []

    def add(self, rows: NDArray[np.int64], context: Context) -> None:  # noqa: ARG002  in order
        """Take in logits (batch, frames, events)."""
        self._outputs += list(context["prediction"].numpy())
        self._pulses += list(context["target"].numpy())

    def result(self) -> dict[str, Any]:
        """Return ``cler`` (mean over recordings; 1 where events happened and none was matched), and what it hides."""
        timeline = self._part.examples.timeline
        known = timeline is not None and timeline.events is not None and timeline.step
        scores = self._of_recordings(timeline) if timeline is not None and known else self._of_windows()
        rates = [_cler(score) for _, score in scores if score["n_true"]]
        hours = sum(score["hours"] for _, score in scores)
        people = sorted({who for who, _ in scores})
        return {
            "cler": float(np.mean(rates)) if rates else 1.0,
            "recall": _share(scores, "n_correct", "n_true"),
            "false_per_hour": sum(score["false_per_hour"] * score["hours"] for _, score in scores) / hours,
            "n_recordings": len(scores),
            "per_subject": {who: _of_person([score for name, score in scores if name == who]) for who in people},
        }

    def _of_recordings(self, timeline: Timeline) -> list[tuple[str, dict[str, Any]]]:
        sfreq, first, step = self._part.data.sfreq, timeline.first, timeline.step
        frames = np.maximum(0, (timeline.valid - 1 - first) // step + 1)
        cropped = [output[:n] for output, n in zip(self._outputs, frames.tolist(), strict=True)]
        joined = join_recordings(cropped, timeline.recording, timeline.start // step)
        scores = []
        for recording, logits in joined.items():
            places, channels = timeline.events(recording)  # type: ignore[misc]
            row = int(np.flatnonzero(timeline.recording == recording)[0])
            true = Events(places / sfreq, channels)
            scores.append((self._who(row), _score(logits, true, sfreq / step, first / sfreq)))
        return scores

    def _of_windows(self) -> list[tuple[str, dict[str, Any]]]:
        scores = []
        for row, (logits, pulses) in enumerate(zip(self._outputs, self._pulses, strict=True)):
            rate = self._part.data.sfreq * len(logits) / self._part.data.n_times
            true = find_events(pulses.T, rate, EventRules(threshold=0.5, debounce=0.0))
            scores.append((self._who(row), _score(logits, true, rate, 0.0)))
        return scores

    def _who(self, row: int) -> str:
        return str(self._part.examples.subject[row])


def _score(logits: Outputs, true: Events, rate: float, start: float) -> dict[str, Any]:
    """Return the metrics of one recording; `rate` is frames per second, `start` the time of the first frame, s."""
    rules, seconds = EventRules(), len(logits) / rate
    probabilities = torch.from_numpy(logits).double().sigmoid().numpy().T
    found = find_events(probabilities, rate, rules, start=start)
    return {**event_metrics(found, true, seconds, logits.shape[1], rules), "hours": seconds / 3600.0}


def _cler(score: dict[str, Any]) -> float:
    return 1.0 if score["cler"] is None else float(score["cler"])


def _share(scores: list[tuple[str, dict[str, Any]]], part: str, whole: str) -> float | None:
    total = sum(score[whole] for _, score in scores)
    return sum(score[part] for _, score in scores) / total if total else None


def _of_person(scores: list[dict[str, Any]]) -> float | None:
    rates = [_cler(score) for score in scores if score["n_true"]]
    return float(np.mean(rates)) if rates else None
