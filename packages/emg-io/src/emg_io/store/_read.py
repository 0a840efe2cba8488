"""Reading a manifest from a stranger: every number bounded, every name checked, nothing that no writer makes."""

from __future__ import annotations

import math
import re
import stat
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import UNITS

from ._manifest import (
    DTYPES,
    NAME,
    PLAN,
    SHARD_NAME,
    TRACK_NAME,
    VERSION,
    Calibration,
    Entry,
    Manifest,
    Montage,
    Normalisation,
    Parts,
    Shard,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 512 * 2**20
MAX_CHANNELS = 65_536
MAX_SAMPLES = 2**45
_HEX = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("subject", "session", "task", "source")
_COUNTS = ("shard", "offset", "length", "calibration", "montage")


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a folder; anything out of order raises `EmgIoError`."""
    file = folder / NAME
    _refuse_link_or_size(folder, file)
    try:
        body = orjson.loads(file.read_bytes())
    except (ValueError, OSError) as error:
        raise EmgIoError("damaged manifest", file=str(file), place="JSON", found=str(error)) from None
    if not isinstance(body, dict) or not _count(body.get("version")):
        raise EmgIoError("damaged manifest", file=str(file), place="version", expected=str(VERSION), found="none")
    if body["version"] != VERSION:
        older = body["version"] < VERSION
        raise EmgIoError(
            f"store was written by {'an older' if older else 'a newer'} emg-io: "
            f"{'prepare the data set again' if older else 'upgrade this one'}",
            file=str(file),
            place="version",
            expected=str(VERSION),
            found=str(body["version"]),
        )
    return _Reader(body, str(file)).manifest()


def _refuse_link_or_size(folder: Path, file: Path) -> None:
    """Refuse a manifest that is not there, is no plain file, or is larger than any writer makes."""
    try:
        status = file.lstat()
    except OSError:
        if (folder / PLAN).is_file():
            raise EmgIoError(
                "store is unfinished: run prepare again with the same arguments to resume it",
                file=str(folder),
                place=NAME,
                expected="a manifest, which is written last",
                found=f"a plan and {len(list(folder.glob('shard-*.json')))} finished shards",
            ) from None
        raise EmgIoError(
            "not a window store", file=str(folder), place=NAME, expected="a manifest", found="none"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise EmgIoError("manifest is no plain file", file=str(file), expected="a file", found="a link or a device")
    if status.st_size > MAX_BYTES:
        raise EmgIoError("manifest is too large", file=str(file), expected=f"<= {MAX_BYTES} bytes")


class _Reader:
    """Turns parsed JSON into a manifest, field by field."""

    def __init__(self, body: dict[str, Any], file: str) -> None:
        self.body, self.file = body, file

    def manifest(self) -> Manifest:
        """Return the manifest, all of it checked."""
        try:
            signal = self.signal()
            tracks = self.tracks()
            calibrations = tuple(
                self.calibration(place, item, signal.n_chans) for place, item in self.items("calibrations")
            )
            montages = tuple(self.montage(place, item, signal.n_chans) for place, item in self.items("montages"))
            shards = tuple(self.shard(n, place, item, tracks) for n, (place, item) in enumerate(self.items("shards")))
            entries = tuple(self.entry(place, item) for place, item in self.items("entries"))
            self.refuse_strays(entries, shards, len(calibrations), len(montages))
            split = self.split(entries)
            plan = self.body["plan"]
            self.require(plan is None or _hex(plan), "plan", plan)
            return Manifest(
                signal, tracks, calibrations, montages, shards, entries, split, self.normalisation(signal, split), plan
            )
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
            if isinstance(error, EmgIoError):
                raise
            raise EmgIoError("damaged manifest", file=self.file, place="fields", found=f"{error!r:.200}") from None

    def items(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the members of a list of objects, each with its place."""
        found = self.body[key]
        self.require(isinstance(found, list) and all(isinstance(item, dict) for item in found), key, type(found))
        return [(f"{key}, number {n}", item) for n, item in enumerate(found)]

    def require(self, ok: bool, place: str, found: object) -> None:
        """Refuse what is not as a writer makes it."""
        if not ok:
            self.refuse(place, found)

    def refuse(self, place: str, found: object, problem: str = "damaged manifest") -> NoReturn:
        """Raise the error of a place."""
        raise EmgIoError(problem, file=self.file, place=place, found=f"{found!s:.200}")

    def signal(self) -> Signal:
        """Return what all recordings share."""
        body = self.body
        made = Signal(body["n_chans"], body["dtype"], body["sfreq"], body["unit"])
        ok = _count(made.n_chans, MAX_CHANNELS) and made.n_chans > 0 and made.dtype in DTYPES and made.unit in UNITS
        self.require(ok and _number(made.sfreq) and 0 < made.sfreq < 1e9, "signal", made)
        return made

    def tracks(self) -> dict[str, dict[int, str]]:
        """Return the names of every track's values."""
        made: dict[str, dict[int, str]] = {}
        for name, names in self.body["tracks"].items():
            self.require(bool(TRACK_NAME.fullmatch(name)) and name not in {"samples", "json"}, "tracks", name)
            made[name] = {_label(value): text for value, text in names.items()}
            self.require(all(isinstance(text, str) for text in names.values()), f"tracks, {name}", names)
        return made

    def calibration(self, place: str, item: dict[str, Any], n_chans: int) -> Calibration:
        """Return one row of the table of scales and offsets."""
        pair = []
        for key in ("scale", "offset"):
            value = item[key]
            numbers = value if isinstance(value, list) else [value]
            self.require(all(map(_number, numbers)), f"{place}, {key}", value)
            self.require(
                not isinstance(value, list) or len(value) == n_chans, f"{place}, {key}", f"{len(numbers)} numbers"
            )
            pair.append(tuple(map(float, numbers)) if isinstance(value, list) else float(value))
        return Calibration(*pair)

    def montage(self, place: str, item: dict[str, Any], n_chans: int) -> Montage:
        """Return one row of the table of layouts; the layout checks itself."""
        channels, layout = tuple(item["channels"]), item["layout"]
        self.require(
            all(isinstance(name, str) for name in channels) and len(set(channels)) == n_chans == len(channels),
            place,
            channels,
        )
        cells, circular, pitch = layout["cells"], tuple(layout["circular"]), layout["pitch_mm"]
        area = sum(len(row) for row in cells)
        self.require(
            area <= 16 * MAX_CHANNELS and all(type(cell) is int for row in cells for cell in row), place, "cells"
        )
        self.require(len(circular) == 2 and all(type(wrap) is bool for wrap in circular), place, circular)
        self.require(isinstance(layout["kind"], str) and isinstance(layout["description"], str), place, "words")
        self.require(pitch is None or (_number(pitch) and pitch > 0), place, pitch)
        try:
            made = Layout(layout["kind"], tuple(map(tuple, cells)), circular, layout["description"], pitch)
        except EmgIoError as error:
            self.refuse(place, error.found, f"damaged manifest: {error.problem}")
        self.require(made.n_chans == n_chans, place, f"{made.n_chans} channels placed")
        return Montage(channels, made)

    def shard(self, number: int, place: str, item: dict[str, Any], tracks: Mapping[str, object]) -> Shard:
        """Return one shard; its name is its number, its hashes are those of its kinds of file."""
        made = Shard(**item)
        self.require(made.name == SHARD_NAME.format(number) and _count(made.n_samples, MAX_SAMPLES), place, made)
        self.require(set(made.sha256) == {"samples", *tracks} and all(map(_hex, made.sha256.values())), place, made)
        return made

    def entry(self, place: str, item: dict[str, Any]) -> Entry:
        """Return one entry, its own fields checked."""
        made = Entry(**(item | {"cuts": tuple(item["cuts"])}))
        self.require(all(_count(item[key], MAX_SAMPLES) for key in _COUNTS), place, made)
        self.require(all(type(item[key]) is str for key in _TEXTS), place, made)
        self.require(made.repetition is None or type(made.repetition) is int, place, made)
        self.require(all(type(cut) is int for cut in made.cuts), place, made.cuts)
        edges = (0, *made.cuts, made.length)
        self.require(not made.cuts or all(a < b for a, b in pairwise(edges)), place, made.cuts)
        return made

    def refuse_strays(
        self, entries: tuple[Entry, ...], shards: tuple[Shard, ...], n_scales: int, n_montages: int
    ) -> None:
        """Require that entries tile the shards, in order and without a gap, and refer to rows that exist."""
        filled = [0] * len(shards)
        last = 0
        for number, entry in enumerate(entries):
            place = f"entries, number {number}"
            known = last <= entry.shard < len(shards) and entry.calibration < n_scales and entry.montage < n_montages
            self.require(known, place, entry)
            self.require(entry.offset == filled[entry.shard], place, entry)
            filled[entry.shard] += entry.length
            last = entry.shard
        for number, (shard, found) in enumerate(zip(shards, filled, strict=True)):
            if shard.n_samples != found:
                self.refuse(f"shards, number {number}", f"{shard.n_samples} samples, {found} in entries")

    def split(self, entries: tuple[Entry, ...]) -> Parts | None:
        """Return the split; no two spans share a sample, whatever their parts."""
        item = self.body["split"]
        if item is None:
            return None
        made = Parts(item["unit"], item["hash"], {part: tuple(map(tuple, s)) for part, s in item["parts"].items()})
        self.require(all(isinstance(item[key], str) for key in ("unit", "hash")), "split", made.unit)
        spans = sorted((*span, part) for part, spans in made.parts.items() for span in spans)
        for entry, start, stop, part in spans:
            ok = _count(entry, len(entries) - 1) and _count(start) and _count(stop)
            self.require(ok and start < stop <= entries[entry].length, f"split, part {part}", (entry, start, stop))
        for before, after in pairwise(spans):
            if before[0] == after[0] and after[1] < before[2]:
                self.refuse("split", f"{before} and {after}", "spans of a split overlap")
        return made

    def normalisation(self, signal: Signal, split: Parts | None) -> Normalisation | None:
        """Return the statistics; they belong to a part of the split."""
        item = self.body["normalisation"]
        if item is None:
            return None
        made = Normalisation(**(item | {"mean": tuple(item["mean"]), "std": tuple(item["std"])}))
        tied = split is not None and made.split_hash == split.hash and made.part in split.parts
        self.require(tied and _count(made.n_samples), "normalisation", (made.part, made.split_hash))
        for values in (made.mean, made.std):
            self.require(len(values) == signal.n_chans and all(map(_number, values)), "normalisation", values)
        self.require(all(value >= 0 for value in made.std), "normalisation, std", made.std)
        return made


def _count(value: object, limit: int = 2**62) -> bool:
    """Tell whether JSON held a whole number from 0 to a limit."""
    return type(value) is int and 0 <= value <= limit


def _number(value: object) -> bool:
    """Tell whether JSON held a finite number."""
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


def _hex(value: object) -> bool:
    """Tell whether JSON held a sha256."""
    return isinstance(value, str) and bool(_HEX.fullmatch(value))


def _label(text: str) -> int:
    """Return the value that a key stands for; more than 16 bits raise ValueError."""
    value = int(text[:7])
    if str(value) != text or not -(2**15) <= value < 2**15:
        raise ValueError(f"label {text[:20]}")
    return value
