"""Which memory of the target holds what: activations in L2, constants in L2 or L3, tiles in L1; or why it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from emg_edge._errors import BudgetError

from ._advice import lighter_weights, too_many_activations
from ._constants import Constant, Placement, distinct, structures
from ._plan import ArenaPlan, plan_arena
from ._stack import stack_bytes
from ._tiles import tile

if TYPE_CHECKING:
    from emg_edge.program._program import Program
    from emg_edge.targets import Target

    from ._tiles import Tiling


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Bytes per memory of the target.

    Parameters
    ----------
    arena
        Offsets of activations and scratch.
    constants
        Every distinct table and its memory.
    used
        Bytes by memory: ``l1`` is the largest modelled tile, ``l2`` arena, caller's buffers, constants and staging,
        ``l3`` the rest of the constants.
    budget
        Bytes by memory that the target offers; 0 where it has none.
    stack
        Bytes of stack that one run needs, on one core.
    staging
        Bytes of L2 in which constants from L3 will pass by; no object of the emitted C yet.
    tiles
        How each layer is cut for L1, by layer; empty where the target has none.
    state
        Bytes of the streaming front end's memory, in ``l2``.
    """

    arena: ArenaPlan
    constants: tuple[Constant, ...]
    used: dict[str, int]
    budget: dict[str, int]
    stack: int
    state: int = 0
    staging: int = 0
    tiles: dict[str, Tiling] = field(default_factory=dict)

    def streamed(self, layer: str) -> int:
        """Return the bytes of a layer's constants that come from L3."""
        return sum(c.nbytes for c in self.constants if layer in c.users and c.level == "l3")

    @property
    def placement(self) -> Placement:
        """Memories of constants as the printer wants them."""
        tables = {constant.key: constant.level for constant in self.constants if constant.key}
        default = next((c.level for c in self.constants if not c.key), "l2")
        return Placement(tables=tables, default=default)

    def to_dict(self, program: Program) -> dict[str, Any]:
        """Return a JSON-able description, peak layer named."""
        peak = self.arena.peak
        return {
            "memory": {**self.used, "stack": self.stack},
            "budget": self.budget,
            "staging": self.staging,
            "arena": {
                "bytes": self.arena.nbytes,
                "held_bytes": self.arena.held,
                "lower_bound": self.arena.lower_bound,
                "caller_bytes": self.arena.caller_bytes,
                "peak_layer": program.ops[peak].name,
                "live": list(self.arena.live),
            },
            **({"state": self.state} if self.state else {}),
            "buffers": [vars(buffer) for buffer in self.arena.buffers],
            "constants": [vars(constant) for constant in self.constants],
            "tiles": [{"layer": layer, **cut.to_dict()} for layer, cut in self.tiles.items()],
        }


def plan_memory(program: Program, target: Target, state: int = 0, tables: int = 0) -> MemoryPlan:
    """Place everything, or say what does not fit.

    Parameters
    ----------
    program
        A verified program.
    target
        Gives memories and budgets.
    state, tables
        Bytes of memory and of constants that a streaming front end needs beside the program.

    Raises
    ------
    BudgetError
        Naming memory, layer, tensor, bytes and what would make it fit.
    """
    arena = plan_arena(program)
    budget = {name: level.budget if (level := target.level(name)) else 0 for name in ("l1", "l2", "l3")}
    state_l2 = state + (tables if target.constants == "l2" else 0)
    bodies = structures(program, target.constants)
    inside = sum(body.held for body in bodies) if target.constants == "l2" else 0
    free = budget["l2"] - arena.held - arena.caller_bytes - state_l2 - inside
    if free < 0:
        raise BudgetError(too_many_activations(program, arena, target, state_l2 + inside))
    tables_of_ops, staging = _place_constants(program, target, free)
    constants = (*tables_of_ops, *bodies)
    tiles = _tiles(program, target)
    used = {
        "l1": max((cut.l1_bytes for cut in tiles.values()), default=0),
        "l2": budget["l2"] - free + staging + _held(tables_of_ops, "l2"),
        "l3": _held(constants, "l3") + state + tables - state_l2,
    }
    if used["l3"] > budget["l3"]:
        far = [constant for constant in constants if constant.level == "l3"]
        raise BudgetError(
            f"constants need {used['l3']} bytes outside L2 and L3 of {target.name} offers {budget['l3']}; "
            f"{lighter_weights(program, far, budget['l3'])}; use a smaller model or a larger target"
        )
    return MemoryPlan(
        arena=arena,
        constants=constants,
        used=used,
        budget=budget,
        stack=stack_bytes(program, target),
        staging=staging,
        tiles=tiles,
        state=state,
    )


def _place_constants(program: Program, target: Target, free: int) -> tuple[tuple[Constant, ...], int]:
    """Return where each distinct table lives, and the staging bytes that streaming needs."""
    found = distinct(program)
    total = sum(constant.held for constant in found)
    if target.constants == "l3" or total <= free:
        return tuple(replace(constant, level=target.constants) for constant in found), 0
    named = lighter_weights(program, found, free)
    if target.level("l3") is None:
        raise BudgetError(
            f"constants need {total} bytes beside the activations and L2 of {target.name} has {max(free, 0)} left; "
            f"{named}; use a smaller model or a target with L3"
        )
    free -= target.staging_bytes
    if free < 0:
        raise BudgetError(
            f"constants of {total} bytes must be streamed from L3 ({named}), and the {target.staging_bytes} bytes of "
            f"staging for it exceed L2 of {target.name} by {-free} beside the activations; use a shorter window or "
            f"raise the L2 budget by {-free}"
        )
    levels = {}
    for constant in sorted(found, key=lambda constant: constant.nbytes):
        fits = constant.held <= free
        levels[constant.key] = "l2" if fits else "l3"
        free -= constant.held if fits else 0
    return tuple(replace(c, level=levels[c.key]) for c in found), target.staging_bytes


def _held(constants: tuple[Constant, ...], level: str) -> int:
    """Return the bytes that one memory holds of them."""
    return sum(constant.held for constant in constants if constant.level == level)


def _tiles(program: Program, target: Target) -> dict[str, Tiling]:
    """Return how every layer is cut for L1, by layer; nothing where the target has none."""
    l1 = target.level("l1")
    return {} if l1 is None else {op.name: tile(op, *program.operands(op), l1) for op in program.ops}
