"""Who is in which part: the protocols of emg-io by name, and shares and numbers where it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from emg_distill._errors import EmgDistillError

from ._siblings import siblings

if TYPE_CHECKING:
    from pathlib import Path

    import emg_io


@dataclass(frozen=True)
class Ask:
    """What a caller asks of a split: a fold, the authors' list file, whether people may be missing, and a seed."""

    fold: str | None = None
    lists: Path | None = None
    partial: bool = False
    seed: int = 0


class SplitRule(Protocol):
    """A rule that splits a data set; frozen, and its `repr` says all of it."""

    def folds(self, dataset: emg_io.Dataset) -> list[str]:
        """Return the names of the folds; empty where there is one split only."""
        ...

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:
        """Split a data set; `place` names data folder and protocol in messages."""
        ...


@dataclass(frozen=True)
class Published:
    """A protocol of emg-io by its name in ``emg_io.protocols()``."""

    name: str

    def folds(self, dataset: emg_io.Dataset) -> list[str]:
        """Return the folds of the protocol."""
        io, _ = siblings()
        folds: list[str] = io.protocol(self.name).folds(dataset)
        return folds

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:  # noqa: ARG002  one shape for all
        """Split as published."""
        io, _ = siblings()
        split: emg_io.Split = io.protocol(self.name).split(dataset, ask.fold, lists=ask.lists, partial=ask.partial)
        return split


@dataclass(frozen=True)
class Universal:
    """All folds of a protocol of emg-io at once: the training parts of all people train one network for all.

    Folds whose names end alike (``"<subject>/<session>"``, the same session of everybody) make one fold of that end.

    Attributes
    ----------
    name
        Name in ``emg_io.protocols()``.
    """

    name: str

    def folds(self, dataset: emg_io.Dataset) -> list[str]:
        """Return the different ends of the folds' names; none where the folds are subjects."""
        return list(dict.fromkeys(fold.rpartition("/")[2] for fold in self._all(dataset) if "/" in fold))

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:  # noqa: ARG002  one shape for all
        """Join the parts of the folds."""
        io, _ = siblings()
        protocol = io.protocol(self.name)
        spans: dict[str, list[emg_io.Span]] = {part: [] for part in ("train", "val", "test")}
        for fold in self._all(dataset):
            if "/" not in fold or fold.rpartition("/")[2] == ask.fold:
                for part, found in protocol.split(dataset, fold, partial=ask.partial).parts.items():
                    spans[part] += found
        joined: emg_io.Split = io.Split.of(dataset, protocol.unit, spans)
        return joined

    def _all(self, dataset: emg_io.Dataset) -> list[str]:
        return Published(self.name).folds(dataset)


@dataclass(frozen=True)
class HeldOut:
    """Another rule without a validation part, of whose training part the last repetition of everything validates.

    The last one of each subject, session, task and label; what has one repetition only trains.

    Attributes
    ----------
    rule
        The other rule.
    """

    rule: SplitRule

    def folds(self, dataset: emg_io.Dataset) -> list[str]:
        """Return the folds of the other rule."""
        return self.rule.folds(dataset)

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:
        """Split by the other rule, then take the validation part out."""
        io, _ = siblings()
        split = self.rule.split(dataset, ask, place)
        numbered = [(span, *_movement(dataset, span)) for span in split.parts["train"]]
        numbers: dict[tuple[str, ...], set[int]] = {}
        for _, movement, number in numbered:
            numbers.setdefault(movement, set()).add(number)
        spans: dict[str, list[emg_io.Span]] = {"train": [], "val": [], "test": list(split.parts["test"])}
        for span, movement, number in numbered:
            last = len(numbers[movement]) > 1 and number == max(numbers[movement])
            spans["val" if last else "train"].append(span)
        if not spans["val"]:
            raise EmgDistillError(f"{place}: nothing that trains was done twice, so that no repetition can validate")
        carved: emg_io.Split = io.Split.of(dataset, "repetition", spans)
        return carved


def _movement(dataset: emg_io.Dataset, span: emg_io.Span) -> tuple[tuple[str, ...], int]:
    """Return what a span is a repetition of, and its number."""
    recording = dataset[span.recording]
    movement = recording.subject, recording.session, recording.task
    if recording.repetition is not None:
        return movement, recording.repetition
    label, number = (int(recording.track(name).values[span.start]) for name in ("label", "repetition"))
    return (*movement, str(label)), number


class _OneFold:
    """A rule without folds."""

    def folds(self, dataset: emg_io.Dataset) -> list[str]:  # noqa: ARG002  the shape of a rule
        """Return no fold."""
        return []

    def _check(self, ask: Ask, place: str) -> None:
        if ask.fold is not None or ask.lists is not None:
            raise EmgDistillError(f"{place}: fold={ask.fold!r}, lists={ask.lists}: this protocol has neither")


@dataclass(frozen=True)
class SubjectShares(_OneFold):
    """Shares of subjects, drawn by the split's seed; each part gets at least one."""

    val: float
    test: float

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:
        """Split so that nobody is in two parts; fewer than four people are refused."""
        self._check(ask, place)
        if len(dataset.subjects) < _MIN_SUBJECTS:
            raise EmgDistillError(
                f"{place}: it holds {len(dataset.subjects)} subjects; this protocol needs at least {_MIN_SUBJECTS} "
                "to keep its parts apart"
            )
        io, _ = siblings()
        split: emg_io.Split = io.split_by_subject(dataset, test=self.test, val=self.val, seed=ask.seed)
        return split


_MIN_SUBJECTS = 4


@dataclass(frozen=True)
class Sessions(_OneFold):
    """Sessions by name, the same for every subject; all others train."""

    val: tuple[str, ...]
    test: tuple[str, ...]

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:
        """Split by session."""
        self._check(ask, place)
        io, _ = siblings()
        split: emg_io.Split = io.split_by_session(dataset, test=list(self.test), val=list(self.val))
        return split


@dataclass(frozen=True)
class TimeShares(_OneFold):
    """Every recording in time: first train, then validation, last test; `gap` stored samples apart."""

    val: float
    test: float
    gap: int = 0

    def split(self, dataset: emg_io.Dataset, ask: Ask, place: str) -> emg_io.Split:
        """Split in time."""
        self._check(ask, place)
        io, _ = siblings()
        split: emg_io.Split = io.split_by_time(dataset, test=self.test, val=self.val, gap=self.gap)
        return split
