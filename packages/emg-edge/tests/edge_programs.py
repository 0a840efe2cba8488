"""Hand-made random programs: one generator per operator, extremes included, and one small whole network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from emg_edge.kernels import (
    Add,
    AddConstant,
    Attention,
    LayerNorm,
    Linear,
    Mean,
    Requantise,
    Table,
    Transpose,
    exp_table,
    multiplier,
)
from emg_edge.program._program import DTYPES, Program, Tensor


def tensor(rng, name, shape, dtype="int8", *, symmetric=False):
    low, high = (-128, 127) if dtype == "int8" else (-1000, 1000)
    zero = 0 if symmetric or dtype == "int32" else int(rng.integers(low, high + 1))
    return Tensor(name=name, shape=tuple(shape), dtype=dtype, scale=0.05, zero_point=zero)


def small(rng):
    return str(rng.choice(["int8", "int16"]))


def scale_to(rng, peak, dtype):
    """A multiplier and shift that bring values of size `peak` near the dtype's range, or to an extreme."""
    if rng.random() < 0.15:
        return int(rng.choice([0, 1, 2**31 - 1])), int(rng.choice([1, 31, 62]))
    mul, shift = multiplier(DTYPES[dtype][2] * rng.uniform(0.2, 3.0) / peak, int(rng.integers(16, 32)))
    return int(mul[0]), shift


def linear(rng, i):
    rows, depth, outputs = int(rng.integers(1, 8)), int(rng.integers(1, 70)), int(rng.integers(1, 14))
    dtype = small(rng)
    out = str(rng.choice(["int8", "int16", "int32"]))
    table = rng.integers(-128, 128, 256).astype(np.int8) if out == "int8" and rng.random() < 0.5 else None
    mul, shift = multiplier(rng.uniform(0.001, 0.05, outputs), int(rng.integers(8, 32)))
    if rng.random() < 0.2:
        mul, shift = rng.choice(np.array([0, 1, 2**31 - 1]), outputs).astype(np.int32), int(rng.choice([1, 62]))
    op = Linear(
        name=f"linear{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        weight=rng.integers(-127, 128, (outputs, depth)).astype(np.int8),
        bias=rng.integers(-(2**29), 2**29, outputs).astype(np.int32) >> int(rng.integers(0, 29)),
        mul=mul,
        shift=shift,
        pre_zero=int(rng.integers(-128, 128)),
        table=table,
    )
    return op, [tensor(rng, f"x{i}", (rows, depth), dtype)], tensor(rng, f"y{i}", (rows, outputs), out)


def attention(rng, i):
    heads, n, width = int(rng.integers(1, 4)), int(rng.integers(1, 19)), 2 * int(rng.integers(1, 10))
    span, d = heads * width, 3 * heads * width
    period = int(rng.integers(1, n + 1))
    rotated = rng.random() < 0.6
    turn = rng.integers(-32768, 32768, (2, period, width // 2)).astype(np.int16)
    index_mul, index_shift = multiplier(rng.uniform(0.0005, 0.2, heads))
    out_mul, out_shift = multiplier(rng.uniform(0.5, 2.0, heads) / 256)
    op = Attention(
        name=f"attention{i}",
        inputs=(f"x{i}",) * 3,
        output=f"y{i}",
        heads=heads,
        width=width,
        layout=(0, width, d, span, width, d, 2 * span, width, d),
        index_mul=index_mul,
        index_shift=index_shift,
        out_mul=out_mul,
        out_shift=out_shift,
        table=exp_table(),
        cos=turn[0] if rotated else None,
        sin=turn[1] if rotated else None,
    )
    return op, [tensor(rng, f"x{i}", (n, d), symmetric=True)], tensor(rng, f"y{i}", (n, span))


def layernorm(rng, i):
    rows, width = int(rng.integers(1, 6)), int(rng.choice([2, 3, 16, 63, 192, 1024]))
    dtype, out = small(rng), small(rng)
    shift = int(rng.integers(1, 31))
    peak = 2.0 ** (shift - 12) * DTYPES[out][2]
    op = LayerNorm(
        name=f"layernorm{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        gamma=np.clip(rng.normal(0, max(peak, 1), width), -(2**31), 2**31 - 1).astype(np.int32),
        beta=rng.integers(-(2**31), 2**31, width).astype(np.int32) >> int(rng.integers(0, 31)),
        shift=shift,
        eps=int(rng.choice([0, 1, 1000, 2**33, 2**40, 2**60])),
    )
    return op, [tensor(rng, f"x{i}", (rows, width), dtype)], tensor(rng, f"y{i}", (rows, width), out)


def add(rng, i):
    shape = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    a, b, out = small(rng), small(rng), small(rng)
    mul_a, shift = scale_to(rng, DTYPES[a][2], out)
    op = Add(
        name=f"add{i}",
        inputs=(f"a{i}", f"b{i}"),
        output=f"y{i}",
        mul_a=mul_a,
        mul_b=int(rng.choice([0, mul_a, 2**31 - 1])),
        shift=shift,
    )
    return op, [tensor(rng, f"a{i}", shape, a), tensor(rng, f"b{i}", shape, b)], tensor(rng, f"y{i}", shape, out)


def add_constant(rng, i):
    rows, repeat, width = (int(v) for v in rng.integers(1, 7, 3))
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2], out)
    op = AddConstant(
        name=f"constant{i}",
        inputs=(f"x{i}",),
        output=f"y{i}",
        value=rng.integers(-(2**31), 2**31, (rows, width)).astype(np.int32),
        mul=mul,
        shift=shift,
        repeat=repeat,
    )
    shape = (rows, repeat, width)
    return op, [tensor(rng, f"x{i}", shape, dtype)], tensor(rng, f"y{i}", shape, out)


def table(rng, i):
    op = Table(name=f"table{i}", inputs=(f"x{i}",), output=f"y{i}", table=rng.integers(-128, 128, 256).astype(np.int8))
    return op, [tensor(rng, f"x{i}", (5, 51))], tensor(rng, f"y{i}", (255,))


def requantise(rng, i):
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2], out)
    op = Requantise(name=f"requantise{i}", inputs=(f"x{i}",), output=f"y{i}", mul=mul, shift=shift)
    shape = (int(rng.integers(1, 300)),)
    return op, [tensor(rng, f"x{i}", shape, dtype)], tensor(rng, f"y{i}", shape, out)


def mean(rng, i):
    outer, axis, inner = int(rng.integers(1, 5)), int(rng.choice([1, 2, 7, 33, 400])), int(rng.integers(1, 6))
    dtype, out = small(rng), small(rng)
    mul, shift = scale_to(rng, DTYPES[dtype][2] * axis, out)
    op = Mean(
        name=f"mean{i}", inputs=(f"x{i}",), output=f"y{i}", outer=outer, axis=axis, inner=inner, mul=mul, shift=shift
    )
    return op, [tensor(rng, f"x{i}", (outer, axis, inner), dtype)], tensor(rng, f"y{i}", (outer, inner), out)


def transpose(rng, i):
    axes = int(rng.integers(1, 5))
    shape = tuple(int(v) for v in rng.integers(1, 6, axes))
    perm = tuple(int(v) for v in rng.permutation(axes))
    dtype = str(rng.choice(["int8", "int16", "int32"]))
    op = Transpose(name=f"transpose{i}", inputs=(f"x{i}",), output=f"y{i}", shape=shape, perm=perm)
    out = tuple(shape[axis] for axis in perm)
    return op, [tensor(rng, f"x{i}", shape, dtype)], tensor(rng, f"y{i}", out, dtype)


GENERATORS = {
    "add": add,
    "add_constant": add_constant,
    "attention": attention,
    "layernorm": layernorm,
    "linear": linear,
    "mean": mean,
    "requantise": requantise,
    "table": table,
    "transpose": transpose,
}


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


def everything(seed, count, name="all"):
    """`count` operators of every kind in one program; operators of one kind are those of `sweep`, renamed."""
    tensors, ops, inputs, outputs = {}, [], [], []
    for kind in sorted(GENERATORS):
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
    constant = AddConstant(
        name="channel", inputs=(x,), output="channel", value=value, mul=1 << 22, shift=15, repeat=tokens // 2
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
