"""Random graphs: onnxruntime, the canonical graph, the integer reference and host C tell one story."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from edge_random_graphs import random_model

from emg_edge import canonicalise, load_onnx, quantise, run_float
from emg_edge.emit import emit_project
from emg_edge.execute._executor import ReferenceExecutor
from emg_edge.execute._library import HostExecutor
from emg_edge.plan._plan import plan_arena
from emg_edge.program._program import Program

SEEDS = range(24)
WINDOWS = 16


def _session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """By seed: what onnxruntime computes, the graph, the canonical graph, samples and the program."""
    found = {}
    for seed in SEEDS:
        model, path = random_model(seed), tmp_path_factory.mktemp("random") / "m.onnx"
        onnx.save(model, path)
        rng = np.random.default_rng(seed)
        graph = load_onnx(path)
        feeds = {name: rng.normal(size=(WINDOWS, *graph.shape(name)[1:])).astype(np.float32) for name in graph.inputs}
        session = _session(model)
        runs = [session.run(None, {name: x[i : i + 1] for name, x in feeds.items()}) for i in range(WINDOWS)]
        expected = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
        found[seed] = expected, graph, canonicalise(graph), feeds, quantise(graph, feeds)
    return found


def _prefixed(program, prefix):
    def new(name):
        return f"{prefix}{name}"

    ops = tuple(replace(op, inputs=tuple(map(new, op.inputs)), output=new(op.output)) for op in program.ops)
    tensors = {new(name): replace(tensor, name=new(name)) for name, tensor in program.tensors.items()}
    return replace(
        program,
        tensors=tensors,
        ops=ops,
        inputs=tuple(map(new, program.inputs)),
        outputs=tuple(map(new, program.outputs)),
    )


def test_float_graphs_compute_what_onnxruntime_does_in_its_shapes(cases):
    for seed, (expected, graph, canonical, feeds, program) in cases.items():
        for read, tolerance in ((graph, 1e-4), (canonical, 1e-3)):
            values = run_float(read, feeds)
            for name, wanted in zip(read.outputs, expected, strict=True):
                error = np.abs(values[name] - wanted).max() / max(np.abs(wanted).max(), 1e-6)
                assert error < tolerance, (seed, name)
        shapes = [program.tensors[name].shape for name in program.outputs]
        assert shapes == [wanted.shape[1:] for wanted in expected], seed


def test_integers_stay_close_to_float(cases):
    for seed, (expected, _, _, feeds, program) in cases.items():
        found = ReferenceExecutor(program).run({n: program.tensors[n].quantise(x) for n, x in feeds.items()})
        for name, wanted in zip(program.outputs, expected, strict=True):
            noise = np.square(program.tensors[name].dequantise(found[name]) - wanted).sum()
            assert noise <= 10 ** (-18 / 10) * np.square(wanted).sum() + 1e-6, (seed, name)


def test_host_c_computes_what_the_reference_does(cases, tmp_path):
    parts = {f"s{seed}_": program for seed, (*_, program) in cases.items()}
    renamed = [_prefixed(program, prefix) for prefix, program in parts.items()]
    whole = Program(
        name="random",
        tensors={name: tensor for part in renamed for name, tensor in part.tensors.items()},
        ops=tuple(op for part in renamed for op in part.ops),
        inputs=tuple(name for part in renamed for name in part.inputs),
        outputs=tuple(name for part in renamed for name in part.outputs),
    )
    whole.verify()
    given = {f"s{seed}_{name}": x for seed, (_, _, _, feeds, _) in cases.items() for name, x in feeds.items()}
    feeds = {name: whole.tensors[name].quantise(x) for name, x in given.items()}
    for name, content in emit_project(whole, plan_arena(whole), feeds).items():
        (tmp_path / name).write_bytes(content)
    expected, found = ReferenceExecutor(whole).trace(feeds), HostExecutor(whole, tmp_path).trace(feeds)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
