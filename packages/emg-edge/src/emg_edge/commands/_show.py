"""How results look: tables for people, plain data for machines, and a sign of life while they wait."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    Result = tuple[dict[str, Any], Any]

_LEFT = {"layer", "op", "shape", "what", "change", "advice"}


def waiting() -> AbstractContextManager[Any]:
    """Show on stderr, where that is a terminal, that something is going on."""
    from rich.console import Console

    return Console(stderr=True).status("working")


def show(renderable: Any) -> None:  # noqa: ANN401  whatever rich prints
    """Print for people."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    with console.capture() as captured:
        console.print(Text(renderable) if isinstance(renderable, str) else renderable, highlight=False)
    sys.stdout.write(captured.get())


def table(title: str, columns: list[str], rows: list[list[str]], caption: str = "") -> Any:  # noqa: ANN401  a rich table
    """Return a table whose cells are printed as they are."""
    from rich.table import Table
    from rich.text import Text

    found = Table(title=Text(title), caption=Text(caption), title_justify="left", caption_justify="left")
    for column in columns:
        found.add_column(column, justify="left" if column in _LEFT else "right")
    for row in rows:
        found.add_row(*(Text(cell) for cell in row))
    return found


def number(value: float | None, spec: str) -> str:
    """Return a figure in that format, or a dash where there is none."""
    return "-" if value is None else format(value, spec)


def extents(shape: Iterable[int]) -> str:
    """Return a shape for people."""
    return " x ".join(map(str, shape))


def time_and_energy(facts: Mapping[str, Any]) -> str:
    """Return modelled latency and energy where there are any."""
    if facts["latency_ms"] is None:
        return ""
    energy = "" if facts["energy_mj"] is None else f", {facts['energy_mj']:.3g} mJ"
    return f", {facts['latency_ms']:.3g} ms{energy} (modelled)"


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return the same through JSON, so that numbers that are not finite become null."""
    from emg_edge._artifact import to_json

    found: dict[str, Any] = json.loads(to_json(value))
    return found
