"""How sure a number is: spread over people and seeds, bootstrap over people, two models on the same windows."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

Statistic = Callable[[NDArray[np.int64]], float]


def spread(values: Sequence[float], better: Literal["max", "min"] = "max") -> dict[str, Any]:
    """Return mean, sd and worst of one number per person.

    Parameters
    ----------
    values
        One number per person, at least one, finite.
    better
        Whether large (``"max"``) or small values are good.

    Returns
    -------
    dict
        ``mean``; ``sd`` of the sample (n - 1), None for a single value; ``worst``.
    """
    numbers = _numbers(values)
    return {
        "mean": _mean(numbers),
        "sd": _deviation(numbers),
        "worst": float(min(numbers) if better == "max" else max(numbers)),
    }


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Return how much a number varies between runs that differ in their seed alone.

    Parameters
    ----------
    values
        The number of each run, at least one, finite.

    Returns
    -------
    dict
        ``n``, ``mean``, ``sd`` of the sample (n - 1; None for a single run), ``min``, ``max``.
    """
    numbers = _numbers(values)
    return {
        "n": len(numbers),
        "mean": _mean(numbers),
        "sd": _deviation(numbers),
        "min": float(min(numbers)),
        "max": float(max(numbers)),
    }


def resample(n: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Draw with replacement.

    Parameters
    ----------
    n
        Things to draw from, ``>= 1``.
    resamples
        How often n of them are drawn, ``>= 1``.
    seed
        ``>= 0``.

    Returns
    -------
    ndarray of shape (resamples, n), int64
        In ``[0, n)``; the same for every version of NumPy, since only raw bits of Philox are used.
    """
    if resamples < 1 or seed < 0:
        raise EmgDistillError(f"resamples={resamples}, seed={seed}: at least one resample and a seed >= 0 are required")
    return _picks(np.full(resamples * n, n), [seed, n]).reshape(resamples, n)


def resampled_totals(totals: NDArray[Any], resamples: int = 1000, seed: int = 0) -> NDArray[Any]:
    """Add up totals of people drawn with replacement.

    Parameters
    ----------
    totals
        Shape (people, ...): sums over each person's windows.
    resamples, seed
        As for `resample`.

    Returns
    -------
    ndarray of shape (resamples, ...)
        Totals of each resample, added in the order of people; integers stay integers.
    """
    counts = np.stack([np.bincount(row, minlength=len(totals)) for row in resample(len(totals), resamples, seed)])
    summed = np.zeros((resamples, *totals.shape[1:]), totals.dtype)
    for person, total in enumerate(totals):
        summed += counts[:, person].reshape(-1, *[1] * total.ndim) * total
    return summed


def interval(values: NDArray[np.float64], level: float = 0.95) -> list[float]:
    """Return the percentile interval of resampled values, ``[low, high]``, each of them one of the values.

    Of B sorted values it is those numbered ``k`` and ``B - 1 - k`` with ``k = ⌊B·(1 - level)/2⌋``.
    """
    if not 0.0 < level < 1.0:
        raise EmgDistillError(f"level={level}: it must lie in (0, 1), such as 0.95")
    ordered = np.sort(values)
    cut = int(len(ordered) * (1.0 - level) / 2.0 + 1e-9)
    return [float(ordered[cut]), float(ordered[len(ordered) - 1 - cut])]


def bootstrap(
    statistic: Statistic,
    subject: NDArray[Any],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    within: bool = False,
) -> dict[str, Any]:
    """Return a percentile bootstrap interval of any number, resampling people rather than windows.

    Windows of one person resemble each other, so that drawing single windows would promise too much.

    Parameters
    ----------
    statistic
        Takes rows (m,) int64 of windows, with repetitions, and returns the number.
    subject
        Shape (n,): who each window is from; at least two people.
    resamples, seed
        As for `resample`.
    level
        Coverage, in ``(0, 1)``.
    within
        Also draw windows with replacement inside each drawn person.

    Returns
    -------
    dict
        ``value`` on all windows, ``low``, ``high``, ``level``, ``resamples``, ``unit`` (what was drawn), ``seed``.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; clusters: Davison and Hinkley, 1997,
    section 3.8.
    """
    drawn = _draw_rows(subject, resamples, seed, within=within)
    values = np.array([statistic(rows) for rows in drawn], np.float64)
    low, high = interval(values, level)
    about = {"level": level, "resamples": resamples, "unit": "subjects and windows" if within else "subjects"}
    value = float(statistic(np.arange(len(subject))))
    return {"value": value, "low": low, "high": high, **about, "seed": seed}


def paired_bootstrap(
    first: Statistic,
    second: Statistic,
    subject: NDArray[Any],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    within: bool = False,
) -> dict[str, Any]:
    """Return by how much two models differ on the same windows, with an interval over people.

    Parameters
    ----------
    first, second
        The number of each model on rows of windows, as for `bootstrap`; both see the same rows.
    subject, resamples, seed, level, within
        As for `bootstrap`.

    Returns
    -------
    dict
        As of `bootstrap`, for first minus second, and ``p``: two-sided,
        ``min(1, 2·(1 + min(#(d <= 0), #(d >= 0))) / (1 + resamples))``.
    """
    differences: list[float] = []

    def difference(rows: NDArray[np.int64]) -> float:
        differences.append(float(first(rows)) - float(second(rows)))
        return differences[-1]

    result = bootstrap(difference, subject, resamples=resamples, seed=seed, level=level, within=within)
    drawn = np.array(differences[:resamples])
    rarer = min(int((drawn <= 0.0).sum()), int((drawn >= 0.0).sum()))
    return {**result, "p": min(1.0, 2.0 * (1 + rarer) / (1 + resamples))}


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> dict[str, Any]:
    """Test whether two classifiers are right equally often, exactly (binomial).

    Parameters
    ----------
    first_right, second_right
        Shape (n,) bool: which windows each model gets right. The test takes windows as independent, which overlapping
        windows of one person are not: prefer `paired_bootstrap` for those.

    Returns
    -------
    dict
        ``only_first`` and ``only_second``: windows that one model alone gets right; ``p``, two-sided; 1 when the models
        never disagree.

    References
    ----------
    McNemar, Psychometrika 12, 1947; exact form as in Dietterich, Neural Computation 10, 1998.
    """
    given = [(values.shape, str(values.dtype)) for values in (first_right, second_right)]
    if given[0] != given[1] or first_right.ndim != 1 or first_right.dtype != np.bool_:
        raise EmgDistillError(f"first_right and second_right are {given}: two bool arrays (n,) are required")
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    n, fewer = only_first + only_second, min(only_first, only_second)
    step = np.arange(fewer)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log(n - step) - np.log(step + 1.0))])
    tail = float(np.exp(log_choose - n * math.log(2.0)).sum())
    return {"only_first": only_first, "only_second": only_second, "p": min(1.0, 2.0 * tail)}


def _draw_rows(subject: NDArray[Any], resamples: int, seed: int, *, within: bool) -> Iterator[NDArray[np.int64]]:
    """Draw people, and all their windows or as many of their windows; yield rows, resample by resample."""
    names, person = np.unique(subject, return_inverse=True)
    if len(names) < 2:
        raise EmgDistillError(f"{len(names)} subject: at least two are required to resample people")
    rows, sizes = np.argsort(person, kind="stable"), np.bincount(person)
    starts = np.cumsum(sizes) - sizes
    for number, people in enumerate(resample(len(names), resamples, seed)):
        size = sizes[people]
        place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        if within:
            place = _picks(np.repeat(size, size), [seed, len(names), number])
        yield rows[np.repeat(starts[people], size) + place]


def _picks(n: NDArray[np.int64], key: list[int]) -> NDArray[np.int64]:
    """Return one index below each n, of raw bits of Philox: the same for every version of NumPy."""
    bits = np.random.Philox(np.random.SeedSequence(key)).random_raw(len(n))
    return (((bits >> np.uint64(32)) * n.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def _numbers(values: Sequence[float]) -> list[float]:
    numbers = [float(value) for value in values]
    if not numbers or not all(map(math.isfinite, numbers)):
        raise EmgDistillError(f"values={numbers}: at least one number is required, and all must be finite")
    return numbers


def _mean(numbers: list[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float | None:
    if len(numbers) == 1:
        return None
    mean = _mean(numbers)
    return math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
