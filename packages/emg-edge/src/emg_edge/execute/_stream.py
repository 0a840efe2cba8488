"""A compiled model at work on a live signal: codes in, events out, the same bits by reference, host C and rv32 C."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.frontend._state import FrontEndState, check_codes

from ._build import build
from ._executor import ReferenceExecutor
from ._library import HostExecutor, LoadedNetwork
from ._process import Rv32Executor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from emg_edge.frontend._frontend import FrontEnd
    from emg_edge.program._program import Program


MOST_CODES = 1 << 30
"""Of one call: the C counts them in 32 bits."""


@dataclass(frozen=True, kw_only=True)
class StreamEvent:
    """What the network said about one window.

    Parameters
    ----------
    sample
        Index of the window's newest frame, counted from 0 at the start of the stream.
    label
        Largest element of the first output, the first of equals.
    outputs
        Every output as stored integers, by name, without batch axis.
    """

    sample: int
    label: int
    outputs: dict[str, NDArray[Any]]


class Stream(ABC):
    """Takes codes as they come; chunks of any size give the events of the whole recording."""

    def __init__(self, program: Program, front: FrontEnd) -> None:
        self.program = program
        self.front = front

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what the stream holds; nothing where it holds nothing."""
        del self

    @abstractmethod
    def reset(self) -> None:
        """Forget everything, as ``<name>_init`` does."""

    @abstractmethod
    def push(self, codes: NDArray[Any]) -> list[StreamEvent]:
        """Take the next codes, integers ``(channels, n)`` for any n >= 0; return the events that they complete.

        Raises
        ------
        EmgEdgeError
            Shape or dtype do not fit.
        """

    def _event(self, sample: int, flat: Iterable[NDArray[Any]]) -> StreamEvent:
        names = self.program.outputs
        outputs = {
            name: array.reshape(self.program.tensors[name].shape) for name, array in zip(names, flat, strict=True)
        }
        return StreamEvent(sample=sample, label=int(outputs[names[0]].argmax()), outputs=outputs)


class ReferenceStream(Stream):
    """The integer reference of front end and network."""

    def __init__(self, program: Program, front: FrontEnd) -> None:
        super().__init__(program, front)
        self._state = FrontEndState(front)
        self._executor = ReferenceExecutor(program)

    def reset(self) -> None:
        """See `Stream.reset`."""
        self._state.reset()

    def push(self, codes: NDArray[Any]) -> list[StreamEvent]:
        """See `Stream.push`."""
        found = self._state.push(codes)
        if not len(found.x):
            return []
        shape = self.program.tensors[self.front.tensor].shape
        values = self._executor.run({self.front.tensor: found.x.reshape(-1, *shape)})
        rows = zip(*(values[name] for name in self.program.outputs), strict=True)
        return [self._event(sample, row) for sample, row in zip(found.sample.tolist(), rows, strict=True)]


class HostStream(Stream):
    """The C project built for this machine and loaded into this process, a copy for every stream; close it.

    Parameters
    ----------
    program, front
        What the project was printed from.
    folder
        The C project.
    """

    def __init__(self, program: Program, front: FrontEnd, folder: Path) -> None:
        super().__init__(program, front)
        self._network = LoadedNetwork(build(Path(folder).resolve(), HostExecutor.toolchain, None), program)
        self._push = getattr(self._network.handle, f"{program.name}_push")
        self._record = event_type(program)()

    def close(self) -> None:
        """See `Stream.close`."""
        self._network.__exit__()

    def reset(self) -> None:
        """See `Stream.reset`."""
        getattr(self._network.handle, f"{self.program.name}_init")()

    def push(self, codes: NDArray[Any]) -> list[StreamEvent]:
        """See `Stream.push`."""
        frames = np.ascontiguousarray(check_codes(self.front, codes).T)
        events, at = [], 0
        while at < len(frames):
            start = ctypes.c_void_p(frames.ctypes.data + at * frames.strides[0])
            at += self._push(
                start,
                ctypes.c_int32(min(len(frames) - at, MOST_CODES // self.front.n_chans)),
                ctypes.byref(self._record),
            )
            if self._record.ready:
                events.append(self._event(self._record.sample, _outputs(self.program, bytes(self._record))))
        return events


def event_type(program: Program) -> type[ctypes.Structure]:
    """Return the C structure of an event."""
    sizes = {"int8": ctypes.c_int8, "int16": ctypes.c_int16, "int32": ctypes.c_int32}
    tensors = [program.tensors[name] for name in program.outputs]
    outputs: list[Any] = [(f"output{i}", sizes[t.dtype] * t.size) for i, t in enumerate(tensors)]
    head: list[Any] = [("sample", ctypes.c_int64), ("ready", ctypes.c_int32), ("label", ctypes.c_int32)]
    return type("Event", (ctypes.Structure,), {"_fields_": head + outputs})


def _outputs(program: Program, raw: bytes) -> list[NDArray[Any]]:
    """Return the outputs in an event's bytes."""
    kind, found = event_type(program), []
    for index, name in enumerate(program.outputs):
        tensor = program.tensors[name]
        offset = getattr(kind, f"output{index}").offset
        found.append(np.frombuffer(raw, tensor.dtype, tensor.size, offset).copy())
    return found


class Rv32Stream(Stream):
    """The C project under QEMU. A simulator cannot be held between two pushes: every push replays what came before.

    Parameters
    ----------
    program, front
        What the project was printed from.
    folder
        The C project.
    """

    def __init__(self, program: Program, front: FrontEnd, folder: Path) -> None:
        super().__init__(program, front)
        self._runner = Rv32Executor(program, Path(folder))
        self.reset()

    def reset(self) -> None:
        """See `Stream.reset`."""
        self._chunks: list[NDArray[Any]] = []
        self._told = 0
        self.instructions = 0

    def push(self, codes: NDArray[Any]) -> list[StreamEvent]:
        """See `Stream.push`; ``instructions`` then counts those of all pushes."""
        self._chunks.append(np.ascontiguousarray(check_codes(self.front, codes).T))
        words = [np.int32(len(chunk)).tobytes() + chunk.tobytes() for chunk in self._chunks]
        raw, self.instructions = _simulate(self._runner, b"".join(words))
        kind = event_type(self.program)
        size = ctypes.sizeof(kind)
        if len(raw) % size:
            raise EmgEdgeError(f"the runner wrote {len(raw)} bytes, not a multiple of {size}; build the project again")
        parts = [raw[at : at + size] for at in range(0, len(raw), size)][self._told :]
        self._told += len(parts)
        return [self._event(kind.from_buffer_copy(part).sample, _outputs(self.program, part)) for part in parts]


def _simulate(runner: Rv32Executor, content: bytes) -> tuple[bytes, int]:
    """Push a file of chunks; return what was written, and the instructions."""
    binary = build(runner.folder, runner.toolchain, "test_stream.c")
    command, limit = runner.command(binary)
    with tempfile.TemporaryDirectory(prefix="emg-edge-") as scratch:
        folder = Path(scratch)
        (folder / "input.bin").write_bytes(content)
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=limit, check=False)  # noqa: S603  own binary
        except subprocess.TimeoutExpired as error:
            raise EmgEdgeError(f"rv32 did not finish in {limit} s; push fewer frames") from error
        if done.returncode:
            raise EmgEdgeError(f"the rv32 stream ended with status {done.returncode}; build the project again")
        return (folder / "output.bin").read_bytes(), int(np.fromfile(folder / "count.bin", np.uint64)[0])


def get_stream(backend: str, program: Program, front: FrontEnd, folder: Path) -> Stream:
    """Return a stream by backend name.

    Raises
    ------
    EmgEdgeError
        When there is none of that name.
    """
    kinds = {"c": HostStream, "rv32": Rv32Stream}
    if backend == "reference":
        return ReferenceStream(program, front)
    if backend not in kinds:
        raise EmgEdgeError(f"backend {backend!r} is not known; choose one of reference, {', '.join(kinds)}")
    return kinds[backend](program, front, folder)
