"""GAP9: one controller, eight worker cores, 128 KiB L1, 1.5 MiB L2, external RAM. Every figure is modelled.

L1 budget: 104 KiB less 4 KiB reserved. L2 budget: 1,500 KiB less 100 KiB of code, stack and heap; arena and staging
are counted by the plan itself. Kernels as measured for `pulp-open` (same core family, not the same chip). External
RAM: 150 to 300 MB/s and 1 to 2 us a request are assumed, here 200 MB/s and 1 us at 370 MHz. Power: 57 mW, the one
whole-network measurement at the fast point (arXiv 2512.15729); whole applications spread from 18 to 94 mW.
"""

from __future__ import annotations

from ._target import MemoryLevel, Power, Target, Transfers
from .pulp_open import XPULPV2_C

GAP9 = Target(
    name="gap9",
    title="GAP9, 8 cores at 370 MHz, 0.8 V",
    n_cores=8,
    levels=(
        MemoryLevel(name="l1", nbytes=128 << 10, budget=100 << 10),
        MemoryLevel(name="l2", nbytes=1536 << 10, budget=1400 << 10),
        MemoryLevel(name="l3", nbytes=32 << 20, budget=32 << 20),
    ),
    staging_bytes=64 << 10,
    clock_hz=370e6,
    cycles=XPULPV2_C,
    transfers=Transfers(setup=35, bytes_per_cycle=8, l3_setup=370, l3_bytes_per_cycle=0.54),
    power=Power(watts=0.057, relative_error=0.5, source="TinyMyo on GAP9, 57.18 mW, arXiv 2512.15729"),
    notes=(
        "no GAP9 silicon or simulator was used: every cycle, millisecond and millijoule is modelled",
        "cycles are modelled for XpulpV2 kernels in C; the emitted C runs scalar until they are built",
    ),
)
