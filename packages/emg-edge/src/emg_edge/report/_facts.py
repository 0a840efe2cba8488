"""What is said about a compiled model: totals, layers, accuracy, and how to make it again."""

from __future__ import annotations

import csv
import io
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emg_edge._model import CompiledModel
    from emg_edge.plan._tiles import Tiling


COLUMNS = ("name", "op", "shape", "macs", "cycles", "energy_uj", "sqnr_db", "saturated")


def plain_facts(compiled: CompiledModel, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything on the page as JSON-able data."""
    return {
        **compiled.summary,
        "plan": compiled.plan.to_dict(compiled.program),
        "simulation": compiled.simulate() if compiled.target.cycles is not None else None,
        "facts": dict(facts),
        "reproduce": dict(reproduce(compiled, facts)),
    }


def layer_csv(summary: Mapping[str, Any]) -> bytes:
    """Return one row per layer, with a head, as RFC 4180 has it; absent figures are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in summary["layers"]:
        cells = {**row, "shape": "x".join(map(str, row["shape"]))}
        writer.writerow(["" if cells[name] is None else cells[name] for name in COLUMNS])
    return text.getvalue().encode()


def cards(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the totals against their budgets."""
    found = []
    labels = {"l1": "largest tile, modelled", "l2": "activations, constants, staging", "l3": "constants"}
    for level, label in labels.items():
        used, budget = summary["memory"][level], summary["budget"][level]
        if budget:
            note = f"of {budget:,} bytes: {label}"
            found.append(_card(level.upper(), f"{used:,} B", note, 100.0 * used / budget))
    found.append(_card("Stack", f"{summary['memory']['stack']:,} B", "one core, from the compiler's frames", None))
    interval = summary["interval"]
    if summary["cycles"] is not None:
        found.append(_card("Cycles", f"{summary['cycles']:,}", "modelled", None))
    if summary["latency_ms"] is not None:
        low, high = interval["latency_ms"]
        found.append(_card("Latency", f"{summary['latency_ms']:.3g} ms", f"modelled, {low:.3g} to {high:.3g}", None))
    if summary["energy_mj"] is not None:
        low, high = interval["energy_mj"]
        found.append(_card("Energy", f"{summary['energy_mj']:.3g} mJ", f"modelled, {low:.3g} to {high:.3g}", None))
    return found


def reproduce(compiled: CompiledModel, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return versions, hash, command and whatever else the caller wants kept."""
    versions = {name: metadata.version(name) for name in ("emg-edge", "onnx")}
    rows = {
        **{key: value for key, value in sorted(compiled.program.metadata.items()) if len(value) <= 200},
        **{str(key): str(value) for key, value in sorted(facts.items()) if key != "accuracy"},
        "program": compiled.summary["hash"],
        "target": compiled.summary["target"],
        "budgets": str(compiled.summary["budgets"] or "the target's"),
        **versions,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    return list(rows.items())


def _card(title: str, value: str, note: str, share: float | None) -> dict[str, Any]:
    return {"title": title, "value": value, "note": note, "share": None if share is None else min(share, 100.0)}


def accuracy_row(by: str, value: Any) -> dict[str, str]:  # noqa: ANN401  a fraction or what evaluate returned
    """Return one row of the accuracy table."""
    measured = dict(value) if isinstance(value, dict) else {"accuracy": value}
    interval = measured.get("interval")
    try:
        return {
            "by": by,
            "accuracy": f"{100 * measured['accuracy']:.2f} %",
            "interval": "" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %",
            "macro_f1": number(measured.get("macro_f1"), ".4f"),
            "n": number(measured.get("n"), ",d"),
        }
    except (LookupError, TypeError, ValueError) as error:
        raise EmgEdgeError(
            f"accuracy by {by!r} is {str(value)[:80]}; give a fraction or what `evaluate` returned"
        ) from error


def layer_row(
    row: Mapping[str, Any], summary: Mapping[str, Any], peak: bool, cut: Tiling | None = None
) -> dict[str, Any]:
    """Return one row of the layer table."""
    total = summary["cycles"]
    return {
        "name": row["name"],
        "op": row["op"],
        "shape": " × ".join(map(str, row["shape"])),
        "macs": number(row["macs"] or None, ",d"),
        "tiles": number(None if cut is None else cut.tiles, ",d"),
        "cycles": number(row["cycles"], ",d"),
        "share": None if total is None else 100.0 * row["cycles"] / max(r["cycles"] for r in summary["layers"]),
        "energy": number(row["energy_uj"], ",.2f"),
        "sqnr": number(row["sqnr_db"], ".1f"),
        "saturated": number(row["saturated"], ".2%"),
        "peak": peak,
    }


def number(value: float | None, spec: str) -> str:
    """Return a figure in that format, or nothing where there is none."""
    return "" if value is None else format(value, spec)
