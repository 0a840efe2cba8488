"""What tests need of the machine, said when it is missing; the console script and C projects in a folder."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from unittest import mock

import edge_programs as programs
import pytest

from emg_edge._cli import main
from emg_edge.emit import emit_project
from emg_edge.execute._process import Rv32Executor
from emg_edge.plan._plan import plan_arena

RV32_TOOLS = ("riscv64-unknown-elf-gcc", "riscv64-unknown-elf-nm", "qemu-system-riscv32")
NOT_ON_A_DEVICE = re.compile(
    r"__(add|sub|mul|div|neg|float|fix|eq|ne|l[te]|g[te]|unord|extend|trunc)[a-z]*[sdt]f|__u?(div|mod)di3"
)


def needs(tool):
    """Skip without a tool, but under CI."""
    missing = shutil.which(tool) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(missing, reason=f"{tool} is not on PATH; install it")


def require_rv32():
    """Skip without the RISC-V compiler and QEMU, fail under CI."""
    missing = [tool for tool in RV32_TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {missing}: {Rv32Executor.install}")
    if missing:
        pytest.skip(f"{missing} not on PATH; {Rv32Executor.install}")


def emit(program, samples=2):
    """The files of a program's C project."""
    return emit_project(program, plan_arena(program), programs.random_feeds(program, 1, samples))


def project(folder, program, feeds):
    """Write a program's C project with test vectors; return its folder."""
    return unpack(folder / "c", emit_project(program, plan_arena(program), feeds))


def unpack(folder, files):
    """Write files; return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def call(folder, *command):
    """Run a command that must succeed; return what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def console(*words, cwd="."):
    """Run ``emg-edge`` in this process: exit code, stdout and stderr."""
    words = ["emg-edge", *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", words),
        pytest.raises(SystemExit) as left,
    ):
        main()
    return subprocess.CompletedProcess(words, left.value.code, out.getvalue(), err.getvalue())
