"""What ``layers.json`` must hold before anybody relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import EmgEdgeError
from ._serialise import program_hash
from .targets import get_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .program._program import Program

_LEVELS = {"l1", "l2", "l3"}


def _number(value: Any) -> bool:  # noqa: ANN401  whatever JSON can hold
    return type(value) in {int, float}


def _numbers_or_none(value: Any, *names: str) -> bool:  # noqa: ANN401
    return all(name in value and (value[name] is None or _number(value[name])) for name in names)


def _bytes(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and all(type(item) is int and 0 <= item < 2**48 for item in value.values())


def _row(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str) for name in ("name", "op"))
        and isinstance(value.get("shape"), list)
        and type(value.get("macs")) is int
        and _numbers_or_none(value, "cycles", "energy_uj", "sqnr_db")
    )


def _ranked(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str) for name in ("layer", "what", "now", "then", "advice"))
        and all(_number(value.get(name)) for name in ("gain_db", "removed", "nbytes"))
        and _numbers_or_none(value, "cycles")
    )


_RULES: dict[str, Callable[[Any], bool]] = {
    "budgets": lambda value: _bytes(value) and set(value) <= _LEVELS,
    "layers": lambda value: isinstance(value, list) and all(_row(row) for row in value),
    "memory": lambda value: _bytes(value) and {*_LEVELS, "stack"} <= set(value),
    "target": lambda value: isinstance(value, str),
    "warnings": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "worst": lambda value: isinstance(value, list),
}


def check_ranking(rows: Any, path: Path) -> list[dict[str, Any]]:  # noqa: ANN401  whatever JSON holds
    """Return what changes of precision would do.

    Raises
    ------
    EmgEdgeError
        When the rows are not what `quantize_model` writes.
    """
    if not isinstance(rows, list) or not all(_ranked(row) for row in rows):
        raise EmgEdgeError(f"{path}: its ranked layers are not as `emg-edge quantize` writes them; quantize again")
    return rows


def check_summary(summary: Any, program: Program, path: Path) -> Mapping[str, Any]:  # noqa: ANN401  whatever JSON holds
    """Return the summary of a compiled model.

    Parameters
    ----------
    summary
        Parsed ``layers.json``.
    program
        That it must describe.
    path
        For messages.

    Raises
    ------
    EmgEdgeError
        Naming the entry that is missing or not what `compile_model` writes.
    """
    if not isinstance(summary, dict) or not set(_RULES) <= set(summary):
        raise EmgEdgeError(f"{path} lacks {sorted(_RULES)}; compile the model again")
    wrong = [name for name, rule in _RULES.items() if not rule(summary[name])]
    if wrong or [row["name"] for row in summary["layers"]] != [op.name for op in program.ops]:
        raise EmgEdgeError(
            f"{path}: {wrong or ['layers']} not as `emg-edge compile` writes them; compile the model again"
        )
    if summary.get("hash") != program_hash(program):
        raise EmgEdgeError(f"{path} describes another program than program.json; compile the model again")
    check_ranking(summary.get("ranking", []), path)
    get_target(summary["target"]).with_budgets(summary["budgets"])
    return summary
