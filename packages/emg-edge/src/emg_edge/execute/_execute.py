"""Three ways to run one program that must agree bit for bit: reference, host C, rv32 C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError

from ._executor import Executor, ReferenceExecutor
from ._library import HostExecutor
from ._process import Rv32Executor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emg_edge.program._program import Program

EXECUTORS: dict[str, Callable[[Program, Path], Executor]] = {"c": HostExecutor, "rv32": Rv32Executor}
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
