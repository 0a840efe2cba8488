"""Energies below weights inside a window: several Hamming or trapezoidal parts, and the first burst."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError

from .feature import Feature
from .sources import PHINYOMARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from .block import Block
    from .feature import Options, Values

_MOST = 64


def _trapezoid(length: int) -> Values:
    """Rise over the first quarter, fall over the last."""
    place = np.arange(length) + 0.5
    weights: Values = np.minimum(1.0, np.minimum(place, length - place) * 4 / length)
    return weights


_SHAPES: dict[str, Callable[[int], Values]] = {"MHW": np.hamming, "MTW": _trapezoid}


@lru_cache(maxsize=64)
def _squared_weights(shape: str, length: int, parts: int) -> Values:
    """Squares of the weights of every part (parts, length): each overlaps its neighbours by half."""
    weights = np.zeros((parts, length))
    edges = [round(k * length / (parts + 1)) for k in range(parts + 2)]
    for k in range(parts):
        weights[k, edges[k] : edges[k + 2]] = _SHAPES[shape](edges[k + 2] - edges[k]) ** 2
    weights.flags.writeable = False
    return weights


def _energies(shape: str) -> Callable[[Block, Options], Values]:
    def compute(block: Block, options: Options) -> Values:
        from .weighted import weighted_energies

        weights = _squared_weights(shape, block.length, int(options["parts"]))
        out = np.empty((len(block), len(weights)))
        weighted_energies(block.samples, weights, out)
        return out

    return compute


def _first_burst(block: Block, options: Options) -> Values:
    from .weighted import first_burst

    size = max(1, round(float(options["width"]) * block.sfreq))
    weights = np.hamming(min(size, block.length))
    weights.flags.writeable = False
    out = np.empty(len(block))
    first_burst(block.samples, weights, out)
    return out


def _columns(options: Options, _: int, __: float) -> tuple[str, ...]:
    return tuple(str(k) for k in range(1, int(options["parts"]) + 1))


def _check(options: Options, _: float) -> None:
    if whole(int(options["parts"]), "parts", 1) > _MOST:
        raise EmgDspError(f"parts={options['parts']}; required are at most {_MOST} parts.")


def _check_width(options: Options, _: float) -> None:
    positive(options["width"], "width", "s")


def _multiwindow(name: str, weights: str) -> Feature:
    formula = (
        f"energy sum (w x)^2 of each of K parts, {weights}; part k = 1 .. K reaches from (k - 1) L / (K + 1) to "
        "(k + 1) L / (K + 1), both rounded, so that neighbours overlap by half and one part is the whole window; no "
        "samples give 0"
    )
    return Feature(
        name,
        formula,
        "as recorded^2",
        PHINYOMARK + "; number, length, overlap and slopes of the parts are our definition",
        _energies(name),
        options={"parts": 3},
        columns=_columns,
        check=_check,
    )


FEATURES = (
    Feature(
        "AFB",
        "first peak of sum w[j] x[t+j]^2 over whole Hamming windows w of `width` seconds (the analysis window, where "
        "that is shorter): above the value before, not below the one after; the first value where it is the largest of "
        "all, the largest where there is no peak; a zero window gives 0",
        "as recorded^2",
        "Du and Vuskovic, Proc. IEEE Int. Conf. Information Reuse and Integration, 2004, 344-350; width as in "
        "Pysiology; what counts as a peak is our definition",
        _first_burst,
        options={"width": 0.032},
        check=_check_width,
    ),
    _multiwindow("MHW", "w a Hamming window"),
    _multiwindow("MTW", "w a trapezoid that rises over the first quarter of the part and falls over the last"),
)
