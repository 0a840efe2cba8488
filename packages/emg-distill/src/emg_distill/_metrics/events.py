"""Discrete gestures as events in time: the classification error rate of the neuromotor interface, and what it hides."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_distill._errors import EmgDistillError

GESTURES = (
    "index_press",
    "index_release",
    "middle_press",
    "middle_release",
    "thumb_click",
    "thumb_down",
    "thumb_in",
    "thumb_out",
    "thumb_up",
)
_ROUNDING = 1e-6  # s; times are sums of decimal fractions
_RELEASES = ((1, 0), (3, 2))  # a release and the press of the same finger


@dataclass(frozen=True)
class EventRules:
    """How events are found and matched (doi 10.1038/s41586-025-09255-w; the numbers are the published ones).

    Attributes
    ----------
    threshold
        Probability whose upward crossing is an event, in ``(0, 1)``.
    debounce
        An event closer than this (s) after the last one kept of its gesture is dropped.
    earliest, latest
        A prediction may belong to a true event if it comes ``earliest .. latest`` (s) after it, ends included.
    drop_impossible
        Whether releases are dropped that the true events make impossible, as published; see `drop_releases`.
    """

    threshold: float = 0.35
    debounce: float = 0.05
    earliest: float = -0.05
    latest: float = 0.25
    drop_impossible: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise EmgDistillError(f"threshold={self.threshold}: a probability in (0, 1) is required")
        if not 0 <= self.debounce < np.inf:
            raise EmgDistillError(f"debounce={self.debounce}: seconds, not negative, are required")
        if not -np.inf < self.earliest <= self.latest < np.inf:
            raise EmgDistillError(f"earliest={self.earliest}, latest={self.latest}: seconds in this order are required")


@dataclass(frozen=True)
class Events:
    """Events in order of time: seconds, shape (n,) float64, and what happened, shape (n,) int64.

    Raises
    ------
    EmgDistillError
        When shapes differ, a time is not finite or earlier than the one before, or a gesture is negative.
    """

    time: NDArray[np.float64]
    gesture: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.time.ndim != 1 or self.time.shape != self.gesture.shape:
            raise EmgDistillError(f"events: {self.time.shape} times and {self.gesture.shape} gestures must be as many")
        if not np.isfinite(self.time).all() or (np.diff(self.time) < 0).any():
            raise EmgDistillError("events: times must be finite and in order; sort them")
        if len(self.gesture) and self.gesture.min() < 0:
            raise EmgDistillError(f"events: gesture {self.gesture.min()} is negative")

    def __len__(self) -> int:
        return len(self.time)

    def where(self, kept: NDArray[np.bool_]) -> "Events":
        """Return some of the events, by a mask."""
        return Events(self.time[kept], self.gesture[kept])


def find_events(probabilities: ArrayLike, sfreq: float, rules: EventRules, *, start: float = 0.0) -> Events:
    """Find the upward crossings of the threshold.

    A frame is an event where it lies at or above the threshold and the one before below; before the first frame lies
    silence (our reading). Debouncing is per gesture (our reading).

    Parameters
    ----------
    probabilities
        Shape (gestures, frames), in [0, 1].
    sfreq
        Frames per second, Hz.
    rules
        Threshold and debounce.
    start
        Time of the first frame, s.

    Returns
    -------
    Events
        In order of time; gestures at one frame in order of their number.

    Raises
    ------
    EmgDistillError
        When the shape is another, a value is outside [0, 1] or NaN, or sfreq is not positive.
    """
    values = np.asarray(probabilities)
    if values.ndim != 2:
        raise EmgDistillError(f"probabilities have shape {values.shape}: (gestures, frames) is required")
    if not ((values >= 0) & (values <= 1)).all():
        raise EmgDistillError("probabilities must lie in [0, 1]: pass the sigmoid of the model's logits")
    if not 0 < sfreq < np.inf:
        raise EmgDistillError(f"sfreq={sfreq}: frames per second, > 0, is required")
    above = values >= rules.threshold
    frames, gestures = np.nonzero((above & ~np.pad(above, ((0, 0), (1, 0)))[:, :-1]).T)
    times = start + frames / sfreq
    kept = np.zeros(len(times), dtype=bool)
    last: dict[int, float] = {}
    for at, (time, gesture) in enumerate(zip(times.tolist(), gestures.tolist(), strict=True)):
        if time - last.get(gesture, -np.inf) >= rules.debounce - _ROUNDING:
            kept[at], last[gesture] = True, time
    return Events(times, gestures.astype(np.int64)).where(kept)


def drop_releases(predicted: Events, true: Events, rules: EventRules) -> Events:
    """Drop predicted releases of fingers that were not pressed.

    Published results are cleaned with the true press state before scoring, which a product cannot do. Our reading: a
    release stands where, within the tolerance of matching, its finger was truly down, from a press to its release (or
    to the end). Gestures are numbered as in `GESTURES`.
    """
    kept = np.ones(len(predicted), dtype=bool)
    for release, press in _RELEASES:
        presses, releases = (true.time[true.gesture == gesture] for gesture in (press, release))
        after = np.searchsorted(releases, presses)
        down_until = np.append(releases, np.inf)[after] + rules.latest + _ROUNDING
        down_from = presses + rules.earliest - _ROUNDING
        for at in np.flatnonzero(predicted.gesture == release):
            kept[at] = bool(((down_from <= predicted.time[at]) & (predicted.time[at] <= down_until)).any())
    return predicted.where(kept)


def match_events(predicted: Events, true: Events, rules: EventRules) -> NDArray[np.int64]:
    """Align two sequences of events: Needleman and Wunsch 1970, with pairs bounded in time.

    Our reading of the costs: leaving an event alone costs 1, a pair of different gestures 1, a pair of the same 0; a
    pair needs the prediction within the tolerance. So a pair of the same gesture saves 2, another one 1, and the
    alignment that saves most is taken; pairs never cross. Of equally good ones the earlier prediction is taken.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        Places in `predicted` and `true`, in order of time. Time grows with the number of admissible pairs.
    """
    chains = _Chains(len(predicted))
    low = np.searchsorted(predicted.time, true.time + rules.earliest - _ROUNDING, side="left")
    high = np.searchsorted(predicted.time, true.time + rules.latest + _ROUNDING, side="right")
    for at in range(len(true)):
        places = range(int(low[at]), int(high[at]))
        saved = [2 if predicted.gesture[place] == true.gesture[at] else 1 for place in places]
        chains.extend(at, places, saved)
    return chains.best()


class _Chains:
    """The best chain of pairs that ends at or before each prediction: a tree of prefix maxima (Fenwick 1994)."""

    def __init__(self, n: int) -> None:
        self.pairs: list[tuple[int, int, int]] = []  # prediction, true event, the pair before
        self.tree: list[tuple[int, int]] = [(0, -1)] * (n + 1)  # saved, last pair

    def extend(self, true: int, places: range, saved: list[int]) -> None:
        """Put one true event behind every chain; all of them are looked up before any is stored."""
        found = [self.before(place) for place in places]
        for place, (sofar, pair), more in zip(places, found, saved, strict=True):
            self.pairs.append((place, true, pair))
            self.store(place, (sofar + more, len(self.pairs) - 1))

    def before(self, place: int) -> tuple[int, int]:
        best = self.tree[0]
        while place:
            best = max(best, self.tree[place], key=lambda chain: chain[0])
            place &= place - 1
        return best

    def store(self, place: int, chain: tuple[int, int]) -> None:
        place += 1
        while place < len(self.tree):
            if chain[0] > self.tree[place][0]:
                self.tree[place] = chain
            place += place & -place

    def best(self) -> NDArray[np.int64]:
        _, pair = self.before(len(self.tree) - 1)
        found = []
        while pair >= 0:
            place, true, pair = self.pairs[pair]
            found.append((place, true))
        return np.array(found[::-1], dtype=np.int64).reshape(-1, 2)


def event_metrics(
    predicted: Events, true: Events, seconds: float, n_gestures: int = 9, rules: EventRules | None = None
) -> dict[str, Any]:
    """Score predicted events of one recording: CLER, and the misses and false alarms that it does not count.

    Parameters
    ----------
    predicted, true
        What was found (`find_events`) and what happened.
    seconds
        How long the recording lasted, for rates per hour.
    n_gestures
        How many gestures there are.
    rules
        Matching; None means the published numbers.

    Returns
    -------
    dict
        ``cler``: mean over gestures of 1 - correct / matched, where a gesture's matched events are its true ones with a
        partner; gestures without any are left out (our reading), None where no event was matched. ``recall``: correct
        pairs among all true events, None where there are none. ``false_per_hour``: predictions without a partner per
        hour. ``n_true``, ``n_predicted``, ``n_matched``, ``n_correct``: counts, predictions after the published
        cleaning. ``per_gesture``: matched and correct of each gesture that occurred.

    Raises
    ------
    EmgDistillError
        When a gesture is not below n_gestures or the time is not positive.
    """
    rules = EventRules() if rules is None else rules
    if not 0 < seconds < np.inf:
        raise EmgDistillError(f"seconds={seconds}: the length of the recording, > 0, is required")
    for name, events in (("predicted", predicted), ("true", true)):
        if len(events) and events.gesture.max() >= n_gestures:
            raise EmgDistillError(f"{name} events hold gesture {events.gesture.max()}; 0 .. {n_gestures - 1} are known")
    if rules.drop_impossible:
        predicted = drop_releases(predicted, true, rules)
    pairs = match_events(predicted, true, rules)
    gesture = true.gesture[pairs[:, 1]]
    right = predicted.gesture[pairs[:, 0]] == gesture
    matched, correct, occurred = (
        np.bincount(found, minlength=n_gestures) for found in (gesture, gesture[right], true.gesture)
    )
    known = matched > 0
    return {
        "cler": float(np.mean(1 - correct[known] / matched[known])) if known.any() else None,
        "recall": float(right.sum() / len(true)) if len(true) else None,
        "false_per_hour": float((len(predicted) - len(pairs)) * 3600 / seconds),
        "n_true": len(true),
        "n_predicted": len(predicted),
        "n_matched": len(pairs),
        "n_correct": int(right.sum()),
        "per_gesture": {
            str(at): {"true": int(occurred[at]), "matched": int(matched[at]), "correct": int(correct[at])}
            for at in np.flatnonzero(occurred)
        },
    }
