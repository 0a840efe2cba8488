"""Printed C: deterministic, from a whitelist, clean under strict warnings and sanitizers, and a project of its own."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from importlib import resources

import edge_programs as programs
import numpy as np
import pytest
from edge_tools import call, emit, needs, unpack

from emg_edge import EmgEdgeError, compile_program, get_target, load_compiled, plan_arena, run_reference
from emg_edge._artifact import read_program
from emg_edge._serialise import from_dict, program_hash, to_dict
from emg_edge.emit import check_name, constant_bytes, emit_project, kernel_sources
from emg_edge.execute._build import Toolchain
from emg_edge.execute._process import ProcessExecutor

pytestmark = needs("gcc")

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wpedantic", "-Wshadow", "-O2"]


@pytest.fixture(scope="module")
def everything():
    """One program with every operator, several inputs and outputs."""
    return programs.everything(seed=41, count=3)


def test_same_program_same_bytes(everything):
    assert emit(everything) == emit(everything)
    assert program_hash(everything) == program_hash(from_dict(*to_dict(everything)))
    changed = replace(everything, tensors={n: replace(t, scale=0.25) for n, t in everything.tensors.items()})
    assert program_hash(changed) != program_hash(everything)


def test_description_survives_json(everything):
    description, arrays = to_dict(everything)
    restored = from_dict(json.loads(json.dumps(description)), arrays)
    assert emit(restored) == emit(everything)
    with pytest.raises(EmgEdgeError, match="not of format 1"):
        from_dict({"ops": []}, {})
    with pytest.raises(EmgEdgeError, match="not of format 1"):
        from_dict({**description, "ops": [{"kind": "linear"}]}, arrays)


@pytest.fixture(scope="module")
def compiled(everything, tmp_path_factory):
    """The project of `everything` with the objects of all its sources."""
    folder = unpack(tmp_path_factory.mktemp("strict"), emit(everything))
    call(folder, "gcc", *STRICT, "-c", *(path.name for path in folder.glob("*.c") if path.name != "test_main.c"))
    call(folder, "gcc", *STRICT, "-DEMG_TRACE", "-c", "test_main.c")  # a warning is an error
    return folder


def test_no_forbidden_words(everything):
    network = {name: text for name, text in emit(everything).items() if not name.startswith(("main", "test_", "vec"))}
    for name, content in network.items():
        code = re.sub(r"/\*.*?\*/", "", content.decode(), flags=re.DOTALL)
        if name.endswith((".c", ".h")):
            assert not re.search(r"\b(malloc|calloc|free|alloca|float|double|goto|printf)\b", code), name


@pytest.mark.compiles
def test_objects_import_neither_float_nor_allocation(compiled):
    objects = [path.name for path in compiled.glob("*.o") if path.stem not in {"main", "test_main", "vectors"}]
    wanted = set(re.findall(r"U (\w+)", call(compiled, "nm", "-u", *objects)))
    assert "emg_attention" in wanted
    assert {name for name in wanted if not name.startswith(("emg_", "all_"))} <= {"memset", "memcpy"}


class SanitizedExecutor(ProcessExecutor):
    """The host build under the address and undefined-behaviour sanitizers; slow."""

    toolchain = Toolchain(
        name="c-sanitized",
        compiler="gcc",
        flags=("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        install="install gcc with its sanitizers (Debian: apt-get install gcc)",
    )


@pytest.mark.compiles
def test_sanitizers_find_nothing_and_change_no_bit(everything, tmp_path):
    folder = unpack(tmp_path / "c", emit(everything))
    feeds = programs.random_feeds(everything, 5, samples=4)
    found = SanitizedExecutor(everything, folder).trace(feeds)
    expected = run_reference(everything, feeds)
    for op in everything.ops:
        np.testing.assert_array_equal(found[op.output], expected[op.output], err_msg=op.name)


@pytest.mark.compiles
def test_make_test_passes_and_notices_a_changed_weight(tmp_path):
    program = programs.small_network(seed=2)
    files = emit(program)
    folder = unpack(tmp_path / "c", files)
    done = subprocess.run(["make", "-s", "test"], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    text = files["small_weights.c"].decode()
    shift = re.search(r"small_op004 = \{.*?\.index_shift = (\d+)", text, re.DOTALL)
    broken = text[: shift.start(1)] + str(int(shift[1]) - 2) + text[shift.end(1) :]
    (folder / "small_weights.c").write_text(broken)
    done = subprocess.run(["make", "-s", "test"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith("differs first: attention0 attention\n")


@needs("cmake")
@pytest.mark.compiles
def test_cmake_builds_and_tests(tmp_path):
    folder = unpack(tmp_path / "c", emit(programs.small_network(seed=2)))
    for command in (["cmake", "-S", ".", "-B", "b"], ["cmake", "--build", "b"], ["ctest", "--test-dir", "b"]):
        call(folder, *command)


@pytest.mark.compiles
def test_hostile_names_do_not_reach_the_source(tmp_path):
    program = programs.small_network(seed=2)
    evil = '*/ system("x"); /*\n#include "evil.h"\\'
    ops = tuple(replace(op, name=f"{evil}{op.name}") for op in program.ops)
    tensors = {name: replace(t, name=t.name) for name, t in program.tensors.items()}
    program = replace(program, ops=ops, tensors=tensors, metadata={"emg.model": evil})
    files = emit(program)
    assert not any(
        b"system(" in content or b"evil.h" in content.replace(b"_evil.h_", b"") for content in files.values()
    )
    folder = unpack(tmp_path / "c", files)
    call(folder, "make", "-s", "test", "CFLAGS=-O0")


@pytest.mark.parametrize(
    "name", ["", "9a", "A", "a-b", "a" * 33, "int", "main", "vectors", "string", "features", "emg_x", "test_a", "a\n"]
)
def test_names_from_a_whitelist(name):
    with pytest.raises(EmgEdgeError, match="cannot start C symbols; use at most 32"):
        check_name(name)
    with pytest.raises(EmgEdgeError, match="cannot start C symbols"):
        emit(replace(programs.small_network(), name=name))


def test_kernels_are_shipped_and_all_are_emitted():
    shipped = kernel_sources()
    assert {f"emg_{n}" for n in ("linear.c", "attention.c", "layernorm.c", "elementwise.c", "reduce.c")} <= set(shipped)
    assert {"emg_kernels.h", "emg_primitives.h"} <= set(shipped)
    assert set(shipped) <= set(emit(programs.small_network()))
    assert (resources.files("emg_edge") / "csrc" / "emg_linear.c").is_file()


def test_equal_tables_are_printed_once():
    program = programs.small_network(blocks=3)
    plan = plan_arena(program)
    assert constant_bytes(program, plan) < program.constant_bytes
    text = emit(program)["small_weights.c"].decode()
    assert text.count("uint8_t small_c") == 1  # one exponential table for three blocks


def test_a_project_needs_a_vector():
    program = programs.small_network()
    with pytest.raises(EmgEdgeError, match="at least one test vector"):
        emit_project(program, plan_arena(program), {"emg": np.zeros((0, 2, 60), np.int8)})


def test_artefact_is_whole_or_refused(tmp_path):
    program = programs.small_network(seed=6)
    x = np.random.default_rng(0).normal(size=(3, 2, 60))
    out = tmp_path / "model"
    compile_program(program, x, target=get_target("gap9"), out=out)
    (out / "mine.txt").write_text("kept")
    before = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    compile_program(program, x, target=get_target("gap9"), out=out)
    assert before == {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert program_hash(load_compiled(out).program) == program_hash(program)
    compile_program(replace(program, name="other"), x, target=get_target("gap9"), out=out)
    assert not (out / "c" / "small.c").exists()
    assert (out / "mine.txt").read_text() == "kept"
    (out / "c" / "other.c").write_text("changed")
    with pytest.raises(EmgEdgeError, match=r"other\.c is missing or changed since it was compiled"):
        read_program(out)
    (out / "manifest.json").unlink()
    with pytest.raises(EmgEdgeError, match=r"holds no manifest\.json: it is not a compiled model, or its writing"):
        read_program(out)


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", '{"files": 3}', "nonsense", '{"files": {"../x": "", "program.json": "", "program.npz": ""}}'],
)
def test_hostile_manifests_are_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(EmgEdgeError, match="compile the model again"):
        read_program(tmp_path)


@needs("g++")
@pytest.mark.compiles
def test_header_serves_cpp(tmp_path):
    folder = unpack(tmp_path / "c", emit(programs.small_network()))
    (folder / "use.cpp").write_text('#include "small.h"\nint main() { small_init(); return 0; }\n')
    sources = [path.name for path in folder.glob("*.c") if path.name not in {"main.c", "test_main.c", "vectors.c"}]
    call(folder, "gcc", "-std=c99", "-fno-strict-aliasing", "-c", *sources)
    objects = [path.name for path in folder.glob("*.o")]
    call(folder, "g++", "-Wall", "-Wextra", "-Werror", "use.cpp", *objects, "-o", "use")
    call(folder, "./use")
