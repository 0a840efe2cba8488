"""Models of a recipe, built for a protocol's windows; teachers and initial weights from folders."""

import hashlib
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import emg_models

from ._errors import EmgDistillError
from ._examples.windows import ProtocolData
from ._recipe.schema import Recipe
from ._seeds import Purpose, derive_seed


def build_classifier(recipe: Recipe, data: ProtocolData) -> nn.Module:
    """Return the recipe's classifier for the windows and labels of a protocol, weights drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(recipe.seed, Purpose.INIT))
        try:
            return emg_models.create_model(
                recipe.model.name,
                n_chans=data.n_chans,
                n_times=data.n_times,
                n_outputs=len(data.labels),
                sfreq=data.sfreq,
                **cast("Any", recipe.model.options),
            )
        except (emg_models.EmgModelsError, TypeError) as error:
            raise EmgDistillError(f"recipe {recipe.name!r}, [model] {recipe.model.name!r}: {error}") from error


def build_pretrainer(recipe: Recipe, data: ProtocolData) -> emg_models.TinyMyoPretrainer:
    """Return the pre-training model around the encoder of the recipe's model, weights drawn from the seed.

    Raises
    ------
    EmgDistillError
        When the model has no encoder that can be pre-trained.
    """
    classifier = build_classifier(recipe, data)
    if not isinstance(classifier, emg_models.TinyMyoClassifier):
        raise EmgDistillError(f"model {recipe.model.name!r} has no pre-training form; choose a TinyMyo model")
    config = emg_models.TinyMyoConfig.from_dict({**classifier.config.to_dict(), "n_outputs": None})
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(recipe.seed, Purpose.INIT))
        return emg_models.TinyMyoPretrainer(config)


def load_initial_weights(model: nn.Module, source: nn.Module | str | Path) -> None:
    """Copy the encoder of a pre-trained model, or of its folder, into a classifier.

    Raises
    ------
    EmgDistillError
        When the two do not have the same encoder; the message names what is missing.
    """
    loaded = as_model(source)
    encoder = getattr(loaded, "encoder", None)
    if encoder is None or not isinstance(model, emg_models.TinyMyoClassifier):
        raise EmgDistillError(
            f"init: {type(loaded).__name__} into {type(model).__name__}: both must have a TinyMyo encoder"
        )
    try:
        model.load_encoder(encoder)
    except emg_models.EmgModelsError as error:
        raise EmgDistillError(
            f"init does not fit the recipe's model: {error}; use the same [model] table in both recipes"
        ) from error


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


def as_teacher(source: nn.Module | str | Path, data: ProtocolData) -> nn.Module:
    """Return a teacher in eval mode that fits the protocol's windows; its weights take no gradient."""
    teacher = as_model(source)
    config = getattr(teacher, "config", None)
    wanted = (data.n_chans, data.n_times, len(data.labels))
    given = tuple(getattr(config, key, None) for key in ("n_chans", "n_times", "n_outputs"))
    if given != wanted:
        raise EmgDistillError(f"teacher has (n_chans, n_times, n_outputs) = {given}, the protocol needs {wanted}")
    return teacher.eval().requires_grad_(requires_grad=False)


def weights_digest(model: nn.Module) -> str:
    """Return the sha256 (hex) of all names and tensors of a model."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
