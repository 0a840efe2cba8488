"""Bit comparison, layer by layer: the first difference is named with its place and both values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_edge.program._program import Program


@dataclass(frozen=True)
class Difference:
    """The first value that differs, in execution order.

    ``sample`` counts the samples, ``element`` the row-major elements of one sample.
    """

    layer: str
    op: str
    tensor: str
    sample: int
    element: int
    expected: int
    found: int
    n_different: int

    def __str__(self) -> str:
        return (
            f"layer {self.layer!r} ({self.op}) differs first: sample {self.sample}, element {self.element} of "
            f"{self.tensor!r} is {self.found}, expected {self.expected} ({self.n_different} elements differ)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """What was compared, and the first difference if there is one."""

    layers: int
    samples: int
    elements: int
    difference: Difference | None

    @property
    def equal(self) -> bool:
        """Whether every bit agreed."""
        return self.difference is None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        first = None if self.difference is None else self.difference.to_dict()
        return {"equal": self.equal, "layers": self.layers, "samples": self.samples, "first": first}


def compare(program: Program, expected: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]]) -> Comparison:
    """Compare every tensor that both executors returned, in execution order.

    Parameters
    ----------
    program
        Gives the order and the names.
    expected, found
        Arrays ``(n, *shape)`` by tensor name, from `Executor.trace` or `Executor.run`.

    Raises
    ------
    EmgEdgeError
        When they have no tensor of the program in common: nothing compared is not equal.
    """
    layers = [op for op in program.ops if op.output in expected and op.output in found]
    if not layers:
        raise EmgEdgeError(
            f"nothing to compare: {sorted(expected)} and {sorted(found)} share no tensor that program "
            f"{program.name!r} writes; give what its executors returned"
        )
    first = None
    for op in layers:
        first = _difference(op.name, op.kind, op.output, expected[op.output], found[op.output])
        if first is not None:
            break
    arrays = [expected[op.output] for op in layers]
    return Comparison(len(layers), len(arrays[0]), sum(array.size for array in arrays), first)


def _difference(layer: str, op: str, tensor: str, expected: NDArray[Any], found: NDArray[Any]) -> Difference | None:
    """Return the first difference between two arrays."""
    if expected.shape != found.shape:
        return Difference(layer, op, tensor, min(len(expected), len(found)), 0, len(expected), len(found), 0)
    wrong = np.flatnonzero(expected.ravel() != found.ravel())
    if not len(wrong):
        return None
    sample, element = divmod(int(wrong[0]), max(expected[0].size, 1))
    return Difference(
        layer, op, tensor, sample, element, int(expected.flat[wrong[0]]), int(found.flat[wrong[0]]), len(wrong)
    )
