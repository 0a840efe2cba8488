"""The model folder of a run: weights with everything that is needed to prove their number."""

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from torch import nn

import emg_models

from ._errors import EmgDistillError
from ._examples.protocol_data import ProtocolData
from ._integers import stored_form
from ._recipe.schema import Recipe

_PACKAGES = ("emg-distill", "emg-models", "emg-io", "emg-dsp", "torch", "numpy", "lightning-fabric")


def check_record(model: nn.Module, data: ProtocolData, command: str) -> None:
    """Refuse, before the first step, what could not be written after the last one.

    Raises
    ------
    EmgDistillError
        When preprocessing, split hash or command is missing, since such a number could not be proved, or the
        preprocessing does not describe the model's input.
    """
    required = {"preprocessing": data.preprocessing, "split_hash": data.split_hash, "command": command.strip()}
    missing = [name for name, value in required.items() if not value]
    if missing:
        raise EmgDistillError(
            f"a model folder is not written: {', '.join(missing)} missing; a stored number needs them to be verified"
        )
    try:
        emg_models.check_preprocessing(data.preprocessing, cast("emg_models.EmgModel", model).config)
    except emg_models.EmgModelsError as error:
        raise EmgDistillError(f"protocol data {data.name!r} do not describe the model's input: {error}") from error


def write_model_folder(
    folder: Path,
    model: nn.Module,
    recipe: Recipe,
    data: ProtocolData,
    metrics: Mapping[str, Any],
    *,
    part: str,
    command: str,
) -> None:
    """Write a model with its preprocessing, labels and evaluation.

    Parameters
    ----------
    folder
        Where; replaced as a whole when it exists.
    model
        A model of emg-models; one that computes in integers is stored as float weights and grids.
    recipe, data
        What it was trained with and on.
    metrics
        Numbers measured on `part`.
    part
        ``"train"``, ``"val"`` or ``"test"``.
    command
        Command or call that repeats the run.

    Raises
    ------
    EmgDistillError
        As `check_record`.
    """
    check_record(model, data, command)
    weights, grids = stored_form(model)
    evaluation = {
        "protocol": data.name,
        "split_hash": data.split_hash,
        "split_seed": data.split_seed,
        "fold": data.fold,
        "partial": data.partial,
        "part": part,
        "metrics": dict(metrics),
        "seed": recipe.seed,
        "recipe_hash": recipe.hash,
        "recipe": recipe.to_dict(),
        "versions": package_versions(),
        "command": command,
        "notes": list(data.notes),
        **({} if grids is None else {"grids": grids}),
    }
    labelled = cast("emg_models.EmgModel", model).has_outputs()
    emg_models.save_pretrained(
        cast("emg_models.EmgModel", weights),
        folder,
        preprocessing=dict(data.preprocessing),
        labels=data.labels if labelled else [],
        evaluation=evaluation,
    )


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result, as far as they are installed."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
