"""Filters rows too few for lanes: each by itself, in float64 memory, with the arithmetic of the lanes in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_dsp._arrays import Floats
    from emg_dsp._stages import Buffer

FEW = 3
"""Up to so many rows are faster one by one than in lanes that are mostly empty."""
_STRETCH = 8192


def few_causal(sos: NDArray[np.float64], rows: Floats, state: NDArray[np.float64], out: Floats, memory: Buffer) -> None:
    """Filter ``rows`` (rows, time) into ``out`` from ``state`` (sections, rows, 2), which is advanced in place.

    ``memory`` of float64 is worked in.
    """
    from .single import single

    own = np.ascontiguousarray(state.transpose(1, 0, 2))
    for start in range(0, rows.shape[1], _STRETCH):
        part = rows[:, start : start + _STRETCH]
        lines = memory.take(*part.shape)
        np.copyto(lines, part)
        single(lines, 1, sos, own)
        with np.errstate(over="ignore"):
            out[:, start : start + _STRETCH] = lines
    state[:] = own.transpose(1, 0, 2)


def few_zero_phase(
    sos: NDArray[np.float64], rows: Floats, zi: NDArray[np.float64], edge: int, padtype: str | None, out: Floats
) -> None:
    """Filter ``rows`` (rows, time) forward and back into ``out``; ``zi`` (sections, 2) is the steady state."""
    from .single import single

    with np.errstate(over="ignore", invalid="ignore"):
        lines = _extended(rows.astype(np.float64), edge, padtype)
        for step, end in ((1, 0), (-1, -1)):
            single(lines, step, sos, zi * lines[:, end, None, None])
        out[:] = lines[:, edge : edge + rows.shape[1]]


def _extended(x: NDArray[np.float64], edge: int, padtype: str | None) -> NDArray[np.float64]:
    """Return the rows with ``edge`` samples beyond both ends."""
    if edge == 0:
        return x
    before, after = x[:, edge:0:-1], x[:, -2 : -edge - 2 : -1]
    first, last = x[:, :1], x[:, -1:]
    if padtype == "odd":
        before, after = 2 * first - before, 2 * last - after
    elif padtype == "constant":
        before, after = np.repeat(first, edge, 1), np.repeat(last, edge, 1)
    both: NDArray[np.float64] = np.concatenate([before, x, after], axis=1)
    return both
