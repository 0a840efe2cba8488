"""Which tokens of a window a model does not see."""

import torch
from torch import nn

import emg_models
from emg_distill._augment.masking import span_masks
from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._masks import mask_from_recipe
from emg_distill._recipe.schema import MaskRecipe
from emg_distill._seeds import SampleDraws

from .learner import takes


def hidden_tokens(model: nn.Module, recipe: MaskRecipe, batch: Batch, draws: SampleDraws) -> tuple[str, torch.Tensor]:
    """Draw a mask of tokens for a batch.

    Returns
    -------
    tuple of str, Tensor
        The argument of the model's `forward` that takes it (``patch_mask`` or ``frame_mask``), and the mask
        (batch, tokens) bool, True where hidden.

    Raises
    ------
    EmgDistillError
        When the recipe hides nothing, or hides in a way that the model does not know.
    """
    if recipe.kind == "spans" and takes(model, "frame_mask"):
        tokens = int(model.frames(batch.x.shape[-1]))  # type: ignore[operator]
        mask = span_masks("mask", recipe.ratio, draws, n=tokens, span=recipe.block)
        return "frame_mask", mask.to(batch.x.device)
    encoder = getattr(model, "encoder", model)
    if recipe.kind not in {"random", "block"} or not isinstance(encoder, emg_models.TinyMyoEncoder):
        raise EmgDistillError(
            f"mask.kind={recipe.kind!r} and {type(model).__name__}: TinyMyo hides 'random' or 'block' patches, scaled "
            "Transformers (mask_vector = true) hide 'spans' of frames"
        )
    n_chans = batch.x.shape[1]
    n_patches = encoder.frames(batch.x.shape[-1]) // n_chans
    mask = mask_from_recipe(recipe, draws, n_chans, n_patches, batch.channel_mask)
    return "patch_mask", mask.to(batch.x.device)
