"""Every model by name: how to build it, what it costs, where it comes from, under which terms."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from ._costs import count_costs
from ._entry import ModelEntry
from ._errors import EmgModelsError
from ._hdsemg.entries import ENTRIES as HDSEMG
from ._model import EmgModel
from ._neuromotor.entries import ENTRIES as NEUROMOTOR
from ._pose.entries import ENTRIES as POSE
from ._scaled.entries import ENTRIES as SCALED
from ._tds.entries import ENTRIES as TDS
from ._tinymyo.entries import ENTRIES as TINYMYO

__all__ = ["REGISTRY", "create_model", "list_models", "model_class", "model_info"]

REGISTRY: dict[str, ModelEntry] = {**HDSEMG, **SCALED, **POSE, **TDS, **NEUROMOTOR, **TINYMYO}


def list_models() -> list[str]:
    """Return the names `create_model` knows, sorted."""
    return sorted(REGISTRY)


def create_model(
    name: str,
    *,
    task: str | None = None,
    **settings: Any,  # noqa: ANN401  fields of the model's config
) -> EmgModel:
    """Build a model with fresh weights, drawn from torch's global generator.

    Parameters
    ----------
    name : str
        One of `list_models`.
    task : str, optional
        One of the tasks of this model (`model_info` lists them); by default the first one that has outputs where
        ``n_outputs`` is known, else the first one that has none.
    **settings
        Fields of the model's configuration, ``n_chans``, ``n_times``, ``n_outputs`` and ``sfreq`` before all; what is
        not given is as published.

    Returns
    -------
    EmgModel
        Its ``config`` says what it was built from, its ``output_shape`` what it gives.

    Raises
    ------
    EmgModelsError
        The name, the task or a setting is unknown, or a value does not fit.
    """
    entry = _entry(name)
    values = dict(entry.settings) | settings
    model = _model(name, entry, task, values)
    known = {field.name for field in dataclasses.fields(model.Config)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise EmgModelsError(f"unknown settings {unknown}; {model.Config.__name__} knows {sorted(known)}")
    return model(model.Config(**values))


def model_info(name: str, *, task: str | None = None, **settings: Any) -> dict[str, Any]:  # noqa: ANN401  as above
    """Describe a model without allocating it.

    Parameters
    ----------
    name : str
        One of `list_models`.
    task : str, optional
        As for `create_model`.
    **settings
        As for `create_model`.

    Returns
    -------
    dict
        ``name``, ``task``, ``tasks``, ``model`` (the class), ``parameters``, ``macs`` and ``activations`` (per input,
        see `count_costs`), ``input_shape`` and ``output_shape`` (batch 1), ``source``, ``licence``, ``summary`` and
        ``config``.

    Raises
    ------
    EmgModelsError
        The name, the task or a setting is unknown, or a value does not fit.
    """
    with torch.device("meta"):
        model = create_model(name, task=task, **settings)
        costs = count_costs(model)
    entry = REGISTRY[name]
    return {
        "name": name,
        "task": model.task,
        "tasks": list(entry.tasks),
        "model": type(model).__name__,
        "parameters": costs.parameters,
        "macs": costs.macs,
        "activations": costs.activations,
        "input_shape": [1, *model.config.input_shape],
        "output_shape": [1, *model.output_shape],
        "source": entry.source,
        "licence": entry.licence,
        "summary": entry.summary,
        "config": model.config.to_dict(),
    }


def model_class(class_name: str) -> type[EmgModel]:
    """Return a registered class by its name, as model folders store it.

    Raises
    ------
    EmgModelsError
        No registered model has a class of this name.
    """
    classes = {model.__name__: model for entry in REGISTRY.values() for model in entry.models}
    if class_name not in classes:
        raise EmgModelsError(f"model class {class_name!r} is unknown; one of {', '.join(sorted(classes))} is required")
    return classes[class_name]


def _entry(name: str) -> ModelEntry:
    if name not in list_models():
        raise EmgModelsError(f"model {name!r} is unknown; choose one of {', '.join(list_models())}")
    return REGISTRY[name]


def _model(name: str, entry: ModelEntry, task: str | None, values: Mapping[str, Any]) -> type[EmgModel]:
    tasks = entry.tasks
    if task is None:
        default = {field.name: field.default for field in dataclasses.fields(entry.models[0].Config)}["n_outputs"]
        with_outputs = values.get("n_outputs", default) is not None
        return next((model for model in entry.models if model.has_outputs() is with_outputs), entry.models[0])
    if task not in list(tasks):
        raise EmgModelsError(f"model {name!r} has no task {task!r}; choose one of {', '.join(tasks)}")
    return tasks[task]
