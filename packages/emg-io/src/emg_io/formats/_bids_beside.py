"""Signals recorded beside the EMG, as channels of type MISC in the same BDF file, where they share rate and length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_io.engines._edf_scale import ranges_for

from ._bids_digital import LIMITS, finest_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_io._recording import Recording
    from emg_io._source import Aux
    from emg_io.engines._edf_scale import Ranges


class Beside(NamedTuple):
    """One group of signals: its name, names of the rows, unit, (rows, time) int32 within 24 bits, ranges, step.

    ``quantum`` is 0 where ``values`` are the numbers themselves, else the step in ``unit`` to which they were rounded.
    """

    name: str
    rows: tuple[str, ...]
    unit: str
    values: NDArray[np.int32]
    ranges: Ranges
    quantum: float


def beside_of(recording: Recording) -> tuple[tuple[Beside, ...], tuple[str, ...]]:
    """Return the groups that the file can hold, and the names of the others: another rate or length, or not finite."""
    made, left_out, taken = [], [], set(recording.channels)
    for name in recording.aux_names:
        aux = recording.aux(name)
        same = aux.sfreq == recording.sfreq and aux.values.shape[1] == recording.n_samples
        digital = _digitise(aux.values) if same and name.isprintable() else None
        rows = _row_names(aux, taken)
        if digital is None or not all(row.isprintable() and row == row.strip() for row in rows):
            left_out.append(name)
            continue
        taken |= set(rows)
        made.append(Beside(name, rows, "" if aux.unit == "unknown" else aux.unit, *digital))
    return tuple(made), tuple(left_out)


def _digitise(values: NDArray[np.generic]) -> tuple[NDArray[np.int32], Ranges, float] | None:
    """Return numbers of 24 bits, their ranges and step; None where no header can state them."""
    if values.dtype.kind not in "iufb" or not values.size or not np.isfinite(values).all():
        return None
    signal = values.astype(np.float64)
    whole = np.rint(signal)
    low, high = int(whole.min()), int(whole.max())
    quantum, ranges = 0.0, None
    if np.array_equal(whole, signal) and LIMITS[0] <= low and high <= LIMITS[1]:
        ranges = ranges_for(1.0, 0.0, low, high, LIMITS)
    if ranges is None:
        quantum, ranges = finest_step(float(np.abs(signal).max()))
    return None if ranges is None else (np.rint(signal / (quantum or 1.0)).astype(np.int32), ranges, quantum)


def _row_names(aux: Aux, taken: set[str]) -> tuple[str, ...]:
    """Return a name for every row that no channel has."""
    rows = aux.channels or tuple(f"{aux.name}{k}" for k in range(1, len(aux.values) + 1))
    if taken & set(rows) or len(set(rows)) < len(rows) or not all(rows):
        rows = tuple(f"{aux.name} {k}" for k in range(1, len(aux.values) + 1))
    return rows
