"""Metrics gathered batch by batch, one class for each kind of output."""

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from emg_distill._examples.examples import Examples, Kind
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._metrics.classification import classification_metrics
from emg_distill._recipe.schema import Recipe

from .learner import Context


class Tally(Protocol):
    """Gathers what models answer for all examples of a part.

    Attributes
    ----------
    monitors
        Numbers of `result` that a run may watch.
    """

    monitors: ClassVar[tuple[str, ...]]

    def __init__(self, data: ProtocolData, examples: Examples, recipe: Recipe) -> None: ...

    def add(self, rows: NDArray[np.int64], context: Context) -> None:
        """Take in the answers for some examples."""
        ...

    def result(self) -> dict[str, Any]:
        """Return the metrics of all that was added, JSON-able."""
        ...


class ClassTally:
    """Classes: accuracy, macro F1, confusion, by subject; without rest, and by vote, where the protocol says so."""

    monitors: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    def __init__(self, data: ProtocolData, examples: Examples, recipe: Recipe) -> None:  # noqa: ARG002  one signature
        self._data, self._examples = data, examples
        self._predicted: list[NDArray[np.int64]] = []
        self._target: list[NDArray[np.int64]] = []

    def add(self, rows: NDArray[np.int64], context: Context) -> None:  # noqa: ARG002
        """Take in logits (batch, classes)."""
        self._predicted.append(context["prediction"].argmax(1).numpy())
        self._target.append(context["target"].numpy())

    def result(self) -> dict[str, Any]:
        """Return the classification metrics."""
        target, predicted = np.concatenate(self._target), np.concatenate(self._predicted)
        return classification_metrics(target, predicted, self._examples.subject, len(self._data.labels))


TALLIES: dict[Kind, type[Tally]] = {"classification": ClassTally}
