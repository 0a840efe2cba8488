"""Errors of predicted values: absolute, squared, explained variance; by output and by person."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

from .statistics import interval, resampled_totals, spread

Floats = NDArray[np.float64]
WEIGHT, ABSOLUTE, SQUARED, TURNED, MEAN, SCATTER = range(6)
BLOCK = 2**14
CONSTANT = 1e-12  # variance over squared distance from another person's mean, below which only rounding is left


def error_sums(
    target: NDArray[np.floating],
    predicted: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
    *,
    turn: float | None = None,
) -> Floats:
    """Sum up the errors of each example, so that batches need not be kept.

    Parameters
    ----------
    target, predicted
        Shape (n, instants, outputs) or (n, outputs), one unit.
    weight
        How much each entry counts, the same shape, ``>= 0``; where it is 0, entries are inert, NaN included. None
        counts all alike.
    turn
        A full turn in the unit of the values (360, or 2π) where they are angles: errors also go the shorter way round.

    Returns
    -------
    ndarray of shape (n, outputs, 6), float64
        Sum w of weights, ``Σ w|e|``, ``Σ w e²``, ``Σ w|e|`` the shorter way round, weighted mean of the target, and
        ``Σ w (t - mean)²``, for `regression_metrics`. A row does not depend on the rows around it.

    Raises
    ------
    EmgDistillError
        When shapes differ, or a value that counts or a weight is not finite.
    """
    if (
        target.shape != predicted.shape
        or target.ndim not in {2, 3}
        or (weight is not None and weight.shape != target.shape)
    ):
        shapes = f"target {target.shape}, predicted {predicted.shape}, weight {getattr(weight, 'shape', None)}"
        raise EmgDistillError(f"{shapes}: one shape (n, outputs) or (n, instants, outputs) is required")
    rows = max(1, BLOCK // max(1, math.prod(target.shape[1:])))
    blocks = [slice(start, start + rows) for start in range(0, len(target), rows)]
    sums = [_block(target[b], predicted[b], None if weight is None else weight[b], turn) for b in blocks]
    return np.concatenate([np.zeros((0, target.shape[-1], 6)), *sums])


def regression_metrics(
    sums: Floats, subject: NDArray[np.str_], outputs: Sequence[str], *, turn: float | None = None
) -> dict[str, Any]:
    r"""Measure predicted values, JSON-able and the same bits whatever the batches were.

    .. math:: \mathrm{MAE} = \frac{\sum w|e|}{\sum w}, \quad \mathrm{RMSE} = \sqrt{\frac{\sum w e^2}{\sum w}}, \quad
              R^2 = 1 - \frac{\sum w e^2}{\sum w (t - \bar t)^2}

    with sums over all windows and instants of an output, and :math:`\bar t` the weighted mean of its target there.

    Parameters
    ----------
    sums
        Shape (n, outputs, 6), of `error_sums`, batches one after the other.
    subject
        Shape (n,): who each example is from.
    outputs
        Name of each output.
    turn
        As given to `error_sums`.

    Returns
    -------
    dict
        ``mae``, ``rmse``, ``r2``: means over outputs; ``rmse_pooled``: the root over all outputs at once; ``n``
        examples; ``per_output`` (the three by name); ``per_subject`` (the three by name, against the person's own mean
        target); ``subjects`` (``n``, and mean, sd and worst of each); ``ci95`` of the three (bootstrap that draws
        people 1000 times; None for fewer than two people). With `turn` also ``angular_mae``.
        R² is None where the target is constant, which defines none, and means leave it out; an output whose weights
        are all 0 has None throughout and is left out too.

    Raises
    ------
    EmgDistillError
        When shapes do not fit, or nothing counts.

    References
    ----------
    R²: Wright 1921 in the form of scikit-learn's ``r2_score(multioutput="uniform_average")``.
    """
    if sums.ndim != 3 or sums.shape[1:] != (len(outputs), 6) or subject.shape != sums.shape[:1]:
        raise EmgDistillError(
            f"sums {sums.shape}, subject {subject.shape}, {len(outputs)} outputs: "
            "(n, outputs, 6) of error_sums and one name for each example are required"
        )
    if not sums[:, :, WEIGHT].any():
        raise EmgDistillError("errors of zero values are not defined: the part is empty, or all weights are 0")
    names, person = np.unique(subject, return_inverse=True)
    totals = _totals(sums, person, len(names))
    table = _scores(totals.sum(0)[None], angular=turn is not None)
    metrics = _means(table)
    metrics["rmse_pooled"] = float(np.sqrt(totals[:, :, SQUARED].sum() / totals[:, :, WEIGHT].sum()))
    return {
        **metrics,
        "n": len(sums),
        "per_output": {
            str(name): {key: _plain(values[0, k]) for key, values in table.items()} for k, name in enumerate(outputs)
        },
        **_people([str(name) for name in names], totals, angular=turn is not None),
    }


def _block(
    target: NDArray[np.floating],
    predicted: NDArray[np.floating],
    weight: NDArray[np.floating] | None,
    turn: float | None,
) -> Floats:
    """Return the sums of some examples, few enough to stay near the processor."""
    counts = _rows(np.ones(target.shape) if weight is None else weight)
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise EmgDistillError("weight holds a negative or non-finite value; weights must be finite and >= 0")
    truth, given = (np.where(counts > 0, _rows(values), 0.0) for values in (target, predicted))
    if not (np.isfinite(truth) & np.isfinite(given)).all():
        raise EmgDistillError("target or predicted holds a value that is not finite where its weight is not 0")
    return _sums(truth, given, counts, turn)


def _rows(values: NDArray[Any]) -> Floats:
    """Return values as (n, outputs, instants), contiguous, so that sums over instants do not depend on the batch."""
    wide = values[:, None] if values.ndim == 2 else values
    return np.ascontiguousarray(np.moveaxis(wide, 1, 2), np.float64)


def _sums(truth: Floats, given: Floats, counts: Floats, turn: float | None) -> Floats:
    error = given - truth
    weight = counts.sum(-1)
    turned = np.abs(error if turn is None else error - turn * np.round(error / turn))
    first = np.take_along_axis(truth, (counts > 0).argmax(-1)[:, :, None], -1)
    apart = np.where(counts > 0, truth - first, 0.0)
    shift = (counts * apart).sum(-1) / np.where(weight > 0, weight, 1.0)
    scatter = (counts * np.square(apart - shift[:, :, None])).sum(-1)
    columns = (counts * np.abs(error)).sum(-1), (counts * np.square(error)).sum(-1), (counts * turned).sum(-1)
    return np.stack([weight, *columns, first[:, :, 0] + shift, scatter], axis=-1)


def _totals(sums: Floats, person: NDArray[np.int64], n_people: int) -> Floats:
    """Return sums by person; the last two columns become Σ w (t - r) and Σ w (t - r)² about one r for each output."""
    weight = sums[:, :, WEIGHT]
    reference = np.take_along_axis(sums[:, :, MEAN], (weight > 0).argmax(0)[None], 0)
    offset = np.where(weight > 0, sums[:, :, MEAN] - reference, 0.0)
    moments = [weight * offset, sums[:, :, SCATTER] + weight * np.square(offset)]
    columns = np.stack([*np.moveaxis(sums[:, :, :MEAN], -1, 0), *moments], axis=-1)
    return np.stack([_column_sums(columns[person == k]) for k in range(n_people)])


def _column_sums(columns: Floats) -> Floats:
    """Return exactly rounded sums over examples, (n, outputs, 6) to (outputs, 6): no order changes them."""
    flat = columns.reshape(len(columns), -1).T
    return np.array([math.fsum(row) for row in flat]).reshape(columns.shape[1:])


def _scores(totals: Floats, *, angular: bool) -> dict[str, Floats]:
    """Return (rows, outputs) of each metric from totals (rows, outputs, 6); NaN where one is not defined."""
    weight = np.where(totals[..., WEIGHT] > 0, totals[..., WEIGHT], np.nan)
    scatter = totals[..., SCATTER] - np.square(totals[..., MEAN]) / weight
    varies = np.where(scatter > CONSTANT * totals[..., SCATTER], scatter, np.nan)
    scores = {
        "mae": totals[..., ABSOLUTE] / weight,
        "rmse": np.sqrt(totals[..., SQUARED] / weight),
        "r2": 1.0 - totals[..., SQUARED] / varies,
    }
    return {**scores, "angular_mae": totals[..., TURNED] / weight} if angular else scores


def _means(scores: dict[str, Floats], row: int = 0) -> dict[str, Any]:
    """Return means over the outputs where each metric is defined, None where it is nowhere."""
    return {key: _plain(_output_means(values)[row]) for key, values in scores.items()}


def _output_means(values: Floats) -> Floats:
    """Return means over defined outputs, (rows, outputs) to (rows,); NaN where there is none."""
    defined = np.isfinite(values)
    count = np.where(defined.any(1), defined.sum(1), np.nan)
    means: Floats = np.where(defined, values, 0.0).sum(1) / count
    return means


def _people(names: list[str], totals: Floats, *, angular: bool) -> dict[str, Any]:
    """Return metrics by person, their spread, and intervals over people."""
    scores = _scores(totals, angular=angular)
    each = {name: _means(scores, row) for row, name in enumerate(names)}
    subjects: dict[str, Any] = {"n": len(names)}
    for key in scores:
        values = [own[key] for own in each.values() if own[key] is not None]
        subjects[key] = spread(values, "max" if key == "r2" else "min") if values else None
    if len(names) < 2:
        return {"per_subject": each, "subjects": subjects, "ci95": None}
    drawn = {key: _output_means(values) for key, values in _scores(resampled_totals(totals), angular=angular).items()}
    known = {key: values[np.isfinite(values)] for key, values in drawn.items()}
    ci95 = {key: interval(values) if len(values) else None for key, values in known.items()}
    return {"per_subject": each, "subjects": subjects, "ci95": ci95}


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
