"""The small JSON file beside an array: rate, axes, unit and layout, all stated, nothing guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 4 * 2**20
MAX_CHANNELS = 100_000
AXES = ("time-first", "channels-first")
EXAMPLE = '{"sfreq": 2000, "unit": "uV", "axis": "time-first"}'
_LAYOUTS = ("ring", "grid", "grids", "rings", "ring+points", "unplaced")
_KEYS: Mapping[str, tuple[type, ...]] = {
    "sfreq": (int, float),
    "unit": (str,),
    "axis": (str,),
    "subject": (str,),
    "session": (str,),
    "task": (str,),
    "repetition": (int,),
    "scale": (int, float, list),
    "offset": (int, float, list),
    "channels": (list,),
    "layout": (dict,),
    "labels": (str,),
    "label_names": (dict,),
    "missing_samples": (int,),
}


@dataclass(frozen=True)
class Sidecar:
    """What the file beside an array says; `Recording` explains the words that it shares."""

    sfreq: float
    unit: str
    time_axis: int
    subject: str
    session: str
    task: str
    repetition: int | None
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]
    channels: tuple[str, ...]
    layout: Layout | None
    labels: str
    label_names: tuple[tuple[int, str], ...]
    missing_samples: int


def parse_sidecar(data: bytes, subject: str, file: str) -> Sidecar:
    """Parse a sidecar; every key is known and of its type, ``sfreq``, ``unit`` and ``axis`` are there."""
    body = _object(data, file)
    for key, value in body.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise _bad(file, ascii(key), f"{_type_names(key)}", ascii(value)[:80])
    sfreq, unit, axis = body["sfreq"], body["unit"], body["axis"]
    if not 0 < sfreq < 1e9:
        raise _bad(file, "sfreq", "Hz, > 0", str(sfreq))
    if unit not in UNITS or axis not in AXES:
        raise _bad(file, "unit, axis", f"{'|'.join(UNITS)} and {'|'.join(AXES)}", ascii((unit, axis))[:80])
    missing = body.get("missing_samples", 0)
    if missing < 0:
        raise _bad(file, "missing_samples", ">= 0", str(missing))
    return Sidecar(
        float(sfreq),
        unit,
        AXES.index(axis),
        body.get("subject", subject),
        body.get("session", "1"),
        body.get("task", ""),
        body.get("repetition"),
        _numbers(body.get("scale", 1.0), "scale", file),
        _numbers(body.get("offset", 0.0), "offset", file),
        _texts(body.get("channels", []), file),
        _layout(body["layout"], file) if "layout" in body else None,
        _beside(body.get("labels", ""), file),
        _names(body.get("label_names", {}), file),
        missing,
    )


def _object(data: bytes, file: str) -> dict[str, Any]:
    """Parse JSON into an object that has the three keys that must be there."""
    if len(data) > MAX_BYTES:
        raise _bad(file, "size", f"<= {MAX_BYTES} bytes", str(len(data)))
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _bad(file, "JSON", "an object", str(error)) from None
    if not isinstance(body, dict) or not {"sfreq", "unit", "axis"} <= set(body):
        raise _bad(file, "keys", f"sfreq, unit and axis, such as {EXAMPLE}", ascii(body)[:80])
    return body


def _numbers(value: float | list[Any], place: str, file: str) -> float | tuple[float, ...]:
    """Return a number or a row of them, finite."""
    values: list[Any] = value if isinstance(value, list) else [value]
    if not values or not all(type(number) in {int, float} and abs(number) < 1e15 for number in values):
        raise _bad(file, place, "a number below 1e15, or one a channel", ascii(value)[:80])
    return tuple(float(number) for number in values) if isinstance(value, list) else float(values[0])


def _texts(values: list[object], file: str) -> tuple[str, ...]:
    """Return names of channels."""
    if not all(isinstance(value, str) and value for value in values):
        raise _bad(file, "channels", "names", ascii(values)[:80])
    return tuple(str(value) for value in values)


def _beside(name: str, file: str) -> str:
    """Return the name of a file in the same folder."""
    if name and ("/" in name or "\\" in name or not name.endswith(".npy") or not name.isprintable()):
        raise _bad(file, "labels", "the name of a .npy file in the same folder", ascii(name)[:80])
    return name


def _names(body: dict[str, object], file: str) -> tuple[tuple[int, str], ...]:
    """Return the meaning of label values."""
    pairs = []
    for key, name in body.items():
        digits = key.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 10 and isinstance(name, str)):
            raise _bad(file, "label_names", 'whole numbers and names, such as {"1": "fist"}', ascii((key, name))[:80])
        pairs.append((int(key), name))
    return tuple(sorted(pairs))


def _layout(body: dict[str, Any], file: str) -> Layout:
    """Return the layout stated: its kind, and the channel in every cell, -1 where a cell is empty."""
    cells, circular = body.get("cells"), body.get("circular", [False, False])
    pitch = body.get("pitch_mm")
    rows = isinstance(cells, list) and all(isinstance(row, list) and all(type(c) is int for c in row) for row in cells)
    wraps = isinstance(circular, list) and len(circular) == 2 and all(isinstance(wrap, bool) for wrap in circular)
    distance = pitch is None or (type(pitch) in {int, float} and 0 < pitch < 1e4)
    known = set(body) <= {"kind", "cells", "circular", "description", "pitch_mm"} and body.get("kind") in _LAYOUTS
    if not (rows and wraps and distance and known and isinstance(body.get("description", ""), str)):
        raise _bad(
            file, "layout", f"kind ({'|'.join(_LAYOUTS)}), cells, circular, description, pitch_mm", ascii(body)[:80]
        )
    if sum(len(row) for row in cells or ()) > MAX_CHANNELS:
        raise _bad(file, "layout", f"<= {MAX_CHANNELS} cells", "more")
    grid = np.array(cells) if cells and len({len(row) for row in cells}) == 1 and cells[0] else cells
    try:
        return Layout.grid(
            grid if grid is not None else [],
            kind=body["kind"],
            circular=(circular[0], circular[1]),
            description=body.get("description", ""),
            pitch_mm=pitch,
        )
    except EmgIoError as error:
        raise _bad(file, f"layout, {error.place}", error.problem, error.found or "") from None


def _type_names(key: str) -> str:
    """Return what a key may hold, or which keys there are."""
    words = {dict: "object", list: "array", str: "text", int: "whole number", float: "number"}
    return " or ".join(words[kind] for kind in _KEYS[key]) if key in _KEYS else f"one of {', '.join(_KEYS)}"


def _bad(file: str, place: str, expected: str, found: str) -> EmgIoError:
    """Return the error of a sidecar."""
    return EmgIoError("not the description of an array", file=file, place=place, expected=expected, found=found)
