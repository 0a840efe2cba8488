"""Linear layers: a product with constant weights and every per-channel factor and offset behind it.

Cases: (1) MatMul with a constant right operand (Gemm arrives as one), and every Add, Sub, Mul and Div by a constant
along the last axis behind it while nothing else reads the value and the file demands no grid for it; (2) Conv whose
kernel equals its stride, or covers its whole input, as a product over patches. Requires folded constants.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._pass import Notes, Pass, rewrite, scope_of, split_constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AFFINE = {"Add", "Sub", "Mul", "Div"}


def _absorb(
    graph: Graph, start: str, weight: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[list[Node], NDArray[np.float64], NDArray[np.float64]]:
    """Follow the chain of per-channel affine nodes behind a value; weight is (N, K), bias (N,)."""
    chain: list[Node] = []
    while (node := graph.sole_consumer(value := chain[-1].output if chain else start)) and node.op in _AFFINE:
        if value in graph.given:
            break
        pair = split_constant(graph, node)
        if pair is None or graph.shape(node.output) != graph.shape(pair[0]):
            break
        constant = graph.constants[pair[1]].astype(np.float64)
        reversed_order = pair[0] != node.inputs[0]
        along_last = constant.size == 1 or constant.shape[-1:] == (constant.size,)
        if not along_last or (node.op == "Div" and reversed_order):
            break
        c = np.broadcast_to(constant.reshape(-1), bias.shape)
        factor = {"Add": np.ones_like(c), "Sub": np.full_like(c, -1.0 if reversed_order else 1.0), "Mul": c}
        gain = factor[node.op] if node.op in factor else 1.0 / c
        offset = {"Add": c, "Sub": c if reversed_order else -c}.get(node.op, np.zeros_like(c))
        weight, bias = weight * gain[:, None], bias * gain + offset
        chain.append(node)
    return chain, weight, bias


def _build(
    graph: Graph, node: Node, x: str, weight: NDArray[np.float32], steps: NDArray[np.float64] | None
) -> tuple[list[Node], dict[str, NDArray[np.float32]]]:
    """Return the linear node that replaces ``node`` and the chain behind it, and its constants."""
    known = np.zeros((len(weight), 0)) if steps is None else steps[:, None]
    wide = np.hstack([weight.astype(np.float64), known])  # gains of the chain scale weights and their steps alike
    chain, wide, b = _absorb(graph, node.output, wide, np.zeros(len(weight)))
    w, known = np.split(wide, [weight.shape[1]], axis=1)
    last = chain[-1] if chain else node
    names = graph.fresh(f"{last.output}.weight"), graph.fresh(f"{last.output}.bias")
    fused = Node(
        op="linear",
        name=last.name,
        inputs=(x, *names),
        output=last.output,
        attrs={"shape": graph.shape(last.output), **_steps_attr(None if steps is None else np.abs(known[:, 0]))},
        scope=scope_of(graph, node, *chain),
    )
    return [fused], dict(zip(names, (w.astype(np.float32), b.astype(np.float32)), strict=True))


def _steps_attr(steps: NDArray[np.float64] | None) -> dict[str, tuple[float, ...]]:
    return {} if steps is None else {"steps": tuple(float(step) for step in steps)}


def _row_steps(graph: Graph, node: Node, name: str, notes: Notes, *, rows: int, turned: bool) -> Any:  # noqa: ANN401
    """Return the step of each row of a weight that the file quantised, None where it did not, False if refused."""
    if name not in graph.steps:
        return None
    steps = graph.steps[name]
    matrix = steps.reshape(steps.shape[-2:]).T if turned else steps.reshape(rows, -1)
    if not (matrix == matrix[:, :1]).all():  # NaN, too, differs from itself
        notes.refuse(
            node,
            "its weights are quantised with a zero point, to -128, or with steps that differ within an output channel",
            "quantise weights symmetrically to -127..127, per tensor or per output channel",
        )
        return False
    return matrix[:, 0]


def _product(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    pair = split_constant(graph, node)
    if pair is None:
        return None
    weight = graph.constants[pair[1]]
    if pair[0] != node.inputs[0] or prod(weight.shape[:-2]) != 1:
        notes.refuse(node, "the constant operand is not one matrix on the right", "write it as x @ W with W (K, N)")
        return None
    matrix = weight.reshape(weight.shape[-2:]).T
    steps = _row_steps(graph, node, pair[1], notes, rows=len(matrix), turned=True)
    if steps is False:
        return None
    nodes, constants = _build(graph, node, pair[0], matrix, steps)
    return graph.substitute(nodes[-1].output, nodes, constants=constants)


def _patches(graph: Graph, node: Node, notes: Notes) -> Graph | None:
    """Write a patch convolution as Reshape, Transpose, linear, Transpose."""
    (x, w), shape = node.inputs[:2], graph.shape(node.inputs[0])
    kernel, spatial = graph.shape(w)[2:], shape[2:]
    if w not in graph.constants or not _tiles(node, kernel, spatial):
        notes.refuse(
            node,
            f"kernel {kernel} with strides {node.attrs['strides']} and pads {node.attrs['pads']} do not cut {spatial} "
            "into whole patches",
            "use a kernel equal to its stride that divides the input, without padding, dilation or groups",
        )
        return None
    weight = graph.constants[w]
    steps = _row_steps(graph, node, w, notes, rows=len(weight), turned=False)
    if steps is False:
        return None
    count, out = len(kernel), tuple(e // k for e, k in zip(spatial, kernel, strict=True))
    cut = (1, shape[1], *(v for pair in zip(out, kernel, strict=True) for v in pair))
    order = (0, *(2 + 2 * j for j in range(count)), 1, *(3 + 2 * j for j in range(count)))
    seen, rows, tokens = (graph.fresh(f"{node.output}.{part}") for part in ("cut", "rows", "tokens"))
    names = graph.fresh(f"{node.output}.weight"), graph.fresh(f"{node.output}.bias")
    bias = graph.constants[node.inputs[2]] if len(node.inputs) > 2 else np.zeros(len(weight), np.float32)
    view = tuple(cut[axis] for axis in order)
    nodes = [
        Node(op="Reshape", name=node.name, inputs=(x,), output=seen, attrs={"shape": cut}),
        Node(op="Transpose", name=node.name, inputs=(seen,), output=rows, attrs={"perm": order}),
        Node(
            op="linear",
            name=node.name,
            inputs=(rows, *names),
            output=tokens,
            attrs={"shape": (1, *out, len(weight)), **_steps_attr(steps)},
            scope=scope_of(graph, node),
        ),
        Node(
            op="Transpose",
            name=node.name,
            inputs=(tokens,),
            output=node.output,
            attrs={"perm": (0, count + 1, *range(1, count + 1))},
        ),
    ]
    values = [
        Value(name=seen, shape=cut),
        Value(name=rows, shape=view),
        Value(name=tokens, shape=(1, *out, len(weight))),
    ]
    constants = dict(zip(names, (weight.reshape(len(weight), -1), bias), strict=True))
    return graph.substitute(node.output, nodes, values=values, constants=constants).handed_on(node.output, tokens)


def _tiles(node: Node, kernel: tuple[int, ...], spatial: tuple[int, ...]) -> bool:
    """Whether a convolution cuts its input into whole patches."""
    plain = node.attrs["group"] == 1 and not any(node.attrs["pads"]) and set(node.attrs["dilations"]) == {1}
    divides = all(extent % k == 0 for extent, k in zip(spatial, kernel, strict=True))
    return plain and (kernel == spatial or (tuple(node.attrs["strides"]) == kernel and divides))


def _run(graph: Graph, notes: Notes) -> Graph:
    def match(graph: Graph, node: Node) -> Graph | None:
        if node.op == "MatMul":
            return _product(graph, node, notes)
        return _patches(graph, node, notes) if node.op == "Conv" else None

    return rewrite(graph, match)


LINEAR = Pass(name="linear", run=_run, ensures=frozenset({"Conv"}))
