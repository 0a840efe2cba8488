"""What a program costs where it will run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emg_edge.plan._plan import plan_arena

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.program._op import Op
    from emg_edge.program._program import Program
    from emg_edge.program._tensor import Tensor


@dataclass(frozen=True, kw_only=True)
class Price:
    """How a target counts.

    Parameters
    ----------
    cycles
        Modelled cycles of a program, or None where the target models none.
    op_cycles
        Modelled cycles of one operator on the given tensors, likewise.
    """

    cycles: Callable[[Program], int] | None = None
    op_cycles: Callable[[Op, list[Tensor], Tensor], float] | None = None

    def nbytes(self, program: Program) -> int:
        """Return the bytes of constants and of the arena of activations."""
        return program.constant_bytes + plan_arena(program).nbytes
