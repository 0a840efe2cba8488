"""Published TinyMyo checkpoints, read from the user's disk: their key names, taken apart by module."""

from pathlib import Path

from torch import Tensor

from emg_models._errors import EmgModelsError
from emg_models._safetensors import read_safetensors

__all__ = ["read_published"]

_HEADS = {"model_head.decoder_pred.": "decoder", "model_head.classifier.": "head", "model_head.regressor.": "regressor"}


def read_published(path: str | Path) -> dict[str, dict[str, Tensor]]:
    """Read a published TinyMyo safetensors file.

    The published weights are CC BY-ND 4.0: they are not shipped here, and changed ones may not be passed on.

    Parameters
    ----------
    path : str or Path
        A released file; training checkpoints, whose keys start with ``model.``, are read too.

    Returns
    -------
    dict of str to dict of str to Tensor
        State dicts of the parts found: ``encoder`` always, and ``decoder``, ``head`` or ``regressor``. Load them with
        ``classifier.load_encoder(parts["encoder"])`` or ``pretrainer.decoder.load_state_dict(parts["decoder"])``.

    Raises
    ------
    EmgModelsError
        No valid safetensors file, or a file without an encoder, or one with a head of another name.
    """
    path = Path(path)
    state = read_safetensors(path)
    parts: dict[str, dict[str, Tensor]] = {"encoder": {}}
    wrapped = all(key.startswith("model.") for key in state)
    for key, value in state.items():
        part, name = _locate(key.removeprefix("model.") if wrapped else key, path)
        parts.setdefault(part, {})[name] = value
    if "mask_token" not in parts["encoder"]:
        raise EmgModelsError(f"{path}: no key 'mask_token' among {len(state)}; a TinyMyo checkpoint is required")
    return parts


def _locate(key: str, path: Path) -> tuple[str, str]:
    """Return the part a published key belongs to, and its name inside that part."""
    for prefix, part in _HEADS.items():
        if key.startswith(prefix):
            return part, key.removeprefix(prefix)
    if key.startswith("model_head."):
        raise EmgModelsError(f"{path}: the head of key {key!r} is unknown; one of {', '.join(_HEADS)} is required")
    return "encoder", key
