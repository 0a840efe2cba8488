"""The table of targets: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError

from .gap9 import GAP9
from .host import HOST
from .pulp_open import PULP_OPEN
from .rv32 import RV32

if TYPE_CHECKING:
    from ._target import Target

TARGETS: dict[str, Target] = {target.name: target for target in (HOST, RV32, PULP_OPEN, GAP9)}


def get_target(name: str) -> Target:
    """Return a target by name.

    Raises
    ------
    EmgEdgeError
        When there is none of that name.
    """
    if name not in TARGETS:
        raise EmgEdgeError(f"target {name!r} is not known; choose one of {', '.join(TARGETS)}")
    return TARGETS[name]
