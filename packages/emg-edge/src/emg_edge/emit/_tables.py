"""Arrays as C text; equal arrays are printed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.plan._constants import Placement, content_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_LINE = 24


@dataclass(frozen=True)
class CTable:
    """One printed array."""

    symbol: str
    ctype: str
    size: int
    nbytes: int
    text: str
    level: str = ""


@dataclass
class TablePrinter:
    """Gives every distinct array a symbol, in the order of first use.

    Parameters
    ----------
    prefix
        Start of every symbol.
    placement
        Memory of every table.
    """

    prefix: str
    placement: Placement = field(default_factory=Placement)
    tables: list[CTable] = field(default_factory=list)
    _known: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def symbol(self, array: NDArray[Any]) -> str:
        """Return the symbol of an array, printing it on first sight."""
        key = (array.dtype.name, np.ascontiguousarray(array).tobytes())
        if key not in self._known:
            name = f"{self.prefix}{len(self.tables):03d}"
            self._known[key] = name
            level = self.placement.tables.get(content_key(array), self.placement.default)
            ctype = f"{array.dtype.name}_t"
            self.tables.append(CTable(name, ctype, array.size, array.nbytes, numbers(array), level.upper()))
        return self._known[key]

    @property
    def nbytes(self) -> int:
        """Bytes of all printed arrays."""
        return sum(table.nbytes for table in self.tables)


def numbers(array: NDArray[Any]) -> str:
    """Return the elements in C order as comma-separated decimal numbers, a few per line."""
    suffix = "u" if array.dtype.kind == "u" else ""
    words = [f"{value}{suffix}" for value in array.ravel().tolist()]
    lines = (words[start : start + PER_LINE] for start in range(0, len(words), PER_LINE))
    return "\n".join("    " + ", ".join(line) + "," for line in lines)
