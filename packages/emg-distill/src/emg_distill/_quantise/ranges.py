"""Which range of values a grid covers, found on calibration windows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

KEPT = 2**14  # values remembered per group of a tensor
SHRINK = torch.linspace(1.0, 0.15, 52, dtype=torch.float64)


@dataclass
class Sample:
    """Extremes of the groups of a tensor over the batches seen, and a part of the values.

    Parameters
    ----------
    lows, highs
        float32 ``(groups,)`` of each batch.
    parts
        Evenly spread values ``(groups, k)`` of each batch.
    """

    lows: list[Tensor] = field(default_factory=list)
    highs: list[Tensor] = field(default_factory=list)
    parts: list[Tensor] = field(default_factory=list)

    def add(self, values: Tensor) -> None:
        """Take in the values ``(groups, n)`` of one batch."""
        self.lows.append(values.amin(1))
        self.highs.append(values.amax(1))
        self.parts.append(values[:, :: max(1, values.shape[1] // KEPT)])

    def extremes(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and the highest values ``(groups,)``, 0 always between them."""
        return torch.stack(self.lows).amin(0).clamp_max(0.0), torch.stack(self.highs).amax(0).clamp_min(0.0)

    def average(self) -> tuple[Tensor, Tensor]:
        """Return the mean over batches of the extremes, 0 always between them."""
        return torch.stack(self.lows).mean(0).clamp_max(0.0), torch.stack(self.highs).mean(0).clamp_min(0.0)

    def values(self, group: int) -> Tensor:
        """Return some `KEPT` of a group's values, evenly spread over the batches, and the extremes, as float64."""
        every = torch.cat([part[group] for part in self.parts])
        ends = [end[group : group + 1] for end in self.extremes()]
        return torch.cat([every[:: max(1, -(-len(every) // KEPT))], *ends]).double()


def grid_of(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return float64 step and zero point of int8 grids that cover (low, high); symmetric ranges get zero point 0.

    Steps are rounded to float32, as a file stores them.
    """
    wide = (high - low).clamp_min(1e-30)
    even = low == -high
    scale = torch.where(even, high.clamp_min(1e-30) / 127.0, wide / 255.0).float().double()
    zero = torch.where(even, 0.0, (-128.0 - low / scale).round().clamp(-128, 127))
    return scale, zero


def least_error(
    values: Tensor,
    low: Tensor,
    high: Tensor,
    *,
    symmetric: bool,
    behind: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Shrink a range where that lowers the squared error of rounding and clipping.

    Parameters
    ----------
    values
        float64 ``(n,)``.
    low, high
        float64 scalars around 0.
    symmetric
        Shrink both ends together; else one after the other, twice.
    behind
        Measure the error behind this function.
    """
    shrink = SHRINK.to(values.device)
    if symmetric:
        best = shrink[_errors(values, low * shrink, high * shrink, behind).argmin()]
        return low * best, high * best
    for _ in range(2):
        high = high * shrink[_errors(values, low.expand_as(shrink), high * shrink, behind).argmin()]
        low = low * shrink[_errors(values, low * shrink, high.expand_as(shrink), behind).argmin()]
    return low, high


def _errors(values: Tensor, low: Tensor, high: Tensor, behind: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Return the mean squared error of the int8 grids over each (low, high)."""
    scale, zero = (part[:, None] for part in grid_of(low, high))
    stored = ((values / scale).round() + zero).clamp(-128, 127)
    found = (stored - zero) * scale
    if behind is not None:
        found, values = behind(found), behind(values)
    return (found - values).square().mean(1)
