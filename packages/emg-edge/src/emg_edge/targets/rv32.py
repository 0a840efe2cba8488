"""A 32-bit RISC-V core without vendor extensions, as QEMU's ``virt`` board runs it.

Cycles come from the scalar int8 matrix product measured on the GVSoC simulator: 5,808,161 cycles for 524,288
products on one core. QEMU counts instructions exactly; the ``rv32`` executor reports them.
"""

from __future__ import annotations

from ._target import CycleModel, MemoryLevel, Target

RV32 = Target(
    name="rv32",
    title="RV32IMC core, QEMU virt",
    n_cores=1,
    levels=(
        MemoryLevel(name="l2", nbytes=32 << 20, budget=32 << 20),
        MemoryLevel(name="l3", nbytes=64 << 20, budget=64 << 20),
    ),
    stack_bytes=1024,
    constants="l3",
    cycles=CycleModel(
        block_rows=1,
        block_columns=1,
        block_cycles=44.3,
        output=27,
        table=10,
        requantise=27,
        add=34,
        copy=10,
        softmax=35,
        rotate=30,
        layernorm=40,
        row=800,
        launch=0,
        tile=0,
    ),
    latency_error=(0.5, 2.0),
    notes=("l2 is RAM, l3 is flash; no clock, so cycles and no milliseconds",),
)
