"""LSTM and GRU in integers: int8 hidden state, int16 gates and state, sigmoid and tanh by interpolated tables."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Product, Work
from emg_edge.program._tensor import DTYPES, Tensor, storage

from ._fixed import rounding_shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

GATE_BITS = 12  # bits behind the point of a gate in front of its function: [-8, 8)
HIDDEN_SCALE = 1.0 / 128.0
_KNOTS = 257
_SPACING = 16.0 / (_KNOTS - 1)
_ROUNDING = 2.0**-15  # half a step of the table's entries, and half a step of the interpolation
SIGMOID_ERROR = 2.0**-15 + 3.4e-4
"""Of the table against the function, rounding and the ends (sigmoid(8) = 1 - 3.4e-4) included; inside it is 8e-5."""
TANH_ERROR = _ROUNDING + _SPACING**2 / 8.0 * 0.77


def gate_table(function: str) -> NDArray[np.int16]:
    """Return int16 ``(257,)``: ``"sigmoid"`` or ``"tanh"`` at ``(i - 128) / 16``, in Q15, at most 32767."""
    x = (np.arange(_KNOTS) - 128) / 16.0
    values = 0.5 + 0.5 * np.tanh(0.5 * x) if function == "sigmoid" else np.tanh(x)
    return np.minimum(np.rint(values * 2.0**15), 2**15 - 1).astype(np.int16)


def interpolate(table: NDArray[np.int16], gate: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the table's function of int16 gates: ``t[k] + (((t[k+1] - t[k]) * f + 128) >> 8)``.

    ``k`` is the upper byte of ``gate + 2**15``, ``f`` the lower one.
    """
    place = gate + 2**15
    k, f = place >> 8, place & 255
    entries = table.astype(np.int64)
    value: NDArray[np.int64] = entries[k] + rounding_shift((entries[k + 1] - entries[k]) * f, 8)
    return value


def narrow16(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Saturate to 16 bits."""
    return np.clip(values, -(2**15), 2**15 - 1)


def narrow8(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Saturate to 8 bits."""
    return np.clip(values, -128, 127)


def _reach(weight: NDArray[np.int8], bias: NDArray[np.int32], peak: int) -> NDArray[np.int64]:
    """Largest |sum| of every row on values up to ``peak``."""
    norms: NDArray[np.int64] = np.abs(weight.astype(np.int64)).sum(2)
    return norms * peak + np.abs(bias.astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class Recurrent(Op):
    """What LSTM and GRU share: N gates, hidden size H, input size I, D directions, T steps; batch size 1.

    The input is ``(T, I)``; the output ``(T, D * H)``, or ``(D * H,)`` with ``last``: the hidden state behind the last
    step of each direction (for a reversed one that is step 0). A direction starts from its ``state`` and ``hidden``.
    Gates have 12 fraction bits. With d the direction, for every row g of N H (unit j of gate n is row n H + j)::

        ax[g] = sum_k x[t, k] weight[d, g, k] + bias[d, g]                    int32, proved by the rows' norms
        ah[g] = sum_j h[j] recurrent[d, g, j] + hidden_bias[d, g]             int32, likewise
        u[g]  = sat32((ax[g] input_mul[d, g] + ah[g] hidden_mul[d, g] + 2**(shift-1)) >> shift)   int64, proved

    and ``S(v)``, ``T(v)`` are the interpolated tables of sat16(v) (`interpolate`), in Q15. What a step makes of the
    gates stands in the subclass. The output is ``sat(((h * out_mul + 2**(out_shift-1)) >> out_shift) + zero)``.

    Parameters
    ----------
    weight, recurrent
        int8 ``(D, N H, I)`` and ``(D, N H, H)`` in [-127, 127].
    bias, hidden_bias
        int32 ``(D, N H)`` at the scales of the two sums; the input's zero point is folded into the first.
    input_mul, hidden_mul
        int32 ``(D, N H)``, >= 0: scale of the sum times ``2**(12 + shift)``.
    shift, out_shift
        1 to 62.
    state, hidden
        int16 and int8 ``(D, H)``, the states before the first step.
    sigmoid, tanh
        int16 ``(257,)``, `gate_table`; sigmoid nowhere negative.
    reverse
        1 where the only direction runs backwards; of two directions the second always does.
    last
        1 for the last hidden states alone.
    out_mul
        >= 0: ``2**out_shift / (128 S_y)``.
    """

    dtypes: ClassVar[Mapping[str, str]] = {
        "weight": "int8",
        "recurrent": "int8",
        "bias": "int32",
        "hidden_bias": "int32",
        "input_mul": "int32",
        "hidden_mul": "int32",
        "state": "int16",
        "hidden": "int8",
        "sigmoid": "int16",
        "tanh": "int16",
    }
    gates: ClassVar[int]

    weight: NDArray[np.int8]
    recurrent: NDArray[np.int8]
    bias: NDArray[np.int32]
    hidden_bias: NDArray[np.int32]
    input_mul: NDArray[np.int32]
    hidden_mul: NDArray[np.int32]
    shift: int
    state: NDArray[np.int16]
    hidden: NDArray[np.int8]
    sigmoid: NDArray[np.int16]
    tanh: NDArray[np.int16]
    reverse: int = 0
    last: int = 0
    out_mul: int = 1 << 20
    out_shift: int = 20

    @abstractmethod
    def step(
        self, d: int, ax: NDArray[np.int64], state: NDArray[np.int64], hidden: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return state and hidden state after a step: ``ax (batch, N H)``, ``state`` and ``hidden (batch, H)``."""

    @abstractmethod
    def step_error(self) -> float:
        """Bound on the hidden state's error of one step from an exact state, in real units."""

    @property
    def units(self) -> int:
        """Hidden size H."""
        return int(self.recurrent.shape[2])

    @property
    def directions(self) -> int:
        """Number of directions D."""
        return int(self.weight.shape[0])

    def steps(self, tensors: list[Tensor]) -> int:
        """Return the number of steps T."""
        return tensors[0].size // int(self.weight.shape[2])

    def order(self, d: int, steps: int) -> range:
        """Return the steps of a direction in the order in which it takes them."""
        return range(steps - 1, -1, -1) if self.reverse or d else range(steps)

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`; the float64 products are exact because every partial sum stays below 2**53."""
        steps, size = self.steps(tensors), self.units
        x = inputs[0].reshape(len(inputs[0]), steps, -1).astype(np.float64)
        y = np.zeros((len(x), steps, self.directions, size), np.int64)
        final = np.zeros((len(x), self.directions, size), np.int64)
        for d in range(self.directions):
            ax = (x @ self.weight[d].T.astype(np.float64)).astype(np.int64) + self.bias[d]
            state = np.broadcast_to(self.state[d].astype(np.int64), (len(x), size))
            hidden = np.broadcast_to(self.hidden[d].astype(np.int64), (len(x), size))
            for t in self.order(d, steps):
                state, hidden = self.step(d, ax[:, t], state, hidden)
                y[:, t, d] = hidden
            final[:, d] = hidden
        chosen = (final if self.last else y).reshape(len(x), -1)
        return out.saturate(rounding_shift(chosen * self.out_mul, self.out_shift) + out.zero_point)

    def hidden_sum(self, d: int, hidden: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return ``ah (batch, N H)``."""
        product = hidden.astype(np.float64) @ self.recurrent[d].T.astype(np.float64)
        total: NDArray[np.int64] = product.astype(np.int64) + self.hidden_bias[d]
        return total

    def scaled(self, d: int, ax: NDArray[np.int64], ah: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return ``u (batch, N H)``."""
        total = ax * self.input_mul[d].astype(np.int64) + ah * self.hidden_mul[d].astype(np.int64)
        clipped: NDArray[np.int64] = np.clip(rounding_shift(total, self.shift), -(2**31), 2**31 - 1)
        return clipped

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """Bound, in output steps, on the error that one step adds, from the state that the integers reached before it.

        Over the steps the errors of the states accumulate: with L the Lipschitz constant of the exact cell in its
        states, at most ``step * (1 + L + L**2 + ...)``. Trained networks forget (L < 1), so that it stays near one
        step's; a network that keeps its state for ever (L = 1) may drift by one bound a step.
        """
        del tensors, out
        factor = self.out_mul * 2.0**-self.out_shift
        return 128.0 * factor * self.step_error() + 0.5

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.macs`."""
        del out
        return self.steps(tensors) * (self.weight.size + self.recurrent.size)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        arrays: Members = dict(self.constants())
        return {
            **arrays,
            "cell_bits": 0,
            "reset_after": 0,
            "steps": self.steps(tensors),
            "inputs": int(self.weight.shape[2]),
            "units": self.units,
            "directions": self.directions,
            "reverse": self.reverse,
            "last": self.last,
            "shift": self.shift,
            "out_mul": self.out_mul,
            "out_shift": self.out_shift,
            "zero": out.zero_point,
            "in": storage(tensors[0]),
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`: rows one by one, an epilogue per gate, some four rescalings per unit behind them."""
        del out
        rows, (n, depth), wide = self.steps(tensors) * self.directions, self.weight.shape[1:], tensors[0].dtype
        x = Product(rows=1, columns=n, depth=depth, count=rows, wide=wide == "int16")
        h = Product(rows=1, columns=n, depth=self.units, count=rows)
        elements = {"output": rows * n, "requantise": 4 * rows * self.units}
        return Work(products=(x, h), elements=elements, pieces=-(-self.units // 4))

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: the input streams past the constants, step by step."""
        steps = self.steps(tensors)
        constants = sum(array.nbytes for array in self.constants().values())
        moved = tensors[0].nbytes + out.nbytes
        return Cut(
            rows=steps, row_bytes=-(-moved // steps), resident=constants + self.scratch_bytes(tensors, out), again=steps
        )

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.scratch_bytes`: gates ``(4, H)`` int32, state ``(H,)`` int16, hidden and gated ``(H,)`` int8."""
        del tensors, out
        return 16 * self.units + -(-2 * self.units // 4) * 4 + 2 * (-(-self.units // 4) * 4)

    def input_bound(self, tensors: list[Tensor]) -> NDArray[np.int64]:
        """Largest |ax| of every row, ``(D, N H)``."""
        return _reach(self.weight, self.bias, -DTYPES[tensors[0].dtype][1])

    def hidden_bound(self) -> NDArray[np.int64]:
        """Largest |ah| of every row, ``(D, N H)``."""
        return _reach(self.recurrent, self.hidden_bias, 128)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require(self.weight.ndim == self.recurrent.ndim == 3, "weights need three axes")
        (d, rows, depth), size, x = self.weight.shape, self.units, tensors[0]
        self.require(d in {1, 2} and rows == self.gates * size, f"weight {self.weight.shape} is not (1 or 2, gates, I)")
        self.require(self.recurrent.shape == (d, rows, size), f"recurrent {self.recurrent.shape} does not fit")
        for name in ("bias", "hidden_bias", "input_mul", "hidden_mul"):
            self.require(getattr(self, name).shape == (d, rows), f"{name} needs ({d}, {rows})")
        self.require(self.state.shape == self.hidden.shape == (d, size), f"states need ({d}, {size})")
        self.require(
            self.sigmoid.shape == self.tanh.shape == (_KNOTS,) and int(self.sigmoid.min()) >= 0,
            f"tables need {_KNOTS} entries, those of sigmoid >= 0",
        )
        self.require(x.dtype in {"int8", "int16"} and out.dtype in {"int8", "int16"}, "need int8 or int16 tensors")
        self.require(x.size % depth == 0, f"input {x.shape} does not split into steps of {depth}")
        wanted = d * size * (1 if self.last else self.steps(tensors))
        self.require(out.size == wanted, f"output {out.shape} does not hold {wanted} values")
        self.require(self.reverse in {0, 1} and self.last in {0, 1}, "reverse and last are 0 or 1")
        self.require(1 <= self.shift <= 62 and 1 <= self.out_shift <= 62, "shifts must lie in 1..62")
        self.require(0 <= self.out_mul < 2**31, "out_mul must lie in 0..2**31-1")
        low = min(int(self.weight.min()), int(self.recurrent.min()))
        self.require(low >= -127, "weights must lie in [-127, 127]")
        self._check_sums(tensors)

    def _check_sums(self, tensors: list[Tensor]) -> None:
        ax, ah = self.input_bound(tensors), self.hidden_bound()
        least = min(int(self.input_mul.min()), int(self.hidden_mul.min()))
        largest = int(max(ax.max(), ah.max()))
        self.require(largest < 2**31, f"a sum may reach {largest} >= 2**31; use int8 input")
        total = ax.astype(object) * self.input_mul + ah.astype(object) * self.hidden_mul
        self.require(
            least >= 0 and int(total.max()) + 2 ** (self.shift - 1) < 2**63, "multipliers are negative or overflow"
        )
