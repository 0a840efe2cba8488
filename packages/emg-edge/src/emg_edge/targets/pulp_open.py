"""The open PULP cluster: eight XpulpV2 cores, 64 KiB of L1; the simulated stand-in for GAP9.

Kernel figures were measured on the GVSoC simulator: matrix product in C with ``pv.sdotsp.b`` intrinsics and 2 x 4
accumulators (44,762 cycles on eight cores for 32 x 256 x 64, i.e. 19 cycles per inner step beside 23 per output), table
look-up 10, requantisation through 64 bits 27, addition of two scales 13 cycles per element in C, DMA 35 + bytes / 8.
Softmax, rotation, LayerNorm and the sections of a front end are estimates.
"""

from __future__ import annotations

from ._target import CycleModel, MemoryLevel, Target, Transfers

XPULPV2_C = CycleModel(
    block_rows=2,
    block_columns=4,
    block_cycles=19,
    attention=1.0,
    output=23,
    table=10,
    requantise=27,
    add=13,
    copy=4,
    softmax=25,
    rotate=10,
    layernorm=15,
    row=300,
    section=115,
    frame=130,
    launch=500,
    tile=200,
)

PULP_OPEN = Target(
    name="pulp-open",
    title="PULP open cluster, 8 XpulpV2 cores",
    n_cores=8,
    levels=(
        MemoryLevel(name="l1", nbytes=64 << 10, budget=48 << 10),
        MemoryLevel(name="l2", nbytes=1536 << 10, budget=1400 << 10),
        MemoryLevel(name="l3", nbytes=8 << 20, budget=8 << 20),
    ),
    staging_bytes=64 << 10,
    cycles=XPULPV2_C,
    transfers=Transfers(setup=35, bytes_per_cycle=8, l3_setup=400, l3_bytes_per_cycle=0.5),
    notes=(
        "cycles are modelled for XpulpV2 kernels in C; the emitted C runs scalar until they are built",
        "no clock: the simulator's default is not a device's, so cycles and no milliseconds",
    ),
)
