"""What the grid networks are built of: the input check, a layer with its normalisation, a matrix per electrode."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.inputs import require_input
from emg_models._model import EmgModel

from .config import GridConfig, Init
from .norm import SourceBatchNorm

__all__ = ["GridModel", "LocallyConnected", "RingConv", "Unit", "reset_uniform"]


class GridModel(EmgModel):
    """Base of the networks on frames (B, rows, cols) that give logits (B, n_outputs)."""

    Config = GridConfig
    task = "classification"

    def image(self, x: Tensor) -> Tensor:
        """Return frames (B, rows, cols) as images (B, 1, rows, cols).

        Raises
        ------
        EmgModelsError
            The shape is not that of the grid, or the frames are no floating point numbers.
        """
        grid = self.config.input_shape
        require_input(
            x,
            self,
            (None, *grid),
            f"frames (batch, {grid[0]}, {grid[1]}) are required; reshape channel vectors by the grid's map, convert "
            "integers with x.float()",
        )
        return x.unsqueeze(1)


class Unit(nn.Module):
    """A layer, its batch normalisation where there is one, a ReLU.

    Parameters
    ----------
    layer : Module
        With a ``weight`` and perhaps a ``bias``.
    width : int
        Channels that the layer gives.
    eps : float or None
        Of the batch normalisation; None for none.
    """

    def __init__(self, layer: nn.Module, width: int, eps: float | None) -> None:
        super().__init__()
        self.layer = layer
        self.norm = None if eps is None else SourceBatchNorm(width, eps=eps)

    def forward(self, x: Float[Tensor, "batch ins *places"]) -> Float[Tensor, "batch outs *seen"]:
        """Map, normalise, clip at 0."""
        y = self.layer(x)
        return F.relu(y if self.norm is None else self.norm(y))


class RingConv(nn.Conv2d):
    """3 x 3 convolution of (B, C, rows, cols), one place of padding; the rows may close to a ring.

    Parameters
    ----------
    ins, outs, stride : int
        Channels in and out, step along both axes.
    circular : bool
        Pad the rows by those of the other end; the columns are always padded with zeros.
    bias : bool
        Whether there is a bias.
    """

    def __init__(self, ins: int, outs: int, *, stride: int = 1, circular: bool = False, bias: bool = True) -> None:
        super().__init__(ins, outs, 3, stride=stride, padding=(0 if circular else 1, 1), bias=bias)
        self.circular = circular

    def forward(self, input: Float[Tensor, "batch ins rows cols"]) -> Float[Tensor, "batch outs down across"]:  # noqa: A002
        """Convolve."""
        if self.circular:
            input = torch.cat([input[:, :, -1:], input, input[:, :, :1]], dim=2)  # noqa: A001
        return super().forward(input)


class LocallyConnected(nn.Module):
    """1 x 1 layer with an own matrix per place: ``out[b, o, p] = Σ_i weight[p, o, i] · x[b, i, p]``.

    Parameters
    ----------
    places, ins, outs : int
        Electrodes, channels in, channels out.
    bias : bool
        Add a value per place and channel.
    """

    def __init__(self, places: int, ins: int, outs: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, outs, ins))
        self.bias: nn.Parameter | None
        self.register_parameter("bias", nn.Parameter(torch.empty(places, outs)) if bias else None)

    def forward(self, x: Float[Tensor, "batch ins places"]) -> Float[Tensor, "batch outs places"]:
        """Multiply each place by its matrix."""
        y = torch.einsum("poi,bip->bop", self.weight, x)
        return y if self.bias is None else y + self.bias.t()


def reset_uniform(model: nn.Module, init: Init) -> None:
    """Draw weights uniformly within ±√(2 / fan-in) ("recipe") or ±√(6 / fan-in) ("he"); biases 0, norms fresh."""
    gain = {"recipe": 2.0, "he": 6.0}[init]
    layers: list[Any] = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear | LocallyConnected)]
    for layer in layers:
        inputs = layer.weight.shape[-1] if isinstance(layer, LocallyConnected) else layer.weight[0].numel()
        bound = math.sqrt(gain / inputs)
        nn.init.uniform_(layer.weight, -bound, bound)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for module in model.modules():
        if isinstance(module, SourceBatchNorm):
            module.reset_parameters()
