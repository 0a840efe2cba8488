"""Test vectors: inputs, expected outputs, and a CRC of every layer, from the integer reference."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.program._program import run_reference

from ._names import ctype
from ._tables import CTable, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._program import Program


def vector_tables(program: Program, feeds: Mapping[str, NDArray[Any]]) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of vectors and the arrays to print: ports by their C names, and ``crc``.

    Parameters
    ----------
    program
        A verified program.
    feeds
        One quantised array ``(n, *shape)`` per input, n >= 1.
    """
    n = min((len(feeds[name]) for name in program.inputs), default=0)
    if n < 1:
        raise EmgEdgeError("a project needs at least one test vector; give one sample of every input")
    values = run_reference(program, {name: feeds[name][:n] for name in program.inputs})
    named = [(f"input{i}", name) for i, name in enumerate(program.inputs)]
    named += [(f"output{i}", name) for i, name in enumerate(program.outputs)]
    rows = [_row(port, ctype(program.tensors[name]), values[name]) for port, name in named]
    crc = [[zlib.crc32(np.ascontiguousarray(values[op.output][i]).tobytes()) for op in program.ops] for i in range(n)]
    return n, [*rows, _row("crc", "uint32_t", np.array(crc, np.uint32))]


def _row(name: str, c: str, array: NDArray[Any]) -> dict[str, Any]:
    return vars(CTable(name, c, array.size, array.nbytes, numbers(array))) | {"name": name}
