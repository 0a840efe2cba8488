"""Damage to the structure of a model: what passes the parser of protobuf and meets the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable

Rng = np.random.Generator
NUMBERS = (0, 1, 2, 3, 7, -1, -2, 255, 2**15, 2**16 + 1, 2**31 - 1, -(2**31), 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
NAMES = (
    "", " ", '"', "'", "\\", "\n", "\r\n#include <x>", "*/ int main(void) {", "/*", "//", "??/", "..", "../../x", "a/b",
    "/etc/passwd", "C:\\x", "\0", "main", "int", "emg", "logits", "%s%n", "${HOME}", "`id`", "<b>", "a" * 1000,
    "x" * 10**6, "π", "\u202e", "🖐", "--", ";", "#", "_", "0", "const_0", "v1", "n1",
)  # fmt: skip
OPS = (
    "Abs", "Add", "And", "ArgMax", "Attention", "AveragePool", "BatchNormalization", "Cast", "CastLike", "Ceil", "Celu",
    "Clip", "Compress", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvInteger", "ConvTranspose", "CumSum",
    "DepthToSpace", "DequantizeLinear", "Det", "Div", "Dropout", "DynamicQuantizeLinear", "Einsum", "Elu",
    "Equal", "Erf",
    "Exp", "Expand", "EyeLike", "Flatten", "Floor", "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm",
    "GlobalAveragePool", "GlobalMaxPool", "Greater", "GroupNormalization", "HardSigmoid", "HardSwish", "Identity", "If",
    "InstanceNormalization", "LSTM", "LayerNormalization", "LeakyRelu", "Less", "Log", "LogSoftmax", "Loop",
    "LpNormalization", "MatMul", "MatMulInteger", "Max", "MaxPool", "Mean", "Min", "Mish", "Mod", "Mul", "Neg",
    "NonZero",
    "Not", "OneHot", "PRelu", "Pad", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "RMSNormalization",
    "Range",
    "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Resize",
    "RotaryEmbedding", "Round", "Scan", "Selu", "Shape", "Sigmoid", "Sign", "Size", "Slice", "Softmax", "Softplus",
    "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose", "Trilu",
    "Unsqueeze", "Upsample", "Where", "QGemm", "QLinearAdd", "QLinearSoftmax",
)  # fmt: skip
BOMBS = ("Tile", "Expand", "Range", "Concat", "ConstantOfShape", "Pad", "Resize", "Add", "Gather", "OneHot")
KEYS = (
    "axis", "axes", "perm", "shape", "to", "value", "epsilon", "alpha", "beta", "transA", "transB",
    "kernel_shape", "pads",
    "strides", "dilations", "group", "auto_pad", "keepdims", "num_heads", "hidden_size", "direction", "mode", "split",
    "start", "end", "block_size", "blocksize", "allowzero", "approximate", "is_causal", "output_dtype", "activations",
    "ceil_mode", "count_include_pad", "select_last_index", "layout", "linear_before_reset", "num_groups", "largest",
)  # fmt: skip


def _pick(items: Any, rng: Rng) -> Any:
    return items[int(rng.integers(0, len(items)))] if len(items) else None


def _number(rng: Rng) -> int:
    return int(_pick(NUMBERS, rng)) if rng.random() < 0.7 else int(rng.integers(-5, 40))


def _extents(model: Any, rng: Rng) -> None:
    """Dimensions of a weight, an input or an output: huge, negative, zero, one more, one less."""
    tensor = _pick(model.graph.initializer, rng)
    ports = [port for port in (*model.graph.input, *model.graph.output) if port.type.HasField("tensor_type")]
    if tensor is not None and rng.random() < 0.6:
        dims = list(tensor.dims) + ([1] if rng.random() < 0.2 else [])
        if dims:
            dims[int(rng.integers(0, len(dims)))] = _number(rng)
        tensor.ClearField("dims")
        tensor.dims.extend(dims)
    elif ports:
        dims = _pick(ports, rng).type.tensor_type.shape.dim
        for _ in range(int(rng.choice([0, 0, 1, 9]))):
            dims.add().dim_value = _number(rng)
        if len(dims):
            dim = _pick(dims, rng)
            dim.dim_value = _number(rng)
            if rng.random() < 0.2:
                dim.dim_param = str(_pick(NAMES, rng))


def _types(model: Any, rng: Rng) -> None:
    """Types of a weight or an input."""
    tensor, port = _pick(model.graph.initializer, rng), _pick(model.graph.input, rng)
    kind = int(rng.integers(0, 26)) if rng.random() < 0.9 else _number(rng) % 2**31
    if tensor is not None and rng.random() < 0.6:
        tensor.data_type = kind
    elif port is not None and rng.random() < 0.7:
        port.type.tensor_type.elem_type = kind
    elif port is not None:
        port.type.sequence_type.elem_type.tensor_type.elem_type = kind


def _data(model: Any, rng: Rng) -> None:
    """Content of a weight: other numbers, cut off, of another field, not finite, small integers."""
    tensor = _pick(model.graph.initializer, rng)
    if tensor is None:
        return
    how = int(rng.integers(0, 6))
    if how == 0:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(0, len(tensor.raw_data) + 1))]
    elif how == 1:
        tensor.raw_data = tensor.raw_data + rng.bytes(int(rng.integers(1, 9)))
    elif how == 2:
        tensor.float_data.extend([float(v) for v in rng.normal(size=3)])
    elif how == 3:
        tensor.ClearField("raw_data")
        size = int(np.prod(tensor.dims)) if len(tensor.dims) < 4 else 1
        tensor.int64_data.extend([_number(rng) for _ in range(min(size, 9))])
    elif how == 4 and tensor.data_type == TensorProto.INT64:
        size = len(tensor.raw_data) // 8
        tensor.raw_data = np.array([_number(rng) for _ in range(min(size, 64))], np.int64).tobytes()
    else:
        value = _pick((np.nan, np.inf, -np.inf, 0.0, 1e-45, 1e38, -1.0), rng)
        size = len(tensor.raw_data) // 4
        tensor.raw_data = np.full(min(size, 4096), value, np.float32).tobytes()


def _wiring(model: Any, rng: Rng) -> None:
    """Inputs and outputs of a node: cycles, missing, doubled, swapped, one more, one less."""
    node, other = _pick(model.graph.node, rng), _pick(model.graph.node, rng)
    if node is None:
        return
    names = [*other.output, *(t.name for t in model.graph.initializer), *(p.name for p in model.graph.input), ""]
    side = node.input if rng.random() < 0.7 else node.output
    how = int(rng.integers(0, 5))
    if how == 0 or not len(side):
        side.append(_pick(names, rng))
    elif how == 1:
        del side[int(rng.integers(0, len(side)))]
    elif how == 2:
        side[int(rng.integers(0, len(side)))] = _pick(NAMES, rng)
    elif how == 3 and len(side) > 1:
        side[0], side[1] = side[1], side[0]
    else:
        side[int(rng.integers(0, len(side)))] = _pick(names, rng)


def _nodes(model: Any, rng: Rng) -> None:
    """The list of nodes: one dropped, doubled, moved, turned into another operator or another domain."""
    nodes = model.graph.node
    if not len(nodes):
        return
    at, how = int(rng.integers(0, len(nodes))), int(rng.integers(0, 7))
    if how == 0:
        del nodes[at]
    elif how == 1:
        nodes.add().CopyFrom(nodes[at])
    elif how == 2:
        moved = onnx.NodeProto()
        moved.CopyFrom(nodes[at])
        del nodes[at]
        nodes.insert(int(rng.integers(0, len(nodes) + 1)), moved)
    elif how == 3:
        nodes[at].domain = _pick(("com.microsoft", "ai.onnx.ml", *NAMES), rng)
    else:
        nodes[at].op_type = _pick(OPS, rng) if rng.random() < 0.95 else _pick(NAMES, rng)


def _attributes(model: Any, rng: Rng) -> None:
    """An attribute of any name, type and value; or one fewer."""
    node = _pick(model.graph.node, rng)
    if node is None:
        return
    old = _pick(node.attribute, rng)
    key = old.name if old is not None and rng.random() < 0.7 else _pick((*KEYS, *NAMES), rng)
    if old is not None and rng.random() < 0.8:
        node.attribute.remove(old)
        if rng.random() < 0.15:
            return
    count = int(rng.choice([0, 1, 2, 4, 9]))
    value = _pick(
        (
            _number(rng), 1.5, float("nan"), float("inf"), "text", b"\xff\xfe", [_number(rng) for _ in range(count)],
            [0.5] * (count or 1), ["a"] * (count or 1), numpy_helper.from_array(np.arange(max(count, 1))),
            numpy_helper.from_array(np.float32(0.5)), str(_pick(NAMES, rng)),
        ),
        rng,
    )  # fmt: skip
    attribute = helper.make_attribute(key or "k", value, attr_type=6 if value == [] else None)
    if rng.random() < 0.1:
        attribute.type = int(rng.integers(0, 15))
    node.attribute.append(attribute)


def _names(model: Any, rng: Rng) -> None:
    """A hostile name, everywhere that the old one stood."""
    graph, new = model.graph, str(_pick(NAMES, rng))
    ports = [*graph.input, *graph.output, *graph.initializer]
    old = _pick([port.name for port in ports] + [name for node in graph.node for name in node.output], rng)
    how = int(rng.integers(0, 4))
    if how == 0:
        graph.name = new
    elif how == 1 and len(graph.node):
        _pick(graph.node, rng).name = new
    elif how == 2:
        model.metadata_props.add(key=_pick(("emg.model", "emg.version", "emg." + new, new), rng), value=new)
    else:
        for port in ports:
            port.name = new if port.name == old else port.name
        for node in graph.node:
            for side in (node.input, node.output):
                side[:] = [new if name == old else name for name in side]


def _opsets(model: Any, rng: Rng) -> None:
    version = int(_pick((0, -1, 1, 6, 9, 10, 11, 13, 17, 18, 21, 23, 25, 99, 10**9, 2**62), rng))
    how = int(rng.integers(0, 4))
    if how == 0 or not len(model.opset_import):
        model.opset_import.add(domain=_pick(("", "ai.onnx", "com.microsoft", "x"), rng), version=version)
    elif how == 1:
        del model.opset_import[:]
    else:
        model.opset_import[0].version = version
    if rng.random() < 0.2:
        model.ir_version = _number(rng)


def _outside(model: Any, rng: Rng) -> None:
    """Weights that claim to lie in another file."""
    tensor = _pick(model.graph.initializer, rng)
    if tensor is None:
        return
    places = (
        "m.onnx.data",
        "m.onnx",
        "../x",
        "/etc/passwd",
        "/dev/zero",
        "/dev/stdin",
        "",
        ".",
        "a/../../b",
        *NAMES[:20],
    )
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=_pick(places, rng))
    for key in ("offset", "length"):
        if rng.random() < 0.5:
            tensor.external_data.add(key=key, value=str(_number(rng)) if rng.random() < 0.8 else "x")
    if rng.random() < 0.5:
        tensor.ClearField("raw_data")


def _extras(model: Any, rng: Rng) -> None:
    """Functions, sparse weights, doubled weights, training, many outputs, none."""
    graph, how = model.graph, int(rng.integers(0, 7))
    if how == 0:
        node = helper.make_node("Again", ["x"], ["y"], domain="own")
        model.functions.append(
            helper.make_function("own", "Again", ["x"], ["y"], [node], [helper.make_opsetid("own", 1)])
        )
        _pick(graph.node, rng).domain = "own" if len(graph.node) else ""
    elif how == 1:
        sparse = graph.sparse_initializer.add()
        sparse.dims.extend([2**40, 2**40])
        sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "sparse"))
    elif how == 2 and len(graph.initializer):
        graph.initializer.add().CopyFrom(_pick(graph.initializer, rng))
    elif how == 3:
        model.training_info.add().algorithm.CopyFrom(graph)
    elif how == 4 and len(graph.output):
        for _ in range(int(rng.integers(1, 50))):
            graph.output.add().CopyFrom(graph.output[0])
    elif how == 5:
        del graph.output[:]
    elif len(graph.input):
        graph.input.add().CopyFrom(graph.input[0])


def _nesting(model: Any, rng: Rng) -> None:
    """Subgraphs inside each other."""
    inner = helper.make_graph([], "inner", [], [])
    for depth in range(int(_pick((2, 10, 40, 90), rng))):
        kind = _pick(("If", "Loop", "Scan"), rng)
        node = helper.make_node(
            kind, ["c"], ["y"], name=f"d{depth}", **{"then_branch" if kind == "If" else "body": inner}
        )
        inner = helper.make_graph([node], "g", [], [])
    model.graph.node.insert(0, inner.node[0])


def _bomb(model: Any, rng: Rng) -> None:
    """A chain of operators on constants, or on the input, whose result is huge beside the file."""
    graph = model.graph
    kind = _pick(
        ("Tile", "Expand", "Range", "Concat", "ConstantOfShape", "Pad", "Resize", "Add", "Gather", "OneHot"), rng
    )
    dynamic = rng.random() < 0.5 and len(graph.input) > 0
    length, grow = int(_pick((1, 3, 12, 40), rng)), int(_pick((2, 10, 1000, 2**20, 2**31), rng))
    name = graph.input[0].name if dynamic else "bomb"
    shape = [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim] if dynamic else [1, 8]
    rank = len(shape)
    graph.initializer.append(numpy_helper.from_array(np.ones((1, 8), np.float32), "bomb"))
    factors = {
        "Tile": [*[1] * (rank - 1), grow], "Expand": [*[grow] * min(2, rank), *[1] * max(0, rank - 2)],
        "ConstantOfShape": [grow, grow], "Pad": [0] * rank + [grow] * rank, "Gather": [0] * min(grow, 500),
    }  # fmt: skip
    graph.initializer.append(numpy_helper.from_array(np.array(factors.get(kind, [grow]), np.int64), "factors"))
    graph.initializer.append(
        numpy_helper.from_array(np.array([1.0] * (rank - 1) + [float(grow)], np.float32), "scales")
    )
    graph.initializer.append(numpy_helper.from_array(np.array(grow, np.int64), "limit"))
    chain = []
    for step in range(length):
        inputs = {
            "Range": ["limit"] * 3, "Concat": [name] * min(grow, 50), "ConstantOfShape": ["factors"],
            "Add": [name, name], "Resize": [name, "", "scales"],
            "Gather": [name, "factors"], "OneHot": ["factors", "limit", "scales"],
        }.get(kind, [name, "factors"])  # fmt: skip
        attrs = {"axis": rank - 1} if kind in {"Concat", "Gather"} else {}
        chain.append(helper.make_node(kind, inputs, [f"bomb{step}"], name=f"bomb{step}", **attrs))
        name = f"bomb{step}"
    nodes = list(graph.node)
    if nodes and nodes[-1].input:
        last = nodes[-1].input[0] if rng.random() < 0.5 else None
        chain.append(helper.make_node("Add", [last or name, name], ["boom"], name="boom"))
        nodes[-1].input[0] = "boom"
    del graph.node[:]
    graph.node.extend([*nodes[:-1], *chain, *nodes[-1:]])


KINDS: list[Callable[[Any, Rng], None]] = [
    _extents, _types, _data, _wiring, _nodes, _attributes, _names, _opsets, _outside, _extras, _nesting, _bomb,
    _wiring, _nodes, _attributes, _extents, _data, _nodes, _attributes,
]  # fmt: skip
