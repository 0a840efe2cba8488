"""A scaled Transformer at work on a live signal: bounded memory, each frame computed once."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emg_models._errors import EmgModelsError
from emg_models._streams import ModelStream

if TYPE_CHECKING:
    from emg_models._model import EmgModel

    from .encoder import ScaledTransformerEncoder

__all__ = ["ScaledTransformerStream", "make_stream"]

_FRAMES = 1000


def make_stream(
    model: "EmgModel",
    encoder: "ScaledTransformerEncoder",
    head: Callable[[Tensor], Tensor],
    batch: int,
) -> "ScaledTransformerStream":
    """Put a model into evaluation mode and at work on a live signal.

    Raises
    ------
    EmgModelsError
        The configuration looks into the future or back without bound; the message names the fields to change.
    """
    obstacles = encoder.config.stream_obstacles
    if obstacles:
        raise EmgModelsError(
            f"{type(model).__name__} cannot stream with {', '.join(obstacles.values())}; train with "
            "config.for_streaming(context=500), which sets causal=True, context=500, position='causal', "
            "feature_norm='running'"
        )
    return ScaledTransformerStream(model, encoder, head, batch)


class ScaledTransformerStream(ModelStream):
    """Samples of the unfinished frame, frames of the positional convolution, keys and values of every block.

    Parameters
    ----------
    model : EmgModel
        What is at work.
    encoder : ScaledTransformerEncoder
        Of the model, with a configuration that streams.
    head : callable
        What maps features (B, n, d) to the outputs.
    batch : int
        Recordings that run side by side.

    Notes
    -----
    Long chunks go through in pieces of 1,000 frames, so that the memory needed does not grow with the chunk.
    """

    def __init__(
        self,
        model: "EmgModel",
        encoder: "ScaledTransformerEncoder",
        head: Callable[[Tensor], Tensor],
        batch: int,
    ) -> None:
        super().__init__(model, batch, encoder.config.history)
        self._encoder = encoder
        self._head = head
        self._caches = [block.attn.cache() for block in encoder.blocks]  # type: ignore[union-attr, operator]
        self._forget()

    def _forget(self) -> None:
        self._samples = self._home.new_zeros(self._batch, self.n_chans, 0)
        self._frames = self._encoder.position.memory(self._batch)
        for cache in self._caches:
            cache.clear()

    def _push(self, chunk: Tensor) -> Tensor:
        pieces = torch.split(chunk, _FRAMES * self._encoder.config.hop, -1)
        return torch.cat([self._head(self._features(piece)) for piece in pieces], 1)

    def _features(self, samples: Tensor) -> Tensor:
        """Features (B, n, d) of the frames that these samples complete."""
        config = self._encoder.config
        heard = torch.cat([self._samples, samples], -1)
        if heard.shape[-1] < config.receptive_field:
            self._samples = heard
            return heard.new_zeros(self._batch, 0, config.embed_dim)
        z = self._encoder.embed(heard)
        self._samples = heard[..., z.shape[1] * config.hop :].clone()
        z, frames = self._encoder.position.step(z, self._frames)
        self._frames = frames.clone()
        z = self._encoder.position_norm(z)
        for block, cache in zip(self._encoder.blocks, self._caches, strict=True):
            z = block.step(z, None, cache)  # type: ignore[operator]
        return self._encoder.norm(z)  # type: ignore[no-any-return]
