"""Time-domain power spectral descriptors: moments of the spectrum from differences, of ``x`` against ``ln x^2``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .feature import Feature
from .sources import ALTIMEMY

if TYPE_CHECKING:
    from collections.abc import Callable

    from .block import Block
    from .feature import Options, Values

_SPACING = float(np.spacing(1.0))
_SUMS = ("square", "step", "step_square", "bend", "bend_square")


class _Moments(NamedTuple):
    """Root squared moments of order 0, 2 and 4, scaled as ``m^0.1 / 0.1``, and the ratio of lengths."""

    a0: Values
    a2: Values
    a4: Values
    wl: Values


def _moments(block: Block) -> _Moments:
    steps = max(1, block.length - 1)
    m0 = np.sqrt(block.sum("square")) / steps
    m2, m4 = (np.sqrt(block.sum(name) / steps) for name in ("step_square", "bend_square"))
    bend = block.sum("bend")
    lengths = np.divide(block.sum("step"), bend, out=np.zeros(len(block)), where=bend > 0)
    a0, a2, a4 = (m**0.1 / 0.1 for m in (m0, m2, m4))
    return _Moments(a0, a2, a4, np.sqrt(lengths))


def _over(above: Values, below: Values) -> Values:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


_INNER: dict[str, Callable[[_Moments], Values]] = {
    "M0": lambda m: m.a0,
    "M2": lambda m: m.a0 - m.a2,
    "M4": lambda m: m.a0 - m.a4,
    "SPARSI": lambda m: _over(np.sqrt(np.abs((m.a0 - m.a2) * (m.a0 - m.a4))), m.a0),
    "IRF": lambda m: _over(m.a2, np.sqrt(m.a0 * m.a4)),
    "WLF": lambda m: m.wl,
}


def _log_square(x: Values) -> Values:
    return np.log(x * x + _SPACING)


def _compared(name: str) -> Callable[[Block, Options], Values]:
    """Compute ``-2 u v / (u^2 + v^2)`` of one descriptor of ``x`` and of ``ln x^2``."""

    def descriptor(block: Block) -> Values:
        inner = _INNER[name](block.product("tdpsd", _moments))
        return np.log(np.maximum(np.abs(inner), _SPACING))

    def compute(block: Block, _: Options) -> Values:
        u, v = descriptor(block), descriptor(block.mapped("log_square", _log_square))
        return _over(-2 * u * v, u * u + v * v)

    return compute


def _feature(name: str, inner: str) -> Feature:
    formula = (
        f"-2uv / (u^2 + v^2) of u = {inner} of x and v, the same of y = ln(x^2 + 2^-52), with ak = 10 mk^0.1, "
        "m0 = sqrt(sum x^2) / (L - 1), m2 = sqrt(sum d^2 / (L - 1)), m4 = sqrt(sum dd^2 / (L - 1)); a ratio with "
        "divisor 0 is 0, a logarithm at least ln 2^-52, u = v = 0 gives 0, L - 1 is at least 1"
    )
    return Feature(name, formula, "1", ALTIMEMY, _compared(name), needs=_SUMS)


FEATURES = (
    _feature("M0", "ln |a0|"),
    _feature("M2", "ln |a0 - a2|"),
    _feature("M4", "ln |a0 - a4|"),
    _feature("SPARSI", "ln |sqrt(|(a0 - a2)(a0 - a4)|) / a0|"),
    _feature("IRF", "ln |a2 / sqrt(a0 a4)|"),
    _feature("WLF", "ln sqrt(sum |d| / sum |dd|)"),
)
