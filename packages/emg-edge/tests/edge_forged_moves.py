"""Forged ONNX models that move, join, reduce, pool, resize and choose."""

from __future__ import annotations

import numpy as np
from edge_forged import IMAGE, ROWS, case, f32, ints, reals

CASES = {}


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
    "move Pad reflect 2d": moved(
        "Pad", [ints(0, 0, 1, 2, 0, 0, 3, 1)], {"mode": "reflect"}, shape=IMAGE, kinds=("gather",)
    ),
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


_CONV = {"kernel_shape": [3], "pads": [1, 1]}
CASES["joined between convolutions"] = case(
    ("Conv", ["x", reals(5, 4, 3)], _CONV), ("Tanh", ["v0"], {}), ("Concat", ["v0", "v1"], {"axis": 1}),
    ("Conv", ["v2", reals(3, 10, 3)], _CONV), kinds=("move", "conv", "table", "concat", "conv", "move"), sqnr=25,
)  # fmt: skip
CASES["cut between convolutions"] = case(
    ("Conv", ["x", reals(5, 4, 3)], _CONV), ("Slice", ["v0", ints(1), ints(4), ints(1)], {}),
    ("Conv", ["v1", reals(3, 3, 3)], _CONV), kinds=("move", "conv", "move", "conv", "move"), sqnr=25,
)  # fmt: skip
CASES["residual around a convolution"] = case(
    ("Conv", ["x", reals(4, 4, 3)], _CONV), ("Relu", ["v0"], {}), ("Add", ["v1", "x"], {}),
    ("Mul", ["v2", reals(4, 1)], {}),
    ("Conv", ["v3", reals(3, 4, 3)], _CONV), sqnr=25,
)  # fmt: skip
CASES["pool between turns"] = case(
    ("Conv", ["x", reals(4, IMAGE[1], 1, 1)], {}),
    ("Transpose", ["v0"], {"perm": [0, 2, 1, 3]}),
    ("MaxPool", ["v1"], {"kernel_shape": [2, 2]}),
    ("Transpose", ["v2"], {"perm": [0, 2, 1, 3]}),
    shape=IMAGE, sqnr=25,
)  # fmt: skip


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

_MASK = np.arange(40).reshape(1, 4, 10) % 3 == 0
CASES |= {
    "choice constant": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Where", [_MASK.reshape(1, 4, 10)[:, :, :4], "x", "v0"], {}),
        shape=(1, 4, 4), kinds=None, sqnr=33,
    ),
    "choice constant value": case(("Where", [_MASK, "x", f32(0.7)], {}), kinds=("affine",)),
    "choice among more constants": case(
        ("Where", [_MASK[:, :1], "x", reals(4, 10)], {}), shape=(1, 1, 10), kinds=("move", "affine")
    ),
    "choice of constant": case(("Where", [_MASK, f32(0.7), "x"], {}), kinds=("affine",)),
    "choice computed": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Greater", ["x", f32(0.3)], {}), ("Where", ["v1", "x", "v0"], {}),
        shape=(1, 6, 6), kinds=None, sqnr=20,
    ),
    "choice by two values": case(
        ("ReduceMean", ["x", ints(2)], {"keepdims": 1}), ("Greater", ["x", "v0"], {}), ("Not", ["v1"], {}),
        ("Where", ["v2", f32(0.0), "x"], {}), kinds=None, sqnr=15,
    ),
    "choice by logic": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Greater", ["x", f32(0.3)], {}), ("Less", ["v0", f32(0.9)], {}),
        ("And", ["v1", "v2"], {}), ("Where", ["v3", "x", f32(0.0)], {}), shape=(1, 6, 6), kinds=None, sqnr=15,
    ),
    "choice by or": case(
        ("Transpose", ["x"], {"perm": [0, 2, 1]}), ("Greater", ["x", f32(0.3)], {}), ("Less", ["v0", f32(0.9)], {}),
        ("Or", ["v1", "v2"], {}), ("Xor", ["v3", "v2"], {}), ("Where", ["v4", "x", f32(0.0)], {}), shape=(1, 6, 6),
        kinds=None, sqnr=15,
    ),
    "pair over seven axes": case(
        ("Reshape", ["x", ints(1, 2, 2, 2, 2, 2, 2)], {}), ("ReduceMean", ["v0", ints(2, 4, 6)], {"keepdims": 1}),
        ("Add", ["v0", "v1"], {}), shape=(1, 8, 8), kinds=None,
    ),
    "concat of constants and values": case(
        ("Relu", ["x"], {}), ("Concat", ["v0", reals(1, 4, 3), "x"], {"axis": 2}), kinds=("table", "concat"), sqnr=33
    ),
    "pair residual": case(
        ("Mul", ["x", reals(4, 1, low=0.001, high=0.002)], {}), ("ReduceMax", ["x", ints(2)], {"keepdims": 1}),
        ("Sub", ["v1", "v0"], {}), kinds=("affine", "reduce_max", "add"),
    ),
}  # fmt: skip
