"""Rotary position embedding, recognised from the linear form of q and k.

Each pair of features (2i, 2i+1) of a row must be a scaled rotation of one pair of the source; the angle may depend on
row and pair (positions), or on the head (which cancels in q @ k^T).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._views import affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._views import Form

_TOLERANCE = 1e-5
_QUANTISED = 0.03  # of cosines and sines that a file holds in 8 bits; the comparison of outputs bounds what comes of it
_ROUNDING = 1e-4  # of angles worked out in float32, within which a rotation is taken for the exact one


class RotationError(Exception):
    """What is between the source and the scores is no rotation that the kernel knows."""


class NeighbourError(RotationError):
    """The features that turn together are not neighbours; another order of channels may help."""


@dataclass(frozen=True)
class Operand:
    """q or k: where it stands in its source, its factor, and its rotation as unit complex numbers.

    Parameters
    ----------
    layout
        (base, head stride, row stride).
    gain
        Factor common to all elements.
    turn
        complex128 ``(heads, rows, width / 2)``, or None where nothing turns; of size 1, or, where the file quantised
        its cosines and sines, at most 1.
    """

    layout: tuple[int, int, int]
    gain: float
    turn: NDArray[np.complex128] | None


def read_operand(form: Form, heads: int, rows: int, width: int, *, halves: bool = False) -> Operand:
    """Read layout, factor and rotation off a linear form in the order (heads, rows, width).

    With ``halves``, pairs that stand side by side in the form are features (i, i + d/2) of the source.
    """
    if form.index.shape[1] == 1:
        gain = float(form.factor[0, 0])
        layout = affine(form.index.reshape(heads, rows, width))
        if layout is not None and np.allclose(form.factor, gain, rtol=_TOLERANCE, atol=0.0):
            return Operand(layout, gain, None)
    if width % 2 or form.index.shape[1] > 2:
        raise RotationError("q or k is mixed in a way that is no rotation of feature pairs")
    return _read_turned(form, (heads, rows, width), width // 2 if halves else 1)


def _read_turned(form: Form, extents: tuple[int, int, int], apart: int) -> Operand:
    heads, rows, width = extents
    terms = form.index.shape[1]
    index = form.index.reshape(heads, rows, width // 2, 2, terms)
    factor = form.factor.reshape(index.shape)
    present = factor != 0.0
    first = np.where(present, index, np.iinfo(np.int64).max).min((-1, -2))  # lower source element of each pair
    layout = affine_pairs(first, apart)
    side = index - first[..., None, None]
    if layout is None or ((side != 0) & (side != apart) & present).any():
        raise NeighbourError("q or k does not pair neighbouring features (2i, 2i+1)")
    matrix = np.stack(
        [np.where((side == j * apart) & present, factor, 0.0).sum(-1) for j in (0, 1)], -1
    )  # [..., out, in]
    turn = matrix[..., 0, 0] + 1j * matrix[..., 1, 0]
    gain = float(np.abs(turn).mean())
    deviation = (
        np.abs(np.abs(turn) - gain).max(),
        np.abs(matrix[..., 1, 1] - matrix[..., 0, 0]).max(),
        np.abs(matrix[..., 0, 1] + matrix[..., 1, 0]).max(),
    )
    if gain == 0.0 or max(deviation) > _QUANTISED * gain:
        raise RotationError("q or k is transformed by something that is no rotation with one common factor")
    if max(deviation) <= _TOLERANCE * gain:
        return Operand(layout, gain, turn / np.abs(turn))
    turn = (matrix[..., 0, 0] + matrix[..., 1, 1] + 1j * (matrix[..., 1, 0] - matrix[..., 0, 1])) / 2.0
    gain = float(np.abs(turn).max())
    return Operand(layout, gain, turn / gain)


def affine_pairs(first: NDArray[np.int64], apart: int = 1) -> tuple[int, int, int] | None:
    """Return the layout of pairs whose first elements are given, ``(heads, rows, width / 2)``."""
    heads, rows, half = first.shape
    pairs = np.stack([first, first + apart], -1 if apart == 1 else 2)
    return affine(pairs.reshape(heads, rows, 2 * half))


def common_tables(q: Operand, k: Operand, group: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return cos and sin ``(period, width / 2)`` that serve q and k of every head, or None where nothing turns.

    Only differences of angles between rows reach the scores, so row 0 becomes the unrotated one; what is left must be
    the same for q, k and all heads. A head of k serves ``group`` heads of q.
    """
    if q.turn is None and k.turn is None:
        return None
    if q.turn is None or k.turn is None:
        raise RotationError("only one of q and k is rotated")
    shared = np.repeat(k.turn, group, 0)
    longer = q.turn if q.turn.shape[1] >= shared.shape[1] else shared
    if max(float(np.abs(np.abs(turn) - 1.0).max()) for turn in (q.turn, shared)) > _TOLERANCE:
        return _quantised_tables(longer[0], q.turn, shared)
    table = longer[0] / longer[0, :1]
    offset = q.turn[:, :1]
    for turn in (q.turn, shared):
        if np.abs(turn - offset * table[: turn.shape[1]]).max() > 10 * _TOLERANCE:
            raise RotationError("q and k, or the heads, are rotated by different positions")
    if np.abs(table - 1.0).max() < _TOLERANCE:
        return None
    rows = len(table)
    period = next(p for p in range(1, rows + 1) if p == rows or np.abs(table[p:] - table[:-p]).max() < _TOLERANCE)
    exact = _usual(period, table.shape[1])
    table = exact if np.abs(table[:period] - exact).max() < _ROUNDING else table[:period]
    return table.real.astype(np.float32), table.imag.astype(np.float32)


def _quantised_tables(
    table: NDArray[np.complex128], *turns: NDArray[np.complex128]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the tables of a file that quantised them, as they are: what shrinks a row does not cancel."""
    if any(np.abs(turn - table[: turn.shape[1]]).max() > _TOLERANCE for turn in turns):
        raise RotationError("q and k, or the heads, are rotated by different positions")
    return table.real.astype(np.float32), table.imag.astype(np.float32)


def _usual(period: int, half: int) -> NDArray[np.complex128]:
    """Return the rotation by position and 10000**(-2i/d), which a file in float32 can only hold roughly."""
    rate = 10000.0 ** (-np.arange(half) / half)
    turned: NDArray[np.complex128] = np.exp(1j * np.arange(period)[:, None] * rate)
    return turned
