"""High-density sets: CapgMyo and CSL-HDEMG, in the folds of the released code of Geng et al. and Du et al."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_io.splits import WindowRule

from ._assign import DU, GENG, NO_VAL, subjects, whole
from ._protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_io._dataset import Dataset
    from emg_io._recording import Recording

_FRAMES = WindowRule(1, 1, "first")
_IDLE_TRIALS = (2, 4, 7, 8, 11, 13, 19, 25, 26, 30)


def _gesture(recording: Recording) -> bool:
    """Tell a gesture from a maximum-force trial."""
    return not recording.task.startswith("mvc")


def _odd_trials(recording: Recording, fold: str | None) -> str | None:
    """DB-a: odd trials of one subject train, even ones test."""
    if recording.subject != fold or not _gesture(recording):
        return None
    return "train" if (recording.repetition or 0) % 2 else "test"


def _sessions(recording: Recording, fold: str | None) -> str | None:
    """DB-b: one person's first session trains, the second tests."""
    if recording.subject != fold or not _gesture(recording):
        return None
    return "train" if recording.session == "1" else "test"


def _leave_one_out(session: str | None) -> Callable[[Recording, str | None], str | None]:
    """One person tests, all others train; of a set with two sessions the named one only."""

    def part_of(recording: Recording, fold: str | None) -> str | None:
        if not _gesture(recording) or (session is not None and recording.session != session):
            return None
        return "test" if recording.subject == fold else "train"

    return part_of


def _csl_sessions(dataset: Dataset) -> list[str]:
    """One fold a subject and session."""
    return list(dict.fromkeys(f"{recording.subject}/{recording.session}" for recording in dataset))


def _csl_trials(dataset: Dataset) -> list[str]:
    """One fold a subject, session and trial 1..10."""
    return [f"{fold}/{trial}" for fold in _csl_sessions(dataset) for trial in range(1, 11)]


def _trial(recording: Recording) -> int | None:
    """Return the trial 1..10, of the thirty idle ones those that the released code keeps."""
    if recording.task != "idle":
        return recording.repetition
    return _IDLE_TRIALS.index(recording.repetition) + 1 if recording.repetition in _IDLE_TRIALS else None


def _leave_trial_out(recording: Recording, fold: str | None) -> str | None:
    """CSL: one trial of a session tests, the other nine train."""
    subject, session, trial = str(fold).rsplit("/", 2)
    if (recording.subject, recording.session) != (subject, session) or _trial(recording) is None:
        return None
    return "test" if _trial(recording) == int(trial) else "train"


def _leave_session_out(recording: Recording, fold: str | None) -> str | None:
    """CSL: one session of a subject tests, the other four train."""
    subject, session = str(fold).rsplit("/", 1)
    if recording.subject != subject or _trial(recording) is None:
        return None
    return "test" if recording.session == session else "train"


PROTOCOLS = (
    Protocol("capgmyo-a/intra-subject", "capgmyo-a", "repetition", GENG, whole(_odd_trials), _FRAMES, subjects, NO_VAL),
    Protocol("capgmyo-b/inter-session", "capgmyo-b", "session", DU, whole(_sessions), _FRAMES, subjects, NO_VAL),
    Protocol(
        "capgmyo-b/inter-subject",
        "capgmyo-b",
        "subject",
        f"{DU}; second sessions only",
        whole(_leave_one_out("2")),
        _FRAMES,
        subjects,
        NO_VAL,
        people=10,
    ),
    Protocol(
        "capgmyo-c/inter-subject",
        "capgmyo-c",
        "subject",
        DU,
        whole(_leave_one_out(None)),
        _FRAMES,
        subjects,
        NO_VAL,
        people=10,
    ),
    Protocol(
        "csl-hdemg/intra-session",
        "csl-hdemg",
        "repetition",
        f"{GENG}; of thirty idle trials ten",
        whole(_leave_trial_out),
        _FRAMES,
        _csl_trials,
        NO_VAL,
    ),
    Protocol(
        "csl-hdemg/inter-session",
        "csl-hdemg",
        "session",
        f"{DU}; of thirty idle trials ten",
        whole(_leave_session_out),
        _FRAMES,
        _csl_sessions,
        NO_VAL,
    ),
)
