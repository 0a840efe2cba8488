"""Accuracy on labelled samples, with the interval that its sample size allows."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import run_float

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph

Z95 = 1.959963984540054
CHUNK = 32  # samples that the float executor holds every value of


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
    logits = logits.reshape(len(logits), -1)
    labels = check_labels(labels, *logits.shape)
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


def check_labels(labels: NDArray[Any], n: int, classes: int, source: str = "labels") -> NDArray[Any]:
    """Return labels that are integers ``(n,)`` in ``0..classes-1``, n >= 1.

    Raises
    ------
    EmgEdgeError
        Naming the source and what its labels are instead.
    """
    labels = np.asarray(labels)
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise EmgEdgeError(f"{source} are {labels.dtype} {labels.shape}; need integers ({n},), one per sample")
    if n == 0 or labels.min() < 0 or labels.max() >= classes:
        seen = f"{labels.min()}..{labels.max()}" if n else "none"
        raise EmgEdgeError(
            f"{source} lie in {seen}; they must lie in 0..{classes - 1} with at least one sample; check the class order"
        )
    return labels


def float_logits(graph: Graph, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return the first output of a float graph, computed in chunks.

    Parameters
    ----------
    graph
        A verified graph.
    feeds
        Real samples ``(n, *sample)`` by input, n >= 1.
    """
    n, name = len(next(iter(feeds.values()))), graph.outputs[0]
    parts = [
        run_float(graph, {port: array[start : start + CHUNK] for port, array in feeds.items()})[name]
        for start in range(0, n, CHUNK)
    ]
    return np.concatenate(parts).astype(np.float32, copy=False)


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
