"""Host C against the integer reference, bit for bit: every operator over shapes and extremes, whole networks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from emg_edge._compare import compare
from emg_edge._execute import HostExecutor, ReferenceExecutor
from emg_edge._plan import plan_arena
from emg_edge.emit import BINDINGS, emit_project
from emg_edge.kernels import OPERATORS

_spec = importlib.util.spec_from_file_location("edge_programs", Path(__file__).with_name("edge_programs.py"))
programs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)


def project(folder, program, feeds):
    for name, content in emit_project(program, plan_arena(program), feeds).items():
        path = folder / "c" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder / "c"


def assert_equal(program, executor, feeds):
    expected = ReferenceExecutor(program).trace(feeds)
    report = compare(program, expected, executor.trace(feeds))
    assert report.equal, str(report.difference)
    assert report.layers == len(program.ops)
    outputs = executor.run(feeds)
    for name in program.outputs:
        np.testing.assert_array_equal(outputs[name], expected[name])


def test_every_operator_has_a_binding_a_kernel_and_a_generator():
    assert sorted(BINDINGS) == sorted(OPERATORS) == sorted(programs.GENERATORS)


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_operator_equals_reference_on_random_programs(kind, tmp_path):
    program = programs.sweep(kind, seed=11, count=40)
    feeds = programs.random_feeds(program, seed=12, samples=4)
    assert_equal(program, HostExecutor(program, project(tmp_path, program, feeds)), feeds)


@pytest.mark.parametrize("seed", range(2))
def test_network_equals_reference(seed, tmp_path):
    program = programs.small_network(seed=seed, tokens=14, width=24, heads=3, hidden=33, blocks=2)
    feeds = programs.random_feeds(program, seed, samples=5)
    values = ReferenceExecutor(program).trace(feeds)
    assert min(np.unique(values[op.output]).size for op in program.ops) > 4  # the comparison sees real numbers
    assert_equal(program, HostExecutor(program, project(tmp_path, program, feeds)), feeds)
