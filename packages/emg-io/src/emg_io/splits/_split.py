"""Splits that prove that no sample of one part lies in another, not even under another name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from emg_io._errors import EmgIoError

from ._windows import WindowRule, Windows, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from emg_io._dataset import Dataset
    from emg_io._recording import Recording

PARTS = ("train", "val", "test")
UNITS = ("subject", "session", "repetition", "time")


class Span(NamedTuple):
    """Samples ``start`` (included) to ``stop`` (excluded) of recording number ``recording`` of a data set."""

    recording: int
    start: int
    stop: int


class RecordingKey(NamedTuple):
    """What a split remembers of a recording: who, when, what, how long, and the hash of its samples.

    Where a recording is made of trials, ``trials`` has start, stop and hash of each, so that a copied trial is found
    wherever it lies.
    """

    subject: str
    session: str
    task: str
    repetition: int | None
    n_samples: int
    content: str
    trials: tuple[tuple[int, int, str], ...] = ()

    @classmethod
    def of(cls, recording: Recording, content: str) -> RecordingKey:
        """Describe a recording; ``content`` is ``"full"``, ``"sampled"`` or ``"none"`` for one that no part uses."""
        hashers: dict[str, Callable[[], str]] = {"full": recording.content_hash, "sampled": recording.fingerprint}
        digest = hashers[content]() if content in hashers else ""
        trials = _trials(recording) if content == "full" and "trial" in recording.tracks else ()
        return cls(*recording.key, recording.n_samples, digest, trials)

    def pieces(self, span: Span) -> Iterator[tuple[str, int, int]]:
        """Yield what a span holds: hash of a piece of content, first and last sample within it."""
        for start, stop, content in self.trials or ((0, self.n_samples, self.content),):
            if span.start < stop and start < span.stop:
                yield content, max(span.start, start) - start, min(span.stop, stop) - start


def _trials(recording: Recording) -> tuple[tuple[int, int, str], ...]:
    """Return start, stop and hash of every trial of a recording."""
    raw, found = recording.raw(), []
    for start, stop, _ in recording.segments("trial"):
        piece = np.ascontiguousarray(raw[:, start:stop])
        digest = hashlib.sha256(f"{piece.shape} {piece.dtype.str}".encode())
        digest.update(piece.reshape(-1).view(np.uint8).data)
        found.append((start, stop, digest.hexdigest()))
    return tuple(found)


@dataclass(frozen=True)
class Split:
    """Disjoint parts of a data set; that they are disjoint is checked when it is made.

    Attributes
    ----------
    unit
        What a part owns whole: ``"subject"``, ``"session"``, ``"repetition"`` or ``"time"``.
    parts
        Spans by part: ``"train"``, ``"val"``, ``"test"``.
    recordings
        Keys of all recordings of the data set, in its order.
    """

    unit: str
    parts: Mapping[str, tuple[Span, ...]]
    recordings: tuple[RecordingKey, ...] = field(repr=False)

    def __post_init__(self) -> None:
        self.check()

    @classmethod
    def of(cls, dataset: Dataset, unit: str, spans: Mapping[str, Sequence[Span]], *, content: str = "full") -> Split:
        """Make a split of a data set.

        Parameters
        ----------
        dataset
            Whose recordings the spans number.
        unit
            What a part owns whole: ``"subject"``, ``"session"``, ``"repetition"`` or ``"time"``.
        spans
            By part; a part left out is empty.
        content
            ``"full"`` hashes every sample of the recordings used; ``"sampled"`` hashes blocks of them, for corpora
            too large to read for a split: copies are found all the same, single changed samples are not.

        Returns
        -------
        Split
        """
        if content not in {"full", "sampled"}:
            raise EmgIoError("unknown way to hash", place="content", expected="full or sampled", found=content)
        used = {span.recording for part in spans.values() for span in part}
        keys = [RecordingKey.of(r, content if index in used else "none") for index, r in enumerate(dataset)]
        return cls(unit, {part: tuple(spans.get(part, ())) for part in (*PARTS, *spans)}, tuple(keys))

    @property
    def hash(self) -> str:
        """Sha256 over unit, parts, and the identity and content of every recording used, as hexadecimal digits."""
        used = sorted({span.recording for spans in self.parts.values() for span in spans})
        body = {
            "unit": self.unit,
            "parts": {part: [list(span) for span in self.parts[part]] for part in sorted(self.parts)},
            "recordings": {str(index): list(self.recordings[index]) for index in used},
        }
        return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def subjects(self, part: str) -> tuple[str, ...]:
        """Return the subjects of one part, in order of appearance."""
        return tuple(dict.fromkeys(self.recordings[span.recording].subject for span in self.parts[part]))

    def check(self) -> None:
        """Prove the split: spans exist, parts share no sample, and no copy of a recording crosses over.

        Where the unit is the subject or the session, no subject or session lies in two parts either.

        Raises
        ------
        EmgIoError
            Naming the first two spans, or the unit, found in two parts.
        """
        if self.unit not in UNITS:
            raise EmgIoError("unknown unit", place="unit", expected=" or ".join(UNITS), found=self.unit)
        if unknown := [part for part in self.parts if part not in PARTS]:
            raise EmgIoError("unknown part", place="parts", expected=" or ".join(PARTS), found=", ".join(unknown))
        for part, spans in self.parts.items():
            for span in spans:
                self._check_span(part, span)
        self._check_overlap()
        if self.unit in {"subject", "session"}:
            self._check_units()

    def _check_span(self, part: str, span: Span) -> None:
        """Refuse a span that lies outside its recording."""
        known = 0 <= span.recording < len(self.recordings)
        if not known or not 0 <= span.start < span.stop <= self.recordings[span.recording].n_samples:
            raise EmgIoError(
                "span does not exist",
                place=f"part {part}",
                expected="a non-empty range inside a recording",
                found=str(span),
            )

    def _check_overlap(self) -> None:
        """Lay all spans of equal content on one axis: neighbours from different parts may not overlap."""
        lanes: dict[str, list[tuple[int, int, str, Span]]] = {}
        for part, spans in self.parts.items():
            for span in spans:
                for content, start, stop in self.recordings[span.recording].pieces(span):
                    lanes.setdefault(content, []).append((start, stop, part, span))
        for lane in lanes.values():
            reach: dict[str, tuple[int, Span]] = {}
            for start, stop, part, span in sorted(lane):
                for other, (end, before) in reach.items():
                    if other != part and end > start:
                        raise _leak(self, other, before, part, span)
                if part not in reach or stop > reach[part][0]:
                    reach[part] = (stop, span)

    def _check_units(self) -> None:
        """Refuse a subject (or session of a subject) that occurs in two parts."""
        owner: dict[tuple[str, ...], str] = {}
        for part, spans in self.parts.items():
            for span in spans:
                key = self.recordings[span.recording]
                unit = (key.subject,) if self.unit == "subject" else (key.subject, key.session)
                if owner.setdefault(unit, part) != part:
                    raise EmgIoError(
                        f"{self.unit} lies in two parts",
                        place="parts",
                        expected="one part",
                        found=f"{'/'.join(unit)} in {owner[unit]} and {part}",
                    )

    def windows(self, dataset: Dataset, rule: WindowRule) -> dict[str, Windows]:
        """Cut every part into windows, which lie inside its spans and so share no sample with another part."""
        return {part: cut(dataset, spans, rule) for part, spans in self.parts.items()}

    def summary(self, dataset: Dataset, rule: WindowRule | None = None) -> dict[str, dict[str, object]]:
        """Return, per part: subjects, recordings, spans, samples, samples per label; with a rule, windows per class."""
        summary = {part: _summary(spans, dataset) for part, spans in self.parts.items()}
        if rule is not None:
            for part, windows in self.windows(dataset, rule).items():
                names = _label_names(dataset, windows)
                values, counts = np.unique(windows.label, return_counts=True)
                classes = zip(values.tolist(), counts.tolist(), strict=True)
                summary[part]["windows"] = len(windows)
                summary[part]["classes"] = {names.get(value, str(value)): count for value, count in classes}
        return summary


def _label_names(dataset: Dataset, windows: Windows) -> dict[int, str]:
    """Return what the labels of some windows mean; where recordings disagree, the first one names them."""
    names: dict[int, str] = {}
    for index in np.unique(windows.recording).tolist():
        track = dataset[index].tracks.get("label")
        names = names if track is None else {**track.names, **names}
    return names


def _summary(spans: tuple[Span, ...], dataset: Dataset) -> dict[str, object]:
    """Count one part."""
    counts: dict[str, int] = {}
    for span in spans:
        track = dataset[span.recording].tracks.get("label")
        if track is not None:
            values, numbers = np.unique(track.values[span.start : span.stop], return_counts=True)
            for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
                name = track.names.get(value, str(value))
                counts[name] = counts.get(name, 0) + number
    return {
        "subjects": list(dict.fromkeys(dataset[span.recording].subject for span in spans)),
        "recordings": len({span.recording for span in spans}),
        "spans": len(spans),
        "samples": sum(span.stop - span.start for span in spans),
        "labels": counts,
    }


def _leak(split: Split, one: str, before: Span, other: str, after: Span) -> EmgIoError:
    """Describe two overlapping spans; they may lie in two recordings with the same samples."""
    names = [split.recordings[span.recording] for span in (before, after)]
    return EmgIoError(
        "samples lie in two parts" if before.recording == after.recording else "two recordings hold the same samples",
        place="parts",
        expected="disjoint parts",
        found=f"{one} has {names[0].subject}/{names[0].session} {tuple(before)}, "
        f"{other} has {names[1].subject}/{names[1].session} {tuple(after)}",
    )
