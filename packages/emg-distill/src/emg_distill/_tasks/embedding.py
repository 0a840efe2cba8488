"""How an encoder without a head spreads windows: what can be said of it without labels."""

import numpy as np
import torch
from torch import nn

from emg_distill._augment.apply import augment
from emg_distill._auxiliary.embedder import mean_token
from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, SampleDraws

from .learner import call_model, inputs_of
from .predict import batches, evaluating

_MOST = 4096


def embedding_metrics(model: nn.Module, examples: Examples, recipe: Recipe, sfreq: float) -> dict[str, float | int]:
    r"""Return alignment and uniformity of the unit vectors :math:`f(x)` that mean tokens give.

    .. math:: \text{alignment} = \overline{\|f(x) - f(x')\|^2}, \quad
              \text{uniformity} = \log \overline{e^{-2 \|f(x) - f(y)\|^2}}

    with x' the augmented view of x, drawn from the recipe's seed, and pairs of different windows x, y. Lower is better
    for both; an encoder that maps all windows to one vector has 0 and 0.

    Parameters
    ----------
    model
        A model of emg-models whose task is ``"tokens"``.
    examples
        The part; of more than 4,096 windows as many are taken, evenly spaced.
    recipe
        Its augmentation makes the views.
    sfreq
        Rate of the windows in Hz.

    References
    ----------
    Wang and Isola, ICML 2020, arXiv 2005.10242, section 4.
    """
    device = next(model.parameters()).device
    kept = np.unique(np.linspace(0, len(examples) - 1, min(_MOST, len(examples))).astype(np.int64))
    plain, changed = [], []
    with evaluating(model):
        for rows, batch in batches(examples, kept):
            draws = SampleDraws(recipe.seed, Purpose.VALIDATION, 0, rows)
            view = augment(batch, recipe.augment, draws, sfreq)
            plain.append(_vectors(model, batch.to(device)))
            changed.append(_vectors(model, view.to(device)))
    f, g = torch.cat(plain), torch.cat(changed)
    distances = (2.0 - 2.0 * f @ f.T).clamp_min(0.0)
    others = ~torch.eye(len(f), dtype=torch.bool)
    uniformity = torch.exp(-2.0 * distances)[others].mean().log() if len(f) > 1 else torch.zeros(())
    return {"alignment": float((f - g).square().sum(1).mean()), "uniformity": float(uniformity), "n": len(kept)}


def _vectors(model: nn.Module, batch: Batch) -> torch.Tensor:
    tokens = call_model(model, inputs_of(batch)).float().cpu()
    mask = None if batch.channel_mask is None else batch.channel_mask.cpu()
    return nn.functional.normalize(mean_token(tokens, mask).double(), dim=1)
