"""Marks of a grid in an exported graph: a pair of standard ONNX nodes, QuantizeLinear and DequantizeLinear."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from .grid import Grid

OPSET = 21  # the first with 16-bit codes
DTYPES = {"int8": torch.int8, "int16": torch.int16}


def quantise_dequantise(x: Tensor, grid: "Grid") -> Tensor:
    """Return a value marked with its grid."""
    if grid.mark_scale is None or grid.mark_zero is None:
        raise EmgDistillError("export: the grids are not laid down; export what `exportable` returns")
    return mark(x, grid.mark_scale, grid.mark_zero, axis=None if grid.groups == 1 else x.ndim - 1)


def mark(x: Tensor, scale: Tensor, zero: Tensor, axis: int | None = None) -> Tensor:
    """Return `x` behind the pair of nodes; `scale` float32 and `zero` are scalars, or vectors along `axis`."""
    symbolic = getattr(getattr(torch.onnx, "ops", None), "symbolic", None)
    if symbolic is None:
        raise EmgDistillError(f"torch {torch.__version__} cannot write quantised ONNX; torch >= 2.8 is required")
    attrs = {} if axis is None else {"axis": axis}
    shape = tuple(x.shape)
    stored = symbolic("QuantizeLinear", (x, scale, zero), attrs, dtype=zero.dtype, shape=shape, version=OPSET)
    back: Tensor = symbolic(
        "DequantizeLinear", (stored, scale, zero), attrs, dtype=torch.float32, shape=shape, version=OPSET
    )
    return back
