"""Forging NinaPro DB2 to DB8: few movements, short, with the quirks of each data base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emg_io._atomic import write_bytes
from emg_io._layout import Layout
from emg_io.engines._mat5_write import Small, mat_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats._ninapro_bases import BASES, SPARE, Base
from emg_io.formats._ninapro_names import FORCE_CODES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_VOLTS, _COUNTS = 3e-4, 90.0
_DB8_HZ = 1111.0
_CUT_ROWS, _HOLD, _REACTION_S = 3, 40, 0.1
_LAST_DB8 = 2  # repetitions in the third acquisition of DB8


class _Played(NamedTuple):
    """What an actor did: ``emg`` (channels, time) as stored, ``labels`` and ``repetitions`` (time,)."""

    emg: NDArray[np.generic]
    labels: NDArray[np.int64]
    repetitions: NDArray[np.int64]


def forge(
    out: Path,
    n_subjects: int,
    seed: int,
    *,
    number: int,
    segment_s: float = 0.1,
    gap_s: float = 0.06,
    variation: float = 1.0,
) -> list[Truth]:
    """Write a synthetic data base: the first and the last movement of each exercise, all repetitions.

    DB2's subjects are numbered from 12, because files of its first eleven could as well be DB3's; DB3's last subject
    wears ten electrodes.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        1 or more, at most as many as the data base has (DB2: 29).
    seed
        Same seed, same bytes.
    number
        2 to 8.
    segment_s, gap_s
        Mean length of a movement and of the rest after it, seconds, > 0.
    variation
        How far subjects differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    base = BASES[number - 1]
    truths = []
    for subject in range(1, n_subjects + 1):
        few = number == 3 and subject == n_subjects
        layout = Layout.unplaced(10) if few else base.layout
        rate = _DB8_HZ if number == 8 else base.sfreq
        actor = Actor.draw(layout, rate, len(base.names), (seed, number, subject), variation=variation)
        shown = subject + 11 if number == 2 else subject
        for name, session, task, exercise in _files(base, shown):
            n_repetitions = _LAST_DB8 if session == "A3" else base.n_repetitions
            played = _play(base, actor, exercise, n_repetitions, segment_s, gap_s)
            fields = {"subject": np.array([[shown]], np.uint8), "exercise": np.array([[exercise]], np.uint8)}
            fields |= _signals(base, played, exercise, actor.rng) | _numbers(base, played, exercise)
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(out / name, mat_bytes(fields))
            truths.append(_truth(base, played, exercise, (str(shown), session, task)))
    return truths


def _files(base: Base, subject: int) -> list[tuple[str, str, str, int]]:
    """Return name, session, task and exercise of a subject's files."""
    if base.files == "day":
        times = [(1, 1), (1, 2), (2, 1)]
        return [(f"S{subject}_D{day}_T{time}.mat", f"D{day}T{time}", "", 1) for day, time in times]
    if base.files == "acquisition":
        return [(f"S{subject}_E1_A{number}.mat", f"A{number}", "E1", 1) for number in (1, 2, 3)]
    exercises = range(1, len(base.exercises) + 1)
    return [(f"DB{base.number}_s{subject}/S{subject}_E{e}_A1.mat", "1", f"E{e}", e) for e in exercises]


def _play(base: Base, actor: Actor, exercise: int, n_repetitions: int, segment_s: float, gap_s: float) -> _Played:
    """Act the first and the last movement of an exercise."""
    before, n_movements = base.before(exercise), base.exercises[exercise - 1]
    order = [place for place in (before + 1, before + n_movements) for _ in range(n_repetitions)]
    emg, acted, repetitions = actor.session(order, segment_s, gap_s)
    labels = np.array(sorted(base.names))[acted]
    if base.number != 8:
        return _Played(_stored(base, emg), labels, repetitions)
    ticks = np.arange(int((emg.shape[1] - 1) * base.sfreq / _DB8_HZ)) * _DB8_HZ / base.sfreq
    upsampled = np.array([np.interp(ticks, np.arange(emg.shape[1]), row) for row in emg])
    held = ticks.astype(np.intp)
    return _Played(_stored(base, upsampled), labels[held], repetitions[held])


def _stored(base: Base, emg: NDArray[np.float64]) -> NDArray[np.generic]:
    """Return samples as the base stores them: Myo counts, or single-precision volts."""
    if base.unit == "adc":
        return np.clip(np.rint(emg * _COUNTS), *base.limits).astype(np.int8)
    return (emg * _VOLTS).astype(np.float32)


def _signals(base: Base, played: _Played, exercise: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return EMG and what is recorded beside it, (time, columns)."""
    emg, n_samples = played.emg.T, played.emg.shape[1]
    if base.n_stored:
        wide = np.zeros((n_samples, base.n_stored), np.float32)
        wide[:, [column for column in range(base.n_stored) if column not in SPARE]] = emg
        emg = wide
    fields: dict[str, Any] = {"emg": Small(emg.astype(np.int8)) if base.unit == "adc" else emg}
    inertial = ("acc",) * base.has_acc + ("gyro", "mag") * base.has_gyro
    n_columns = 3 if base.number == 5 else 3 * emg.shape[1]
    fields |= {name: _slow(rng, n_samples, n_columns) for name in inertial}
    force = exercise == base.force_exercise
    if base.glove and not force:
        postures = rng.uniform(60.0, 160.0, (max(base.names) + 1, base.glove)).round(0)
        fields["glove"] = postures[played.labels]
    if base.number == 8:
        fields["glove"][5:8] = np.nan
    if base.number in {2, 3}:
        fields["inclin"] = _slow(rng, n_samples, 2)
    if force:
        fields |= {"force": _slow(rng, n_samples, 6), "forcecal": np.array([[0.1] * 6, [9.5] * 6])}
    return fields


def _slow(rng: np.random.Generator, n_samples: int, n_columns: int) -> NDArray[np.float32]:
    """Return a signal (time, columns) that is held for some samples, as one of a lower rate."""
    values = rng.normal(0.0, 1.0, (n_samples // _HOLD + 1, n_columns)).round(2).astype(np.float32)
    return np.repeat(values, _HOLD, axis=0)[:n_samples]


def _numbers(base: Base, played: _Played, exercise: int) -> dict[str, Any]:
    """Return label fields as the base numbers movements, cues before movements."""
    labels, repetitions = played.labels, played.repetitions.astype(np.uint8)
    if exercise == base.force_exercise:
        codes = np.array([0, *FORCE_CODES], np.uint8)
        local = np.where(labels > 0, labels - base.before(exercise), 0)
        return {"stimulus": codes[local], "repetition": repetitions}
    stored = (labels if base.continues else np.where(labels > 0, labels - base.before(exercise), 0)).astype(np.uint8)
    early = round(_REACTION_S * base.sfreq)
    n_moved = len(stored) - _n_cut(base, exercise)
    return {
        "stimulus": np.concatenate([stored[early:], np.zeros(early, np.uint8)]),
        "restimulus": stored[:n_moved],
        "repetition": np.concatenate([repetitions[early:], np.zeros(early, np.uint8)]),
        "rerepetition": repetitions[:n_moved],
    }


def _n_cut(base: Base, exercise: int) -> int:
    """Return by how many rows the labels of a file are too short."""
    return _CUT_ROWS if (base.number, exercise) == (2, 2) else 0


def _truth(base: Base, played: _Played, exercise: int, key: tuple[str, str, str]) -> Truth:
    """Return what a reader must find in a file."""
    stop = len(played.labels) - _n_cut(base, exercise)
    raw = played.emg[:, :stop]
    return Truth(*key, None, raw, played.labels[:stop])
