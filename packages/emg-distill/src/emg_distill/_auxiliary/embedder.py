"""One vector for each window, and its projection for contrastive objectives."""

import torch
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill._masks import real_tokens


class ProjectionHead(nn.Module):
    """Linear, LayerNorm, ReLU, linear: (batch, n_inputs) to (batch, width).

    Parameters
    ----------
    n_inputs, hidden, width
        Widths of input, middle and output, ``>= 1``.

    Notes
    -----
    The published heads have BatchNorm in the middle, which ties the rows of a batch and the processes together;
    LayerNorm is our departure.

    References
    ----------
    Chen et al., SimCLR, arXiv 2002.05709, section 4.2; TF-C, arXiv 2206.08496: 256 and 128 wide.
    """

    def __init__(self, n_inputs: int, hidden: int = 256, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map vectors (batch, n_inputs) to (batch, width)."""
        projected: torch.Tensor = self.layers(x)
        return projected


class Embedder(nn.Module):
    """An encoder, the mean over its tokens, and a projection of that mean.

    Parameters
    ----------
    encoder
        Module that maps windows (batch, channels, time) to tokens (batch, tokens, n_features); where channels may be
        padded it takes ``channel_mask``, and its tokens are channel-major.
    n_features
        Width of the tokens.
    hidden, width
        Of the `ProjectionHead`.
    """

    def __init__(self, encoder: nn.Module, n_features: int, hidden: int = 256, width: int = 128) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = ProjectionHead(n_features, hidden, width)

    def forward(self, x: torch.Tensor, channel_mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the means (batch, n_features) and their projections (batch, width)."""
        tokens = self.encoder(x) if channel_mask is None else self.encoder(x, channel_mask=channel_mask)
        mean = mean_token(tokens, channel_mask)
        return mean, self.head(mean)


def mean_token(tokens: torch.Tensor, channel_mask: torch.Tensor | None = None) -> torch.Tensor:
    """Return the mean of the tokens of real channels.

    Parameters
    ----------
    tokens
        Shape (batch, tokens, width), channel-major where there is a mask.
    channel_mask
        Bool tensor of shape (batch, channels), True where a channel is real, at least one per row. None: all are.

    Returns
    -------
    Tensor of shape (batch, width)

    Raises
    ------
    EmgDistillError
        When shapes do not fit or a row has no real channel.
    """
    if tokens.ndim != 3:
        raise EmgDistillError(f"tokens {tuple(tokens.shape)} must be (batch, tokens, width); choose a token encoder")
    if channel_mask is None:
        return tokens.mean(1)
    real = real_tokens(channel_mask, tokens.shape[0], tokens.shape[1])[..., None]
    if not bool(real.any(1).all()):
        raise EmgDistillError("channel_mask has a window without any real channel; drop that window")
    return tokens.masked_fill(~real, 0.0).sum(1) / real.sum(1)
