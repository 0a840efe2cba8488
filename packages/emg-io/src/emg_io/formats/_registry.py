"""The registry: one line a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import myo_armband, ninapro, uci

if TYPE_CHECKING:
    from ._format import Format

_ENTRIES: tuple[Format, ...] = (
    uci.FORMAT,
    myo_armband.FORMAT,
    *ninapro.FORMATS,
)

REGISTRY: dict[str, Format] = {entry.info.name: entry for entry in _ENTRIES}
