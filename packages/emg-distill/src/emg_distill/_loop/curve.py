"""curve.svg: what metrics.jsonl holds, as a picture."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emg_distill._errors import EmgDistillError
from emg_distill._files import write_file

from .svg import Panel, Series, draw_panels

_PALE, _BLUE, _ORANGE, _GREEN = "#a9c7e8", "#1f5fa8", "#d9730d", "#2e8b57"
_NO_PANEL = frozenset(("event", "epoch", "step", "train_loss", "loss"))


def draw_curve(metrics_file: str | Path, out: str | Path) -> Path:
    """Draw losses, every validation number and the learning rate over optimiser steps, and write the picture as SVG.

    Parameters
    ----------
    metrics_file
        metrics.jsonl of a run, finished or not.
    out
        Where to write; equal metrics give equal bytes. Any browser opens it.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    EmgDistillError
        When the file is absent or a line of it is no metrics.

    Examples
    --------
    >>> draw_curve("runs/teacher/metrics.jsonl", "teacher.svg")  # doctest: +SKIP
    """
    lines = _read(Path(metrics_file))
    steps = [line for line in lines if line["event"] == "step"]
    epochs = [line for line in lines if line["event"] == "epoch"]
    losses = [
        Series("training", _PALE, _points(steps, "loss")),
        Series("training, mean", _BLUE, _points(epochs, "train_loss")),
        Series("validation", _ORANGE, _points(epochs, "loss")),
    ]
    names = sorted({name for line in epochs for name in line} - _NO_PANEL)
    panels = [
        Panel("loss", [line for line in losses if line.points]),
        *(Panel(f"validation {name}", [Series(name, _ORANGE, _points(epochs, name))]) for name in names),
        Panel("learning rate", [Series("lr", _GREEN, _points(steps, "lr"))]),
    ]
    out = Path(out)
    panels = [panel for panel in panels if any(line.points for line in panel.series)]
    write_file(out, draw_panels(panels, "optimiser steps").encode())
    return out


def _points(lines: Iterable[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(float(line["step"]), float(line[name])) for line in lines if name in line]


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise EmgDistillError(f"{path} does not exist; give the metrics.jsonl of a run folder")
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
            float(line["step"])
            str(line["event"])
        except (ValueError, KeyError, TypeError) as error:
            raise EmgDistillError(f"{path}, line {number} is no line of metrics: {error!r}") from None
        lines.append(line)
    return lines
