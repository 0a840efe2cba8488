"""The float IR: a small static graph between the importer, the passes and the quantiser.

Two dialects share it. Nodes with ONNX names (``MatMul``, ``Reshape``) are what the importer writes; nodes in lower case
(``linear``, ``attention``) are canonical: each becomes one integer operator and reads its inputs as row-major views.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

MAX_RANK = 8
MAX_ELEMENTS = 2**27


@dataclass(frozen=True, kw_only=True)
class Value:
    """What one node writes, or an input: a name, a static shape with the batch axis of 1 that exporters write, a dtype.

    Parameters
    ----------
    name
        Unique in the graph.
    shape
        Every extent >= 1; at most 8 axes.
    dtype
        ``"float32"`` for activations; what the file says (``"bool"``, ``"int64"``...) for integer inputs and copies of
        them, which run as float all the same.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operation with one output.

    Parameters
    ----------
    op
        A key of the table of legal operations.
    name
        For people: the exporter's name, or the canonical one.
    inputs
        Names of values and constants.
    output
        Name of the value written.
    attrs
        Static parameters: integers, floats, tuples, strings, a body graph.
    scope
        Dotted module path in the source model, if known.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    output: str
    attrs: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class GivenGrid:
    """A grid that the file demands for a value.

    Parameters
    ----------
    dtype
        ``"int8"`` or ``"int16"``.
    scale
        One step, or one per channel of the last axis.
    zero_point
        Stored value of real 0.
    node
        The QuantizeLinear node, for messages.
    """

    dtype: str
    scale: tuple[float, ...]
    zero_point: int
    node: str = field(compare=False)


def sample_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without its leading batch axis of 1 (kept where it is the only axis)."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in execution order, values, constants.

    Parameters
    ----------
    name
        Of the model.
    nodes
        Each reads inputs, constants or outputs of earlier nodes.
    values
        Inputs and node outputs by name.
    constants
        Arrays by name; never written by a node.
    inputs, outputs
        Names of values; an output may also be an input or a constant-free alias of one.
    metadata
        The model's ``emg.*`` strings.
    input_names, output_names
        What the model calls its inputs and outputs, where values were renamed since; empty means as they are.
    given
        Grids that a quantised file demands, by value: at most one per dtype is legal, which the quantiser checks.
    steps
        Steps of constants that were quantised in the file, in their shape; NaN where no symmetric int8 stands behind.
    superseded
        Grids of the file whose values live inside one canonical node, which has a finer arithmetic of its own.
    notes
        What the user should know of how the file was read; they end up among the warnings.
    """

    name: str
    nodes: tuple[Node, ...]
    values: dict[str, Value]
    constants: dict[str, NDArray[Any]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    given: Mapping[str, tuple[GivenGrid, ...]] = field(default_factory=dict)
    steps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    superseded: tuple[GivenGrid, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def producers(self) -> dict[str, Node]:
        """Node that writes each value."""
        return {node.output: node for node in self.nodes}

    @cached_property
    def consumers(self) -> dict[str, list[Node]]:
        """Nodes that read each value, in order, each once."""
        table: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                table[name].append(node)
        return dict(table)

    def handed_on(self, old: str, new: str) -> Graph:
        """Give ``new`` the grids that the file demands for ``old``, whose elements are the same."""
        if old == new or old not in self.given:
            return self
        rest = {name: grids for name, grids in self.given.items() if name != old}
        merged = tuple(dict.fromkeys((*rest.get(new, ()), *self.given[old])))
        return replace(self, given={**rest, new: merged})

    def sole_consumer(self, name: str) -> Node | None:
        """Return the only reader of a value, or None where there are several, none, or it is a graph output."""
        readers = self.consumers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def dynamic(self, node: Node) -> tuple[str, ...]:
        """Return the inputs of a node that are not constants."""
        return tuple(name for name in node.inputs if name not in self.constants)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a value or constant."""
        return self.constants[name].shape if name in self.constants else self.values[name].shape

    def verify(self) -> None:
        """Check order, single assignment, legality of every operation and its shapes.

        Raises
        ------
        EmgEdgeError
            Naming the first node that is not legal.
        """
        from ._shapes import output_shape

        known = set(self.inputs) | set(self.constants)
        if len(known) != len(self.inputs) + len(self.constants):
            raise EmgEdgeError(f"graph {self.name!r}: an input and a constant share a name; rename one")
        for node in self.nodes:
            missing = [name for name in node.inputs if name not in known]
            where = f"{node.op} {node.name!r}"
            if missing:
                raise EmgEdgeError(f"{where} reads {missing} before anything wrote them (a cycle, or not sorted)")
            if node.output in known:
                raise EmgEdgeError(f"{where} writes {node.output!r} a second time; every value has one writer")
            expected = output_shape(node, self)
            if node.output not in self.values or self.values[node.output].shape != expected:
                found = self.values.get(node.output)
                raise EmgEdgeError(f"{where} writes shape {expected}, but {node.output!r} is declared as {found}")
            known.add(node.output)
        lost = [name for name in self.outputs if name not in known]
        if lost or not self.outputs:
            raise EmgEdgeError(f"graph {self.name!r}: outputs {lost or '(none)'} are never written")

    def substitute(
        self,
        output: str,
        nodes: Iterable[Node],
        *,
        values: Iterable[Value] = (),
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> Graph:
        """Replace the node that writes ``output`` by ``nodes`` (the last writes it) and drop what becomes unused."""
        fresh = tuple(nodes)
        body: list[Node] = []
        for node in self.nodes:
            body.extend(fresh if node.output == output else (node,))
        table = {**self.values, **{value.name: value for value in values}}
        return replace(
            self, nodes=tuple(body), values=table, constants={**self.constants, **(constants or {})}
        ).pruned()

    def titled(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return arrays by the names of the values, where they came by those that the model has for its inputs."""
        titles = dict(zip(self.input_names, self.inputs, strict=False))
        return {titles.get(name, name): array for name, array in arrays.items()}

    def alias(self, old: str, new: str) -> Graph:
        """Let every reader of ``old`` read ``new`` instead, and drop what becomes unused."""
        nodes = tuple(
            replace(node, inputs=tuple(new if name == old else name for name in node.inputs)) for node in self.nodes
        )
        renamed = replace(self, nodes=nodes, outputs=tuple(new if o == old else o for o in self.outputs))
        return renamed.handed_on(old, new).pruned()

    def pruned(self) -> Graph:
        """Return the graph without nodes, values and constants that no output needs."""
        needed = set(self.outputs)
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if node.output in needed:
                kept.append(node)
                needed.update(node.inputs)
        needed.update(self.inputs)
        return replace(
            self,
            nodes=tuple(reversed(kept)),
            values={name: value for name, value in self.values.items() if name in needed},
            constants={name: array for name, array in self.constants.items() if name in needed},
        )

    def fresh(self, stem: str) -> str:
        """Return a name that no value or constant bears."""
        candidates = (stem, *(f"{stem}_{i}" for i in range(1, len(self.values) + len(self.constants) + 2)))
        return next(name for name in candidates if name not in self.values and name not in self.constants)

    def ancestors(self, name: str, stop: Iterable[str] = ()) -> list[Node]:
        """Nodes that a value is computed by, in order, not looking behind the values in ``stop``."""
        wanted, found = {name}, []
        barrier = set(stop)
        for node in reversed(self.nodes):
            if node.output in wanted and node.output not in barrier:
                found.append(node)
                wanted.update(node.inputs)
        return found[::-1]


def checked_size(shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    """Return ``shape`` if its rank, extents and size are sane, else raise naming ``where``."""
    if len(shape) > MAX_RANK or any(extent < 1 for extent in shape) or prod(shape) > MAX_ELEMENTS:
        raise EmgEdgeError(
            f"{where}: shape {shape} is not allowed; at most {MAX_RANK} axes, every extent >= 1 and "
            f"at most {MAX_ELEMENTS} elements"
        )
    return shape


def scalar(array: NDArray[Any]) -> float | None:
    """Return the value of a one-element array, else None."""
    return float(np.asarray(array).reshape(())) if np.size(array) == 1 else None
