"""The table of legal operations, one file a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    _arithmetic,
    _attention,
    _convolution,
    _copies,
    _elementwise,
    _functions,
    _logic,
    _movement,
    _normalise,
    _pool,
    _products,
    _quantised,
    _recurrent,
    _reduce,
    _rows,
)

if TYPE_CHECKING:
    from emg_edge.graph._operation import Operation


_FAMILIES = (
    _arithmetic,
    _attention,
    _convolution,
    _copies,
    _elementwise,
    _functions,
    _logic,
    _movement,
    _normalise,
    _pool,
    _products,
    _quantised,
    _recurrent,
    _reduce,
    _rows,
)

OPERATIONS: dict[str, Operation] = {
    name: operation for family in _FAMILIES for name, operation in family.OPERATIONS.items()
}


def _group(name: str) -> frozenset[str]:
    return frozenset(op for op, operation in OPERATIONS.items() if operation.group == name)


UNARY, BINARY, MOVEMENT, CANONICAL = (_group(name) for name in ("unary", "binary", "movement", "canonical"))
PADDING = _group("padding")
