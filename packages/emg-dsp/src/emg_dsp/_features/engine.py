"""From windows and chosen features to a table of values: block by block, on one thread or several."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import check_policy, raise_not_finite
from emg_dsp._errors import EmgDspError
from emg_dsp._threads import over_rows

from .block import Block
from .layout import locate
from .walk import is_quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy

    from .layout import Layout
    from .select import Choice

_SAMPLES = 1 << 19
"""Samples in the windows of one block, which features may copy."""
_SAMPLES_IN_PLACE = 1 << 22
"""The same where no feature copies any."""
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
    work = _Work(x, layout, choices, sfreq, nan)
    over_rows(len(layout.starts), threads, work.rows)
    return work.table()


class _Work:
    """The blocks of one call. Jobs on several threads write to rows of their own."""

    def __init__(self, x: Array, layout: Layout, choices: Sequence[Choice], sfreq: float, nan: NanPolicy) -> None:
        self._x, self._layout, self._choices, self._sfreq, self._nan = x, layout, choices, sfreq, nan
        self._needs = frozenset[str]().union(*(choice.feature.needs for choice in choices))
        light = all(choice.feature.needs or not choice.feature.copies for choice in choices)
        self._size = max(1, (_SAMPLES_IN_PLACE if light else _SAMPLES) // layout.length)
        ends = np.cumsum([0, *(self._width(choice) for choice in choices)]).tolist()
        self._columns = [slice(first, stop) for first, stop in pairwise(ends)]
        exact = any(choice.feature.across for choice in choices)
        self._values = np.empty((len(layout.starts), ends[-1]), dtype=np.float64 if exact else layout.result)

    def _width(self, choice: Choice) -> int:
        """Count the columns that a block gives: those of a window of zeros, where the final ones compare channels."""
        if choice.feature.across is None:
            return len(choice.columns(1, self._sfreq))
        length = self._layout.length
        silence = Block(np.zeros(length), np.zeros(1, dtype=np.int64), length, self._sfreq)
        with np.errstate(all="ignore"):
            return np.size(choice.feature.compute(silence, choice.options))

    def rows(self, start: int, stop: int) -> None:
        """Fill the rows of the windows that are walked as ``start ... stop - 1``, block by block."""
        with np.errstate(all="ignore"):
            for first in range(start, stop, self._size):
                last = min(first + self._size, stop)
                values = np.empty((last - first, self._values.shape[1]), dtype=self._values.dtype)
                self._fill(values, self._block(self._layout.starts[first:last]))
                self._values[self._layout.places[first:last]] = values

    def _block(self, starts: NDArray[np.int64]) -> Block:
        return Block(self._layout.flat, starts, self._layout.length, self._sfreq, self._needs)

    def _fill(self, values: Floats, block: Block) -> None:
        """Compute one block; features see only windows that can be computed, the others get NaN."""
        good = self._good(block)
        if good is None or good.all():
            self._compute(values, block)
            self._refuse(values, np.isinf(values))
            return
        self._refuse(values, ~good[:, None])
        if good.any():
            sound = np.empty((int(good.sum()), values.shape[1]), dtype=values.dtype)
            self._fill(sound, self._block(block.starts[good]))
            values[good] = sound

    def _good(self, block: Block) -> NDArray[np.bool_] | None:
        """Tell which windows can be computed, None for all.

        Sums that are needed anyway tell, without another look at the samples: squares, and where the samples are too
        small to overflow, any sum that all of them are part of.
        """
        if self._needs.isdisjoint({"abs", "square"}):
            telling = self._needs & {"total", "step"} if block.length > 1 else set[str]()
            if telling and block.flat.dtype == np.float32:
                return np.isfinite(block.sum(min(telling)))
            if is_quiet(block, _LOUDEST):
                return None
        return block.sum("square") < _LOUDEST**2 * block.length

    def _compute(self, values: Floats, block: Block) -> None:
        for choice, columns in zip(self._choices, self._columns, strict=True):
            values[:, columns] = choice.feature.compute(block, choice.options).reshape(len(block), -1)

    def _refuse(self, values: Floats, bad: NDArray[np.bool_]) -> None:
        """Raise for what is not finite, or make it NaN."""
        if bad.any():
            if self._nan == "raise":
                raise_not_finite(np.atleast_2d(self._x))
            np.copyto(values, np.nan, where=bad)

    def table(self) -> Floats:
        """Return the values of all windows, their axes and type restored, after features have compared channels."""
        values = self._values.reshape(*self._layout.shape, self._values.shape[1])
        if not any(choice.feature.across for choice in self._choices):
            return values
        with np.errstate(all="ignore"):
            parts = [
                across(values[..., columns], choice.options)
                if (across := choice.feature.across)
                else values[..., columns]
                for choice, columns in zip(self._choices, self._columns, strict=True)
            ]
            table: Floats = np.concatenate(parts, axis=-1).astype(self._layout.result, order="C")
        self._refuse(table, np.isinf(table))
        return table
