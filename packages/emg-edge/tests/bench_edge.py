"""Speed: windows a second of the host C beside the numpy reference, planning, printing, start of the console script.

Run with ``pytest packages/emg-edge/tests/bench_edge.py --benchmark-only``; every figure has its oracle in the same run.
"""

from __future__ import annotations

import subprocess
import sys

import edge_programs as programs
import pytest

from emg_edge import plan_arena
from emg_edge.emit import emit_project
from emg_edge.execute._executor import ReferenceExecutor
from emg_edge.execute._library import HostExecutor

SIZES = {
    "student": {"tokens": 40, "width": 48, "heads": 3, "hidden": 96, "blocks": 2},
    "tinymyo-8ch-1000": {"tokens": 400, "width": 192, "heads": 3, "hidden": 768, "blocks": 8},
}
WINDOWS = {"student": 512, "tinymyo-8ch-1000": 8}


@pytest.fixture(scope="module", params=SIZES)
def case(request, tmp_path_factory):
    program = programs.small_network(**SIZES[request.param], name="bench")
    feeds = programs.random_feeds(program, 0, samples=WINDOWS[request.param])
    folder = tmp_path_factory.mktemp("bench") / "c"
    folder.mkdir()
    for name, content in emit_project(program, plan_arena(program), {"emg": feeds["emg"][:1]}).items():
        (folder / name).write_bytes(content)
    return program, feeds, folder


@pytest.mark.parametrize("backend", ["c", "reference"])
def test_windows_per_second(benchmark, case, backend):
    program, feeds, folder = case
    executor = HostExecutor(program, folder) if backend == "c" else ReferenceExecutor(program)
    benchmark.pedantic(executor.run, args=(feeds,), rounds=3, warmup_rounds=1)
    benchmark.extra_info["windows_per_second"] = len(feeds["emg"]) / benchmark.stats["mean"]


def test_plan(benchmark, case):
    plan = benchmark(plan_arena, case[0])
    assert plan.nbytes == plan.lower_bound


def test_print(benchmark, case):
    program, feeds, _ = case
    feeds = {"emg": feeds["emg"][:1]}
    benchmark.pedantic(emit_project, args=(program, plan_arena(program), feeds), rounds=2)


def test_help(benchmark):
    code = "import sys; from emg_edge._cli import main; sys.argv = ['emg-edge', '--help']; main()"
    command = [sys.executable, "-c", code]
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"capture_output": True, "check": True}, rounds=3)
