"""NinaPro: repetitions as the community and TinyMyo's released code split them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_io.splits import WindowRule

from ._assign import DU, GENG, NO_VAL, by_repetition, subjects, whole
from ._protocol import Protocol

if TYPE_CHECKING:
    from emg_io._recording import Recording

_COMMUNITY = "Atzori et al., Scientific Data 2014, and its followers"
_TINYMYO = "TinyMyo, arXiv 2512.15729, released code"
_NO_REST = "repetition 0, the rest between movements, is left out"
_INSIDE = "; the released windows may reach from one repetition into rest or the next, these lie inside one"
_PEOPLE = {1: 27, 2: 40, 3: 11, 5: 10, 6: 10, 7: 22, 8: 12}


def _is_fold(recording: Recording, fold: str | None) -> bool:
    """Keep one subject."""
    return recording.subject == fold


def _acquisition(recording: Recording, fold: str | None) -> str | None:  # noqa: ARG001  the shape of a rule
    """DB8: the first acquisition trains, the second validates, the third tests."""
    return {"A1": "train", "A2": "val", "A3": "test"}.get(recording.session)


def _repetitions(
    base: int,
    name: str,
    source: str,
    parts: dict[str, tuple[int, ...]],
    windows: WindowRule | None = None,
    flaw: str = "",
) -> Protocol:
    """Make a split of one data base by repetitions, subjects pooled."""
    return Protocol(
        name=f"db{base}/{name}",
        format=f"ninapro-db{base}",
        unit="repetition",
        source=source,
        assign=by_repetition(parts),
        windows=windows,
        flaw=f"{_NO_REST}{flaw}",
        people=_PEOPLE[base],
    )


def _frames(name: str, source: str, train: tuple[int, ...], test: tuple[int, ...]) -> Protocol:
    """Make a split of DB1 as networks for single frames use it: one fold a subject, no rest."""
    return Protocol(
        name=f"db1/{name}",
        format="ninapro-db1",
        unit="repetition",
        source=source,
        assign=by_repetition({"train": train, "test": test}, keep=_is_fold),
        windows=WindowRule(1, 1, "first"),
        folds=subjects,
        flaw=f"{_NO_REST}; {NO_VAL}",
    )


PROTOCOLS = (
    _repetitions(1, "community", _COMMUNITY, {"train": (1, 3, 4, 6, 8, 9, 10), "test": (2, 5, 7)}),
    _frames("geng", GENG, (1, 3, 5, 7, 9), (2, 4, 6, 8, 10)),
    _frames("du", DU, (1, 3, 4, 5, 9), (2, 6, 7, 8, 10)),
    _repetitions(2, "community", _COMMUNITY, {"train": (1, 3, 4, 6), "test": (2, 5)}),
    _repetitions(3, "community", _COMMUNITY, {"train": (1, 3, 4, 6), "test": (2, 5)}),
    _repetitions(
        5,
        "tinymyo",
        _TINYMYO,
        {"train": (1, 2, 5), "val": (4, 6), "test": (3,)},
        WindowRule(200, 50, "first", pad=True),
        "; the released windows run up to 150 samples into the next repetition, these end with theirs",
    ),
    _repetitions(
        6,
        "tinymyo-pretraining",
        _TINYMYO,
        {"train": (1, 2, 3, 4, 5, 6, 7, 8), "val": (9, 10), "test": (11, 12)},
        WindowRule(1000, 500, "centre"),
        _INSIDE,
    ),
    _repetitions(
        7,
        "tinymyo-pretraining",
        _TINYMYO,
        {"train": (1, 2, 3, 4), "val": (5,), "test": (6,)},
        WindowRule(1000, 500, "centre"),
        _INSIDE,
    ),
    Protocol(
        name="db8/tinymyo",
        format="ninapro-db8",
        unit="session",
        source=f"{_TINYMYO}: acquisition A1 train, A2 validation, A3 test",
        assign=whole(_acquisition),
        windows=WindowRule(200, 50, "none"),
        flaw="subjects are pooled; the hop is ours, the source leaves it open",
        people=_PEOPLE[8],
    ),
)
