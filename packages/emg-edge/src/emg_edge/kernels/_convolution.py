"""Convolution over channel-last images and signals, dense, grouped or depthwise, with an optional table behind it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge.program._op import Cut, Op, Product, Work
from emg_edge.program._tensor import DTYPES, Tensor, storage

from ._fixed import rounding_shift, sum_bound
from ._weights import check_product, finish, rounding_error, stored_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members

BLOCK = 16  # EMG_CONV_BLOCK
_CHUNK = 2**22  # gathered inputs held at once by the reference


@dataclass(frozen=True, kw_only=True)
class Conv(Op):
    """``y[i, j, n] = sat((acc * mul[n] + 2**(shift-1)) >> shift) + pre_zero)``, then the table.

    With ``C = channels / groups``, ``g = n // (N / groups)`` and r, s over the kernel::

        acc = bias[n] + sum_{r, s, c} x[i * stride[0] - pads[0] + r * dilation[0],
                                        j * stride[1] - pads[1] + s * dilation[1], g * C + c] * weight[n, r, s, c]

    Taps outside the input read its zero point, so they count as exact zeros: the zero point times the sum of all
    weights is folded into ``bias``. The sum is int32, proved not to overflow by the weights' norms, the product int64.
    A signal is an image of one row. Table and ``pre_zero`` are those of `Linear`.

    Parameters
    ----------
    weight
        int8 ``(N, R, S, C)`` in [-127, 127].
    bias
        int32 ``(N,)`` at scale ``S_x * S_w[n]``.
    mul
        int32 ``(N,)``, >= 0.
    shift
        1 to 62.
    size
        (rows, columns) of the input, whose last axis holds ``groups * C`` channels.
    stride, dilation
        Down and across, >= 1.
    pads
        Top, left, bottom, right, >= 0.
    groups
        Divides N.
    pre_zero
        Added after the shift, before saturation; within the output's dtype.
    table
        int8 ``(256,)`` indexed by the byte of ``y``, or None.
    weight_bits
        8, or 4: weights in [-7, 7], held by the device as nibbles. The arithmetic is the same.
    """

    kind: ClassVar[str] = "conv"
    dtypes: ClassVar[Mapping[str, str]] = {"weight": "int8", "bias": "int32", "mul": "int32", "table": "int8"}

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    mul: NDArray[np.int32]
    shift: int
    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    pre_zero: int = 0
    table: NDArray[np.int8] | None = None
    weight_bits: int = 8

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return int(self.weight.shape[3]) * self.groups

    @property
    def depthwise(self) -> bool:
        """Whether every output channel reads one channel of several."""
        return self.groups > 1 and self.weight.shape[3] == 1

    @property
    def extent(self) -> tuple[int, int]:
        """(rows, columns) of the output; below 1 where the kernel does not fit."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.weight.shape[1:3], self.dilation, strict=True)]
        rows, columns = (
            (self.size[i] + self.pads[i] + self.pads[i + 2] - reach[i]) // self.stride[i] + 1 for i in range(2)
        )
        return rows, columns

    def reference(self, inputs: list[NDArray[Any]], tensors: list[Tensor], out: Tensor) -> NDArray[Any]:
        """See `Op.reference`; sums are exact: in float32 where none, even in part, can reach 2**24, else in float64."""
        exact = np.float32 if self.acc_bound(tensors) < 2**23 else np.float64
        x = inputs[0].reshape(len(inputs[0]), *self.size, self.channels)
        top, left, bottom, right = self.pads
        pads = ((0, 0), (top, bottom), (left, right), (0, 0))
        batch = max(1, _CHUNK // (prod(self.extent) * prod(self.weight.shape[1:3]) * self.channels))
        parts = []
        for start in range(0, len(x), batch):
            padded = np.pad(x[start : start + batch], pads, constant_values=tensors[0].zero_point).astype(exact)
            acc = (self._depthwise if self.depthwise else self._dense)(padded, exact)
            parts.append(self._finished(acc.astype(np.int64) + self.bias, out))
        return np.concatenate(parts)

    def _finished(self, acc: NDArray[np.int64], out: Tensor) -> NDArray[Any]:
        y = out.saturate(rounding_shift(acc * self.mul.astype(np.int64), self.shift) + self.pre_zero)
        return y if self.table is None else self.table[y.view(np.uint8)]

    def _tap(self, x: NDArray[Any], r: int, s: int) -> NDArray[Any]:
        """Return what tap (r, s) reads of a padded input, ``(batch, *extent, channels)``."""
        rows, columns = self.extent
        top, left = r * self.dilation[0], s * self.dilation[1]
        down, across = self.stride
        return x[:, top : top + (rows - 1) * down + 1 : down, left : left + (columns - 1) * across + 1 : across]

    def _dense(self, x: NDArray[Any], exact: type) -> NDArray[Any]:
        outputs, rows, columns, width = self.weight.shape
        taps = [self._tap(x, r, s) for r in range(rows) for s in range(columns)]
        patches = np.stack([tap.reshape(*tap.shape[:3], self.groups, width) for tap in taps], 4)
        patches = patches.reshape(-1, self.groups, rows * columns * width).swapaxes(0, 1)
        weight: NDArray[Any] = self.weight.reshape(self.groups, outputs // self.groups, -1).astype(exact)
        acc: NDArray[Any] = patches @ weight.swapaxes(1, 2)
        return acc.swapaxes(0, 1).reshape(len(x), *self.extent, outputs)

    def _depthwise(self, x: NDArray[Any], exact: type) -> NDArray[Any]:
        outputs, rows, columns, _ = self.weight.shape
        weight: NDArray[Any] = self.weight[..., 0].reshape(self.groups, -1, rows, columns).astype(exact)
        acc: NDArray[Any] = np.zeros((len(x), *self.extent, *weight.shape[:2]), exact)
        for r in range(rows):
            for s in range(columns):
                acc += self._tap(x, r, s)[..., None] * weight[:, :, r, s]
        return acc.reshape(len(x), *self.extent, outputs)

    def macs(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.macs`; taps outside the input count."""
        del tensors, out
        return prod(self.extent) * self.weight.size

    def members(self, tensors: list[Tensor], out: Tensor) -> Members:
        """See `Op.members`; depthwise weights are stored tap by tap."""
        outputs, rows, columns, _ = self.weight.shape
        weight = self.weight.reshape(outputs, -1)
        return {
            **stored_weights(np.ascontiguousarray(weight.T) if self.depthwise else weight, self.weight_bits),
            "bias": self.bias,
            "mul": self.mul,
            "extent": self.size,
            "channels": self.channels,
            "out_extent": self.extent,
            "outputs": outputs,
            "kernel": (rows, columns),
            "stride": self.stride,
            "dilation": self.dilation,
            "pad": self.pads[:2],
            "groups": self.groups,
            "zero_in": tensors[0].zero_point,
            "in": storage(tensors[0]),
            **finish(self.shift, self.pre_zero, self.table, out),
        }

    def work(self, tensors: list[Tensor], out: Tensor) -> Work:
        """See `Op.work`: gathering patches costs copies, depthwise taps cost a small product each."""
        outputs, rows, columns, width = self.weight.shape
        pixels, wide = prod(self.extent), tensors[0].dtype == "int16"
        elements = {"output": out.size, "table": 0 if self.table is None else out.size}
        if self.depthwise:
            product = Product(rows=pixels, columns=outputs, depth=rows * columns, wide=wide)
            elements["copy"] = pixels * rows * columns
        else:
            depth = rows * columns * width
            product = Product(rows=pixels, columns=outputs // self.groups, depth=depth, count=self.groups, wide=wide)
            elements["copy"] = -(-pixels * depth * self.groups // 4)
        return Work(products=(product,), elements=elements, pieces=max(pixels, -(-outputs // 4)))

    def cut(self, tensors: list[Tensor], out: Tensor) -> Cut:
        """See `Op.cut`: output rows (columns of a signal) stream past blocks of output channels; overlaps stay."""
        outputs, rows, columns, width = self.weight.shape
        axis = 0 if self.extent[0] > 1 else 1
        pieces = self.extent[axis]
        line = tensors[0].nbytes // self.size[axis]  # bytes of the input per step along the axis
        moved = min(self.stride[axis], self.size[axis]) * line
        reach = min((self.weight.shape[1 + axis] - 1) * self.dilation[axis] + 1, self.size[axis])
        table = 0 if self.table is None else self.table.nbytes
        return Cut(
            rows=pieces,
            row_bytes=moved + -(-out.nbytes // pieces),
            resident=table + max(reach * line - moved, 0) + self.scratch_bytes(tensors, out),
            columns=outputs,
            column_bytes=-(-rows * columns * width * self.weight_bits // 8) + 8,
        )

    def scratch_bytes(self, tensors: list[Tensor], out: Tensor) -> int:
        """See `Op.scratch_bytes`.

        Two patches of one group, and a block of rows of unpacked weights; depthwise int32 ``(N,)`` and all of them.
        """
        del out
        depth, packed = prod(self.weight.shape[1:]), self.weight_bits == 4
        if self.depthwise:
            return 4 * len(self.weight) + packed * self.weight.size
        return 2 * depth * DTYPES[tensors[0].dtype][0] + packed * BLOCK * depth

    def error_steps(self, tensors: list[Tensor], out: Tensor) -> float:
        """See `Op.error_steps`: one rounding; behind a table half its largest step, between entries interpolated."""
        del tensors, out
        return rounding_error(self.table)

    def acc_bound(self, tensors: list[Tensor]) -> int:
        """Largest possible |accumulator|, from the weights, the biases and the input's dtype."""
        return sum_bound(self.weight, self.bias, *DTYPES[tensors[0].dtype][1:])

    def check(self, tensors: list[Tensor], out: Tensor) -> None:
        """See `Op.check`."""
        self._check_geometry(tensors, out)
        check_product(self, tensors, out)

    def _check_geometry(self, tensors: list[Tensor], out: Tensor) -> None:
        self.require(self.weight.ndim == 4, f"weight {self.weight.shape}, need (outputs, rows, columns, channels)")
        self.require(tensors[0].dtype in {"int8", "int16"}, f"input dtype {tensors[0].dtype}, need int8 or int16")
        lengths = [len(v) for v in (self.size, self.stride, self.dilation, self.pads)]
        self.require(lengths == [2, 2, 2, 4], "size, stride and dilation need two values, pads four")
        self.require(
            min(*self.stride, *self.dilation, self.groups) >= 1 and min(self.pads) >= 0,
            f"stride {self.stride}, dilation {self.dilation} and groups {self.groups} must be >= 1, "
            f"pads {self.pads} >= 0",
        )
        self.require(
            len(self.weight) % self.groups == 0, f"{len(self.weight)} outputs do not split into {self.groups} groups"
        )
        self.require(
            tensors[0].size == prod(self.size) * self.channels,
            f"input {tensors[0].shape} is not {self.size} pixels of {self.channels} channels",
        )
        self.require(min(self.extent) >= 1, f"kernel {self.weight.shape[1:3]} does not fit {self.size} and its pads")
        self.require(
            out.size == prod(self.extent) * len(self.weight),
            f"output {out.shape} does not hold {self.extent} pixels of {len(self.weight)}",
        )
