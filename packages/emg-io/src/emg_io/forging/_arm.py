"""A made-up forearm: six muscles in a ring, gestures as patterns of activation, people who differ a little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ._motor import Floats, Muscle, surface_emg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIM_HZ = 1000.0
RAMP_S = 0.25
_REST = 0.012
_SLOW_S = 0.2

# flexor carpi radialis, flexor digitorum, flexor carpi ulnaris, extensor carpi ulnaris, extensor digitorum, extensor
# carpi radialis: angles in degrees round the forearm, from the radial side over the palm side
ANGLES_DEG = (15.0, 65.0, 125.0, 195.0, 245.0, 310.0)


@dataclass(frozen=True)
class Script:
    """What a subject does: ``cues`` (start, stop, gesture) in seconds, within ``duration`` seconds."""

    duration: float
    cues: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class Person:
    """One synthetic subject: turned electrodes, own strength per muscle, own noise."""

    muscles: tuple[Muscle, ...]
    strategy: Floats
    noise: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        n_gestures: int,
        *,
        angles_deg: Sequence[float] = ANGLES_DEG,
        variation: float = 1.0,
    ) -> Person:
        """Draw a subject with muscles at ``angles_deg``; ``variation`` >= 0 scales how far subjects differ."""
        turn = rng.normal(0.0, np.deg2rad(9.0) * variation)
        gain = np.exp(rng.normal(0.0, 0.25 * variation))
        muscles = tuple(
            Muscle(
                float(np.deg2rad(degrees) + turn + rng.normal(0.0, 0.08 * variation)),
                size=float(gain * np.exp(rng.normal(0.0, 0.2 * variation))),
            )
            for degrees in angles_deg
        )
        strategy = np.exp(rng.normal(0.0, 0.28 * variation, (n_gestures, len(muscles))))
        return cls(muscles, strategy, float(0.012 * np.exp(rng.normal(0.0, 0.3 * variation))))

    def rewear(self, rng: np.random.Generator, variation: float = 1.0) -> Person:
        """Put the electrodes on again: everything turns by a few degrees."""
        turn = float(rng.normal(0.0, np.deg2rad(4.0) * variation))
        return replace(self, muscles=tuple(replace(muscle, angle=muscle.angle + turn) for muscle in self.muscles))


def drive(person: Person, script: Script, patterns: Floats, rng: np.random.Generator, sfreq: float = SIM_HZ) -> Floats:
    """Return excitations (muscles, time) in 0..1 at ``sfreq`` Hz for a script; ``patterns`` is (gestures, muscles)."""
    n_times = round(script.duration * sfreq)
    seconds = np.arange(n_times) / sfreq
    level = np.full((len(person.muscles), n_times), _REST)
    for start, stop, gesture in script.cues:
        effort = np.exp(rng.normal(0.0, 0.12)) * np.exp(rng.normal(0.0, 0.15, len(person.muscles)))
        shape = np.clip((seconds - start) / RAMP_S + 1, 0, 1) * np.clip((stop - seconds) / RAMP_S + 1, 0, 1)
        level += (patterns[gesture] * person.strategy[gesture] * effort)[:, None] * shape
    hold = round(_SLOW_S * sfreq)
    slow = np.repeat(rng.normal(0.0, 1.0, (len(level), n_times // hold + 1)), hold, axis=1)[:, :n_times]
    return np.clip(level * (1.0 + 0.10 * slow), 0.0, 1.0)


def simulate(
    person: Person, script: Script, patterns: Floats, electrode_angles: Floats, rng: np.random.Generator
) -> Floats:
    """Return the EMG (channels, time) at `SIM_HZ` of a subject who follows a script."""
    excitations = drive(person, script, patterns, rng)
    return surface_emg(person.muscles, excitations, electrode_angles, SIM_HZ, rng, noise=person.noise, mains=0.004)


def ring_angles(n_chans: int) -> Floats:
    """Return the angles of a ring of electrodes, (channels,) rad."""
    return 2 * np.pi * np.arange(n_chans) / n_chans


def cue_track(script: Script, stamps_s: Floats) -> NDArray[np.int64]:
    """Return the gesture cued at each time, (time,), 0 between cues."""
    labels = np.zeros(len(stamps_s), np.int64)
    for start, stop, gesture in script.cues:
        labels[(stamps_s >= start) & (stamps_s < stop)] = gesture
    return labels


def series(gestures: Sequence[int], segment_s: float, gap_s: float, rng: np.random.Generator) -> Script:
    """Lay gestures out in time: a gap, a segment, a gap ...; lengths vary by some ten per cent."""
    now, cues = 0.0, []
    for gesture in gestures:
        now += float(gap_s * rng.uniform(0.85, 1.15))
        length = float(segment_s * rng.uniform(0.9, 1.1))
        cues.append((now, now + length, gesture))
        now += length
    return Script(now + gap_s, tuple(cues))
