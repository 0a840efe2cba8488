"""Classification metrics of predicted class indices: over windows, classes and people, with and without rest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

from .statistics import interval, resampled_totals, spread

Counts = NDArray[np.int64]


def confusion_matrix(target: Counts, predicted: Counts, n_classes: int) -> Counts:
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
    tables = _confusions(target, predicted, np.zeros(len(target), np.int64), 1, n_classes)
    confusion: Counts = tables.sum(0)
    return confusion


def accuracy(confusion: Counts) -> float:
    """Return the share of windows on the diagonal, in ``[0, 1]``."""
    total = int(confusion.sum())
    if not total:
        raise EmgDistillError("accuracy of zero windows is not defined: the part is empty")
    return float(np.trace(confusion) / total)


def balanced_accuracy(confusion: Counts) -> float:
    """Return the mean recall over classes that occur among targets, in ``[0, 1]`` (Brodersen et al., ICPR 2010)."""
    wanted = confusion.sum(1)
    seen = wanted > 0
    if not seen.any():
        raise EmgDistillError("balanced accuracy of zero windows is not defined: the part is empty")
    return float(np.mean(np.diag(confusion)[seen] / wanted[seen]))


def macro_f1(confusion: Counts) -> float:
    """Return the mean F1 score over classes that occur among targets or predictions, in ``[0, 1]``.

    F1 of a class is ``2 TP / (2 TP + FP + FN)`` (Sokolova and Lapalme, Information Processing & Management 2009,
    table 3). A class that neither occurs nor is predicted has no score and is left out, as scikit-learn does.
    """
    if not confusion.any():
        raise EmgDistillError("macro F1 of zero windows is not defined: the part is empty")
    return float(_mean_f1(np.diag(confusion)[None], (confusion.sum(0) + confusion.sum(1))[None])[0])


def per_class(confusion: Counts) -> dict[str, list[Any]]:
    """Return precision, recall, F1 and support of each class, in lists in the order of classes.

    Precision of a class that is never predicted, recall of one that never occurs, and F1 of one that neither occurs nor
    is predicted are None.
    """
    hits, wanted, given = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    return {
        "precision": _ratios(hits, given),
        "recall": _ratios(hits, wanted),
        "f1": _ratios(2 * hits, wanted + given),
        "support": wanted.tolist(),
    }


def without_rest(confusion: Counts, rest: int) -> dict[str, Any]:
    """Return accuracy and macro F1 over the windows whose true class is not rest.

    Parameters
    ----------
    confusion
        Shape (n_classes, n_classes).
    rest
        Class index of rest, in ``[0, n_classes)``.

    Returns
    -------
    dict
        ``n`` of these windows, ``accuracy`` (rest predicted for a movement is an error), ``macro_f1`` over the other
        classes (movements predicted during rest do not count). None where no window is left.
    """
    if not 0 <= rest < len(confusion):
        raise EmgDistillError(f"rest={rest}: a class index in 0 .. {len(confusion) - 1} is required")
    moving = confusion.copy()
    moving[rest] = 0
    n = int(moving.sum())
    if not n:
        return {"n": 0, "accuracy": None, "macro_f1": None}
    others = np.arange(len(confusion)) != rest
    support = (moving.sum(0) + moving.sum(1))[others]
    f1 = _mean_f1(np.diag(moving)[others][None], support[None])[0]
    return {"n": n, "accuracy": float(np.trace(moving) / n), "macro_f1": float(f1)}


def classification_metrics(
    target: Counts, predicted: Counts, subject: NDArray[np.str_], n_classes: int, *, rest: int | None = None
) -> dict[str, Any]:
    """Measure predicted classes, JSON-able and the same bits every time.

    Parameters
    ----------
    target, predicted
        Shape (n,), class indices in ``[0, n_classes)``.
    subject
        Shape (n,): who each window is from.
    n_classes
        Number of classes.
    rest
        Class index of rest; None where no class is rest.

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``n``, ``confusion`` (lists), ``per_class`` (see
        `per_class`), ``per_subject`` (accuracy by name), ``per_subject_macro_f1``, ``subjects`` (``n``, and mean, sd
        and worst of both), ``ci95`` (``accuracy`` and ``macro_f1``: ``[low, high]`` of a bootstrap that draws 1000
        times as many people; None for fewer than two people), and ``without_rest`` when `rest` is given.
    """
    if subject.shape != target.shape:
        raise EmgDistillError(f"subject of shape {subject.shape}: one name for each of {len(target)} windows")
    names, person = np.unique(subject, return_inverse=True)
    tables = _confusions(target, predicted, person.astype(np.int64), max(len(names), 1), n_classes)
    confusion: Counts = tables.sum(0)
    metrics = {
        "accuracy": accuracy(confusion),
        "balanced_accuracy": balanced_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
        "n": len(target),
        "confusion": confusion.tolist(),
        "per_class": per_class(confusion),
        **_people([str(name) for name in names], tables),
    }
    return metrics if rest is None else {**metrics, "without_rest": without_rest(confusion, rest)}


def _people(names: list[str], tables: Counts) -> dict[str, Any]:
    """Return metrics by person from confusion matrices (people, classes, classes)."""
    right, f1 = [accuracy(table) for table in tables], [macro_f1(table) for table in tables]
    subjects = {"n": len(names), "accuracy": spread(right), "macro_f1": spread(f1)}
    ci95 = None
    if len(names) > 1:
        hits, given, wanted = (np.diagonal(tables, axis1=1, axis2=2), tables.sum(1), tables.sum(2))
        drawn = resampled_totals(np.stack([hits, given, wanted], axis=1))
        shares = drawn[:, 0].sum(1) / drawn[:, 2].sum(1)
        ci95 = {"accuracy": interval(shares), "macro_f1": interval(_mean_f1(drawn[:, 0], drawn[:, 1] + drawn[:, 2]))}
    return {
        "per_subject": dict(zip(names, right, strict=True)),
        "per_subject_macro_f1": dict(zip(names, f1, strict=True)),
        "subjects": subjects,
        "ci95": ci95,
    }


def _confusions(target: Counts, predicted: Counts, group: Counts, n_groups: int, n_classes: int) -> Counts:
    """Return a confusion matrix for each group of windows, (groups, classes, classes)."""
    if target.shape != predicted.shape or target.ndim != 1:
        raise EmgDistillError(f"target {target.shape} and predicted {predicted.shape} must be 1-D of one length")
    for name, values in (("target", target), ("predicted", predicted)):
        if len(values) and not 0 <= values.min() <= values.max() < n_classes:
            raise EmgDistillError(f"{name} holds {values.min()} .. {values.max()}; classes are 0 .. {n_classes - 1}")
    cell = (group * n_classes + target) * n_classes + predicted
    counts = np.bincount(cell, minlength=n_groups * n_classes**2)
    return counts.reshape(n_groups, n_classes, n_classes).astype(np.int64)


def _mean_f1(hits: Counts, support: Counts) -> NDArray[np.float64]:
    """Return the mean of ``2 hits / support`` over classes with support, rows of (n, classes) to (n,)."""
    seen = support > 0
    scores = np.divide(2 * hits, support, out=np.zeros(hits.shape), where=seen)
    means: NDArray[np.float64] = scores.sum(1) / seen.sum(1)
    return means


def _ratios(part: Counts, whole: Counts) -> list[float | None]:
    return [a / b if b else None for a, b in zip(part.tolist(), whole.tolist(), strict=True)]
