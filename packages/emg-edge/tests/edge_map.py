"""Reads what GNU ld lays out: its map file as rows of input section, address, bytes and object."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ROW = re.compile(r"^ (\.[\w.$-]+|COMMON|\*fill\*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?: (\S+))?\s*$", re.MULTILINE)
_KINDS = {
    "code": (".text",),
    "constants": (".rodata", ".srodata"),
    "data": (".data", ".sdata", ".bss", ".sbss", "COMMON"),
}


@dataclass(frozen=True)
class Section:
    """One input section, or a gap (``*fill*``)."""

    name: str
    address: int
    nbytes: int
    source: str


def read_map(text):
    """Every input section that was placed in memory, in order of address."""
    placed = text[text.index("Linker script and memory map") :]
    placed = re.sub(r"^( \.[\w.$-]+)\n\s+", r"\1 ", placed, flags=re.MULTILINE)
    rows = [Section(name, int(at, 16), int(size, 16), source) for name, at, size, source in _ROW.findall(placed)]
    return sorted((row for row in rows if row.nbytes and row.address), key=lambda row: row.address)


def totals(rows):
    """Bytes of code, constants and data; gaps count with what stands in front of them."""
    sums, kind = dict.fromkeys(_KINDS, 0), None
    for row in rows:
        if row.name != "*fill*":
            kind = next((name for name, starts in _KINDS.items() if row.name.startswith(starts)), None)
        if kind:
            sums[kind] += row.nbytes
    return sums
