"""Batch normalisation that can keep the sources of a batch (subjects, sessions) apart while training."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError

__all__ = ["SourceBatchNorm", "set_sources"]


class SourceBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over axis 1 of (B, C) or (B, C, ...), with one set of statistics per source while training.

    With `sources` = 1 it is `torch.nn.BatchNorm1d`, to the bit. With S sources a training batch holds S equal runs of
    frames, source after source; each run is normalised by its own mean and variance, scale and shift are shared. The
    running statistics move towards the mean over the sources of their means and variances (our choice). Weights and
    buffers are those of an ordinary batch normalisation, so that checkpoints fit either way.

    Attributes
    ----------
    sources : int
        Sources of a training batch; no part of a checkpoint. See `set_sources`.

    References
    ----------
    Per-source statistics with shared scale and shift: Du 2017 (Sensors 17:458), released code.
    """

    sources: int = 1

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  torch's name
        if input.ndim < 2 or input.shape[1] != self.num_features:
            raise EmgModelsError(f"input of shape {tuple(input.shape)}: (batch, {self.num_features}, ...) is required")
        batch, places = input.shape[0], input.shape[2:].numel()
        if not self.training:
            return
        if batch % self.sources:
            raise EmgModelsError(
                f"a batch of {batch} frames from {self.sources} sources: equally many of each are required, source "
                f"after source; give {batch // self.sources * self.sources or self.sources}"
            )
        if batch // self.sources * places < 2:
            raise EmgModelsError(
                f"{'one' if batch else 'no'} frame per source leaves nothing to normalise by while training; give "
                "larger batches, or call model.eval() to predict"
            )

    def forward(self, input: Float[Tensor, "batch chans *places"]) -> Float[Tensor, "batch chans *places"]:  # noqa: A002
        """Normalise; in evaluation by the running statistics.

        Raises
        ------
        EmgModelsError
            The batch does not hold equally many frames of each source, or too few.
        """
        if not self.training or self.sources == 1:
            return super().forward(input)
        self._check_input_dim(input)
        parts = input.chunk(self.sources)
        self._move([part.detach() for part in parts])
        return torch.cat(
            [F.batch_norm(part, None, None, self.weight, self.bias, training=True, eps=self.eps) for part in parts]
        )

    @torch.no_grad()
    def _move(self, parts: list[Tensor]) -> None:
        """Move the running statistics by batches (n, C, ...) of one source each."""
        axes = [0, *range(2, parts[0].ndim)]
        share = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = 1 / float(self.num_batches_tracked) if share is None else share
        for running, statistic in ((self.running_mean, torch.mean), (self.running_var, torch.var)):
            if running is not None and share is not None:
                new = torch.stack([statistic(part.to(running.dtype), axes) for part in parts]).mean(0)
                running.lerp_(new, share)


def set_sources(model: nn.Module, sources: int) -> None:
    """Tell every batch normalisation of `model` how many sources a training batch holds; 1 for one mixed batch.

    Parameters
    ----------
    model : Module
        Changed in place.
    sources : int
        Subjects or sessions; a batch then holds ``B / sources`` frames of each, source after source.

    Raises
    ------
    EmgModelsError
        `sources` is no count, or the model has no batch normalisation.
    """
    require_count("sources", sources)
    norms = [module for module in model.modules() if isinstance(module, SourceBatchNorm)]
    if not norms:
        raise EmgModelsError(f"{type(model).__name__} has no batch normalisation; build it with batch_norm=True")
    for norm in norms:
        norm.sources = sources
