"""The registry: one line a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import edf, epn, grabmyo, hyser, myo_armband, ninapro, npy, uci, wfdb

if TYPE_CHECKING:
    from ._format import Format

_ENTRIES: tuple[Format, ...] = (
    edf.FORMAT,
    epn.FORMAT,
    grabmyo.FORMAT,
    hyser.FORMAT,
    uci.FORMAT,
    myo_armband.FORMAT,
    *ninapro.FORMATS,
    npy.FORMAT,
    wfdb.FORMAT,
)

REGISTRY: dict[str, Format] = {entry.info.name: entry for entry in _ENTRIES}
