"""Live inference: samples in, output frames out as soon as they are complete."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ._errors import EmgModelsError

__all__ = ["ModelStream"]


class ModelStream(ABC):
    """A model at work on a live signal; chunks of any size give the frames of the whole signal.

    Concatenated over a recording, what `push` returns equals the model's output on the whole recording, to float
    tolerance. No gradient is kept.

    Attributes
    ----------
    n_chans : int
        Channels of a chunk.
    receptive_field : int or None
        Samples that one output frame can see, the newest included; None where it reaches back to the start.
    """

    n_chans: int
    receptive_field: int | None

    def push(self, chunk: Tensor) -> Tensor:
        """Take the next samples.

        Parameters
        ----------
        chunk : Tensor, shape (B, C, n)
            Any n >= 0.

        Returns
        -------
        Tensor, shape (B, frames, n_outputs)
            The frames these samples complete, possibly none.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, or a sample is not finite; the memory is as before then.
        """
        if chunk.ndim != 3 or chunk.shape[1] != self.n_chans or not chunk.is_floating_point():
            raise EmgModelsError(
                f"chunk of shape {tuple(chunk.shape)} and {chunk.dtype}: floating point (batch, {self.n_chans}, "
                "samples) is required"
            )
        if not bool(chunk.isfinite().all()):
            raise EmgModelsError(
                "chunk holds NaN or infinity; repair the signal first, the model might never forget it"
            )
        with torch.no_grad():
            return self._push(chunk)

    @abstractmethod
    def _push(self, chunk: Tensor) -> Tensor:
        """Advance by a checked chunk."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything heard so far."""
