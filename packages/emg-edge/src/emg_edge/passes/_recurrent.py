"""LSTM and GRU of the ONNX dialect become canonical: rows in, rows out.

Requires what both dialects share: one sequence, constant weights and states. Cases: (1) all hidden states, (2) the last
ones alone, (3) both, where the last ones become slices of all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from emg_edge.graph._graph import Graph, Node, Value

from ._pass import Notes, Pass, rewrite, scope_of

_OPS = frozenset({"LSTM", "GRU"})


def _twin(graph: Graph, node: Node) -> Node | None:
    """Return the node that writes all hidden states, of which this one writes the last."""
    if not node.attrs["last"]:
        return None
    wanted = {**node.attrs, "last": 0}
    twins = (n for n in graph.nodes if n.op == node.op and n.inputs == node.inputs and dict(n.attrs) == wanted)
    return next(twins, None)


def _sliced(graph: Graph, node: Node, twin: Node) -> Graph:
    """Case 3: take the last step of the first direction, the first step of one that runs backwards."""
    shape, layout = graph.shape(twin.output), node.attrs["layout"]
    axis, directions = (1, 2) if layout else (0, 1)
    parts, nodes, values = [], [], []
    for d in range(shape[directions]):
        slices = [(0, extent, 1) for extent in shape]
        at = 0 if d or node.attrs["reverse"] else shape[axis] - 1
        slices[axis], slices[directions] = (at, at + 1, 1), (d, d + 1, 1)
        name = graph.fresh(f"{node.output}.last{d}")
        nodes.append(
            Node(op="Slice", name=node.name, inputs=(twin.output,), output=name, attrs={"slices": tuple(slices)})
        )
        parts.append((name, tuple(stop - start for start, stop, _ in slices)))
    values = [Value(name=name, shape=shape) for name, shape in parts]
    source = parts[0][0]
    if len(parts) > 1:
        source = graph.fresh(f"{node.output}.both")
        joined = tuple(2 if axis == directions else extent for axis, extent in enumerate(parts[0][1]))
        nodes.append(
            Node(
                op="Concat",
                name=node.name,
                inputs=tuple(n for n, _ in parts),
                output=source,
                attrs={"axis": directions},
            )
        )
        values.append(Value(name=source, shape=joined))
    nodes.append(
        Node(
            op="Reshape",
            name=node.name,
            inputs=(source,),
            output=node.output,
            attrs={"shape": graph.shape(node.output)},
        )
    )
    order = graph.nodes.index(twin)
    if graph.nodes.index(node) < order:  # a reader stands in front of what it reads now
        rest = tuple(n for n in graph.nodes if n is not twin)
        at = rest.index(node)
        graph = replace(graph, nodes=(*rest[:at], twin, *rest[at:]))
    return graph.substitute(node.output, nodes, values=values)


def _canonical(graph: Graph, node: Node) -> Graph:
    """Cases 1 and 2."""
    shape = graph.shape(node.output)
    width = int(np.prod(graph.shape(node.inputs[4])))
    packed = graph.fresh(f"{node.output}.{node.op.lower()}")
    rows = (1, width) if node.attrs["last"] else (1, int(np.prod(shape)) // width, width)
    attrs = {key: value for key, value in node.attrs.items() if key != "layout"}
    nodes = [
        replace(node, op=node.op.lower(), output=packed, attrs={**attrs, "shape": rows}, scope=scope_of(graph, node)),
        Node(op="Reshape", name=node.name, inputs=(packed,), output=node.output, attrs={"shape": shape}),
    ]
    return graph.substitute(node.output, nodes, values=[Value(name=packed, shape=rows)]).handed_on(node.output, packed)


def _last(graph: Graph, node: Node) -> Graph | None:
    twin = _twin(graph, node) if node.op in _OPS else None
    return None if twin is None else _sliced(graph, node, twin)


def _rest(graph: Graph, node: Node) -> Graph | None:
    return _canonical(graph, node) if node.op in _OPS else None


def _run(graph: Graph, notes: Notes) -> Graph:
    del notes
    return rewrite(rewrite(graph, _last), _rest)


RECURRENT = Pass(name="recurrent", run=_run, ensures=_OPS)
