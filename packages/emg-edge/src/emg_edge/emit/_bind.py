"""What each kernel's constant structure holds: one function per operator, one line in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.kernels import (
        Add,
        AddConstant,
        Attention,
        LayerNorm,
        Linear,
        Mean,
        Requantise,
        Table,
        Transpose,
    )
    from emg_edge.program._program import Op, Tensor

    Fields = dict[str, Any]  # int, str (a C constant), tuple of int, array, or None for NULL


def ctype(tensor: Tensor) -> str:
    """Return the C type of a tensor's elements."""
    return f"{tensor.dtype}_t"


def bind(op: Op, tensors: list[Tensor], out: Tensor) -> Fields:
    """Return the members of the operator's ``emg_<kind>_params``."""
    return BINDINGS[op.kind](op, tensors, out)


def _storage(tensor: Tensor) -> str:
    """Return the enumerator of a tensor's type."""
    return f"EMG_{tensor.dtype.upper()}"


def _linear(op: Linear, tensors: list[Tensor], out: Tensor) -> Fields:
    outputs, depth = op.weight.shape
    return {
        "weight": op.weight,
        "bias": op.bias,
        "mul": op.mul,
        "table": op.table,
        "rows": op.rows(tensors),
        "outputs": outputs,
        "depth": depth,
        "shift": op.shift,
        "pre_zero": op.pre_zero,
        "in": _storage(tensors[0]),
        "out": _storage(out),
    }


def _attention(op: Attention, tensors: list[Tensor], out: Tensor) -> Fields:
    del tensors
    return {
        "index_mul": op.index_mul,
        "out_mul": op.out_mul,
        "table": op.table,
        "cosine": op.cos,
        "sine": op.sin,
        "rows": op.tokens(out),
        "heads": op.heads,
        "width": op.width,
        "period": 1 if op.cos is None else len(op.cos),
        "layout": op.layout,
        "index_shift": op.index_shift,
        "out_shift": op.out_shift,
        "zero": out.zero_point,
    }


def _layernorm(op: LayerNorm, tensors: list[Tensor], out: Tensor) -> Fields:
    width = len(op.gamma)
    return {
        "gamma": op.gamma,
        "beta": op.beta,
        "eps": f"{op.eps}u" if op.eps < 2**32 else f"{op.eps}ull",
        "rows": out.size // width,
        "width": width,
        "shift": op.shift,
        "zero": out.zero_point,
        "in": _storage(tensors[0]),
        "out": _storage(out),
    }


def _add(op: Add, tensors: list[Tensor], out: Tensor) -> Fields:
    return {
        "size": out.size,
        "mul_a": op.mul_a,
        "mul_b": op.mul_b,
        "shift": op.shift,
        "zero_a": tensors[0].zero_point,
        "zero_b": tensors[1].zero_point,
        "zero": out.zero_point,
        "a": _storage(tensors[0]),
        "b": _storage(tensors[1]),
        "out": _storage(out),
    }


def _scaled(op: AddConstant | Requantise | Mean, tensors: list[Tensor], out: Tensor) -> Fields:
    """Return the members that every change of scale has."""
    return {
        "mul": op.mul,
        "shift": op.shift,
        "zero_in": tensors[0].zero_point,
        "zero": out.zero_point,
        "in": _storage(tensors[0]),
        "out": _storage(out),
    }


def _add_constant(op: AddConstant, tensors: list[Tensor], out: Tensor) -> Fields:
    rows, width = op.value.shape
    return {"value": op.value, "rows": rows, "repeat": op.repeat, "width": width, **_scaled(op, tensors, out)}


def _table(op: Table, tensors: list[Tensor], out: Tensor) -> Fields:
    del tensors
    return {"table": op.table, "size": out.size}


def _requantise(op: Requantise, tensors: list[Tensor], out: Tensor) -> Fields:
    return {"size": out.size, **_scaled(op, tensors, out)}


def _mean(op: Mean, tensors: list[Tensor], out: Tensor) -> Fields:
    return {"outer": op.outer, "axis": op.axis, "inner": op.inner, **_scaled(op, tensors, out)}


def _transpose(op: Transpose, tensors: list[Tensor], out: Tensor) -> Fields:
    del tensors
    strides = [int(np.prod(op.shape[axis + 1 :])) for axis in range(len(op.shape))]
    missing = 4 - len(op.perm)
    return {
        "extent": (1,) * missing + tuple(op.shape[axis] for axis in op.perm),
        "stride": (0,) * missing + tuple(strides[axis] for axis in op.perm),
        "type": _storage(out),
    }


BINDINGS: dict[str, Callable[[Any, list[Tensor], Tensor], Fields]] = {
    "add": _add,
    "add_constant": _add_constant,
    "attention": _attention,
    "layernorm": _layernorm,
    "linear": _linear,
    "mean": _mean,
    "requantise": _requantise,
    "table": _table,
    "transpose": _transpose,
}
