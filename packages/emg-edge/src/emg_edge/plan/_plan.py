"""Where every activation lives: lifetimes and offsets in one static arena, checked after they were chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError

from ._pack import ALIGNMENT, Buffer, pack

if TYPE_CHECKING:
    from emg_edge.program._program import Program

DOUBLE = 8  # alignment of the arena as a whole


@dataclass(frozen=True, kw_only=True)
class ArenaPlan:
    """Offsets of all buffers.

    Parameters
    ----------
    buffers
        Activations, scratch, inputs and outputs.
    nbytes
        Size of the arena.
    lower_bound
        Largest sum of live bytes at one operator: no plan without recomputation is smaller.
    live
        Live arena bytes at each operator.
    """

    buffers: tuple[Buffer, ...]
    nbytes: int
    lower_bound: int
    live: tuple[int, ...]

    @property
    def peak(self) -> int:
        """Index of the operator at which most arena bytes are live."""
        return max(range(len(self.live)), key=self.live.__getitem__)

    @property
    def held(self) -> int:
        """Bytes of the arena as the linker lays it out: at least one double word, in whole ones."""
        return -(-max(self.nbytes, DOUBLE) // DOUBLE) * DOUBLE

    @property
    def caller_bytes(self) -> int:
        """Bytes of inputs and outputs, owned by the caller."""
        return sum(b.nbytes for b in self.buffers if not b.in_arena)

    def buffer(self, name: str) -> Buffer:
        """Return a tensor's buffer by the tensor's name."""
        return next(b for b in self.buffers if b.name == name and b.kind != "scratch")

    def scratch(self, index: int) -> Buffer | None:
        """Return the scratch buffer of the operator at ``index``, or None when it needs none."""
        return next((b for b in self.buffers if b.kind == "scratch" and b.first == index), None)

    def verify(self) -> None:
        """Prove that no two buffers that are live together share a byte, and that all lie inside the arena.

        Raises
        ------
        EmgEdgeError
            Naming both buffers and the byte.
        """
        inside = [b for b in self.buffers if b.in_arena]
        for i, one in enumerate(inside):
            if one.offset % ALIGNMENT or one.offset < 0 or one.end > self.nbytes:
                raise EmgEdgeError(
                    f"buffer {one.name!r} at {one.offset} with {one.nbytes} bytes leaves the arena of {self.nbytes} "
                    f"bytes or is not {ALIGNMENT}-aligned; plan again"
                )
            for other in inside[i + 1 :]:
                if one.meets(other) and one.offset < other.end and other.offset < one.end:
                    raise EmgEdgeError(
                        f"buffers {one.name!r} and {other.name!r} are live together and share byte "
                        f"{max(one.offset, other.offset)}; plan again"
                    )


def lifetimes(program: Program) -> list[Buffer]:
    """Return every tensor and scratch area with its first and last operator, offsets still 0."""
    last = {name: len(program.ops) - 1 for name in program.outputs}
    first = dict.fromkeys(program.inputs, 0)
    for index, op in enumerate(program.ops):
        first[op.output] = index
        for name in (op.output, *op.inputs):
            last[name] = max(index, last.get(name, 0))
    buffers = [
        Buffer(
            name=name,
            kind=_kind(program, name),
            nbytes=program.tensors[name].nbytes,
            first=start,
            last=last.get(name, 0),
        )
        for name, start in first.items()
    ]
    return buffers + _scratches(program)


def plan_arena(program: Program) -> ArenaPlan:
    """Place all buffers so that the arena is as small as `pack` finds it.

    Parameters
    ----------
    program
        A verified program.

    Returns
    -------
    ArenaPlan
        Already verified.

    Raises
    ------
    EmgEdgeError
        When an output is an input, or the program is empty: nothing would be computed.
    """
    both = sorted(set(program.inputs) & set(program.outputs))
    if both or not program.ops:
        raise EmgEdgeError(f"program {program.name!r} computes nothing for {both or 'any output'}; remove it")
    waiting = lifetimes(program)
    live = tuple(_live_bytes(waiting, index) for index in range(len(program.ops)))
    placed = pack([b for b in waiting if b.in_arena], max(live))
    plan = ArenaPlan(
        buffers=(*sorted(placed, key=lambda b: (b.first, b.offset)), *(b for b in waiting if not b.in_arena)),
        nbytes=max((b.end for b in placed), default=0),
        lower_bound=max(live),
        live=live,
    )
    plan.verify()
    return plan


def _kind(program: Program, name: str) -> str:
    """Return the kind of a tensor's buffer."""
    if name in program.inputs:
        return "input"
    return "output" if name in program.outputs else "activation"


def _scratches(program: Program) -> list[Buffer]:
    """Return the operators' working memories."""
    sizes = [op.scratch_bytes(*program.operands(op)) for op in program.ops]
    return [
        Buffer(name=f"{op.name} (scratch)", kind="scratch", nbytes=size, first=index, last=index)
        for index, (op, size) in enumerate(zip(program.ops, sizes, strict=True))
        if size
    ]


def _live_bytes(buffers: list[Buffer], index: int) -> int:
    """Return the aligned bytes of the arena that are live at one operator."""
    return sum(b.end - b.offset for b in buffers if b.in_arena and b.first <= index <= b.last)
