"""The preprocessing record that travels with a model: checked against the model before it is written or used."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ._config import ModelConfig
from ._errors import EmgModelsError

__all__ = ["check_labels", "check_preprocessing"]

_KEYS = ("sfreq", "unit", "channels", "resample", "filter", "normalisation", "window")


def check_preprocessing(preprocessing: Mapping[str, Any], config: ModelConfig) -> dict[str, Any]:
    """Return `preprocessing` as a dict, after checking that it describes this model's input.

    Parameters
    ----------
    preprocessing : mapping
        ``sfreq`` (Hz), ``unit`` (of the recording), ``channels`` (distinct names, in order), ``resample`` (``method``
        and ``sfreq``), ``filter`` (``kind`` "sos" with rows of six numbers), ``normalisation`` (``kind``; "zscore" has
        ``mean`` and ``std`` > 0 per channel), ``window`` (``length`` and ``hop``, ``unit`` "samples"). ``resample``,
        ``filter`` and ``normalisation`` may be None; further keys are kept.
    config : ModelConfig
        What the model expects.

    Raises
    ------
    EmgModelsError
        A key is missing, or a value contradicts the model or itself.
    """
    missing = [key for key in _KEYS if key not in preprocessing]
    if missing:
        raise EmgModelsError(f"preprocessing lacks {missing}; {list(_KEYS)} are required, None where nothing is done")
    _require("sfreq", preprocessing["sfreq"], config.sfreq)
    _check_channels(preprocessing["channels"], config.n_chans)
    for key in ("resample", "filter", "normalisation"):
        if not isinstance(preprocessing[key], Mapping | None):
            raise EmgModelsError(f"preprocessing: {key}={preprocessing[key]!r}: an object or None is required")
    if preprocessing["resample"] is not None:
        _require("sfreq after resampling", preprocessing["resample"].get("sfreq"), config.sfreq)
    _check_filter(preprocessing["filter"])
    _check_normalisation(preprocessing["normalisation"], config.n_chans)
    _check_window(preprocessing["window"], config.n_times)
    return dict(preprocessing)


def _require(what: str, given: object, required: object) -> None:
    if given != required:
        raise EmgModelsError(
            f"preprocessing: {what} is {given!r}, the model was built for {required!r}; "
            "describe the input of this model, or build the model for that input"
        )


def _check_channels(names: object, n_chans: int) -> None:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise EmgModelsError(f"preprocessing: channels={names!r}: a list of names is required")
    if len(set(names)) != len(names):
        raise EmgModelsError(f"preprocessing: channels={names!r}: names occur twice; give each channel its own")
    _require("number of channels", len(names), n_chans)


def _check_window(window: object, n_times: int) -> None:
    if not isinstance(window, Mapping) or window.get("unit") != "samples" or not isinstance(window.get("hop"), int):
        raise EmgModelsError(f"preprocessing: window={window!r}: length and hop with unit 'samples' are required")
    _require("window length", window.get("length"), n_times)


def _check_filter(value: Mapping[str, Any] | None) -> None:
    if value is None:
        return
    sections = value.get("sos")
    rows = sections if value.get("kind") == "sos" and isinstance(sections, list | tuple) else []
    if not rows or not all(_numbers(row, 6) for row in rows):
        raise EmgModelsError(
            f"preprocessing: filter={value!r}: kind 'sos' with second-order sections of six numbers is required, "
            "or None for no filter"
        )


def _check_normalisation(value: Mapping[str, Any] | None, n_chans: int) -> None:
    if value is None or value.get("kind") != "zscore":
        return
    mean, std = value.get("mean"), value.get("std")
    if not _numbers(mean, n_chans) or not _numbers(std, n_chans) or not all(entry > 0 for entry in std or ()):
        raise EmgModelsError(
            f"preprocessing: normalisation={value!r}: a finite mean and a std > 0 for each of {n_chans} channels are "
            "required; drop a dead channel or give it std 1"
        )


def _numbers(value: object, count: int) -> bool:
    """Whether `value` is a list of `count` finite numbers."""
    if not isinstance(value, list | tuple) or len(value) != count:
        return False
    return all(isinstance(entry, int | float) and math.isfinite(entry) for entry in value)


def check_labels(labels: Sequence[str], n_outputs: int | None) -> list[str]:
    """Return `labels` as a list, one distinct name per output (none for a model without classes).

    Raises
    ------
    EmgModelsError
        The number of labels is not the number of outputs, or a label is no text or occurs twice.
    """
    names = list(labels)
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise EmgModelsError(f"labels={names!r}: distinct strings are required")
    if len(names) != (n_outputs or 0):
        raise EmgModelsError(f"{len(names)} labels given, the model has {n_outputs or 0} outputs; give one label each")
    return names
