"""Pre-training by masked reconstruction: windows with hidden patches in, whole windows out."""

import torch
from torch import nn

from emg_distill._examples.batch import Batch
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import SampleDraws

from .hiding import hidden_tokens
from .learner import Context, Learner, inputs_of
from .pretrain import PretrainTask


class ReconstructionTask(PretrainTask):
    """Masked reconstruction with a model of emg-models whose task is ``"reconstruction"``."""

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData) -> None:
        super().__init__(model, Learner(model), recipe, data)

    def context(self, module: nn.Module, batch: Batch, draws: SampleDraws) -> Context:
        """Hide patches and return prediction, target and masks."""
        name, mask = hidden_tokens(self.model, self.recipe.mask, batch, draws)
        context: Context = module(**inputs_of(batch), **{name: mask})
        size = torch.tensor(int(self.model.config.patch_size))  # type: ignore[union-attr, arg-type]
        context |= {"target": batch.x, "patch_mask": mask, "patch_size": size}
        return context if batch.channel_mask is None else {**context, "channel_mask": batch.channel_mask}
