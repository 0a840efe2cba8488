"""WFDB header files (``.hea``): one record line, one line a signal, comments; every field checked, nothing opened.

Own parser because the field's reader follows what a header names, loads records whole and needs a dozen packages.
Source: WFDB Applications Guide, header(5).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from emg_io._errors import EmgIoError

MAX_HEADER_BYTES = 4 * 2**20
MAX_SIGNALS = 4096
MAX_PER_FRAME = 10_000
DEFAULT_SFREQ, DEFAULT_GAIN = 250.0, 200.0

_LINE_CHARS = 4096
_NUMBER = r"[-+]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][-+]?\d{1,3})?"
_WHOLE = r"[-+]?\d{1,18}"
_RECORD = re.compile(
    rf"(?P<name>[^\s/]+)(?:/(?P<segments>\d{{1,9}}))?[ \t]+(?P<signals>\d{{1,9}})"
    rf"(?:[ \t]+(?P<sfreq>{_NUMBER})(?:/{_NUMBER}(?:\({_NUMBER}\))?)?"
    rf"(?:[ \t]+(?P<samples>\d{{1,18}})(?:[ \t]+(?P<time>[\d:.]{{1,30}})(?:[ \t]+(?P<date>[\d/]{{1,30}}))?)?)?)?[ \t]*"
)
_SIGNAL = re.compile(
    rf"(?P<file>\S+)[ \t]+(?P<format>\d{{1,9}})(?:x(?P<per_frame>\d{{1,9}}))?(?::(?P<skew>\d{{1,9}}))?"
    rf"(?:\+(?P<at>\d{{1,18}}))?"
    rf"(?:[ \t]+(?P<gain>{_NUMBER})(?:\((?P<baseline>{_WHOLE})\))?(?:/(?P<unit>\S+))?"
    rf"(?:[ \t]+(?P<bits>{_WHOLE})(?:[ \t]+(?P<zero>{_WHOLE})(?:[ \t]+(?P<first>{_WHOLE})"
    rf"(?:[ \t]+(?P<checksum>{_WHOLE})(?:[ \t]+(?P<block>{_WHOLE})(?:[ \t]+(?P<name>.*?))?)?)?)?)?)?)?[ \t]*"
)


class Signal(NamedTuple):
    """One signal line.

    Attributes
    ----------
    file, at
        Signal file beside the header, and the byte of it at which samples begin.
    format
        Storage format: 16, 212, ...
    per_frame
        Samples in each frame, > 0; the record's rate counts frames.
    skew
        Samples of this signal stored before sample 0.
    gain, baseline, unit
        ``physical = (digital - baseline) / gain`` in ``unit``; a gain that the header does not state is 200 per mV.
    checksum
        Sum of all samples as signed 16 bits, or None.
    name
        Description; ``""`` where there is none.
    calibrated
        Whether the header states a gain.
    """

    file: str
    at: int
    format: int
    per_frame: int
    skew: int
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    name: str
    calibrated: bool


@dataclass(frozen=True)
class WfdbHeader:
    """One header.

    Attributes
    ----------
    record
        Name of the record.
    sfreq
        Frames per second, > 0, finite.
    n_frames
        As declared; None where the header leaves it open.
    start
        Date and time of the first sample as written; ``""`` where there is none.
    signals
        In order of their lines.
    comments
        Text of the comment lines.
    ended
        Whether the last line has an end; if not, the header may be cut.
    """

    record: str
    sfreq: float
    n_frames: int | None
    start: str
    signals: tuple[Signal, ...]
    comments: tuple[str, ...]
    ended: bool


def parse_header(data: bytes, file: str) -> WfdbHeader:
    """Parse a header file.

    Parameters
    ----------
    data
        Whole file.
    file
        Name for error messages.

    Returns
    -------
    WfdbHeader

    Raises
    ------
    EmgIoError
        With the line, where a field breaks the format; also for multi-segment records and signal files elsewhere.
    """
    lines, comments = _lines(data, file)
    if not lines:
        raise _bad(file, 1, "not a WFDB header", "a record line", "no lines but comments")
    match, number = _RECORD.fullmatch(lines[0][1]), lines[0][0]
    if match is None:
        raise _bad(file, number, "not a record line", "name, signals, rate, samples", ascii(lines[0][1][:80]))
    if match["segments"] is not None:
        raise _bad(
            file,
            number,
            "multi-segment record: move this header away and open its segments, each a record",
            "one segment",
            match[0][:80],
        )
    n_signals, sfreq = int(match["signals"]), float(match["sfreq"] or DEFAULT_SFREQ)
    if not 0 < sfreq < math.inf:
        raise _bad(file, number, "impossible rate", "a finite number of Hz > 0", str(match["sfreq"]))
    if not 1 <= n_signals <= MAX_SIGNALS or len(lines) - 1 < n_signals:
        found = f"{n_signals} declared, {len(lines) - 1} described"
        raise _bad(file, number, "wrong number of signals", f"1..{MAX_SIGNALS}, a line each", found)
    signals = tuple(_signal(text, where, file) for where, text in lines[1 : n_signals + 1])
    start = " ".join(part for part in (match["date"], match["time"]) if part)
    return WfdbHeader(
        match["name"], sfreq, int(match["samples"] or 0) or None, start, signals, comments, data.endswith(b"\n")
    )


def _lines(data: bytes, file: str) -> tuple[list[tuple[int, str]], tuple[str, ...]]:
    """Return numbered lines that say something, and the comments."""
    if len(data) > MAX_HEADER_BYTES or b"\0" in data:
        raise _bad(file, 1, "not a WFDB header", f"text of at most {MAX_HEADER_BYTES} bytes", f"{len(data)} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines, comments = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if len(line) > _LINE_CHARS:
            raise _bad(file, number, "line is too long", f"at most {_LINE_CHARS} characters", str(len(line)))
        if stripped.startswith("#"):
            comments.append(stripped[1:].strip())
        elif stripped:
            lines.append((number, stripped))
    return lines, tuple(comments)


def _signal(text: str, number: int, file: str) -> Signal:
    """Parse one signal line."""
    match = _SIGNAL.fullmatch(text)
    if match is None:
        raise _bad(file, number, "not a signal line", "file, format, gain, ...", ascii(text[:80]))
    name, kind, per_frame, skew, at, gain_text, baseline, unit, _, zero, _, checksum, _, description = match.groups()
    if not _is_plain(name):
        raise _bad(file, number, "signal file lies elsewhere", "a plain name beside the header", ascii(name[:80]))
    gain, frame = float(gain_text or 0), int(per_frame or 1)
    if not math.isfinite(gain) or not 1 <= frame <= MAX_PER_FRAME:
        raise _bad(
            file, number, "impossible gain or samples per frame", f"finite, 1..{MAX_PER_FRAME}", ascii(text[:80])
        )
    if gain and not math.isfinite(1.0 / gain):
        raise _bad(file, number, "impossible gain", "a gain that can be inverted", gain_text)
    return Signal(
        file=name,
        at=int(at or 0),
        format=int(kind),
        per_frame=frame,
        skew=int(skew or 0),
        gain=gain or DEFAULT_GAIN,
        baseline=int(baseline if baseline is not None else zero or 0),
        unit=unit or "mV",
        checksum=None if checksum is None else int(checksum),
        name=description or "",
        calibrated=gain != 0,
    )


@lru_cache(maxsize=1024)
def _is_plain(name: str) -> bool:
    """Tell whether a name stays in its folder and names a file."""
    return not set("/\\:") & set(name) and name.strip(".-~") != "" and name.isprintable()


def _bad(file: str, line: int, problem: str, expected: str, found: str) -> EmgIoError:
    """Describe what is wrong with a line."""
    return EmgIoError(problem, file=file, place=f"line {line}", expected=expected, found=found)
