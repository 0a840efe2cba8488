"""Pre-training by feature prediction: a momentum teacher sees the whole window, the student a part of it (data2vec)."""

import torch
from torch import nn

from emg_distill._auxiliary.momentum import MomentumTeacher, momentum_at
from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import SampleDraws

from .hiding import hidden_tokens
from .learner import Context, call_model, inputs_of
from .pretrain import PretrainTask


class FeaturePredictor(nn.Module):
    """An encoder, the linear map from its tokens to predictions, and its momentum teacher.

    Parameters
    ----------
    model
        A model of emg-models whose task is ``"tokens"``.
    top
        Last blocks of the teacher whose outputs are averaged.
    """

    def __init__(self, model: nn.Module, top: int) -> None:
        super().__init__()
        try:
            self.teacher = MomentumTeacher(model, top)
        except EmgDistillError as error:
            raise EmgDistillError(f"momentum.{error}") from None
        self.model = model
        width = int(model.config.embed_dim)  # type: ignore[union-attr, arg-type]
        self.projection = nn.Linear(width, width)

    def forward(self, **inputs: torch.Tensor) -> Context:
        """Return the predictions of the teacher's features, (batch, tokens, width)."""
        return {"projected": self.projection(call_model(self.model, inputs))}


class FeaturePredictionTask(PretrainTask):
    """Prediction of a momentum teacher's features at hidden tokens; ``[momentum]`` says how the teacher follows."""

    module: FeaturePredictor

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData) -> None:
        super().__init__(model, FeaturePredictor(model, recipe.momentum.top), recipe, data)

    def context(self, module: nn.Module, batch: Batch, draws: SampleDraws) -> Context:
        """Hide tokens from the student and return its predictions with the teacher's features."""
        name, mask = hidden_tokens(self.model, self.recipe.mask, batch, draws)
        inputs = inputs_of(batch)
        context: Context = module(**inputs, **{name: mask})
        context |= {"teacher_features": self.module.teacher.target(**inputs), "patch_mask": mask}
        return context if batch.channel_mask is None else {**context, "channel_mask": batch.channel_mask}

    def after_step(self, step: int, total_steps: int) -> None:  # noqa: ARG002  one signature for all tasks
        """Let the teacher follow the student."""
        momentum = self.recipe.momentum
        self.module.teacher.update(self.model, momentum_at(step - 1, momentum.start, momentum.end, momentum.ramp))
