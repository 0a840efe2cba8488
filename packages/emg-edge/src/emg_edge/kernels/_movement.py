"""Kernels that only move elements, and concatenation, which may change scales on the way."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Work
from emg_edge.program._tensor import Tensor, storage

from ._fixed import rounding_shift
from ._strided import is_box, offsets, packed, reach, six

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

_SMALL = {"int8", "int16"}


@dataclass(frozen=True, kw_only=True)
class Move(Op):
    """``y[out_base + sum place_i out_stride_i] = x[base + sum place_i stride_i]`` over a box; all else is zero point.

    A transposition, slice, repetition, reversal or padding with zeros: any map that is affine in each axis. Nothing is
    computed; the largest intermediate is an element.

    Parameters
    ----------
    extent
        Of the box, up to six axes, the last fastest.
    stride
        Step in the input for each axis, in elements; negative reverses, 0 repeats.
    base
        Input element of the first place.
    out_stride, out_base
        The same in the output; empty means row-major from element 0. Places must not meet in the output.
    """

    kind: ClassVar[str] = "move"

    extent: tuple[int, ...]
    stride: tuple[int, ...]
    base: int = 0
    out_stride: tuple[int, ...] = ()
    out_base: int = 0

    @property
    def target(self) -> tuple[int, ...]:
        """Strides in the output."""
        return self.out_stride or packed(self.extent)

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        x = inputs[0].reshape(len(inputs[0]), -1)
        y = np.full((len(x), out.size), out.zero_point, out.dtype)
        y[:, offsets(self.extent, self.target, self.out_base)] = x[:, offsets(self.extent, self.stride, self.base)]
        return y

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        del tensors
        return {
            "extent": six(self.extent, 1),
            "stride": six(self.stride, 0),
            "out_stride": six(self.target, 0),
            "base": self.base,
            "out_base": self.out_base,
            "filled": 0 if prod(self.extent) == out.size else out.size,
            "zero": out.zero_point,
            "type": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"copy": out.size}, pieces=out.size)

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: copies are exact."""
        del tensors, out
        return 0.0

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        x = tensors[0]
        self.require(x.dtype == out.dtype, f"dtype {x.dtype} cannot become {out.dtype} by a copy")
        box = f"extent {self.extent}, stride {self.stride} from {self.base}"
        self.require(is_box(self.extent, self.stride, self.target), f"{box}: need up to six axes, a stride for each")
        low, high = reach(self.extent, self.stride, self.base)
        self.require(low >= 0 and high < x.size, f"{box} reads elements {low}..{high} of {x.size}")
        low, high = reach(self.extent, self.target, self.out_base)
        self.require(low >= 0 and high < out.size, f"{box} writes elements {low}..{high} of {out.size}")
        written = offsets(self.extent, self.target, self.out_base)
        self.require(len(np.unique(written)) == len(written), f"{box} writes an element twice")


@dataclass(frozen=True, kw_only=True)
class Gather(Op):
    """``y[o, r, i] = x[o * step + index[r] * inner + i]``, the zero point where ``index[r]`` is -1.

    Nothing is computed; the largest intermediate is an element.

    Parameters
    ----------
    index32, index16
        Rows, ``(R,)``; one of the two, whichever is narrow enough.
    inner
        Contiguous elements of a row, >= 1.
    outer
        How often the whole is repeated, >= 1.
    step
        Distance of the repetitions in the input, in elements, >= 0.
    """

    kind: ClassVar[str] = "gather"
    dtypes: ClassVar[Mapping[str, str]] = {"index32": "int32", "index16": "int16"}

    inner: int
    outer: int = 1
    step: int = 0
    index32: NDArray[np.int32] | None = None
    index16: NDArray[np.int16] | None = None

    @property
    def index(self) -> NDArray[np.int64]:
        """Rows, whichever width they are stored in."""
        stored = self.index16 if self.index32 is None else self.index32
        return np.zeros(0, np.int64) if stored is None else stored.astype(np.int64)

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        del tensors
        x, index = inputs[0].reshape(len(inputs[0]), -1), self.index
        rows = self.step * np.arange(self.outer)[:, None, None] + self.inner * np.maximum(index, 0)[:, None]
        y = x[:, rows + np.arange(self.inner)]
        y[:, :, index < 0] = out.zero_point
        return y.reshape(len(x), -1)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        del tensors
        return {
            "index32": self.index32,
            "index16": self.index16,
            "rows": len(self.index),
            "inner": self.inner,
            "outer": self.outer,
            "step": self.step,
            "zero": out.zero_point,
            "type": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        return Work(elements={"copy": out.size}, pieces=self.outer * len(self.index))

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: copies are exact."""
        del tensors, out
        return 0.0

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        x, index = tensors[0], self.index
        self.require(x.dtype == out.dtype, f"dtype {x.dtype} cannot become {out.dtype} by a copy")
        self.require((self.index32 is None) != (self.index16 is None), "needs rows in int32 or int16, not both")
        self.require(min(self.inner, self.outer) >= 1 and self.step >= 0, "inner and outer must be >= 1, step >= 0")
        self.require(
            self.outer * len(index) * self.inner == out.size,
            f"{self.outer} x {len(index)} rows of {self.inner} are not {out.size} elements",
        )
        last = (self.outer - 1) * self.step + (int(index.max()) + 1) * self.inner
        self.require(int(index.min()) >= -1 and last <= x.size, f"reads up to element {last} of {x.size}, or below 0")


@dataclass(frozen=True, kw_only=True)
class Concat(Op):
    """Parts one behind the other in the middle axis of (outer, extent, inner), each brought to the output's scale.

    Part ``k`` is ``y = sat((((x - zk) * mul[k] + 2**(shift[k]-1)) >> shift[k]) + zy)`` in int64, or a plain copy where
    ``shift[k]`` is 0 because the grids are equal. Constant parts are stored on the output's grid.

    Parameters
    ----------
    outer, inner
        Extents around the concatenated axis.
    extent
        Of every part.
    source
        Index of the input that a part reads; -1: the next ``outer * extent * inner`` elements of ``constant``.
    mul
        0 to 2**31 - 1.
    shift
        1 to 62, or 0 for a copy.
    constant
        int16, the constant parts one behind the other, each ``(outer, extent, inner)``.
    """

    kind: ClassVar[str] = "concat"
    arity: ClassVar[int | None] = None
    variadic: ClassVar[bool] = True
    dtypes: ClassVar[Mapping[str, str]] = {"constant": "int16"}

    outer: int
    inner: int
    extent: tuple[int, ...]
    source: tuple[int, ...]
    mul: tuple[int, ...]
    shift: tuple[int, ...]
    constant: NDArray[np.int16] | None = None

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`."""
        parts, used, batch = [], 0, len(inputs[0])
        for extent, source, mul, shift in zip(self.extent, self.source, self.mul, self.shift, strict=True):
            shape = (self.outer, extent, self.inner)
            if source < 0:
                if self.constant is None:
                    raise AssertionError(self.name)
                stored = self.constant[used : used + prod(shape)].astype(out.dtype)
                parts.append(np.broadcast_to(stored.reshape(shape), (batch, *shape)))
                used += prod(shape)
                continue
            x = inputs[source].reshape(batch, *shape)
            if shift:
                centred = x.astype(np.int64) - tensors[source].zero_point
                x = out.saturate(rounding_shift(centred * mul, shift) + out.zero_point)
            parts.append(x)
        return np.concatenate(parts, axis=2)

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`."""
        read = [tensors[source] if source >= 0 else out for source in self.source]
        columns = {
            "extent": self.extent,
            "source": self.source,
            "mul": self.mul,
            "shift": self.shift,
            "zero_in": tuple(tensor.zero_point for tensor in read),
            "bytes": tuple(tensor.nbytes // tensor.size for tensor in read),
        }
        arrays: dict[str, Any] = {name: np.array(values, np.int32) for name, values in columns.items()}
        return {
            **arrays,
            "constant": self.constant,
            "parts": len(self.extent),
            "outer": self.outer,
            "inner": self.inner,
            "zero": out.zero_point,
            "out": storage(out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`."""
        del tensors
        sizes = [self.outer * extent * self.inner for extent in self.extent]
        changed = sum(size for size, shift in zip(sizes, self.shift, strict=True) if shift)
        return Work(elements={"copy": out.size - changed, "requantise": changed}, pieces=self.outer)

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: rows of the output stream in from their parts."""
        moved = sum(tensor.nbytes for tensor in tensors) + out.nbytes
        rows = self.outer * sum(self.extent)
        return Cut(rows=rows, row_bytes=-(-moved // rows), resident=24 * len(self.extent))

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding, or none."""
        del tensors, out
        return 0.5 if any(self.shift) else 0.0

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self.require({t.dtype for t in (*tensors, out)} <= _SMALL, "parts must be int8 or int16")
        count = len(self.extent)
        self.require(
            count == len(self.source) == len(self.mul) == len(self.shift) >= 1 and min(self.extent) >= 1,
            "needs one extent >= 1, source, mul and shift per part",
        )
        reads = [source for source in self.source if source >= 0]
        self.require(sorted(reads) == list(range(len(tensors))), f"sources {self.source} must name every input once")
        around = self.outer * self.inner
        self.require(around >= 1 and sum(self.extent) * around == out.size, f"parts do not fill {out.shape}")
        stored = 0
        for extent, source, mul, shift in zip(self.extent, self.source, self.mul, self.shift, strict=True):
            self.require(0 <= mul < 2**31 and 0 <= shift <= 62, f"mul {mul} or shift {shift} out of range")
            if source < 0:
                stored += extent * around
                continue
            x = tensors[source]
            self.require(x.size == extent * around, f"input {source} {x.shape} is not {self.outer} x {extent} rows")
            same = (x.dtype, x.zero_point) == (out.dtype, out.zero_point)
            self.require(shift > 0 or same, f"input {source} is copied as it is, but has another grid")
        size = 0 if self.constant is None else self.constant.size
        self.require(size == stored, f"{size} constants for parts of {stored}")
