"""Training through integer arithmetic."""

from dataclasses import dataclass
from typing import Literal

from .rules import require


@dataclass(frozen=True)
class QuantiseRecipe:
    """Whether, and how, a run trains through fake quantisation; off by default.

    Attributes
    ----------
    on
        Train with the forward pass of the integer program.
    observer
        How calibration chooses the range of an int8 grid: ``"minmax"`` covers everything, ``"average"`` the mean of
        the batches' extremes, ``"mse"`` the range of least squared error.
    windows
        Training windows that calibration reads, ``>= 1``.
    momentum
        Share by which a step moves the extremes towards those that it saw, in ``[0, 1]``.
    freeze_step
        Optimiser steps during which grids move; 0 leaves them as calibration chose them.
    residual
        ``"int16"``: values that are only added, averaged, normalised or returned are int16; ``"int8"``: all but the
        output are int8.
    headroom
        int16 grids cover this multiple of the largest value seen, ``>= 1``.
    """

    on: bool = False
    observer: Literal["minmax", "average", "mse"] = "mse"
    windows: int = 256
    momentum: float = 0.01
    freeze_step: int = 0
    residual: Literal["int8", "int16"] = "int16"
    headroom: float = 2.0

    def __post_init__(self) -> None:
        require(self.windows >= 1, "quantise.windows", self.windows, "must be at least 1")
        require(0 <= self.momentum <= 1, "quantise.momentum", self.momentum, "must lie in [0, 1]")
        require(self.freeze_step >= 0, "quantise.freeze_step", self.freeze_step, "must not be negative")
        require(1 <= self.headroom <= 64, "quantise.headroom", self.headroom, "must lie in [1, 64]")
