"""One recording: who, when, which electrodes, and samples that are read when asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._checks import UNITS, check_description, in_memory
from ._errors import EmgIoError
from ._layout import Layout
from ._resample import resampled
from ._source import Aux, Event, InMemory, Source, Track

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike, NDArray

__all__ = ["UNITS", "Recording", "Segment", "runs"]

_BLOCK, _N_BLOCKS = 256, 16


class Segment(NamedTuple):
    """Maximal run of one value: samples ``start`` (included) to ``stop`` (excluded)."""

    start: int
    stop: int
    value: int


@dataclass(frozen=True)
class Recording:
    """One recording, lazy and picklable; arrays are (channels, time).

    Attributes
    ----------
    subject, session
        Identifiers as the data set writes them.
    repetition
        Number of the trial where one recording is one trial, else None.
    source
        File, or ``archive::member``.
    n_chans
        Number of channels.
    unit
        Unit of ``signal``: ``"V"``, ``"mV"``, ``"uV"``, ``"adc"`` or ``"unknown"``.
    scale, offset
        ``signal = raw * scale + offset``: one number, or one per channel where they differ.
    layout
        Electrode layout.
    uniform
        Whether samples are equally spaced; if not, ``timestamps`` holds the clock.
    reader
        Where the content comes from.
    task
        What was recorded, where a subject's session has several recordings: exercise, gesture, stage, side.
    channels
        Names of the channels; ``emg1``, ``emg2``, ... where the data set has none.
    """

    subject: str
    session: str
    repetition: int | None
    source: str
    n_chans: int
    unit: str
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]
    layout: Layout
    uniform: bool
    reader: Source = field(repr=False)
    task: str = ""
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channels:
            object.__setattr__(self, "channels", tuple(f"emg{n}" for n in range(1, self.n_chans + 1)))
        check_description(self)

    @classmethod
    def from_array(
        cls,
        raw: NDArray[np.generic],
        sfreq: float,
        *,
        subject: str = "1",
        session: str = "1",
        repetition: int | None = None,
        unit: str = "unknown",
        scale: float | tuple[float, ...] = 1.0,
        offset: float | tuple[float, ...] = 0.0,
        layout: Layout | None = None,
        labels: NDArray[np.integer] | None = None,
        label_names: Mapping[int, str] | None = None,
        timestamps: NDArray[np.float64] | None = None,
    ) -> Recording:
        """Make a recording from arrays in memory.

        Parameters
        ----------
        raw
            (channels, time) stored numbers; copied.
        sfreq
            Rate in Hz, > 0; the effective one where ``timestamps`` (time,) in s are given.
        subject, session, repetition, unit, scale, offset, layout
            As the attributes of the class; the layout defaults to a ring.
        labels, label_names
            (time,) integers for the track ``"label"`` and their meaning.
        timestamps
            (time,) seconds, where the clock is not uniform.

        Returns
        -------
        Recording
        """
        content = in_memory(raw, float(sfreq), labels, label_names, timestamps)
        where = layout or Layout.ring(content.raw.shape[0])
        return cls(
            subject,
            session,
            repetition,
            "memory",
            content.raw.shape[0],
            unit,
            scale,
            offset,
            where,
            timestamps is None,
            InMemory(content),
        )

    @property
    def key(self) -> tuple[str, str, str, int | None]:
        """Subject, session, task and repetition: different for every recording of a data set."""
        return self.subject, self.session, self.task, self.repetition

    @property
    def n_samples(self) -> int:
        """Number of samples per channel."""
        return self.reader.header().n_samples

    @property
    def sfreq(self) -> float:
        """Rate in Hz; the effective one (distinct readings per second) where the clock is not uniform."""
        return self.reader.header().sfreq

    @property
    def metadata(self) -> Mapping[str, object]:
        """Remarks of the reader: what is nominal, what was trimmed, what was counted."""
        return self.reader.header().metadata

    @property
    def timestamps(self) -> NDArray[np.float64] | None:
        """(time,) float64 seconds, read-only, or None where the clock is uniform."""
        return self.reader.annotations().timestamps

    @property
    def tracks(self) -> Mapping[str, Track]:
        """Annotations of every sample by name; ``"label"`` is the one models learn."""
        return self.reader.annotations().tracks

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened at single times: keystrokes, prompts, markers; in order of onset."""
        return self.reader.annotations().events

    @property
    def aux_names(self) -> tuple[str, ...]:
        """Names of the signals recorded beside the EMG."""
        return self.reader.header().aux

    def aux(self, name: str) -> Aux:
        """Return a signal recorded beside the EMG; an unknown name raises `EmgIoError` with those that exist."""
        if name not in self.aux_names:
            raise EmgIoError(
                "no such signal beside the EMG",
                file=self.source,
                place="aux",
                expected=", ".join(self.aux_names) or "none at all",
                found=name,
            )
        return self.reader.aux(name)

    def raw(self, start: int = 0, stop: int | None = None) -> NDArray[np.generic]:
        """Return samples ``start`` to ``stop`` as stored: read-only, (channels, time); reads no more where it can."""
        samples = self.reader.samples(start, self._bounds(start, stop))
        samples.flags.writeable = False
        return samples

    def signal(self, start: int = 0, stop: int | None = None, dtype: DTypeLike = np.float32) -> NDArray[np.floating]:
        """Return ``raw * scale + offset`` in `unit`, a new (channels, time) array of floating ``dtype``."""
        kind = np.dtype(dtype)
        if kind.kind != "f":
            raise EmgIoError(
                "signal is physical", place="dtype", expected="a floating dtype; raw() has integers", found=str(kind)
            )
        try:
            with np.errstate(over="raise", invalid="ignore"):
                values: NDArray[np.floating] = self.raw(start, stop).astype(kind)
                values *= np.array(self.scale, kind).reshape(-1, 1)
                if np.any(self.offset):
                    values += np.array(self.offset, kind).reshape(-1, 1)
        except FloatingPointError:
            raise EmgIoError(
                "samples are too large: ask for float64", file=self.source, place="dtype", found=str(kind)
            ) from None
        return values

    def track(self, name: str) -> Track:
        """Return one annotation; an unknown name raises `EmgIoError` with those that exist."""
        tracks = self.tracks
        if name not in tracks:
            raise EmgIoError(
                "no such track",
                file=self.source,
                place="track",
                expected=", ".join(tracks) or "none at all",
                found=name,
            )
        return tracks[name]

    def labels(self, track: str = "label") -> NDArray[np.int64]:
        """Return a copy of a track's values, (time,) int64."""
        return self.track(track).values.astype(np.int64)

    def segments(self, track: str = "label") -> list[Segment]:
        """Return the maximal runs of one value, in order, covering every sample once."""
        return runs(self.track(track).values)

    def label_counts(self, track: str = "label") -> dict[str, int]:
        """Return samples per label name, for labels that occur, in the order of their values."""
        values, counts = np.unique(self.track(track).values, return_counts=True)
        names = self.track(track).names
        return {names.get(int(v), str(v)): int(n) for v, n in zip(values, counts, strict=True)}

    def resample(self, sfreq: float, method: str = "hold") -> Recording:
        """Put signal and tracks on a uniform clock.

        Parameters
        ----------
        sfreq
            New rate in Hz, > 0.
        method
            ``"hold"``: each new sample repeats the last reading at or before its time, so stored numbers stay exact.
            The rate may not lie below that of a uniform clock, nor below 0.8 of a stamped one's effective rate, because
            holding is no anti-alias filter. ``"polyphase"``: uniform clocks only; a zero-phase (not causal) low-pass
            filter and a rational ratio of rates; stored numbers become float64. Tracks are held either way.

        Returns
        -------
        Recording
            Lazy, ``uniform``; sample k stands for time ``metadata["t0"] + k / sfreq``.
        """
        return replace(self, uniform=True, reader=resampled(self, float(sfreq), method))

    def check(self) -> None:
        """Read the whole file anew, whatever was read before; raise `EmgIoError` where it breaks its format."""
        self.reader.check()

    def content_hash(self) -> str:
        """Return the sha256 of shape, dtype and sample bytes: equal for two recordings with the same samples."""
        raw = self.raw()
        digest = hashlib.sha256(f"{raw.shape} {raw.dtype.str}".encode())
        digest.update(np.ascontiguousarray(raw).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """Return ``"sampled:"`` and the sha256 of shape, dtype and blocks all over the recording, read one by one."""
        n, first = self.n_samples, self.raw(0, 0)
        digest = hashlib.sha256(f"{self.n_chans} {n} {first.dtype.str}".encode())
        for start in sorted({round(k * max(0, n - _BLOCK) / (_N_BLOCKS - 1)) for k in range(_N_BLOCKS)}):
            block = self.raw(start, min(n, start + _BLOCK))
            digest.update(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)
        return f"sampled:{digest.hexdigest()}"

    def _bounds(self, start: int, stop: int | None) -> int:
        """Check a sample range and return its end."""
        end = self.n_samples if stop is None else stop
        if not 0 <= start <= end <= self.n_samples:
            raise EmgIoError(
                "sample range lies outside the recording",
                file=self.source,
                place="start, stop",
                expected=f"0 <= start <= stop <= {self.n_samples}",
                found=f"{start}, {stop}",
            )
        return end


def runs(values: NDArray[np.integer]) -> list[Segment]:
    """Return the maximal runs of equal values of a (time,) array."""
    if not len(values):
        return []
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(values)]
    return [Segment(a, b, int(values[a])) for a, b in zip(starts, stops, strict=True)]
