"""From ONNX operators to IR nodes: attributes, defaults and what changed between opsets, in one table."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError, Unsupported
from emg_edge.graph._graph import checked_size

from ._importer import MAX_FOLDED, Importer, RefusedError, Source
from ._quantised import QUANTISED

if TYPE_CHECKING:
    from collections.abc import Callable


def add_node(importer: Importer, source: Source) -> None:
    """Translate one node, or note why not; nodes behind a refused one are skipped, not blamed."""
    if any(name in importer.lost for name in source.inputs) and source.op in TRANSLATIONS:
        importer.lost.update(source.outputs)
        return
    clash = [name for name in source.outputs if name in importer.values or name in importer.constants]
    if clash:
        raise EmgEdgeError(f"{source.op} {source.name!r} writes {clash} a second time; every value has one writer")
    importer.source = source
    try:
        TRANSLATIONS.get(source.op, _unknown)(importer)
    except RefusedError as refused:
        importer.unsupported.append(Unsupported(source.name, source.op, refused.why, refused.change))
        importer.lost.update(source.outputs)


def _unknown(i: Importer) -> None:
    raise RefusedError("the operator is not known to emg-edge", _advice(i.source.op))


def _advice(op: str) -> str:
    table = {
        "LSTM": "replace recurrent layers by attention or convolutions",
        "GRU": "replace recurrent layers by attention or convolutions",
        "BatchNormalization": "fold it into the layer before it (export in eval mode with folding)",
        "Attention": "export with opset 20, which writes attention as MatMul, Softmax, MatMul",
        "RotaryEmbedding": "export with opset 20, which writes the rotation as Mul and Add",
    }
    return table.get(op, "rewrite it with MatMul, Add, Softmax, LayerNormalization, element-wise functions and means")


def _reshape_to(shape: tuple[int, ...]) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        i.emit("Reshape", (i.require(0),), shape=shape)

    return translate


def _identity(i: Importer) -> None:
    i.alias(i.require(0))


def _cast(i: Importer) -> None:
    name, to = i.require(0), int(i.attr("to", 1))
    if name not in i.constants:
        if to not in {1, 10, 11, 16}:
            raise RefusedError("casts a computed value to a non-float type", "keep activations in float32")
        i.alias(name)
        return
    i.fold(i.constants[name].astype(np.float32 if to in {1, 10, 11, 16} else np.int64))


def _constant(i: Importer) -> None:
    known = {"value", "value_float", "value_floats", "value_int", "value_ints"} & set(i.source.attrs)
    if len(known) != 1:
        raise RefusedError(f"holds {sorted(i.source.attrs)}", "use a dense tensor, floats or integers")
    array = np.asarray(i.source.attrs[known.pop()])
    i.fold(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))


def _constant_of_shape(i: Importer) -> None:
    dims = i.static(0)
    shape = checked_size(tuple(int(v) for v in np.atleast_1d(dims if dims is not None else [])), i.source.name)
    fill = np.asarray(i.attr("value", np.zeros(1, np.float32))).reshape(-1)
    if prod(shape) > MAX_FOLDED or fill.size != 1:
        raise EmgEdgeError(f"ConstantOfShape {i.source.name!r} of {shape} is refused")
    i.fold(np.full(shape, fill[0]))


def _shape(i: Importer) -> None:
    shape = i.shape(i.require(0))
    i.fold(np.array(shape[i.attr("start", 0) : i.attr("end", len(shape))], np.int64))


def _range(i: Importer) -> None:
    start, limit, delta = (i.static(index) for index in range(3))
    if start is None or limit is None or delta is None or delta.item() == 0:
        raise EmgEdgeError(f"Range {i.source.name!r} needs start, limit and a step other than 0")
    if abs((limit.item() - start.item()) / delta.item()) > MAX_FOLDED:
        raise EmgEdgeError(f"Range {i.source.name!r} has more than {MAX_FOLDED} entries")
    i.fold(np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype))


def _fold(function: Callable[..., Any]) -> Callable[[Importer], None]:
    """Return the translation of an operator that only occurs in exporters' arithmetic on shapes."""

    def translate(i: Importer) -> None:
        arrays = [i.static(index) for index in range(len(i.source.inputs))]
        if not arrays or any(array is None for array in arrays):
            raise EmgEdgeError(f"{i.source.op} {i.source.name!r}: an input is missing")
        if prod(np.broadcast_shapes(*(array.shape for array in arrays if array is not None))) > MAX_FOLDED:
            raise EmgEdgeError(f"{i.source.op} {i.source.name!r} would fold into too many elements; refused")
        with np.errstate(all="ignore"):
            result = np.asarray(function(*arrays))
        i.fold(result.astype(np.float32 if result.dtype.kind == "f" else np.int64))

    return translate


def _reshape(i: Importer) -> None:
    name = i.require(0)
    wanted, old = i.ints("shape", 1), i.shape(name)
    if wanted is None:
        raise EmgEdgeError(f"Reshape {i.source.name!r} has no shape")
    zero = bool(i.attr("allowzero", 0))
    shape = [old[axis] if v == 0 and not zero and axis < len(old) else v for axis, v in enumerate(wanted)]
    if shape.count(-1) == 1:
        rest = prod(v for v in shape if v != -1)
        shape[shape.index(-1)] = prod(old) // rest if rest > 0 else -1
    i.emit("Reshape", (name,), shape=tuple(shape))


def _flatten(i: Importer) -> None:
    shape = i.shape(i.require(0))
    axis = int(i.attr("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    _reshape_to((prod(shape[:axis]), prod(shape[axis:])))(i)


def _squeeze(i: Importer) -> None:
    shape, axes = i.shape(i.require(0)), i.ints("axes", 1)
    drop = {i.axis(a, len(shape)) for a in axes} if axes is not None else {a for a, e in enumerate(shape) if e == 1}
    if any(shape[axis] != 1 for axis in drop):
        raise EmgEdgeError(f"Squeeze {i.source.name!r} drops an axis of {shape} that is not 1")
    _reshape_to(tuple(extent for axis, extent in enumerate(shape) if axis not in drop))(i)


def _unsqueeze(i: Importer) -> None:
    shape, axes = list(i.shape(i.require(0))), i.ints("axes", 1) or ()
    rank = len(shape) + len(axes)
    for axis in sorted(i.axis(a, rank) for a in axes):
        shape.insert(axis, 1)
    _reshape_to(tuple(shape))(i)


def _transpose(i: Importer) -> None:
    rank = len(i.shape(i.require(0)))
    i.emit("Transpose", (i.require(0),), perm=tuple(int(v) for v in i.attr("perm", range(rank)[::-1])))


def _slice(i: Importer) -> None:
    shape = i.shape(i.require(0))
    starts, ends = i.ints("starts", 1), i.ints("ends", 2)
    axes, steps = i.ints("axes", 3), i.ints("steps", 4)
    if starts is None or ends is None or len(starts) != len(ends):
        raise EmgEdgeError(f"Slice {i.source.name!r} needs starts and ends of one length")
    slices = [(0, extent, 1) for extent in shape]
    for j, axis in enumerate(axes or range(len(starts))):
        at = i.axis(axis, len(shape))
        bounds = slice(starts[j], ends[j], steps[j] if steps else 1).indices(shape[at])
        if ends[j] < -shape[at] and bounds[2] < 0:
            bounds = (bounds[0], -1, bounds[2])
        slices[at] = bounds
    i.emit("Slice", (i.require(0),), slices=tuple(slices))


def _split(i: Importer) -> None:
    name = i.require(0)
    shape, count = i.shape(name), len(i.source.outputs)
    axis = i.axis(int(i.attr("axis", 0)), len(shape))
    chunk = -(-shape[axis] // count)
    sizes = i.ints("split", 1) or tuple(min(chunk, shape[axis] - j * chunk) for j in range(count))
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise EmgEdgeError(f"Split {i.source.name!r} cuts {shape[axis]} into {sizes}")
    start = 0
    for output, size in zip(i.source.outputs, sizes, strict=True):
        slices = [(0, extent, 1) for extent in shape]
        slices[axis] = (start, start + size, 1)
        i.emit("Slice", (name,), output, slices=tuple(slices))
        start += size


def _gather(i: Importer) -> None:
    name, indices = i.require(0), i.static(1)
    axis = i.axis(int(i.attr("axis", 0)), len(i.shape(name)))
    if indices is None or indices.dtype.kind != "i":
        raise EmgEdgeError(f"Gather {i.source.name!r} needs integer indices")
    extent = i.shape(name)[axis]
    i.emit("Gather", (name,), axis=axis, indices=np.where(indices < 0, indices + extent, indices))


def _concat(i: Importer) -> None:
    names = tuple(i.require(j) for j in range(len(i.source.inputs)))
    i.emit("Concat", names, axis=i.axis(int(i.attr("axis", 0)), len(i.shape(names[0]))))


def _expand(i: Importer) -> None:
    i.emit("Expand", (i.require(0),), shape=i.ints("shape", 1) or ())


def _elementwise(i: Importer) -> None:
    i.emit(i.source.op, tuple(i.require(j) for j in range(max(1, len(i.source.inputs)))))


def _gelu(i: Importer) -> None:
    approximate = i.attr("approximate", "none")
    if approximate not in {"none", "tanh"}:
        raise RefusedError(f"approximate={approximate!r}", "use 'none' or 'tanh'")
    i.emit("Gelu", (i.require(0),), approximate=approximate)


def _clip(i: Importer) -> None:
    name = i.require(0)
    for key, index, op in (("min", 1, "Max"), ("max", 2, "Min")):
        bound = i.attr(key, None) if key in i.source.attrs else i.static(index)
        if bound is not None:
            limit = i.constant(key, np.asarray(bound, np.float32).reshape(1))
            name = i.emit(op, (name, limit), i.temporary("clip"))
    i.alias(name)


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


def _conv(i: Importer) -> None:
    weight = i.static(1)
    if weight is None or i.attr("auto_pad", "NOTSET") not in {"NOTSET", "VALID"}:
        raise RefusedError("weights are missing or padding is implicit", "export with explicit pads")
    spatial = weight.ndim - 2
    names = tuple(name for name in (i.require(0), i.require(1), i.input(2)) if name)
    i.emit(
        "Conv",
        names,
        strides=tuple(int(v) for v in i.attr("strides", [1] * spatial)),
        pads=tuple(int(v) for v in i.attr("pads", [0] * 2 * spatial)),
        dilations=tuple(int(v) for v in i.attr("dilations", [1] * spatial)),
        group=int(i.attr("group", 1)),
    )


def _softmax(i: Importer) -> None:
    rank = len(i.shape(i.require(0)))
    axis = i.axis(int(i.attr("axis", -1 if i.opset >= 13 else 1)), rank)
    if i.opset < 13 and axis != rank - 1:
        raise RefusedError(f"opset {i.opset} normalises over several axes", "export with opset 13 or later")
    i.emit("Softmax", (i.require(0),), axis=axis)


def _reduce_mean(i: Importer) -> None:
    rank, axes = len(i.shape(i.require(0))), i.ints("axes", 1)
    if not axes and i.attr("noop_with_empty_axes", 0):
        return _identity(i)
    every = tuple(range(rank)) if not axes else tuple(sorted({i.axis(axis, rank) for axis in axes}))
    i.emit("ReduceMean", (i.require(0),), axes=every, keepdims=int(i.attr("keepdims", 1)))
    return None


def _global_average_pool(i: Importer) -> None:
    i.emit("ReduceMean", (i.require(0),), axes=tuple(range(2, len(i.shape(i.require(0))))), keepdims=1)


def _layer_normalization(i: Importer) -> None:
    name = i.require(0)
    shape = i.shape(name)
    if i.axis(int(i.attr("axis", -1)), len(shape)) != len(shape) - 1 or any(i.source.outputs[1:]):
        raise RefusedError("normalises over several axes or returns its statistics", "normalise over the last axis")
    bias = i.input(2) or i.constant("bias", np.zeros(shape[-1], np.float32))
    i.emit("LayerNormalization", (name, i.require(1), bias), eps=float(i.attr("epsilon", 1e-5)))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    **QUANTISED,
    **dict.fromkeys(("Abs", "Erf", "Exp", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"), _elementwise),
    **dict.fromkeys(("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"), _elementwise),
    "And": _fold(np.logical_and),
    "Cast": _cast,
    "Ceil": _fold(np.ceil),
    "Clip": _clip,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "Dropout": _identity,
    "Equal": _fold(np.equal),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _fold(np.floor),
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "Greater": _fold(np.greater),
    "Identity": _identity,
    "LayerNormalization": _layer_normalization,
    "Less": _fold(np.less),
    "MatMul": _matmul,
    "Mod": _fold(np.mod),
    "Not": _fold(np.logical_not),
    "Range": _range,
    "ReduceMean": _reduce_mean,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _fold(lambda condition, a, b: np.where(condition.astype(bool), a, b)),
}
SUPPORTED = frozenset(TRANSLATIONS)
