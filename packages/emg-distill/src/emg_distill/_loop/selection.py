"""Which validation was the best, and the weights that it was about."""

import torch
from torch import nn

from emg_distill._distributed.shards import whole
from emg_distill._recipe.training import TrainRecipe

from .ranking import cost_of
from .state import RunState


class Selection:
    """The best weights so far.

    Parameters
    ----------
    module
        Its state is copied when a validation is the best one.
    train
        Its `monitor` and `select` are used.

    Attributes
    ----------
    best
        Whole tensors of the best state, on the CPU; empty before the first validation, and with ``select = "last"``.
    """

    def __init__(self, module: nn.Module, train: TrainRecipe) -> None:
        self._module, self._train = module, train
        self.best: dict[str, torch.Tensor] = {}

    def rank(self, state: RunState, metrics: dict[str, float]) -> float | None:
        """Take note of a validation, whose weights are in the module; return its cost, None where nothing was measured.

        A validation that equals the best one is no improvement: the earlier weights stay.
        """
        if self._train.select == "last":
            state.best_step = state.step
        if not metrics:
            return None
        value = metrics[self._train.monitor]
        cost = cost_of(self._train.monitor, value)
        if state.best_cost is not None and cost >= state.best_cost:
            state.stale += 1
            return cost
        state.best_cost, state.best_value, state.stale = cost, value, 0
        if self._train.select == "best":
            state.best_step = state.step
            self.best = {name: whole(tensor).cpu().clone() for name, tensor in self._module.state_dict().items()}
        return cost
