"""Live inference: samples in, output frames out as soon as they are complete."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ._checks import require_count
from ._errors import EmgModelsError

if TYPE_CHECKING:
    from ._model import EmgModel

__all__ = ["ModelStream"]


class ModelStream(ABC):
    """A model at work on a live signal; chunks of any size give the frames of the whole signal.

    Concatenated over a recording, what `push` returns equals the model's output on the whole recording, to float
    tolerance. No gradient is kept. Streams of one model do not know of each other.

    Parameters
    ----------
    model : EmgModel
        What is at work, put into evaluation mode. Weights that change between two
        chunks count from the next one on.
    batch : int
        Recordings that run side by side, >= 1.
    receptive_field : int or None
        Samples that one output frame can see, the newest included; None where it reaches back to the start.

    Attributes
    ----------
    n_chans : int
        Channels of a chunk.
    receptive_field : int or None
        As given.

    Raises
    ------
    EmgModelsError
        `batch` is no count.
    """

    def __init__(self, model: "EmgModel", batch: int, receptive_field: int | None) -> None:
        require_count("batch", batch)
        self.n_chans: int = model.config.n_chans
        self.receptive_field = receptive_field
        self._model: Any = model.eval()
        self._batch = batch
        self._home = self._weight()

    def reset(self) -> None:
        """Forget everything heard so far; after the model has moved to another device or dtype, go on there."""
        self._home = self._weight()
        self._forget()

    def push(self, chunk: Tensor) -> Tensor:
        """Take the next samples.

        Parameters
        ----------
        chunk : Tensor, shape (B, C, n)
            Any n >= 0; brought to device and dtype of the model.

        Returns
        -------
        Tensor, shape (B, frames, n_outputs)
            The frames these samples complete, possibly none.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, a sample is not finite, or the model has been put into training mode or moved
            since; the memory is as before then.
        """
        self._check_model()
        chunk = self._checked(chunk)
        with torch.inference_mode(mode=False), torch.no_grad():  # memory made in inference mode could not be moved
            return self._push(chunk)

    @abstractmethod
    def _push(self, chunk: Tensor) -> Tensor:
        """Advance by a checked chunk."""

    @abstractmethod
    def _forget(self) -> None:
        """Empty the memory."""

    def _weight(self) -> Tensor:
        """Return an empty tensor of the model's kind."""
        weight: Tensor = next(self._model.parameters())
        return weight.detach().new_empty(0)

    def _check_model(self) -> None:
        if any(module.training for module in self._model.modules()):
            raise EmgModelsError(
                "the model of this stream is in training mode, where dropout and batch statistics would change what "
                "it hears; call model.eval() before push"
            )
        now = self._weight()
        if (now.dtype, now.device) != (self._home.dtype, self._home.device):
            raise EmgModelsError(
                f"the model moved to {now.dtype} on {now.device}, this stream's memory is {self._home.dtype} on "
                f"{self._home.device}; call reset() to start anew there"
            )

    def _checked(self, chunk: Tensor) -> Tensor:
        """Return a fitting chunk on device and in dtype of the model."""
        if not isinstance(chunk, Tensor):
            raise EmgModelsError(f"chunk of type {type(chunk).__name__}: a Tensor is required; use torch.from_numpy")
        if chunk.ndim != 3 or chunk.shape[1] != self.n_chans or not chunk.is_floating_point():
            raise EmgModelsError(
                f"chunk of shape {tuple(chunk.shape)} and {chunk.dtype}: floating point (batch, {self.n_chans}, "
                "samples) is required"
            )
        if chunk.is_meta:
            raise EmgModelsError("chunk on meta holds no values; give a chunk on a device")
        if len(chunk) != self._batch:
            raise EmgModelsError(
                f"chunk of {len(chunk)} recordings: this stream runs {self._batch}; open it with "
                f"stream(batch={max(1, len(chunk))})"
            )
        chunk = chunk.to(self._home)
        if not bool(chunk.isfinite().all()):
            raise EmgModelsError(
                f"chunk holds NaN or infinity, in {chunk.dtype} at least; repair or scale the signal first, the model "
                "might never forget it"
            )
        return chunk
