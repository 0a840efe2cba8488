"""One self-contained HTML page about a compiled model, and the same facts as JSON. Equal input gives equal bytes."""

from __future__ import annotations

import platform
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ._artifact import to_json
from ._errors import EmgEdgeError
from ._files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ._model import CompiledModel
    from .plan._plan import ArenaPlan

LEFT, RIGHT, TOP, HEIGHT = 70.0, 990.0, 10.0, 300.0
COLOURS = {"activation": "#2563a8", "scratch": "#8fa3b8"}
N_WORST = 5


def write_report(compiled: CompiledModel, path: Path, facts: Mapping[str, Any]) -> Path:
    """Write the page and ``.json`` beside it; return the page's path.

    Raises
    ------
    EmgEdgeError
        When both files would be one, the place cannot be written, or the accuracy is not one.

    Parameters
    ----------
    compiled
        The model.
    path
        Of the HTML file.
    facts
        See `CompiledModel.report`.
    """
    import jinja2

    if path.suffix == ".json":
        raise EmgEdgeError(f"{path}: the page needs another suffix, best .html; the same as JSON is written beside it")
    source = (resources.files("emg_edge") / "templates" / "report.html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(source).render(page_facts(compiled, facts))
    write_whole(path, page.encode())
    write_whole(path.with_suffix(".json"), to_json(plain_facts(compiled, facts)))
    return path


def plain_facts(compiled: CompiledModel, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything on the page as JSON-able data."""
    return {
        **compiled.summary,
        "plan": compiled.plan.to_dict(compiled.program),
        "simulation": compiled.simulate() if compiled.target.cycles is not None else None,
        "facts": dict(facts),
        "reproduce": dict(reproduce(compiled, facts)),
    }


def page_facts(compiled: CompiledModel, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template mentions."""
    summary, arena = compiled.summary, compiled.plan.arena
    peak = summary["layers"][arena.peak]
    rated = sorted((r for r in summary["layers"] if r["sqnr_db"] is not None), key=lambda r: float(r["sqnr_db"]))
    return {
        "name": summary["name"],
        "hash": summary["hash"],
        "macs": summary["macs"],
        "target": compiled.target,
        "cards": cards(summary),
        "accuracy": [_accuracy(by, value) for by, value in dict(facts.get("accuracy") or {}).items()],
        "arena": {"bytes": arena.nbytes, "lower_bound": arena.lower_bound},
        "peak": {"name": peak["name"], "op": peak["op"], "bytes": arena.live[arena.peak]},
        "chart": chart(arena),
        "worst": [{"name": row["name"], "sqnr": _number(row["sqnr_db"], ".1f")} for row in rated[:N_WORST]],
        "layers": [_row(row, summary, index == arena.peak) for index, row in enumerate(summary["layers"])],
        "warnings": summary["warnings"],
        "reproduce": reproduce(compiled, facts),
    }


def cards(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the totals against their budgets."""
    found = []
    labels = {"l1": "largest tile, modelled", "l2": "activations, constants, staging", "l3": "constants"}
    for level, label in labels.items():
        used, budget = summary["memory"][level], summary["budget"][level]
        if budget:
            note = f"of {budget:,} bytes: {label}"
            found.append(_card(level.upper(), f"{used:,} B", note, 100.0 * used / budget))
    found.append(_card("Stack", f"{summary['memory']['stack']:,} B", "all cores, estimated", None))
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


def chart(arena: ArenaPlan) -> dict[str, Any]:
    """Return the coordinates of the memory map."""
    count = len(arena.live)
    step = (RIGHT - LEFT) / count
    scale = (HEIGHT - TOP) / max(arena.nbytes, 1)
    boxes = [
        {
            "x": round(LEFT + b.first * step, 2),
            "y": round(HEIGHT - b.end * scale, 2),
            "width": round((b.last - b.first + 1) * step, 2),
            "height": round((b.end - b.offset) * scale, 2),
            "fill": COLOURS[b.kind],
            "title": f"{b.name}: {b.nbytes:,} bytes at {b.offset:,}, layers {b.first} to {b.last}",
        }
        for b in arena.buffers
        if b.in_arena
    ]
    ticks = [{"y": round(HEIGHT - v * scale, 2), "label": f"{v:,}"} for v in _ticks(arena.nbytes)]
    middle = LEFT + (arena.peak + 0.5) * step
    return {
        "height": round(HEIGHT + 45),
        "base": HEIGHT,
        "step": round(step, 2),
        "boxes": boxes,
        "ticks": ticks,
        "peak_x": round(LEFT + arena.peak * step, 2),
        "peak_text": round(min(max(middle, LEFT + 120), RIGHT - 120), 2),
    }


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


def _accuracy(by: str, value: Any) -> dict[str, str]:  # noqa: ANN401  a fraction or what evaluate returned
    """Return one row of the accuracy table."""
    measured = dict(value) if isinstance(value, dict) else {"accuracy": value}
    interval = measured.get("interval")
    try:
        return {
            "by": by,
            "accuracy": f"{100 * measured['accuracy']:.2f} %",
            "interval": "" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %",
            "macro_f1": _number(measured.get("macro_f1"), ".4f"),
            "n": _number(measured.get("n"), ",d"),
        }
    except (LookupError, TypeError, ValueError) as error:
        raise EmgEdgeError(
            f"accuracy by {by!r} is {str(value)[:80]}; give a fraction or what `evaluate` returned"
        ) from error


def _row(row: Mapping[str, Any], summary: Mapping[str, Any], peak: bool) -> dict[str, Any]:
    """Return one row of the layer table."""
    total = summary["cycles"]
    return {
        "name": row["name"],
        "op": row["op"],
        "shape": " × ".join(map(str, row["shape"])),
        "macs": _number(row["macs"] or None, ",d"),
        "cycles": _number(row["cycles"], ",d"),
        "share": None if total is None else 100.0 * row["cycles"] / max(r["cycles"] for r in summary["layers"]),
        "energy": _number(row["energy_uj"], ",.2f"),
        "sqnr": _number(row["sqnr_db"], ".1f"),
        "peak": peak,
    }


def _ticks(top: int) -> list[int]:
    """Return round numbers of bytes from 0 to ``top``, five or so."""
    raw = max(top, 1) / 5
    power = 10 ** int(np.floor(np.log10(raw)))
    step = max(next((int(m * power) for m in (1, 2, 5, 10) if m * power >= raw), 1), 1)
    return list(range(0, top + 1, step))


def _number(value: float | None, spec: str) -> str:
    return "" if value is None else format(value, spec)
