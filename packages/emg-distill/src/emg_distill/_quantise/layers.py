"""Linear, Conv1d, Conv2d, LayerNorm and activations with the forward pass of the integer program.

A layer keeps its parameters and their names; it changes its class and gains grids as children: ``out`` for what it
leaves, ``before`` in front of an activation that became one with it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.quantise import QuantiseRecipe

from .grid import Grid
from .integers import multiplier, rescale
from .kernels import bias_codes, layer_norm, weight_codes, weight_scales
from .phase import Phase, straight_through
from .qdq import mark
from .traced import OnGrid

Function = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[type[nn.Module], Function] = {
    nn.ReLU: F.relu,
    nn.GELU: F.gelu,
    nn.SiLU: F.silu,
    nn.Sigmoid: torch.sigmoid,
    nn.Tanh: torch.tanh,
}
WIDE_DEPTH = 384  # products that an int32 accumulator surely holds where the input is int16 and the bias has 30 bits


class Reader(nn.Module):
    """A part of the network that reads values on grids and remembers, from the tracing pass, which ones."""

    phase: Phase
    recipe: QuantiseRecipe
    reads: dict[str, Grid]

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """Take part in a quantised model; subclasses add their grids."""
        self.phase, self.recipe, self.reads = phase, recipe, {}

    def read(self, x: Tensor, kind: str = "narrow", name: str = "x") -> tuple[Tensor, Grid]:
        """Return a value as this part reads it, and its grid; `kind` is ``"narrow"``, ``"wide"`` or ``"any"``."""
        if self.phase.stage == "trace":
            if not isinstance(x, OnGrid):
                raise EmgDistillError(
                    f"{type(self).__name__} reads a value that was computed outside the quantised layers; pass it "
                    "through one of them"
                )
            if name in self.reads:
                raise EmgDistillError(f"{type(self).__name__} is used twice; give every place a layer of its own")
            self.reads[name] = x.grid
            x.grid.readers.add(kind)
            return x.plain(), x.grid
        return self.reads[name].read(x, narrow=kind == "narrow")


class Layer(Reader):
    """A product with weights: what Linear and the convolutions share."""

    out: Grid
    before: Grid | None
    function: Function | None
    weight: Tensor
    weight_scale: Tensor | None
    channel_axis: ClassVar[int] = -1

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.out = Grid(phase, recipe)
        self.out.owner = (self,)
        self.before, self.function = None, None
        self.register_buffer("weight_scale", None, persistent=False)

    def absorb(self, function: Function) -> None:
        """Become one with the activation behind: a table on the int8 codes in front of it."""
        self.before = Grid(self.phase, self.recipe).to(self.weight.device)
        self.before.behind = function
        self.before.readers.add("narrow")
        self.out.narrow_only = True
        self.function = function

    def offsets(self) -> Tensor:
        """Return the bias, zeros where there is none."""
        bias: Tensor | None = self.bias  # type: ignore[assignment]  # torch types it as a tensor or a module
        return self.weight.new_zeros(len(self.weight)) if bias is None else bias

    def scales(self, x_grid: Grid) -> Tensor:
        """Return float64 ``(N,)``: the step of each channel's weights."""
        return weight_scales(self.weight, self.offsets(), x_grid.step)

    def compute(self, x: Tensor, product: Callable[[Tensor, Tensor, Tensor | None], Tensor]) -> Tensor:
        """Run the layer in the phase's stage; `product` takes input, weight and bias."""
        x, grid = self.read(x, self._kind(x))
        stage = self.phase.stage
        if stage == "export":
            return self.leave(product(x, self._marked_weight(), self.offsets()), lambda: x)
        if stage != "run":
            return self.leave(product(x, self.weight, self.offsets()), lambda: x)
        with torch.autocast(x.device.type, enabled=False):
            real = product(x, *self._rounded(grid))
        return self.leave(real, lambda: self._integers(x, grid, product))

    def _kind(self, x: Tensor) -> str:
        """Read the network's input as wide as it comes where the accumulator has room, anything else as int8."""
        grid = x.grid if isinstance(x, OnGrid) else self.reads.get("x")
        return "any" if grid is not None and grid.is_input and self.weight[0].numel() <= WIDE_DEPTH else "narrow"

    def settle_marks(self) -> None:
        """Lay down the scales of the weights for an export."""
        source = self.reads["x"]
        grid = source.narrow if source.narrow is not None else source
        self.weight_scale = self.scales(grid).float()

    def leave(self, real: Tensor, integers: Callable[[], Tensor]) -> Tensor:
        """Put a result on the grid in front of the activation, if there is one, and on the output's."""
        if self.function is None or self.before is None:
            return self.out.write(real, integers)
        before = self.before.write(real, integers)
        return look_up(before, self.before, self.out, self.function)

    def _marked_weight(self) -> Tensor:
        if self.weight_scale is None:
            raise EmgDistillError("export: the scales of the weights are missing; export what `exportable` returns")
        zero = torch.zeros_like(self.weight_scale, dtype=torch.int8)
        return mark(self.weight, self.weight_scale, zero, axis=0)

    def _rounded(self, x_grid: Grid) -> tuple[Tensor, Tensor]:
        """Return weights and bias as the integers hold them; gradients go to the float ones as if nothing happened."""
        with torch.no_grad():
            scale = self.scales(x_grid)
            codes = weight_codes(self.weight, scale)
            weight = (codes * scale.view(-1, *[1] * (self.weight.ndim - 1))).float()
            unit = x_grid.step * scale
            bias = (bias_codes(self.offsets(), x_grid.step, scale).double() * unit).float()
            whole = torch.ones((), dtype=torch.bool, device=weight.device)
        return straight_through(self.weight, weight, whole), straight_through(self.offsets(), bias, whole)

    def _integers(self, x: Tensor, x_grid: Grid, product: Callable[[Tensor, Tensor, Tensor | None], Tensor]) -> Tensor:
        """Return the layer's centred codes on the first grid behind it."""
        scale = self.scales(x_grid)
        centred = x_grid.centred(x).double()
        total = product(centred, weight_codes(self.weight, scale), None).long()
        behind = self.before or self.out
        count = len(self.weight)
        along = [1] * total.ndim
        along[self.channel_axis] = count
        bias = bias_codes(self.offsets(), x_grid.step, scale).view(along)
        mul, shift = multiplier(x_grid.step * scale / behind.channels(count))
        return rescale(total + bias, mul.view(along), shift)


class QuantisedLinear(Layer, nn.Linear):
    """`torch.nn.Linear` in integers."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Map (..., in_features) to (..., out_features)."""
        return self.compute(input, F.linear)


class _Convolution(Layer):
    """What the convolutions share: zeros around the input, nothing else."""

    _conv_forward: Any

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        if self.padding_mode != "zeros":
            raise EmgDistillError(
                f"padding_mode={self.padding_mode!r}: integers know 'zeros'; pad in front of the layer"
            )
        super().join(phase, recipe)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Convolve (batch, channels, places...)."""
        return self.compute(input, self._conv_forward)


class QuantisedConv1d(_Convolution, nn.Conv1d):
    """`torch.nn.Conv1d` in integers."""

    channel_axis = -2


class QuantisedConv2d(_Convolution, nn.Conv2d):
    """`torch.nn.Conv2d` in integers."""

    channel_axis = -3


class QuantisedLayerNorm(Reader, nn.LayerNorm):
    """`torch.nn.LayerNorm` over the last axis in integers."""

    out: Grid

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        if len(self.normalized_shape) != 1 or not 2 <= self.normalized_shape[0] <= 1024:
            raise EmgDistillError(
                f"LayerNorm over {tuple(self.normalized_shape)}: integers normalise one axis of 2 to 1024 values"
            )
        super().join(phase, recipe)
        self.out = Grid(phase, recipe)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Normalise (..., D)."""
        x, grid = self.read(input, "wide")
        real = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        given: tuple[Tensor | None, Tensor | None] = self.weight, self.bias
        gamma = x.new_ones(x.shape[-1]) if given[0] is None else given[0]
        beta = x.new_zeros(x.shape[-1]) if given[1] is None else given[1]
        return self.out.write(
            real, lambda: layer_norm(grid.centred(x), gamma, beta, self.eps, grid.step, self.out.step)
        )


class Activation(Reader):
    """A function of one variable: part of the layer in front where that layer is a product, else a table of its own."""

    out: Grid | None
    function: Function

    @classmethod
    def of(cls, function: Function, phase: Phase, recipe: QuantiseRecipe) -> "Activation":
        """Return a new one."""
        made = cls()
        made.function = function
        made.join(phase, recipe)
        return made

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.out = None
        self.part_of_layer = False

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Apply the function."""
        if isinstance(input, OnGrid):
            return self._link(input)
        if self.part_of_layer or self.out is None:
            return input
        x, grid = self.read(input, "narrow")
        return look_up(x, grid, self.out, self.function)

    def _link(self, x: OnGrid) -> Tensor:
        (owner,) = x.grid.owner or (None,)
        if isinstance(owner, Layer) and owner.function is None and not x.grid.readers:
            owner.absorb(self.function)
            self.part_of_layer = True
            return OnGrid.wrap(self.function(x.plain()), x.grid)
        self.out = Grid(self.phase, self.recipe, narrow_only=True).to(x.device)
        plain, _ = self.read(x, "narrow")
        return OnGrid.wrap(self.function(plain), self.out)


def look_up(x: Tensor, grid: Grid, out: Grid, function: Function) -> Tensor:
    """Return a function of int8 values on a grid: by a table of 256 entries in integers."""

    def integers() -> Tensor:
        every = torch.arange(-128, 128, device=x.device)
        table = out.steps(function((every - grid.offset).double() * grid.step))
        return table[grid.centred(x) + grid.offset + 128]

    return out.write(function(x), integers)
