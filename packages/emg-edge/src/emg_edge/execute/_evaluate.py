"""Accuracy on labelled samples, with the interval that its sample size allows."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z95 = 1.959963984540054


def score(logits: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
    """Return accuracy, its 95 % Wilson interval, macro F1 and counts.

    Parameters
    ----------
    logits
        ``(n, classes)``.
    labels
        Integers ``(n,)`` in ``0..classes-1``.

    Raises
    ------
    EmgEdgeError
        When the labels do not match the logits.
    """
    labels = np.asarray(labels)
    logits = logits.reshape(len(logits), -1)
    classes = logits.shape[1]
    if labels.shape != (len(logits),) or labels.dtype.kind not in "iu":
        raise EmgEdgeError(f"labels are {labels.dtype} {labels.shape}; need integers ({len(logits)},), one per sample")
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= classes:
        raise EmgEdgeError(f"labels must lie in 0..{classes - 1} with at least one sample; check the class order")
    predicted = logits.argmax(1)
    correct = int((predicted == labels).sum())
    low, high = wilson(correct, len(labels))
    return {
        "accuracy": correct / len(labels),
        "interval": [low, high],
        "macro_f1": _macro_f1(predicted, labels),
        "correct": correct,
        "n": len(labels),
    }


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson 1927)."""
    p, z = correct / n, Z95
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _macro_f1(predicted: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the mean F1 over the classes that occur among labels or predictions."""
    scores = []
    for label in np.union1d(predicted, labels):
        hits = int(((predicted == label) & (labels == label)).sum())
        scores.append(2 * hits / (int((predicted == label).sum()) + int((labels == label).sum())))
    return float(np.mean(scores))
