"""Rules that give recordings, or stretches of them, to parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError
from emg_io.splits import Span
from emg_io.splits._split import PARTS
from emg_io.splits._splitters import repetitions

if TYPE_CHECKING:
    from emg_io._dataset import Dataset
    from emg_io._recording import Recording

    from ._protocol import Request, Spans

GENG = "Geng et al., Scientific Reports 2016, 6:36571, released code"
DU = "Du et al., Sensors 2017, 17(3):458, released code"
NO_VAL = "no validation part: fix the schedule beforehand, never pick an epoch on test trials"
Assign = Callable[["Dataset", "Request"], "Spans"]
PartOf = Callable[["Recording", "str | None"], "str | None"]


def subjects(dataset: Dataset) -> list[str]:
    """One fold a subject."""
    return list(dataset.subjects)


def everything(recording: Recording, fold: str | None) -> bool:  # noqa: ARG001  the shape of a rule
    """Keep every recording."""
    return True


def number(text: str) -> int:
    """Return the last number in a name: ``"S07"`` and ``"7"`` both are 7; 0 where there is none."""
    digits = re.findall(r"\d+", text[-40:])
    return int(digits[-1]) if digits else 0


def whole(part_of: PartOf) -> Assign:
    """Give whole recordings to the part that ``part_of(recording, fold)`` names; None leaves one out."""

    def assign(dataset: Dataset, request: Request) -> Spans:
        spans: dict[str, list[Span]] = {part: [] for part in PARTS}
        for index, recording in enumerate(dataset):
            part = part_of(recording, request.fold)
            if part is not None:
                spans[part].append(Span(index, 0, recording.n_samples))
        return spans

    return assign


def numbered(parts: Mapping[str, Collection[int]], what: Callable[[Recording], int], unit: str) -> Assign:
    """Give whole recordings to parts by a number: ``what(recording)`` is looked up in the parts' numbers."""

    def part_of(recording: Recording, fold: str | None) -> str | None:  # noqa: ARG001  the shape of a rule
        found = what(recording)
        return next((part for part, numbers in parts.items() if found in numbers), None)

    def assign(dataset: Dataset, request: Request) -> Spans:
        refuse_missing(parts, {what(recording) for recording in dataset}, unit, request)
        return whole(part_of)(dataset, request)

    return assign


def by_repetition(
    parts: Mapping[str, Collection[int]], *, keep: Callable[[Recording, str | None], bool] = everything
) -> Assign:
    """Give every repetition, a run of the track ``repetition``, to the part that names its number."""

    def assign(dataset: Dataset, request: Request) -> Spans:
        spans: dict[str, list[Span]] = {part: [] for part in PARTS}
        met: set[int] = set()
        for index, recording in enumerate(dataset):
            if not keep(recording, request.fold):
                continue
            for start, stop, found in repetitions(recording, "repetition", keep=False):
                met.add(found)
                part = next((part for part, numbers in parts.items() if found in numbers), None)
                if part is not None:
                    spans[part].append(Span(index, start, stop))
        refuse_missing(parts, met, "repetition", request)
        return spans

    return assign


def by_metadata(field: str, parts: Mapping[str, str], *, hint: str) -> Assign:
    """Give whole recordings to parts by a word in their metadata; ``parts`` maps words to parts."""

    def assign(dataset: Dataset, request: Request) -> Spans:  # noqa: ARG001  the shape of a rule
        spans: dict[str, list[Span]] = {part: [] for part in PARTS}
        for index, recording in enumerate(dataset):
            word = recording.metadata.get(field)
            if word not in parts:
                raise EmgIoError(
                    f"recording has no place in the split: {hint}",
                    file=recording.source,
                    place=f"metadata {field!r}",
                    expected=", ".join(parts),
                    found=str(word),
                )
            spans[parts[str(word)]].append(Span(index, 0, recording.n_samples))
        return spans

    return assign


def refuse_missing(parts: Mapping[str, Collection[int]], met: Collection[int], unit: str, request: Request) -> None:
    """Refuse a copy of a data set that lacks what the protocol names, unless the caller accepts that."""
    missing = sorted({found for numbers in parts.values() for found in numbers} - set(met))
    if missing and not request.partial:
        raise EmgIoError(
            f"the data set is not whole: a {unit} of the protocol is missing; get it, or ask for partial=True",
            place=unit,
            expected=", ".join(map(str, sorted({found for numbers in parts.values() for found in numbers}))),
            found=f"no {', '.join(map(str, missing))}",
        )
