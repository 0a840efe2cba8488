"""The layers that hurt, ranked: each int8 value and each product's weights undone alone, with advice in plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.quantiser._bits import is_weighted
from emg_edge.quantiser._grids import leader_of, readers_of
from emg_edge.quantiser._wide import can_widen, widened
from emg_edge.quantiser.lowering import LOWERINGS
from emg_edge.quantiser.lowering._common import clamps

from ._simulate import Change, Simulation

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._program import Program
    from emg_edge.program._tensor import Tensor
    from emg_edge.quantiser._calibrate import Feeds, Statistics
    from emg_edge.quantiser._grids import Grids
    from emg_edge.quantiser._options import QuantiseOptions

    from ._price import Price


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one change would do.

    Parameters
    ----------
    layer
        Name of the layer.
    value
        The value that it writes.
    what
        ``"activation"`` or ``"weights"``.
    now, then
        Types, ``"int8"``, ``"int16"``, ``"int4"``, ``"float"``.
    gain_db
        Change of the signal-to-noise ratio at the outputs, simulated on calibration windows.
    removed
        Noise-to-signal ratio that the change takes away; such shares nearly add up over several changes.
    nbytes, cycles
        Change of bytes and of modelled cycles, None where the target models none.
    possible
        Whether an option does it.
    advice
        For people.
    """

    layer: str
    value: str
    what: str
    now: str
    then: str
    gain_db: float
    removed: float
    nbytes: int
    cycles: int | None
    possible: bool
    advice: str

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class Candidate:
    """A change and its row, but for what is measured."""

    change: Change
    row: Row


def rank(
    graph: Graph,
    statistics: Statistics,
    grids: Grids,
    program: Program,
    feeds: Feeds,
    options: QuantiseOptions,
    price: Price,
) -> tuple[list[Row], float]:
    """Measure every change alone.

    Returns
    -------
    list of Row
        The most harmful first.
    float
        Noise-to-signal ratio at the outputs as things are.
    """
    found = [*_values(graph, statistics, grids, program, options, price), *_products(graph, program)]
    base, noises = Simulation(graph, grids, feeds, program.macs).noise([candidate.change for candidate in found])
    rows = [_measured(candidate.row, base, noise) for candidate, noise in zip(found, noises, strict=True)]
    return sorted(rows, key=lambda row: -row.removed), base


def decibel(ratio: float) -> float:
    """Return a noise-to-signal ratio as a signal-to-noise ratio in dB, at most 120."""
    return float(-10.0 * np.log10(max(ratio, 1e-12)))


def _measured(row: Row, base: float, noise: float) -> Row:
    gain = decibel(noise) - decibel(base)
    verb = "gains" if gain >= 0 else "costs"
    return replace(
        row, gain_db=gain, removed=base - noise, advice=row.advice.format(effect=f"{verb} {abs(gain):.1f} dB")
    )


def _values(
    graph: Graph, statistics: Statistics, grids: Grids, program: Program, options: QuantiseOptions, price: Price
) -> list[Candidate]:
    """Return a candidate for every int8 value that products read."""
    found = []
    for name, tensor in grids.tensors.items():
        node = graph.producers.get(name)
        narrow = grids.narrow.get(name, tensor)
        if node is None or narrow.dtype != "int8" or narrow.scale == 0.0 or leader_of(graph, name) != name:
            continue
        readers, _ = readers_of(graph, name)
        sample = statistics.values[name]
        wide = widened(tensor, sample, options, clamped=clamps(graph, node))
        possible = {LOWERINGS[r.op].reads for r in readers} == {"product"}
        possible = possible and can_widen(graph, name, readers, sample, options)
        extra = _extra_cycles(program, name, wide, price) if possible else None
        advice = _advice(node, readers, tensor.size, extra) if possible else _refusal(graph, node, readers)
        row = Row(
            layer=node.name, value=name, what="activation", now="int8", then="int16", gain_db=0.0, removed=0.0,
            nbytes=tensor.size, cycles=extra, possible=possible, advice=advice,
        )  # fmt: skip
        found.append(Candidate(Change(kind="value", value=name, tensor=wide), row))
    return found


def _extra_cycles(program: Program, name: str, wide: Tensor, price: Price) -> int | None:
    """Return the modelled cycles that int16 adds to the operators that write and read a value."""
    if price.op_cycles is None:
        return None
    extra = 0.0
    for op in program.ops:
        if name == op.output or name in op.inputs:
            tensors, out = program.operands(op)
            changed = [wide if tensor.name == name else tensor for tensor in tensors]
            extra += price.op_cycles(op, changed, wide if out.name == name else out) - price.op_cycles(op, tensors, out)
    return round(extra)


def _advice(node: Node, readers: list[Node], nbytes: int, cycles: int | None) -> str:
    names = ", ".join(reader.name for reader in readers)
    slower = "" if cycles is None else f" and {cycles:,} modelled cycles"
    return f"int16 input of {names} {{effect}} for {nbytes:,} bytes{slower}: wide={node.output!r}"


def _refusal(graph: Graph, node: Node, readers: list[Node]) -> str:
    """Say why a value stays int8."""
    if graph.given.get(node.output):
        why = "its grid is the file's"
    elif LOWERINGS[node.op].writes == "int8":
        why = f"{node.op} writes int8 alone"
    elif "body" in node.attrs and not clamps(graph, node):
        why = f"the table of its {node.attrs.get('function', 'function')} writes int8 alone"
    else:
        narrow = [reader.name for reader in readers if LOWERINGS[reader.op].reads != "product"]
        why = (
            f"{', '.join(narrow)} cannot read it in int16 here" if narrow else "sums behind it have no room in 32 bits"
        )
    return f"int16 would change it: {{effect}}, but {why}; train with integers, or use other layers there"


def _products(graph: Graph, program: Program) -> list[Candidate]:
    """Return, for every product with weights of our choice, candidates for float (a diagnosis) and four bits."""
    found = []
    for node in graph.nodes:
        if not is_weighted(graph, node) or graph.constants[node.inputs[1]].ndim < 2:
            continue
        size = int(graph.constants[node.inputs[1]].size)
        four = node.attrs.get("weight_bits", 8) == 4
        now = "int4" if four else "int8"
        row = Row(
            layer=node.name, value=node.output, what="weights", now=now, then="float", gain_db=0.0, removed=0.0,
            nbytes=3 * size, cycles=None, possible=False,
            advice=f"exact weights of {node.name} would change it: {{effect}}; more than training with integers gives",
        )  # fmt: skip
        found.append(Candidate(Change(kind="weights", value=node.output, bits=0), row))
        if not four and _packs(program, node.output):
            saved = size // 2
            text = (
                f"int4 weights of {node.name} {{effect}} and save {saved:,} bytes: weight_bits={{{{{node.name!r}: 4}}}}"
            )
            change = Change(kind="weights", value=node.output, bits=4)
            found.append(Candidate(change, replace(row, then="int4", nbytes=-saved, possible=True, advice=text)))
    return found


def _packs(program: Program, value: str) -> bool:
    """Whether the operator that writes a value can hold its weights in four bits."""
    return any(op.output == value and hasattr(op, "weight_bits") for op in program.ops)
