"""The preprocessing record that travels with a model: checked against the model before it is written anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from ._config import TinyMyoConfig
from ._errors import EmgModelsError

__all__ = ["check_labels", "check_preprocessing"]

_KEYS = ("sfreq", "unit", "channels", "resample", "filter", "normalisation", "window")


def check_preprocessing(preprocessing: Mapping[str, Any], config: TinyMyoConfig) -> dict[str, Any]:
    """Return `preprocessing` as a dict, after checking that it describes this model's input.

    Parameters
    ----------
    preprocessing : mapping
        ``sfreq`` (Hz), ``unit`` (of the recording), ``channels`` (names, in order), ``resample``, ``filter`` (``kind``
        "sos" with rows of six numbers), ``normalisation`` (``kind`` "zscore" with ``mean`` and ``std`` per channel),
        ``window`` (``length`` and ``hop`` in ``unit`` "samples"). ``resample``, ``filter`` and ``normalisation`` may be
        None; further keys are kept.
    config : TinyMyoConfig
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
    _require("number of channels", len(preprocessing["channels"]), config.n_chans)
    window = preprocessing["window"]
    if not isinstance(window, Mapping) or window.get("unit") != "samples":
        raise EmgModelsError(f"preprocessing: window={window!r}: length and hop with unit 'samples' are required")
    _require("window length", window.get("length"), config.n_times)
    _check_filter(preprocessing["filter"])
    _check_normalisation(preprocessing["normalisation"], config.n_chans)
    return dict(preprocessing)


def _require(what: str, given: object, required: object) -> None:
    if given != required:
        raise EmgModelsError(
            f"preprocessing: {what} is {given!r}, the model was built for {required!r}; "
            "describe the input of this model, or build the model for that input"
        )


def _check_filter(value: Mapping[str, Any] | None) -> None:
    if value is None:
        return
    sections = value.get("sos") if value.get("kind") == "sos" else None
    if not isinstance(sections, Sequence) or not sections or any(len(row) != 6 for row in sections):
        raise EmgModelsError(
            f"preprocessing: filter={value!r}: kind 'sos' with second-order sections of six numbers is required, "
            "or None for no filter"
        )


def _check_normalisation(value: Mapping[str, Any] | None, n_chans: int) -> None:
    if value is None or value.get("kind") != "zscore":
        return
    for key in ("mean", "std"):
        if len(value.get(key, ())) != n_chans:
            raise EmgModelsError(
                f"preprocessing: normalisation {key} has {len(value.get(key, ()))} entries, "
                f"{n_chans} channels need one each"
            )
    if not all(entry > 0 for entry in value["std"]):
        raise EmgModelsError("preprocessing: a normalisation std is not > 0; drop the dead channel or use 1")


def check_labels(labels: Sequence[str], n_outputs: int | None) -> list[str]:
    """Return `labels` as a list, one distinct name per output (none for a model without classes).

    Raises
    ------
    EmgModelsError
        The number of labels is not the number of outputs, or a label is no text or occurs twice.
    """
    names = list(labels)
    if len(names) != (n_outputs or 0):
        raise EmgModelsError(f"{len(names)} labels given, the model has {n_outputs or 0} outputs; give one label each")
    if len(set(names)) != len(names) or not all(isinstance(name, str) for name in names):
        raise EmgModelsError(f"labels={names!r}: distinct strings are required")
    return names
