"""Metrics gathered batch by batch, one class for each kind of output."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._examples.examples import Examples
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._metrics.classification import classification_metrics
from emg_distill._metrics.regression import error_sums, regression_metrics
from emg_distill._metrics.votes import vote_metrics
from emg_distill._recipe.decode import DecodeRecipe
from emg_distill._text.ngram import NGram

from .learner import Context


@dataclass(frozen=True)
class Measured:
    """What is measured: the protocol, its part, the model, and how its frames become text."""

    data: ProtocolData
    examples: Examples
    model: nn.Module
    decode: DecodeRecipe
    lm: NGram | None = None


class Tally(Protocol):
    """Gathers what a model answers for all examples of a part.

    Attributes
    ----------
    monitors
        Numbers of `result` that a run may watch.
    joins
        Whether it joins windows and drops their context by itself.
    """

    monitors: ClassVar[tuple[str, ...]]

    @property
    def joins(self) -> bool: ...

    def __init__(self, part: Measured) -> None: ...

    def add(self, rows: NDArray[np.int64], context: Context) -> None:
        """Take in the answers for some examples."""
        ...

    def result(self) -> dict[str, Any]:
        """Return the metrics of all that was added, JSON-able."""
        ...


class ClassTally:
    """Classes: accuracy, macro F1, confusion, by subject; without rest, and by vote, where the protocol says so."""

    monitors: ClassVar[tuple[str, ...]] = ("accuracy", "balanced_accuracy", "macro_f1")
    joins = False

    def __init__(self, part: Measured) -> None:
        self._data, self._examples = part.data, part.examples
        self._predicted: list[NDArray[np.int64]] = []
        self._target: list[NDArray[np.int64]] = []

    def add(self, rows: NDArray[np.int64], context: Context) -> None:  # noqa: ARG002
        """Take in logits (batch, classes)."""
        self._predicted.append(context["prediction"].argmax(1).numpy())
        self._target.append(context["target"].numpy())

    def result(self) -> dict[str, Any]:
        """Return the classification metrics, and those of votes as ``vote``."""
        target, predicted = np.concatenate(self._target), np.concatenate(self._predicted)
        data, examples = self._data, self._examples
        metrics = classification_metrics(target, predicted, examples.subject, len(data.labels), rest=data.rest)
        if data.vote is None or examples.trial is None:
            return metrics
        votes = vote_metrics(target, predicted, examples.trial, examples.subject, data.vote)
        return {**metrics, "vote": votes}


class ValueTally:
    """Values over time: mean absolute and root mean square error, explained variance, by output and by subject."""

    monitors: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2")
    joins = False

    def __init__(self, part: Measured) -> None:
        self._labels, self._subject = part.data.labels, part.examples.subject
        self._sums: list[NDArray[np.float64]] = []

    def add(self, rows: NDArray[np.int64], context: Context) -> None:  # noqa: ARG002
        """Take in values (batch, instants, outputs)."""
        weight = context["weight"].numpy() if "weight" in context else None
        self._sums.append(error_sums(context["target"].numpy(), context["prediction"].numpy(), weight))

    def result(self) -> dict[str, Any]:
        """Return the regression metrics."""
        return regression_metrics(np.concatenate(self._sums), self._subject, self._labels)


class SpeechTally:
    """Silent speech frame by frame: error of the features, and the share of right phonemes where they are known."""

    monitors: ClassVar[tuple[str, ...]] = ("mse",)
    joins = False

    def __init__(self, part: Measured) -> None:
        del part  # nothing of it is needed
        self._squared = self._frames = self._right = self._heard = 0.0

    def add(self, rows: NDArray[np.int64], context: Context) -> None:  # noqa: ARG002
        """Take in features, and logits of phonemes behind them, (batch, frames, outputs)."""
        target, prediction = context["target"].double(), context["prediction"].double()
        width = target.shape[2]
        counts = context["weight"].double() if "weight" in context else torch.ones_like(target)
        error = torch.where(counts > 0, prediction[..., :width] - target, 0.0)
        self._squared += float((counts * error.square()).sum())
        self._frames += float(counts.sum())
        if "phonemes" in context:
            real = counts[..., 0] > 0
            self._right += float(((prediction[..., width:].argmax(2) == context["phonemes"]) & real).sum())
            self._heard += float(real.sum())

    def result(self) -> dict[str, Any]:
        """Return ``mse`` of a coefficient and ``phoneme_accuracy`` (None where no phonemes are known)."""
        return {
            "mse": self._squared / self._frames,
            "phoneme_accuracy": self._right / self._heard if self._heard else None,
        }
