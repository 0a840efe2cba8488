"""The registry: one line a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    bids,
    biosppy,
    capgmyo,
    csl,
    csv,
    edf,
    emgflow,
    epn,
    flexemg,
    fors,
    gaddy,
    grabmyo,
    hyser,
    longterm,
    myo_armband,
    myo_readings,
    ninapro,
    npy,
    one_subject_myo,
    openhdemg,
    threedc,
    uci,
    wfdb,
    xdf,
)

if TYPE_CHECKING:
    from ._format import Format

_ENTRIES: tuple[Format, ...] = (
    bids.FORMAT,
    biosppy.FORMAT,
    *capgmyo.FORMATS,
    csl.FORMAT,
    csv.FORMAT,
    edf.FORMAT,
    emgflow.FORMAT,
    epn.FORMAT,
    flexemg.FORMAT,
    fors.FORMAT,
    gaddy.FORMAT,
    grabmyo.FORMAT,
    hyser.FORMAT,
    longterm.FORMAT,
    myo_readings.FORMAT,
    threedc.FORMAT,
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
