"""Every model by name: how to build it, where it comes from, under which terms."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ._config import TinyMyoConfig
from ._errors import EmgModelsError
from ._heads import TinyMyoClassifier
from ._macs import count_macs, count_parameters
from ._tinymyo import TinyMyoEncoder

__all__ = ["REGISTRY", "ModelEntry", "create_model", "list_models", "model_info"]


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One row of the registry.

    Parameters
    ----------
    summary, source, licence : str
        What it is, the paper or code it follows, the terms of code and published weights.
    build : callable
        Takes ``n_chans, n_times, n_outputs, sfreq`` and overrides; ``n_outputs=None`` gives the bare encoder.
    settings : mapping
        Overrides that make this row differ from the defaults of `build`.
    positional : bool
        Whether the order of patches in time reaches the output.
    """

    summary: str
    source: str
    licence: str
    build: Callable[..., nn.Module]
    settings: Mapping[str, Any]
    positional: bool = True


def _tinymyo(**arguments: Any) -> nn.Module:  # noqa: ANN401  fields of the config
    known = {field.name for field in dataclasses.fields(TinyMyoConfig)}
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise EmgModelsError(f"unknown settings {unknown}; TinyMyoConfig knows {sorted(known)}")
    config = TinyMyoConfig(**arguments)
    return TinyMyoEncoder(config) if config.n_outputs is None else TinyMyoClassifier(config)


_LICENCE = "Apache-2.0 (code); published weights CC BY-ND 4.0, not shipped"

REGISTRY: dict[str, ModelEntry] = {
    "tinymyo": ModelEntry(
        summary="TinyMyo, 8 blocks, rotary position per channel and channel embedding working as meant",
        source="arXiv 2512.15729, corrected code release of 2026",
        licence=_LICENCE,
        build=_tinymyo,
        settings={},
    ),
    "tinymyo-released": ModelEntry(
        summary="TinyMyo as first released: rotary position without effect, no channel embedding",
        source="arXiv 2512.15729 v1/v2, first code release",
        licence=_LICENCE,
        build=_tinymyo,
        settings={"rope": "released", "channel_embedding": False, "attn_dropout": 0.1},
        positional=False,
    ),
    "tinyissimomyo": ModelEntry(
        summary="TinyissimoMyo: TinyMyo (corrected) with 4 blocks",
        source="configuration in the code release of arXiv 2512.15729",
        licence=_LICENCE,
        build=_tinymyo,
        settings={"n_blocks": 4},
    ),
}


def list_models() -> list[str]:
    """Return the names `create_model` knows, sorted."""
    return sorted(REGISTRY)


def create_model(
    name: str,
    *,
    n_chans: int,
    n_times: int,
    n_outputs: int,
    sfreq: float,
    **overrides: Any,  # noqa: ANN401  fields of the model's config
) -> nn.Module:
    """Build a classifier with fresh weights, drawn from torch's global generator.

    Parameters
    ----------
    name : str
        One of `list_models`.
    n_chans, n_times : int
        Shape of a window: channels and samples.
    n_outputs : int
        Classes.
    sfreq : float
        Sampling rate in Hz.
    **overrides
        Fields of the model's configuration, such as ``n_blocks=2``.

    Returns
    -------
    Module
        Maps (B, n_chans, n_times) to logits (B, n_outputs).

    Raises
    ------
    EmgModelsError
        The name or a setting is unknown, or a value does not fit.
    """
    return _build(name, {"n_chans": n_chans, "n_times": n_times, "n_outputs": n_outputs, "sfreq": sfreq} | overrides)


def model_info(name: str, n_chans: int = 16, n_times: int = 1000, n_outputs: int | None = None) -> dict[str, Any]:
    """Describe a model without allocating it.

    Parameters
    ----------
    name : str
        One of `list_models`.
    n_chans, n_times : int
        Shape of a window: channels and samples.
    n_outputs : int, optional
        Classes; None describes the bare encoder.

    Returns
    -------
    dict
        ``name``, ``parameters``, ``macs`` (multiply-accumulates per window), ``source``, ``licence``, ``summary``, and
        the three sizes as given.

    Raises
    ------
    EmgModelsError
        The name is unknown, or a value does not fit.
    """
    with torch.device("meta"):
        model = _build(name, {"n_chans": n_chans, "n_times": n_times, "n_outputs": n_outputs})
        macs = count_macs(model, n_chans, n_times)
    entry = REGISTRY[name]
    return {
        "name": name,
        "parameters": count_parameters(model),
        "macs": macs,
        "source": entry.source,
        "licence": entry.licence,
        "summary": entry.summary,
        "n_chans": n_chans,
        "n_times": n_times,
        "n_outputs": n_outputs,
    }


def _build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    if name not in REGISTRY:
        raise EmgModelsError(f"model {name!r} is unknown; choose one of {', '.join(list_models())}")
    entry = REGISTRY[name]
    return entry.build(**(dict(entry.settings) | dict(arguments)))
