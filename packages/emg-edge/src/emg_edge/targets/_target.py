"""What the compiler knows about a device: cores, memories, clock, and the constants of the cycle model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from emg_edge._errors import EmgEdgeError


@dataclass(frozen=True, kw_only=True)
class MemoryLevel:
    """One memory of a device.

    Parameters
    ----------
    name
        ``"l1"``, ``"l2"`` or ``"l3"``.
    nbytes
        Physical size in bytes.
    budget
        Bytes that a program may use; the rest belongs to code, stacks and runtime.
    """

    name: str
    nbytes: int
    budget: int


@dataclass(frozen=True, kw_only=True)
class CycleModel:
    """Cycles of the kernels on one core, all modelled; the sources stand in the target's file.

    Parameters
    ----------
    block_rows, block_columns
        Accumulators that the inner loop of a matrix product keeps.
    block_cycles
        Cycles of the inner loop for four products of every accumulator of the block.
    attention
        Factor on the products inside attention, whose rows are blocked less well.
    output
        Cycles to requantise and store one accumulator.
    table, requantise, add, copy, softmax, rotate, layernorm
        Cycles per element.
    row
        Cycles per row for divisions and roots.
    section, frame
        Cycles per channel of one pushed frame: of one second-order section, and of everything else.
    launch
        Cycles to start a layer on all cores.
    tile
        Cycles to program and wait for one tile.
    """

    block_rows: int
    block_columns: int
    block_cycles: float
    attention: float
    output: float
    table: float
    requantise: float
    add: float
    copy: float
    softmax: float
    rotate: float
    layernorm: float
    row: float
    section: float
    frame: float
    launch: float
    tile: float


@dataclass(frozen=True, kw_only=True)
class Transfers:
    """Cycles to move data between memories.

    Parameters
    ----------
    setup
        Cycles per transfer between L2 and L1.
    bytes_per_cycle
        Between L2 and L1, one direction.
    l3_setup
        Cycles per request to the external memory.
    l3_bytes_per_cycle
        From the external memory.
    """

    setup: float
    bytes_per_cycle: float
    l3_setup: float
    l3_bytes_per_cycle: float


@dataclass(frozen=True, kw_only=True)
class Power:
    """Energy as power times time.

    Parameters
    ----------
    watts
        Whole chip while a network runs.
    relative_error
        Half width of the interval around ``watts``; the error of the time comes on top.
    source
        Where the power comes from.
    """

    watts: float
    relative_error: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """A device that programs are compiled for.

    Parameters
    ----------
    name
        Registry key.
    title
        One line for people.
    n_cores
        Cores that share a layer.
    levels
        Memories; activations live in L2.
    stack_bytes
        Estimated stack, for machines that are not 32-bit cores; None: the exact one, see `plan._stack`.
    staging_bytes
        Working space in L2 for constants that stream from L3 while they are used, smallest ones kept in L2.
    constants
        Memory that constants prefer: ``"l2"``, or ``"l3"`` where they are used in place.
    clock_hz
        Core clock, or None where there is none to speak of.
    cycles, transfers, power
        The models, or None where none is offered.
    latency_error
        Relative bounds (below, above) of a modelled latency, as factors.
    notes
        What a reader must know before trusting a number.
    """

    name: str
    title: str
    n_cores: int
    levels: tuple[MemoryLevel, ...]
    stack_bytes: int | None = None
    staging_bytes: int = 0
    constants: str = "l2"
    clock_hz: float | None = None
    cycles: CycleModel | None = None
    transfers: Transfers | None = None
    power: Power | None = None
    latency_error: tuple[float, float] = (0.7, 1.7)
    notes: tuple[str, ...] = ()

    def with_budgets(self, budgets: dict[str, int]) -> Target:
        """Return the target with other budgets.

        Parameters
        ----------
        budgets
            Bytes by memory name.

        Raises
        ------
        EmgEdgeError
            When the device has no memory of that name, or not that much.
        """
        for name, nbytes in budgets.items():
            level = self.level(name)
            if level is None or not 0 < nbytes <= level.nbytes:
                have = ", ".join(f"{level.name} with {level.nbytes} bytes" for level in self.levels)
                raise EmgEdgeError(
                    f"budget {name}={nbytes} is not possible on {self.name}, which has {have}; give 1 to that"
                )
        levels = tuple(replace(level, budget=budgets.get(level.name, level.budget)) for level in self.levels)
        return replace(self, levels=levels)

    def level(self, name: str) -> MemoryLevel | None:
        """Return a memory by name, or None when the device has none of that name."""
        return next((level for level in self.levels if level.name == name), None)
