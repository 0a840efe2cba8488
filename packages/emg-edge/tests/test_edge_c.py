"""Host C against the integer reference, bit for bit: every operator over shapes and extremes, whole networks."""

from __future__ import annotations

import os
import tempfile

import edge_programs as programs
import numpy as np
import pytest
from edge_tools import needs, project

from emg_edge import EmgEdgeError, compile_model, load_onnx
from emg_edge.execute._build import build
from emg_edge.execute._compare import compare
from emg_edge.execute._executor import ReferenceExecutor
from emg_edge.execute._library import HostExecutor
from emg_edge.graph._float import run_float
from emg_edge.kernels import OPERATORS
from emg_edge.passes import canonicalise

pytestmark = [needs("gcc"), pytest.mark.compiles]


COUNT = 24  # operators of a kind
KINDS = 13  # kinds of a build


def assert_equal(program, executor, feeds):
    expected = ReferenceExecutor(program).trace(feeds)
    report = compare(program, expected, executor.trace(feeds))
    assert report.equal, str(report.difference)
    assert report.layers == len(program.ops)
    outputs = executor.run(feeds)
    for name in program.outputs:
        np.testing.assert_array_equal(outputs[name], expected[name])


def test_every_operator_has_a_binding_a_kernel_and_a_generator():
    assert sorted(OPERATORS) == sorted(programs.GENERATORS)


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    """Some random operators of every kind: by kind the program, what it should write, what it writes.

    A few builds, because a call by ctypes takes no more than 1024 arguments.
    """
    kinds, found = sorted(OPERATORS), {}
    for start in range(0, len(kinds), KINDS):
        part = kinds[start : start + KINDS]
        program = programs.everything(seed=11, count=COUNT, kinds=part)
        feeds = programs.random_feeds(program, seed=12, samples=4)
        executor = HostExecutor(program, project(tmp_path_factory.mktemp("all"), program, feeds))
        found |= dict.fromkeys(part, (program, ReferenceExecutor(program).trace(feeds), executor.trace(feeds)))
    return found


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_operator_equals_reference_on_random_programs(kind, traces):
    program, expected, found = traces[kind]
    report = compare(program, {op.output: expected[op.output] for op in program.ops if op.kind == kind}, found)
    assert report.equal, str(report.difference)
    assert report.layers == COUNT


@pytest.mark.parametrize("seed", range(2))
def test_network_equals_reference(seed, tmp_path):
    program = programs.small_network(seed=seed, tokens=14, width=24, heads=3, hidden=33, blocks=2)
    feeds = programs.random_feeds(program, seed, samples=5)
    values = ReferenceExecutor(program).trace(feeds)
    assert min(np.unique(values[op.output]).size for op in program.ops) > 4  # the comparison sees real numbers
    assert_equal(program, HostExecutor(program, project(tmp_path, program, feeds)), feeds)


def test_transformer_from_onnx_equals_reference_and_follows_the_float_model(builders, tmp_path):
    model = builders.tiny_myo()
    builders.save(model, tmp_path / "m.onnx")
    x = builders.windows(model, 96)
    compiled = compile_model(tmp_path / "m.onnx", x, target="gap9", out=tmp_path / "out")
    assert {op.kind for op in compiled.program.ops} >= {"linear", "attention", "layernorm", "add", "mean"}
    report = compiled.compare(x[:6])
    assert report.equal, str(report.difference)
    graph = canonicalise(load_onnx(tmp_path / "m.onnx"))
    wanted = run_float(graph, x)[graph.outputs[0]].reshape(len(x), -1)
    found = compiled.run(x).reshape(len(x), -1)
    assert 10 * np.log10(np.square(wanted).sum() / np.square(wanted - found).sum()) > 25


def test_an_artefact_that_cannot_be_written_is_built_elsewhere(tmp_path, monkeypatch):
    program = programs.small_network()
    feeds = programs.random_feeds(program, 1, 2)
    (tmp_path / "model").mkdir()
    folder = project(tmp_path / "model", program, feeds)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and allowed(path, mode))
    found = HostExecutor(program, folder).run(feeds)
    np.testing.assert_array_equal(found["logits"], ReferenceExecutor(program).run(feeds)["logits"])
    assert not (folder.parent / "build").exists()
    assert len(list(tmp_path.glob("emg-edge-*/c-*"))) == 1


def test_a_compiler_that_does_not_run_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "gcc"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "main.c").touch()
    with pytest.raises(EmgEdgeError, match=r"gcc cannot be run .*; repair or replace the compiler"):
        build(tmp_path / "c", HostExecutor.toolchain, "main.c")
    with pytest.raises(EmgEdgeError, match=r"holds no test_main\.c; compile the model again"):
        build(tmp_path / "c", HostExecutor.toolchain, "test_main.c")
