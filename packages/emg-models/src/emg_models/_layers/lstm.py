"""The long short-term memory as one operator: compiles whole and exports to one node per layer."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LSTM"]


class LSTM(nn.Module):
    """Stacked LSTM, time in the middle; parameter names, order of gates (i, f, g, o) and weights are `torch.nn.LSTM`'s.

    `torch.nn.LSTM` itself, which cannot be traced by `torch.compile`, computes the same with the same state dict.

    Parameters
    ----------
    n_inputs, width, n_layers : int
        Features of a frame, of the hidden state, and layers.
    """

    def __init__(self, n_inputs: int, width: int, n_layers: int) -> None:
        super().__init__()
        self.width = width
        self.n_layers = n_layers
        self._names: list[str] = []
        for layer in range(n_layers):
            shapes = {
                f"weight_ih_l{layer}": (4 * width, n_inputs if layer == 0 else width),
                f"weight_hh_l{layer}": (4 * width, width),
                f"bias_ih_l{layer}": (4 * width,),
                f"bias_hh_l{layer}": (4 * width,),
            }
            for name, shape in shapes.items():
                self.register_parameter(name, nn.Parameter(torch.empty(shape)))
            self._names += shapes
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all values from U(-1/√width, 1/√width)."""
        bound = 1 / math.sqrt(self.width)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self,
        x: Float[Tensor, "batch time features"],
        state: tuple[Float[Tensor, "layers batch width"], Float[Tensor, "layers batch width"]] | None = None,
    ) -> tuple[
        Float[Tensor, "batch time width"],
        tuple[Float[Tensor, "layers batch width"], Float[Tensor, "layers batch width"]],
    ]:
        """Run over a sequence, from `state` (hidden, cell) or from zeros; return all frames and the last state."""
        if state is None:
            zeros = x.new_zeros(self.n_layers, x.shape[0], self.width)
            state = zeros, zeros
        weights = [getattr(self, name) for name in self._names]
        y, hidden, cell = torch.lstm(x, state, weights, True, self.n_layers, 0.0, self.training, False, True)  # noqa: FBT003  positional only
        return y, (hidden, cell)
