"""A teacher: a trained model that answers for the examples of a batch, in evaluation mode and without gradient."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples

from .learner import Context, Learner, inputs_of
from .predict import batches, evaluating
from .teacher_cache import TeacherCache


class Teacher:
    """What a student copies.

    Parameters
    ----------
    model
        Trained model; its weights take no gradient.
    layer
        Name of the module whose output is ``teacher_features``; empty for none.

    Attributes
    ----------
    framewise
        Whether answers that it remembers are about frames, (batch, frames, width): these lie where the clean window had
        them.
    """

    def __init__(self, model: nn.Module, layer: str = "") -> None:
        self.model = model.eval().requires_grad_(requires_grad=False)
        self._learner = Learner(self.model, layer)
        self._known: dict[str, torch.Tensor] | TeacherCache | None = None
        self.framewise = False

    @property
    def remembers(self) -> bool:
        """Whether answers are looked up, which are about clean windows."""
        return self._known is not None

    def to(self, device: torch.device) -> None:
        """Move the teacher to a device."""
        self._learner.to(device)

    def remember(self, examples: Examples, cache: TeacherCache | None = None) -> None:
        """Answer once for all examples as they are; `answer` looks these answers up from then on.

        Parameters
        ----------
        examples
            The training part.
        cache
            Where the answers are kept in half precision; None keeps them in memory, in float32.
        """
        if cache is not None:
            cache.fill(len(examples), lambda: self._answers(examples))
            self._known = cache
        else:
            answers = [answer for _, answer in self._answers(examples)]
            self._known = {name: torch.cat([answer[name] for answer in answers]) for name in answers[0]}
        one = np.arange(1)
        self.framewise = any(value.ndim == 3 for value in self.answer(examples.read(one), one).values())

    def answer(self, batch: Batch, rows: NDArray[np.int64]) -> Context:
        """Return teacher_prediction and, with a layer, teacher_features, for a batch that was read from `rows`."""
        if self._known is None:
            return self._run(batch)
        if isinstance(self._known, TeacherCache):
            known = self._known.read(rows)
        else:
            known = {name: value[torch.from_numpy(rows)] for name, value in self._known.items()}
        return {name: value.to(batch.x.device) for name, value in known.items()}

    def _answers(self, examples: Examples) -> Iterator[tuple[NDArray[np.int64], Context]]:
        device = next(self.model.parameters()).device
        for rows, batch in batches(examples):
            yield rows, {name: value.float().cpu() for name, value in self._run(batch.to(device)).items()}

    def width(self, example: Batch) -> int:
        """Return the width of its features."""
        return self._learner.width(example)

    def _run(self, batch: Batch) -> Context:
        with evaluating(self._learner):
            context: Context = self._learner(**inputs_of(batch))
        return {f"teacher_{name}": value.clone() for name, value in context.items()}
