"""The pair of encoders that time-frequency consistency trains."""

import torch
from torch import nn

from .embedder import Embedder


class TimeFrequencyPair(nn.Module):
    """An encoder of windows, one of spectra, and their projections into one space.

    Parameters
    ----------
    time_encoder, frequency_encoder
        Modules that map windows (batch, channels, time), and spectra (batch, channels, components), to tokens
        (batch, tokens, n_features). They share no weights. After pre-training `time_encoder` is kept; TF-C itself
        classifies from both.
    n_features
        Width of the tokens of both.
    hidden, width
        Of the projection heads.

    References
    ----------
    Zhang et al., TF-C, NeurIPS 2022, arXiv 2206.08496, section 4 and figure 2.
    """

    def __init__(
        self,
        time_encoder: nn.Module,
        frequency_encoder: nn.Module,
        n_features: int,
        hidden: int = 256,
        width: int = 128,
    ) -> None:
        super().__init__()
        self.time = Embedder(time_encoder, n_features, hidden, width)
        self.frequency = Embedder(frequency_encoder, n_features, hidden, width)

    def forward(
        self,
        windows: tuple[torch.Tensor, torch.Tensor],
        spectra: tuple[torch.Tensor, torch.Tensor],
        channel_mask: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Return the context of the objective ``time_frequency_consistency``.

        Parameters
        ----------
        windows
            Windows and augmented windows, (batch, channels, time) each.
        spectra
            Spectra of the windows, and the same perturbed, (batch, channels, components) each.
        channel_mask
            Bool tensor of shape (batch, channels), True where a channel is real. None: all are.
        """
        context: dict[str, torch.Tensor] = {}
        for name, embed, views in (("time", self.time, windows), ("frequency", self.frequency, spectra)):
            embedded = [embed(view, channel_mask) for view in views]
            context[f"{name}_views"] = torch.stack([h for h, _ in embedded], 1)
            context[f"{name}_projected"] = torch.stack([z for _, z in embedded], 1)
        return context
