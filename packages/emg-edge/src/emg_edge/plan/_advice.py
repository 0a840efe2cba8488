"""What a program that does not fit is told: tensor, layer, bytes, and changes with the bytes that they save."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._plan import plan_arena

if TYPE_CHECKING:
    from emg_edge.program._program import Program
    from emg_edge.targets import Target

    from ._constants import Constant
    from ._pack import Buffer
    from ._plan import ArenaPlan

_NARROWED = 8  # tensors that are tried in int8, one after the other


def too_many_activations(program: Program, arena: ArenaPlan, target: Target, beside: int) -> str:
    """Say which tensor at which layer is too much for L2, and what would fit.

    Parameters
    ----------
    program, arena
        What was planned.
    target
        The device.
    beside
        Bytes of structures and of a streaming front end, which stay.
    """
    level = target.level("l2")
    room = (level.budget if level else 0) - beside
    need = arena.held + arena.caller_bytes
    peak = program.ops[arena.peak]
    alive = _alive(arena)
    tensor = f"; the largest there is tensor {alive[0].name!r} with {alive[0].nbytes}" if alive else ""
    changes = [*_shorter(program, need, room), *_narrower(program, arena, room)]
    return (
        f"activations need {need} bytes, {beside} more are structures and front end, and L2 of {target.name} offers "
        f"{room + beside}: {need - room} too many at layer {peak.name!r} ({peak.kind}){tensor}; "
        f"{', or '.join(changes)}, or raise the L2 budget to {need + beside}"
    )


def _alive(arena: ArenaPlan) -> list[Buffer]:
    """Return what the arena holds at its peak, the largest first."""
    found = [b for b in arena.buffers if b.in_arena and b.first <= arena.peak <= b.last]
    return sorted(found, key=lambda b: (-b.nbytes, b.name))


def _shorter(program: Program, need: int, room: int) -> list[str]:
    """Advise a shorter window: activations grow with it, at least where nothing else is large."""
    longest = max((program.tensors[name] for name in program.inputs), key=lambda tensor: tensor.size)
    samples = longest.shape[-1] if longest.shape else 1
    fits = samples * room // need
    if fits < 1:
        return ["use narrower layers"]
    return [f"use a window of about {fits} samples instead of {samples}"]


def _narrower(program: Program, arena: ArenaPlan, room: int) -> list[str]:
    """Advise int8 for the largest int16 tensor at the peak, again and again; planned anew each time, so exact."""
    tensors, names = dict(program.tensors), list[str]()
    need = found = arena.held + arena.caller_bytes
    while found > room and len(names) < _NARROWED:
        wide = [b.name for b in _alive(arena) if b.name in tensors and tensors[b.name].dtype == "int16"]
        if not wide:
            break
        tensors[wide[0]] = replace(tensors[wide[0]], dtype="int8", zero_point=0)
        names.append(wide[0])
        arena = plan_arena(replace(program, tensors=tensors))
        found = arena.held + arena.caller_bytes
    if found >= need:
        return []
    enough = ", which is enough" if found <= room else f" of {need - room}"
    return [f"int8 instead of int16 for {', '.join(map(repr, names))} saves {need - found} bytes{enough}"]


def lighter_weights(program: Program, constants: list[Constant], room: int) -> str:
    """Say what 4-bit weights would need, and the largest table."""
    largest = max(constants, key=lambda constant: constant.nbytes)
    bits = {op.name: int(getattr(op, "weight_bits", 0)) for op in program.ops}
    halved = sum(c.held // 2 for c in constants if c.field == "weight" and bits.get(c.layer) == 8)
    total = sum(constant.held for constant in constants)
    named = f"the largest is {largest.field} of layer {largest.layer!r} with {largest.nbytes}"
    if not halved:
        return named
    fit = "would fit" if total - halved <= room else f"would still be {total - halved - room} too many"
    return f"{named}; with weight_bits=4 they need {total - halved}, which {fit}"
