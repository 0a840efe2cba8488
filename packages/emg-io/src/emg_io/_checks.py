"""What must hold of a recording when it is made: its description, and arrays that come from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._errors import EmgIoError
from ._source import Content, Track

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ._recording import Recording

UNITS = ("V", "mV", "uV", "adc", "unknown")


def check_description(recording: Recording) -> None:
    """Refuse an unknown unit, a calibration, a layout or channel names that do not fit the channels."""
    file, n_chans = recording.source, recording.n_chans
    if recording.unit not in UNITS:
        raise EmgIoError("unknown unit", file=file, place="unit", expected="|".join(UNITS), found=recording.unit)
    for place, values in (("scale", recording.scale), ("offset", recording.offset)):
        _check_calibration(file, place, values, n_chans)
    if recording.layout.n_chans != n_chans:
        raise EmgIoError(
            "layout and channel count disagree",
            file=file,
            place="layout",
            expected=f"{n_chans} channels",
            found=str(recording.layout.n_chans),
        )
    if len(recording.channels) != n_chans or len(set(recording.channels)) != n_chans:
        raise EmgIoError(
            "channel names do not name the channels",
            file=file,
            place="channels",
            expected=f"{n_chans} different names",
            found=str(recording.channels),
        )


def _check_calibration(file: str, place: str, values: float | tuple[float, ...], n_chans: int) -> None:
    """Refuse what is neither a finite number nor a tuple of one for each channel."""
    fits = len(values) == n_chans if isinstance(values, tuple) else np.ndim(values) == 0
    if not fits or not np.all(np.isfinite(values)):
        raise EmgIoError(
            "not a calibration",
            file=file,
            place=place,
            expected=f"a finite number, or {n_chans} of them",
            found=str(values),
        )


def in_memory(
    raw: NDArray[np.generic],
    sfreq: float,
    labels: NDArray[np.integer] | None,
    label_names: Mapping[int, str] | None,
    timestamps: NDArray[np.float64] | None,
) -> Content:
    """Copy and check arrays that make a recording; see `Recording.from_array`."""
    raw = np.array(raw)
    if raw.ndim != 2 or raw.dtype.kind not in "iuf" or not 0 < sfreq < np.inf:
        raise EmgIoError(
            "not a recording",
            place="raw, sfreq",
            expected="real numbers (channels, time) and a finite rate > 0",
            found=f"{raw.dtype} {raw.shape}, {sfreq}",
        )
    tracks = {} if labels is None else {"label": Track("label", _whole(labels), dict(label_names or {}))}
    stamps = None if timestamps is None else np.array(timestamps, float)
    _same_length(raw.shape[1], tracks, stamps)
    return Content(stamps, tracks, raw=raw, sfreq=sfreq)


def _whole(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return a copy of labels, which must be a row of integers."""
    values = np.array(labels)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise EmgIoError(
            "not labels", place="labels", expected="(time,) integers", found=f"{values.dtype} {values.shape}"
        )
    return values


def _same_length(n_samples: int, tracks: Mapping[str, Track], timestamps: NDArray[np.float64] | None) -> None:
    """Refuse annotations that do not cover the samples one to one, and clocks that run backwards."""
    lengths = {name: len(track.values) for name, track in tracks.items()}
    if timestamps is not None:
        lengths["timestamps"] = len(timestamps)
        if not (np.all(np.isfinite(timestamps)) and np.all(np.diff(timestamps) > 0)):
            raise EmgIoError("clock runs backwards", place="timestamps", expected="finite, strictly increasing seconds")
    wrong = {name: length for name, length in lengths.items() if length != n_samples}
    if wrong:
        raise EmgIoError("lengths disagree", place=", ".join(wrong), expected=f"{n_samples} samples", found=str(wrong))
