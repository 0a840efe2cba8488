"""What movement, arithmetic, reductions, pools and resizing refuse, and in which words."""

from __future__ import annotations

import edge_forged
import numpy as np
import onnx
import pytest
from edge_forged import IMAGE, case, f32, ints, reals

from emg_edge._errors import EmgEdgeError
from emg_edge.kernels import Add, Affine, AveragePool, Concat, Div, Gather, Maximum, MaxPool, Move, Mul, ReduceMax
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.program._tensor import Tensor
from emg_edge.quantiser._quantise import quantise

NAMES = {"name": "op", "inputs": ("x",), "output": "y"}
PAIR = {"name": "op", "inputs": ("a", "b"), "output": "y"}


def tensor(name, size, dtype="int8", zero=0):
    shape = (size,) if isinstance(size, int) else size
    return Tensor(name=name, shape=shape, dtype=dtype, scale=0.1, zero_point=zero)


def move(**fields):
    return Move(**NAMES, **{"extent": (2, 3), "stride": (3, 1), **fields})


def pool(kind=MaxPool, **fields):
    window = {
        "outer": 1, "inner": 1, "size": (4, 4), "out": (2, 2), "kernel": (2, 2), "strides": (2, 2),
        "dilations": (1, 1), "begin": (0, 0),
    }  # fmt: skip
    return kind(**NAMES, **{**window, **fields})


def average(**fields):
    more = {"low": (0, 0), "high": (4, 4), "mul": np.ones(4, np.int32), "shift": 4}
    return pool(AveragePool, **{**more, **fields})


def concat(**fields):
    parts = {"outer": 2, "inner": 1, "extent": (2, 1), "source": (0, -1), "mul": (1, 0), "shift": (1, 0)}
    return Concat(**NAMES, **{"constant": np.zeros(2, np.int16), **parts, **fields})


def affine(**fields):
    one = np.ones((1, 1), np.int32)
    return Affine(**NAMES, **{"mul": one, "add": one, "shift": 1, "rows": 2, "width": 3, **fields})


@pytest.mark.parametrize(
    ("op", "sizes", "message"),
    [
        (move(stride=(3,)), (6, 6), "need up to six axes, a stride for each"),
        (move(stride=(3, 2)), (6, 6), r"reads elements 0\.\.7 of 6"),
        (move(base=-1), (6, 6), r"reads elements -1\.\.4 of 6"),
        (move(out_stride=(3, 1), out_base=1), (6, 6), r"writes elements 1\.\.6 of 6"),
        (move(out_stride=(1, 1)), (6, 6), "writes an element twice"),
        (Gather(**NAMES, inner=2), (6, 6), "needs rows in int32 or int16, not both"),
        (Gather(**NAMES, inner=0, index16=np.zeros(3, np.int16)), (6, 6), "inner and outer must be >= 1"),
        (Gather(**NAMES, inner=2, index16=np.zeros(2, np.int16)), (6, 6), "1 x 2 rows of 2 are not 6 elements"),
        (Gather(**NAMES, inner=2, index16=np.array([0, 1, 3], np.int16)), (6, 6), "reads up to element 8 of 6"),
        (concat(extent=(2,)), (4, 6), "one extent >= 1, source, mul and shift per part"),
        (concat(source=(1, -1)), (4, 6), r"sources \(1, -1\) must name every input once"),
        (concat(extent=(2, 2)), (4, 6), "parts do not fill"),
        (concat(shift=(63, 0)), (4, 6), "mul 1 or shift 63 out of range"),
        (concat(), (3, 6), r"input 0 \(3,\) is not 2 x 2 rows"),
        (concat(constant=None), (4, 6), "0 constants for parts of 2"),
        (affine(rows=3), (6, 6), r"must equal the tensor's size 6"),
        (affine(add=np.ones((2, 1), np.int32)), (6, 6), r"add is \(2, 1\), need \(1, 1\) or \(2, 3\)"),
        (affine(shift=0), (6, 6), r"shift 0 must lie in 1\.\.62"),
        (pool(kernel=(0, 1)), (16, 4), "are not legal"),
        (pool(size=(4, 5)), (16, 4), r"input \(16,\) is not 1 x \(4, 5\) x 1"),
        (pool(), (16, 5), r"output \(5,\) is not \(2, 2\) windows"),
        (pool(begin=(2, 0)), (16, 4), "a window along axis 0 lies in the padding alone"),
        (average(mul=np.ones(3, np.int32)), (16, 4), "needs 4 multipliers >= 0"),
        (average(low=(9, 0), high=(9, 4)), (16, 4), "no place of a window counts"),
        (ReduceMax(**NAMES, outer=1, axis=0, inner=1), (6, 6), "extents must be >= 1"),
        (ReduceMax(**NAMES, outer=2, axis=3, inner=2), (6, 4), r"are not \(outer, axis, inner\)"),
    ],
)
def test_illegal_operators_are_named(op, sizes, message):
    with pytest.raises(EmgEdgeError, match=message):
        op.check([tensor("x", sizes[0])], tensor("y", sizes[1]))


def test_what_copies_keeps_its_type_and_grid():
    x, wide = tensor("x", 6), tensor("y", 6, "int16")
    index = np.zeros(3, np.int16)
    for op in (move(), Gather(**NAMES, inner=2, index16=index), ReduceMax(**NAMES, outer=6, axis=1, inner=1)):
        with pytest.raises(EmgEdgeError, match="int8"):
            op.check([x], wide)
    with pytest.raises(EmgEdgeError, match="chooses from int8, cannot write int16"):
        pool().check([tensor("x", 16)], tensor("y", 4, "int16"))
    with pytest.raises(EmgEdgeError, match="input 0 is copied as it is, but has another grid"):
        concat(mul=(0, 0), shift=(0, 0)).check([tensor("x", 4, zero=3)], tensor("y", 6))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Add(**PAIR, mul_a=2**31, mul_b=1, shift=1), r"multiplier 2147483648 must lie in -2147483647\.\.2\*\*31-1"),
        (Maximum(**PAIR, mul_a=1, mul_b=-1, shift=1), r"multiplier -1 must lie in 0\.\.2\*\*31-1"),
        (Mul(**PAIR, mul=2**30, shift=1), r"must lie in 0\.\.2\*\*30-1"),
        (Div(**PAIR, mul=1, shift=63), r"shift 63 must lie in 1\.\.62"),
        (Mul(**PAIR, mul=1, shift=1, extent=(2, 2), stride_a=(2, 1), stride_b=(2, 1)), "is not the result"),
        (Mul(**PAIR, mul=1, shift=1, extent=(2, 3), stride_a=(4, 1), stride_b=(3, 1)), "read element 6 of"),
    ],
)
def test_illegal_pairs_are_named(op, message):
    with pytest.raises(EmgEdgeError, match=message):
        op.check([tensor("a", 6), tensor("b", 6)], tensor("y", 6))


def test_pairs_without_strides_have_one_size():
    with pytest.raises(EmgEdgeError, match="operands and result must have one size"):
        Mul(**PAIR, mul=1, shift=1).check([tensor("a", 6), tensor("b", 3)], tensor("y", 6))
    with pytest.raises(EmgEdgeError, match="operands must be int8 or int16"):
        Mul(**PAIR, mul=1, shift=1).check([tensor("a", 6, "int32"), tensor("b", 6)], tensor("y", 6))


def test_division_by_zero_saturates_by_sign():
    op = Div(**PAIR, mul=2**20, shift=16)
    a, b, y = tensor("a", 5, zero=1), tensor("b", 5, zero=2), tensor("y", 5, zero=-7)
    stored = [np.array([row], np.int8) for row in ([2, 0, 1, 5, -3], [2, 2, 2, 4, 4])]
    assert op.reference(stored, [a, b], y)[0].tolist() == [127, -128, -7, 25, -39]


ONNX = {
    "Tile": (case(("Tile", ["x", ints(1, 0, 2)], {})), "need one number >= 1 per axis"),
    "Tile without end": (case(("Tile", ["x", ints(1, 1, 2**21)], {})), "no axis beyond 16777216 is read"),
    "Resize without end": (
        case(("Resize", ["x", "", f32(1, 1, 2**17)], {})), "no axis beyond 1048576 is read"
    ),
    "And of three": (case(("And", ["x", "x", "x"], {})), "takes 2 inputs"),
    "Pad without pads": (case(("Pad", ["x", ints(0, 1)], {})), "need two per axis"),
    "Pad with infinity": (case(("Pad", ["x", ints(0, 0, 1, 0, 0, 1), f32(-np.inf)], {})), "let MaxPool pad itself"),
    "Pad in a new way": (case(("Pad", ["x", ints(0, 0, 1, 0, 0, 1)], {"mode": "odd"})), "use constant or one of"),
    "DepthToSpace": (case(("DepthToSpace", ["x"], {"blocksize": 2}), shape=IMAGE), "do not split into blocks of 2"),
    "SpaceToDepth": (case(("SpaceToDepth", ["x"], {"blocksize": 5}), shape=IMAGE), "does not split into blocks of 5"),
    "DepthToSpace of rows": (case(("DepthToSpace", ["x"], {"blocksize": 2})), r"need \(1, channels, height, width\)"),
    "GatherElements": (case(("GatherElements", ["x", ints(1)], {"axis": 1})), "integer indices of 3 axes"),
    "GatherElements outside": (
        case(("GatherElements", ["x", np.full((1, 4, 10), 7)], {"axis": 1})), r"an index lies outside \(1, 4, 10\)"
    ),
    "GatherND": (case(("GatherND", ["x", ints(0, 0, 0, 0)], {})), "4 indices for 3 axes"),
    "GatherND batches": (case(("GatherND", ["x", ints(0, 0)], {"batch_dims": 1})), "without batch axes"),
    "PRelu": (case(("Abs", ["x"], {}), ("PRelu", ["x", "v0"], {})), "slope is computed at run time"),
    "Conv": (case(("Abs", ["x"], {}), ("Conv", ["x", "v0"], {})), "its weights are computed at run time"),
    "Range": (case(("Range", [f32(0), f32(1), f32(0)], {})), "needs start, limit and a step other than 0"),
    "Range without end": (
        case(("Range", [f32(0), f32(1), np.float32(1e-9)], {})), "has more than 16777216 entries"
    ),
    "ConstantOfShape": (case(("ConstantOfShape", [ints(2**13, 2**13)], {})), "is refused"),
    "LpPool": (case(("LpPool", ["x"], {"kernel_shape": [2]})), "LpPool has no integer operator; use a mean"),
    "ReduceProd": (case(("ReduceProd", ["x", ints(2)], {})), "ReduceProd has no integer operator"),
    "ReduceL2 of nothing": (case(("ReduceL2", ["x"], {"noop_with_empty_axes": 1})), "reduces no axis; name the axes"),
    "pool in three axes": (
        case(("MaxPool", ["x"], {"kernel_shape": [1, 1, 1]}), shape=(1, 2, 3, 4, 5)), "over one or two axes"
    ),
    "pool strides": (case(("MaxPool", ["x"], {"kernel_shape": [2], "strides": [0]})), "must be >= 1"),
    "pool pads": (case(("MaxPool", ["x"], {"kernel_shape": [2], "pads": [0, -1]})), r"pads \[0, -1\] over 1 axes"),
    "pool too wide": (case(("MaxPool", ["x"], {"kernel_shape": [12]})), "do not fit .10.; use smaller windows"),
    "pool in the padding": (
        case(("AveragePool", ["x"], {"kernel_shape": [2], "pads": [3, 3]})), "lies in the padding alone"
    ),
    "global pool": (case(("GlobalMaxPool", ["x"], {}), shape=(1, 4)), r"give it \(1, channels, time\)"),
    "Resize mode": (case(("Resize", ["x", "", f32(1, 1, 2)], {"mode": "odd"})), "use nearest, linear or cubic"),
    "Resize antialias": (
        case(("Resize", ["x", "", f32(1, 1, 2)], {"mode": "linear", "antialias": 1})), "antialias 1; use nearest"
    ),
    "Resize coordinates": (
        case(("Resize", ["x", "", f32(1, 1, 2)], {"coordinate_transformation_mode": "tf_crop_and_resize"})),
        "use half_pixel, align_corners or asymmetric",
    ),
    "Resize nearest": (
        case(("Resize", ["x", "", f32(1, 1, 2)], {"nearest_mode": "odd"})), "nearest_mode='odd'; use one of"
    ),
    "Resize without size": (case(("Resize", ["x", "", f32(1, 2)], {})), "has no size or scale per axis"),
    "Resize by aspect": (
        case(("Resize", ["x", "", "", ints(1, 4, 20)], {"keep_aspect_ratio_policy": "not_larger"})),
        "give it the sizes themselves",
    ),
    "powers of values": (
        case(("ReduceMean", ["x", ints(2)], {}), ("Pow", ["x", "v0"], {})), "it is part of no pattern"
    ),
    "division by a zero": (
        case(("Div", ["x", np.array([[0.0], [1.0], [1.0], [1.0]], np.float32)], {})), "none of them 0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONNX)
def test_models_are_refused_with_a_reason(name, tmp_path):
    wrong, message = ONNX[name]
    onnx.save(edge_forged.build(wrong), tmp_path / "m.onnx")
    with pytest.raises(EmgEdgeError, match=message):
        canonicalise(load_onnx(tmp_path / "m.onnx"))


def test_a_pole_inside_the_calibrated_range_is_named(tmp_path):
    reciprocal = case(("Reciprocal", ["x"], {}))
    onnx.save(edge_forged.build(reciprocal), tmp_path / "m.onnx")
    graph = load_onnx(tmp_path / "m.onnx")
    x = edge_forged.windows(reciprocal)
    with pytest.raises(EmgEdgeError, match=r"is not finite on \[-2.99.*keep the argument away from the pole"):
        quantise(graph, x)
    assert quantise(graph, np.abs(x) + 0.5).ops[0].kind == "table"


def test_wide_gathers_take_32_bits():
    from emg_edge.graph._graph import Graph, Node, Value

    index = np.random.default_rng(0).permutation(40000)
    attrs = {"outer": 1, "step": 0, "index": index, "inner": 1, "shape": (1, 40000)}
    graph = Graph(
        name="g", nodes=(Node(op="gather", name="y", inputs=("x",), output="y", attrs=attrs),),
        values={n: Value(name=n, shape=(1, 40000)) for n in "xy"}, constants={}, inputs=("x",), outputs=("y",),
    )  # fmt: skip
    (op,) = quantise(graph, reals(4, 40000)).ops
    assert (op.index16, op.index32.dtype) == (None, np.int32)
