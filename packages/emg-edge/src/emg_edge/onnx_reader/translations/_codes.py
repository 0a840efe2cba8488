"""Operators that read stored integers: movement, choice and clipping of codes, and nodes in QOperator form.

A QOperator node is read as DequantizeLinear on its inputs, the float operator, QuantizeLinear on its output; movement
of codes is movement of the values behind them. What quantises at run time is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

KEPT = frozenset(
    (
        *("Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Slice"),
        *("SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    )
)  # copy or choose elements, so that codes may pass as the values that they stand for
MICROSOFT = "com.microsoft."


def reads_codes(i: Importer, op: str, inputs: tuple[str, ...]) -> bool:
    """Whether an operator that need not know what codes mean reads some."""
    if not inputs or op not in KEPT | {"Clip"}:
        return False
    return inputs[0] in i.stored or (op == "Clip" and i.types.get(inputs[0], "") in {"INT8", "UINT8"})


def pass_codes(i: Importer) -> None:
    """Translate an operator on codes."""
    (_clip if i.source.op == "Clip" else _move)(i)


def _step(i: Importer, op: str, inputs: tuple[str, ...], outputs: tuple[str, ...], **attrs: Any) -> None:  # noqa: ANN401
    """Translate one node that stands for a part of the node at hand."""
    from . import TRANSLATIONS

    whole = i.source
    i.source = replace(whole, op=op, inputs=inputs, outputs=outputs, attrs=attrs)
    try:
        if op not in TRANSLATIONS:
            raise RefusedError(f"{op} inside it is not known to emg-edge", "give the file in QDQ form")
        TRANSLATIONS[op](i)
    finally:
        i.source = whole


def _move(i: Importer) -> None:
    """Move the values behind codes; what comes out are codes of the same grid."""
    whole = i.source
    grids = {i.stored[name][1:] for name in whole.inputs if name in i.stored}
    many = whole.op == "Concat"
    if len(grids) != 1 or (many and any(name not in i.stored for name in whole.inputs)):
        raise RefusedError("joins codes of different grids", "give the file in QDQ form, one grid for all parts")
    ((grid, shift),) = grids
    inputs = tuple(i.stored[name][0] if name in i.stored else name for name in whole.inputs)
    for name in whole.inputs:
        if name in i.stored:
            i.demand(*i.stored[name][:2])
    values = tuple(i.temporary(f"value{index}") for index in range(len(whole.outputs)))
    _step(i, whole.op, inputs, values, **whole.attrs)
    for output, value in zip(whole.outputs, values, strict=True):
        i.stored[output] = i.resolve(value), grid, shift


def _clip(i: Importer) -> None:
    """Clip constant codes, or the values behind codes at the reals that the limits stand for."""
    name, out = i.source.inputs[0], i.source.outputs[0]
    limits = [i.static(1), i.static(2)]
    if any(limit is not None and (limit.size != 1 or limit.dtype.kind != "i") for limit in limits):
        raise EmgEdgeError(f"Clip {i.source.name!r}: limits of codes must be single integers")
    low, high = (None if limit is None else int(limit.reshape(-1)[0]) for limit in limits)
    if name not in i.stored:
        codes = i.constants[name]
        i.types[out] = i.types[name]
        i.fold(np.clip(codes, low, high) if limits != [None, None] else codes)
        return
    value, grid, shift = i.stored[name]
    lowest, highest = (-128, 127) if grid.dtype == "int8" else (-32768, 32767)
    zero = grid.zero_point + shift
    bounds = {
        "min": None if low is None or low <= lowest + shift else (low - zero) * grid.scale[0],
        "max": None if high is None or high >= highest + shift else (high - zero) * grid.scale[0],
    }
    wanted = {key: bound for key, bound in bounds.items() if bound is not None}
    if wanted and len(grid.scale) > 1:
        raise RefusedError("clips codes that have a scale per channel", "quantise activations per tensor")
    if wanted:
        clipped = i.temporary("clipped")
        _step(i, "Clip", (value,), (clipped,), **wanted)
        value = i.resolve(clipped)
    i.stored[out] = value, grid, shift


def _real(i: Importer, index: int, role: str, axis: int = 1) -> str:
    """Return the float behind the codes of input ``index``, whose scale and zero point follow it."""
    inputs = (*i.source.inputs, "", "", "")[index : index + 3]
    name = i.temporary(role)
    _step(i, "DequantizeLinear", inputs, (name,), axis=axis)
    return name


def _quantised(i: Importer, value: str, index: int) -> None:
    """Write codes with the scale and zero point of inputs ``index`` and ``index + 1``."""
    scale, zero = (*i.source.inputs, "", "")[index : index + 2]
    _step(i, "QuantizeLinear", (value, scale, *((zero,) if zero else ())), i.source.outputs[:1])


def _bias(i: Importer, name: str, x_scale: int, w_scale: int, factor: float = 1.0) -> str:
    """Return the float behind int32 biases, whose steps are those of input and weight multiplied."""
    steps = (i.static(x_scale), i.static(w_scale))
    if steps[0] is None or steps[1] is None:
        raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: a scale is missing")
    scale: NDArray[Any] = (factor * steps[0].astype(np.float64) * steps[1].astype(np.float64)).astype(np.float32)
    scale = scale.reshape(()) if scale.size == 1 else scale.reshape(-1)
    out = i.temporary("bias")
    _step(i, "DequantizeLinear", (name, i.constant("bias_scale", scale)), (out,), axis=0)
    return out


def _conv(i: Importer) -> None:
    x, w = _real(i, 0, "x"), _real(i, 3, "w", axis=0)
    bias = (_bias(i, i.source.inputs[8], 1, 4),) if len(i.source.inputs) > 8 and i.source.inputs[8] else ()
    y = i.temporary("y")
    _step(i, "Conv", (x, w, *bias), (y,), **i.source.attrs)
    _quantised(i, y, 6)


def _matmul(i: Importer) -> None:
    a, b, y = _real(i, 0, "a"), _real(i, 3, "b", axis=-1), i.temporary("y")
    _step(i, "MatMul", (a, b), (y,))
    _quantised(i, y, 6)


def _gemm(i: Importer) -> None:
    transposed, alpha = int(i.attr("transB", 0)), float(i.attr("alpha", 1.0))
    a, b = _real(i, 0, "a"), _real(i, 3, "b", axis=0 if transposed else 1)
    inputs = (*i.source.inputs, "", "", "")
    bias = (_bias(i, inputs[6], 1, 4),) if inputs[6] else ()  # alpha stands before the sum, so it is in the bias, too
    y = i.temporary("y") if inputs[7] else i.source.outputs[0]
    attrs = {key: value for key, value in i.source.attrs.items() if key in {"transA", "transB"}}
    if alpha == 1.0:
        _step(i, "Gemm", (a, b, *bias), (y,), **attrs)
    else:
        product, factor = i.temporary("product"), i.constant("alpha", np.array([alpha], np.float32))
        _step(i, "Gemm", (a, b, *bias), (product,), **attrs)
        _step(i, "Mul", (product, factor), (y,))
    if inputs[7]:
        _quantised(i, y, 7)


def _unary(op: str) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        x, y = _real(i, 0, "x"), i.temporary("y")
        _step(i, op, (x,), (y,), **{key: value for key, value in i.source.attrs.items() if key != "opset"})
        _quantised(i, y, 3)

    return translate


def _pool(op: str) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        if i.attr("channels_last", 0):
            raise RefusedError("pools with channels last", "export it with channels first")
        x, y = _real(i, 0, "x"), i.temporary("y")
        attrs = {key: value for key, value in i.source.attrs.items() if key != "channels_last"}
        _step(i, op, (x,), (y,), **attrs)
        _quantised(i, y, 3)

    return translate


def _binary(op: str) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        a, b, y = _real(i, 0, "a"), _real(i, 3, "b"), i.temporary("y")
        _step(i, op, (a, b), (y,))
        _quantised(i, y, 6)

    return translate


def _concat(i: Importer) -> None:
    if len(i.source.inputs) < 5 or (len(i.source.inputs) - 2) % 3:
        raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: needs scale and zero point with every part")
    parts = [_real(i, index, "part") for index in range(2, len(i.source.inputs), 3)]
    y = i.temporary("y")
    _step(i, "Concat", tuple(parts), (y,), axis=i.attr("axis", 0))
    _quantised(i, y, 0)


def _at_run_time(i: Importer) -> None:
    del i
    raise RefusedError(
        "it chooses scales at run time (dynamic quantisation)",
        "quantise statically (onnxruntime: quantize_static with calibration data), or give the float model",
    )


DYNAMIC = (
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "ConvInteger",
    *(
        f"{MICROSOFT}{op}"
        for op in ("DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QAttention")
    ),
)
TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    **dict.fromkeys(DYNAMIC, _at_run_time),
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    f"{MICROSOFT}QGemm": _gemm,
    f"{MICROSOFT}QLinearAdd": _binary("Add"),
    f"{MICROSOFT}QLinearAveragePool": _pool("AveragePool"),
    f"{MICROSOFT}QLinearConcat": _concat,
    f"{MICROSOFT}QLinearGlobalAveragePool": _pool("GlobalAveragePool"),
    f"{MICROSOFT}QLinearLeakyRelu": _unary("LeakyRelu"),
    f"{MICROSOFT}QLinearMul": _binary("Mul"),
    f"{MICROSOFT}QLinearSigmoid": _unary("Sigmoid"),
    f"{MICROSOFT}QLinearSoftmax": _unary("Softmax"),
}
