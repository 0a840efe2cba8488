"""Single-frame decisions and majority votes over them, off-line and live, with a declared rule for ties."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from emg_models._checks import require_choice, require_count
from emg_models._errors import EmgModelsError

if TYPE_CHECKING:
    import torch

__all__ = ["Tie", "VoteAccuracy", "majority_vote", "vote_accuracy", "vote_rule"]

Tie = Literal["lowest", "latest"]
Decisions = TypeVar("Decisions", "np.ndarray[Any, Any]", "torch.Tensor")
CELLS = 2**22


@dataclass(frozen=True)
class VoteAccuracy:
    """How often votes were right.

    Attributes
    ----------
    pooled : float
        Right windows / all windows, so that longer trials weigh more.
    balanced : float
        Mean over the gestures that occur of the pooled accuracy of each.
    n_windows : int
        Windows of all trials.
    rule : str
        Window and rule for ties, as `vote_rule` names them.
    """

    pooled: float
    balanced: float
    n_windows: int
    rule: str


def vote_rule(window: int, tie: Tie = "lowest") -> str:
    """Return the name of a rule, for results: window in frames and what decides a tie.

    Raises
    ------
    EmgModelsError
        The window is neither -1 nor >= 1, or the rule for ties is unknown.
    """
    if window != -1:
        require_count("window", window, most=2**62)
    require_choice("tie", tie, get_args(Tie))
    span = "the whole trial" if window == -1 else f"{window} frames"
    return f"majority of {span}, ties to the {tie} label"


def majority_vote(predictions: Decisions, window: int, tie: Tie = "lowest") -> Decisions:
    """Vote over the last frames of one trial, window by window.

    Parameters
    ----------
    predictions : ndarray or Tensor of int, shape (n,)
        Class of each frame of one trial, n >= 1. Windows never cross trials, so call once per trial.
    window : int
        Frames w per vote; -1, or any w >= n, for the whole trial.
    tie : {"lowest", "latest"}
        Which of the most frequent labels wins: that of lowest index (argmax of the histogram, as firmware computes it),
        or the one seen most recently.

    Returns
    -------
    ndarray or Tensor of int, shape (n - min(w, n) + 1,)
        Entry i is the vote of frames i … i + w - 1; kind, dtype and device as given.

    Raises
    ------
    EmgModelsError
        The predictions are no integers on one axis, or an argument is outside its range.

    References
    ----------
    Windows as in the released code of GengNet; its rule for ties is arbitrary, these are ours.
    """
    vote_rule(window, tie)
    if isinstance(predictions, np.ndarray):
        return _vote(predictions, window, tie)
    import torch

    if not isinstance(predictions, torch.Tensor):
        raise EmgModelsError(f"predictions of type {type(predictions).__name__}: an ndarray or a Tensor is required")
    if predictions.is_floating_point() or predictions.is_meta:
        raise EmgModelsError(
            f"predictions of shape {tuple(predictions.shape)} and {str(predictions.dtype).removeprefix('torch.')} on "
            f"{predictions.device}: integer labels are required; take the argmax over classes first"
        )
    voted = _vote(predictions.cpu().numpy(), window, tie)
    return torch.from_numpy(voted).to(predictions.device)


def vote_accuracy(
    trials: Sequence[Any],
    labels: Sequence[int],
    window: int,
    tie: Tie = "lowest",
) -> VoteAccuracy:
    """Score majority votes over trials of one label each.

    Parameters
    ----------
    trials : sequence of ndarray or Tensor of int, each shape (n,)
        Frame predictions, trial by trial; lengths may differ.
    labels : sequence of int
        The true class of each trial.
    window, tie
        As for `majority_vote`; window 1 gives the accuracy of single frames.

    Returns
    -------
    VoteAccuracy
        Both ways to average, and the rule. Average folds afterwards, as the protocols do.

    Raises
    ------
    EmgModelsError
        There are no trials, or not one integer label for each.
    """
    if not len(trials) or len(trials) != len(labels):
        raise EmgModelsError(f"{len(trials)} trials and {len(labels)} labels: one label for each trial is required")
    tally: dict[int, list[int]] = {}
    for predictions, label in zip(trials, map(_label, labels), strict=True):
        votes = majority_vote(predictions, window, tie)
        right, windows = tally.setdefault(label, [0, 0])
        tally[label] = [right + int((votes == label).sum()), windows + len(votes)]
    n_windows = sum(windows for _, windows in tally.values())
    return VoteAccuracy(
        pooled=sum(right for right, _ in tally.values()) / n_windows,
        balanced=sum(right / windows for right, windows in tally.values()) / len(tally),
        n_windows=n_windows,
        rule=vote_rule(window, tie),
    )


def _label(label: Any) -> int:  # noqa: ANN401  an integer of any library
    try:
        return operator.index(label)
    except TypeError:
        raise EmgModelsError(f"label {label!r}: an integer is required, the true class of a trial") from None


def _vote(predictions: "np.ndarray[Any, Any]", window: int, tie: Tie) -> "np.ndarray[Any, Any]":
    if predictions.ndim != 1 or not len(predictions) or predictions.dtype.kind not in "iu":
        raise EmgModelsError(
            f"predictions of shape {predictions.shape} and {predictions.dtype}: at least one integer label on one axis "
            "is required; take the argmax over classes first, and one trial at a time"
        )
    n = len(predictions)
    span = n if window == -1 else min(window, n)
    labels, ranks = np.unique(predictions, return_inverse=True)
    block = max(1, CELLS // len(labels))
    starts = range(0, n - span + 1, block)
    votes = [_block(ranks[start : start + block + span - 1], len(labels), span, tie) for start in starts]
    voted: np.ndarray[Any, Any] = labels[np.concatenate(votes)]
    return voted


def _block(ranks: "np.ndarray[Any, Any]", n_labels: int, span: int, tie: Tie) -> "np.ndarray[Any, Any]":
    """Return the winning rank of every window of `span` frames: histograms are differences of running counts."""
    seen = ranks[:, None] == np.arange(n_labels)
    counts = np.zeros((len(ranks) + 1, n_labels), np.int64)
    np.cumsum(seen, axis=0, out=counts[1:])
    histogram = counts[span:] - counts[:-span]
    if tie == "latest":
        times = np.arange(1, len(ranks) + 1)[:, None]
        latest = np.maximum.accumulate(np.where(seen, times, 0), axis=0)[span - 1 :]
        histogram = histogram * (len(ranks) + 1) + latest
    winners: np.ndarray[Any, Any] = histogram.argmax(1)
    return winners
