"""ONNX models built node by node with onnx.helper: a small TinyMyo in the spellings that exporters use."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Collects nodes and initialisers; every method returns the name of what it made."""

    def __init__(self, seed=0):
        self.rng, self.nodes, self.weights, self.count = np.random.default_rng(seed), [], [], 0

    def constant(self, array, name=None):
        name = name or f"const_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def random(self, *shape, scale=None, name=None):
        scale = scale or 1.0 / math.sqrt(shape[0])
        return self.constant(self.rng.normal(0, scale, shape).astype(np.float32), name)

    def op(self, kind, *inputs, outputs=1, **attrs):
        self.count += 1
        names = [f"v{self.count}" if outputs == 1 else f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"n{self.count}", **attrs))
        return names[0] if outputs == 1 else names

    def model(self, output, shape, out_shape, opset=20, metadata=None):
        self.nodes.append(helper.make_node("Identity", [output], ["logits"], name="last"))
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("emg", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, out_shape)],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        helper.set_model_props(model, metadata or {"emg.version": "1", "emg.model": "Tiny Myo", "other": "dropped"})
        return model


def linear(b, x, n_in, n_out, name):
    y = b.op("MatMul", x, b.random(n_in, n_out))
    return b.op("Add", y, b.random(n_out, scale=0.1, name=f"{name}.bias"))


def layernorm(b, x, width, name, decomposed):
    gamma = b.constant(b.rng.normal(1, 0.2, width).astype(np.float32), f"{name}.weight")
    beta = b.random(width, scale=0.2, name=f"{name}.bias")
    if not decomposed:
        return b.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)
    d = b.op("Sub", x, b.op("ReduceMean", x, axes=[-1]))
    var = b.op("ReduceMean", b.op("Pow", d, b.constant(np.float32(2))), axes=[-1])
    std = b.op("Sqrt", b.op("Add", var, b.constant(np.float32(1e-5))))
    return b.op("Add", b.op("Mul", b.op("Div", d, std), gamma), beta)


def gelu(b, x, form):
    if form == "node":
        return b.op("Gelu", x)
    half, one = b.constant(np.float32(0.5)), b.constant(np.float32(1))
    if form == "erf":
        e = b.op("Erf", b.op("Div", x, b.constant(np.float32(math.sqrt(2)))))
        return b.op("Mul", b.op("Mul", x, b.op("Add", e, one)), half)
    cube = b.op("Mul", b.op("Pow", x, b.constant(np.float32(3))), b.constant(np.float32(0.044715)))
    inner = b.op("Mul", b.op("Add", x, cube), b.constant(np.float32(math.sqrt(2 / math.pi))))
    return b.op("Mul", b.op("Mul", half, x), b.op("Add", b.op("Tanh", inner), one))


def angles(rows, period, width):
    rate = 10000.0 ** (-np.arange(0, width, 2) / width)
    return (np.arange(rows) % period)[:, None] * rate


def rope(b, x, rows, period, heads, width, form):
    """Rotate (1, heads, rows, width)."""
    if form == "none":
        return x
    angle = angles(rows, period, width)
    if form == "heads":  # the released defect: positions run over heads
        angle = angles(heads, heads, width)[:, None, :]
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    if form in {"gather", "heads"}:
        swap = np.arange(width).reshape(-1, 2)[:, ::-1].reshape(-1)
        signed = np.stack([-sin, sin], -1).reshape(*sin.shape[:-1], width)
        turned = b.op("Mul", b.op("Gather", x, b.constant(swap), axis=-1), b.constant(signed))
        return b.op("Add", b.op("Mul", x, b.constant(np.repeat(cos, 2, -1))), turned)
    if form == "half":  # pairs (i, i + width / 2)
        low = b.op("Slice", x, b.ints(0), b.ints(width // 2), b.ints(3))
        high = b.op("Slice", x, b.ints(width // 2), b.ints(width), b.ints(3))
        swapped = b.op("Concat", b.op("Neg", high), low, axis=3)
        turned = b.op("Mul", swapped, b.constant(np.concatenate([sin, sin], -1)))
        return b.op("Add", b.op("Mul", x, b.constant(np.concatenate([cos, cos], -1))), turned)
    c, s = b.constant(cos), b.constant(sin)
    even = b.op("Slice", x, b.ints(0), b.ints(2**62), b.ints(3), b.ints(2))
    odd = b.op("Slice", x, b.ints(1), b.ints(2**62), b.ints(-1), b.ints(2))
    first = b.op("Sub", b.op("Mul", even, c), b.op("Mul", odd, s))
    second = b.op("Add", b.op("Mul", even, s), b.op("Mul", odd, c))
    parts = [b.op("Unsqueeze", part, b.ints(-1)) for part in (first, second)]
    return b.op("Reshape", b.op("Concat", *parts, axis=-1), b.ints(1, heads, rows, width))


def qkv(b, x, rows, heads, width, form):
    """q, k, v as (1, heads, rows, width)."""
    size = heads * width
    if form == "separate":
        parts = [linear(b, x, size, size, f"attn.{p}") for p in "qkv"]
    elif form == "split":
        parts = b.op("Split", linear(b, x, size, 3 * size, "attn.qkv"), b.ints(size, size, size), outputs=3, axis=2)
    else:
        seen = b.op("Reshape", linear(b, x, size, 3 * size, "attn.qkv"), b.ints(1, rows, 3, heads, width))
        moved = b.op("Transpose", seen, perm=[2, 0, 3, 1, 4])
        return [b.op("Gather", moved, b.constant(np.int64(i)), axis=0) for i in range(3)]
    seen = [b.op("Reshape", part, b.ints(0, rows, heads, -1)) for part in parts]
    return [b.op("Transpose", part, perm=[0, 2, 1, 3]) for part in seen]


def attention(b, x, rows, period, heads, width, *, rope_form, qkv_form, scale_form):
    q, k, v = qkv(b, x, rows, heads, width, qkv_form)
    q, k = (rope(b, p, rows, period, heads, width, rope_form) for p in (q, k))
    kt, scale = b.op("Transpose", k, perm=[0, 1, 3, 2]), 1 / math.sqrt(width)
    if scale_form == "both":
        root = b.constant(np.array([math.sqrt(scale)], np.float32))
        scores = b.op("MatMul", b.op("Mul", q, root), b.op("Mul", kt, root))
    elif scale_form == "div":
        scores = b.op("Div", b.op("MatMul", q, kt), b.constant(np.float32(1 / scale)))
    else:
        scores = b.op("MatMul", b.op("Mul", q, b.constant(np.float32(scale))), kt)
    y = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
    return b.op("Reshape", b.op("Transpose", y, perm=[0, 2, 1, 3]), b.ints(1, rows, heads * width))


def tiny_myo(
    *, channels=4, patches=5, patch=8, heads=2, width=8, outputs=5, rope_form="gather", qkv_form="split",
    scale_form="both", gelu_form="node", decomposed=False, head="mean", opset=None, seed=0,
):  # fmt: skip
    """One block of TinyMyo with its head; returns a ModelProto."""
    b, size, rows = Builder(seed), heads * width, channels * patches
    opset = opset or (13 if decomposed else 20)
    seen = b.op("Reshape", "emg", b.ints(1, 1, channels, channels and patches * patch))
    x = b.op("Conv", seen, b.random(size, 1, 1, patch, scale=0.3), b.random(size, scale=0.1), strides=[1, patch])
    x = b.op("Transpose", x, perm=[0, 2, 3, 1])
    x = b.op("Add", x, b.random(1, channels, 1, size, scale=0.3))
    x = b.op("Reshape", x, b.ints(1, rows, size))
    y = layernorm(b, x, size, "blocks.0.norm1", decomposed)
    y = attention(b, y, rows, patches, heads, width, rope_form=rope_form, qkv_form=qkv_form, scale_form=scale_form)
    x = b.op("Add", x, linear(b, y, size, size, "blocks.0.attn.proj"))
    y = layernorm(b, x, size, "blocks.0.norm2", decomposed)
    y = gelu(b, linear(b, y, size, 4 * size, "blocks.0.mlp.fc1"), gelu_form)
    x = b.op("Add", x, linear(b, y, 4 * size, size, "blocks.0.mlp.fc2"))
    x = layernorm(b, x, size, "norm", decomposed)
    x = b.op("Reshape", x, b.ints(1, channels, patches, size))
    if head == "concat":
        x = b.op("Reshape", b.op("Transpose", x, perm=[0, 2, 1, 3]), b.ints(1, patches, channels * size))
        x = b.op("ReduceMean", x, axes=[1], keepdims=0) if opset < 18 else b.op("ReduceMean", x, b.ints(1), keepdims=0)
    else:
        x = b.op("ReduceMean", x, axes=[2], keepdims=0) if opset < 18 else b.op("ReduceMean", x, b.ints(2), keepdims=0)
        x = b.op("Reshape", x, b.ints(1, channels * size))
    y = b.op("Gemm", x, b.random(outputs, channels * size, scale=0.2, name="head.weight"), b.random(outputs), transB=1)
    return b.model(y, [1, channels, patches * patch], [1, outputs], opset)


def save(model, path):
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(path))
    return path


def windows(model, n, seed=1):
    """Random windows (n, channels, time) with channels of different loudness."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, *shape)) * rng.uniform(0.5, 1.5, (1, shape[0], 1))).astype(np.float32)
