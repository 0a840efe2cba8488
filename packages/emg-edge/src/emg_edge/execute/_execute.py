"""Three ways to run one program that must agree bit for bit: reference, host C, rv32 C."""

from __future__ import annotations

import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.program._program import run_reference

from ._build import Toolchain, build
from ._samples import check_feeds, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._program import Program

    Arrays = dict[str, NDArray[Any]]

REFERENCE_CHUNK = 16
PARALLEL_MACS = 200_000_000


class Executor(ABC):
    """Runs a program on quantised samples."""

    @abstractmethod
    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the outputs ``(n, *shape)`` by name for inputs ``(n, *shape)`` by name."""

    @abstractmethod
    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return what every operator wrote, ``(n, *shape)`` by tensor name."""


class ReferenceExecutor(Executor):
    """The integer reference kernels, a few samples at a time."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.run`."""
        return self._chunked(feeds, list(self.program.outputs))

    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.trace`."""
        return self._chunked(feeds, [op.output for op in self.program.ops])

    def _chunked(self, feeds: Mapping[str, NDArray[Any]], names: list[str]) -> Arrays:
        """Run chunk by chunk, keeping the named tensors."""
        n = check_feeds(self.program, feeds)
        parts: list[Arrays] = []
        for start in range(0, max(n, 1), REFERENCE_CHUNK):
            chunk = {name: feeds[name][start : start + REFERENCE_CHUNK] for name in self.program.inputs}
            values = run_reference(self.program, chunk)
            parts.append({name: values[name] for name in names})
        return {name: np.concatenate([part[name] for part in parts]) for name in names}


class CExecutor(Executor):
    """A built C project, fed through files.

    Parameters
    ----------
    program
        What the project was printed from.
    folder
        The C project.
    """

    toolchain: ClassVar[Toolchain]

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.folder = Path(folder).resolve()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.run`."""
        binary = build(self.folder, self.toolchain, "main.c")
        n = check_feeds(self.program, feeds)
        workers = min(os.cpu_count() or 1, n) if n * self.program.macs >= PARALLEL_MACS else 1
        bounds = np.linspace(0, n, workers + 1).astype(int)
        chunks = [{name: feeds[name][a:b] for name in self.program.inputs} for a, b in pairwise(bounds)]
        with ThreadPoolExecutor(max_workers=workers) as pool:
            parts = list(pool.map(lambda chunk: self._run_once(binary, chunk), chunks))
        return {name: np.concatenate([part[name] for part in parts]) for name in self.program.outputs}

    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.trace`."""
        binary = build(self.folder, self.toolchain, "main.c", ("EMG_TRACE",))
        with tempfile.TemporaryDirectory(prefix="emg-edge-") as scratch:
            self._launch(binary, Path(scratch), feeds)
            raw = (Path(scratch) / "trace.bin").read_bytes()
        return unpack(self.program, [op.output for op in self.program.ops], raw)

    def _run_once(self, binary: Path, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Run one process."""
        with tempfile.TemporaryDirectory(prefix="emg-edge-") as scratch:
            self._launch(binary, Path(scratch), feeds)
            raw = (Path(scratch) / "output.bin").read_bytes()
        return unpack(self.program, self.program.outputs, raw)

    def _launch(self, binary: Path, scratch: Path, feeds: Mapping[str, NDArray[Any]]) -> None:
        """Write the samples, run, check the exit status."""
        (scratch / "input.bin").write_bytes(pack(self.program, feeds))
        command, limit = self.command(binary)
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, timeout=limit, check=False)  # noqa: S603  own binary
        except subprocess.TimeoutExpired as error:
            raise EmgEdgeError(f"{self.toolchain.name} did not finish in {limit} s; give it fewer samples") from error
        if done.returncode:
            raise EmgEdgeError(
                f"{self.toolchain.name} runner of {self.program.name!r} ended with status {done.returncode}: "
                f"{(done.stderr or done.stdout)[-300:].decode('utf-8', 'replace')!r}; build the project again"
            )

    def command(self, binary: Path) -> tuple[list[str], float]:
        """Return the command line that runs the binary, and its time limit in seconds."""
        return [str(binary)], 3600.0


class HostExecutor(CExecutor):
    """The C project built for this machine."""

    toolchain = Toolchain(
        name="c", compiler="gcc", flags=("-O3", "-march=native"), install="install gcc (Debian: apt-get install gcc)"
    )


class Rv32Executor(CExecutor):
    """The C project built for RV32IMC and run by QEMU, which counts instructions exactly."""

    install = "Debian: apt-get install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc"
    toolchain = Toolchain(
        name="rv32",
        compiler="riscv64-unknown-elf-gcc",
        flags=(
            *("-O2", "-march=rv32imc", "-misa-spec=2.2", "-mabi=ilp32", "-DEMG_COUNT"),
            *("--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted"),
        ),
        link=(
            *("-Wl,--defsym=__flash=0x80000000", "-Wl,--defsym=__flash_size=0x4000000"),
            *("-Wl,--defsym=__ram=0x84000000", "-Wl,--defsym=__ram_size=0x2000000"),
        ),
        install=install,
    )
    simulator = "qemu-system-riscv32"

    def command(self, binary: Path) -> tuple[list[str], float]:
        """See `CExecutor.command`."""
        simulator = Toolchain(name="rv32", compiler=self.simulator, flags=(), install=self.install).require()
        board = ["-M", "virt", "-cpu", "rv32", "-bios", "none", "-nographic"]
        counting = ["-semihosting-config", "enable=on,target=native", "-icount", "shift=0"]
        return [simulator, *board, *counting, "-kernel", str(binary)], 600.0

    def instructions(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.uint64]:
        """Return the instructions of each sample's run, ``(n,)``; deterministic."""
        binary = build(self.folder, self.toolchain, "main.c")
        with tempfile.TemporaryDirectory(prefix="emg-edge-") as scratch:
            self._launch(binary, Path(scratch), feeds)
            return np.fromfile(Path(scratch) / "count.bin", np.uint64)


EXECUTORS: dict[str, type[CExecutor]] = {"c": HostExecutor, "rv32": Rv32Executor}
BACKENDS = ("reference", *EXECUTORS)


def get_executor(backend: str, program: Program, folder: Path) -> Executor:
    """Return an executor by backend name.

    Raises
    ------
    EmgEdgeError
        When there is none of that name.
    """
    if backend not in BACKENDS:
        raise EmgEdgeError(f"backend {backend!r} is not known; choose one of {', '.join(BACKENDS)}")
    return ReferenceExecutor(program) if backend == "reference" else EXECUTORS[backend](program, folder)
