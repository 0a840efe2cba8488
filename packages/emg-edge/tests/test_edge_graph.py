"""The float IR: verifier, rewriting helpers, and the table of legal operations."""

import re

import numpy as np
import pytest

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._graph import Graph, Node, Value, checked_size, sample_shape
from emg_edge.graph.operations import BINARY, CANONICAL, MOVEMENT, OPERATIONS, UNARY
from emg_edge.kernels import OPERATORS


def graph(*nodes, shapes=None, constants=None, outputs=("y",)):
    shapes = {"x": (1, 2, 3), "y": (1, 2, 3), **(shapes or {})}
    return Graph(
        name="g", nodes=nodes, values={n: Value(name=n, shape=s) for n, s in shapes.items()},
        constants=constants or {}, inputs=("x",), outputs=outputs,
    )  # fmt: skip


GROUPS = {"binary", "canonical", "movement", "normalise", "padding", "pool", "product", "recurrent", "reduce", "unary"}


def node(op, inputs, output, **attrs):
    return Node(op=op, name=f"{op}_{output}", inputs=inputs, output=output, attrs=attrs)


def test_every_operation_belongs_to_a_group():
    assert {operation.group for operation in OPERATIONS.values()} <= GROUPS
    assert set(OPERATIONS) >= UNARY | BINARY | MOVEMENT | CANONICAL


def test_every_canonical_operation_has_an_integer_operator():
    assert set(OPERATORS) == CANONICAL


def test_a_legal_graph_verifies():
    graph(node("Neg", ("x",), "y")).verify()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (graph(node("Neg", ("z",), "y")), r"reads \['z'\] before anything wrote them"),
        (graph(node("Neg", ("y",), "y")), r"reads \['y'\] before anything wrote them \(a cycle"),
        (graph(node("Neg", ("x",), "y"), node("Neg", ("x",), "y")), "a second time"),
        (graph(node("Neg", ("x",), "y"), shapes={"y": (6,)}), r"writes shape \(1, 2, 3\), but 'y' is declared"),
        (graph(node("Sort", ("x",), "y")), "no such operation in the float IR"),
        (graph(node("Reshape", ("x",), "y", shape=(7,))), r"cannot be seen as \(7,\)"),
        (graph(node("Transpose", ("x",), "y", perm=(0, 0, 1))), "not a permutation"),
        (graph(node("Slice", ("x",), "y", slices=((0, 1, 1), (0, 2, 1), (3, 3, 1)))), "are empty"),
        (graph(node("Gather", ("x",), "y", axis=1, indices=np.array([5]))), "indices out of range"),
        (graph(node("Concat", ("x", "x"), "y", axis=9)), "axis 9 out of range"),
        (graph(node("Softmax", ("x",), "y", axis=3)), "axis out of range"),
        (graph(node("mean", ("x",), "y", outer=2, axis=2, inner=2, shape=(4,))), "extents do not fit"),
        (graph(node("MatMul", ("x", "x"), "y")), "inner extents differ"),
        (graph(node("Neg", ("x", "x"), "y")), "takes one input"),
        (
            graph(node("linear", ("x", "w", "b"), "y", shape=(9,)), constants={"w": np.ones((3, 3)), "b": np.ones(3)}),
            "do not fill",
        ),
        (graph(outputs=("nothing",)), "are never written"),
        (graph(outputs=()), "are never written"),
        (graph(constants={"x": np.ones(1)}, outputs=("x",)), "share a name"),
    ],
)  # fmt: skip
def test_verifier_refuses(bad, message):
    with pytest.raises(EmgEdgeError, match=message):
        bad.verify()


@pytest.mark.parametrize("shape", [(0,), (-1, 4), (2**27, 2), (1,) * 9])
def test_sizes_are_capped(shape):
    with pytest.raises(EmgEdgeError, match=re.escape(f"there: shape {shape} is not allowed")):
        checked_size(shape, "there")


def test_substitute_alias_and_prune():
    g = graph(
        node("Neg", ("x",), "a"), node("Abs", ("a",), "y"), shapes={"a": (1, 2, 3)}, constants={"unused": np.ones(2)}
    )
    short = g.alias("a", "x")
    assert [n.op for n in short.nodes] == ["Abs"]
    assert short.nodes[0].inputs == ("x",)
    assert not short.constants
    assert "a" not in short.values
    other = g.substitute("y", [node("Relu", ("x",), "y")])
    other.verify()
    assert [n.op for n in other.nodes] == ["Relu"]
    assert [n.op for n in g.nodes] == ["Neg", "Abs"]  # the original is untouched


def test_readers_and_names():
    g = graph(node("Neg", ("x",), "a"), node("Abs", ("a",), "y"), shapes={"a": (1, 2, 3)})
    assert g.sole_consumer("a") is g.nodes[1]
    assert g.sole_consumer("y") is None
    assert g.fresh("a") == "a_1"
    assert [n.output for n in g.ancestors("y", stop=["a"])] == ["y"]
    assert g.shape("a") == (1, 2, 3)


def test_sample_shape_drops_the_batch_axis_only():
    assert sample_shape((1, 4, 5)) == (4, 5)
    assert sample_shape((3, 1, 5)) == (3, 1, 5)
    assert sample_shape((1,)) == (1,)
