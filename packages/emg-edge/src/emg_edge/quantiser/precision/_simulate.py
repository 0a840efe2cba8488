"""Rounding simulated in floats: the graph run with every value and weight on its grid, and with one choice changed.

The inside of an operator (sums, multipliers, tables of softmax) is taken as exact; the values between operators and
the weights of products, where nearly all noise comes from, are rounded as in the program. A change reruns only what
depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emg_edge.graph._float import apply_body, run_node
from emg_edge.program._tensor import DTYPES, Tensor
from emg_edge.quantiser._bits import is_weighted
from emg_edge.quantiser._calibrate import chunks, count, taken
from emg_edge.quantiser._grids import leader_of
from emg_edge.quantiser._weights import quantise_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.quantiser._calibrate import Feeds
    from emg_edge.quantiser._grids import Grids

    Values = dict[str, NDArray[Any]]

WINDOWS = 24
_MACS = 2.0**34  # of all runs together


@dataclass(frozen=True, kw_only=True)
class Change:
    """One choice.

    Parameters
    ----------
    kind
        ``"value"``: a value on another grid; ``"weights"``: the weights of the node that writes it in ``bits``.
    value
        A value.
    tensor
        Its grid, for ``"value"``.
    bits
        For ``"weights"``: 4 or 8; 0 leaves them in float.
    """

    kind: Literal["value", "weights"]
    value: str
    tensor: Tensor | None = None
    bits: int = 0


class Simulation:
    """A canonical graph with its grids on windows.

    Parameters
    ----------
    graph
        As quantised.
    grids
        From `choose_grids`.
    feeds
        float32 ``(n, *sample)`` by input.
    macs
        Multiply-accumulates of one window; with the number of changes it decides how many of the windows are run.
    """

    def __init__(self, graph: Graph, grids: Grids, feeds: Feeds, macs: int) -> None:
        self.graph, self.grids, self.macs = graph, grids, macs
        self.feeds = feeds

    def noise(self, changes: list[Change]) -> tuple[float, list[float]]:
        """Return the noise-to-signal ratio at the outputs without a change, and with each of the changes alone.

        It is the mean over windows of each window's own ratio, so that quiet windows count as much as loud ones.
        """
        wanted = int(np.clip(_MACS / (max(self.macs, 1) * (2 + len(changes) / 2)), 2, WINDOWS))
        feeds = taken(self.feeds, slice(None, None, max(1, -(-count(self.feeds) // wanted))))
        total, n = np.zeros(1 + len(changes)), 0
        for chunk in chunks(self.graph, feeds):
            exact, base = self._run(chunk, None, {}), self._run(chunk, Change(kind="value", value=""), {})
            n += count(chunk)
            total[0] += self._ratios(exact, base)
            for index, change in enumerate(changes):
                total[1 + index] += self._ratios(exact, self._run(chunk, change, base))
        total /= n
        return float(total[0]), [float(ratio) for ratio in total[1:]]

    def _ratios(self, wanted: Values, found: Values) -> float:
        """Return the sum over windows of noise over signal, the mean over the outputs."""
        ratios = []
        for name in self.graph.outputs:
            a, b = (values[name].reshape(len(wanted[name]), -1).astype(np.float64) for values in (wanted, found))
            ratios.append((np.square(a - b).sum(1) / np.maximum(np.square(a).sum(1), 1e-30)).sum())
        return float(np.mean(ratios))

    def _run(self, chunk: Feeds, change: Change | None, base: Values) -> Values:
        """Run all nodes, or those that depend on the change where ``base`` holds a run; in floats without a change."""
        values: Values = {}
        touched: set[str] = set()
        for name in self.graph.inputs:
            array = chunk[name].reshape(-1, *self.graph.shape(name))
            values[name] = array if change is None else self._rounded(name, array, change)
        for node in self.graph.nodes:
            own = change is not None and self._concerns(node, change)
            if base and not own and not touched.intersection(node.inputs):
                values[node.output] = base[node.output]
                continue
            touched.add(node.output)
            values[node.output] = self._node(node, values, change)
        return values

    def _concerns(self, node: Node, change: Change) -> bool:
        found = node.output if change.kind == "weights" else leader_of(self.graph, node.output)
        return found == change.value

    def _node(self, node: Node, values: Values, change: Change | None) -> NDArray[Any]:
        arrays = [values[n] if n in values else self.graph.constants[n][None] for n in node.inputs]
        if change is None:
            return run_node(node, arrays)
        for i, name in enumerate(node.inputs):
            narrow = self.grids.narrow.get(name)
            if narrow is not None and self.grids.read(node, name) is narrow:
                arrays[i] = _on(narrow, arrays[i])
        if is_weighted(self.graph, node):
            arrays[1] = self._weights(node, change)[None]
        before = self.grids.before_table.get(node.output)
        if before is None or self._concerns_output(node, change):
            return self._rounded(node.output, run_node(node, arrays), change)
        plain = replace(node, attrs={key: value for key, value in node.attrs.items() if key != "body"})
        stop = Tensor(name="before", shape=(1,), dtype="int8", scale=before[0], zero_point=before[1])
        inner = apply_body(node.attrs["body"], _on(stop, run_node(plain, arrays)))
        return self._rounded(node.output, inner, change)

    def _concerns_output(self, node: Node, change: Change) -> bool:
        """Whether the node's output gets int16, in front of which there is no table."""
        return change.kind == "value" and change.value == node.output

    def _weights(self, node: Node, change: Change) -> NDArray[np.float32]:
        weight = self.graph.constants[node.inputs[1]]
        bits = node.attrs.get("weight_bits", 8)
        if change.kind == "weights" and change.value == node.output:
            bits = change.bits
        if bits == 0 or weight.ndim < 2:
            return weight
        rows = weight.reshape(len(weight), -1)
        stored, _, step = quantise_weights(rows, np.zeros(len(rows)), 1.0, None, bits)
        return (stored * step[:, None]).reshape(weight.shape).astype(np.float32)

    def _rounded(self, name: str, array: NDArray[Any], change: Change) -> NDArray[Any]:
        tensor = self.grids.tensors[name]
        if change.tensor is not None and leader_of(self.graph, name) == change.value:
            tensor = change.tensor
        if tensor.scale > 0.0:
            return _on(tensor, array)
        scales = next(h.channels[name] for h in self.grids.heads.values() if name in h.channels).astype(np.float32)
        rows = array.reshape(len(array), -1, len(scales))
        return (np.clip(np.rint(rows / scales), -128, 127) * scales).reshape(array.shape)


def _on(tensor: Tensor, array: NDArray[Any]) -> NDArray[Any]:
    """Round values onto the grid of a tensor."""
    _, low, high = DTYPES[tensor.dtype]
    scale, zero = np.float32(tensor.scale), np.float32(tensor.zero_point)
    rounded: NDArray[Any] = (np.clip(np.rint(array / scale) + zero, low, high) - zero) * scale
    return rounded
