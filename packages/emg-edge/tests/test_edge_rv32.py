"""The same C on a 32-bit RISC-V core under QEMU: equal bits, exact instruction counts, no float, a small stack."""

from __future__ import annotations

import re
import subprocess

import edge_programs as programs
import numpy as np
import pytest
from edge_tools import RV32_TOOLS, project, require_rv32

from emg_edge._cost import simulate
from emg_edge.execute._build import STRICT
from emg_edge.execute._compare import compare
from emg_edge.execute._executor import ReferenceExecutor
from emg_edge.execute._library import HostExecutor
from emg_edge.execute._process import Rv32Executor
from emg_edge.kernels import OPERATORS
from emg_edge.plan._memory import plan_memory
from emg_edge.targets import get_target

pytestmark = pytest.mark.rv32


@pytest.fixture(autouse=True)
def _tools():
    require_rv32()


def assert_equal_everywhere(program, folder, feeds):
    expected = ReferenceExecutor(program).trace(feeds)
    for executor in (HostExecutor(program, folder), Rv32Executor(program, folder)):
        report = compare(program, expected, executor.trace(feeds))
        assert report.equal, f"{executor.toolchain.name}: {report.difference}"


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    """Eight random operators of every kind in one build: the program, what it should write, what the core writes."""
    require_rv32()
    program = programs.everything(seed=21, count=8)
    feeds = programs.random_feeds(program, seed=22, samples=3)
    executor = Rv32Executor(program, project(tmp_path_factory.mktemp("all"), program, feeds))
    return program, ReferenceExecutor(program).trace(feeds), executor.trace(feeds)


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_operator_equals_reference(kind, traces):
    program, expected, found = traces
    report = compare(program, {op.output: expected[op.output] for op in program.ops if op.kind == kind}, found)
    assert report.equal, str(report.difference)
    assert report.layers == 8


def test_network_equals_reference_and_counts_are_deterministic(tmp_path):
    program = programs.small_network(seed=3)
    feeds = programs.random_feeds(program, 4, samples=2)
    folder = project(tmp_path, program, feeds)
    assert_equal_everywhere(program, folder, feeds)
    executor = Rv32Executor(program, folder)
    counts = executor.instructions(feeds)
    np.testing.assert_array_equal(counts, executor.instructions(feeds))
    assert program.macs < counts.min() <= counts.max() < 40 * program.macs


def test_modelled_cycles_follow_the_counted_instructions(tmp_path):
    program = programs.small_network(seed=3, tokens=32, width=48, heads=3, hidden=96)
    feeds = programs.random_feeds(program, 4, samples=1)
    counted = int(Rv32Executor(program, project(tmp_path, program, feeds)).instructions(feeds)[0])
    device = get_target("rv32")
    modelled = simulate(program, plan_memory(program, device), device)
    assert 1.4 * counted == pytest.approx(modelled["cycles"], rel=0.15)
    low, high = modelled["interval"]["cycles"]
    assert low < 1.14 * counted < 1.6 * counted < high


def test_test_vectors_pass_on_the_core(tmp_path):
    program = programs.small_network(seed=5)
    folder = project(tmp_path, program, programs.random_feeds(program, 6, samples=1))
    done = subprocess.run(
        ["make", "-s", "test-rv32"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok" in done.stdout + done.stderr


def test_xpulpv2_primitives_assemble_to_the_listed_encodings(tmp_path):
    """Compiled, not run: QEMU has no such instructions. Opcode 0x57 with funct7 0x5c and 0x54, 0x33 with 0x0a."""
    program = programs.small_network(seed=9)
    folder = project(tmp_path, program, programs.random_feeds(program, 10, samples=1))
    flags = [*STRICT, "-O2", "-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs", "-DEMG_XPULPV2"]
    sources = [path.name for path in folder.glob("emg_*.c")]
    subprocess.run([RV32_TOOLS[0], *flags, "-c", *sources], cwd=folder, check=True, timeout=300)
    found = set()
    for name in ("emg_rows.o", "emg_finish.o", "emg_attention.o"):
        dump = ["riscv64-unknown-elf-objdump", "-d", "-M", "no-aliases", name]
        text = subprocess.run(dump, cwd=folder, capture_output=True, text=True, check=True).stdout
        for word in re.findall(r"^\s+[0-9a-f]+:\s+([0-9a-f]{8})\s", text, re.MULTILINE):
            value = int(word, 16)
            found.add((value & 0x7F, value >> 12 & 7, value >> 25))
    assert {(0x57, 1, 0x5C), (0x57, 1, 0x54), (0x33, 1, 0x0A)} <= found


def test_the_same_source_refuses_xpulpv2_on_other_machines(tmp_path):
    program = programs.small_network(seed=9)
    folder = project(tmp_path, program, programs.random_feeds(program, 10, samples=1))
    command = ["gcc", "-std=c99", "-DEMG_XPULPV2", "-c", "emg_rows.c", "-o", "/dev/null"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "EMG_XPULPV2 needs a RISC-V compiler" in done.stderr
