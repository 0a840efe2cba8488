"""Classification metrics of predicted class indices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError


def confusion_matrix(target: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Count windows by true class (rows) and predicted class (columns).

    Parameters
    ----------
    target, predicted
        Shape (n,), class indices in ``[0, n_classes)``.
    n_classes
        Number of classes.

    Returns
    -------
    ndarray of shape (n_classes, n_classes), int64
        Sums to n.

    Raises
    ------
    EmgDistillError
        When lengths differ or an index is out of range.
    """
    if target.shape != predicted.shape or target.ndim != 1:
        raise EmgDistillError(f"target {target.shape} and predicted {predicted.shape} must be 1-D of one length")
    for name, values in (("target", target), ("predicted", predicted)):
        if len(values) and not 0 <= values.min() <= values.max() < n_classes:
            raise EmgDistillError(f"{name} holds {values.min()} .. {values.max()}; classes are 0 .. {n_classes - 1}")
    counts = np.bincount(target * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def accuracy(confusion: NDArray[np.int64]) -> float:
    """Return the share of windows on the diagonal, in ``[0, 1]``."""
    total = int(confusion.sum())
    if not total:
        raise EmgDistillError("accuracy of zero windows is not defined: the part is empty")
    return float(np.trace(confusion) / total)


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return the mean F1 score over classes that occur among targets or predictions, in ``[0, 1]``.

    F1 of a class is ``2 TP / (2 TP + FP + FN)`` (Sokolova and Lapalme, Information Processing & Management 2009,
    table 3). A class that neither occurs nor is predicted has no score and is left out, as scikit-learn does.
    """
    hits = np.diag(confusion)
    support = confusion.sum(0) + confusion.sum(1)
    seen = support > 0
    if not seen.any():
        raise EmgDistillError("macro F1 of zero windows is not defined: the part is empty")
    return float(np.mean(2 * hits[seen] / support[seen]))


def classification_metrics(
    target: NDArray[np.int64], predicted: NDArray[np.int64], subject: NDArray[np.str_], n_classes: int
) -> dict[str, Any]:
    """Return accuracy, macro_f1, n, the confusion matrix and the accuracy of each subject, JSON-able."""
    confusion = confusion_matrix(target, predicted, n_classes)
    hits = target == predicted
    return {
        "accuracy": accuracy(confusion),
        "macro_f1": macro_f1(confusion),
        "n": len(target),
        "confusion": confusion.tolist(),
        "per_subject": {str(name): float(hits[subject == name].mean()) for name in np.unique(subject)},
    }
