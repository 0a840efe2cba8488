"""The manifest of a window store: what every shard holds, readable by anything that reads JSON."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from emg_io._atomic import write_bytes
from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "manifest.json"
VERSION = 1
MAX_BYTES = 256 * 2**20
_SHARD = re.compile(r"shard-\d{5}")
_DTYPES = ("<i1", "|i1", "|u1", "<i2", "<u2", "<i4", "<f4", "<f8")


@dataclass(frozen=True)
class Signal:
    """What all recordings of a store share: channels, dtype on disk, rate in Hz, unit, scale and offset."""

    n_chans: int
    dtype: str
    sfreq: float
    unit: str
    scale: float
    offset: float


@dataclass(frozen=True)
class Shard:
    """One pair of files, ``name.samples`` (time, channels) and ``name.labels`` (time,) int16, with their sha256."""

    name: str
    n_samples: int
    sha256: str
    labels_sha256: str


@dataclass(frozen=True)
class Entry:
    """One recording in a store: ``length`` samples from ``offset`` on in shard number ``shard``."""

    shard: int
    offset: int
    length: int
    subject: str
    session: str
    repetition: int | None
    source: str


@dataclass(frozen=True)
class Manifest:
    """Everything about a store except its samples."""

    signal: Signal
    label_names: Mapping[int, str]
    shards: tuple[Shard, ...] = field(default=())
    entries: tuple[Entry, ...] = field(default=())

    def write(self, folder: Path) -> None:
        """Write the manifest whole or not at all; shards must be on disk before."""
        body = {
            "version": VERSION,
            **asdict(self.signal),
            "label_names": {str(value): name for value, name in self.label_names.items()},
            "shards": [asdict(shard) for shard in self.shards],
            "entries": [asdict(entry) for entry in self.entries],
        }
        write_bytes(folder / NAME, orjson.dumps(body, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check a manifest; anything out of order raises `EmgIoError`."""
        file = folder / NAME
        if not file.is_file():
            raise EmgIoError("not a window store", file=str(folder), place=NAME, expected="a manifest", found="none")
        if file.stat().st_size > MAX_BYTES:
            raise EmgIoError("manifest is too large", file=str(file), expected=f"<= {MAX_BYTES} bytes")
        try:
            manifest = cls._from_json(orjson.loads(file.read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EmgIoError("damaged manifest", file=str(file), place="JSON", found=f"{error!r}") from None
        manifest.check(str(file))
        return manifest

    @classmethod
    def _from_json(cls, body: dict[str, Any]) -> Manifest:
        """Make a manifest of parsed JSON."""
        if body["version"] != VERSION:
            raise ValueError(f"version {body['version']}, not {VERSION}")
        signal = Signal(
            int(body["n_chans"]),
            str(body["dtype"]),
            float(body["sfreq"]),
            str(body["unit"]),
            float(body["scale"]),
            float(body["offset"]),
        )
        names = {int(value): str(name) for value, name in body["label_names"].items()}
        shards = tuple(Shard(**shard) for shard in body["shards"])
        return cls(signal, names, shards, tuple(Entry(**entry) for entry in body["entries"]))

    def check(self, file: str) -> None:
        """Refuse what no writer makes: odd dtypes, names that lead elsewhere, entries outside their shard."""
        if self.signal.dtype not in _DTYPES or self.signal.n_chans < 1 or not self.signal.sfreq > 0:
            raise EmgIoError("damaged manifest", file=file, place="signal", found=str(self.signal))
        for index, shard in enumerate(self.shards):
            if not _SHARD.fullmatch(str(shard.name)) or not _whole(shard.n_samples):
                raise EmgIoError("damaged manifest", file=file, place=f"shard {index}", found=str(shard))
        for index, entry in enumerate(self.entries):
            whole = all(_whole(number) for number in (entry.shard, entry.offset, entry.length))
            if not whole or entry.shard >= len(self.shards):
                raise EmgIoError("damaged manifest", file=file, place=f"entry {index}", found=str(entry))
            if entry.offset + entry.length > self.shards[entry.shard].n_samples:
                raise EmgIoError(
                    "entry reaches beyond its shard",
                    file=file,
                    place=f"entry {index}",
                    expected=f"<= {self.shards[entry.shard].n_samples} samples",
                    found=str(entry.offset + entry.length),
                )


def _whole(value: object) -> bool:
    """Tell whether JSON held a whole number that is not negative."""
    return isinstance(value, int) and value >= 0
