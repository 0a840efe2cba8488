"""Pooling: the largest element or the mean of windows over (outer, H, W, inner)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Op, Work
from emg_edge.program._tensor import DTYPES, Tensor, storage

from ._fixed import rounding_shift

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

_SMALL = {"int8", "int16"}


@dataclass(frozen=True, kw_only=True)
class Pool(Op):
    """Windows over the two middle axes: tap ``k`` of window ``o`` stands at ``o * stride - begin + k * dilation``.

    Parameters
    ----------
    outer, inner
        Extents around the two axes.
    size, out
        Extents ``(H, W)`` of the input and of the output.
    kernel, strides, dilations, begin
        Taps, steps between windows and between taps, all >= 1; padding in front, >= 0.
    """

    outer: int
    inner: int
    size: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]

    def places(self, axis: int, tap: int) -> NDArray[np.int64]:
        """Return where one tap of every window stands."""
        step, start = self.strides[axis], tap * self.dilations[axis] - self.begin[axis]
        places: NDArray[np.int64] = np.arange(self.out[axis]) * step + start
        return places

    def taps(self, x: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """Give what each tap of every window reads of ``(batch, outer, H, W, inner)``, and whether it lies inside."""
        for row, column in product(range(self.kernel[0]), range(self.kernel[1])):
            h, w = self.places(0, row), self.places(1, column)
            valid = ((h >= 0) & (h < self.size[0]))[:, None] & ((w >= 0) & (w < self.size[1]))
            rows, columns = np.clip(h, 0, self.size[0] - 1), np.clip(w, 0, self.size[1] - 1)
            yield x[:, :, rows[:, None], columns], valid[:, :, None]

    def seen(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the input as int64 ``(batch, outer, H, W, inner)``."""
        return x.reshape(len(x), self.outer, *self.size, self.inner).astype(np.int64)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        names = ("size", "out", "kernel", "strides", "dilations", "begin")
        box: Members = {"count" if name == "out" else name: tuple(getattr(self, name)) for name in names}
        return {**box, "outer": self.outer, "inner": self.inner, "in": storage(tensors[0]), "out": storage(out)}

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        visited = out.size * self.kernel[0] * self.kernel[1]
        return Work(elements={"copy": visited, "requantise": out.size}, pieces=out.size)

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({tensors[0].dtype, out.dtype} <= _SMALL, "input and output must be int8 or int16")
        pairs = (self.size, self.out, self.kernel, self.strides, self.dilations)
        legal = all(len(pair) == 2 and min(pair) >= 1 for pair in pairs) and len(self.begin) == 2
        self.require(legal and min(self.begin) >= 0, f"windows {pairs} with padding {self.begin} are not legal")
        around = self.outer * self.inner
        self.require(
            around >= 1 and around * self.size[0] * self.size[1] == tensors[0].size,
            f"input {tensors[0].shape} is not {self.outer} x {self.size} x {self.inner}",
        )
        self.require(around * self.out[0] * self.out[1] == out.size, f"output {out.shape} is not {self.out} windows")
        for axis in range(2):
            places = np.array([self.places(axis, tap) for tap in range(self.kernel[axis])])
            inside = (places >= 0) & (places < self.size[axis])
            self.require(bool(inside.any(0).all()), f"a window along axis {axis} lies in the padding alone")


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """The largest element of each window, ``y[o, p, q, i]``; padding never wins, and nothing is computed."""

    kind: ClassVar[str] = "max_pool"

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        lowest = DTYPES[out.dtype][1]
        found = [np.where(valid, read, lowest) for read, valid in self.taps(self.seen(inputs[0]))]
        return out.saturate(np.max(found, axis=0))

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: a choice is exact."""
        del tensors, out
        return 0.0

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        self.require(tensors[0].dtype == out.dtype, f"chooses from {tensors[0].dtype}, cannot write {out.dtype}")


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """``y[o, p, q, i] = sat(((sum (x - zx)) mul[n-1] + 2**(shift-1)) >> shift) + zy)``: mean of a window of n places.

    Places outside the input are zeros; those from ``low`` up to ``high`` count in ``n``, so that borders are exact in
    every mode. The sum is exact in int32, the product in int64: at most 2**31 * 2**31 + 2**61.

    Parameters
    ----------
    low, high
        Places ``(H, W)`` that count: the input alone, or its padding, too.
    mul, shift
        ``S_x / (S_y * n) ~ mul[n-1] * 2**-shift``, int32 ``(kernel[0] * kernel[1],)`` of 0 to 2**31 - 1; shift 1 to 62.
    """

    kind: ClassVar[str] = "average_pool"
    dtypes: ClassVar[Mapping[str, str]] = {"mul": "int32"}

    low: tuple[int, ...]
    high: tuple[int, ...]
    mul: NDArray[np.int32]
    shift: int

    def counted(self) -> NDArray[np.int64]:
        """Return how many places of each window count, ``(out[0], out[1])``."""
        axes = []
        for axis in range(2):
            places = np.array([self.places(axis, tap) for tap in range(self.kernel[axis])])
            axes.append(((places >= self.low[axis]) & (places < self.high[axis])).sum(0))
        counts: NDArray[np.int64] = axes[0][:, None] * axes[1]
        return counts

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        x = self.seen(inputs[0]) - tensors[0].zero_point
        total = np.sum([np.where(valid, read, 0) for read, valid in self.taps(x)], axis=0)
        mul = self.mul.astype(np.int64)[self.counted() - 1][:, :, None]
        return out.saturate(rounding_shift(total * mul, self.shift) + out.zero_point)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        bounds: Members = {"low": tuple(self.low), "high": tuple(self.high)}
        zeros: Members = {"zero_in": tensors[0].zero_point, "zero": out.zero_point}
        return {**super().members(tensors, out), **bounds, **zeros, "mul": self.mul, "shift": self.shift}

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: the sum is exact, one rounding."""
        del tensors, out
        return 0.5

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        super().check(tensors, out)
        taps = self.kernel[0] * self.kernel[1]
        self.require(taps <= 32767, f"windows of {taps} places; at most 32767 so that int32 holds the sum")
        self.require(
            self.mul.shape == (taps,) and int(self.mul.min()) >= 0 and 1 <= self.shift <= 62,
            f"needs {taps} multipliers >= 0 and a shift in 1..62",
        )
        self.require(int(self.counted().min()) >= 1, f"no place of a window counts between {self.low} and {self.high}")
