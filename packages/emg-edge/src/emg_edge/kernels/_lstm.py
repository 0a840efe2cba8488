"""One step of an LSTM in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ._fixed import rounding_shift
from ._recurrent import (
    GATE_BITS,
    SIGMOID_ERROR,
    TANH_ERROR,
    Recurrent,
    interpolate,
    narrow8,
    narrow16,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor


@dataclass(frozen=True, kw_only=True)
class Lstm(Recurrent):
    """LSTM without peepholes; gates in ONNX's order i, o, f, g. See `Recurrent` for sums, gates u and the output.

    With C = ``cell_bits`` the fraction bits of the cell, per unit j::

        i, o, f, g = S(u_i), S(u_o), S(u_f), T(u_g)                                  Q15; 0..32767, g from -32768
        c = sat16((f c 2**(15-C) + i g + 2**(29-C)) >> (30 - C))                     int64; below 2**46
        v = sat16(c 2**(12-C))  if C <= 12 else  (c + 2**(C-13)) >> (C - 12)         12 fraction bits
        h = sat8((o T(v) + 2**22) >> 23)                                             int32; scale 1/128

    Parameters
    ----------
    cell_bits
        0 to 15: the cell covers ``+-2**(15-C)``.
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4

    cell_bits: int

    def step(
        self, d: int, ax: NDArray[np.int64], state: NDArray[np.int64], hidden: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `Recurrent.step`."""
        n, c = self.units, self.cell_bits
        u = narrow16(self.scaled(d, ax, self.hidden_sum(d, hidden)))
        i, o, f = (interpolate(self.sigmoid, u[:, k * n : (k + 1) * n]) for k in range(3))
        g = interpolate(self.tanh, u[:, 3 * n :])
        state = narrow16(rounding_shift((f * state << (15 - c)) + i * g, 30 - c))
        v = narrow16(state << (GATE_BITS - c)) if c <= GATE_BITS else rounding_shift(state, c - GATE_BITS)
        return state, narrow8(rounding_shift(o * interpolate(self.tanh, v), 23))

    def step_error(self) -> float:
        """See `Recurrent.step_error`.

        A gate is half a step of 2**-12 off, the table's error comes on top; the cell adds what its factors lose and
        half a step of its own, tanh of it at most as much again.
        """
        gate, reach = 2.0 ** -(GATE_BITS + 1), 2.0 ** (15 - self.cell_bits)
        sigmoid, tanh = gate / 4.0 + SIGMOID_ERROR, gate + TANH_ERROR
        cell = sigmoid * reach + sigmoid + tanh + 2.0 ** -(self.cell_bits + 1)
        rounding = gate if self.cell_bits > GATE_BITS else 0.0
        return sigmoid + cell + rounding + TANH_ERROR + 2.0**-7  # the last: 127 stands for 1

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {**super().members(tensors, out), "cell_bits": self.cell_bits}

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(0 <= self.cell_bits <= 15, f"cell_bits {self.cell_bits} must lie in 0..15")
        super().check(tensors, out)
