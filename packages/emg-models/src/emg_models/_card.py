"""The README card of a model folder."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ._costs import count_parameters
from ._model import EmgModel

__all__ = ["model_card"]


def model_card(
    model: EmgModel,
    preprocessing: Mapping[str, Any],
    labels: Sequence[str],
    evaluation: Mapping[str, Any] | None,
) -> str:
    """Return Markdown with a YAML header: the network, its input, its outputs and what was measured.

    Nothing is claimed that the arguments do not hold; the licence of the weights is for who trained them to add.
    """
    config = model.config
    title = f"{type(model).__name__}, {config.n_chans} channels × {config.n_times} samples"
    metrics = {key: value for key, value in (evaluation or {}).items() if _is_number(value)}
    parts = [
        _front_matter(metrics),
        f"# {title}",
        f"{count_parameters(model):,} parameters, task {model.task}.",
        _input_section(config.n_times, preprocessing),
        _list_section("Outputs", [f"{index}: {label}" for index, label in enumerate(labels)]),
        _list_section("Measured", [f"{key}: {value}" for key, value in metrics.items()]),
        "## Use",
        '```python\nfrom emg_models import from_pretrained\n\nmodel = from_pretrained("path/of/this/folder")\n```',
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(metrics: Mapping[str, float]) -> str:
    """YAML whose scalars are JSON, which YAML contains: no text can break out."""
    lines = ["---", "library_name: emg-models", "tags:", "- emg", "- semg"]
    if metrics:
        lines += ["metrics:", *(f"- {json.dumps(key)}" for key in metrics)]
    return "\n".join([*lines, "---"])


def _input_section(n_times: int, preprocessing: Mapping[str, Any]) -> str:
    sfreq = float(preprocessing["sfreq"])
    steps = [key for key in ("resample", "filter", "normalisation") if preprocessing[key] is not None]
    return (
        f"## Input\n\nfloat32 windows (batch, channels, time) of {n_times} samples at {sfreq:g} Hz "
        f"({n_times / sfreq:g} s), recorded in {preprocessing['unit']}; before the network: "
        f"{', '.join(steps) or 'nothing'} (preprocessing.json).\n\n"
        f"Channels, in order: {', '.join(map(str, preprocessing['channels']))}."
    )


def _list_section(heading: str, items: Sequence[str]) -> str:
    return "\n".join([f"## {heading}", "", *(f"- {item}" for item in items)]) if items else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
