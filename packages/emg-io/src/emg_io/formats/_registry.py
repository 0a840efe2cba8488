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
    emg2pose,
    emg2qwerty,
    emgflow,
    epn,
    flexemg,
    flexwear,
    fors,
    gaddy,
    grabmyo,
    hyser,
    longterm,
    myo_armband,
    myo_readings,
    neuromotor,
    ninapro,
    npy,
    one_subject_myo,
    openhdemg,
    putemg,
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
    emg2pose.FORMAT,
    emg2qwerty.FORMAT,
    emgflow.FORMAT,
    epn.FORMAT,
    flexemg.FORMAT,
    flexwear.FORMAT,
    fors.FORMAT,
    gaddy.FORMAT,
    grabmyo.FORMAT,
    hyser.FORMAT,
    longterm.FORMAT,
    myo_readings.FORMAT,
    threedc.FORMAT,
    uci.FORMAT,
    myo_armband.FORMAT,
    *neuromotor.FORMATS,
    *ninapro.FORMATS,
    npy.FORMAT,
    one_subject_myo.FORMAT,
    openhdemg.FORMAT,
    putemg.FORMAT,
    wfdb.FORMAT,
    xdf.FORMAT,
)

REGISTRY: dict[str, Format] = {entry.info.name: entry for entry in _ENTRIES}
