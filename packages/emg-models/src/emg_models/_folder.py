"""The model folder: config.json, model.safetensors, preprocessing.json, eval.json where measured, README.md."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from ._card import model_card
from ._config import ModelConfig
from ._errors import EmgModelsError
from ._files import parse_json, to_json, write_files
from ._model import EmgModel
from ._preprocessing import check_labels, check_preprocessing
from ._registry import model_class
from ._safetensors import read_safetensors
from ._state import check_state

__all__ = ["from_pretrained", "load_evaluation", "load_labels", "load_preprocessing", "save_pretrained"]

_FORMAT = "emg-models folder 1"
_KEYS = {"format": str, "model": str, "config": dict, "labels": list, "sha256": dict}


def save_pretrained(
    model: torch.nn.Module,
    folder: str | Path,
    *,
    preprocessing: Mapping[str, Any],
    labels: Sequence[str],
    evaluation: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model and what is needed to use it.

    The folder is created if absent. Everything is staged first and then renamed into place, config.json last; it holds
    the SHA-256 of weights, preprocessing and evaluation, so that an interrupted overwrite is noticed on loading. Other
    files in the folder are left alone, except an eval.json of the model that is replaced.

    Parameters
    ----------
    model : EmgModel
        One of the registry, with finite weights.
    folder : str or Path
        Where to write.
    preprocessing : mapping
        What turns a recording into the model's input; see `check_preprocessing`.
    labels : sequence of str
        One name per output; empty for a model without classes.
    evaluation : mapping, optional
        Measured numbers and how they came about, for eval.json and the card.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    EmgModelsError
        The model is of another kind or has a weight that is not finite, an argument does not fit it, or the folder
        cannot be written.
    """
    known = _known(model)
    names = check_labels(labels, known.config.n_outputs)
    files = {
        "model.safetensors": _weights(known),
        "preprocessing.json": to_json(check_preprocessing(preprocessing, known.config), "preprocessing"),
    }
    if evaluation is not None:
        files["eval.json"] = to_json(dict(evaluation), "evaluation")
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files["README.md"] = model_card(known, preprocessing, names, evaluation).encode()
    config = known.config.to_dict()
    files["config.json"] = to_json(
        {"format": _FORMAT, "model": type(known).__name__, "config": config, "labels": names, "sha256": digests},
        "config",
    )
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmgModelsError(f"{folder}: cannot make this folder ({error}); give another path") from error
    write_files(folder, files)
    if evaluation is None:
        (folder / "eval.json").unlink(missing_ok=True)
    return folder


def from_pretrained(folder: str | Path) -> EmgModel:
    """Build the model of a folder and load its weights, strictly; the result is in evaluation mode on the CPU.

    Raises
    ------
    EmgModelsError
        A file is absent, lies outside the folder, is a pickle or malformed; a key of the weights is missing,
        unexpected, duplicate or of another shape; weights and config.json were not written together.
    """
    folder = Path(folder)
    header = _header(folder)
    kind = model_class(header["model"])
    config = kind.Config.from_dict(header["config"])
    path = _inside(folder, "model.safetensors")
    state, data = read_safetensors(path)
    model = _build(kind, config, state, path)
    _check_digest(header, path, data)
    return model.eval()


def load_preprocessing(folder: str | Path) -> dict[str, Any]:
    """Return the preprocessing record of a model folder.

    Raises
    ------
    EmgModelsError
        A file is absent or malformed, contradicts the model, or was not written together with config.json.
    """
    folder = Path(folder)
    header = _header(folder)
    record = _companion(folder, header, "preprocessing.json")
    return check_preprocessing(record, _config(header))


def load_evaluation(folder: str | Path) -> dict[str, Any] | None:
    """Return what was measured on the model of a folder, or None where nothing was.

    Raises
    ------
    EmgModelsError
        A file is absent or malformed, or eval.json was not written together with config.json.
    """
    folder = Path(folder)
    header = _header(folder)
    return _companion(folder, header, "eval.json") if "eval.json" in header["sha256"] else None


def load_labels(folder: str | Path) -> list[str]:
    """Return the class names of a model folder, in the order of the outputs.

    Raises
    ------
    EmgModelsError
        config.json is absent or malformed.
    """
    header = _header(Path(folder))
    return check_labels(header["labels"], _config(header).n_outputs)


def _known(model: torch.nn.Module) -> EmgModel:
    if not isinstance(model, EmgModel):
        raise EmgModelsError(f"model of type {type(model).__name__}: a model of this package is required")
    model_class(type(model).__name__)
    return model


def _config(header: Mapping[str, Any]) -> ModelConfig:
    return model_class(header["model"]).Config.from_dict(header["config"])


def _weights(model: EmgModel) -> bytes:
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    broken = [key for key, value in state.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise EmgModelsError(f"weights hold NaN or infinity in {broken}; training diverged, save an earlier state")
    return safetensors.torch.save(state, metadata={"format": "pt"})


def _header(folder: Path) -> dict[str, Any]:
    path = _inside(folder, "config.json")
    header = parse_json(path.read_bytes(), str(path))
    wrong = [key for key, kind in _KEYS.items() if not isinstance(header.get(key), kind)]
    if wrong or header.keys() != _KEYS.keys() or header["format"] != _FORMAT:
        raise EmgModelsError(
            f"{path}: found keys {sorted(header)}, format {header.get('format')!r}; "
            f"required are keys {sorted(_KEYS)} and format {_FORMAT!r}"
        )
    return header


def _build(kind: type[EmgModel], config: ModelConfig, state: Mapping[str, torch.Tensor], path: Path) -> EmgModel:
    """Build the network and load it; nothing is allocated before the weights are known to fit."""
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            check_state(kind(config), state, str(path))
        model = kind(config)
    model.load_state_dict(dict(state))
    return model


def _companion(folder: Path, header: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read a JSON file that config.json vouches for."""
    path = _inside(folder, name)
    data = path.read_bytes()
    value = parse_json(data, str(path))
    _check_digest(header, path, data)
    return value


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file that really lies in the folder."""
    path = folder / name
    if not path.is_file():
        raise EmgModelsError(f"{path}: no such file; a folder written by save_pretrained is required{_hint(folder)}")
    if path.resolve().parent != folder.resolve():
        raise EmgModelsError(f"{path}: leads outside the folder, to {path.resolve()}; copy the file into the folder")
    return path


def _hint(folder: Path) -> str:
    pickles = sorted(p.name for p in folder.glob("*") if p.suffix in {".pt", ".pth", ".bin", ".ckpt", ".pkl"})
    return f" (pickles such as {pickles[0]} are never opened)" if pickles else ""


def _check_digest(header: Mapping[str, Any], path: Path, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    if header["sha256"].get(path.name) != digest:
        raise EmgModelsError(
            f"{path}: SHA-256 {digest} is not the one in config.json; the files were not written together, save again"
        )
