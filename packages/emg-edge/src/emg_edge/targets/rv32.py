"""A 32-bit RISC-V core without vendor extensions, as QEMU's ``virt`` board runs it.

The figures are instructions per product, element or row of the emitted kernels, counted by QEMU (gcc 12, ``-O2``:
2.97 per product and 32 per output of a linear layer, for instance), times 1.4 cycles per instruction: the GVSoC
simulator gave 1.14 to 1.6 for such kernels. The ``rv32`` executor counts the instructions of a whole program exactly.
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
    constants="l3",
    cycles=CycleModel(
        block_rows=2,
        block_columns=4,
        block_cycles=133,
        attention=1.66,
        output=45,
        table=14,
        requantise=76,
        add=97,
        copy=23,
        softmax=95,
        rotate=24,
        layernorm=150,
        row=1219,
        section=132,
        frame=157,
        launch=0,
        tile=0,
    ),
    latency_error=(0.7, 1.4),
    notes=("l2 is RAM, l3 is flash; no clock, so cycles and no milliseconds",),
)
