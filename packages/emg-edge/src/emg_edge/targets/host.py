"""The machine that compiles: one flat memory, no cycle model."""

from __future__ import annotations

from ._target import MemoryLevel, Target

HOST = Target(
    name="host",
    title="this machine, plain C99",
    n_cores=1,
    levels=(MemoryLevel(name="l2", nbytes=1 << 30, budget=1 << 30),),
    stack_bytes=8192,
    notes=("no cycle model: measure the host with `evaluate --backend c`",),
)
