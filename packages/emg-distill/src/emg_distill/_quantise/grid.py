"""A grid: which integers hold a value, how it is observed, and the step from real numbers to codes and back."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.quantise import QuantiseRecipe

from .kernels import requantise
from .phase import Phase, over_processes, straight_through
from .qdq import DTYPES, quantise_dequantise
from .ranges import Sample, grid_of, least_error
from .traced import OnGrid

LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}
Width = Literal["int8", "int16"]


class Grid(nn.Module):
    """``real = scale * (code - zero)`` for one value of a network.

    Parameters
    ----------
    phase
        Of the model.
    recipe
        Of the run.
    groups
        Scales along the last axis, each for as many neighbouring channels; more than one needs `symmetric`.
    symmetric
        Zero point 0.
    narrow_only
        int8, whoever reads it.

    Attributes
    ----------
    readers
        Kinds of readers that the tracing pass found: ``"narrow"`` int8, ``"wide"``, ``"any"``, ``"output"``.
    owner
        The layer that writes the value, where it could take an activation in.
    behind
        The function that a table applies to the codes; the range is then chosen by the error behind it.
    narrow
        int8 copy beside an int16 value that is read both ways.
    """

    scale: Tensor
    zero: Tensor
    low: Tensor
    high: Tensor
    shrink: Tensor
    seen: Tensor | None
    mark_scale: Tensor | None
    mark_zero: Tensor | None

    def __init__(
        self,
        phase: Phase,
        recipe: QuantiseRecipe,
        *,
        groups: int = 1,
        symmetric: bool = False,
        narrow_only: bool = False,
    ) -> None:
        super().__init__()
        self.phase, self.recipe, self.groups = phase, recipe, groups
        self.symmetric, self.narrow_only, self.is_input = symmetric, narrow_only, False
        self.width: Width = "int8"
        self.readers: set[str] = set()
        self.narrow: Grid | None = None
        self.sample: Sample | None = None
        self.owner: tuple[nn.Module, ...] = ()
        self.behind: Callable[[Tensor], Tensor] | None = None
        for name in ("scale", "zero", "low", "high"):
            self.register_buffer(name, torch.zeros(groups))
        self.register_buffer("shrink", torch.ones(2, groups))
        for name in ("seen", "mark_scale", "mark_zero"):
            self.register_buffer(name, None, persistent=False)
        self.count = 1

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  torch's own
        super()._load_from_state_dict(*args, **kwargs)
        if bool((self.scale > 0).all()):  # saved behind calibration
            self.phase.stage = "run"

    def settle_width(self) -> None:
        """Choose the width from who reads the value; where readers differ there is an int8 copy of int16."""
        if not self.readers:
            raise EmgDistillError("a layer's result is read by no layer and is not the output; take the layer out")
        if self.is_input:
            self.width = "int8" if "narrow" in self.readers else "int16"
            return
        wide = bool(self.readers - {"narrow"}) and (self.recipe.residual == "int16" or "output" in self.readers)
        self.width = "int16" if wide and not self.narrow_only else "int8"
        if self.width == "int16" and "narrow" in self.readers:
            self.narrow = Grid(self.phase, self.recipe, symmetric=self.symmetric).to(self.scale.device)

    def read(self, x: Tensor, *, narrow: bool) -> tuple[Tensor, "Grid"]:
        """Return a value as a reader sees it, and the grid that it is on.

        The network's input is rounded here; a narrow reader gets the int8 copy where there is one.
        """
        copy = self.narrow if narrow else None
        if self.phase.stage == "export":
            x = quantise_dequantise(x, self) if self.is_input else x
            return (x, self) if copy is None else (quantise_dequantise(x, copy), copy)
        if self.phase.stage == "observe":
            for grid in (self if self.is_input else None, copy):
                if grid is not None:
                    grid.observe(x)
            return x, copy or self
        if self.is_input:
            x = self.write(x, lambda: self.steps(x))
        if copy is None:
            return x, self
        wide, scale = self.centred(x), self.step
        return copy.write(x, lambda: requantise(wide, scale, copy.step)), copy

    def write(self, real: Tensor, integers: Callable[[], Tensor]) -> Tensor:
        """Return what a producer leaves on the grid.

        Parameters
        ----------
        real
            The float value, through which gradients flow.
        integers
            Gives the codes of the integer program, centred, before saturation; called in stage ``"run"`` alone.
        """
        stage = self.phase.stage
        if stage == "trace":
            self.count = real.shape[-1]
            return OnGrid.wrap(real, self)
        if stage == "export":
            return quantise_dequantise(real, self)
        if stage == "observe":
            self.observe(real)
            return real
        if self.phase.follow and torch.is_grad_enabled():
            self.note(real.detach())
        with torch.no_grad(), torch.autocast(real.device.type, enabled=False):
            raw = integers() + self.offset
            codes = raw.clamp(*LIMITS[self.width])
            stored = self.value(codes)
            if self.phase.record is not None:
                self.phase.record[self] = codes
        return straight_through(real.float(), stored, raw == codes)

    @property
    def step(self) -> Tensor:
        """float64 scale: a scalar, or one per channel along the last axis is `channels`."""
        return self.scale.double().squeeze() if self.groups == 1 else self.scale.double()

    def settle_marks(self) -> None:
        """Lay down scale and zero point as `quantise_dequantise` writes them."""
        each = self.count // self.groups if self.groups > 1 else 1
        scale, zero = (part.repeat_interleave(each) for part in (self.scale, self.zero))
        self.mark_scale, self.mark_zero = (part if self.groups > 1 else part[0] for part in (scale, zero))
        self.mark_zero = self.mark_zero.to(DTYPES[self.width])

    def channels(self, count: int) -> Tensor:
        """float64 ``(count,)``: the scale of each channel of the last axis."""
        return self.scale.double().repeat_interleave(count // self.groups)

    @property
    def offset(self) -> Tensor:
        """int64 zero point: a scalar."""
        return self.zero[0].long()

    def steps(self, x: Tensor) -> Tensor:
        """Return int64 whole steps nearest to real values, ties to even, without zero point and saturation."""
        scale = self.step if self.groups == 1 else self.channels(x.shape[-1])
        return (x.detach().double() / scale).round().long()

    def centred(self, x: Tensor) -> Tensor:
        """Return the codes of a value that lies on the grid, without the zero point."""
        return self.steps(x)

    def value(self, codes: Tensor) -> Tensor:
        """Return float32 values of codes."""
        scale = self.step if self.groups == 1 else self.channels(codes.shape[-1])
        return ((codes - self.offset).double() * scale).float()

    def grouped(self, x: Tensor) -> Tensor:
        """Return values as ``(groups, n)``."""
        flat = x.detach().float().reshape(-1, self.groups, x.shape[-1] // self.groups if self.groups > 1 else 1)
        return flat.transpose(0, 1).reshape(self.groups, -1)

    def observe(self, x: Tensor) -> None:
        """Take a batch of calibration into account."""
        if not bool(x.isfinite().all()):
            raise EmgDistillError("calibration: the float model gives NaN or infinity; give recorded windows")
        self.sample = self.sample or Sample()
        self.sample.add(self.grouped(x))

    def choose(self) -> None:
        """Choose range and scale from what was observed, and forget it."""
        if self.sample is None:
            raise EmgDistillError("calibration: a part of the network was never reached; give at least one batch")
        sample, self.sample = self.sample, None
        low, high = sample.average() if self.recipe.observer == "average" else sample.extremes()
        if self.symmetric or self.width == "int16":
            low, high = torch.minimum(low, -high), torch.maximum(-low, high)
        self.low.copy_(low)
        self.high.copy_(high)
        self.shrink.fill_(1.0)
        if self.width == "int8" and (self.recipe.observer == "mse" or self.behind is not None):
            self._search(sample)
        self.rescale()

    def _search(self, sample: Sample) -> None:
        """Set how much of the extremes the range keeps."""
        for group in range(self.groups):
            bounds = self.low[group].double(), self.high[group].double()
            values, symmetric = sample.values(group), bool(bounds[0] == -bounds[1])
            best = least_error(values, *bounds, symmetric=symmetric, behind=self.behind)
            for end, (given, found) in enumerate(zip(bounds, best, strict=True)):
                self.shrink[end, group] = found / given if given != 0 else 1.0

    def rescale(self) -> None:
        """Set scale and zero point from the range."""
        if self.width == "int16":
            peak = torch.where(self.high > 0, self.high, 1.0).double()
            self.scale.copy_(peak * self.recipe.headroom / LIMITS["int16"][1])
            self.zero.zero_()
            return
        low, high = (self.low * self.shrink[0]).double(), (self.high * self.shrink[1]).double()
        empty = low == high
        low = torch.where(empty & self._even(), -1.0, low)
        high = torch.where(empty, 1.0, high)
        scale, zero = grid_of(low, high)
        self.scale.copy_(scale)
        self.zero.copy_(zero)

    def _even(self) -> Tensor:
        return torch.full_like(self.low, float(self.symmetric)).bool()

    def note(self, x: Tensor) -> None:
        """Remember the extremes of a batch, or of a piece of one, until the step ends."""
        values = self.grouped(x)
        seen = torch.stack([values.amin(1).clamp_max(0.0), values.amax(1).clamp_min(0.0)])
        if self.seen is not None:
            seen = torch.stack([torch.minimum(seen[0], self.seen[0]), torch.maximum(seen[1], self.seen[1])])
        self.seen = seen

    def advance(self) -> None:
        """Move the range towards the extremes of the step, of all processes together, and forget them."""
        if self.seen is None:
            return
        seen, self.seen = self.seen, None
        low, high = over_processes(seen)
        if self.symmetric or self.width == "int16":
            low, high = torch.minimum(low, -high), torch.maximum(-low, high)
        self.low.lerp_(low, self.recipe.momentum)
        self.high.lerp_(high, self.recipe.momentum)
        self.rescale()
