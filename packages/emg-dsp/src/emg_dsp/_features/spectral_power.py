"""The power spectrum of a window, made once for all features that ask for it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emg_dsp._errors import EmgDspError
from emg_dsp._spectra.frames import Frames
from emg_dsp._spectra.tapers import taper

from .feature import Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from .block import Block
    from .feature import Options, Values

    Compute: TypeAlias = Callable[[Block, Options], Values]
    Check: TypeAlias = Callable[[Options, float], None]

SPECTRUM = (
    " P is |FFT(x, N) / L|^2, zeros behind x up to the next power of two N, f = 0, sfreq/N, ... below sfreq/2; "
    "taper=1: x times a periodic Hann window of the same mean square; centre=1: the mean of x taken out first. P below "
    "(L 2^-52)^2 sum x^2 / L is what rounding leaves where there is nothing, and counts as 0."
)
"""What P and f mean, for formulas."""
SILENCE = "; silence gives NaN."
SETTINGS = {"taper": 0, "centre": 0}
"""Options that every feature of the power spectrum takes."""


def spectral(
    name: str,
    formula: str,
    unit: str,
    source: str,
    compute: Compute,
    *,
    options: Options | None = None,
    check: Check | None = None,
    columns: Callable[[Options, int, float], tuple[str, ...]] | None = None,
    aliases: tuple[str, ...] = (),
) -> Feature:
    """Return a feature of the power spectrum: its own options and those of the spectrum."""

    def checked(given: Options, sfreq: float) -> None:
        for key in SETTINGS:
            if given[key] not in {0, 1}:
                raise EmgDspError(f"{key}={given[key]}; required is 0 (no) or 1 (yes).")
        if check is not None:
            check(given, sfreq)

    settings = {**(options or {}), **SETTINGS}
    return Feature(
        name,
        formula + SPECTRUM,
        unit,
        source,
        compute,
        options=settings,
        columns=columns,
        check=checked,
        aliases=aliases,
    )


def power(block: Block, options: Options) -> Values:
    """Return P (n, bins)."""
    settings = int(options["taper"]), int(options["centre"])

    def build(given: Block) -> Values:
        spectrum = powers_of(given, given.length, 0, *settings)
        spectrum.flags.writeable = False
        return spectrum

    return block.product(("power", *settings), build)


def powers_of(block: Block, length: int, offset: int, tapered: int, centre: int) -> Values:
    """Return P (n, bins) of ``length`` samples of each window from ``offset`` on."""
    size = 1 << (length - 1).bit_length()
    weights = taper("hann" if tapered else "boxcar", length)
    weights /= length * np.sqrt(np.mean(weights**2))
    out = np.empty((len(block), max(1, size // 2)))
    least = _rounding(block if length == block.length else block.part(offset, offset + length))
    Frames(weights, size, bool(centre)).powers(block.flat, block.starts + offset, out, least=least)
    return out


def _rounding(block: Block) -> Values:
    """Return the power (n,) up to which a bin holds rounding errors of the mean and of the transform only."""
    squares: Values = block.sum("square") * (block.length * np.finfo(np.float64).eps ** 2)
    return squares


def freqs(block: Block, spectrum: Values) -> Values:
    """Return f (bins,) in Hz."""
    size = 1 << (block.length - 1).bit_length()
    return np.asarray(np.arange(spectrum.shape[1]) * (block.sfreq / size), dtype=np.float64)


def total(values: Values) -> Values:
    """Add up each row (n, bins): in an order that depends on nothing but the number of bins."""
    sums: Values = np.sum(np.ascontiguousarray(values), axis=1)
    return sums


def ratio(part: Values, whole: Values) -> Values:
    """Divide; NaN where ``whole`` is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def moment(block: Block, options: Options, order: int) -> Values:
    """Return ``sum f^order P`` (n,)."""

    def build(given: Block) -> Values:
        from .spectral_kernels import weighted_sums

        spectrum, sums = power(given, options), np.empty(len(given))
        weighted_sums(spectrum, freqs(given, spectrum) ** order, sums)
        return sums

    return block.product(("moment", order, options["taper"], options["centre"]), build)


def band(block: Block, spectrum: Values, low: float, high: float) -> Values:
    """Return the part of P with ``low <= f < high`` (n, some bins)."""
    first, stop = np.searchsorted(freqs(block, spectrum), [low, high])
    return np.ascontiguousarray(spectrum[:, first:stop])


def rising(*names: str) -> Check:
    """Return a check that options are frequencies in rising order, the first at least 0."""

    def check(options: Options, _: float) -> None:
        values = [options[name] for name in names]
        if values[0] < 0 or any(a >= b for a, b in pairwise(values)):
            given = ", ".join(f"{name}={options[name]:g}" for name in names)
            raise EmgDspError(f"{given} Hz; required is 0 <= {' < '.join(names)}.")

    return check


def between(name: str, low: float, high: float) -> Check:
    """Return a check that an option lies above ``low`` and up to ``high``."""

    def check(options: Options, _: float) -> None:
        if not low < options[name] <= high:
            raise EmgDspError(f"{name}={options[name]:g}; required is {low:g} < {name} <= {high:g}.")

    return check
