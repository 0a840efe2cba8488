"""Which memory of the target holds what: activations in L2, constants in L2 or L3, tiles in L1; or why it cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emg_edge._errors import BudgetError

from ._constants import Constant, Placement, distinct, structures
from ._plan import ArenaPlan, plan_arena
from ._stack import stack_bytes
from ._tiles import tile

if TYPE_CHECKING:
    from emg_edge.program._program import Program
    from emg_edge.targets import Target


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
        raise BudgetError(_too_many_activations(program, arena, target, -free, state_l2))
    tables_of_ops, staging = _place_constants(program, target, free)
    constants = (*tables_of_ops, *bodies)
    used = {
        "l1": _largest_tile(program, target),
        "l2": budget["l2"] - free + staging + _held(tables_of_ops, "l2"),
        "l3": _held(constants, "l3") + state + tables - state_l2,
    }
    if used["l3"] > budget["l3"]:
        largest = max(constants, key=lambda c: c.nbytes)
        raise BudgetError(
            f"constants need {used['l3']} bytes outside L2 and L3 of {target.name} offers {budget['l3']}; the largest "
            f"is {largest.field} of layer {largest.layer!r} with {largest.nbytes}; use a smaller model or target"
        )
    return MemoryPlan(
        arena=arena,
        constants=constants,
        used=used,
        budget=budget,
        stack=stack_bytes(program, target),
        staging=staging,
        state=state,
    )


def _too_many_activations(program: Program, arena: ArenaPlan, target: Target, excess: int, state: int) -> str:
    """Say which tensor at which layer is too much."""
    peak = program.ops[arena.peak]
    alive = [b for b in arena.buffers if b.in_arena and b.first <= arena.peak <= b.last]
    largest = max(alive, key=lambda b: b.nbytes, default=None)
    front = f" with {state} of the front end" if state else ""
    tensor = "" if largest is None else f"; the largest there is tensor {largest.name!r} with {largest.nbytes}"
    l2 = target.level("l2")
    return (
        f"activations need {arena.nbytes + arena.caller_bytes + state} bytes{front} and L2 of {target.name} offers "
        f"{l2.budget if l2 else 0}: {excess} too many at layer {peak.name!r} ({peak.kind}){tensor}; use a shorter "
        f"window, fewer tokens or narrower layers, or raise the L2 budget"
    )


def _place_constants(program: Program, target: Target, free: int) -> tuple[tuple[Constant, ...], int]:
    """Return where each distinct table lives, and the staging bytes that streaming needs."""
    found = distinct(program)
    total = sum(constant.held for constant in found)
    if target.constants == "l3" or total <= free:
        return tuple(replace(constant, level=target.constants) for constant in found), 0
    largest = max(found, key=lambda constant: constant.nbytes)
    named = f"the largest is {largest.field} of layer {largest.layer!r} with {largest.nbytes}"
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
            f"raise the L2 budget"
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


def _largest_tile(program: Program, target: Target) -> int:
    """Return the largest working set in L1, 0 where the target has none."""
    l1 = target.level("l1")
    if l1 is None:
        return 0
    return max(tile(op, *program.operands(op), l1).l1_bytes for op in program.ops)
