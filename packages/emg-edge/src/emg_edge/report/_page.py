"""One self-contained HTML page about a compiled model, facts as JSON, layers as CSV; equal input, equal bytes."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from emg_edge._artifact import to_json
from emg_edge._errors import EmgEdgeError
from emg_edge._files import write_all

from ._charts import histogram, memory_map
from ._facts import accuracy_row, cards, layer_csv, layer_row, number, plain_facts, reproduce
from ._streaming import ranked_rows, stream_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emg_edge._model import CompiledModel


def write_report(compiled: CompiledModel, path: Path, facts: Mapping[str, Any]) -> Path:
    """Write the page, and ``.json`` and ``.csv`` beside it; return the page's path.

    Raises
    ------
    EmgEdgeError
        When two files would be one, the place cannot be written, the accuracy is not one, or the summary was forged.

    Parameters
    ----------
    compiled
        The model.
    path
        Of the HTML file.
    facts
        See `CompiledModel.report`.
    """
    if path.suffix in {".json", ".csv"}:
        raise EmgEdgeError(
            f"{path}: the page needs another suffix, best .html; the same as JSON and CSV is written beside it"
        )
    try:
        contents = _contents(compiled, facts)
    except EmgEdgeError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise EmgEdgeError(
            f"{compiled.folder / 'layers.json'} is not as `emg-edge compile` writes it "
            f"({type(error).__name__}: {error}); compile the model again"
        ) from error
    write_all({path.with_suffix(suffix) if suffix else path: content for suffix, content in contents.items()})
    return path


def _contents(compiled: CompiledModel, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the page under ``""`` and what lies beside it by suffix."""
    import jinja2

    source = (resources.files("emg_edge.report") / "report.html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(source).render(page_facts(compiled, facts))
    as_json, as_csv = to_json(plain_facts(compiled, facts)), layer_csv(compiled.summary)
    return {"": page.encode(), ".json": as_json, ".csv": as_csv}


def page_facts(compiled: CompiledModel, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template mentions."""
    summary, plan = compiled.summary, compiled.plan
    arena = plan.arena
    peak = summary["layers"][arena.peak]
    return {
        "name": summary["name"],
        "hash": summary["hash"],
        "macs": summary["macs"],
        "target": compiled.target,
        "cards": cards(summary),
        "accuracy": [accuracy_row(by, value) for by, value in dict(facts.get("accuracy") or {}).items()],
        "arena": {"bytes": arena.nbytes, "lower_bound": arena.lower_bound},
        "peak": {"name": peak["name"], "op": peak["op"], "bytes": arena.live[arena.peak]},
        "chart": memory_map(arena),
        "worst": [_worst(row) for row in summary["worst"]],
        "stream": stream_rows(summary.get("frontend")),
        "ranking": ranked_rows(summary.get("ranking", [])),
        "tiled": bool(plan.tiles),
        "layers": [
            layer_row(row, summary, index == arena.peak, plan.tiles.get(row["name"]))
            for index, row in enumerate(summary["layers"])
        ],
        "warnings": summary["warnings"],
        "reproduce": reproduce(compiled, facts),
    }


def _worst(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of the worst layers with its histograms drawn."""
    return {
        "name": row["name"],
        "op": row["op"],
        "sqnr": number(row["sqnr_db"], ".1f"),
        "saturated": number(row["saturated"], ".2%"),
        "histograms": [histogram(facts) for facts in row["histograms"]],
    }
