"""The preprocessing that a model declares (``emg.preprocessing``), checked: every key is honoured or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emg_edge._errors import EmgEdgeError

KEY = "emg.preprocessing"
MAX_SECTIONS = 64
MAX_SAMPLES = 1 << 20
_HUGE = 1e100
_LONGEST_NOTE = 400
_REQUIRED = ("sfreq", "unit", "channels", "resample", "filter", "normalisation", "window")
_OPTIONAL = ("grid", "note")
_KINDS = {
    "zscore": ("mean", "std"),
    "zscore-window": ("ddof", "eps", "over"),
    "minmax": ("low", "high", "eps", "over"),
    "scale": ("factor",),
}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is done to a recording before the network reads it, in this order: rate, filter, windows, scale, layout.

    Parameters
    ----------
    sfreq
        Of the model's input, Hz.
    unit
        Of the samples.
    n_chans
        Channels.
    resample
        ``"hold"``, ``"polyphase"`` or None.
    sections
        Second-order sections ``(b0, b1, b2, a0 = 1, a1, a2)``, stable, run causally from rest.
    normalisation
        ``kind`` and its numbers, or None.
    length, hop
        Of windows, in samples.
    places
        (row, column) of every channel for images, and their extents; None for windows (channels, time).
    note
        What the record has no key for, in words; nothing interprets it, so it becomes a warning.
    """

    sfreq: float
    unit: str
    n_chans: int
    resample: str | None
    sections: tuple[tuple[float, ...], ...]
    normalisation: Mapping[str, Any] | None
    length: int
    hop: int
    grid: tuple[int, int] | None = None
    places: tuple[tuple[int, int], ...] | None = None
    note: str = ""


def read_declaration(metadata: Mapping[str, str]) -> Declaration:
    """Return the declaration that a model's metadata holds.

    Parameters
    ----------
    metadata
        The ``emg.*`` strings of an ONNX file.

    Raises
    ------
    EmgEdgeError
        There is none, it is not whole, or a stage of it cannot run live on a device.
    """
    if KEY not in metadata:
        raise EmgEdgeError(
            f"the model declares no preprocessing (metadata {KEY!r}), so there is nothing to make a front end of; "
            "export it with emg-models, or compile without a raw input"
        )
    try:
        record = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise EmgEdgeError(f"{KEY}: not JSON ({error}); export the model again") from None
    if not isinstance(record, Mapping):
        raise _refuse("", record, "an object is required")
    missing = [key for key in _REQUIRED if key not in record]
    unknown = sorted(set(record) - set(_REQUIRED) - set(_OPTIONAL))
    if missing or unknown:
        what = f"lacks {missing}" if missing else f"declares unknown stages {unknown}"
        raise EmgEdgeError(f"{KEY}: {what}; {[*_REQUIRED, *_OPTIONAL]} are known, None where nothing is done")
    return _parse(record)


def _parse(record: Mapping[str, Any]) -> Declaration:
    sfreq, unit, names = record["sfreq"], record["unit"], record["channels"]
    if not _number(sfreq) or sfreq <= 0:
        raise _refuse("sfreq", sfreq, "a rate in Hz above 0 is required")
    if not isinstance(unit, str):
        raise _refuse("unit", unit, "a text is required")
    if not isinstance(names, list) or not 0 < len(names) <= MAX_SAMPLES:
        raise _refuse("channels", names, "a list of names is required")
    length, hop = _window(record["window"])
    if length * len(names) > MAX_SAMPLES:
        raise _refuse("window", record["window"], f"at most {MAX_SAMPLES} samples of all channels are possible")
    grid, places = _grid(record.get("grid"), len(names), length)
    return Declaration(
        sfreq=float(sfreq),
        unit=unit,
        n_chans=len(names),
        resample=_resample(record["resample"], sfreq),
        sections=_sections(record["filter"]),
        normalisation=_normalisation(record["normalisation"], len(names)),
        length=length,
        hop=hop,
        grid=grid,
        places=places,
        note=_note(record.get("note", "")),
    )


def _note(value: object) -> str:
    if not isinstance(value, str):
        raise _refuse("note", value, "a text is required")
    return value[:_LONGEST_NOTE]


def _resample(value: object, sfreq: float) -> str | None:
    if value is None:
        return None
    known = isinstance(value, Mapping) and set(value) == {"method", "sfreq"}
    if not known or value["method"] not in ("hold", "polyphase") or value["sfreq"] != sfreq:  # type: ignore[index]
        raise _refuse("resample", value, f"method 'hold' or 'polyphase' to sfreq {sfreq:g}, or None, is required")
    return str(value["method"])  # type: ignore[index]


def _sections(value: object) -> tuple[tuple[float, ...], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping) or value.get("kind") != "sos" or set(value) != {"kind", "sos", "causal"}:
        raise _refuse("filter", value, "exactly kind 'sos', sos and causal are required; no other filter is known")
    if value["causal"] is not True:
        raise _refuse(
            "filter",
            value["causal"],
            "causal must be True: a zero-phase filter needs the future; train with the causal one",
        )
    rows = value["sos"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_SECTIONS or not all(_numbers(row, 6) for row in rows):
        raise _refuse("filter", rows, f"1 to {MAX_SECTIONS} second-order sections of six numbers are required")
    for index, (_, _, _, a0, a1, a2) in enumerate(rows):
        if a0 != 1 or not abs(a2) < 1 or not abs(a1) < 1 + a2:
            raise _refuse(f"filter section {index}", rows[index], "unstable: a0 = 1 and poles inside the unit circle")
    return tuple(tuple(float(entry) for entry in row) for row in rows)


def _normalisation(value: object, n_chans: int) -> Mapping[str, Any] | None:
    if value is None:
        return None
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if kind == "zscore-recording":
        raise _refuse(
            "normalisation",
            kind,
            "its statistics are those of a whole recording, which no device knows; train with 'zscore' (numbers of "
            "the training windows) or 'zscore-window'",
        )
    if not isinstance(value, Mapping) or kind not in tuple(_KINDS) or set(value) != {"kind", *_KINDS[kind]}:
        raise _refuse("normalisation", value, f"a kind of {sorted(_KINDS)} with exactly its own numbers is required")
    if kind == "zscore":
        fits = _numbers(value["mean"], n_chans) and _numbers(value["std"], n_chans)
        if not fits or not all(entry > 0 for entry in value["std"]):
            raise _refuse("normalisation", value, f"a mean and a std > 0 for each of {n_chans} channels are required")
    numbers = [value[key] for key in ("low", "high", "eps", "factor") if key in value]
    legal = all(map(_number, numbers)) and value.get("eps", 0) >= 0 and value.get("factor", 1) != 0
    if not legal or value.get("over", "channel") not in ("channel", "window") or value.get("ddof", 0) not in (0, 1):
        raise _refuse("normalisation", value, "finite numbers, eps >= 0, ddof 0 or 1, over 'channel' or 'window'")
    if kind == "minmax" and not value["low"] < value["high"]:
        raise _refuse("normalisation", value, "low must be below high")
    return dict(value)


def _window(value: object) -> tuple[int, int]:
    keys = {"length", "hop", "unit"}
    if not isinstance(value, Mapping) or not keys <= set(value) <= keys | {"seconds"} or value["unit"] != "samples":
        raise _refuse("window", value, "length, hop and unit 'samples' are required")
    if not all(isinstance(value[k], int) and not isinstance(value[k], bool) for k in ("length", "hop")):
        raise _refuse("window", value, "length and hop must be whole numbers")
    if not 1 <= value["length"] <= MAX_SAMPLES or not 1 <= value["hop"] < 1 << 30:
        raise _refuse("window", value, f"length 1 to {MAX_SAMPLES} and hop >= 1 are required")
    return value["length"], value["hop"]


def _grid(
    value: object, n_chans: int, length: int
) -> tuple[tuple[int, int] | None, tuple[tuple[int, int], ...] | None]:
    if value is None:
        return None, None
    if not isinstance(value, Mapping) or set(value) != {"rows", "cols", "places"} or length != 1:
        raise _refuse("grid", value, "rows, cols and places, and windows of one sample, are required")
    rows, cols, places = value["rows"], value["cols"], value["places"]
    try:
        found = tuple((int(row), int(col)) for row, col in places)
        cells = sorted((row, col) for row in range(rows) for col in range(cols)) if rows * cols == n_chans else []
    except (TypeError, ValueError):
        found, cells = (), []
    if not cells or sorted(found) != cells:
        raise _refuse("grid", value, f"a place of its own for each of {n_chans} channels is required")
    return (rows, cols), found


def _refuse(key: str, value: object, required: str) -> EmgEdgeError:
    return EmgEdgeError(f"{KEY}: {key}={repr(value)[:200]}: {required}")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


def _numbers(value: object, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(map(_number, value))
