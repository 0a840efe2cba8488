"""Published TinyMyo checkpoints as ready models: what a file holds is read off its keys and shapes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emg_models._errors import EmgModelsError
from emg_models._model import EmgModel
from emg_models._state import assemble, check_finite

from .config import TinyMyoConfig
from .entries import ENTRIES
from .published import read_published
from .task import TinyMyoTask

__all__ = ["describe_published", "load_published"]

HEAD_WIDTH = 64
_TASKS = {"decoder": "reconstruction", "head": "classification", "regressor": "regression"}
_PROJ = "patch_embedding.patch_embed.proj.weight"
_RELEASES = {True: "corrected (channel embedding)", False: "first (no channel embedding)"}


def describe_published(path: str | Path) -> dict[str, Any]:
    """Say what a published TinyMyo file holds, without building it.

    Returns
    -------
    dict
        ``release``, ``task`` (that of its head, "tokens" without one), ``keys`` (number of keys by part), ``dtypes``,
        and ``settings``, the fields of `TinyMyoConfig` that its shapes decide.

    Raises
    ------
    EmgModelsError
        The file is no TinyMyo checkpoint; see `read_published`.
    """
    parts = read_published(path)
    task = _task(parts, Path(path))
    return {
        "release": _RELEASES["channel_embed" in parts["encoder"]],
        "task": task,
        "keys": {part: len(state) for part, state in parts.items()},
        "dtypes": sorted({str(value.dtype) for state in parts.values() for value in state.values()}),
        "settings": _settings(parts, task, Path(path)),
    }


def load_published(
    path: str | Path,
    *,
    task: str | None = None,
    fresh_head: bool = False,
    **settings: Any,  # noqa: ANN401  fields of TinyMyoConfig
) -> EmgModel:
    """Build the model whose weights a published TinyMyo file holds, and load them: every key, or nothing.

    First and corrected release are told apart by the channel embedding; blocks, widths, channels and outputs are read
    off the shapes. A checkpoint of the first release gets the rotary embedding it was trained with (without effect);
    ``rope="corrected"`` gives it one that works, ``rope="none"`` none.

    Parameters
    ----------
    path : str or Path
        A released safetensors file or a training checkpoint with keys ``model.*``. Weights of half precision become
        float32.
    task : str, optional
        "reconstruction", "classification", "regression", "events" or "tokens"; by default that of the file's head.
        A head of another task is left out.
    fresh_head : bool
        Allow a head with new weights where the file has none for `task`: the start of fine-tuning.
    **settings
        Fields of `TinyMyoConfig` that no weight decides, ``n_times``, ``sfreq``, ``rope`` and rates before all, and
        with a fresh head ``n_chans`` and ``n_outputs``. What the weights decide may be given, but not otherwise.

    Returns
    -------
    EmgModel
        In evaluation mode.

    Raises
    ------
    EmgModelsError
        The file is no TinyMyo checkpoint, has no head for `task`, a setting contradicts its shapes, or a key is
        missing, unexpected or of another shape; the message names it.

    Notes
    -----
    The weights are CC BY-ND 4.0: they may be used and passed on as they are, changed ones may not be passed on.
    """
    path = Path(path)
    parts = read_published(path)
    own = _task(parts, path)
    wanted = own if task is None else task
    kinds = ENTRIES["tinymyo"].tasks
    if wanted not in kinds:
        raise EmgModelsError(f"task {wanted!r} is unknown; choose one of {', '.join(kinds)}")
    fresh = wanted not in {own, "tokens"}
    if fresh and not fresh_head:
        raise EmgModelsError(
            f"{path}: its head is for the task {own!r}, not {wanted!r}; leave task out, or set fresh_head=True to "
            "train a new head on its encoder"
        )
    known = _settings(parts, wanted, path)
    _check_contradictions(known, settings, path)
    model = kinds[wanted]
    config = TinyMyoConfig(**known | settings)
    return (_with_fresh_head if fresh else _complete)(model, config, parts, path).eval()


def _complete(kind: type[EmgModel], config: TinyMyoConfig, parts: Mapping[str, Any], path: Path) -> EmgModel:
    """Load every weight of the file; for the bare encoder a head of the file is left out."""
    keep = {part for part, task in _TASKS.items() if task == kind.task}
    prefix = "" if kind.task == "tokens" else "encoder."
    state = {prefix + key: _single(value) for key, value in parts["encoder"].items()}
    state |= {f"{part}.{key}": _single(value) for part in keep & set(parts) for key, value in parts[part].items()}
    check_finite(state, str(path))
    return assemble(lambda: kind(config), state, lambda: state, str(path))


def _with_fresh_head(kind: type[EmgModel], config: TinyMyoConfig, parts: Mapping[str, Any], path: Path) -> EmgModel:
    """Load the encoder of the file, checked before anything is allocated, under a head drawn anew."""
    encoder = _complete(ENTRIES["tinymyo"].tasks["tokens"], _without_outputs(config), parts, path)
    model = kind(config)
    if isinstance(model, TinyMyoTask):
        model.load_encoder(encoder)
    else:
        model.get_submodule("encoder").load_state_dict(encoder.state_dict())
    return model


def _without_outputs(config: TinyMyoConfig) -> TinyMyoConfig:
    return TinyMyoConfig(**config.to_dict() | {"n_outputs": None})


def _single(value: Tensor) -> Tensor:
    return value.float() if value.dtype in {torch.float16, torch.bfloat16} else value


def _task(parts: Mapping[str, Any], path: Path) -> str:
    """Return the task of the one head of a file."""
    found = [task for part, task in _TASKS.items() if part in parts]
    if len(found) > 1:
        raise EmgModelsError(f"{path}: heads of several tasks, {', '.join(found)}; a file with one head is required")
    return found[0] if found else "tokens"


def _settings(parts: Mapping[str, dict[str, Tensor]], task: str, path: Path) -> dict[str, Any]:
    """Return the fields of the configuration that the weights decide."""
    encoder = parts["encoder"]
    width, patch = _size(encoder, _PROJ, 0, path), _size(encoder, _PROJ, 3, path)
    if width % HEAD_WIDTH:
        raise EmgModelsError(f"{path}: tokens of width {width}; heads of width {HEAD_WIDTH} must fit, as published")
    corrected = "channel_embed" in encoder
    known = {
        "patch_size": patch,
        "embed_dim": width,
        "n_heads": width // HEAD_WIDTH,
        "n_blocks": _blocks(encoder, path),
        "mlp_ratio": _size(encoder, "blocks.0.mlp.fc1.weight", 0, path) // width,
        "channel_embedding": corrected,
    }
    if corrected:
        known["max_chans"] = _size(encoder, "channel_embed", 1, path)
    else:
        known |= {key: value for key, value in ENTRIES["tinymyo-released"].settings.items() if key not in known}
    return known | _head_settings(parts, task, width, path)


def _head_settings(parts: Mapping[str, dict[str, Tensor]], task: str, width: int, path: Path) -> dict[str, Any]:
    """Return channels and outputs where the file's head is the one that is wanted."""
    places = {"classification": ("head", "weight", "weight"), "regression": ("regressor", "0.weight", "5.weight")}
    if task not in places or places[task][0] not in parts:
        return {}
    part, first, last = places[task]
    taken = _size(parts[part], first, 1, path)
    if taken % width:
        raise EmgModelsError(f"{path}: its head takes {taken} values, no multiple of the token width {width}")
    return {"n_chans": taken // width, "n_outputs": _size(parts[part], last, 0, path)}


def _blocks(encoder: Mapping[str, Tensor], path: Path) -> int:
    found = {int(match[1]) for match in (re.match(r"blocks\.(\d{1,4})\.", key) for key in encoder) if match}
    if found != set(range(len(found))) or not found:
        raise EmgModelsError(f"{path}: blocks {sorted(found)}; blocks 0, 1, ... without a gap are required")
    return len(found)


def _size(state: Mapping[str, Tensor], key: str, axis: int, path: Path) -> int:
    if key not in state or state[key].ndim <= axis or not state[key].shape[axis]:
        found = tuple(state[key].shape) if key in state else "absent"
        raise EmgModelsError(f"{path}: key {key!r} is {found}; a TinyMyo checkpoint is required")
    return state[key].shape[axis]


def _check_contradictions(known: Mapping[str, Any], given: Mapping[str, Any], path: Path) -> None:
    free = ENTRIES["tinymyo-released"].settings.keys() - {"channel_embedding"}
    for key in known.keys() & given.keys() - free:
        if known[key] != given[key]:
            raise EmgModelsError(f"{path}: {key}={given[key]!r} contradicts the weights, which have {known[key]!r}")
    unknown = sorted(set(given) - set(TinyMyoConfig.__dataclass_fields__))
    if unknown:
        raise EmgModelsError(f"unknown settings {unknown}; fields of TinyMyoConfig are required")
