"""Forged ONNX models of one operator or a few, each with the canonical operators that it should become.

`CASES` maps a name to a `Case`; `build` returns the model. Values are (1, 4, 10) or (1, 3, 6, 8) unless a case says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROWS, IMAGE = (1, 4, 10), (1, 3, 6, 8)


@dataclass(frozen=True)
class Case:
    """One model: nodes as (op, inputs, attrs); an input that is an array becomes a constant, "" stays absent."""

    nodes: tuple
    shape: tuple = ROWS
    opset: int = 20
    low: float = -3.0
    high: float = 3.0
    sqnr: float = 35.0
    kinds: tuple | None = None
    outputs: int = 1
    data: dict = field(default_factory=dict)


def case(*nodes, **options):
    return Case(nodes=nodes, **options)


def build(case):
    """The model: every node reads "x" or names v0, v1, ...; the last node's outputs are the model's."""
    nodes, arrays = [], []
    for number, (op, inputs, attrs) in enumerate(case.nodes):
        names = []
        for value in inputs:
            if isinstance(value, str):
                names.append(value)
            else:
                names.append(f"c{len(arrays)}")
                arrays.append(numpy_helper.from_array(np.asarray(value), names[-1]))
        last = number == len(case.nodes) - 1
        outputs = [f"v{number}"] if not last or case.outputs == 1 else [f"v{number}_{i}" for i in range(case.outputs)]
        domain, _, kind = op.rpartition(":")
        nodes.append(helper.make_node(kind, names, outputs, name=f"n{number}", domain=domain, **attrs))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in nodes[-1].output]
    read = helper.make_tensor_value_info("x", TensorProto.FLOAT, case.shape)
    graph = helper.make_graph(nodes, "net", [read], ports, arrays)
    opsets = [helper.make_opsetid("", case.opset), helper.make_opsetid("com.microsoft", 1)]
    return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets, ir_version=9))


def windows(case, count=64, seed=0):
    """Samples in the case's range, channels of different loudness."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(case.low, case.high, (count, *case.shape[1:]))
    return x.astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def reals(*shape, seed=0, low=-2.0, high=2.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def unary(op, low=-3.0, high=3.0, shape=ROWS, opset=20, sqnr=30.0, **attrs):
    return case((op, ["x"], attrs), low=low, high=high, shape=shape, opset=opset, sqnr=sqnr, kinds=("table",))


def f32(*values):
    return np.array(values, np.float32).reshape(() if len(values) == 1 else -1)


_UNARY = {
    "Abs": {}, "Acos": {"low": -1, "high": 1}, "Acosh": {"low": 1.2, "high": 4}, "Asin": {"low": -1, "high": 1},
    "Asinh": {}, "Atan": {}, "Atanh": {"low": -0.9, "high": 0.9}, "Ceil": {"sqnr": 15}, "Celu": {"alpha": 0.7},
    "Cos": {}, "Cosh": {}, "Elu": {"alpha": 1.3}, "Erf": {}, "Exp": {}, "Floor": {"sqnr": 15}, "Gelu": {},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4}, "HardSwish": {}, "LeakyRelu": {"alpha": 0.2},
    "Log": {"low": 0.3, "high": 5}, "Mish": {}, "Reciprocal": {"low": 0.5, "high": 3}, "Relu": {},
    "Round": {"sqnr": 15}, "Selu": {}, "Shrink": {"lambd": 0.6, "bias": 0.2, "sqnr": 25}, "Sigmoid": {},
    "Sign": {"sqnr": 15}, "Sin": {}, "Sinh": {}, "Softplus": {}, "Softsign": {},
    "Sqrt": {"low": 0.1, "high": 4}, "Tan": {"low": -1.2, "high": 1.2}, "Tanh": {},
    "ThresholdedRelu": {"alpha": 0.8, "sqnr": 20},
}  # fmt: skip
CASES = {f"unary {op}": unary(op, **options) for op, options in _UNARY.items()}
CASES |= {
    "unary Gelu tanh": unary("Gelu", approximate="tanh"),
    "unary Clip": case(("Clip", ["x", f32(-1.0), f32(1.5)], {}), kinds=("table",)),
    "unary Clip 6": case(("Clip", ["x"], {"min": -1.0, "max": 1.0}), opset=10, kinds=("table",)),
    "unary Clip upper": case(("Clip", ["x", "", f32(1.5)], {}), kinds=("table",)),
    "unary Pow": case(("Pow", ["x", f32(3.0)], {}), kinds=("table",)),
    "unary Pow root": case(("Pow", ["x", f32(0.5)], {}), low=0.2, kinds=("table",)),
    "unary Mod": case(("Mod", ["x", f32(2.0)], {"fmod": 1}), kinds=("table",), sqnr=20),
    "unary PRelu": case(("PRelu", ["x", f32(0.3)], {}), kinds=("table",)),
    "unary QuickGelu": unary("com.microsoft:QuickGelu", alpha=1.702),
    "unary FastGelu": unary("com.microsoft:FastGelu"),
    "unary swish": case(("Sigmoid", ["x"], {}), ("Mul", ["x", "v0"], {}), kinds=("table",)),
    "unary square": case(("Mul", ["x", "x"], {}), kinds=("table",)),
    "unary softplus by parts": case(
        ("Exp", ["x"], {}), ("Add", ["v0", f32(1.0)], {}), ("Log", ["v1"], {}), kinds=("table",)
    ),
    "unary hard swish by parts": case(
        ("Add", ["x", f32(3.0)], {}), ("Clip", ["v0", f32(0.0), f32(6.0)], {}), ("Mul", ["x", "v1"], {}),
        ("Div", ["v2", f32(6.0)], {}), kinds=("table",),
    ),
    "unary Where": case(
        ("Greater", ["x", f32(0.5)], {}), ("Mul", ["x", f32(0.1)], {}), ("Where", ["v0", "x", "v1"], {}),
        kinds=("table",), sqnr=20,
    ),
    "unary rsqrt": case(("Sqrt", ["x"], {}), ("Reciprocal", ["v0"], {}), low=0.5, kinds=("table",)),
}  # fmt: skip
CASES |= {
    "line gain": case(("Mul", ["x", f32(0.37)], {}), kinds=("affine",)),
    "line chain": case(
        ("Mul", ["x", reals(4, 1)], {}),
        ("Add", ["v0", reals(4, 1, seed=1)], {}),
        ("Neg", ["v1"], {}),
        kinds=("affine",),
    ),
    "line channels last": case(("Sub", [reals(10), "x"], {}), kinds=("affine",)),
    "line by division": case(("Div", ["x", reals(4, 1, low=0.5)], {}), kinds=("affine",)),
    "line every element": case(("Add", ["x", reals(4, 10)], {}), kinds=("affine",)),
    "line broadcast up": case(("Mul", ["x", reals(5, 1, 10)], {}), shape=(1, 1, 10), kinds=("move", "affine")),
    "line BatchNormalization": case(
        ("BatchNormalization", ["x", reals(4), reals(4, seed=1), reals(4, seed=2), reals(4, seed=3, low=0.5)], {}),
        kinds=("affine",),
    ),
    "line PRelu": case(("PRelu", ["x", reals(4, 1, low=0.05, high=0.5)], {}), kinds=("affine",)),
    "line PRelu behind a gain": case(
        ("Mul", ["x", reals(4, 1)], {}), ("PRelu", ["v0", reals(4, 1, low=0.05, high=0.5)], {}), kinds=("affine",) * 2
    ),
    "line Max": case(("Max", ["x", reals(4, 1)], {}), kinds=("affine",) * 2),
    "line Min": case(("Min", [reals(10), "x"], {}), kinds=("affine",) * 2),
    "line then function": case(("Mul", ["x", reals(4, 1)], {}), ("Tanh", ["v0"], {}), kinds=("affine", "table")),
    "line const over x": case(("Div", [reals(4, 1), "x"], {}), low=0.5, kinds=("table", "affine"), sqnr=30),
}
_OTHER = ("Tanh", ["x"], {})  # a second value of another range
_PART = ("ReduceMean", ["x", ints(2)], {"keepdims": 1})
CASES |= {
    f"pair {op}": case(_OTHER, (op, ["x", "v0"], {}), kinds=("table",), sqnr=25) for op in ("Add", "Sub", "Mul")
}  # functions of one value all the same
CASES |= {
    f"pair broadcast {op}": case(_PART, (op, ["x", "v0"], {}), kinds=("mean", kind))
    for op, kind in (("Add", "add"), ("Sub", "add"), ("Mul", "mul"), ("Max", "maximum"), ("Min", "minimum"))
}
CASES |= {
    "pair broadcast Div": case(_PART, ("Div", ["x", "v0"], {}), low=1.0, high=4.0, kinds=("mean", "div")),
    "pair broadcast both": case(
        ("ReduceMean", ["x", ints(2)], {"keepdims": 1}), ("ReduceMax", ["x", ints(1)], {"keepdims": 1}),
        ("Mul", ["v0", "v1"], {}), kinds=("mean", "reduce_max", "mul"),
    ),
    "pair turned": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Add", ["x", "v0"], {}), shape=(1, 6, 6), kinds=("move", "add")
    ),
    "pair of very different scales": case(
        ("Mul", ["x", f32(1e-4)], {}), ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Add", ["v0", "v1"], {}),
        shape=(1, 6, 6), kinds=("affine", "move", "add"),
    ),
    "pair Mean of three": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Tanh", ["v0"], {}), ("Mean", ["x", "v0", "v1"], {}),
        shape=(1, 6, 6), sqnr=30,
    ),
    "pair Max of three": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Max", ["x", "v0", f32(0.2)], {}), shape=(1, 6, 6),
        kinds=("move", "maximum", "table"), sqnr=25,
    ),
}  # fmt: skip


def moved(op, inputs, attrs=None, shape=ROWS, kinds=("move",), **options):
    return case((op, ["x", *inputs], attrs or {}), shape=shape, kinds=kinds, **options)


CASES |= {
    "move Transpose": moved("Transpose", [], {"perm": [0, 2, 1]}),
    "move Slice": moved("Slice", [ints(1), ints(9), ints(2), ints(3)]),
    "move Slice back": moved("Slice", [ints(-1), ints(-100), ints(1), ints(-1)]),
    "move Slice negative step": moved("Slice", [ints(8), ints(1), ints(2), ints(-2)]),
    "move Slice 9": case(("Slice", ["x"], {"starts": [1], "ends": [3], "axes": [1]}), opset=9, kinds=("move",)),
    "move Split": case(("Split", ["x"], {"axis": 2, "num_outputs": 3}), kinds=("move",) * 3, outputs=3),
    "move Split sizes": case(("Split", ["x", ints(1, 3)], {"axis": 1}), kinds=("move",) * 2, outputs=2),
    "move Expand": moved("Expand", [ints(1, 5, 4, 10)]),
    "move Tile": moved("Tile", [ints(1, 2, 3)]),
    "move Gather one": moved("Gather", [np.int64(2)], {"axis": 1}),
    "move Gather": moved("Gather", [ints(3, 0, 0, -1, 2)], {"axis": 1}, kinds=("gather",)),
    "move Gather last": moved("Gather", [ints(3, 9, 1)], {"axis": -1}, kinds=("gather",)),
    "move Gather steps": moved("Gather", [ints(1, 4, 7)], {"axis": -1}),
    "move GatherElements": moved("GatherElements", [ints(0, 3, 2).reshape(1, 1, 3)], {"axis": 1}, kinds=("gather",)),
    "move GatherND": moved("GatherND", [ints(0, 3, 0, 1).reshape(2, 2)], kinds=None),
    "move DepthToSpace": moved("DepthToSpace", [], {"blocksize": 2}, shape=(1, 8, 3, 4)),
    "move DepthToSpace CRD": moved("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}, shape=(1, 8, 3, 4)),
    "move SpaceToDepth": moved("SpaceToDepth", [], {"blocksize": 2}, shape=IMAGE),
    "move Pad": moved("Pad", [ints(0, 1, 2, 0, 0, 3)]),
    "move Pad axes": moved("Pad", [ints(2, 3), "", ints(2)], opset=18),
    "move Pad 2": case(("Pad", ["x"], {"pads": [0, 0, 1, 0, 0, 2]}), opset=9, kinds=("move",)),
    "move Pad value": moved("Pad", [ints(0, 0, 2, 0, 0, 1), f32(-5.0)], kinds=("move", "affine")),
    "move Pad reflect": moved("Pad", [ints(0, 0, 2, 0, 0, 3)], {"mode": "reflect"}, kinds=("gather",)),
    "move Pad reflect 2d": moved("Pad", [ints(0, 0, 1, 2, 0, 0, 3, 1)], {"mode": "reflect"}, shape=IMAGE, kinds=("gather",)),
    "move Pad edge": moved("Pad", [ints(0, 1, 2, 0, 1, 3)], {"mode": "edge"}, kinds=("gather",)),
    "move Pad wrap": moved("Pad", [ints(0, 0, 2, 0, 0, 3)], {"mode": "wrap"}, kinds=("gather",), opset=19),
    "move Pad crop": moved("Pad", [ints(0, -1, 2, 0, 0, -3)]),
    "move roll": case(
        ("Slice", ["x", ints(7), ints(10), ints(2)], {}), ("Slice", ["x", ints(0), ints(7), ints(2)], {}),
        ("Concat", ["v0", "v1"], {"axis": 2}), kinds=("gather",),
    ),
    "move pad by zeros": case(("Concat", [np.zeros((1, 2, 10), np.float32), "x"], {"axis": 1}), kinds=("concat",)),
    "move chain": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Reshape", ["v0", ints(1, 5, 2, 4)], {}),
        ("Slice", ["v1", ints(0), ints(1), ints(2)], {}), ("Squeeze", ["v2", ints(2)], {}), kinds=("move",),
    ),
    "move six axes": case(
        ("Reshape", ["x", ints(1, 2, 2, 2, 2, 3, 2)], {}), ("Transpose", ["v0"], {"perm": [0, 6, 5, 4, 3, 2, 1]}),
        shape=(1, 16, 6), kinds=("move",),
    ),
    "concat two": case(
        ("Tanh", ["x"], {}), ("Concat", ["x", "v0"], {"axis": 1}), kinds=("table", "concat"),
    ),
    "concat last axis": case(
        ("ReduceMean", ["x", ints(2)], {"keepdims": 1}), ("Concat", ["v0", "x", "v0"], {"axis": 2}),
        kinds=("mean", "concat"),
    ),
    "concat class token": case(
        ("Concat", [reals(1, 1, 10), "x"], {"axis": 1}), ("Relu", ["v0"], {}), kinds=("concat", "table"), sqnr=30
    ),
    "concat of movement": case(
        ("Tanh", ["x"], {}), ("Transpose", ["v0"], {"perm": [0, 2, 1]}), ("Concat", ["x", "v1"], {"axis": 1}),
        shape=(1, 6, 6), kinds=("table", "move", "concat"), sqnr=30,
    ),
}  # fmt: skip


def reduced(op, axes, keep=1, shape=(1, 3, 4, 5), kinds=("mean",), **options):
    return case((op, ["x", ints(*axes)], {"keepdims": keep}), shape=shape, kinds=kinds, **options)


CASES |= {
    "reduce mean last": reduced("ReduceMean", [3]),
    "reduce mean middle": reduced("ReduceMean", [2], keep=0),
    "reduce mean two": reduced("ReduceMean", [2, 3]),
    "reduce mean scattered": reduced("ReduceMean", [1, 3], kinds=("move", "mean")),
    "reduce mean all": reduced("ReduceMean", [1, 2, 3], keep=0),
    "reduce mean 13": case(("ReduceMean", ["x"], {"axes": [-1]}), opset=13, kinds=("mean",)),
    "reduce sum": reduced("ReduceSum", [2, 3]),
    "reduce sum no axes": case(
        ("ReduceSum", ["x"], {"noop_with_empty_axes": 1}), ("Relu", ["v0"], {}), kinds=("table",)
    ),
    "reduce max": reduced("ReduceMax", [2], kinds=("reduce_max",)),
    "reduce min scattered": reduced("ReduceMin", [1, 3], keep=0, kinds=("move", "reduce_max")),
    "reduce L1": reduced("ReduceL1", [3], kinds=("table", "mean")),
    "reduce L2": reduced("ReduceL2", [3], kinds=("table", "mean", "table"), sqnr=30),
    "reduce SumSquare": reduced("ReduceSumSquare", [3], kinds=("table", "mean")),
    "reduce LogSum": reduced("ReduceLogSum", [3], low=0.5, kinds=("mean", "table"), sqnr=30),
    "reduce LogSumExp": reduced("ReduceLogSumExp", [3], keep=0, kinds=None, sqnr=30),
    "reduce LogSumExp kept": reduced("ReduceLogSumExp", [2], kinds=None, sqnr=30),
    "reduce GlobalAveragePool": case(("GlobalAveragePool", ["x"], {}), shape=IMAGE, kinds=("mean",)),
    "reduce GlobalMaxPool": case(("GlobalMaxPool", ["x"], {}), shape=IMAGE, kinds=("reduce_max",)),
}


def pooled(op, kernel, shape=IMAGE, **attrs):
    opset = attrs.pop("opset", 20)
    return case(
        (op, ["x"], {"kernel_shape": kernel, **attrs}), shape=shape, opset=opset,
        kinds=("max_pool" if op == "MaxPool" else "average_pool",),
    )  # fmt: skip


CASES |= {
    "pool max": pooled("MaxPool", [2, 2], strides=[2, 2]),
    "pool max 1d": pooled("MaxPool", [3], shape=ROWS, strides=[2]),
    "pool max padded": pooled("MaxPool", [3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "pool max dilated": pooled("MaxPool", [2, 3], dilations=[2, 2], pads=[0, 1, 1, 1]),
    "pool max ceil": pooled("MaxPool", [3], shape=ROWS, strides=[2], ceil_mode=1),
    "pool max ceil padded": pooled("MaxPool", [3, 3], strides=[2, 3], pads=[1, 1, 1, 1], ceil_mode=1),
    "pool max same": pooled("MaxPool", [3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "pool average": pooled("AveragePool", [2, 2], strides=[2, 2]),
    "pool average 1d": pooled("AveragePool", [4], shape=ROWS, strides=[3]),
    "pool average borders": pooled("AveragePool", [3, 3], pads=[1, 1, 1, 1]),
    "pool average with padding": pooled("AveragePool", [3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    "pool average same lower": pooled("AveragePool", [4, 2], auto_pad="SAME_LOWER"),
    "pool average ceil": pooled("AveragePool", [3, 3], strides=[2, 2], ceil_mode=1),
    "pool average ceil padded": pooled("AveragePool", [3], (1, 4, 9), strides=[2], pads=[1, 1], ceil_mode=1),
    "pool average dilated": pooled("AveragePool", [2, 2], dilations=[2, 3]),
}


def resized(mode, where, shape=ROWS, sizes=None, scales=None, opset=19, kinds=None, sqnr=33.0, **attrs):
    attrs = {"mode": mode, "coordinate_transformation_mode": where, **attrs}
    inputs = ["x", "", "" if scales is None else f32(*scales), "" if sizes is None else ints(*sizes)]
    while isinstance(inputs[-1], str) and len(inputs) > 1 and not inputs[-1]:
        inputs.pop()
    return case(("Resize", inputs, attrs), shape=shape, opset=opset, kinds=kinds, sqnr=sqnr)


_HALF = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric")
CASES |= {f"resize linear {where}": resized("linear", where, sizes=(1, 4, 17)) for where in _HALF}
CASES |= {f"resize linear down {where}": resized("linear", where, scales=(1, 1, 0.6)) for where in _HALF[:4]}
CASES |= {
    f"resize nearest {where} {kind}": resized("nearest", where, sizes=(1, 4, 23), nearest_mode=kind)
    for where in ("half_pixel", "asymmetric", "align_corners")
    for kind in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
}
CASES |= {
    "resize twice": resized("nearest", "asymmetric", scales=(1, 1, 2), nearest_mode="floor", kinds=("move",)),
    "resize nearest tf": resized("nearest", "tf_half_pixel_for_nn", sizes=(1, 4, 7), nearest_mode="floor", opset=13),
    "resize image": resized("linear", "half_pixel", shape=IMAGE, scales=(1, 1, 2, 1.5), sqnr=30),
    "resize image corners": resized("linear", "align_corners", shape=IMAGE, sizes=(1, 3, 11, 5), sqnr=30),
    "resize cubic": resized("cubic", "half_pixel", shape=IMAGE, scales=(1, 1, 2, 2), sqnr=28),
    "resize axes": resized("nearest", "asymmetric", sizes=(20,), axes=[2], opset=18, nearest_mode="floor"),
    "resize 10": case(("Resize", ["x", f32(1, 1, 3)], {"mode": "nearest"}), opset=10, kinds=("move",)),
    "resize Upsample": case(("Upsample", ["x", f32(1, 1, 2, 2)], {"mode": "nearest"}), opset=9, shape=IMAGE),
}
