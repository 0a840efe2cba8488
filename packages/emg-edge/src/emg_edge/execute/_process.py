"""C projects as processes: rv32 under QEMU, which counts instructions."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_edge._errors import EmgEdgeError

from ._build import Toolchain, build
from ._executor import Executor
from ._samples import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._program import Program

    from ._executor import Arrays


class ProcessExecutor(Executor):
    """A built C project in a process of its own, fed through files.

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
        with tempfile.TemporaryDirectory(prefix="emg-edge-") as scratch:
            self._launch(binary, Path(scratch), feeds)
            raw = (Path(scratch) / "output.bin").read_bytes()
        return unpack(self.program, self.program.outputs, raw)

    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.trace`."""
        binary = build(self.folder, self.toolchain, "main.c", ("EMG_TRACE",))
        with tempfile.TemporaryDirectory(prefix="emg-edge-") as scratch:
            self._launch(binary, Path(scratch), feeds)
            raw = (Path(scratch) / "trace.bin").read_bytes()
        return unpack(self.program, [op.output for op in self.program.ops], raw)

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


class Rv32Executor(ProcessExecutor):
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
        """See `ProcessExecutor.command`."""
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
