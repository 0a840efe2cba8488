"""From windows and chosen features to a table of values: block by block, on one thread or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import check_policy, raise_not_finite
from emg_dsp._errors import EmgDspError
from emg_dsp._threads import over_rows

from .block import Block
from .layout import locate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy

    from .feature import Values
    from .layout import Layout
    from .select import Choice

_SAMPLES = 1 << 18
"""Samples in the windows of one block, which features may copy."""
_SAMPLES_OF_SUMS = 1 << 21
"""The same where nothing but sums is asked for, which copy nothing."""
_LOUDEST = 1e60
"""Root mean square of a window from which on powers of its samples may overflow."""


def compute(x: Array, choices: Sequence[Choice], sfreq: float, nan: NanPolicy, threads: int = 1) -> Floats:
    """Compute the chosen features of windows ``x`` (..., channels, time); return (..., channels, columns)."""
    check_policy(nan)
    if x.shape[-1] == 0:
        raise EmgDspError(
            f"x has shape {x.shape}: windows of 0 samples; required is at least one sample on the last axis."
        )
    layout = locate(x)
    if len(layout.starts) == 0:
        n_chans = x.shape[-2] if x.ndim > 1 else 1
        width = sum(len(choice.columns(n_chans, sfreq)) for choice in choices)
        return np.zeros((*layout.shape, width), dtype=layout.result)
    parts = _Work(x, layout, choices, sfreq, nan).run(threads)
    shaped = [_across(choice, layout.restore(values)) for choice, values in zip(choices, parts, strict=True)]
    with np.errstate(over="ignore"):
        table: Floats = np.concatenate(shaped, axis=-1).astype(layout.result, copy=False)
    return _without_infinity(table, x, nan)


class _Work:
    """The blocks of one call. Jobs on several threads write to rows of their own."""

    def __init__(self, x: Array, layout: Layout, choices: Sequence[Choice], sfreq: float, nan: NanPolicy) -> None:
        self._x, self._layout, self._choices, self._sfreq, self._nan = x, layout, choices, sfreq, nan
        self._needs = frozenset(need for choice in choices for need in choice.feature.needs)
        light = all(choice.feature.needs for choice in choices)
        self._size = max(1, (_SAMPLES_OF_SUMS if light else _SAMPLES) // layout.length)
        self._done: dict[int, list[Values]] = {}

    def run(self, threads: int) -> list[Values]:
        """Return the values (n, k) of each choice."""
        over_rows(len(self._layout.starts), threads, self._rows)
        pieces = [self._done[start] for start in sorted(self._done)]
        return [np.concatenate(values) for values in zip(*pieces, strict=True)]

    def _rows(self, start: int, stop: int) -> None:
        for first in range(start, stop, self._size):
            self._done[first] = self._block(self._layout.starts[first : min(first + self._size, stop)])

    def _block(self, starts: NDArray[np.int64]) -> list[Values]:
        """Compute one block; features see only windows that can be computed, the others get NaN."""
        block = self._windows(starts)
        good = block.sum("square") < _LOUDEST**2 * block.length
        if good.all():
            return self._values(block)
        if self._nan == "raise":
            raise_not_finite(np.atleast_2d(self._x))
        found = self._values(self._windows(starts[good]) if good.any() else _silence(block))
        results = [np.full((len(starts), values.shape[1]), np.nan) for values in found]
        for result, values in zip(results, found, strict=True):
            result[good] = values[: good.sum()]
        return results

    def _windows(self, starts: NDArray[np.int64]) -> Block:
        return Block(self._layout.flat, starts, self._layout.length, self._sfreq, self._needs)

    def _values(self, block: Block) -> list[Values]:
        with np.errstate(all="ignore"):
            results = [choice.feature.compute(block, choice.options) for choice in self._choices]
        return [np.asarray(values, dtype=np.float64).reshape(len(block), -1) for values in results]


def _silence(block: Block) -> Block:
    """One window of zeros, from which the number of columns is learned where no window can be computed."""
    zeros = np.zeros(block.length, dtype=block.flat.dtype)
    return Block(zeros, np.zeros(1, dtype=np.int64), block.length, block.sfreq)


def _across(choice: Choice, values: Values) -> Values:
    """Let a feature that compares channels do so."""
    if choice.feature.across is None:
        return values
    with np.errstate(all="ignore"):
        return choice.feature.across(values, choice.options)


def _without_infinity(table: Floats, x: Array, nan: NanPolicy) -> Floats:
    """Treat a value that does not fit its type as a window that cannot be computed."""
    infinite = np.isinf(table)
    if infinite.any():
        if nan == "raise":
            raise_not_finite(np.atleast_2d(x))
        table[infinite] = np.nan
    return table
