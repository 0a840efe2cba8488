"""One row of the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._model import EmgModel

__all__ = ["ModelEntry"]


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A named network: how to build it for each of its tasks, where it comes from, under which terms.

    Parameters
    ----------
    summary, source, licence : str
        What it is, the paper or code it follows, the terms of code and published weights.
    models : tuple of type of EmgModel
        One class per task; the first is the one that is built where no task is asked for.
    settings : mapping
        Fields of the configuration in which this row differs from the defaults.
    positional : bool
        Whether the order of the samples in time (of patches, where the model cuts patches) reaches the output.
    """

    summary: str
    source: str
    licence: str
    models: tuple[type[EmgModel], ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    positional: bool = True

    @property
    def tasks(self) -> dict[str, type[EmgModel]]:
        """The classes by their task."""
        return {model.task: model for model in self.models}
