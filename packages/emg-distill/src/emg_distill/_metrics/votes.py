"""Majority votes over the windows of a trial."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import emg_models
from emg_distill._errors import EmgDistillError

from .statistics import spread

Trials = list[NDArray[np.int64]]


def vote_metrics(
    target: NDArray[np.int64],
    predicted: NDArray[np.int64],
    trial: NDArray[np.int64],
    subject: NDArray[np.str_],
    window: int,
    tie: Literal["lowest", "latest"] = "lowest",
) -> dict[str, Any]:
    """Score votes of neighbouring windows, trial by trial.

    Parameters
    ----------
    target, predicted
        Shape (n,), class indices; the windows of a trial stand in the order of time and have one target.
    trial
        Shape (n,): number of the trial that each window is from; the trials of different people differ.
    subject
        Shape (n,): who each window is from.
    window
        Windows w that vote together, ``>= 1``; -1, or more than a trial has, for the whole trial. Votes slide by one
        window, and those of a trial of n windows are ``n - min(w, n) + 1``.
    tie
        Who wins among the most frequent: the ``"lowest"`` class index, or the one seen ``"latest"``.

    Returns
    -------
    dict
        ``accuracy``: right votes / all votes, so that long trials weigh more; ``balanced_accuracy``: mean over classes;
        ``n`` votes, ``n_trials``, ``rule`` in words, ``window``, ``tie``; ``per_subject`` accuracy and its ``subjects``
        (mean, sd, worst).

    Raises
    ------
    EmgDistillError
        When shapes differ, a trial has more than one target or person, or the rule is unknown.

    References
    ----------
    Released code of GengNet, whose rule for ties is arbitrary; see `emg_models.vote_accuracy`.
    """
    shapes = {"predicted": predicted.shape, "trial": trial.shape, "subject": subject.shape}
    if target.ndim != 1 or not len(target) or any(shape != target.shape for shape in shapes.values()):
        raise EmgDistillError(f"target {target.shape}, {shapes}: 1-D of one length >= 1 is required")
    rows = np.split(np.argsort(trial, kind="stable"), np.cumsum(np.unique(trial, return_counts=True)[1])[:-1])
    for own in rows:
        if len(np.unique(target[own])) > 1 or len(np.unique(subject[own])) > 1:
            raise EmgDistillError(f"trial {trial[own[0]]} has more than one target or subject; number each by itself")
    votes = [predicted[own] for own in rows]
    labels = [int(target[own[0]]) for own in rows]
    people = [str(subject[own[0]]) for own in rows]
    pooled = _score(votes, labels, window, tie)
    each = {}
    for name in sorted(set(people)):
        own_trials = [k for k, person in enumerate(people) if person == name]
        each[name] = _score([votes[k] for k in own_trials], [labels[k] for k in own_trials], window, tie).pooled
    return {
        "accuracy": pooled.pooled,
        "balanced_accuracy": pooled.balanced,
        "n": pooled.n_windows,
        "n_trials": len(votes),
        "rule": pooled.rule,
        "window": window,
        "tie": tie,
        "per_subject": each,
        "subjects": spread(list(each.values())),
    }


def _score(
    votes: Trials, labels: list[int], window: int, tie: Literal["lowest", "latest"]
) -> "emg_models.VoteAccuracy":
    try:
        return emg_models.vote_accuracy(votes, labels, window, tie)
    except emg_models.EmgModelsError as error:
        raise EmgDistillError(str(error)) from None
