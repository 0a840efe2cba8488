"""A recording's numbers as a BDF file can hold them: stored integers as they are, all else in steps that are stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError
from emg_io.engines._edf_scale import Ranges, ranges_for
from emg_io.engines._edf_write import RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._recording import Recording

LIMITS = RANGE[3]
_FINER = {"V": (("V", 1.0), ("mV", 1e3), ("uV", 1e6)), "mV": (("mV", 1.0), ("uV", 1e3))}
_CLOSE = 1e-6  # a finer unit must state scales better by this much to be taken


class Digital(NamedTuple):
    """What goes into a file.

    Attributes
    ----------
    values
        (channels, time) int32 within 24 bits.
    unit
        Unit of the physical values; finer than the recording's where its own cannot be written in eight characters.
    ranges
        One a channel.
    quantum
        0 where ``values`` are the stored numbers themselves; else the step, in ``unit``, to which they were rounded.
    scale_error
        Largest relative error of a scale as eight characters state it.
    """

    values: NDArray[np.int32]
    unit: str
    ranges: tuple[Ranges, ...]
    quantum: float
    scale_error: float


def digitise(recording: Recording) -> Digital:
    """Return a recording's samples for a BDF file; samples that are not finite are refused."""
    raw = recording.raw()
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        problem = "a BDF file cannot say that samples are missing: cut them out, or fill them in, before writing"
        raise EmgIoError(problem, file=recording.source, place="samples", expected="finite numbers", found="NaN or inf")
    low, high = int(np.floor(raw.min())), int(np.ceil(raw.max()))
    if LIMITS[0] <= low and high <= LIMITS[1]:
        values = raw.astype(np.int32)
        if raw.dtype.kind != "f" or np.array_equal(values, raw):
            made = _calibrated(recording, values, low, high)
            if made is not None:
                return made
    return _quantised(recording)


def _calibrated(recording: Recording, values: NDArray[np.int32], low: int, high: int) -> Digital | None:
    """Return stored integers with the recording's own scale, in the first unit that states it; None where none can."""
    scales, offsets = _each(recording.scale, recording.n_chans), _each(recording.offset, recording.n_chans)
    best: Digital | None = None
    for unit, factor in _units(recording):
        wanted = [(_decimal(s, factor), _decimal(o, factor)) for s, o in zip(scales, offsets, strict=True)]
        ranges = [ranges_for(scale, offset, low, high, LIMITS) if scale else None for scale, offset in wanted]
        found = tuple(one for one in ranges if one is not None)
        if len(found) == len(wanted):
            error = max(abs(one.scale / scale - 1) for one, (scale, _) in zip(found, wanted, strict=True))
            if best is None or error < best.scale_error - _CLOSE:
                best = Digital(values, unit, found, 0.0, error if error > 1e-15 else 0.0)
    return best


def _quantised(recording: Recording) -> Digital:
    """Return the signal in steps as fine as 24 bits and eight characters allow, in the unit that allows the finest."""
    signal = recording.signal(dtype=np.float64)
    peak = float(np.abs(signal).max()) or 1.0
    found = [(factor, unit, finest_step(peak * factor)) for unit, factor in _units(recording)]
    steps = [(quantum / factor, factor, unit, quantum, ranges) for factor, unit, (quantum, ranges) in found if ranges]
    if not steps:
        problem = "amplitudes cannot be stated in the eight characters of a header: scale the recording to another unit"
        raise EmgIoError(problem, file=recording.source, place="unit", found=f"peak of {peak:g} {recording.unit}")
    finest = min(step[0] for step in steps)
    _, factor, unit, quantum, ranges = next(step for step in steps if step[0] <= finest * 1.001)
    values = np.rint(signal * (factor / quantum)).astype(np.int32)
    return Digital(values, unit, (ranges,) * recording.n_chans, quantum, 0.0)


def finest_step(peak: float) -> tuple[float, Ranges | None]:
    """Return the finest step of 1, 2 or 5 times a power of ten that holds a peak, and ranges that state it."""
    exponent = int(np.floor(np.log10(peak)))
    for quantum in (float(f"{step}e{power}") for power in range(exponent - 8, exponent + 1) for step in (1, 2, 5)):
        reach = int(np.ceil(peak / quantum))
        ranges = ranges_for(quantum, 0.0, -reach, reach, LIMITS) if reach <= LIMITS[1] else None
        if ranges is not None and ranges.scale == quantum:
            return quantum, ranges
    return 0.0, None


def _units(recording: Recording) -> tuple[tuple[str, float], ...]:
    """Return the units to try, own first, and the factor that leads to each."""
    return _FINER.get(recording.unit, ((recording.unit, 1.0),))


def _each(value: float | Sequence[float], n_chans: int) -> list[float]:
    """Return one number a channel."""
    return [float(value)] * n_chans if isinstance(value, (int, float)) else [float(number) for number in value]


def _decimal(value: float, factor: float) -> float:
    """Multiply by a power of ten, keeping short decimals short."""
    return value if factor == 1.0 else float(f"{value * factor:.15g}")
