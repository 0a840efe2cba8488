"""Synthetic subjects for any data set: so many gestures, such electrodes, such a rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._arm import ANGLES_DEG, SIM_HZ, Person, Script, cue_track, drive, series
from ._motor import Floats, surface_emg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._layout import Layout

_PATTERN_SEED = 20180411  # patterns belong to gestures, not to subjects or data sets
_VELOCITY_M_S = 4.0
_PITCH_MM = 10.0
_PATCH_RAD = 1.5
_DECAY = 0.97


@dataclass(frozen=True)
class Actor:
    """One synthetic subject who wears electrodes and makes gestures.

    Attributes
    ----------
    person
        Muscles, strength, noise.
    layout
        Electrodes: columns lie round the limb (rows do where only they are circular), the other axis runs along it.
    sfreq
        Rate of what is recorded, Hz.
    patterns
        (gestures, muscles) activations in 0..1; gesture 0 is rest.
    rng
        Source of randomness, used up by acting.
    """

    person: Person
    layout: Layout
    sfreq: float
    patterns: Floats
    rng: np.random.Generator

    @classmethod
    def draw(
        cls, layout: Layout, sfreq: float, n_gestures: int, seed: tuple[int, ...], *, variation: float = 1.0
    ) -> Actor:
        """Draw a subject: ``n_gestures`` counts rest, gesture 0; ``seed`` holds the data set's seed and the subject."""
        rng = np.random.default_rng(seed)
        person = Person.draw(rng, n_gestures, variation=variation)
        return cls(person, layout, sfreq, gesture_patterns(n_gestures), rng)

    def trial(self, gesture: int, seconds: float) -> Floats:
        """Hold one gesture: (channels, time), 1 is the largest potential right under an electrode."""
        return self._record(Script(seconds, ((0.0, seconds, gesture),)))

    def session(
        self, gestures: Sequence[int], segment_s: float, gap_s: float
    ) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """Make gestures one after another, rest between them.

        Returns
        -------
        emg : ndarray
            (channels, time), as `trial`.
        labels, repetitions : ndarray
            (time,) gesture, and how often it has come, from 1; both 0 in between.
        """
        script = series(gestures, segment_s, gap_s, self.rng)
        emg = self._record(script)
        labels = cue_track(script, np.arange(emg.shape[1]) / self.sfreq)
        return emg, labels, repetition_track(labels)

    def _record(self, script: Script) -> Floats:
        """Act a script; ring by ring along the limb, each a little later and weaker than the one before."""
        rate = max(SIM_HZ, self.sfreq)
        angles, places, steps = _positions(self.layout)
        excitations = drive(self.person, script, self.patterns, self.rng, rate)
        rings = surface_emg(self.person.muscles, excitations, angles, rate, self.rng, noise=0.0, mains=0.004)
        n_times = max(1, round(script.duration * self.sfreq))
        ticks = np.minimum(np.arange(n_times) * rate / self.sfreq, rings.shape[1] - 1)
        delay = (self.layout.pitch_mm or _PITCH_MM) / 1e3 / _VELOCITY_M_S * rate
        index = np.maximum(ticks[None, :] - np.rint(steps * delay)[:, None], 0).astype(np.intp)
        emg = rings[places[:, None], index] * (_DECAY**steps)[:, None]
        return np.asarray(emg + self.rng.normal(0.0, self.person.noise, emg.shape), float)


def gesture_patterns(n_gestures: int) -> Floats:
    """Return activations (gestures, muscles) in 0..1, apart from one another; gesture 0 is rest."""
    rng = np.random.default_rng(_PATTERN_SEED)
    table = rng.uniform(0.0, 1.0, (max(n_gestures, 1), len(ANGLES_DEG))) ** 3 * 0.55
    table[0] = 0.0
    return table


def repetition_track(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count the runs of each label, 1, 2, ..., within that label; (time,), 0 where the label is 0."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    numbers, seen = np.zeros(len(labels), np.int64), dict[int, int]()
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), len(labels)], strict=True):
        value = int(labels[start]) if stop > start else 0
        if value:
            seen[value] = seen.get(value, 0) + 1
            numbers[start:stop] = seen[value]
    return numbers


def _positions(layout: Layout) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Return the distinct angles, each channel's angle by index, and its steps along the limb."""
    turned = layout.circular[0] and not layout.circular[1]
    n_round = layout.shape[0] if turned else layout.shape[1]
    span = 2 * np.pi if any(layout.circular) else _PATCH_RAD
    angles = span * np.arange(n_round) / n_round
    cells = np.array([layout.position(channel) for channel in range(layout.n_chans)])
    around, along = (cells[:, 0], cells[:, 1]) if turned else (cells[:, 1], cells[:, 0])
    return angles, around.astype(np.intp), along.astype(float)
