"""Majority votes on a live stream of decisions, by a running histogram."""

from typing import Any

import numpy as np

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError

from .votes import Tie, vote_rule

__all__ = ["VoteStream"]


class VoteStream:
    """Live `majority_vote`: each decision costs one update of a histogram and one look over the classes.

    Over one trial, all that `push` and then `finish` return equals `majority_vote`, bit for bit. Before a window is
    full there is no decision.

    Parameters
    ----------
    window : int
        Frames per vote, >= 1.
    n_classes : int
        Labels are 0 … n_classes - 1.
    tie : {"lowest", "latest"}
        As for `majority_vote`.

    Attributes
    ----------
    rule : str
        Name of the rule, as in `VoteAccuracy`.

    Raises
    ------
    EmgModelsError
        A value is outside its range.
    """

    def __init__(self, window: int, n_classes: int, tie: Tie = "lowest") -> None:
        require_count("window", window, most=2**24)
        require_count("n_classes", n_classes)
        self.rule = vote_rule(window, tie)
        self._tie = tie
        self._ring = np.zeros(window, np.int64)
        self._histogram = np.zeros(n_classes, np.int64)
        self._latest = np.zeros(n_classes, np.int64)
        self._heard = 0

    def reset(self) -> None:
        """Start a new trial with an empty histogram."""
        self._histogram[:] = 0
        self._latest[:] = 0
        self._heard = 0

    def push(self, predictions: Any) -> "np.ndarray[Any, np.dtype[np.int64]]":  # noqa: ANN401  anything array-like
        """Take the classes of the next frames, return the votes they complete.

        Parameters
        ----------
        predictions : array-like of int, shape (n,)
            Any n >= 0.

        Returns
        -------
        ndarray of int64, shape (m,)
            ``m <= n``; 0 while the first window fills.

        Raises
        ------
        EmgModelsError
            The labels are no integers on one axis, or outside the classes; the histogram is as before then.
        """
        try:
            labels = np.asarray(predictions.detach().cpu() if hasattr(predictions, "detach") else predictions)
        except (TypeError, ValueError, RuntimeError) as error:
            raise EmgModelsError(f"predictions are no labels on one axis: {error}; give a list or an array") from error
        classes = len(self._histogram)
        fits = labels.ndim == 1 and (labels.dtype.kind in "iu" or not labels.size)
        if not fits or np.any((labels < 0) | (labels >= classes)):
            raise EmgModelsError(
                f"predictions of shape {labels.shape} and {labels.dtype}: integer labels from 0 to {classes - 1} on "
                "one axis are required"
            )
        votes = [self._advance(int(label)) for label in labels]
        return np.array([vote for vote in votes if vote is not None], np.int64)

    def finish(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """End the trial: the vote of a trial shorter than one window, else nothing; then as after `reset`."""
        short = 0 < self._heard < len(self._ring)
        votes = np.array([self._winner()] if short else [], np.int64)
        self.reset()
        return votes

    def _advance(self, label: int) -> int | None:
        place = self._heard % len(self._ring)
        if self._heard >= len(self._ring):
            self._histogram[self._ring[place]] -= 1
        self._ring[place] = label
        self._histogram[label] += 1
        self._heard += 1
        self._latest[label] = self._heard
        return self._winner() if self._heard >= len(self._ring) else None

    def _winner(self) -> int:
        if self._tie == "lowest":
            return int(self._histogram.argmax())
        tied = self._histogram == self._histogram.max()
        return int(np.where(tied, self._latest, -1).argmax())
