"""Products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _matmul(i: Importer) -> None:
    a, b = i.require(0), i.require(1)
    if min(len(i.shape(a)), len(i.shape(b))) < 2:
        raise RefusedError("multiplies a vector", "keep a batch axis, so that both operands have two axes or more")
    i.emit("MatMul", (a, b))


def _gemm(i: Importer) -> None:
    a, b, c = i.require(0), i.require(1), i.input(2)
    alpha, beta = float(i.attr("alpha", 1.0)), float(i.attr("beta", 1.0))
    if i.attr("transA", 0):
        a = i.emit("Transpose", (a,), i.temporary("a"), perm=(1, 0))
    if i.attr("transB", 0):
        b = i.emit("Transpose", (b,), i.temporary("b"), perm=(1, 0))
    if alpha != 1.0:
        b = i.emit("Mul", (b, i.constant("alpha", np.array([alpha], np.float32))), i.temporary("scaled"))
    if c and beta != 1.0:
        c = i.emit("Mul", (c, i.constant("beta", np.array([beta], np.float32))), i.temporary("bias"))
    product = i.emit("MatMul", (a, b), i.temporary("product") if c else None)
    if c:
        i.emit("Add", (product, c))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
}
