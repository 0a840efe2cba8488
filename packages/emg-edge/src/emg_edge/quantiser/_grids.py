"""Which integers hold which value: dtype, scale and zero point of every tensor of the program."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import apply_body
from emg_edge.graph._graph import sample_shape
from emg_edge.program._tensor import Tensor

from ._given import given_channels, given_tensors
from ._ranges import SEARCHED, choose_range, int8_grid
from ._wide import can_widen, drowns, has_room, input_is_wide, peak, wide_scale, widened
from .lowering import LOWERINGS
from .lowering._common import clamps, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

    from ._calibrate import Sample, Statistics
    from ._options import QuantiseOptions

_WHOLE = {  # (dtype, zero point) that holds the numbers of an integer input as they are; wider ones saturate
    "bool": ("int8", 0),
    "int8": ("int8", 0),
    "uint8": ("int8", -128),
    "int16": ("int16", 0),
    "uint16": ("int16", -(2**15)),
    "int32": ("int16", 0),
    "int64": ("int16", 0),
}


@dataclass(frozen=True)
class HeadScales:
    """Scales of q, k and v per head, and of each channel of the linear layer that writes them.

    Parameters
    ----------
    parts
        float64 ``(3, heads)``.
    channels
        Per source value, float64 ``(N,)``; sources that are ordinary tensors are absent.
    """

    parts: NDArray[np.float64]
    channels: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Grids:
    """Everything about scales that lowering needs.

    Parameters
    ----------
    tensors
        By value name; a value read by both narrow and wide operators has a narrow copy in `narrow`.
    narrow
        int8 copies by value name.
    before_table
        (scale, zero) in front of the table of a linear node, by its output.
    heads
        By attention output.
    cells
        Largest absolute cell state, with headroom, by lstm output.
    seen
        Extremes on the calibration windows, by value; in front of a fused function by ``"<name>:pre"``.
    """

    tensors: dict[str, Tensor]
    narrow: dict[str, Tensor]
    before_table: dict[str, tuple[float, int]]
    heads: dict[str, HeadScales]
    cells: dict[str, float] = field(default_factory=dict)
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)

    def read(self, node: Node, name: str) -> Tensor:
        """Return the tensor that a node reads for a value."""
        narrow = LOWERINGS[node.op].reads != "any"
        return self.narrow.get(name, self.tensors[name]) if narrow else self.tensors[name]


def choose_grids(graph: Graph, statistics: Statistics, options: QuantiseOptions) -> Grids:
    """Choose a grid for every value of a canonical graph."""
    tensors: dict[str, Tensor] = {}
    narrow: dict[str, Tensor] = {}
    fused = {name for node in graph.nodes if node.op == "attention" for name in _fused_sources(graph, node)}
    for name in (name for name in statistics.values if name in graph.values):
        leader = leader_of(graph, name)
        if name in fused:
            tensors[name] = Tensor(name=name, shape=sample_shape(graph.shape(name)), dtype="int8", scale=0.0)
        elif leader != name:
            tensors[name] = replace(tensors[leader], name=name, shape=sample_shape(graph.shape(name)))
        else:
            tensors[name], copy = _tensors(graph, name, statistics.values[name], options)
            narrow.update({name: copy} if copy is not None else {})
    narrowed = sorted(set(options.named) - {name for name, tensor in tensors.items() if tensor.dtype == "int16"})
    if narrowed:
        raise EmgEdgeError(
            f"wide names {narrowed}, which cannot be int16: they are no values of the model, or what writes them gives "
            "int8 alone, or what reads them takes int8 alone or has no room in 32 bits; leave them out"
        )
    heads = {
        node.output: _head_scales(graph, node, statistics, options, {**tensors, **narrow})
        for node in graph.nodes
        if node.op == "attention"
    }
    before = {
        node.output: _before_table(node, statistics.values[f"{node.output}:pre"], tensors[node.output])
        for node in graph.nodes
        if node.op != "table" and "body" in node.attrs
    }
    cells = {
        node.output: options.headroom * peak(statistics.values[f"{node.output}:cell"])
        for node in graph.nodes
        if node.op == "lstm"
    }
    seen = {name: (sample.low, sample.high) for name, sample in statistics.values.items()}
    return Grids(tensors, narrow, before, heads, cells, seen)


def leader_of(graph: Graph, name: str) -> str:
    """Return the value whose grid a chain of operations that only copy must keep."""
    while (node := graph.producers.get(name)) is not None and LOWERINGS[node.op].keeps_grid:
        name = node.inputs[0]
    return name


def readers_of(graph: Graph, name: str) -> tuple[list[Node], bool]:
    """Return the nodes that read a value, directly or copied, and whether a copy of it leaves the graph."""
    found: list[Node] = []
    leaves = name in graph.outputs
    for node in graph.consumers.get(name, []):
        if LOWERINGS[node.op].keeps_grid:
            behind, out = readers_of(graph, node.output)
            found, leaves = found + behind, leaves or out
        else:
            found.append(node)
    return found, leaves


def _tensors(graph: Graph, name: str, sample: Sample, options: QuantiseOptions) -> tuple[Tensor, Tensor | None]:
    """Return the tensor of a value and, where readers differ, its int8 copy: given, dictated, or chosen."""
    readers = readers_of(graph, name)[0]
    given = given_tensors(graph, name, readers)
    if given is not None:
        tensor, copy, open_copy = given
        calibrated = replace(_narrow(graph, name, readers, sample, options), name=f"{name}_int8")
        return tensor, calibrated if open_copy else copy
    producer = graph.producers.get(name)
    dictated = None if producer is None else LOWERINGS[producer.op].grid
    if producer is not None and dictated is not None:
        dtype, scale, zero = dictated(producer)
        return Tensor(name=name, shape=sample_shape(graph.shape(name)), dtype=dtype, scale=scale, zero_point=zero), None
    whole = _whole_numbers(graph, name)
    return (whole, None) if whole is not None else _chosen(graph, name, sample, options)


def _whole_numbers(graph: Graph, name: str) -> Tensor | None:
    """Return the grid of an integer input, its own numbers, where every reader can take them; else None."""
    kind = _WHOLE.get(graph.values[name].dtype) if name in graph.inputs else None
    if kind is None:
        return None
    dtype, zero = kind
    kinds = [(LOWERINGS[reader.op], reader) for reader in readers_of(graph, name)[0]]
    fits = all(
        (dtype == "int8" or entry.reads == "any" or has_room(graph, reader, 1.0)) and not (entry.symmetric and zero)
        for entry, reader in kinds
    )
    tensor = Tensor(name=name, shape=sample_shape(graph.shape(name)), dtype=dtype, scale=1.0, zero_point=zero)
    return tensor if fits else None


def _chosen(graph: Graph, name: str, sample: Sample, options: QuantiseOptions) -> tuple[Tensor, Tensor | None]:
    """Choose the tensor of a value and, where readers differ, its int8 copy."""
    readers, leaves = readers_of(graph, name)
    producer = graph.producers.get(name)
    kinds = [LOWERINGS[reader.op] for reader in readers]
    int8 = _narrow(graph, name, readers, sample, options)
    wide = {kind.reads for kind in kinds} == {"product"} and _reads_wide(graph, name, readers, sample, int8, options)
    narrow_wanted = any(kind.reads != "any" for kind in kinds) and not wide
    wide_wanted = any(kind.reads == "any" for kind in kinds) or leaves or wide
    clamped = producer is not None and clamps(graph, producer)
    int16 = widened(int8, sample, options, clamped=clamped)
    if producer is None:
        return (int16 if input_is_wide(graph, readers, int16.scale, options) else int8), None
    only_int8 = LOWERINGS[producer.op].writes == "int8" or ("body" in producer.attrs and not (wide and clamped))
    stream = options.residual_dtype == "int16" or leaves or name in options.named
    if only_int8 or not wide_wanted or not stream:
        return int8, None
    if not narrow_wanted:
        return int16, None
    if any(LOWERINGS[reader.op].keeps_grid for reader in graph.consumers[name]):  # a narrow copy for each costs more
        return int8, None
    return int16, replace(int8, name=f"{name}_int8")


def _narrow(graph: Graph, name: str, readers: list[Node], sample: Sample, options: QuantiseOptions) -> Tensor:
    """Choose an int8 tensor."""
    symmetric = name in graph.inputs or any(LOWERINGS[reader.op].symmetric for reader in readers)
    low, high = choose_range(sample, options.method, symmetric=symmetric, percentile=options.percentile)
    scale, zero = int8_grid(low, high)
    return Tensor(name=name, shape=sample_shape(graph.shape(name)), dtype="int8", scale=scale, zero_point=zero)


def _reads_wide(
    graph: Graph, name: str, readers: list[Node], sample: Sample, int8: Tensor, options: QuantiseOptions
) -> bool:
    """Whether the products behind a value read it in int16."""
    producer = graph.producers.get(name)
    loud = options.residual_dtype == "int16" and drowns(sample, int8, options)
    if name in options.named or loud:
        return can_widen(graph, name, readers, sample, options)
    if producer is not None and "body" in producer.attrs:
        return False
    scale, size = wide_scale(sample, options), graph.values[name].size
    return options.residual_dtype == "int16" and all(
        reader.op == "linear" and graph.shape(reader.inputs[1])[1] == size and has_room(graph, reader, scale)
        for reader in readers
    )


def _channels(node: Node, part: int) -> NDArray[np.int64] | None:
    """Channels ``(heads, width)`` of q, k or v within a row of its source, or None where rows are not rows."""
    base, head, row = node.attrs["layout"][3 * part : 3 * part + 3]
    heads = np.arange(node.attrs["heads"]) // (node.attrs.get("group", 1) if part else 1)
    index = base + head * heads[:, None] + np.arange(node.attrs["width"])
    return index if row > int(index.max()) else None


def fused_channels(graph: Graph) -> dict[str, list[NDArray[np.int64]]]:
    """Return, for values that attention reads on a grid a head, the channels ``(heads, width)`` of each part."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    for node in graph.nodes:
        names = _fused_sources(graph, node) if node.op == "attention" else []
        for part, name in enumerate(node.inputs[:3]):
            index = _channels(node, part) if name in names else None
            if index is not None:
                found.setdefault(name, []).append(index)
    return found


def _fused_sources(graph: Graph, node: Node) -> list[str]:
    """Return the sources of an attention whose linear layer can give each head and part a scale of its own."""
    found = []
    for part, name in enumerate(node.inputs[:3]):
        producer = graph.producers.get(name)
        plain = producer is not None and producer.op == "linear" and "body" not in producer.attrs
        own = graph.sole_consumer(name) is node
        width = graph.shape(producer.inputs[1])[0] if plain and producer is not None else -1
        if own and plain and _channels(node, part) is not None and node.attrs["layout"][3 * part + 2] == width:
            found.append(name)
    return found


def _head_scales(
    graph: Graph, node: Node, statistics: Statistics, options: QuantiseOptions, tensors: dict[str, Tensor]
) -> HeadScales:
    """Give each head of q, k and v a scale, the file's where it has one; heads on one channel share the largest."""
    samples = statistics.heads[node.output]
    parts = np.array([[_symmetric_scale(sample, options) for sample in part] for part in samples])
    fused = _fused_sources(graph, node)
    channels = {name: np.zeros(graph.shape(graph.producers[name].inputs[1])[0]) for name in fused}
    indices = [_channels(node, part) for part in range(3)]
    for part, name in enumerate(node.inputs[:3]):
        index = indices[part]
        if name in channels and index is not None:
            given = given_channels(graph, name, index, len(channels[name]))
            wanted = np.broadcast_to(parts[part][:, None], index.shape) if given is None else given[index]
            np.maximum.at(channels[name], index, wanted)
    for part, name in enumerate(node.inputs[:3]):
        index = indices[part]
        if name in channels and index is not None:
            own = channels[name][index]
            if (own != own[:, :1]).any():
                raise EmgEdgeError(
                    f"attention {node.name!r}: heads overlap in part, or have several scales; give heads of their own "
                    "channels, with one scale each"
                )
            parts[part] = own[:, 0]
        else:
            parts[part] = tensors[name].scale
    for scales in channels.values():
        scales[scales == 0.0] = scales.max()  # channels that nothing reads
    return HeadScales(parts, channels)


def _symmetric_scale(sample: Sample, options: QuantiseOptions) -> float:
    low, high = choose_range(sample, options.method, symmetric=True, percentile=options.percentile)
    return int8_grid(low, high)[0]


def _clips(node: Node, out: Tensor) -> bool:
    """Whether the function returns its argument or a bound: rounding to the output's grid in front of it is exact."""
    x = (np.arange(-512, 513) - out.zero_point) * out.scale
    y = apply_body(node.attrs["body"], x)
    inside = np.isclose(y, x, rtol=1e-6, atol=1e-6 * out.scale)
    return bool(inside.any() and (inside | (y == y[0]) | (y == y[-1])).all() and (np.diff(y) >= 0).all())


def _before_table(node: Node, sample: Sample, out: Tensor) -> tuple[float, int]:
    """Choose the grid in front of a table by the error behind it."""
    if node.attrs.get("before"):
        (grid,) = node.attrs["before"]
        return grid.scale[0], grid.zero_point
    if _clips(node, out):
        return out.scale, out.zero_point
    body, values = node.attrs["body"], sample.thinned(SEARCHED // 4).astype(np.float64)
    wanted = apply_body(body, values)

    def error(low: float, high: float) -> float:
        scale, zero = int8_grid(low, high)
        stored = np.clip(np.rint(values / scale) + zero, -128, 127)
        behind = out.dequantise(out.quantise(within(body, (stored - zero) * scale, (sample.low, sample.high))))
        return float(np.square(behind - wanted).mean())

    low, high = min(sample.low, -1e-6), max(sample.high, 1e-6)
    shrink = np.linspace(1.0, 0.1, 37)
    for _ in range(2):
        low = min((low * s for s in shrink), key=lambda v: error(v, high))
        high = min((high * s for s in shrink), key=lambda v: error(low, v))
    return int8_grid(low, high)
