"""The model folder: config.json, model.safetensors, preprocessing.json, eval.json where measured, README.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ._card import model_card
from ._config import ModelConfig
from ._errors import EmgModelsError
from ._files import inside, make_folder, parse_json, read_small, sha256, to_json, write_files
from ._model import EmgModel
from ._preprocessing import check_labels, check_preprocessing
from ._registry import model_class
from ._safetensors import open_safetensors, safetensors_pieces
from ._state import WRONG, assemble, check_finite, check_state

__all__ = ["FILES", "from_pretrained", "load_evaluation", "load_labels", "load_preprocessing", "save_pretrained"]

FILES = ("config.json", "model.safetensors", "preprocessing.json", "eval.json", "README.md")
_FORMAT = "emg-models folder 1"
_KEYS = {"format": str, "model": str, "config": dict, "labels": list, "sha256": dict}
_VOUCHED = FILES[1:4]


def save_pretrained(
    model: torch.nn.Module,
    folder: str | Path,
    *,
    preprocessing: Mapping[str, Any],
    labels: Sequence[str],
    evaluation: Mapping[str, Any] | None = None,
    licence: str | None = None,
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
        What turns a recording into the model's input; see `check_preprocessing`. ``seconds`` is added to the window.
    labels : sequence of str
        One name per output; empty for a model without classes.
    evaluation : mapping, optional
        What was measured, for eval.json and the card: numbers under ``metrics``, and how they came about beside it
        (``dataset`` or ``protocol``, ``part``, ``split_hash``, ``seed``, ``date``, ``command``, ...).
    licence : str, optional
        Terms of the weights, for the card, as the Hub spells them ("apache-2.0", "cc-by-nc-4.0"); who trained them
        knows.

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
    record = check_preprocessing(preprocessing, known.config)
    record["window"] = {**record["window"], "seconds": known.config.n_times / known.config.sfreq}
    files: dict[str, bytes | list[memoryview]] = {
        "model.safetensors": safetensors_pieces(_weights(known)),
        "preprocessing.json": to_json(record, "preprocessing"),
    }
    if evaluation is not None:
        files["eval.json"] = to_json(dict(evaluation), "evaluation")
    digests = {name: sha256(data) for name, data in files.items()}
    files["README.md"] = model_card(known, record, names, evaluation, licence).encode()
    config = known.config.to_dict()
    files["config.json"] = to_json(
        {"format": _FORMAT, "model": type(known).__name__, "config": config, "labels": names, "sha256": digests},
        "config",
    )
    write_files(make_folder(Path(folder)), files)
    if evaluation is None:
        (Path(folder) / "eval.json").unlink(missing_ok=True)
    return Path(folder)


def from_pretrained(
    folder: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> EmgModel:
    """Build the model of a folder around its weights, strictly; the result is in evaluation mode.

    The weights are read once, straight into the parameters, after header and configuration are known to fit.

    Parameters
    ----------
    folder : str or Path
        As written by `save_pretrained`.
    device : torch.device or str
        Where the model is wanted.
    dtype : torch.dtype, optional
        Floating point type to convert to; by default the weights stay float32.

    Raises
    ------
    EmgModelsError
        A file is absent, lies outside the folder, is a pickle or malformed; a key of the weights is missing, unknown,
        duplicate or of another shape or dtype; a weight is not finite; the files were not written together.
    """
    folder = Path(folder)
    header = _header(folder)
    kind, config = model_class(header["model"]), _config(header, folder)
    with open_safetensors(inside(folder, "model.safetensors")) as weights:

        def load() -> dict[str, Tensor]:
            state, digest = weights.load()
            _check_digest(header, weights.path, digest)
            check_finite(state, str(weights.path))
            return state

        model = assemble(lambda: kind(config), weights.entries, load, str(weights.path))
    return model.eval().to(device=device, dtype=dtype)


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
    return check_preprocessing(record, _config(header, folder))


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
    folder = Path(folder)
    header = _header(folder)
    return check_labels(header["labels"], _config(header, folder).n_outputs)


def _known(model: torch.nn.Module) -> EmgModel:
    """Return a model that `from_pretrained` can build again."""
    if not isinstance(model, EmgModel):
        raise EmgModelsError(f"model of type {type(model).__name__}: a model of this package is required")
    kind = model_class(type(model).__name__)
    if kind is not type(model):
        raise EmgModelsError(f"{type(model)} is not the registered {kind}; only that can be read again")
    with torch.device("meta"):
        check_state(kind(model.config), model.state_dict(), f"{kind.__name__} to save")
    return model


def _weights(model: EmgModel) -> dict[str, Tensor]:
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    check_finite(state, "weights")
    return state


def _header(folder: Path) -> dict[str, Any]:
    path = inside(folder, "config.json")
    header = parse_json(read_small(path), str(path))
    wrong = [key for key, kind in _KEYS.items() if not isinstance(header.get(key), kind)]
    if wrong or header.keys() != _KEYS.keys() or header["format"] != _FORMAT:
        raise EmgModelsError(
            f"{path}: found keys {sorted(header)}, format {header.get('format')!r}, unfitting {wrong}; "
            f"required are keys {sorted(_KEYS)} and format {_FORMAT!r}"
        )
    if not header["sha256"].keys() <= set(_VOUCHED):
        raise EmgModelsError(f"{path}: sha256 of {sorted(header['sha256'])}; only {_VOUCHED} can be vouched for")
    return header


def _config(header: Mapping[str, Any], folder: Path) -> ModelConfig:
    kind = model_class(header["model"])
    try:
        return kind.Config.from_dict(header["config"])
    except EmgModelsError as error:
        raise EmgModelsError(f"{folder / 'config.json'}: {error}") from None
    except WRONG as error:
        raise EmgModelsError(f"{folder / 'config.json'}: no {kind.Config.__name__} ({error}); save again") from error


def _companion(folder: Path, header: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read a JSON file that config.json vouches for."""
    path = inside(folder, name)
    data = read_small(path)
    _check_digest(header, path, sha256(data))
    return parse_json(data, str(path))


def _check_digest(header: Mapping[str, Any], path: Path, digest: str) -> None:
    if header["sha256"].get(path.name) != digest:
        raise EmgModelsError(
            f"{path}: SHA-256 {digest} is not the one in config.json; the files were not written together, save again"
        )
