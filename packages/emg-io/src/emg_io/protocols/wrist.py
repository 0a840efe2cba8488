"""Wristband corpora: emg2qwerty by the authors' lists, emg2pose and the neuromotor interface by their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from emg_io._errors import EmgIoError
from emg_io.splits import Span, WindowRule
from emg_io.splits._split import PARTS

from ._assign import by_metadata
from ._lists import read_lists
from ._protocol import Protocol

if TYPE_CHECKING:
    from emg_io._dataset import Dataset

    from ._protocol import Request, Spans

_WORDS = {"train": "train", "val": "val", "test": "test"}
_QWERTY = "Sivakumar et al., NeurIPS 2024, arXiv 2410.20081: the released lists"
_WINDOWS = WindowRule(8000, 8000, "none")
_KEEP_TABLE = "keep {} beside the recordings"


Lists: TypeAlias = Mapping[str, Sequence[tuple[str, str]]]


def _generic(lists: Lists) -> bool:
    """Tell the list of 96 users with eight others to test on from those of one user."""
    return {part: len(pairs) for part, pairs in lists.items()} == {"train": 837, "val": 192, "test": 16}


def _personal(lists: Lists) -> bool:
    """Tell the list of one user: eight to ten sessions to train on, two each to validate and to test."""
    users = {user for pairs in lists.values() for user, _ in pairs}
    return len(users) == 1 and 8 <= len(lists["train"]) <= 10 and len(lists["val"]) == len(lists["test"]) == 2


def _listed(fits: Callable[[Lists], bool], dataset: Dataset, request: Request) -> Spans:
    """Give sessions to parts as a list file says, which must be one of this protocol."""
    if request.lists is None:
        raise EmgIoError("split lists", place="lists", expected="the authors' list file", found="None")
    lists = read_lists(request.lists)
    if not fits(lists) and not request.partial:
        raise EmgIoError(
            "not the list of this protocol: give the authors' file, or ask for partial=True",
            file=str(request.lists),
            place="sessions",
            expected="837 + 192 + 16" if fits is _generic else "8 to 10, 2 and 2 of one user",
            found=" + ".join(str(len(lists[part])) for part in PARTS),
        )
    index_of = {(recording.subject, recording.session): index for index, recording in enumerate(dataset)}
    spans: dict[str, list[Span]] = {part: [] for part in PARTS}
    for part, pairs in lists.items():
        for pair in pairs:
            if pair in index_of:
                index = index_of[pair]
                spans[part].append(Span(index, 0, dataset[index].n_samples))
            elif not request.partial:
                raise EmgIoError(
                    "the data set is not whole: get the session, or ask for partial=True",
                    file=str(request.lists),
                    place=part,
                    expected="a recording of each listed session",
                    found=f"no {'/'.join(pair)}",
                )
    return spans


def _neuromotor(task: str) -> Protocol:
    """Make the official split of one task."""
    return Protocol(
        name=f"neuromotor-{task}/official",
        format=f"neuromotor-{task}",
        unit="subject",
        source="Kaifosh, Reardon, CTRL-labs, Nature 2025, 10.1038/s41586-025-09255-w: the corpus table",
        assign=by_metadata("split", _WORDS, hint=_KEEP_TABLE.format("the task's _corpus.csv")),
        sampled=True,
    )


PROTOCOLS = (
    Protocol(
        name="emg2qwerty/generic",
        format="emg2qwerty",
        unit="session",
        source=f"{_QWERTY}, generic.yaml; windows of 8,000 samples, padded by 1,800 and 200 when they are read",
        assign=partial(_listed, _generic),
        windows=_WINDOWS,
        flaw="validation is on sessions of training users; the test part is two sessions of each of eight other people",
        needs_lists=True,
        sampled=True,
    ),
    Protocol(
        name="emg2qwerty/personal",
        format="emg2qwerty",
        unit="session",
        source=f"{_QWERTY}, one file a user",
        assign=partial(_listed, _personal),
        windows=_WINDOWS,
        needs_lists=True,
        sampled=True,
    ),
    Protocol(
        name="emg2pose/published",
        format="emg2pose",
        unit="repetition",
        source="Salter et al., NeurIPS 2024, arXiv 2412.02725: column split of metadata.csv",
        assign=by_metadata("split", _WORDS, hint=_KEEP_TABLE.format("metadata.csv")),
        flaw="the test part mixes new users, new stages and both: report by the metadata's generalization; a new stage "
        "of a known user may come from a session that trains too",
        sampled=True,
    ),
    *(_neuromotor(task) for task in ("gestures", "handwriting", "wrist")),
)
