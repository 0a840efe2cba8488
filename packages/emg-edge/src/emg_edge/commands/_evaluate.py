"""``emg-edge evaluate``: accuracy of the integers, beside that of the float model where asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

from ._show import plain, table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ._show import Result


def evaluate(folder: Path, data: Path, labels: Path, backend: str, model: Path | None = None) -> Result:
    """Measure accuracy."""
    from emg_edge._arrays import by_input, load_npz
    from emg_edge._model import load_compiled
    from emg_edge.execute._evaluate import check_labels

    compiled = load_compiled(folder)
    x = by_input(load_npz(data), compiled.program.inputs, str(data))
    n = len(next(iter(compiled.quantise(x, str(data)).values())))
    classes = compiled.program.tensors[compiled.program.outputs[0]].size
    y = check_labels(_labels(labels), n, classes, f"{labels}: labels")
    found = compiled.evaluate(x, y, backend, model=model)
    result = {**found, "hash": compiled.summary["hash"]}
    if model is None:
        return plain(result), f"accuracy {' '.join(_row(found)[1:3])} on {found['n']} samples by {backend}"
    title = f"{found['n']} samples: {found['points_lost']:+.2f} points lost by integers"
    columns = ["computed by", "accuracy", "95 %", "macro F1"]
    return plain(result), table(title, columns, [_row(found["float"]), _row(found)])


def _row(found: dict[str, Any]) -> list[str]:
    low, high = found["interval"]
    measured = [f"{found['accuracy']:.4f}", f"({low:.4f} to {high:.4f})", f"{found['macro_f1']:.4f}"]
    return [str(found["backend"]), *measured]


def _labels(path: Path) -> NDArray[Any]:
    """Return the one array of a file."""
    from emg_edge._arrays import load_npz

    arrays = load_npz(path)
    if len(arrays) != 1:
        raise EmgEdgeError(f"{path} holds {sorted(arrays)}; need exactly one array, the class numbers")
    return next(iter(arrays.values()))
