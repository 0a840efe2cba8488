"""The module that is trained: a model that answers with a context, the names that objectives know."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import cast

import torch
from torch import nn

import emg_models
from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._examples.instants import model_instants, spread_instants, values_at

Context = dict[str, torch.Tensor]


class Learner(nn.Module):
    """A model whose call returns a context: its prediction and, where asked for, features.

    Parameters
    ----------
    model
        Any model of emg-models.
    layer
        Name of the module whose output is returned as ``features``, (batch, frames, width); empty for none.
    projected
        Width that a learned linear map, bias included, brings the features to, as ``projected``; 0 for none. The map is
        trained, and stays behind when the model is saved.
    width
        Width of the features, where they are projected.
    """

    def __init__(self, model: nn.Module, layer: str = "", *, width: int = 0, projected: int = 0) -> None:
        super().__init__()
        self.model = model
        self.projection = nn.Linear(width, projected) if projected else None
        self._features = Capture(model, layer) if layer else None

        self._takes = _arguments(type(model).forward)

    def forward(self, **inputs: torch.Tensor) -> Context:
        """Run the model on what it takes of `inputs`: x, masks, lengths."""
        context = {"prediction": self.model(**{name: inputs[name] for name in inputs if name in self._takes})}
        if self._features is not None:
            context["features"] = self._features.take()
            if self.projection is not None:
                context["projected"] = self.projection(context["features"])
        return context

    def width(self, example: Batch) -> int:
        """Return the width of the features, found by running one example in evaluation mode."""
        mode = self.training
        self.eval()
        with torch.no_grad():
            features = self(**inputs_of(example.to(next(self.parameters()).device)))["features"]
        self.train(mode)
        return int(features.shape[-1])


class Capture:
    """Remembers the output of a module inside a model while the model runs.

    Raises
    ------
    EmgDistillError
        When the model has no module of that name.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        modules = dict(model.named_modules())
        if layer not in modules:
            names = [name for name in modules if name.count(".") <= 2 and name]
            raise EmgDistillError(
                f"{type(model).__name__} has no module {layer!r}; name one such as {', '.join(names[-8:])}"
            )
        self._layer = layer
        self._output: torch.Tensor | None = None
        modules[layer].register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self._output = output

    def take(self) -> torch.Tensor:
        """Return the output of the last run, (batch, frames, width), and forget it."""
        output, self._output = self._output, None
        if output is None or output.ndim != 3:
            shape = None if output is None else tuple(output.shape)
            raise EmgDistillError(
                f"the output of {self._layer!r} is {shape}; features of shape (batch, frames, width) are required"
            )
        return output


def call_model(model: nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Run a model on those inputs that it takes."""
    output: torch.Tensor = model(**{name: value for name, value in inputs.items() if takes(model, name)})
    return output


def takes(model: nn.Module, name: str) -> bool:
    """Return whether a model's `forward` has an argument of this name."""
    return name in _arguments(type(model).forward)


@cache
def _arguments(forward: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)


def inputs_of(batch: Batch) -> dict[str, torch.Tensor]:
    """Return what models take of a batch: x, channel_mask, and the lengths of utterances."""
    named = {"x": batch.x, "channel_mask": batch.channel_mask, "lengths": batch.x_lengths}
    return {name: value for name, value in named.items() if value is not None}


def targets_of(model: nn.Module, batch: Batch, prediction: torch.Tensor) -> Context:
    """Return what objectives compare a prediction with: target, weight, phonemes, lengths in frames and in symbols.

    Values that are given at more instants than the model answers for are taken at the model's instants, by linear
    interpolation.
    """
    named = {"target": batch.y, "weight": batch.weight, "phonemes": batch.phonemes}
    context = {name: value for name, value in named.items() if value is not None}
    if prediction.ndim != 3:
        return context
    frames = prediction.shape[1]
    if batch.y is not None and batch.y.ndim == 3 and batch.y.shape[1] != frames:
        known = isinstance(model, emg_models.EmgModel)
        n_times = batch.x.shape[-1]
        instants = (
            model_instants(cast("emg_models.EmgModel", model), n_times) if known else spread_instants(n_times, frames)
        )
        for name in {"target", "weight"} & context.keys():
            context[name] = values_at(context[name], instants)
    if batch.y_lengths is not None:
        context["target_lengths"] = batch.y_lengths
    context["input_lengths"] = _frame_counts(model, batch, frames).to(prediction.device)
    return context


def feature_lengths(context: Context) -> Context:
    """Return how many frames of the features are real, where features and prediction have the same frames."""
    same = "features" in context and context["features"].shape[1:2] == context["prediction"].shape[1:2]
    return {"feature_lengths": context["input_lengths"]} if same and "input_lengths" in context else {}


def _frame_counts(model: nn.Module, batch: Batch, frames: int) -> torch.Tensor:
    """Return how many frames of each prediction are about real samples."""
    if batch.x_lengths is None:
        return torch.full((len(batch),), frames)
    counts = [int(model.frames(int(length))) for length in batch.x_lengths]  # type: ignore[operator]
    return torch.tensor(counts)
