"""The manifest of a window store: what every shard holds, readable by anything that reads JSON."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from emg_io._atomic import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emg_io._layout import Layout

NAME = "manifest.json"
PLAN = "plan.json"
VERSION = 2
SHARD_NAME = "shard-{:05d}"
TRACK_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
DTYPES = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<f4", "<f8")


@dataclass(frozen=True)
class Signal:
    """What all recordings of a store share: channels, dtype on disk, rate in Hz, unit."""

    n_chans: int
    dtype: str
    sfreq: float
    unit: str


@dataclass(frozen=True)
class Calibration:
    """``signal = stored * scale + offset``: one number, or one per channel."""

    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]


@dataclass(frozen=True)
class Montage:
    """Names of the channels and where they sit."""

    channels: tuple[str, ...]
    layout: Layout


@dataclass(frozen=True)
class Shard:
    """Files ``name.samples`` (time, channels) and ``name.TRACK`` (time,) int16, with the sha256 of each kind."""

    name: str
    n_samples: int
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """One recording in a store: ``length`` samples from ``offset`` on in shard number ``shard``.

    ``calibration`` and ``montage`` count in the manifest's tables. ``cuts`` are samples at which a trial begins that
    did not follow the last one in time: drawn windows do not straddle them. ``source`` is relative to the data set.
    """

    shard: int
    offset: int
    length: int
    calibration: int
    montage: int
    subject: str
    session: str
    task: str
    repetition: int | None
    source: str
    cuts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Parts:
    """A split in the store's coordinates: (entry, start, stop) by part, and the split it comes from."""

    unit: str
    hash: str
    parts: Mapping[str, tuple[tuple[int, int, int], ...]]


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation (divisor n) per channel, in the store's unit, over one part of one split.

    Attributes
    ----------
    part, split_hash
        Whose samples were counted: each once, samples that are not finite left out.
    n_samples
        Samples in the part.
    mean, std
        One float64 per channel; ``std`` is 0 where a channel never changes.
    """

    part: str
    split_hash: str
    n_samples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Manifest:
    """Everything about a store except its samples."""

    signal: Signal
    tracks: Mapping[str, Mapping[int, str]]
    calibrations: tuple[Calibration, ...] = ()
    montages: tuple[Montage, ...] = ()
    shards: tuple[Shard, ...] = ()
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    split: Parts | None = field(default=None, repr=False)
    normalisation: Normalisation | None = field(default=None, repr=False)
    plan: str | None = None

    def write(self, folder: Path) -> None:
        """Write the manifest whole or not at all; shards must be on disk before."""
        body = {
            "version": VERSION,
            **asdict(self.signal),
            "plan": self.plan,
            "tracks": {name: {str(n): text for n, text in sorted(t.items())} for name, t in self.tracks.items()},
            "calibrations": [asdict(calibration) for calibration in self.calibrations],
            "montages": [asdict(montage) for montage in self.montages],
            "normalisation": None if self.normalisation is None else asdict(self.normalisation),
            "split": None if self.split is None else asdict(self.split),
            "shards": [asdict(shard) for shard in self.shards],
            "entries": [vars(entry) for entry in self.entries],
        }
        write_bytes(folder / NAME, _text(body))


def _text(body: Mapping[str, Any]) -> bytes:
    """Return JSON with a line for every shard and entry, so that people and diff can read it."""
    lines = []
    for key, value in body.items():
        text = orjson.dumps(value)
        if key in {"shards", "entries", "calibrations", "montages"} and value:
            text = b"[\n  " + b",\n  ".join(orjson.dumps(item) for item in value) + b"\n ]"
        lines.append(orjson.dumps(key) + b": " + text)
    return b"{\n " + b",\n ".join(lines) + b"\n}\n"
