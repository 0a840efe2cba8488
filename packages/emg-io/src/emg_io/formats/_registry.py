"""The registry: one line a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    bids,
    capgmyo,
    csl,
    edf,
    epn,
    flexemg,
    fors,
    gaddy,
    grabmyo,
    hyser,
    myo_armband,
    ninapro,
    npy,
    one_subject_myo,
    openhdemg,
    uci,
    wfdb,
    xdf,
)

if TYPE_CHECKING:
    from ._format import Format

_ENTRIES: tuple[Format, ...] = (
    bids.FORMAT,
    *capgmyo.FORMATS,
    csl.FORMAT,
    edf.FORMAT,
    epn.FORMAT,
    flexemg.FORMAT,
    fors.FORMAT,
    gaddy.FORMAT,
    grabmyo.FORMAT,
    hyser.FORMAT,
    uci.FORMAT,
    myo_armband.FORMAT,
    *ninapro.FORMATS,
    npy.FORMAT,
    one_subject_myo.FORMAT,
    openhdemg.FORMAT,
    wfdb.FORMAT,
    xdf.FORMAT,
)

REGISTRY: dict[str, Format] = {entry.info.name: entry for entry in _ENTRIES}
