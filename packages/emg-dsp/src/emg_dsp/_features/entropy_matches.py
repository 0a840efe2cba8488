"""Kernel that counts similar templates with bits. Imported at first use only, because this module imports numba.

Sorting the samples of a window turns "within the tolerance of sample i" into a run of neighbours. That run, written as
a row of bits over time, changes by few bits from one sample to the next in order; rows ANDed with the rows of the next
samples, shifted, hold one bit for each similar template. So N^2 comparisons become N^2 / 64 operations on words, with
exact results.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

from emg_dsp._jit import kernel

from .sorting import sort_with_order
from .spread import mean_and_deviation

COLUMNS = 512
"""Templates that one pass over the rows compares with all others."""
_SLACK = 1 + 1e-9
_TINY = 1e-280


def ones(word: Any) -> Any:  # noqa: ANN401  numba compiles this one from the overload below
    """Count the bits that are set."""
    return np.uint64(int(word).bit_count())


@intrinsic
def _ones_instruction(_: Any, word: Any) -> Any:  # noqa: ANN401
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.ctpop(args[0])

    return types.uint64(word), generate


@overload(ones)
def _ones_compiled(word: Any) -> Any:  # noqa: ANN401, ARG001
    def compiled(word: Any) -> Any:  # noqa: ANN401
        return _ones_instruction(word)  # type: ignore[call-arg]  # an intrinsic is called without its context

    return compiled


@njit(nogil=True, error_model="numpy")
def _similar_samples(values: Any, order: Any, tolerance: float, first: int, bits: Any) -> None:  # noqa: ANN401
    """Set bit ``j`` of ``bits[:, i]`` where samples ``i`` and ``first + j`` differ by at most the tolerance."""
    n = values.shape[0]
    words = bits.shape[0]
    current = np.zeros(words, dtype=np.uint64)
    enter = 0
    leave = 0
    for place in range(n):
        here = values[place]
        while enter < n and values[enter] - here <= tolerance:
            j = order[enter] - first
            if 0 <= j < 64 * words:
                current[j >> 6] |= np.uint64(1) << np.uint64(j & 63)
            enter += 1
        while here - values[leave] > tolerance:
            j = order[leave] - first
            if 0 <= j < 64 * words:
                current[j >> 6] ^= np.uint64(1) << np.uint64(j & 63)
            leave += 1
        i = order[place]
        for word in range(words):
            bits[word, i] = current[word]


@njit(nogil=True, error_model="numpy")
def _count(bits: Any, size: int, templates: int, first: int, similar: Any, counts: Any) -> None:  # noqa: ANN401
    """Add to ``counts[:, i]`` the templates of this pass similar to the ``i``-th in ``size``, ``size + 1`` samples."""
    for word in range(bits.shape[0] - 1):
        left = min(templates - first - 64 * word, 64)
        kept = ~np.uint64(0) >> np.uint64(64 - left)
        for i in range(templates):
            similar[i] = bits[word, i] & kept
        for shift in range(1, size + 1):
            down, up = np.uint64(shift), np.uint64(64 - shift)
            if shift == size:
                for i in range(templates):
                    counts[0, i] += ones(similar[i])
            for i in range(templates):
                similar[i] &= (bits[word, i + shift] >> down) | (bits[word + 1, i + shift] << up)
        for i in range(templates):
            counts[1, i] += ones(similar[i])


@njit(nogil=True, error_model="numpy")
def _mean_log(counts: Any, templates: int) -> Any:  # noqa: ANN401
    """Return the mean of ``ln(counts / templates)``; products are taken first, since logarithms are dear."""
    total = 0.0
    product = 1.0
    for i in range(templates):
        product *= counts[i] / templates
        if product < _TINY:
            total += np.log(product)
            product = 1.0
    return (total + np.log(product)) / templates


@njit(nogil=True, error_model="numpy")
def _last_template(x: Any, size: int, tolerance: float, counts: Any) -> None:  # noqa: ANN401
    """Count the template of ``size`` samples that ends the window, which one of ``size + 1`` samples cannot start."""
    last = x.shape[0] - size
    counts[last] = 1
    for i in range(last):
        same = True
        for shift in range(size):
            same &= abs(x[i + shift] - x[last + shift]) <= tolerance
        counts[i] += np.uint64(same)
        counts[last] += np.uint64(same)


@kernel("void(Array(float64, 2, 'C', True), int64, float64, float64[:,::1])")
def similar_templates(samples: Any, size: int, ratio: float, out: Any) -> None:  # noqa: ANN401
    """Write what sample entropy and approximate entropy follow from, for each window of more than ``size`` samples.

    Rows of ``out``: ordered pairs of different templates similar in ``size`` samples, the same in ``size + 1``, and
    Pincus' Phi of both sizes. The tolerance is ``ratio`` standard deviations of the window.
    """
    length = samples.shape[1]
    templates = length - size
    values = np.empty(length, dtype=np.float64)
    order = np.empty(length, dtype=np.int64)
    places = np.empty(2 * length + 1, dtype=np.int64)
    words = (min(templates, COLUMNS) + 63) // 64 + 1
    bits = np.empty((words, length), dtype=np.uint64)
    similar = np.empty(templates, dtype=np.uint64)
    counts = np.empty((2, length), dtype=np.uint64)
    for w in range(samples.shape[0]):
        x = samples[w]
        tolerance = ratio * mean_and_deviation(x)[1] * _SLACK
        sort_with_order(x, values, order, places)
        for i in range(length):
            counts[0, i] = counts[1, i] = 0
        for first in range(0, templates, COLUMNS):
            part = bits[: (min(templates - first, COLUMNS) + 63) // 64 + 1]
            _similar_samples(values, order, tolerance, first, part)
            _count(part, size, templates, first, similar, counts)
        for row in range(2):
            out[row, w] = -templates
            for i in range(templates):
                out[row, w] += counts[row, i]
        _last_template(x, size, tolerance, counts[0])
        out[2, w] = _mean_log(counts[0], templates + 1)
        out[3, w] = _mean_log(counts[1], templates)
