"""Host C as a shared library called through ctypes: the very code of the device, as fast as this machine is.

Every worker loads a copy of the library of its own, because the network's memory is static in it.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ._build import Toolchain, build
from ._executor import Executor
from ._samples import check_feeds, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emg_edge.program._program import Program

    from ._executor import Arrays

PARALLEL_MACS = 200_000_000  # below that, one worker is as fast as many


class HostExecutor(Executor):
    """The C project built for this machine and loaded into this process.

    Parameters
    ----------
    program
        What the project was printed from.
    folder
        The C project.
    """

    toolchain: ClassVar[Toolchain] = Toolchain(
        name="c",
        compiler="gcc",
        flags=("-O3", "-march=native", "-fPIC"),
        link=("-shared",),
        install="install gcc (Debian: apt-get install gcc)",
    )

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.folder = Path(folder).resolve()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.run`."""
        n = check_feeds(self.program, feeds)
        library = build(self.folder, self.toolchain, None)
        workers = min(os.cpu_count() or 1, n) if n * self.program.macs >= PARALLEL_MACS else 1
        bounds = np.linspace(0, n, workers + 1).astype(int)
        results = {name: self._empty(name, n) for name in self.program.outputs}

        def run_part(part: tuple[int, int]) -> None:
            first, last = part
            inputs = [np.ascontiguousarray(feeds[name][first:last]) for name in self.program.inputs]
            with LoadedNetwork(library, self.program) as network:
                network.run_all(inputs, [array[first:last] for array in results.values()])

        with ThreadPoolExecutor(max_workers=workers) as pool:
            list(pool.map(run_part, pairwise(bounds)))
        return results

    def trace(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Executor.trace`."""
        n = check_feeds(self.program, feeds)
        library = build(self.folder, self.toolchain, None, ("EMG_TRACE",), (Path(__file__).with_name("trace.c"),))
        written = [op.output for op in self.program.ops]
        raw = np.empty((n, sum(self.program.tensors[name].nbytes for name in written)), np.uint8)
        inputs = [np.ascontiguousarray(feeds[name]) for name in self.program.inputs]
        outputs = [self._empty(name, n) for name in self.program.outputs]
        with LoadedNetwork(library, self.program) as network:
            network.trace_into(raw)
            network.run_all(inputs, outputs)
        return unpack(self.program, written, raw.tobytes())

    def _empty(self, name: str, n: int) -> NDArray[Any]:
        tensor = self.program.tensors[name]
        return np.empty((n, *tensor.shape), tensor.dtype)


class LoadedNetwork:
    """A private copy of a network's library; a context, closed when left.

    Parameters
    ----------
    library
        As built.
    program
        What it was built from.
    """

    def __init__(self, library: Path, program: Program) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="emg-edge-")
        copy = shutil.copy(library, Path(self._folder.name) / "network.so")
        self.handle = ctypes.CDLL(str(copy))
        self._run = getattr(self.handle, f"{program.name}_run")
        self._run.restype = None
        getattr(self.handle, f"{program.name}_init")()

    def __enter__(self) -> LoadedNetwork:
        return self

    def __exit__(self, *_: object) -> None:
        _ctypes.dlclose(self.handle._handle)  # noqa: SLF001  ctypes offers no other way to unload
        self._folder.cleanup()

    def run_all(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run every sample of contiguous arrays ``(n, *shape)``, in the order of the program's ports."""
        arrays = [*inputs, *outputs]
        starts = [array.ctypes.data for array in arrays]
        steps = [array.strides[0] for array in arrays]
        for sample in range(len(arrays[0])):
            self._run(*(ctypes.c_void_p(a + sample * s) for a, s in zip(starts, steps, strict=True)))

    def trace_into(self, buffer: NDArray[np.uint8]) -> None:
        """Let a library that was built with ``trace.c`` copy what every layer writes, one behind the other."""
        self.handle.emg_trace_into(ctypes.c_void_p(buffer.ctypes.data))
