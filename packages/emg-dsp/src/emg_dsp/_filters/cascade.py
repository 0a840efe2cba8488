"""Runs a biquad cascade over arrays: the bridge between checked arguments and the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emg_dsp._arrays import Floats, NanPolicy, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import among, whole
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer
from emg_dsp._threads import over_rows

from .few import FEW, few_causal, few_zero_phase

if TYPE_CHECKING:
    from typing import SupportsIndex

    from numpy.typing import ArrayLike, NDArray

PadType: TypeAlias = Literal["odd", "even", "constant"]
"""What lies beyond the edges, by the names `scipy.signal.sosfiltfilt` gives the rules."""

_RULES: dict[str | None, int] = {"odd": 0, "even": 1, "constant": 2, None: 2}
_COPY = 256
_LINE = 8


def run_causal(
    sos: NDArray[np.float64], x: ArrayLike, state: NDArray[np.float64], nan: NanPolicy, threads: int = 1
) -> Floats:
    """Filter ``x`` (..., channels, time) from ``state`` (sections, rows, 2), which is advanced in place.

    A sample that is not finite never leaves the recurrence, so one look at the final state finds it without a pass
    over the signal.
    """
    from .biquad import causal

    check_policy(nan)
    given = as_signal(x)
    wide, result = widen(given)
    rows = contiguous(as_rows(wide))
    out = np.empty(rows.shape, dtype=rows.dtype)
    causal.compile()

    def job(start: int, stop: int) -> None:
        if len(rows) <= FEW:
            few_causal(sos, rows, state, out, Buffer(np.dtype(np.float64)))
            return
        part = np.ascontiguousarray(state[:, start:stop])
        causal(rows[start:stop], sos, part, out[start:stop], *bench(sos, rows.dtype))
        state[:, start:stop] = part

    over_rows(len(rows), threads, job)
    if nan == "raise" and not np.isfinite(state).all():
        raise_not_finite(given)
    return out.reshape(given.shape).astype(result, copy=False)


def run_zero_phase(
    sos: NDArray[np.float64],
    x: ArrayLike,
    nan: NanPolicy,
    padtype: PadType | None = "odd",
    padlen: SupportsIndex | None = None,
    threads: int = 1,
) -> Floats:
    """Filter ``x`` (..., channels, time) forward and backward with scipy's edge rules."""
    from .round_trip import BLOCK, zero_phase
    from .vectors import LANES

    check_policy(nan)
    given = as_signal(x)
    wide, result = widen(given)
    rows = contiguous(as_rows(wide))
    edge = checked_edge(sos, padtype, padlen)
    if rows.shape[1] <= edge:
        raise EmgDspError(
            f"x has {rows.shape[1]} samples; zero-phase filtering with {len(sos)} sections extends each "
            f"end by {edge} samples and requires more than {edge}. Pass a longer signal, a smaller padlen, or filter "
            "causally."
        )
    out = np.empty(rows.shape, dtype=rows.dtype)
    rule, zi = _RULES[padtype], steady_state(sos)
    zero_phase.compile()
    blocks = -(-(rows.shape[1] + 2 * edge) // BLOCK)

    def job(start: int, stop: int) -> None:
        if len(rows) <= FEW:
            few_zero_phase(sos, rows, zi, edge, padtype, out)
            return
        kept, work = aligned(blocks + 2, len(sos), 2, LANES), aligned(BLOCK * LANES)
        zero_phase(rows[start:stop], sos, zi, edge, rule, out[start:stop], kept, work, np.empty(LANES, rows.dtype))

    over_rows(len(rows), threads, job)
    if nan == "raise" and not np.isfinite(out[:, 0]).all():
        raise_not_finite(given)
    return out.reshape(given.shape).astype(result, copy=False)


def bench(sos: NDArray[np.float64], dtype: np.dtype[Any]) -> tuple[Floats, Floats, Floats]:
    """Return memory for the kernel of causal filtering to work in: state of the lanes, tile, a spare vector."""
    from .lanes import TILE
    from .vectors import LANES

    return aligned(len(sos), 2, LANES), aligned(TILE * LANES), np.empty(LANES, dtype=dtype)


def aligned(*shape: int) -> NDArray[np.float64]:
    """Return zeros that begin where a cache line does: vectors that straddle two cost twice as much."""
    size = int(np.prod(shape))
    memory = np.zeros(size + _LINE)
    start = -memory.ctypes.data // memory.itemsize % _LINE
    return memory[start : start + size].reshape(shape)


def contiguous(rows: Floats) -> Floats:
    """Return rows (rows, time) in C order; a copy goes block by block, so that caches hold what it jumps over."""
    if rows.flags.c_contiguous:
        return rows
    copy = np.empty(rows.shape, dtype=rows.dtype)
    for start in range(0, rows.shape[1], _COPY):
        copy[:, start : start + _COPY] = rows[:, start : start + _COPY]
    return copy


def checked_edge(sos: NDArray[np.float64], padtype: str | None, padlen: SupportsIndex | None) -> int:
    """Return the samples of extension at each end."""
    if padtype is not None and not among(padtype, _RULES):
        raise EmgDspError(f"padtype={padtype!r}; required is 'odd', 'even', 'constant' or None.")
    if padlen is None:
        return 0 if padtype is None else edge_length(sos)
    length = whole(padlen, "padlen", 0, " samples")
    if padtype is None and length > 0:
        raise EmgDspError(f"padlen={length} with padtype=None; required is a padtype, or no padlen.")
    return length


def edge_length(sos: NDArray[np.float64]) -> int:
    """Return the samples of extension at each end: scipy's default ``padlen`` of ``sosfiltfilt``."""
    taps = 2 * len(sos) + 1
    trailing = min(int((sos[:, 2] == 0).sum()), int((sos[:, 5] == 0).sum()))
    return 3 * (taps - trailing)


def steady_state(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """State (sections, 2) of the cascade under an endless input of 1: `scipy.signal.sosfilt_zi` in closed form."""
    gains = sos[:, :3].sum(axis=1) / sos[:, 3:].sum(axis=1)
    level = np.concatenate([[1.0], np.cumprod(gains)[:-1]])
    first = gains - sos[:, 0]
    second = sos[:, 2] - sos[:, 5] * gains
    return np.ascontiguousarray(np.stack([first, second], axis=1) * level[:, None])
