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
    "unary FastGelu with a bias": case(
        ("com.microsoft:FastGelu", ["x", reals(10)], {}), kinds=("affine", "table")
    ),
    "unary Sum of one": case(("Sum", ["x"], {}), ("Tanh", ["v0"], {}), kinds=("table",)),
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
    "line triangle": case(
        ("Trilu", [reals(10, 10), np.int64(1)], {"upper": 0}), ("MatMul", ["x", "v0"], {}), kinds=("linear",)
    ),
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
    "pair broadcast over seven axes": case(
        ("ReduceMean", ["x", ints(1, 3, 5, 7)], {"keepdims": 1}), ("Sub", ["x", "v0"], {}),
        shape=(1, 2, 3, 2, 2, 3, 2, 2), sqnr=25,
    ),
    "pair turned": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Add", ["x", "v0"], {}), shape=(1, 6, 6), kinds=("move", "add")
    ),
    "pair of very different scales": case(
        ("Mul", ["x", f32(1e-4)], {}), ("Transpose", ["v0"], {"perm": [0, 2, 1]}), ("Add", ["x", "v1"], {}),
        shape=(1, 6, 6), kinds=("affine", "move", "add"),
    ),
    "pair where the small one is left": case(
        ("Mul", ["x", f32(1e-3)], {}), ("Transpose", ["v0"], {"perm": [0, 2, 1]}), ("Add", ["x", "v1"], {}),
        ("Sub", ["v2", "x"], {}), shape=(1, 6, 6), kinds=("affine", "move", "add", "add"), sqnr=15,
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
