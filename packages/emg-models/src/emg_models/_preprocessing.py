"""The preprocessing record that travels with a model: checked against the model before it is written or used."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ._config import ModelConfig
from ._errors import EmgModelsError

__all__ = ["check_labels", "check_preprocessing"]

_KEYS = ("sfreq", "unit", "channels", "resample", "filter", "normalisation", "window")
_OPTIONAL = ("grid", "note")
_RESAMPLINGS = ("hold", "polyphase")
_NORMALISATIONS = {
    "zscore": {"mean", "std"},
    "zscore-recording": {"ddof"},
    "zscore-window": {"ddof", "eps", "over"},
    "minmax": {"low", "high", "eps", "over"},
    "scale": {"factor"},
}
_OVER = ("channel", "window")


def check_preprocessing(preprocessing: Mapping[str, Any], config: ModelConfig) -> dict[str, Any]:
    """Return `preprocessing` as a dict, after checking that it describes this model's input.

    The steps run in this order: resample, filter (so at the model's rate), cut windows, normalise, lay out the grid.

    Parameters
    ----------
    preprocessing : mapping
        All of the following keys, None where nothing is done, and no other:

        - ``sfreq``: rate of the model's input in Hz; ``unit``: of the recording's samples, such as "V".
        - ``channels``: distinct names, in the order of the model's input.
        - ``resample``: None or ``method`` ("hold" or "polyphase") and ``sfreq``.
        - ``filter``: None or ``kind`` "sos", ``sos`` (stable second-order sections b0, b1, b2, a0 = 1, a1, a2) and
          ``causal``: True for one pass forward, False for zero phase (forward and backward).
        - ``normalisation``: None or ``kind`` with its own keys: "zscore" (``mean``, ``std`` > 0 per channel, fixed),
          "zscore-recording" (``ddof``; per channel over a whole recording, so not live), "zscore-window" (``ddof``,
          ``eps`` and ``over`` "channel" or "window"), "minmax" (of a window, to ``low`` ... ``high``, with ``eps`` and
          ``over``), "scale" (``factor``).
        - ``window``: ``length`` and ``hop`` with ``unit`` "samples"; ``seconds``, the length in seconds, may be given.
        - ``grid``, for models of images and for no other: ``rows``, ``cols`` and ``places``, [row, column] of each
          channel.
        - ``note``: a text, may be left out.
    config : ModelConfig
        What the model expects.

    Raises
    ------
    EmgModelsError
        A key is missing or unknown, or a value contradicts the model or itself.
    """
    missing = [key for key in _KEYS if key not in preprocessing]
    if missing:
        raise EmgModelsError(f"preprocessing lacks {missing}; {list(_KEYS)} are required, None where nothing is done")
    unknown = sorted(set(preprocessing) - set(_KEYS) - set(_OPTIONAL))
    if unknown:
        raise EmgModelsError(f"preprocessing has unknown keys {unknown}; {[*_KEYS, *_OPTIONAL]} are known")
    _require("sfreq", preprocessing["sfreq"], config.sfreq)
    _check_texts(preprocessing)
    _check_channels(preprocessing["channels"], config.n_chans)
    _check_resample(_object(preprocessing, "resample"), config.sfreq)
    _check_filter(_object(preprocessing, "filter"))
    _check_normalisation(_object(preprocessing, "normalisation"), config.n_chans)
    _check_window(_object(preprocessing, "window"), config)
    _check_grid(_object(preprocessing, "grid"), config)
    return dict(preprocessing)


def _refuse(key: str, value: object, required: str) -> EmgModelsError:
    return EmgModelsError(f"preprocessing: {key}={_short(value)}: {required}")


def _short(value: object) -> str:
    return repr(value)[:300]


def _require(what: str, given: object, required: object) -> None:
    if given != required or isinstance(given, bool):
        raise EmgModelsError(
            f"preprocessing: {what} is {_short(given)}, the model was built for {required!r}; "
            "describe the input of this model, or build the model for that input"
        )


def _object(record: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = record.get(key)
    if not isinstance(value, Mapping | None):
        raise _refuse(key, value, "an object or None is required")
    return value


def _check_keys(key: str, value: Mapping[str, Any], required: set[str], optional: Sequence[str] = ()) -> None:
    if not required <= value.keys() <= required | set(optional):
        raise _refuse(key, value, f"exactly the keys {sorted(required)} are required")


def _check_texts(record: Mapping[str, Any]) -> None:
    if not isinstance(record["unit"], str) or not record["unit"].strip():
        raise _refuse("unit", record["unit"], "the unit of the recording's samples is required, such as 'V' or 'uV'")
    if not isinstance(record.get("note", ""), str):
        raise _refuse("note", record["note"], "a text is required")


def _check_channels(names: object, n_chans: int) -> None:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise _refuse("channels", names, "a list of names is required")
    if len(set(names)) != len(names):
        raise _refuse("channels", names, "names occur twice; give each channel its own")
    _require("number of channels", len(names), n_chans)


def _check_resample(value: Mapping[str, Any] | None, sfreq: float) -> None:
    if value is None:
        return
    _check_keys("resample", value, {"method", "sfreq"})
    if value["method"] not in _RESAMPLINGS:
        raise _refuse("resample", value, f"method must be one of {', '.join(_RESAMPLINGS)}")
    _require("sfreq after resampling", value["sfreq"], sfreq)


def _check_window(value: Mapping[str, Any] | None, config: ModelConfig) -> None:
    if value is None or value.get("unit") != "samples" or not _count(value.get("hop")):
        raise _refuse("window", value, "length and hop >= 1 with unit 'samples' are required")
    _check_keys("window", value, {"length", "hop", "unit"}, ["seconds"])
    _require("window length", value["length"], config.n_times)
    seconds = value.get("seconds", config.n_times / config.sfreq)
    if not _numbers([seconds], 1) or not math.isclose(seconds, config.n_times / config.sfreq, rel_tol=1e-9):
        raise _refuse("window", value, f"{config.n_times} samples at {config.sfreq:g} Hz last another time")


def _check_filter(value: Mapping[str, Any] | None) -> None:
    if value is None:
        return
    sections = value.get("sos")
    rows = sections if value.get("kind") == "sos" and isinstance(sections, list | tuple) else []
    if not rows or not all(_numbers(row, 6) for row in rows):
        required = "kind 'sos' with second-order sections of six numbers is required, or None for no filter"
        raise _refuse("filter", value, required)
    _check_keys("filter", value, {"kind", "causal", "sos"})
    if not isinstance(value["causal"], bool):
        raise _refuse("filter", value, "causal must be True (one pass forward) or False (zero phase, both ways)")
    for index, (_, _, _, a0, a1, a2) in enumerate(rows):
        if a0 != 1 or not abs(a2) < 1 or not abs(a1) < 1 + a2:
            required = "a0 = 1 and poles inside the unit circle are required"
            raise _refuse(f"filter section {index}", rows[index], required)


def _check_normalisation(value: Mapping[str, Any] | None, n_chans: int) -> None:
    if value is None:
        return
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _NORMALISATIONS:
        raise _refuse("normalisation", value, f"a kind out of {', '.join(_NORMALISATIONS)} is required, or None")
    _check_keys("normalisation", value, {"kind"} | _NORMALISATIONS[kind])
    if kind == "zscore":
        _check_statistics(value, n_chans)
    if value.get("over", "channel") not in _OVER:
        raise _refuse("normalisation", value, f"over must be one of {', '.join(_OVER)}")
    if value.get("ddof", 0) not in (0, 1) or isinstance(value.get("ddof"), bool):
        raise _refuse("normalisation", value, "ddof must be 0 or 1")
    numbers = [value[key] for key in ("eps", "low", "high", "factor") if key in value]
    if not _numbers(numbers, len(numbers)) or value.get("eps", 0) < 0 or value.get("factor", 1) == 0:
        raise _refuse("normalisation", value, "finite numbers are required, eps >= 0 and a factor other than 0")
    if kind == "minmax" and not value["low"] < value["high"]:
        raise _refuse("normalisation", value, "low must be below high")


def _check_statistics(value: Mapping[str, Any], n_chans: int) -> None:
    mean, std = value["mean"], value["std"]
    if not _numbers(mean, n_chans) or not _numbers(std, n_chans) or not all(entry > 0 for entry in std):
        required = f"a finite mean and a std > 0 for each of {n_chans} channels are required"
        raise _refuse("normalisation", value, f"{required}; drop a dead channel or give it std 1")


def _check_grid(value: Mapping[str, Any] | None, config: ModelConfig) -> None:
    """Demand a grid where the model sees images, and there a place of its own for every channel."""
    shape = config.input_shape if hasattr(config, "rows") else None
    if (value is None) is not (shape is None):
        wanted = f"rows, cols and places of an image {shape} are" if shape else "no image but channels in a row is"
        raise _refuse("grid", value, f"{wanted} required by this model")
    if value is None or shape is None:
        return
    _check_keys("grid", value, {"rows", "cols", "places"})
    _require("grid (rows, cols)", (value["rows"], value["cols"]), shape)
    places, (rows, cols) = value["places"], shape
    fits = isinstance(places, list | tuple) and len(places) == config.n_chans and all(_pair(place) for place in places)
    if not fits or sorted(map(tuple, places)) != [(row, col) for row in range(rows) for col in range(cols)]:
        raise _refuse("grid places", places, f"[row, column] of each of {config.n_chans} channels, each place once")


def _pair(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_count(entry, 0) for entry in value)


def _count(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _numbers(value: object, count: int) -> bool:
    """Whether `value` is a list of `count` finite numbers."""
    return isinstance(value, list | tuple) and len(value) == count and all(map(_number, value))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def check_labels(labels: Sequence[str], n_outputs: int | None) -> list[str]:
    """Return `labels` as a list, one distinct name per output (none for a model without classes).

    Raises
    ------
    EmgModelsError
        The number of labels is not the number of outputs, or a label is no text or occurs twice.
    """
    names = list(labels)
    if isinstance(labels, str) or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise EmgModelsError(f"labels={_short(names)}: distinct strings are required")
    if len(names) != (n_outputs or 0):
        raise EmgModelsError(f"{len(names)} labels given, the model has {n_outputs or 0} outputs; give one label each")
    return names
