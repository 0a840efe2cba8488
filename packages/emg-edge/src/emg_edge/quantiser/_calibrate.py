"""Calibration: what values each float tensor takes on sample windows, in memory that their number does not decide."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import apply_body, by_name, run_node
from emg_edge.graph._graph import sample_shape
from emg_edge.graph.operations._attention import operands, turned
from emg_edge.graph.operations._recurrent import recur

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node

    Feeds = dict[str, NDArray[np.float32]]
    Samples = NDArray[Any] | Mapping[str, NDArray[Any]]

KEPT = 2**16  # values remembered per tensor
_CHUNK = 4  # windows run at once, where they are small
_LIVE = 2**25  # elements of one value on the windows that run at once


@dataclass
class Sample:
    """Extremes of a tensor, a random part of its values, and how loud each window is.

    Parameters
    ----------
    low, high
        Exact extremes over all calibration windows.
    parts
        Random subsets of the values, float32.
    powers
        Mean square of every window.
    """

    low: float = np.inf
    high: float = -np.inf
    parts: list[NDArray[np.float32]] = field(default_factory=list)
    powers: list[float] = field(default_factory=list)

    def add(self, values: NDArray[Any], budget: int, rng: np.random.Generator) -> None:
        """Take windows ``(n, ...)`` in: extremes of all values, at most ``budget`` of them to keep."""
        flat = values.reshape(-1)
        self.powers.extend(np.square(values.reshape(len(values), -1), dtype=np.float64).mean(1).tolist())
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.parts.append((flat if flat.size <= budget else rng.choice(flat, budget, replace=False)).astype(np.float32))

    @property
    def values(self) -> NDArray[np.float32]:
        """The kept values, a fair sample without the extremes that it missed, ``(k,)``."""
        return np.concatenate(self.parts)

    @property
    def usual_power(self) -> float:
        """Median of the windows' mean squares: what most windows have, however loud a few of them are."""
        return float(np.median(self.powers))

    def thinned(self, count: int) -> NDArray[np.float32]:
        """At most ``count`` of the kept values, drawn by a fixed seed: a step would see some channels alone."""
        values = self.values
        if len(values) <= count:
            return values
        return values[np.sort(np.random.default_rng(0).choice(len(values), count, replace=False))]


@dataclass
class Statistics:
    """Samples of a canonical graph on calibration windows.

    Parameters
    ----------
    values
        Per value of the graph; for a linear node with a table also ``"<name>:pre"``, in front of the table; for an
        lstm ``"<name>:cell"``.
    heads
        Per attention node: q, k (before and after rotation together) and v, one sample per head.
    """

    values: dict[str, Sample]
    heads: dict[str, tuple[list[Sample], list[Sample], list[Sample]]]


def check_calibration(graph: Graph, x: Samples) -> Feeds:
    """Return the windows of every input as float32 ``(n, *sample)`` or say what is wrong with them.

    Parameters
    ----------
    graph
        With the inputs.
    x
        One array ``(n, *sample)``, or one per input name.

    Raises
    ------
    EmgEdgeError
        Naming the input and what is wrong.
    """
    feeds = {name: _checked(graph, name, array) for name, array in by_name(graph, x).items()}
    counts = {name: len(array) for name, array in feeds.items()}
    if len(set(counts.values())) != 1:
        raise EmgEdgeError(f"calibration windows: {counts} of the inputs; every input needs the same number")
    if not any(array.any() for array in feeds.values()):
        raise EmgEdgeError("calibration windows are all zero; give recorded windows, preprocessed as for inference")
    return feeds


def _checked(graph: Graph, name: str, array: NDArray[Any]) -> NDArray[np.float32]:
    expected = sample_shape(graph.shape(name))
    if array.ndim != len(expected) + 1 or array.shape[1:] != expected or len(array) < 1:
        raise EmgEdgeError(
            f"calibration windows of {name!r} have shape {array.shape}, need (n, {', '.join(map(str, expected))})"
        )
    if array.dtype.kind not in "fiub":
        raise EmgEdgeError(f"calibration windows of {name!r} are {array.dtype}; give real numbers")
    with np.errstate(over="ignore"):
        windows = array.astype(np.float32)
    finite = np.isfinite(windows).reshape(len(windows), -1).all(1)
    if not finite.all():
        raise EmgEdgeError(
            f"calibration window {int(np.argmin(finite))} of {name!r} holds NaN, infinity or more than float32 can; "
            "remove it"
        )
    return windows


def count(feeds: Feeds) -> int:
    """Return the number of windows."""
    return len(next(iter(feeds.values())))


def taken(feeds: Feeds, index: slice) -> Feeds:
    """Return some of the windows of every input."""
    return {name: array[index] for name, array in feeds.items()}


def collect(graph: Graph, feeds: Feeds, *, seed: int = 0) -> Statistics:
    """Run a canonical graph on windows ``(n, *sample)`` by input and sample every value."""
    rng = np.random.default_rng(seed)
    statistics = Statistics({}, {})
    for chunk in chunks(graph, feeds):
        budget = max(1, KEPT * count(chunk) // count(feeds))
        _run_chunk(graph, chunk, statistics, budget, rng)
    return statistics


def chunks(graph: Graph, feeds: Feeds) -> Iterator[Feeds]:
    """Yield the windows a few at a time, one at a time where the graph's values are large."""
    largest = max(value.size for value in graph.values.values())
    step = int(np.clip(_LIVE // largest, 1, _CHUNK))
    for start in range(0, count(feeds), step):
        yield taken(feeds, slice(start, start + step))


def walk(graph: Graph, chunk: Feeds) -> Iterator[tuple[Node | None, str, list[NDArray[Any]], NDArray[Any]]]:
    """Run a graph, yielding (node, value's name, its inputs, value), inputs of the graph first with no node.

    A node with a function fused behind it yields what stands in front of that function as ``"<name>:pre"`` before.
    Values are forgotten behind their last reader, so that memory holds what is alive and not the whole graph.
    """
    last = {name: node.output for node in graph.nodes for name in node.inputs}
    values = {name: array.reshape(len(array), *graph.shape(name)) for name, array in chunk.items()}
    for name in graph.inputs:
        yield None, name, [], values[name]
    for node in graph.nodes:
        arrays = [values[name] if name in values else graph.constants[name][None] for name in node.inputs]
        if "body" in node.attrs and node.op != "table":
            plain = {key: value for key, value in node.attrs.items() if key != "body"}
            before = run_node(replace(node, attrs=plain), arrays)
            yield node, f"{node.output}:pre", arrays, before
            values[node.output] = apply_body(node.attrs["body"], before)
        else:
            values[node.output] = run_node(node, arrays)
        yield node, node.output, arrays, values[node.output]
        for name in node.inputs:
            if last[name] == node.output:
                values.pop(name, None)


def _run_chunk(graph: Graph, chunk: Feeds, statistics: Statistics, budget: int, rng: np.random.Generator) -> None:
    for node, name, arrays, array in walk(graph, chunk):
        if not np.isfinite(array).all():
            raise EmgEdgeError(f"the float model gives NaN or infinity at {name!r} on the calibration windows")
        if node is not None and node.op == "attention" and name == node.output:
            _note_heads(node, arrays, statistics, max(1, budget // node.attrs["heads"]), rng)
        statistics.values.setdefault(name, Sample()).add(array, budget, rng)
        if node is not None and node.op == "lstm" and name == node.output:
            statistics.values.setdefault(f"{name}:cell", Sample()).add(recur(node, arrays)[1], budget, rng)


def _note_heads(
    node: Node, arrays: list[NDArray[Any]], statistics: Statistics, budget: int, rng: np.random.Generator
) -> None:
    heads = node.attrs["heads"]
    fresh = tuple([Sample() for _ in range(heads)] for _ in range(3))
    samples = statistics.heads.setdefault(node.output, (fresh[0], fresh[1], fresh[2]))
    parts, given = operands(node, arrays)
    for part, x in enumerate(parts):
        both = [x, turned(node, x, given)] if part < 2 and "cos" in given else [x]
        for head in range(heads):
            for array in both:
                samples[part][head].add(array[:, head], budget, rng)
