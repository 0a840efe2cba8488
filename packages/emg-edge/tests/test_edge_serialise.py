"""The program as JSON and arrays: what comes back is what went, for every kind of operator, down to the printed C."""

import json

import edge_programs as programs
import numpy as np

from emg_edge._serialise import from_dict, program_hash, to_dict
from emg_edge.emit import emit_project
from emg_edge.kernels import OPERATORS
from emg_edge.plan._plan import plan_arena


def _printed(program):
    return emit_project(program, plan_arena(program), programs.random_feeds(program, seed=3, samples=1))


def test_every_kind_comes_back_equal_and_prints_equal_bytes():
    program = programs.everything(seed=5, count=6)
    assert {op.kind for op in program.ops} == set(OPERATORS)
    description, arrays = to_dict(program)
    back = from_dict(json.loads(json.dumps(description)), {key: array.copy() for key, array in arrays.items()})
    assert back.tensors == program.tensors
    assert (back.inputs, back.outputs, back.metadata) == (program.inputs, program.outputs, program.metadata)
    for ours, theirs in zip(program.ops, back.ops, strict=True):
        assert type(ours) is type(theirs)
        assert {n: type(v) for n, v in vars(ours).items()} == {n: type(v) for n, v in vars(theirs).items()}
        np.testing.assert_equal(vars(theirs), vars(ours))
    assert program_hash(back) == program_hash(program)
    assert _printed(back) == _printed(program)
