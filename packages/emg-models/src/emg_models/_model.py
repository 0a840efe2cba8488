"""What every network of the package is: a module with a configuration, a task and a known output."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ._config import ModelConfig
from ._errors import EmgModelsError
from ._streams import ModelStream

__all__ = ["EmgModel", "Task"]

Task = Literal["tokens", "reconstruction", "classification", "events", "regression", "ctc", "speech"]


class EmgModel(nn.Module):
    """Base of all models; `forward` maps a batch of examples of ``config.input_shape`` to one tensor.

    Attributes
    ----------
    Config : type of ModelConfig
        What the model is built from.
    task : Task
        "classification" gives logits (B, n_outputs); "events" logits, "regression" values, "ctc" log-probabilities and
        "speech" features, all (B, frames, n_outputs); "tokens" features (B, tokens, width); "reconstruction" the shape
        of the input.
    output : str
        Name of the output, as in an exported graph.
    masks_channels : bool
        Whether `forward` takes ``channel_mask`` (B, C), True for real channels.
    streams : bool
        Whether `stream` can work (the configuration may still rule it out).
    idle_parameters : tuple of str
        Last names of the parameters that `forward` does not read unless it is given a mask.

    Parameters
    ----------
    config : ModelConfig
        An instance of ``Config``.
    """

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    task: ClassVar[Task]
    output: ClassVar[str] = "logits"
    masks_channels: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    idle_parameters: ClassVar[tuple[str, ...]] = ("mask_token",)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if not isinstance(config, self.Config):
            raise EmgModelsError(
                f"{type(self).__name__} was given {type(config).__name__}; a {self.Config.__name__} is required"
            )
        self.config: Any = config
        needed = self.has_outputs()
        if needed is not (config.n_outputs is not None):
            raise EmgModelsError(
                f"n_outputs={config.n_outputs}: {type(self).__name__} ({self.task}) "
                + ("needs its number of outputs; give n_outputs >= 1" if needed else "has no outputs; give None")
            )

    @classmethod
    def has_outputs(cls) -> bool:
        """Whether the task needs ``n_outputs``."""
        return cls.task not in {"tokens", "reconstruction"}

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output of one example of ``config.input_shape``, without the batch axis."""
        if self.task == "classification":
            return (self.config.n_outputs,)
        if self.task == "reconstruction":
            return tuple(self.config.input_shape)
        return (self.frames(self.config.n_times), self.config.n_outputs)

    def extra_inputs(self, batch: int = 1, device: torch.device | None = None) -> dict[str, Tensor]:  # noqa: ARG002
        """Return what `forward` needs beside the signal, as zeros by argument name; for most models nothing."""
        return {}

    def frames(self, n_times: int) -> int:
        """Return the number of output frames (tokens) that `n_times` samples give.

        Raises
        ------
        EmgModelsError
            The model has one output per window and no frames.
        """
        raise EmgModelsError(f"{type(self).__name__} has no frames: its task is {self.task}, for {n_times} samples too")

    def stream(self, batch: int = 1) -> ModelStream:
        """Return a live form of this model, in evaluation mode, with empty memory.

        Parameters
        ----------
        batch : int
            Recordings that run side by side.

        Raises
        ------
        EmgModelsError
            The model, or its configuration, looks into the future or at the whole window; the message says which
            settings stream.
        """
        raise EmgModelsError(
            f"{type(self).__name__} cannot stream (batch={batch}), it looks at whole windows; cut windows, or choose a "
            "model with `streams = True`"
        )
