"""Models of a recipe, built for a protocol's windows; teachers and initial weights from folders."""

import hashlib
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import emg_models

from ._errors import EmgDistillError
from ._examples.protocol_data import ProtocolData
from ._integers import as_stored
from ._recipe.quantise import QuantiseRecipe
from ._recipe.schema import Recipe
from ._seeds import Purpose, derive_seed


def build_model(
    recipe: Recipe, data: ProtocolData, *, task: str = "", n_times: int | None = None
) -> emg_models.EmgModel:
    """Return the recipe's model for the windows and outputs of a protocol, weights drawn from the seed.

    Its task is `task`, or the recipe's ``model.task``, or ``"reconstruction"`` for pre-training and the kind of the
    data for the rest. Windows have `n_times` samples, by default as many as the data's.

    Raises
    ------
    EmgDistillError
        When the model has no such task, or a setting is unknown or does not fit; the message names recipe and model.
    """
    task = task or recipe.model.task or ("reconstruction" if recipe.task == "pretrain" else data.kind)
    outputs = None if task in {"reconstruction", "tokens"} else len(data.labels)
    places = data.preprocessing["grid"] if data.is_image else {}
    shape = {"rows": places["rows"], "cols": places["cols"]} if data.is_image else {"n_times": n_times or data.n_times}
    settings: dict[str, Any] = {"n_chans": data.n_chans, "n_outputs": outputs, "sfreq": data.sfreq, **shape}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(recipe.seed, Purpose.INIT))
        try:
            return emg_models.create_model(recipe.model.name, task=task, **settings | dict(recipe.model.options))
        except (emg_models.EmgModelsError, TypeError) as error:
            raise EmgDistillError(f"recipe {recipe.name!r}, [model] {recipe.model.name!r}: {error}") from error


def load_initial_weights(model: nn.Module, source: nn.Module | str | Path) -> None:
    """Copy what fits of a trained model, or of its folder: all of it, its encoder, or its blocks.

    All weights are copied where both are of one class and size; else the encoder where both have one; else the blocks
    where the model takes blocks (`load_blocks`). Nothing is copied in part.

    Raises
    ------
    EmgDistillError
        When the two have nothing in common, or sizes differ; the message names what.
    """
    loaded = as_model(source)
    encoder = _encoder(loaded)
    try:
        if type(loaded) is type(model) and _shapes(loaded) == _shapes(model):
            model.load_state_dict(loaded.state_dict())
        elif hasattr(model, "load_encoder") and encoder is not None:
            cast("Any", model).load_encoder(loaded)
        elif hasattr(model, "load_blocks"):
            cast("Any", model).load_blocks(loaded)
        elif hasattr(model, "encoder") and encoder is not None:
            cast("nn.Module", model.encoder).load_state_dict(encoder.state_dict())
        else:
            raise EmgDistillError(
                f"init: {type(loaded).__name__} into {type(model).__name__}: they share no encoder and no blocks"
            )
    except (emg_models.EmgModelsError, RuntimeError) as error:
        raise EmgDistillError(
            f"init does not fit the recipe's model: {error}; use the same [model] table in both recipes"
        ) from error


def _encoder(model: nn.Module) -> nn.Module | None:
    """Return the encoder that a model is or has; None where there is none."""
    return model if getattr(model, "task", "") == "tokens" else getattr(model, "encoder", None)


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


def as_model(source: nn.Module | str | Path) -> nn.Module:
    """Return a model as given, or read from a model folder or from a run folder that holds one."""
    if isinstance(source, nn.Module):
        return source
    return cast("nn.Module", emg_models.from_pretrained(model_folder(source)))


def model_folder(path: str | Path) -> Path:
    """Return the model folder that `path` is or holds (a run folder keeps it in ``model``)."""
    path = Path(path)
    for folder in (path, path / "model"):
        if (folder / "config.json").is_file():
            return folder
    raise EmgDistillError(f"{path} is no model folder: neither {path / 'config.json'} nor {path / 'model'} exists")


def as_teacher(source: nn.Module | str | Path, student: emg_models.EmgModel) -> nn.Module:
    """Return a teacher whose input and output are the student's; one that was trained in integers answers in them."""
    teacher = as_model(source)
    stored = None if isinstance(source, nn.Module) else emg_models.load_evaluation(model_folder(source))
    if stored and stored.get("grids"):
        teacher = as_stored(teacher.eval(), QuantiseRecipe(**stored["recipe"]["quantise"]), stored["grids"])
    wanted = (student.config.input_shape, student.output_shape)
    given = (
        getattr(getattr(teacher, "config", None), "input_shape", None),
        getattr(teacher, "output_shape", None),
    )
    if given != wanted:
        raise EmgDistillError(
            f"teacher has (input, output) shapes {given}, the student {wanted}; they must be the same"
        )
    return teacher


def weights_digest(model: nn.Module) -> str:
    """Return the sha256 (hex) of all names and tensors of a model."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
