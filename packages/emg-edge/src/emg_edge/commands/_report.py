"""``emg-edge report``: the page, and what `evaluate` measured on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

from ._outputs import check_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ._show import Result

_MEASURED = ("accuracy", "interval", "macro_f1", "correct", "n", "backend")
_ORDER = ("float", "reference", "c", "rv32")


def report(folder: Path, output: Path | None, evaluations: Sequence[Path] = ()) -> Result:
    """Write the report."""
    from emg_edge._model import load_compiled

    compiled = load_compiled(folder)
    path = output or folder / "report.html"
    if not path.name:
        raise EmgEdgeError(f"--output {str(path)!r} is no file; give the path of an HTML file")
    measured: dict[str, Any] = {}
    for evaluation in evaluations:
        for by, row in _read(evaluation, compiled.summary["hash"]).items():
            if measured.setdefault(by, row) != row:
                raise EmgEdgeError(
                    f"{evaluation}: measures {by!r} a second time, differently; give one of each backend"
                )
    if len({row["n"] for row in measured.values()}) > 1:
        counts = {by: row["n"] for by, row in measured.items()}
        raise EmgEdgeError(f"evaluations on different samples ({counts}) cannot be compared; evaluate all on the same")
    for written in (path, path.with_suffix(".json"), path.with_suffix(".csv")):
        check_output(written, folder, *evaluations)
    ordered = {by: measured[by] for by in (*_ORDER, *sorted(set(measured) - set(_ORDER))) if by in measured}
    compiled.report(path, **({"accuracy": ordered} if ordered else {}))
    files = {"report": path, "json": path.with_suffix(".json"), "csv": path.with_suffix(".csv")}
    return {kind: str(file) for kind, file in files.items()}, f"wrote {path}"


def _read(path: Path, program: str) -> dict[str, dict[str, Any]]:
    """Return what `evaluate` measured, by who computed.

    Raises
    ------
    EmgEdgeError
        The file is something else, or about another program.
    """
    try:
        found = json.loads(path.read_bytes())
        parts = [*([found["float"]] if found.get("float") is not None else []), found]
        rows = {str(part["backend"]): {key: part[key] for key in _MEASURED} for part in parts}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise EmgEdgeError(
            f"{path}: not what `emg-edge evaluate --json` prints ({type(error).__name__}: {error}); "
            "write it with that command"
        ) from error
    if found.get("hash", program) != program:
        raise EmgEdgeError(f"{path}: measured on another program than the folder's; evaluate this one")
    return rows
