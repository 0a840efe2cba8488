"""WFDB records written: a header and one signal file, checksums included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._wfdb_samples import PACKINGS, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SignalText:
    """What the header says of one signal: ``gain(baseline)/unit`` and its description."""

    name: str
    gain: float = 200.0
    baseline: int = 0
    unit: str = "mV"


def record_bytes(
    name: str, samples: NDArray[np.integer], signals: Sequence[SignalText], sfreq: float, kind: int = 16
) -> dict[str, bytes]:
    """Write a record.

    Parameters
    ----------
    name
        Of the record; letters, digits and underscores.
    samples
        (channels, time) integers within the range of the format.
    signals
        One a channel.
    sfreq
        Rate in Hz, > 0.
    kind
        Storage format: 16, 24, 32, 61, 80, 160, 212, 310 or 311.

    Returns
    -------
    dict
        Content by file name: ``NAME.hea`` and ``NAME.dat``.
    """
    lines = [f"{name} {len(signals)} {sfreq:.17g} {samples.shape[1]}"]
    for signal, row in zip(signals, samples, strict=True):
        checksum = ((int(row.sum(dtype=np.int64)) + 2**15) & 0xFFFF) - 2**15
        calibration = f"{signal.gain:.17g}({signal.baseline})/{signal.unit}"
        first = int(row[0]) if len(row) else 0
        lines.append(f"{name}.dat {kind} {calibration} {PACKINGS[kind].bits} 0 {first} {checksum} 0 {signal.name}")
    interleaved = np.ascontiguousarray(samples.T).reshape(-1)
    return {f"{name}.hea": ("\n".join(lines) + "\n").encode(), f"{name}.dat": encode(interleaved, kind)}
