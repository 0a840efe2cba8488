"""The long short-term memory as one operator: compiles whole and exports to one node per layer."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .eager import runs_eagerly

__all__ = ["LSTM"]

_FEW = 32


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
        state = state[0].to(x), state[1].to(x)  # autocast may come and go
        if not (torch.compiler.is_compiling() or runs_eagerly()):
            return self._walk_all(x, state)
        weights = [getattr(self, name) for name in self._names]
        y, hidden, cell = torch.lstm(x, state, weights, True, self.n_layers, 0.0, self.training, False, True)  # noqa: FBT003  positional only
        return y, (hidden, cell)

    def step(
        self,
        x: Float[Tensor, "batch time features"],
        state: tuple[Float[Tensor, "layers batch width"], Float[Tensor, "layers batch width"]] | None,
    ) -> tuple[
        Float[Tensor, "batch time width"],
        tuple[Float[Tensor, "layers batch width"], Float[Tensor, "layers batch width"]],
    ]:
        """Do what `forward` does, at a tenth of the time for the few frames of a live chunk.

        On a CPU the operator behind `forward` repacks all weights at each call, which only pays for long sequences.
        """
        if x.shape[1] > _FEW:
            return self(x, state)  # type: ignore[no-any-return]
        if state is None:
            zeros = x.new_zeros(self.n_layers, x.shape[0], self.width)
            state = zeros, zeros
        return self._walk_all(x, state)

    def _walk_all(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run all layers frame by frame, by operators that `torch.func` can transform."""
        hidden, cell = [], []
        for layer in range(self.n_layers):
            x, last = self._walk(layer, x, state[0][layer], state[1][layer])
            hidden.append(x[:, -1])
            cell.append(last)
        return x, (torch.stack(hidden), torch.stack(cell))

    def _walk(self, layer: int, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Run one layer frame by frame; return its frames and the last cell."""
        from_input, from_hidden, *biases = (getattr(self, name) for name in self._names[4 * layer : 4 * layer + 4])
        told = F.linear(x, from_input, biases[0] + biases[1])
        frames = []
        for frame in told.unbind(1):
            take, keep, new, show = (frame + F.linear(hidden, from_hidden)).chunk(4, -1)
            cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
            hidden = show.sigmoid() * cell.tanh()
            frames.append(hidden)
        return torch.stack(frames, 1), cell
