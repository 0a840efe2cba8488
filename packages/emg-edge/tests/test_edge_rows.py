"""Softmax, its logarithm, normalisations of rows and products of two values, from ONNX against onnxruntime."""

from __future__ import annotations

from dataclasses import replace

import edge_onnx_rows as rows
import numpy as np
import pytest
from edge_programs import sweep

from emg_edge import EmgEdgeError, load_onnx
from emg_edge._errors import UnsupportedError
from emg_edge.program._program import run_reference
from emg_edge.quantiser._quantise import quantise

RNG = np.random.default_rng(0)
G, B = (RNG.normal(1, 0.3, 4096).astype(np.float32) for _ in range(2))
LAST = np.array([-1])
MASK = np.where(RNG.random((9, 9)) < 0.3, -np.inf, 0).astype(np.float32)
SCORES = [
    ("MatMul", ["x", "w"], "a"), ("MatMul", ["x", "w2"], "b"), ("Transpose", ["b"], "bt", {"perm": [0, 2, 1]}),
    ("MatMul", ["a", "bt"], "s"),
]  # fmt: skip
W = {"w": RNG.normal(0, 0.3, (16, 8)).astype(np.float32), "w2": RNG.normal(0, 0.3, (16, 8)).astype(np.float32)}
KERAS = [
    ("ReduceMean", ["x", "ax"], "m"), ("Sub", ["x", "m"], "d"), ("Mul", ["d", "d"], "q"),
    ("ReduceMean", ["q", "ax"], "v"), ("Add", ["v", "eps"], "a"), ("Sqrt", ["a"], "s"), ("Reciprocal", ["s"], "r"),
    ("Mul", ["r", "g"], "i"), ("Mul", ["x", "i"], "xi"), ("Mul", ["m", "i"], "mi"), ("Sub", ["b", "mi"], "o"),
    ("Add", ["xi", "o"], "y"),
]  # fmt: skip
RMS = [
    ("Pow", ["x", "two"], "p"), ("ReduceMean", ["p", "ax"], "m"), ("Add", ["m", "eps"], "a"), ("Sqrt", ["a"], "s"),
    ("Reciprocal", ["s"], "r"), ("Mul", ["x", "r"], "n"), ("Mul", ["n", "g"], "y"),
]  # fmt: skip
L2 = [
    ("ReduceL2", ["x", "ax"], "m"), ("Clip", ["m", "eps"], "c"), ("Expand", ["c", "shape"], "e"),
    ("Div", ["x", "e"], "y"),
]  # fmt: skip
ONE = np.float32(1e-5)
# name: nodes, constants, shape, opset, kinds of operators, least SQNR in dB
MODELS = {
    "softmax": ([("Softmax", ["x"], "y", {"axis": -1})], {}, (1, 9, 5), 20, ["softmax"], 60),
    "softmax of another axis": ([("Softmax", ["x"], "y", {"axis": 1})], {}, (1, 9, 5), 20, ["move", "softmax"], 60),
    "softmax of several axes": ([("Softmax", ["x"], "y", {"axis": 1})], {}, (1, 9, 5), 11, ["softmax"], 60),
    "log softmax": ([("LogSoftmax", ["x"], "y", {"axis": -1})], {}, (1, 9, 99), 20, ["log_softmax"], 60),
    "masked softmax": (
        [*SCORES, ("Add", ["s", "mask"], "sm"), ("Softmax", ["sm"], "p", {"axis": 1}), ("MatMul", ["p", "a"], "y")],
        {**W, "mask": MASK}, (1, 9, 16), 20, ["linear", "matmul", "move", "softmax"], 28,
    ),
    "masked and biased": (
        [*SCORES, ("Tanh", ["s"], "t"), ("Add", ["t", "mask"], "sm"), ("Softmax", ["sm"], "p", {"axis": -1}),
         ("MatMul", ["p", "a"], "y")],
        {**W, "mask": MASK + np.arange(9, dtype=np.float32) / 9}, (1, 9, 16), 20,
        ["affine", "linear", "matmul", "softmax", "table"], 28,
    ),
    "product": (
        [*SCORES, ("Relu", ["s"], "r"), ("MatMul", ["r", "a"], "y")], W, (1, 9, 16), 20,
        ["linear", "matmul", "table"], 28,
    ),
    "layernorm of several axes": (
        [("LayerNormalization", ["x", "g", "b"], "y", {"axis": 1})],
        {"g": G[:144].reshape(9, 16), "b": B[:144].reshape(9, 16)}, (1, 9, 16), 20, ["layernorm"], 60,
    ),
    "layernorm of wide rows": (
        [("LayerNormalization", ["x", "g", "b"], "y")], {"g": G[:3000], "b": B[:3000]}, (1, 2, 3000), 20,
        ["layernorm"], 60,
    ),
    "layernorm of keras": (
        KERAS, {"ax": LAST, "eps": ONE, "g": G[:16], "b": B[:16]}, (1, 9, 16), 20, ["layernorm"], 60,
    ),
    "instance norm": (
        [("InstanceNormalization", ["x", "g", "b"], "y")], {"g": G[:6], "b": B[:6]}, (1, 6, 40), 20, ["layernorm"], 60,
    ),
    "group norm": (
        [("GroupNormalization", ["x", "g", "b"], "y", {"num_groups": 3})], {"g": G[:3], "b": B[:3]}, (1, 6, 40), 18,
        ["layernorm"], 60,
    ),
    "group norm with a scale a channel": (
        [("GroupNormalization", ["x", "g", "b"], "y", {"num_groups": 3})], {"g": G[:6], "b": B[:6]}, (1, 6, 5, 8), 21,
        ["layernorm"], 60,
    ),
    "rms norm": ([("RMSNormalization", ["x", "g"], "y")], {"g": G[:16]}, (1, 9, 16), 23, ["rmsnorm"], 60),
    "rms norm of several axes": (
        [("RMSNormalization", ["x", "g"], "y", {"axis": -2})], {"g": G[:144].reshape(9, 16)}, (1, 9, 16), 23,
        ["rmsnorm"], 60,
    ),
    "simplified layernorm": (
        [("SimplifiedLayerNormalization", ["x", "g"], "y", {"axis": -1, "epsilon": 1e-6})], {"g": G[:16]}, (1, 9, 16),
        20, ["rmsnorm"], 60,
    ),
    "rms norm in pieces": (
        RMS, {"two": np.float32(2), "ax": LAST, "eps": ONE, "g": G[:16]}, (1, 9, 16), 20, ["rmsnorm"], 60,
    ),
    "l2 norm": ([("LpNormalization", ["x"], "y", {"axis": -1})], {}, (1, 9, 16), 20, ["rmsnorm"], 60),
    "l2 norm of another axis": (
        [("LpNormalization", ["x"], "y", {"axis": 1})], {}, (1, 9, 16), 20, ["move", "rmsnorm"], 60,
    ),
    "l2 norm in pieces": (
        L2, {"ax": LAST, "eps": np.float32(1e-12), "shape": np.array([1, 9, 16])}, (1, 9, 16), 20, ["rmsnorm"], 60,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MODELS))
def test_integers_follow_onnxruntime(name, tmp_path):
    nodes, arrays, shape, opset, kinds, least = MODELS[name]
    path = rows.model(tmp_path / "m.onnx", nodes, arrays, {"x": list(shape)}, opset)
    x = np.random.default_rng(1).normal(size=(12, *shape[1:])).astype(np.float32)
    expected = rows.run(path, {"x": x})
    program = quantise(load_onnx(path), x)
    assert sorted({op.kind for op in program.ops} - {"requantise"}) == kinds
    out = program.outputs[0]
    found = program.tensors[out].dequantise(
        run_reference(program, {n: program.tensors[n].quantise(x) for n in program.inputs})[out]
    )
    error = found.reshape(expected.shape) - expected
    assert 10 * np.log10(np.square(expected).sum() / np.square(error).sum()) > least


def test_probabilities_are_wide_where_their_reader_has_room(tmp_path):
    nodes = [*SCORES, ("Tanh", ["s"], "t"), ("Softmax", ["t"], "p", {"axis": -1}), ("MatMul", ["p", "a"], "y")]
    x = np.random.default_rng(1).normal(size=(4, 9, 16)).astype(np.float32)
    program = quantise(load_onnx(rows.model(tmp_path / "m.onnx", nodes, W, {"x": [1, 9, 16]})), x)
    (op,) = [op for op in program.ops if op.kind == "softmax"]
    assert (program.tensors[op.output].dtype, program.tensors[op.output].scale) == ("int16", 2.0**-15)
    nodes[-1] = ("MatMul", ["a2", "p"], "y")
    nodes.insert(1, ("Transpose", ["a"], "a2", {"perm": [0, 2, 1]}))
    program = quantise(load_onnx(rows.model(tmp_path / "m.onnx", nodes, W, {"x": [1, 9, 16]})), x)
    (op,) = [op for op in program.ops if op.kind == "softmax"]
    out = program.tensors[op.output]
    assert (out.dtype, out.scale, out.zero_point) == ("int8", 2.0**-8, -128)


@pytest.mark.parametrize(
    ("node", "opset", "message"),
    [
        (("LpNormalization", ["x"], "y", {"p": 1}), 20, "norm of order 1"),
        (("LayerNormalization", ["x", "g"], ["y", "mean"]), 20, "returns its statistics"),
        (("LayerNormalization", ["x", "x"], "y"), 20, "scale or bias is computed at run time"),
        (("GroupNormalization", ["x", "g", "g"], "y", {"num_groups": 3}), 21, "give one value a channel"),
    ],
)
def test_normalisations_that_cannot_be_say_why(node, opset, message, tmp_path):
    arrays = {"g": G[:4]} if "g" in node[1] else {}
    path = rows.model(tmp_path / "m.onnx", [node], arrays, {"x": [1, 9, 4]}, opset)
    with pytest.raises(UnsupportedError, match=message):
        load_onnx(path)


def first(kind):
    program = sweep(kind, 3, 2)
    op = program.ops[1]
    return op, *program.operands(op)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("softmax", {"width": 65537}, "rows of 65537 values; need 1 to 65536"),
        ("softmax", {"shift": 0}, "mul .* or shift 0 out of range"),
        ("softmax", {"out_shift": 31}, "out_mul .* or out_shift 31 out of range"),
        ("softmax", {"coarse": np.ones(256, np.uint16)}, "tables need 256 entries from 32768 on"),
        ("softmax", {"mask": np.ones((2, 99), np.uint8)}, "a mask needs"),
        ("log_softmax", {"logs": np.zeros(3, np.int32)}, "logs need 257 rising entries"),
        ("log_softmax", {"out_shift": 63}, "shift 63 out of range"),
        ("matmul", {"rows": 0}, "must be five numbers >= 1"),
        ("matmul", {"columns": 99}, r"output .* is no \("),
        ("matmul", {"a_layout": (10**6, 0, 0, 0, 0)}, "layout reads element 1000"),
        ("matmul", {"shift": 63}, "shift 63 out of range"),
        ("rmsnorm", {"shift": 31}, "shift 31 must lie in 1..30"),
        ("rmsnorm", {"eps": 2**62}, "must lie in 0.."),
        ("rmsnorm", {"gamma": np.ones(65537, np.int32)}, "need 1 to 65536"),
        ("layernorm", {"groups": 7}, "gammas for 7 groups"),
        ("layernorm", {"eps": -1}, "eps -1 must lie in"),
    ],
)
def test_what_cannot_be_computed_is_refused(kind, changes, message):
    op, tensors, out = first(kind)
    with pytest.raises(EmgEdgeError, match=message):
        replace(op, **changes).check(tensors, out)


def test_long_products_are_refused():
    op, tensors, out = first("matmul")
    wide = [replace(tensors[0], dtype="int16", shape=(600,)), replace(tensors[1], shape=(600,))]
    long = replace(op, batch=(1, 1), rows=1, columns=1, depth=600, a_layout=(0, 0, 0, 0, 1), b_layout=(0, 0, 0, 1, 0))
    with pytest.raises(EmgEdgeError, match=r"600 products can reach \d+; need less than"):
        long.check(wide, replace(out, shape=(1,)))
