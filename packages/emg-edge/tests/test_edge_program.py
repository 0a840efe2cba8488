"""The verifier of integer programs: order, ports, operands and everything that the kernels' bounds rest on."""

import numpy as np
import pytest
from edge_programs import linear_op

from emg_edge._errors import EmgEdgeError
from emg_edge.program._program import Program, run_reference
from emg_edge.program._tensor import Tensor


def tensor(name, shape, dtype="int8", zero=0, scale=0.05):
    return Tensor(name=name, shape=tuple(shape), dtype=dtype, scale=scale, zero_point=zero)


def test_program_verifier_finds_disorder():
    x, y = tensor("x", (1, 3)), tensor("y", (1, 2))
    program = Program(name="p", tensors={"x": x, "y": y}, ops=(linear_op(),), inputs=("x",), outputs=("y",))
    program.verify()
    assert program.macs == 6
    assert run_reference(program, {"x": np.ones((4, 1, 3), np.int8)})["y"].tolist() == [[[2, 2]]] * 4
    late = Program(
        name="p", tensors=program.tensors, ops=(linear_op(inputs=("y",), output="x"),), inputs=("x",), outputs=("y",)
    )
    with pytest.raises(EmgEdgeError, match="before anything wrote them"):
        late.verify()
    twice = Program(name="p", tensors=program.tensors, ops=(linear_op(), linear_op()), inputs=("x",), outputs=("y",))
    with pytest.raises(EmgEdgeError, match="a second time"):
        twice.verify()
    lost = Program(name="p", tensors=program.tensors, ops=(), inputs=("x",), outputs=("y",))
    with pytest.raises(EmgEdgeError, match="are never written"):
        lost.verify()


@pytest.mark.parametrize(
    ("op", "changes", "message"),
    [
        (linear_op(inputs=("x", "x")), {}, "reads 2 tensors, need 1"),
        (linear_op(mul=np.ones(2, np.int64)), {}, "mul is int64"),
        (linear_op(weight=np.ones((0, 3), np.int8)), {}, r"weight is int8 \(0, 3\)"),
        (linear_op(output="z"), {}, "which is no tensor of the program"),
        (linear_op(), {"zero": 200}, r"zero point 200 must lie in -128\.\.127"),
        (linear_op(), {"dtype": "int4"}, "need its own name, a dtype of"),
        (linear_op(), {"scale": float("nan")}, "a finite scale"),
        (linear_op(), {"shape": (1, 0)}, "extents >= 1"),
    ],
)
def test_verifier_refuses_operands_that_the_bounds_do_not_cover(op, changes, message):
    x, y = tensor("x", (1, 3)), tensor("y", **{"shape": (1, 2), **changes})
    program = Program(name="p", tensors={"x": x, "y": y}, ops=(op,), inputs=("x",), outputs=("y",))
    with pytest.raises(EmgEdgeError, match=message):
        program.verify()


def test_verifier_misses_no_input():
    program = Program(name="p", tensors={"y": tensor("y", (1, 2))}, ops=(linear_op(),), inputs=("x",), outputs=("y",))
    with pytest.raises(EmgEdgeError, match="are no tensors of the program"):
        program.verify()


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"outputs": ("y", "y")}, r"\['y'\] stand more than once"),
        ({"outputs": ("y", "x")}, r"\['x'\] stand more than once"),
        ({"inputs": ("x", "idle")}, r"no operator reads inputs \['idle'\]"),
    ],
)
def test_verifier_refuses_ports_that_c_cannot_have(ports, message):
    """Two parameters of one buffer, of which one is never written, or one that is never read, do not compile."""
    tensors = {"x": tensor("x", (1, 3)), "y": tensor("y", (1, 2)), "idle": tensor("idle", (1,))}
    fields = {"inputs": ("x",), "outputs": ("y",), **ports}
    with pytest.raises(EmgEdgeError, match=message):
        Program(name="p", tensors=tensors, ops=(linear_op(),), **fields).verify()
