"""Modelled cycles, time and energy per layer: never measured on a device, and said so in every result.

Per layer: compute on all cores, DMA between L2 and L1 with two buffers, and constants from L3, the three overlapped
(the longest decides), plus launch and tile overheads. The constants stand in the target's file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

from ._errors import EmgEdgeError
from .plan._tiles import tile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .frontend._frontend import FrontEnd
    from .plan._memory import MemoryPlan
    from .program._op import Op, Product, Work
    from .program._program import Program
    from .targets import CycleModel, Target


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One layer's modelled cost; cycles are the wall time on all cores, energy is None where no power is known."""

    name: str
    op: str
    macs: int
    cycles: int
    compute_cycles: int
    dma_cycles: int
    l3_cycles: int
    tiles: int
    energy_uj: float | None


def simulate(program: Program, memory: MemoryPlan, target: Target, front: FrontEnd | None = None) -> dict[str, Any]:
    """Model the program on a target.

    Parameters
    ----------
    program
        A verified program.
    memory
        Its plan for the same target.
    target
        With a cycle model.
    front
        The streaming front end in front of the program, where there is one; it runs on one core.

    Returns
    -------
    dict
        ``modelled`` (always True), ``cycles``, ``latency_ms``, ``energy_mj``, ``macs_per_cycle``, ``layers``,
        ``interval`` with (low, high) per figure (energy: the errors of time and power together), ``notes``. Time and
        energy are None where the target states no clock or power. With a front end also ``frontend``: cycles per frame
        and per window, cycles a second for the whole stream, and the part of real time that they take (``load``; the
        ``real_time_factor`` is its inverse).

    Raises
    ------
    EmgEdgeError
        When the target has no cycle model.
    """
    if target.cycles is None:
        raise EmgEdgeError(f"target {target.name!r} has no cycle model; simulate rv32, pulp-open or gap9")
    layers = [_layer(program, op, memory, target) for op in program.ops]
    cycles = sum(layer.cycles for layer in layers)
    latency = None if target.clock_hz is None else 1e3 * cycles / target.clock_hz
    energy = None if target.power is None or latency is None else latency * target.power.watts
    low, high = target.latency_error
    spread = 0.0 if target.power is None else target.power.relative_error
    return {
        "target": target.name,
        "modelled": True,
        "cycles": cycles,
        "latency_ms": latency,
        "energy_mj": energy,
        "macs_per_cycle": program.macs / cycles,
        "interval": {
            "cycles": [cycles * low, cycles * high],
            "latency_ms": None if latency is None else [latency * low, latency * high],
            "energy_mj": None if energy is None else [energy * low * (1 - spread), energy * high * (1 + spread)],
        },
        "layers": [asdict(layer) for layer in layers],
        "notes": list(target.notes),
        **({} if front is None else {"frontend": _stream(front, cycles, target)}),
    }


def _stream(front: FrontEnd, network: int, target: Target) -> dict[str, Any]:
    """Model a stream: what a pushed frame, a window and a second cost."""
    model = target.cycles
    if model is None:
        raise AssertionError(target.name)
    scaled = _priced(front.work_per_window(), model)
    per_frame = _priced(front.work_per_frame(), model) / front.every
    frames_per_window = front.hop * front.every
    second = front.sfreq * (per_frame + (scaled + network) / frames_per_window)
    load = None if target.clock_hz is None else second / target.clock_hz
    return {
        "cycles_per_frame": round(per_frame),
        "cycles_per_window": round(scaled),
        "macs_per_frame": 5 * front.n_sections * front.n_chans / front.every,
        "windows_per_second": front.sfreq / frames_per_window,
        "cycles_per_second": round(second),
        "load": load,
        "real_time_factor": None if load is None else 1 / load,
    }


def _layer(program: Program, op: Op, memory: MemoryPlan, target: Target) -> LayerCost:
    """Model one layer."""
    tensors, out = program.operands(op)
    model, l1 = target.cycles, target.level("l1")
    if model is None:
        raise AssertionError(target.name)
    work = op.work(tensors, out)
    compute = work_cycles(work, model) / speed_up(work.pieces, target.n_cores)
    tiles, dma, l3 = 1, 0.0, 0.0
    if target.transfers is not None and l1 is not None:
        cut = tile(op, tensors, out, l1)
        tiles = cut.tiles
        dma = cut.transfers * target.transfers.setup + cut.nbytes / target.transfers.bytes_per_cycle
        if streamed := memory.streamed(op.name):
            requests = ceil(streamed / max(target.staging_bytes // 2, 1))
            l3 = requests * target.transfers.l3_setup + streamed / target.transfers.l3_bytes_per_cycle
    exposed = min(dma, compute)
    tiles = max(tiles, _useful_tiles(exposed, model.tile, work.pieces))
    waiting = exposed / tiles  # the first tile waits for its data
    cycles = max(compute, dma, l3) + waiting + tiles * model.tile + model.launch
    power = target.power
    energy = None if power is None or target.clock_hz is None else 1e6 * power.watts * cycles / target.clock_hz
    return LayerCost(
        name=op.name,
        op=op.kind,
        macs=op.macs(tensors, out),
        cycles=round(cycles),
        compute_cycles=round(compute),
        dma_cycles=round(dma),
        l3_cycles=round(l3),
        tiles=tiles,
        energy_uj=energy,
    )


def _useful_tiles(exposed: float, overhead: float, pieces: int) -> int:
    """Return into how many tiles a layer is worth cutting although it fits L1, so that its transfers overlap."""
    return max(1, min(int(sqrt(exposed / overhead)), pieces)) if overhead > 0 else 1


def speed_up(pieces: int, n_cores: int) -> float:
    """Return the gain of sharing equal pieces among the cores."""
    return pieces / ceil(pieces / n_cores)


def product_cycles(product: Product, model: CycleModel) -> float:
    """Return the cycles of matrix products without their epilogues on one core, extents rounded up to the block."""
    blocks = ceil(product.rows / model.block_rows) * ceil(product.columns / model.block_columns)
    cycles = blocks * ceil(product.depth / 4) * model.block_cycles * (2 if product.wide else 1)
    return product.count * cycles * (model.attention if product.inner else 1.0)


def _priced(counts: Mapping[str, float], model: CycleModel) -> float:
    """Return the cycles of counts by their names in the cycle model."""
    return sum(count * float(getattr(model, name)) for name, count in counts.items())


def work_cycles(work: Work, model: CycleModel) -> float:
    """Return the cycles of one core for a whole layer."""
    return _priced(work.elements, model) + sum(product_cycles(product, model) for product in work.products)
