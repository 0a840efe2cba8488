"""Time-domain power spectral descriptors: moments of the spectrum from differences, of ``x`` against ``ln x^2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .difference import ratio
from .feature import Feature
from .sources import ALTIMEMY

if TYPE_CHECKING:
    from collections.abc import Callable

    from .block import Block
    from .feature import Options, Values

_SPACING = float(np.spacing(1.0))


def _root(sums: Values, order: float = 1) -> Values:
    """Take ``m^0.1 / 0.1`` of ``m = sqrt(sums) / order``."""
    return (np.sqrt(sums) / order) ** 0.1 / 0.1


def _a0(block: Block) -> Values:
    return _root(block.sum("square"), max(1, block.length - 1))


def _a2(block: Block) -> Values:
    return _root(block.sum("step_square") / max(1, block.length - 1))


def _a4(block: Block) -> Values:
    return _root(block.sum("bend_square") / max(1, block.length - 1))


def _sparsi(block: Block) -> Values:
    a0 = _a0(block)
    return ratio(np.sqrt(np.abs((a0 - _a2(block)) * (a0 - _a4(block)))), a0)


_INNER: dict[str, Callable[[Block], Values]] = {
    "M0": _a0,
    "M2": lambda block: _a0(block) - _a2(block),
    "M4": lambda block: _a0(block) - _a4(block),
    "SPARSI": _sparsi,
    "IRF": lambda block: ratio(_a2(block), np.sqrt(_a0(block) * _a4(block))),
    "WLF": lambda block: np.sqrt(ratio(block.sum("step"), block.sum("bend"))),
}


def _log_square(x: Values) -> Values:
    squares: Values = np.multiply(x, x, out=x)
    squares += _SPACING
    return np.log(squares, out=squares)


def _compared(name: str) -> Callable[[Block, Options], Values]:
    """Compute ``-2 u v / (u^2 + v^2)`` of one descriptor of ``x`` and of ``ln x^2``."""

    def descriptor(block: Block) -> Values:
        return np.log(np.maximum(np.abs(_INNER[name](block)), _SPACING))

    def compute(block: Block, _: Options) -> Values:
        u, v = descriptor(block), descriptor(block.mapped("log_square", _log_square))
        return ratio(-2 * u * v, u * u + v * v)

    return compute


def _feature(name: str, inner: str) -> Feature:
    formula = (
        f"-2uv / (u^2 + v^2) of u = {inner} of x and v, the same of y = ln(x^2 + 2^-52), with ak = 10 mk^0.1, "
        "m0 = sqrt(sum x^2) / (L - 1), m2 = sqrt(sum d^2 / (L - 1)), m4 = sqrt(sum dd^2 / (L - 1)); a ratio with "
        "divisor 0 is 0, a logarithm at least ln 2^-52, u = v = 0 gives 0, L - 1 is at least 1"
    )
    return Feature(name, formula, "1", ALTIMEMY, _compared(name))


FEATURES = (
    _feature("M0", "ln |a0|"),
    _feature("M2", "ln |a0 - a2|"),
    _feature("M4", "ln |a0 - a4|"),
    _feature("SPARSI", "ln |sqrt(|(a0 - a2)(a0 - a4)|) / a0|"),
    _feature("IRF", "ln |a2 / sqrt(a0 a4)|"),
    _feature("WLF", "ln sqrt(sum |d| / sum |dd|)"),
)
