"""Where in a model each parameter stands, from the embedding up to the head, for every family of emg-models."""

import re

from torch import nn

from emg_distill._errors import EmgDistillError

_INPUT = frozenset(
    (
        "channel_embed", "channel_embedding", "features", "featurizer", "front", "input_norm", "mask_token", "pair",
        "patch_embed", "patch_embedding", "position", "projection", "projection_norm", "tokens",
    )
)  # fmt: skip
_OUTPUT = frozenset(("head", "heads", "regressor"))
_RECURRENT = re.compile(r"_l(\d+)(?:_reverse)?$")


def layer_depths(model: nn.Module) -> dict[str, int]:
    """Return the depth of every parameter: 0 embedding, 1 .. L layers, L + 1 what follows them.

    A parameter is told by the parts of its name. What feeds the layers (``front``, ``patch_embedding``, ``featurizer``)
    is embedding; ``head`` and ``regressor`` follow the layers. Else the members of lists of modules (``blocks.0``,
    ``trunk.3``, ``decoder.layers.1``) and the levels of an LSTM (``lstm.weight_ih_l1``) are the layers, in the order in
    which the model registers them. What has no number belongs to the layer before it, to the embedding where it comes
    before the first, and follows the layers where it comes after the last.

    Raises
    ------
    EmgDistillError
        When there is no layer at all, or nothing beside the layers: a decay by layer would then be the same everywhere.
    """
    keys = {name: _layer(name) for name, _ in model.named_parameters()}
    layers = layer_names(model)
    top, seen = len(layers) + 1, 0
    depths: dict[str, int] = {}
    for name, key in keys.items():
        if isinstance(key, str):
            depths[name] = seen = layers.index(key) + 1
        elif key is None:
            depths[name] = seen if seen < len(layers) else top
        else:
            depths[name] = key * top
    if not layers or len(set(depths.values())) == 1:
        raise EmgDistillError(
            f"{type(model).__name__} has no layers that layer-wise decay could tell apart (members of a list such as "
            "blocks.0, or levels of an LSTM): set optimizer.layer_decay=1"
        )
    return depths


def layer_names(model: nn.Module) -> list[str]:
    """Return the names of a model's layers, from the embedding up, such as ``encoder.blocks.0``."""
    keys = (_layer(name) for name, _ in model.named_parameters())
    return list(dict.fromkeys(key for key in keys if isinstance(key, str)))


def _layer(name: str) -> str | int | None:
    """Return the layer's key, 0 for embedding, 1 for what follows the layers, None for what its place decides."""
    parts = name.split(".")
    if not _OUTPUT.isdisjoint(parts):
        return 1
    if not _INPUT.isdisjoint(parts):
        return 0
    for index, part in enumerate(parts):
        if part.isdecimal():
            return ".".join(parts[: index + 1])
    found = _RECURRENT.search(name)
    return f"{name.rpartition('.')[0]}.l{found[1]}" if found else None
