"""Armbands whose folders are the split: Côté-Allard's Myo set, 3DC, flexemg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._assign import subjects, whole
from ._protocol import Protocol

if TYPE_CHECKING:
    from emg_io._dataset import Dataset
    from emg_io._recording import Recording

_EVALUATION = "EvaluationDataset"


def _people(dataset: Dataset) -> list[str]:
    """One fold a person of the evaluation part."""
    return [subject for subject in dataset.subjects if subject.startswith(_EVALUATION)]


def _evaluation(recording: Recording, fold: str | None) -> str | None:
    """One evaluation subject: training0 trains, Test0 and Test1 test."""
    if recording.subject != fold:
        return None
    return "train" if recording.session.casefold().startswith("training") else "test"


def _folders(recording: Recording, fold: str | None) -> str | None:
    """Sessions or tasks named after their part."""
    if fold is not None and recording.subject != fold:
        return None
    return "train" if "train" in f"{recording.session} {recording.task}".casefold() else "test"


PROTOCOLS = (
    Protocol(
        name="myo-armband/evaluation",
        format="myo-armband",
        unit="session",
        source="Côté-Allard et al., IEEE TNSRE 2019, 27(4):760: training0 trains, Test0 and Test1 test, per person",
        assign=whole(_evaluation),
        folds=_people,
        flaw="EvaluationDataset/Female0 is a copy of PreTrainingDataset Female7, Female8 and Female9: whoever "
        "pre-trains on all of that part must leave those three out",
    ),
    Protocol(
        name="3dc/published",
        format="3dc",
        unit="session",
        source="Côté-Allard et al., Frontiers in Bioengineering 2020, 8:158: first four cycles train, last four test",
        assign=whole(_folders),
        folds=subjects,
    ),
    Protocol(
        name="flexemg/published",
        format="flexemg",
        unit="repetition",
        source="Moin et al., ISCAS 2018: folders Train and Test, per person",
        assign=whole(_folders),
        folds=subjects,
    ),
)
