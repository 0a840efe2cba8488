"""One step of a GRU in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ._fixed import rounding_shift
from ._recurrent import GATE_BITS, SIGMOID_ERROR, TANH_ERROR, Recurrent, interpolate, narrow8, narrow16

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._tensor import Tensor


@dataclass(frozen=True, kw_only=True)
class Gru(Recurrent):
    """GRU; gates in ONNX's order z, r, n. See `Recurrent` for sums, gates u and the output.

    The state s has 15 fraction bits, so that small updates are not lost; products read its int8 copy h. Per unit::

        z, r = S(u_z), S(u_r)                                                        Q15, 0..32767
        n    = T(a + ((r b + 2**14) >> 15))   with ``reset_after``; int64
               a = sat32((ax_n input_mul + 2**(shift-1)) >> shift),  b likewise of ah_n and hidden_mul
        n    = T(u_n)                         without; its ah_n sums over
               k = sat8((r s + 2**22) >> 23) in place of h                           scale 1/128
        s    = (z s + (2**15 - z) n + 2**14) >> 15                                   int32: below 2**30 + 2**14
        h    = sat8((s + 128) >> 8)                                                  scale 1/128

    Parameters
    ----------
    reset_after
        1 where the reset gate multiplies the recurrent sum (ONNX's ``linear_before_reset``, torch, Keras's default),
        0 where it multiplies the state.
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    reset_after: int

    def step(
        self, d: int, ax: NDArray[np.int64], state: NDArray[np.int64], hidden: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `Recurrent.step`."""
        size, ah = self.units, self.hidden_sum(d, hidden)
        u = narrow16(self.scaled(d, ax, ah)[:, : 2 * size])
        z, r = interpolate(self.sigmoid, u[:, :size]), interpolate(self.sigmoid, u[:, size:])
        if self.reset_after:
            a, b = self.scaled(d, ax, 0 * ah)[:, 2 * size :], self.scaled(d, 0 * ax, ah)[:, 2 * size :]
            candidate = a + rounding_shift(r * b, 15)
        else:
            gated = narrow8(rounding_shift(r * state, 23))
            candidate = self.scaled(d, ax, self.hidden_sum(d, gated))[:, 2 * size :]
        n = interpolate(self.tanh, narrow16(candidate))
        state = rounding_shift(z * state + (2**15 - z) * n, 15)
        return state, narrow8(rounding_shift(state, 8))

    def step_error(self) -> float:
        """See `Recurrent.step_error`; without ``reset_after`` the gated state's int8 steps pass the weights, too."""
        gate = 2.0 ** -(GATE_BITS + 1)
        sigmoid = gate / 4.0 + SIGMOID_ERROR
        rows = slice(2 * self.units, None)
        real = self.hidden_mul[:, rows] * 2.0 ** -(self.shift + GATE_BITS)
        if self.reset_after:
            candidate = 3.0 * gate + sigmoid * float((self.hidden_bound()[:, rows] * real).max())
        else:
            reach = float((abs(self.recurrent[:, rows].astype(float)).sum(2) * real).max())
            candidate = gate + reach * (128.0 * sigmoid + 1.0)
        tanh = candidate + TANH_ERROR
        return 2.0 * sigmoid + tanh + 2.0**-16 + 2.0**-7

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        return {**super().members(tensors, out), "reset_after": self.reset_after}

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(self.reset_after in {0, 1}, f"reset_after {self.reset_after} is 0 or 1")
        super().check(tensors, out)
        self.require(int(self.state.min()) > -(2**15), "states must lie in [-32767, 32767]")
