"""A teacher: a trained model that answers for the examples of a batch, in evaluation mode and without gradient."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples

from .learner import Context, Learner, inputs_of
from .predict import batches, evaluating


class Teacher:
    """What a student copies.

    Parameters
    ----------
    model
        Trained model; its weights take no gradient.
    layer
        Name of the module whose output is ``teacher_features``; empty for none.
    """

    def __init__(self, model: nn.Module, layer: str = "") -> None:
        self.model = model.eval().requires_grad_(requires_grad=False)
        self._learner = Learner(self.model, layer)
        self._known: dict[str, torch.Tensor] = {}

    def to(self, device: torch.device) -> None:
        """Move the teacher to a device."""
        self._learner.to(device)

    def remember(self, examples: Examples) -> None:
        """Answer once for all examples as they are, in float32; `answer` looks these answers up from then on."""
        device = next(self.model.parameters()).device
        answers = [self._run(batch.to(device)) for _, batch in batches(examples)]
        self._known = {name: torch.cat([answer[name].float().cpu() for answer in answers]) for name in answers[0]}

    def answer(self, batch: Batch, rows: NDArray[np.int64]) -> Context:
        """Return teacher_prediction and, with a layer, teacher_features, for a batch that was read from `rows`."""
        if self._known:
            where = torch.from_numpy(rows)
            return {name: value[where].to(batch.x.device) for name, value in self._known.items()}
        return self._run(batch)

    def width(self, example: Batch) -> int:
        """Return the width of its features."""
        return self._learner.width(example)

    def _run(self, batch: Batch) -> Context:
        with evaluating(self._learner):
            context: Context = self._learner(**inputs_of(batch))
        return {f"teacher_{name}": value.clone() for name, value in context.items()}
