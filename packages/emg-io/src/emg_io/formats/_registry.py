"""The registry: one line a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import csl, edf, epn, flexemg, grabmyo, hyser, myo_armband, ninapro, npy, openhdemg, uci, wfdb

if TYPE_CHECKING:
    from ._format import Format

_ENTRIES: tuple[Format, ...] = (
    csl.FORMAT,
    edf.FORMAT,
    epn.FORMAT,
    flexemg.FORMAT,
    grabmyo.FORMAT,
    hyser.FORMAT,
    uci.FORMAT,
    myo_armband.FORMAT,
    *ninapro.FORMATS,
    npy.FORMAT,
    openhdemg.FORMAT,
    wfdb.FORMAT,
)

REGISTRY: dict[str, Format] = {entry.info.name: entry for entry in _ENTRIES}
