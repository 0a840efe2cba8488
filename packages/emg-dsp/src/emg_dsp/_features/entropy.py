"""Entropies: how seldom patterns of a window that were alike stay alike one sample later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError

from .feature import Feature

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_LONGEST = 32
_STEEPEST = 16


def _matches(block: Block, options: Options) -> Values:
    """Pairs of similar templates of m and of m + 1 samples, and Pincus' Phi of both (4, n)."""
    from .entropy_matches import similar_templates

    size, ratio = int(options["m"]), float(options["r"])

    def build(block: Block) -> Values:
        out = np.empty((4, len(block)))
        similar_templates(block.samples, size, ratio, out)
        return out

    return block.product(("similar templates", size, ratio), build)


def _sample_entropy(block: Block, options: Options) -> Values:
    templates = block.length - int(options["m"])
    if templates < 2:
        return np.full(len(block), np.nan)
    pairs, longer = _matches(block, options)[:2]
    most = np.log(templates) + np.log(templates - 1) - np.log(2)
    found = longer != 0
    entropy: Values = np.where(found, np.log(pairs / np.where(found, longer, 1)), most)
    return entropy


def _approximate_entropy(block: Block, options: Options) -> Values:
    if block.length <= options["m"]:
        return np.full(len(block), np.nan)
    phi = _matches(block, options)[2:]
    entropy: Values = phi[0] - phi[1]
    return entropy


def _fuzzy_entropy(block: Block, options: Options) -> Values:
    from .entropy_fuzzy import fuzzy_templates, fuzzy_templates_of

    size, power, ratio = int(options["m"]), int(options["n"]), float(options["r"])
    if block.length < size + 2:
        return np.full(len(block), np.nan)
    out = np.empty((2, len(block)))
    if (size, power) == (2, 2):
        fuzzy_templates(block.samples, ratio, out)
    else:
        fuzzy_templates_of(block.samples, size, power, ratio, out)
    entropy: Values = np.log(out[0] / out[1])
    return entropy


def _check(options: Options, _: float) -> None:
    positive(options["r"], "r", "standard deviations")
    if whole(int(options["m"]), "m", 1, " samples") > _LONGEST:
        raise EmgDspError(f"m={options['m']}; required are templates of at most {_LONGEST} samples.")


def _check_fuzzy(options: Options, sfreq: float) -> None:
    _check(options, sfreq)
    if whole(int(options["n"]), "n", 1) > _STEEPEST:
        raise EmgDspError(f"n={options['n']}; required is an exponent of at most {_STEEPEST}.")


FEATURES = (
    Feature(
        "APEN",
        "Phi(m) - Phi(m + 1); Phi(k) = mean over the L - k + 1 templates of k samples of ln(share of these templates, "
        "itself included, whose samples all differ by at most r standard deviations of the window); a flat window "
        "gives 0, a window of at most m samples NaN",
        "1",
        "Pincus, PNAS 88(6), 1991, doi:10.1073/pnas.88.6.2297",
        _approximate_entropy,
        options={"m": 2, "r": 0.2},
        check=_check,
    ),
    Feature(
        "FUZZYEN",
        "ln(S(m) / S(m + 1)); S(k) = sum over pairs of the first L - m templates of k samples, each minus its mean, of "
        "exp(-(largest difference / standard deviation of the window)^n / r), at least 2^-126 each; for m = n = 2 "
        "exponentials are float32, the result is within 1e-5; a flat window gives 0, a window below m + 2 samples NaN. "
        "Equals exp(-difference^n / (r sd)) of LibEMG and Chen for a window of sd 1; theirs depends on the unit",
        "1",
        "Chen, Wang, Xie and Yu, IEEE Trans. Neural Syst. Rehabil. Eng. 15(2), 2007, doi:10.1109/TNSRE.2007.897025",
        _fuzzy_entropy,
        options={"m": 2, "r": 0.3, "n": 2},
        check=_check_fuzzy,
    ),
    Feature(
        "SAMPEN",
        "ln(B / A) with the pairs of the first L - m templates whose m (B) or m + 1 (A) samples all differ by at most "
        "r standard deviations of the window, no template with itself; where A is 0, the largest value that can be "
        "told, ln((L - m)(L - m - 1) / 2); a flat window gives 0, a window below m + 2 samples NaN",
        "1",
        "Richman and Moorman, Am. J. Physiol. 278(6), 2000, doi:10.1152/ajpheart.2000.278.6.H2039",
        _sample_entropy,
        options={"m": 2, "r": 0.3},
        check=_check,
    ),
)
