"""Random ONNX graphs: residuals across transposes, shared values, several inputs and outputs, over most operators."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_MOST = 1500  # elements of a value


class RandomGraph:
    """Grows node by node; `shapes` are those of the values so far, inputs first."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights, self.shapes = [], [], {}
        for index in range(int(self.rng.integers(1, 3))):
            drawn = [(5, 12), (3, 5, 8), (16,)][self.rng.integers(3)]
            self.shapes[f"x{index}"] = (1, *(int(self.rng.integers(2, extent + 1)) for extent in drawn))
        self.inputs = list(self.shapes)

    def constant(self, array):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def normal(self, *shape, scale=1.0, loc=0.0):
        return self.constant(self.rng.normal(loc, scale, shape).astype(np.float32))

    def add(self, op, inputs, *shapes, **attrs):
        """Append a node; values without a shape stay inside what is being built."""
        outputs = [f"v{len(self.nodes)}_{index}" for index in range(max(len(shapes), 1))]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=f"n{len(self.nodes)}", **attrs))
        self.shapes |= dict(zip(outputs, map(tuple, shapes), strict=False))
        return outputs[0]

    def pick(self, *ranks):
        """A value, rather a late one, of one of the ranks; None where there is none."""
        names = [name for name, shape in self.shapes.items() if not ranks or len(shape) in ranks]
        weight = np.arange(1, len(names) + 1) ** 2.0
        return str(self.rng.choice(names, p=weight / weight.sum())) if names else None

    def grow(self, count):
        while len(self.nodes) < count:
            rule, ranks = RULES[self.rng.integers(len(RULES))]
            name = self.pick(*ranks)
            if name is not None:
                rule(self, name, self.shapes[name])
        return self

    def model(self):
        """The graph with the values that nothing reads as outputs, and one that something reads."""
        read = {name for node in self.nodes for name in node.input}
        inner = [name for name in self.shapes if name not in self.inputs]
        outputs = [name for name in inner if name not in read][-3:]
        outputs = list(dict.fromkeys([*outputs, str(self.rng.choice(inner))]))
        needed = set(outputs)
        for node in reversed(self.nodes):
            needed |= set(node.input) if needed & set(node.output) else set()
        self.inputs = [name for name in self.inputs if name in needed]
        ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name]) for name in names]
                 for names in (self.inputs, outputs)]  # fmt: skip
        nodes = [node for node in self.nodes if needed & set(node.output)]
        graph = helper.make_graph(nodes, "net", *ports, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _windows(g, shape):
    kernel = [int(g.rng.integers(1, min(3, extent) + 1)) for extent in shape[2:]]
    strides = [int(g.rng.integers(1, 3)) for _ in kernel]
    pads = [int(g.rng.integers(0, k)) for k in (*kernel, *kernel)]
    rank = len(kernel)
    out = [(n + pads[i] + pads[i + rank] - kernel[i]) // strides[i] + 1 for i, n in enumerate(shape[2:])]
    return {"kernel_shape": kernel, "strides": strides, "pads": pads}, out


def _conv(g, x, shape):
    window, out = _windows(g, shape)
    group = int(g.rng.choice([1, shape[1]]))
    channels, width = group * int(g.rng.integers(1, 4)), shape[1] // group
    weight = g.normal(channels, width, *window["kernel_shape"], scale=0.5)
    g.add("Conv", [x, weight, g.normal(channels)], (1, channels, *out), group=group, **window)


def _conv_transpose(g, x, shape):
    strides = [2] * len(shape[2:])
    if np.prod(shape) < 300:
        out = [2 * (extent - 1) + 3 for extent in shape[2:]]
        weight = g.normal(shape[1], 3, *[3] * len(strides), scale=0.4)
        g.add("ConvTranspose", [x, weight], (1, 3, *out), strides=strides)


def _pool(g, x, shape):
    window, out = _windows(g, shape)
    kind = str(g.rng.choice(["MaxPool", "AveragePool"]))
    g.add(kind, [x], (*shape[:2], *out), **window)


def _batch_norm(g, x, shape):
    gain, offset, mean = (g.normal(shape[1], scale=0.3, loc=loc) for loc in (1.0, 0.0, 0.0))
    g.add("BatchNormalization", [x, gain, offset, mean, g.constant(np.ones(shape[1], np.float32))], shape)


def _linear(g, x, shape):
    width = int(g.rng.integers(2, 9))
    y = g.add("MatMul", [x, g.normal(shape[-1], width, scale=shape[-1] ** -0.5)])
    g.add("Add", [y, g.normal(width)], (*shape[:-1], width))


def _function(g, x, shape):
    kinds = ["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Neg", "Abs", "Erf", "Softplus", "HardSwish", "Identity"]
    g.add(str(g.rng.choice(kinds)), [x], shape)


def _gated(g, x, shape):
    g.add("Mul", [x, g.add("Sigmoid", [x])], shape)


def _with_constant(g, x, shape):
    part = [extent if g.rng.random() < 0.6 else 1 for extent in shape][int(g.rng.integers(0, 2)) :]
    kind, c = str(g.rng.choice(["Add", "Sub", "Mul", "Max", "Min"])), g.normal(*part)
    g.add(kind, [x, c] if g.rng.random() < 0.6 else [c, x], shape)


def _pairwise(g, x, shape):
    fits = [n for n, s in g.shapes.items() if len(s) <= len(shape) and _broadcasts(s, shape)]
    pair = [x, str(g.rng.choice(fits))][:: int(g.rng.choice([-1, 1]))]
    g.add(str(g.rng.choice(["Add", "Add", "Sub", "Mul", "Max", "Min"])), pair, shape)


def _broadcasts(small, large):
    return all(a in {1, b} for a, b in zip(small[::-1], large[::-1], strict=False))


def _transpose(g, x, shape):
    perm = [0, *(int(axis) + 1 for axis in g.rng.permutation(len(shape) - 1))]
    g.add("Transpose", [x], [shape[axis] for axis in perm], perm=perm)


def _reshape(g, x, shape):
    size = int(np.prod(shape))
    rows = int(g.rng.choice([n for n in range(1, 17) if size % n == 0]))
    target = [1, size] if g.rng.random() < 0.2 else [1, rows, size // rows]
    g.add("Reshape", [x, g.ints(*target)], target)


def _slice(g, x, shape):
    axis, step = int(g.rng.integers(1, len(shape))), int(g.rng.choice([1, 1, 2, -1]))
    start, end = (shape[axis] - 1, -(2**60)) if step < 0 else (int(g.rng.integers(0, shape[axis])), shape[axis])
    count = shape[axis] if step < 0 else len(range(start, end, step))
    out = [count if i == axis else extent for i, extent in enumerate(shape)]
    g.add("Slice", [x, g.ints(start), g.ints(end), g.ints(axis), g.ints(step)], out)


def _concat(g, x, shape):
    axis = int(g.rng.integers(1, len(shape)))
    fits = [n for n, s in g.shapes.items() if len(s) == len(shape) and np.delete(s, axis).tolist()
            == np.delete(shape, axis).tolist()]  # fmt: skip
    other = str(g.rng.choice(fits))
    out = [e + g.shapes[other][axis] if i == axis else e for i, e in enumerate(shape)]
    if np.prod(out) < _MOST:
        g.add("Concat", [x, other], out, axis=axis)


def _split(g, x, shape):
    axis = int(g.rng.integers(1, len(shape)))
    if shape[axis] > 1:
        parts = [1, shape[axis] - 1]
        outs = [[part if i == axis else e for i, e in enumerate(shape)] for part in parts]
        g.add("Split", [x, g.ints(*parts)], *outs, axis=axis)


def _pad(g, x, shape):
    pads = [0, *(int(g.rng.integers(0, min(3, e))) for e in shape[1:])]
    out = [e + 2 * p for e, p in zip(shape, pads, strict=True)]
    if np.prod(out) < _MOST:
        g.add("Pad", [x, g.ints(*pads, *pads)], out, mode=str(g.rng.choice(["constant", "reflect", "edge"])))


def _layer_norm(g, x, shape):
    if shape[-1] > 3:
        g.add("LayerNormalization", [x, g.normal(shape[-1], loc=1.0), g.normal(shape[-1])], shape, axis=-1)


def _softmax(g, x, shape):
    axis = int(g.rng.integers(1, len(shape)))
    if shape[axis] > 1:
        g.add("Softmax", [x], shape, axis=axis)


def _reduce(g, x, shape):
    axis = int(g.rng.integers(1, len(shape)))
    kind = str(g.rng.choice(["ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin"]))
    g.add(kind, [x, g.ints(axis)], [1 if i == axis else e for i, e in enumerate(shape)])


def _gather(g, x, shape):
    axis = int(g.rng.integers(1, len(shape)))
    rows = g.rng.integers(0, shape[axis], 4)
    g.add("Gather", [x, g.ints(*rows)], [4 if i == axis else e for i, e in enumerate(shape)], axis=axis)


def _resize(g, x, shape):
    out = [*shape[:2], *(2 * extent for extent in shape[2:])]
    if np.prod(out) < _MOST:
        attrs = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        g.add("Resize", [x, "", "", g.ints(*out)], out, **attrs)


def _self_product(g, x, shape):
    perm = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
    g.add("MatMul", [x, g.add("Transpose", [x], perm=perm)], (*shape[:-1], shape[-2]))


def _residual(g, x, shape):
    y = g.add("Transpose", [x], perm=[0, 2, 1])
    y = g.add("Conv", [y, g.normal(shape[2], shape[2], 3, scale=0.3)], kernel_shape=[3], pads=[1, 1])
    y = g.add("Transpose", [g.add("Relu", [y])], perm=[0, 2, 1])
    g.add("Add", [y, x], shape)


def _attention(g, x, shape):
    heads, width, parts = 2, 4, []
    for part in range(3):
        y = g.add("MatMul", [x, g.normal(shape[2], heads * width, scale=shape[2] ** -0.5)])
        y = g.add("Reshape", [y, g.ints(1, shape[1], heads, width)])
        parts.append(g.add("Transpose", [y], perm=[0, 2, 3, 1] if part == 1 else [0, 2, 1, 3]))
    scores = g.add("Mul", [g.add("MatMul", parts[:2]), g.constant(np.float32(0.5))])
    y = g.add("MatMul", [g.add("Softmax", [scores], axis=-1), parts[2]])
    y = g.add("Transpose", [y], perm=[0, 2, 1, 3])
    g.add("Reshape", [y, g.ints(1, shape[1], heads * width)], (1, shape[1], heads * width))


_IMAGES, _ROWS = (3, 4), (3,)
RULES = [
    *[(_conv, _IMAGES)] * 3,
    (_conv_transpose, _IMAGES),
    (_pool, _IMAGES),
    (_batch_norm, _IMAGES),
    (_resize, _IMAGES),
    (_self_product, _IMAGES),
    *[(_transpose, _IMAGES)] * 2,
    *[(_residual, _ROWS)] * 2,
    (_attention, _ROWS),
    *[(_linear, ())] * 2,
    *[(_function, ())] * 3,
    (_gated, ()),
    *[(_with_constant, ())] * 2,
    *[(_pairwise, ())] * 3,
    *[(_reshape, ())] * 2,
    *[(rule, ()) for rule in (_slice, _concat, _split, _pad, _layer_norm, _softmax, _reduce, _gather)],
]


def random_model(seed):
    """A checked model of some 3 to 14 nodes."""
    graph = RandomGraph(seed)
    model = graph.grow(int(graph.rng.integers(3, 12))).model()
    onnx.checker.check_model(model, full_check=True)
    return model
