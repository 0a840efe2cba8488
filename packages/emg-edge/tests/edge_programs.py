"""Hand-made random programs: sweeps over one operator or all of them, and one small whole network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from edge_operators import GENERATORS
from edge_operators.common import tensor

from emg_edge.kernels import Add, Affine, Attention, LayerNorm, Linear, Mean, exp_table, multiplier
from emg_edge.program._program import Program
from emg_edge.program._tensor import DTYPES


def sweep(kind, seed, count, name="sweep"):
    """Many independent operators of one kind in one program, so that one build tests them all."""
    rng = np.random.default_rng(seed)
    ops, tensors, inputs = [], {}, []
    while len(ops) < count:
        op, feeds, out = GENERATORS[kind](rng, len(ops))
        if kind == "linear" and op.acc_bound(feeds) >= 2**31:
            continue
        ops.append(op)
        inputs += [t.name for t in feeds]
        tensors |= {t.name: t for t in (*feeds, out)}
    program = Program(
        name=name, tensors=tensors, ops=tuple(ops), inputs=tuple(inputs), outputs=tuple(op.output for op in ops)
    )
    program.verify()
    return program


def everything(seed, count, name="all", kinds=tuple(GENERATORS)):
    """`count` operators of each of the kinds in one program; those of one kind are those of `sweep`, renamed."""
    tensors, ops, inputs, outputs = {}, [], [], []
    for kind in sorted(kinds):
        part = sweep(kind, seed, count)
        new = {old: f"{kind}_{old}" for old in part.tensors}
        tensors |= {new[old]: replace(t, name=new[old]) for old, t in part.tensors.items()}
        ops += [replace(op, inputs=tuple(new[n] for n in op.inputs), output=new[op.output]) for op in part.ops]
        inputs += [new[n] for n in part.inputs]
        outputs += [new[n] for n in part.outputs]
    program = Program(name=name, tensors=tensors, ops=tuple(ops), inputs=tuple(inputs), outputs=tuple(outputs))
    program.verify()
    return program


def random_feeds(program, seed, samples=3):
    """Sample 0 is uniform, sample 1 only lowest and highest values, the others are peaked or constant."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for name in program.inputs:
        t = program.tensors[name]
        _, low, high = DTYPES[t.dtype]
        x = rng.integers(low, high + 1, (samples, *t.shape))
        if samples > 1:
            x[1] = rng.choice([low, high], t.shape)
        if samples > 2:
            x[2] = np.clip(rng.normal(t.zero_point, 2, t.shape), low, high)
        if samples > 3:
            x[3] = rng.integers(low, high + 1)
        feeds[name] = x.astype(t.dtype)
    return feeds


def linear_op(**changes):
    """A product of two outputs and three inputs; fields by name."""
    fields = {
        "name": "l", "inputs": ("x",), "output": "y", "weight": np.ones((2, 3), np.int8), "bias": np.zeros(2, np.int32),
        "mul": np.ones(2, np.int32), "shift": 1,
    }  # fmt: skip
    return Linear(**{**fields, **changes})


def small_network(seed=0, tokens=12, width=16, heads=2, hidden=24, classes=5, blocks=1, name="small"):
    """Patch embedding, channel constant, transformer blocks with rotation, mean, classifier."""
    rng = np.random.default_rng(seed)
    tensors, ops = {}, []

    def add_op(op, shape, dtype="int8", *, symmetric=False):
        tensors[op.output] = tensor(rng, op.output, shape, dtype, symmetric=symmetric)
        ops.append(op)
        return op.output

    def dense(label, source, depth, outputs, table=None):
        mul, shift = multiplier(rng.uniform(0.5, 1.5, outputs) / (70 * np.sqrt(depth)))
        return Linear(
            name=label,
            inputs=(source,),
            output=label,
            weight=rng.integers(-127, 128, (outputs, depth)).astype(np.int8),
            bias=rng.integers(-2000, 2000, outputs).astype(np.int32),
            mul=mul,
            shift=shift,
            table=table,
        )

    def norm(label, source):
        gamma = rng.integers(20 << 8, 60 << 8, width).astype(np.int32)
        beta = rng.integers(-(1 << 20), 1 << 20, width).astype(np.int32)
        return LayerNorm(name=label, inputs=(source,), output=label, gamma=gamma, beta=beta, shift=20, eps=100)

    def residual(label, a, b):
        mul, shift = multiplier(0.5 * 256, 24)
        return Add(name=label, inputs=(a, b), output=label, mul_a=int(mul[0]) >> 8, mul_b=int(mul[0]), shift=shift)

    tensors["emg"] = tensor(rng, "emg", (2, tokens // 2 * 10))
    x = add_op(dense("patch", "emg", 10, width), (tokens, width))
    value = rng.integers(-(2**21), 2**21, (2, width)).astype(np.int32)
    constant = Affine(
        name="channel",
        inputs=(x,),
        output="channel",
        mul=np.array([[1 << 22]], np.int32),
        add=value,
        shift=15,
        rows=2,
        width=width,
        repeat=tokens // 2,
    )
    x = add_op(constant, (tokens, width), "int16")
    angle = np.arange(tokens // 2)[:, None] * 0.3 ** np.arange(width // heads // 2)
    turn = [np.clip(np.rint(f(angle) * 32768), -32768, 32767).astype(np.int16) for f in (np.cos, np.sin)]
    for b in range(blocks):
        y = add_op(norm(f"norm{b}a", x), (tokens, width))
        y = add_op(dense(f"qkv{b}", y, width, 3 * width), (tokens, 3 * width), symmetric=True)
        d = width // heads
        index_mul, index_shift = multiplier(np.full(heads, 0.004))
        out_mul, out_shift = multiplier(np.full(heads, 1 / 256))
        attend = Attention(
            name=f"attention{b}",
            inputs=(y, y, y),
            output=f"attention{b}",
            heads=heads,
            width=d,
            layout=(0, d, 3 * width, width, d, 3 * width, 2 * width, d, 3 * width),
            index_mul=index_mul,
            index_shift=index_shift,
            out_mul=out_mul,
            out_shift=out_shift,
            table=exp_table(),
            cos=turn[0],
            sin=turn[1],
        )
        y = add_op(attend, (tokens, width))
        y = add_op(dense(f"proj{b}", y, width, width), (tokens, width))
        x = add_op(residual(f"residual{b}a", x, y), (tokens, width), "int16")
        y = add_op(norm(f"norm{b}b", x), (tokens, width))
        gelu = np.clip(np.maximum(np.arange(256).astype(np.uint8).view(np.int8), -5), -128, 127).astype(np.int8)
        y = add_op(dense(f"fc1{b}", y, width, hidden, gelu), (tokens, hidden))
        y = add_op(dense(f"fc2{b}", y, hidden, width), (tokens, width))
        x = add_op(residual(f"residual{b}b", x, y), (tokens, width), "int16")
    mul, shift = multiplier(0.005 / tokens)
    pool = Mean(
        name="pool", inputs=(x,), output="pool", outer=1, axis=tokens, inner=width, mul=int(mul[0]), shift=shift
    )
    x = add_op(pool, (width,))
    logits = dense("logits", x, width, classes)
    tensors["logits"] = tensor(rng, "logits", (classes,), "int16")
    ops.append(logits)
    program = Program(name=name, tensors=tensors, ops=tuple(ops), inputs=("emg",), outputs=("logits",))
    program.verify()
    return program


def write_onnx(path, seed=0, *, op="Relu"):
    """A perceptron over (1, 4, 10) windows with 4 classes; `op` is its activation."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    arrays = {
        "shape": np.array([1, 40], np.int64),
        "w1": (rng.normal(size=(24, 40)) / 6).astype(np.float32),
        "b1": rng.normal(size=24).astype(np.float32),
        "w2": (rng.normal(size=(4, 24)) / 5).astype(np.float32),
        "b2": rng.normal(size=4).astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["emg", "shape"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["hidden"], name="fc1", transB=1),
        helper.make_node(op, ["hidden"], ["active"], name="act"),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"], name="fc2", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "gesture",
        [helper.make_tensor_value_info("emg", TensorProto.FLOAT, [1, 4, 10])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), str(path))
    return arrays


def float_perceptron(arrays, x):
    """What the model of `write_onnx` computes, in float64."""
    hidden = np.maximum(x.reshape(len(x), -1) @ arrays["w1"].T.astype(np.float64) + arrays["b1"], 0)
    return hidden @ arrays["w2"].T.astype(np.float64) + arrays["b2"]
