"""Ways to split a data set: by subject, session, repetition or time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._recording import Recording, runs

from ._split import PARTS, Span, Split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emg_io._dataset import Dataset

Choice: TypeAlias = "float | Sequence[str | int]"
Name = TypeVar("Name", str, int)


def split_by_subject(dataset: Dataset, test: Choice, val: Choice = (), seed: int = 0) -> Split:
    """Split so that nobody is in two parts.

    Parameters
    ----------
    dataset
        Data set to split; all of it is read once, to hash its content.
    test, val
        Subjects by identifier (``"02"`` or ``2``), or a fraction of all subjects in 0..1, rounded, at least one if > 0.
    seed
        Chooses the subjects of fractions.

    Returns
    -------
    Split
        Everyone else is in ``"train"``.
    """
    owner = _choose(list(dataset.subjects), test, val, seed, "subject")
    return _by_owner(dataset, "subject", [owner[recording.subject] for recording in dataset])


def split_by_session(dataset: Dataset, test: Choice, val: Choice = (), seed: int = 0) -> Split:
    """Split by session, the same session names for every subject.

    Parameters
    ----------
    dataset, test, val, seed
        As `split_by_subject`, with session names.

    Returns
    -------
    Split
    """
    owner = _choose(list(dict.fromkeys(recording.session for recording in dataset)), test, val, seed, "session")
    return _by_owner(dataset, "session", [owner[recording.session] for recording in dataset])


def split_by_repetition(
    dataset: Dataset, test: Sequence[int], val: Sequence[int] = (), *, track: str = "repetition", between: str = "drop"
) -> Split:
    """Split by the number of the repetition.

    Parameters
    ----------
    dataset
        Recordings that are one repetition each, or that carry a repetition track.
    test, val
        Repetition numbers, > 0; all others go to ``"train"``.
    track
        Track that numbers the repetitions where a recording holds several; 0 means "between repetitions".
    between
        ``"drop"`` leaves samples between repetitions out; ``"previous"`` gives them to the part of the repetition
        before them (those before the first, to the first).

    Returns
    -------
    Split
    """
    if between not in {"drop", "previous"}:
        raise EmgIoError("unknown rule", place="between", expected="drop or previous", found=between)
    owner = _assign({"test": list(test), "val": list(val)}, "repetition")
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    met: set[int] = set()
    for index, recording in enumerate(dataset):
        for start, stop, number in repetitions(recording, track, keep=between == "previous"):
            spans[owner.get(number, "train")].append(Span(index, start, stop))
            met.add(number)
    _refuse_unknown(set(owner) - met, met, "repetition")
    return _make(dataset, "repetition", spans)


def split_by_time(dataset: Dataset, test: float, val: float = 0.0, *, gap: int = 0) -> Split:
    """Split every recording in time: first ``train``, then ``val``, last ``test``.

    Parameters
    ----------
    dataset
        Data set to split.
    test, val
        Fractions of each recording, >= 0, together in 0..1.
    gap
        Samples left out between parts, >= 0, so that filters and windows do not touch both.

    Returns
    -------
    Split
    """
    if not (test >= 0 and val >= 0 and 0 < test + val < 1 and gap >= 0):
        raise EmgIoError(
            "not a split in time",
            place="test, val, gap",
            expected="fractions >= 0 that add up to between 0 and 1, gap >= 0",
            found=f"{test}, {val}, {gap}",
        )
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    for index, recording in enumerate(dataset):
        length = recording.n_samples
        edges = (0, round(length * (1 - test - val)), round(length * (1 - test)), length)
        for part, (start, stop) in zip(PARTS, pairwise(edges), strict=True):
            first = start + (gap if start else 0)
            if first < stop:
                spans[part].append(Span(index, first, stop))
    empty = [part for part, share in (("test", test), ("val", val)) if share > 0 and not spans[part]]
    if empty:
        raise EmgIoError(
            "nothing is left of a part", place=" and ".join(empty), expected="a shorter gap", found=str(gap)
        )
    return _make(dataset, "time", spans)


def _by_owner(dataset: Dataset, unit: str, owners: Sequence[str]) -> Split:
    """Give whole recordings to their owners."""
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    for index, (recording, part) in enumerate(zip(dataset, owners, strict=True)):
        spans[part].append(Span(index, 0, recording.n_samples))
    return _make(dataset, unit, spans)


def _make(dataset: Dataset, unit: str, spans: Mapping[str, Sequence[Span]]) -> Split:
    """Make a split, hashing the content of every recording."""
    if not spans["train"]:
        raise EmgIoError("nothing is left to train on", place="test, val", expected=f"a {unit} for each part")
    return Split.of(dataset, unit, spans)


def _choose(names: list[str], test: Choice, val: Choice, seed: int, unit: str) -> dict[str, str]:
    """Return the part of every name; fractions draw from a shuffle of the names that nobody claimed."""
    claims = {"test": test, "val": val}
    owner = _assign(
        {part: _match(claim, names, unit) for part, claim in claims.items() if not isinstance(claim, (int, float))},
        unit,
    )
    free = [name for name in names if name not in owner]
    np.random.default_rng(seed).shuffle(free)
    for part, claim in claims.items():
        if isinstance(claim, (int, float)):
            count = _share(float(claim), len(names), part)
            owner |= dict.fromkeys(free[:count], part)
            free = free[count:]
    if not free:
        raise EmgIoError(
            "nothing is left to train on",
            place="test, val",
            expected=f"fewer {unit}s than {len(names)}",
            found=str(owner),
        )
    return owner | dict.fromkeys(free, "train")


def _share(fraction: float, total: int, part: str) -> int:
    """Return how many names a fraction stands for."""
    if not 0 <= fraction < 1:
        raise EmgIoError(
            "not a fraction", place=part, expected="0 <= fraction < 1, or a list of names", found=str(fraction)
        )
    return max(1, round(fraction * total)) if fraction > 0 else 0


def _match(claim: Sequence[str | int], names: Sequence[str], unit: str) -> list[str]:
    """Find names as the data set writes them: ``2`` and ``"2"`` both mean ``"02"``."""
    by_number = {int(name): name for name in names if name.isdecimal()}
    if isinstance(claim, str):
        raise EmgIoError(f"not a list of {unit}s", place="test, val", expected=f"[{claim!r}]", found=repr(claim))
    found: list[str] = []
    for wanted in claim:
        text = str(wanted)
        exact = text if text in names else by_number.get(int(text)) if text.isdecimal() else None
        if exact is None:
            _refuse_unknown({text}, names, unit)
        else:
            found.append(exact)
    return found


def _assign(claims: Mapping[str, Sequence[Name]], unit: str) -> dict[Name, str]:
    """Invert part -> names to name -> part; a name claimed twice raises."""
    owner: dict[Name, str] = {}
    for part, names in claims.items():
        for name in names:
            if owner.setdefault(name, part) != part:
                raise EmgIoError(f"{unit} lies in two parts", place=part, expected="one part", found=str(name))
    return owner


def _refuse_unknown(missing: set[str] | set[int], known: Sequence[str] | set[int], unit: str) -> None:
    """Refuse names that do not occur, and list those that do."""
    if missing:
        raise EmgIoError(
            f"no such {unit} in the data",
            place="test, val",
            expected=", ".join(map(str, sorted(known, key=str))),
            found=", ".join(map(str, missing)),
        )


def repetitions(recording: Recording, track: str, *, keep: bool) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, number) of every repetition; with ``keep``, the gaps join the repetition before them."""
    if recording.repetition is not None:
        yield 0, recording.n_samples, recording.repetition
        return
    values = recording.labels(track)
    if keep and values.any():
        filled = np.maximum.accumulate(np.where(values != 0, np.arange(len(values)), -1))
        values = values[np.where(filled < 0, np.flatnonzero(values)[0], filled)]
    for start, stop, number in runs(values):
        if number:
            yield start, stop, number
