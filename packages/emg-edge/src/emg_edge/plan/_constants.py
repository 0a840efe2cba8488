"""What is constant on the device: every distinct table and the operators' structures, and its memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._op import Members
    from emg_edge.program._program import Program

WORD = 4


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A distinct table of constants, used first by ``layer`` as ``field``, and by all ``users``.

    ``key`` names its content; the structure of an operator has the field ``"structure"`` and no key.
    """

    layer: str
    field: str
    nbytes: int
    users: tuple[str, ...]
    level: str = ""
    key: str = ""

    @property
    def held(self) -> int:
        """Bytes that it takes, rounded up to whole words as the linker lays it out."""
        return -(-self.nbytes // WORD) * WORD


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Memories of constants, for printing.

    Parameters
    ----------
    tables
        Memory by key.
    default
        Memory of structures and of what is not listed.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    default: str = "l2"


def content_key(array: NDArray[Any]) -> str:
    """Return a short name of an array's dtype and bytes."""
    content = array.dtype.str.encode() + np.ascontiguousarray(array).tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


def distinct(program: Program) -> list[Constant]:
    """Return every distinct table that is printed, in order of first use."""
    found: dict[str, Constant] = {}
    for op in program.ops:
        for name, member in op.members(*program.operands(op)).items():
            if isinstance(member, np.ndarray):
                key = content_key(member)
                plain = name.rpartition(".")[2]
                first = found.setdefault(
                    key, Constant(layer=op.name, field=plain, nbytes=member.nbytes, users=(), key=key)
                )
                found[key] = replace(first, users=(*first.users, op.name))
    return list(found.values())


def structures(program: Program, level: str) -> list[Constant]:
    """Return the operators' constant structures, all in one memory."""
    sizes = [structure_bytes(op.members(*program.operands(op))) for op in program.ops]
    return [
        Constant(layer=op.name, field="structure", nbytes=nbytes, users=(op.name,), level=level)
        for op, nbytes in zip(program.ops, sizes, strict=True)
    ]


def structure_bytes(members: Members) -> int:
    """Return the bytes of a C structure on a 32-bit device: one word a pointer, integer or type, more for arrays."""
    return WORD * sum(len(member) if isinstance(member, tuple) else 1 for member in members.values())
