"""Pre-training by contrast: two views of a window are alike, views of two windows are not."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._augment.apply import augment
from emg_distill._auxiliary.embedder import Embedder
from emg_distill._auxiliary.spectrum import amplitude_spectrum, perturb_spectrum
from emg_distill._auxiliary.time_frequency import TimeFrequencyPair
from emg_distill._examples.batch import Batch
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import SampleDraws

from .learner import Context
from .pretrain import PretrainTask


class ViewsTask(PretrainTask):
    """Windows as they are; the views that are compared are drawn with the loss."""

    def read(self, rows: NDArray[np.int64], epoch: int) -> Batch:  # noqa: ARG002  one signature for all tasks
        """Return training windows as they are."""
        return self._data.train.read(rows)

    def view(self, batch: Batch, draws: SampleDraws) -> torch.Tensor:
        """Return augmented windows."""
        return augment(batch, self.recipe.augment, draws, self._data.sfreq).x


class ContrastiveTask(ViewsTask):
    """Two augmented views of every window (SimCLR); the model's task is ``"tokens"``."""

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData) -> None:
        super().__init__(model, _TwoViews(model, _width(model)), recipe, data)

    def context(self, module: nn.Module, batch: Batch, draws: SampleDraws) -> Context:
        """Return the embeddings of two views."""
        one, other = (self.view(batch, draws.named(name)) for name in ("one", "other"))
        context: Context = module(one, other, batch.channel_mask)
        return context


class TimeFrequencyTask(ViewsTask):
    """Consistency of time and frequency (TF-C); encoders of windows and of spectra, the former is left in the end.

    Parameters
    ----------
    model, recipe, data
        As of `PretrainTask`; the model's task is ``"tokens"``.
    of_spectra
        An encoder like the model for spectra of ``n_times // 2 + 1`` components.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData, of_spectra: nn.Module) -> None:
        super().__init__(model, TimeFrequencyPair(model, of_spectra, _width(model)), recipe, data)

    def context(self, module: nn.Module, batch: Batch, draws: SampleDraws) -> Context:
        """Return the embeddings of window and spectrum, as they are and changed."""
        spectrum = amplitude_spectrum(batch.x)
        windows = (batch.x, self.view(batch, draws))
        context: Context = module(windows, (spectrum, perturb_spectrum(spectrum, draws)), batch.channel_mask)
        return context


class _TwoViews(nn.Module):
    def __init__(self, model: nn.Module, width: int) -> None:
        super().__init__()
        self.embedder = Embedder(model, width)

    def forward(self, one: torch.Tensor, other: torch.Tensor, channel_mask: torch.Tensor | None) -> Context:
        (_, views), (_, other_views) = self.embedder(one, channel_mask), self.embedder(other, channel_mask)
        return {"views": views, "other_views": other_views}


def _width(model: nn.Module) -> int:
    return int(model.config.embed_dim)  # type: ignore[union-attr, arg-type]
