"""What an operation of the float IR is: a shape rule and its function in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ._graph import Node

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One legal operation.

    Parameters
    ----------
    group
        ``"unary"``, ``"binary"``, ``"movement"``, ``"product"``, ``"normalise"``, ``"reduce"``, ``"recurrent"``,
        ``"pool"`` for what the importer writes; ``"canonical"`` for what becomes one integer operator.
    shape
        From the inputs' shapes and the node to the output's shape; raises ValueError on what does not fit.
    run
        From the node and arrays with a leading sample axis (1 for constants) to the output with one.
    """

    group: str
    shape: Callable[[list[Shape], Node], Shape]
    run: Callable[[Node, list[NDArray[Any]]], NDArray[Any]]


def need(holds: bool, message: str) -> None:
    """Raise ValueError unless ``holds``: a shape rule's complaint."""
    if not holds:
        raise ValueError(message)
