"""One target over the whole way in: read, canonicalise, quantise, print C; only `EmgEdgeError` may come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_edge import EmgEdgeError
from emg_edge.emit import emit_project
from emg_edge.graph._graph import Graph, sample_shape
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.plan._memory import plan_memory
from emg_edge.quantiser._quantise import quantise
from emg_edge.targets import get_target

if TYPE_CHECKING:
    from pathlib import Path

SMALL = 2**20  # elements of values and multiply-accumulates up to which a survivor is quantised
SECRETS = ("int main(void) {", "#include <x>", "/etc/passwd", "${HOME}", "`id`")


def read(path: Path, *, deep: bool) -> tuple[str, dict[str, bytes] | None]:
    """Return how far a model got (``"refused"``, ``"read"``, ``"canonical"``, ``"printed"``) and its C project."""
    stage = "refused"
    try:
        graph = load_onnx(path)
        stage = "read"
        graph = canonicalise(graph)
        stage = "canonical"
        if not deep or sum(value.size for value in graph.values.values()) > SMALL:
            return stage, None
        return "printed", _print(graph)
    except EmgEdgeError:
        return stage, None


def _print(graph: Graph) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    feeds = {name: rng.normal(size=(2, *sample_shape(graph.shape(name)))).astype(np.float32) for name in graph.inputs}
    program = quantise(graph, feeds)
    memory = plan_memory(program, get_target("host"))
    stored = {name: program.tensors[name].quantise(feeds[name]) for name in program.inputs}
    project = emit_project(program, memory.arena, stored)
    for name, content in project.items():
        assert ".." not in name, name
        assert not name.startswith("/"), name
        text = content.decode("utf-8", "replace")
        assert not any(secret in text for secret in SECRETS), f"a name reached {name}"
    return project
