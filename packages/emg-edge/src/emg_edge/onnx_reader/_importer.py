"""The graph under construction while a file is read: names, constants, folding, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError, Unsupported
from emg_edge.graph._float import run_node
from emg_edge.graph._graph import Node, Value
from emg_edge.graph._shapes import output_shape
from emg_edge.graph.operations import MOVEMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import GivenGrid

MAX_FOLDED = 2**24
MAX_FOLDED_TOTAL = 2**26  # elements of all constants that are worked out


@dataclass(frozen=True, kw_only=True)
class Source:
    """An ONNX node as plain Python: attributes are numbers, strings, lists and arrays."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: dict[str, Any]
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class Body:
    """The graph inside a Loop."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Source, ...]
    constants: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Dropped:
    """A value that nothing here computes, which is no harm unless a float output needs it.

    Parameters
    ----------
    what
        The node to blame where one does.
    optional
        Whether even a float output may go without, because it is this value itself.
    """

    what: Unsupported
    optional: bool = False


class RefusedError(Exception):
    """A node cannot be translated: why, and a change that would work."""

    def __init__(self, why: str, change: str) -> None:
        super().__init__(why)
        self.why, self.change = why, change


@dataclass
class Importer:
    """Values, constants and nodes so far; every operator adds nodes, constants or an alias.

    Parameters
    ----------
    opset
        Version of the ai.onnx operators.
    """

    opset: int
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    unsupported: list[Unsupported] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    dropped: dict[str, Dropped] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    stored: dict[str, tuple[str, GivenGrid, int]] = field(default_factory=dict)
    given: dict[str, list[GivenGrid]] = field(default_factory=dict)
    steps: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    regridded: dict[tuple[str, GivenGrid], str] = field(default_factory=dict)
    folded: int = 0
    source: Source = field(default_factory=lambda: Source(op="", name="", inputs=(), outputs=(), attrs={}))

    def add_constant(self, name: str, array: NDArray[Any]) -> None:
        """Register an array under a name."""
        self.constants[name] = array

    def add_input(self, name: str, shape: tuple[int, ...], dtype: str = "float32") -> None:
        """Register a graph input."""
        self.values[name] = Value(name=name, shape=shape, dtype=dtype)

    def note(self, text: str) -> None:
        """Keep something that the user should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def drop(self, name: str, why: str, change: str, *, optional: bool = False) -> None:
        """Let an output of the node go; whoever needs it will be told why."""
        what = Unsupported(self.source.name, self.source.op, why, change)
        self.dropped[name] = Dropped(what, optional)

    def resolve(self, name: str) -> str:
        """Follow aliases to a value or constant."""
        name = self.aliases.get(name, name)
        if name in self.stored:
            raise RefusedError("reads integers", "give the file in QDQ form: DequantizeLinear before every operator")
        if name not in self.values and name not in self.constants:
            raise EmgEdgeError(f"{name!r} is read before anything wrote it (a cycle, or nodes not sorted)")
        return name

    def input(self, index: int) -> str:
        """Return the resolved name of an input, or '' where it is absent."""
        inputs = self.source.inputs
        return self.resolve(inputs[index]) if index < len(inputs) and inputs[index] else ""

    def require(self, index: int) -> str:
        """Return the resolved name of an input that must be there."""
        name = self.input(index)
        if not name:
            raise EmgEdgeError(f"{self.source.op} {self.source.name!r}: input {index} is missing")
        return name

    def static(self, index: int) -> NDArray[Any] | None:
        """Return an input that must be constant, or None where it is absent."""
        name = self.input(index)
        if name and name not in self.constants:
            raise RefusedError(f"input {index} is computed at run time", "make it a constant when exporting")
        return self.constants[name] if name else None

    def attr(self, name: str, default: Any) -> Any:  # noqa: ANN401  whatever ONNX stores
        """Return an attribute."""
        return self.source.attrs.get(name, default)

    def ints(self, name: str, index: int) -> tuple[int, ...] | None:
        """Return integers that older opsets keep in an attribute and newer ones in an input."""
        if name in self.source.attrs:
            return tuple(int(v) for v in np.atleast_1d(self.source.attrs[name]))
        array = self.static(index)
        return None if array is None else tuple(int(v) for v in array.reshape(-1))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a value or constant."""
        return self.constants[name].shape if name in self.constants else self.values[name].shape

    def axis(self, value: int, rank: int) -> int:
        """Return an axis counted from the front."""
        if not -rank <= value < rank:
            raise EmgEdgeError(f"{self.source.op} {self.source.name!r}: axis {value} of {rank} axes")
        return value % rank

    def alias(self, name: str) -> None:
        """Let the node's output be another name of a value."""
        self.aliases[self.source.outputs[0]] = name

    def emit(self, op: str, inputs: tuple[str, ...], output: str | None = None, **attrs: Any) -> str:  # noqa: ANN401
        """Add an IR node (or fold it, if all inputs are constant); return the name of its output."""
        output = output or self.source.outputs[0]
        node = Node(op=op, name=self.source.name, inputs=inputs, output=output, attrs=attrs, scope=self.source.scope)
        if op in {"Slice", "Concat"} and all(name in self.constants for name in inputs):  # may well be empty
            if sum(self.constants[name].size for name in inputs) > MAX_FOLDED:
                raise EmgEdgeError(f"{op} {self.source.name!r} would fold into too many elements; refused")
            self.fold(run_node(node, [self.constants[name][None] for name in inputs])[0], output)
            return output
        shape = output_shape(node, _Shapes(self))  # type: ignore[arg-type]
        if all(name in self.constants for name in inputs):
            if prod(shape) > MAX_FOLDED:
                raise EmgEdgeError(f"{op} {self.source.name!r} would fold into {prod(shape)} elements; refused")
            with np.errstate(all="ignore"):
                self.fold(run_node(node, [self.constants[name][None] for name in inputs])[0], output)
            self._fold_steps(node)
        else:
            integers = [name for name in inputs if name in self.constants and self.constants[name].dtype.kind != "f"]
            for name in integers:  # a float value meets an integer constant only in malformed files
                raise EmgEdgeError(f"{op} {self.source.name!r} mixes float values with the integers {name!r}")
            self._spend(np.size(attrs.get("indices", ())))
            self.nodes.append(node)
            kept = self.values[inputs[0]].dtype if op in MOVEMENT and inputs[0] in self.values else "float32"
            self.values[output] = Value(name=output, shape=shape, dtype=kept)
        return output

    def _fold_steps(self, node: Node) -> None:
        """Let the steps of a quantised constant move with it; arithmetic loses them."""
        known = [self.steps[name] for name in node.inputs if name in self.steps]
        if known and node.op in MOVEMENT and len(node.inputs) == 1:
            self.steps[node.output] = run_node(node, [known[0][None]])[0]
        elif known:
            self.steps[node.output] = np.broadcast_to(np.nan, self.constants[node.output].shape)

    def fold(self, array: NDArray[Any], output: str | None = None) -> None:
        """Register what a node computes from constants, within a bound for the whole file."""
        self._spend(array.size)
        name = output or self.source.outputs[0]
        self.types.setdefault(name, self.source.attrs.get("value_type", ""))
        self.constants[name] = array

    def _spend(self, elements: int) -> None:
        """Count what is worked out while reading: constants, and indices of elements that are taken."""
        self.folded += elements
        if self.folded > MAX_FOLDED_TOTAL:
            raise EmgEdgeError(
                f"constants at {self.source.name!r} fold into more than {MAX_FOLDED_TOTAL} elements; refused"
            )

    def demand(self, name: str, grid: GivenGrid) -> str:
        """Note that the file demands a grid; return the value on it: another one where it has one of that type."""
        grids = self.given.setdefault(name, [])
        if all(other.dtype != grid.dtype for other in grids):
            grids.append(grid)
        if grid in grids:
            return name
        if (name, grid) not in self.regridded:
            fresh = self.emit("Requantise", (name,), self.temporary("requantised"))
            self.given[fresh] = [grid]
            self.regridded[name, grid] = fresh
        return self.regridded[name, grid]

    def temporary(self, suffix: str) -> str:
        """Return an unused name derived from the node's output."""
        stem, count = f"{self.source.outputs[0]}.{suffix}", 0
        taken = (self.values, self.constants, self.aliases, self.stored)
        while any((name := f"{stem}{count or ''}") in table for table in taken):
            count += 1
        return name

    def constant(self, suffix: str, array: NDArray[Any]) -> str:
        """Register a constant derived from the node's output."""
        name = self.temporary(suffix)
        self.constants[name] = array
        return name


class _Shapes:
    """What `output_shape` needs of a graph."""

    def __init__(self, importer: Importer) -> None:
        self.shape: Callable[[str], tuple[int, ...]] = importer.shape
