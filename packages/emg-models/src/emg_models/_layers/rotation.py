"""One linear layer that sees an electrode ring in several turns: the same features wherever the band sits."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._checks import require_choice, require_count
from emg_models._errors import EmgModelsError

from .linear import Linear

__all__ = ["Activation", "Pooling", "RotationMLP"]

Activation = Literal["relu", "leaky_relu"]
Pooling = Literal["mean", "max"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}


class RotationMLP(nn.Module):
    """Roll the electrodes around the ring, flatten electrodes × features, Linear, activation, pool over the rolls.

    Pooling over all turns makes the result independent of how the band sits; over -1, 0, +1 it forgives a shift of one.

    Parameters
    ----------
    n_inputs : int
        Flattened electrodes × features.
    width : int
        Features of the result.
    rolls : sequence of int
        Electrodes to roll by, each different; electrode e of a roll by r is electrode e - r of the input.
    activation : {"relu", "leaky_relu"}
        After the linear; leaky with slope 0.01.
    pooling : {"mean", "max"}
        Over the rolls.

    Raises
    ------
    EmgModelsError
        A value is outside its range.

    References
    ----------
    emg2qwerty, arXiv 2410.20081 (released code); the neuromotor interface uses it on covariance features.
    """

    def __init__(
        self,
        n_inputs: int,
        width: int,
        *,
        rolls: Sequence[int] = (-1, 0, 1),
        activation: Activation = "relu",
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        require_count("n_inputs", n_inputs)
        require_count("width", width)
        require_choice("activation", activation, get_args(Activation))
        require_choice("pooling", pooling, get_args(Pooling))
        if not rolls or len(set(rolls)) != len(rolls):
            raise EmgModelsError(f"rolls={tuple(rolls)}: at least one whole number, each once, is required")
        self.rolls = tuple(rolls)
        self.pooling = pooling
        self.linear = Linear(n_inputs, width)
        self.activation = _ACTIVATIONS[activation]()

    def forward(self, x: Float[Tensor, "batch time elecs feats"]) -> Float[Tensor, "batch time width"]:
        """Map features of a ring of electrodes, neighbours side by side, to features of the frame.

        Flattening is electrode-major.
        """
        return self.pool(torch.stack([x.roll(turn, 2).flatten(2) for turn in self.rolls], 2))

    def pool(self, turned: Float[Tensor, "batch time rolls inputs"]) -> Float[Tensor, "batch time width"]:
        """Map frames that the caller has rolled and flattened; for features that do not turn by a roll of one axis."""
        y = self.activation(self.linear(turned))
        return y.mean(2) if self.pooling == "mean" else y.amax(2)  # type: ignore[no-any-return]
