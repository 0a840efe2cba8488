"""A published protocol: which recordings, which part owns what, which windows, and where it flatters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from emg_io._errors import EmgIoError
from emg_io.splits import Span, Split, WindowRule

if TYPE_CHECKING:
    from pathlib import Path

    from emg_io._dataset import Dataset

Spans: TypeAlias = Mapping[str, Sequence[Span]]


@dataclass(frozen=True)
class Request:
    """What a caller asks of a protocol: one fold, the authors' list file, and whether people may be missing."""

    fold: str | None = None
    lists: Path | None = None
    partial: bool = False


def one_fold(dataset: Dataset) -> list[str]:  # noqa: ARG001  the shape of a list of folds
    """Say that a protocol has no folds."""
    return []


@dataclass(frozen=True)
class Protocol:
    """A split of one data set as published, by name.

    Attributes
    ----------
    name
        ``"<set>/<protocol>"``.
    format
        Format whose recordings it splits.
    unit
        What a part owns whole: ``"subject"``, ``"session"``, ``"repetition"`` or ``"time"``.
    source
        Paper or released code that states it.
    assign
        Gives spans to parts.
    windows
        How the protocol cuts windows, in samples of the data set's own clock, or None where it leaves that open.
    folds
        Names of the folds for a data set; empty where there is one split only.
    flaw
        In what the published protocol leaks or flatters, or how this one departs from it; empty where neither.
    needs_lists
        Whether the split is a list that the authors publish as a file and that must be given.
    sampled
        Whether recordings are hashed by blocks, because the corpus is too large to read for a split.
    people
        Number of subjects of the published set, where parts pool them or lie across them; else 0.
    """

    name: str
    format: str
    unit: str
    source: str
    assign: Callable[[Dataset, Request], Spans]
    windows: WindowRule | None = None
    folds: Callable[[Dataset], list[str]] = one_fold
    flaw: str = ""
    needs_lists: bool = False
    sampled: bool = False
    people: int = 0

    def __reduce__(self) -> tuple[object, ...]:
        return _named, (self.name,)

    def split(
        self, dataset: Dataset, fold: str | None = None, *, lists: Path | None = None, partial: bool = False
    ) -> Split:
        """Split a data set as published.

        Parameters
        ----------
        dataset
            All of the data set; what the protocol names and the data set lacks raises.
        fold
            One of ``folds(dataset)``, where there are any.
        lists
            The authors' list file, where the protocol needs one.
        partial
            Accept a copy of the data set in which subjects, sessions or repetitions are missing; the train and test
            parts must still hold something.

        Returns
        -------
        Split
            With the parts proven disjoint.

        Raises
        ------
        EmgIoError
            For another data set, an unknown fold, missing lists, or recordings that the protocol names and nobody has.
        """
        self._check_request(dataset, fold, lists, partial)
        spans = self.assign(dataset, Request(fold, lists, partial))
        empty = [part for part in ("train", "test") if not spans.get(part)]
        if empty:
            raise EmgIoError(
                "a part is empty", place=self.name, expected="train and test", found=f"nothing for {', '.join(empty)}"
            )
        return Split.of(dataset, self.unit, spans, content="sampled" if self.sampled else "full")

    def _check_request(self, dataset: Dataset, fold: str | None, lists: Path | None, partial: bool) -> None:
        """Refuse another data set, an unknown fold, lists that are missing or too many, and missing people."""
        if dataset.format != self.format:
            raise EmgIoError(
                "protocol of another data set", place=self.name, expected=self.format, found=dataset.format
            )
        folds = self.folds(dataset)
        if (fold is None) == bool(folds) or (fold is not None and fold not in folds):
            raise EmgIoError("no such fold", place=self.name, expected=", ".join(folds) or "none", found=str(fold))
        if self.needs_lists == (lists is None):
            wanted = "the authors' list file" if self.needs_lists else "no list file"
            raise EmgIoError("split lists", place=f"{self.name}, lists", expected=wanted, found=str(lists))
        if len(dataset.subjects) < self.people and not partial:
            raise EmgIoError(
                "the data set is not whole: subjects are missing; get them, or ask for partial=True",
                place=self.name,
                expected=f"{self.people} subjects",
                found=str(len(dataset.subjects)),
            )


def _named(name: str) -> Protocol:
    """Return a registered protocol in another process; rules are functions, which do not travel."""
    from ._registry import protocol

    return protocol(name)
