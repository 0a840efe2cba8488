"""The README card of a model folder, in the form of the Hub: what the folder holds as facts, no claim beside them."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from ._costs import Costs, count_costs
from ._errors import EmgModelsError
from ._model import EmgModel

__all__ = ["model_card"]

_HUB_TASKS = {"classification": "time-series-classification", "reconstruction": "time-series-reconstruction"}
_LOADING = """\
## Loading

```python
from emg_models import from_pretrained

model = from_pretrained("path/of/folder")
```"""
_CONDITIONS = {"seed", "split_seed", "n", "fold"}


def model_card(
    model: EmgModel,
    preprocessing: Mapping[str, Any],
    labels: Sequence[str],
    evaluation: Mapping[str, Any] | None,
    licence: str | None = None,
) -> str:
    """Return Markdown with a YAML header: the network, its costs, its input, its outputs and what was measured.

    Text from outside (labels, channels, conditions) stands in code spans and quoted scalars, out of which it cannot
    break.

    Raises
    ------
    EmgModelsError
        The licence is no identifier of the Hub.
    """
    metrics, conditions = _measured(evaluation)
    title = f"{type(model).__name__}, {model.config.n_chans} channels × {model.config.n_times} samples"
    parts = [
        _front_matter(title, model.task, metrics, conditions, licence),
        f"# {title}",
        _first_paragraph(type(model)),
        "An sEMG network saved by the Python package emg-models; config.json holds every field of its configuration.",
        _section("Network", _network_rows(model, _costs(model))),
        _section("Input", _input_rows(model, preprocessing)),
        _section("Outputs", _output_rows(model, labels)),
        _section("Measured", [(key, str(value)) for key, value in metrics.items()]),
        _section("Conditions of these numbers", [(key, str(value)) for key, value in conditions.items()]),
        _list("Use and limits", _limits(model, preprocessing, evaluation, licence)),
        _LOADING,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _first_paragraph(model: type[EmgModel]) -> str:
    """Say what the network is, a reconstruction for example, as its class does."""
    return " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split())


def _costs(model: EmgModel) -> Costs:
    with torch.device("meta"):
        return count_costs(type(model)(model.config))


def _measured(evaluation: Mapping[str, Any] | None) -> tuple[dict[str, float], dict[str, Any]]:
    """Tell measured numbers from how they came about; long records stay in eval.json."""
    values = dict(evaluation or {})
    nested = values.pop("metrics", None)
    if isinstance(nested, Mapping):
        metrics = {str(key): value for key, value in nested.items() if _is_number(value)}
    else:
        metrics = {key: value for key, value in values.items() if _is_number(value) and key not in _CONDITIONS}
    rest = {key: value for key, value in values.items() if key not in metrics or isinstance(nested, Mapping)}
    return metrics, {key: value for key, value in rest.items() if isinstance(value, str | int | float)}


def _front_matter(
    title: str, task: str, metrics: Mapping[str, float], conditions: Mapping[str, Any], licence: str | None
) -> str:
    if licence is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.\-]{0,63}", licence):
        raise EmgModelsError(f"licence={licence!r}: an identifier of the Hub is required, such as 'apache-2.0'")
    lines = ["---", "library_name: emg-models", *([f"license: {licence}"] if licence else [])]
    lines += ["tags:", "- emg", "- semg", "- electromyography", f"- {task}"]
    if metrics:
        lines += [
            "metrics:",
            *(f"- {_scalar(key)}" for key in metrics),
            *_model_index(title, task, metrics, conditions),
        ]
    return "\n".join([*lines, "---"])


def _model_index(title: str, task: str, metrics: Mapping[str, float], conditions: Mapping[str, Any]) -> list[str]:
    dataset = _scalar(str(conditions.get("dataset", conditions.get("protocol", "not stated"))))
    lines = ["model-index:", f"- name: {_scalar(title)}", "  results:", "  - task:"]
    lines += [
        f"      type: {_HUB_TASKS.get(task, task)}",
        "    dataset:",
        f"      name: {dataset}",
        f"      type: {dataset}",
    ]
    if "part" in conditions:
        lines.append(f"      split: {_scalar(str(conditions['part']))}")
    lines.append("    metrics:")
    for key, value in metrics.items():
        lines += [f"    - type: {_scalar(key)}", f"      value: {value!r}"]
    return lines


def _network_rows(model: EmgModel, costs: Costs) -> list[tuple[str, str]]:
    rows = [
        ("class", type(model).__name__),
        ("task", model.task),
        ("parameters", f"{costs.parameters:,}"),
        ("multiply-accumulates per input", f"{costs.macs:,}"),
        ("activations per input", f"{costs.activations:,}"),
        ("input of one example", " × ".join(map(str, model.config.input_shape))),
        ("output of one example", " × ".join(map(str, model.output_shape))),
    ]
    return [row for row in rows if row[1] != "0"]


def _input_rows(model: EmgModel, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    window, resample, grid = record["window"], record["resample"], record.get("grid")
    seconds = model.config.n_times / model.config.sfreq
    rows = [
        ("rate", f"{model.config.sfreq:g} Hz"),
        ("window", f"{window['length']} samples ({seconds:g} s), every {window['hop']}"),
        ("recorded in", record["unit"]),
        ("resampling", "none" if resample is None else f"{resample['method']} to {resample['sfreq']:g} Hz"),
        ("filter", _filter(record["filter"])),
        ("normalisation", "none" if record["normalisation"] is None else record["normalisation"]["kind"]),
        *([("grid", f"{grid['rows']} × {grid['cols']}")] if grid else []),
        ("channels, in order", ", ".join(record["channels"])),
        *([("note", record["note"])] if "note" in record else []),
    ]
    return [*rows, ("all of it", "preprocessing.json")]


def _filter(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "none"
    kind = "causal" if value["causal"] else "zero phase (forward and backward)"
    return f"{len(value['sos'])} second-order sections, {kind}"


def _output_rows(model: EmgModel, labels: Sequence[str]) -> list[tuple[str, str]]:
    return [(str(index), label) for index, label in enumerate(labels)] or [(model.output, "no labels")]


def _limits(
    model: EmgModel, record: Mapping[str, Any], evaluation: Mapping[str, Any] | None, licence: str | None
) -> Iterable[str]:
    config = model.config
    yield (
        f"Made for {config.n_chans} channels at {config.sfreq:g} Hz in the order and with the preprocessing above; for "
        "any other input no number here holds."
    )
    if record["filter"] is not None and not record["filter"]["causal"]:
        yield "The filter looks ahead, so the numbers are not those of a live system."
    if record["normalisation"] is not None and record["normalisation"]["kind"] == "zscore-recording":
        yield "The normalisation needs the whole recording, so the numbers are not those of a live system."
    yield (
        "Nothing was measured on these weights; they may be untrained."
        if evaluation is None
        else "What is known of its quality is what is listed above and in eval.json, under those conditions alone."
    )
    if licence is None:
        yield "The terms of the weights are not stated here; ask who trained them."


def _section(heading: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    lines = [f"| {_code(name)} | {_code(value)} |" for name, value in rows]
    return "\n".join([f"## {heading}", "", "| | |", "|---|---|", *lines])


def _list(heading: str, items: Iterable[str]) -> str:
    return "\n".join([f"## {heading}", "", *(f"- {item}" for item in items)])


def _code(text: str) -> str:
    """Return a code span for a table cell: nothing inside is markup, whatever it holds."""
    text = "".join(char if char.isprintable() and char != "|" else f"\\x{ord(char):x}" for char in text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text[:1] in {"`", ""} or text[-1:] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def _scalar(text: str) -> str:
    """Return a double-quoted YAML scalar on one line."""
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
