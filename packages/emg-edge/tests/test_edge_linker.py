"""The static plan against the linker: bytes of every memory, and the stack from the compiler's own call graph."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import edge_map
import edge_programs as programs
import pytest
from edge_tools import NOT_ON_A_DEVICE, call, require_rv32

from emg_edge.emit import emit_project
from emg_edge.execute._build import STRICT
from emg_edge.execute._execute import Rv32Executor
from emg_edge.kernels import OPERATORS
from emg_edge.plan import _stack
from emg_edge.plan._memory import plan_memory
from emg_edge.targets import get_target

pytestmark = pytest.mark.rv32
PREFIX = "riscv64-unknown-elf-"
FLAGS = [*STRICT, *Rv32Executor.toolchain.flags, "-fdata-sections", "-fcallgraph-info=su"]
PULP_SCRIPT = """
MEMORY { L1 : ORIGIN = 0x10000010, LENGTH = 0x1fff0
         L2 : ORIGIN = 0x1c010000, LENGTH = 0x180000
         L3 : ORIGIN = 0x80000000, LENGTH = 0x2000000 }
SECTIONS {
  .l2_constants : { *(.rodata.emg_l2) } > L2
  .l3_constants : { *(.rodata.emg_l3) } > L3
  .l1 (NOLOAD) : { *(.bss.emg_l1) } > L1
  .l2 (NOLOAD) : { *(.bss.emg_l2) } > L2
  .callers (NOLOAD) : { main.o(.bss.* .sbss.*) } > L2
  .rest : { *(.text* .rodata* .srodata* .sdata* .data* .sbss* .bss* COMMON) } > L2
}
"""
LIBRARY = """
void *memcpy(void *to, const void *from, unsigned int n);
void *memset(void *to, int value, unsigned int n);
void *memcpy(void *to, const void *from, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        ((volatile char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}
void *memset(void *to, int value, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        ((volatile char *)to)[i] = (char)value;
    }
    return to;
}
"""


def write(folder, program, memory):
    feeds = programs.random_feeds(program, 1, 1)
    for name, content in emit_project(program, memory.arena, feeds, None, memory.placement).items():
        (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Every operator twice, compiled for rv32: the folder, the program, its plan."""
    require_rv32()
    folder = tmp_path_factory.mktemp("linked")
    program = programs.everything(seed=41, count=2)
    memory = plan_memory(program, get_target("rv32"))
    write(folder, program, memory)
    for name in ("test_main.c", "vectors.c"):
        (folder / name).unlink()
    call(folder, f"{PREFIX}gcc", *FLAGS, "-c", *sorted(path.name for path in folder.glob("*.c")))
    return folder, program, memory


def objects(folder):
    return sorted(path.name for path in folder.glob("*.o"))


def by_section(folder, name):
    """Bytes of the network's own sections: alignment gaps inside one memory count."""
    sums = {}
    for row in edge_map.read_map((folder / name).read_text()):
        if row.source in set(objects(folder)):
            key = "callers" if row.source == "main.o" and "bss" in row.name else row.name
            sums[key] = sums.get(key, 0) + row.nbytes
    return sums


def test_rv32_links_what_the_plan_states(built):
    folder, _, memory = built
    toolchain = Rv32Executor.toolchain
    call(folder, toolchain.compiler, *toolchain.flags, *objects(folder), *toolchain.link, "-Wl,-Map=all.map", "-o", "a")
    found = by_section(folder, "all.map")
    assert found[".bss.emg_l2"] == memory.arena.held
    assert found["callers"] == memory.arena.caller_bytes
    assert found[".bss.emg_l2"] + found["callers"] == memory.used["l2"]
    assert found[".rodata.emg_l3"] == memory.used["l3"]
    strangers = {n for n in found if n.startswith((".rodata", ".data", ".sdata", ".srodata", ".bss", ".sbss"))}
    assert strangers - {".rodata.str1.4"} == {".bss.emg_l2", ".rodata.emg_l3"}  # the strings are those of main.c
    symbols = call(folder, f"{PREFIX}nm", "a")
    assert "all_run" in symbols
    assert not NOT_ON_A_DEVICE.findall(symbols)
    undefined = set(re.findall(r"U (\S+)", call(folder, f"{PREFIX}nm", *(o for o in objects(folder) if o != "main.o"))))
    assert {name for name in undefined if not name.startswith(("emg_", "all_"))} <= {"memcpy", "memset"}


@pytest.mark.parametrize("target", ["pulp-open", "gap9"])
def test_the_scalar_build_for_a_cluster_links_what_the_plan_states(built, target):
    folder, program, _ = built
    needed = plan_memory(program, get_target(target)).used["l2"]
    device = replace(get_target(target), staging_bytes=1024).with_budgets({"l2": needed - 4000})
    memory = plan_memory(program, device)
    assert memory.used["l3"] > 0
    write(folder, program, memory)
    call(folder, f"{PREFIX}gcc", *FLAGS, "-c", "all.c", "all_weights.c")
    (folder / "pulp.ld").write_text(PULP_SCRIPT)
    flags = ["-march=rv32imc", "-mabi=ilp32", "-nostdlib", "-Wl,-T,pulp.ld", "-Wl,-eall_run"]
    network = [name for name in objects(folder) if name != "main.o"]
    (folder / "main.c").write_text(callers(program))
    call(folder, f"{PREFIX}gcc", *FLAGS, "-c", "main.c")
    call(folder, f"{PREFIX}gcc", *flags, *network, "main.o", "-lgcc", "-Wl,-Map=pulp.map", "-o", "pulp")
    headers = call(folder, f"{PREFIX}objdump", "-h", "pulp")
    sizes = {name: int(size, 16) for name, size in re.findall(r"^ +\d+ (\.\w+) +([0-9a-f]{8})", headers, re.MULTILINE)}
    assert sizes[".l3_constants"] == memory.used["l3"]
    assert sizes[".l2"] == memory.arena.held
    stated = memory.used["l2"] - memory.staging
    assert sizes[".l2_constants"] + sizes[".l2"] + by_section(folder, "pulp.map")["callers"] == stated


def callers(program):
    """The caller's buffers, and what the kernels want of a C library."""
    ports = [program.tensors[name] for name in (*program.inputs, *program.outputs)]
    buffers = "".join(f"{t.dtype}_t b{i}[{t.size}];\n" for i, t in enumerate(ports))
    return f"#include <stdint.h>\n{buffers}{LIBRARY}"


def call_graph(folder):
    """Frames by function, callees by function, from gcc's own graph."""
    frames, calls = {}, {}
    for path in folder.glob("*.ci"):
        text = path.read_text()
        for title, size in re.findall(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \(static\)', text):
            frames[title] = int(size)
        assert "dynamic" not in text.replace("0 dynamic objects", "")
        assert "__indirect_call" not in text, path.name
        for source, target in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(source, set()).add(target)
    return frames, calls


def library_frames(folder):
    """Stack of the two functions of the C library that kernels call, from the linked code."""
    text = call(folder, f"{PREFIX}objdump", "-d", "-M", "no-aliases", "a")
    frames = {}
    for name in ("memcpy", "memset"):
        body = re.search(rf"<{name}>:\n(.*?)\n\n", text, re.DOTALL)
        taken = re.findall(r"addi(?:16sp)?\s+sp,sp,-(\d+)", body[1]) if body else []
        assert not body or not re.search(r"\bjal\s+ra,", body[1])
        frames[name] = sum(map(int, taken))
    return frames


def depth(function, frames, calls, path=()):
    assert function not in path, f"{function} recurses"
    below = (depth(callee, frames, calls, (*path, function)) for callee in calls.get(function, ()))
    return frames[function] + max(below, default=0)


def test_the_stack_is_the_one_that_the_plan_states(built):
    folder, program, _ = built
    toolchain = Rv32Executor.toolchain
    if not (folder / "a").exists():
        call(folder, toolchain.compiler, *toolchain.flags, *objects(folder), *toolchain.link, "-o", "a")
    frames, calls = call_graph(folder)
    frames |= library_frames(folder)
    found = {kind: depth(f"emg_{kind}", frames, calls) for kind in sorted(OPERATORS)}
    assert depth("all_run", frames, calls) == frames["all_run"] + max(found.values())
    assert frames["all_run"] <= _stack.RUN + 4 * max(len(op.inputs) for op in program.ops)
    if call(folder, toolchain.compiler, "-dumpfullversion").strip() != _stack.COMPILER:
        pytest.skip(f"frames are stated for gcc {_stack.COMPILER}")
    assert found == _stack.KERNELS, f"put these into plan/_stack.py: {found}"


def test_make_builds_a_library_and_states_sizes(tmp_path):
    program = programs.small_network(seed=2)
    write(tmp_path, program, plan_memory(program, get_target("rv32")))
    call(tmp_path, "make", "-s", "lib")
    assert (tmp_path / "libsmall.a").exists()
    sizes = call(tmp_path, "make", "-s", "size")
    assert ".rodata.emg_l3" in sizes
    assert ".bss.emg_l2" in sizes
    call(tmp_path, "make", "-s", "clean")
    assert not list(tmp_path.glob("*.o")) + list(tmp_path.glob("*.elf"))


@pytest.mark.parametrize(("compiler", "level"), [("gcc", "-O0"), (f"{PREFIX}gcc", "-Os"), ("clang", "-O2")])
def test_kernels_compile_without_a_warning(built, compiler, level):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not on PATH")
    folder, _, _ = built
    flags = FLAGS[:-1] if compiler.startswith(PREFIX) else STRICT
    for source in sorted(path.name for path in folder.glob("emg_*.c")):
        call(folder, compiler, *flags, level, "-c", source, "-o", "level.obj")
