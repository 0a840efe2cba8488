"""Masks and biases of attention, read by what they do: reach, bits, a bias, and a padding that an input decides.

A term that depends on an input is probed with numbers: it must mask key j where element j of that input is zero (or
where it is not), and else be what it is without padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._scores import MASKED, RefusedError, Term, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph

    Total = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_PROBES = 4


@dataclass(frozen=True)
class Masks:
    """What decides which key a query sees, and what is added to its score.

    Parameters
    ----------
    reach
        Smallest and largest key - row, or None.
    mask
        bool ``(1 | H, 1 | N, M)``, or None.
    bias
        float32 ``(1 | H, 1 | N, M)`` in nats, 0 where masked, or None.
    padding
        Value with one element a key, or None.
    keeps
        Whether keys take part where the padding is not zero (else where it is).
    """

    reach: tuple[int, int] | None = None
    mask: NDArray[np.bool_] | None = None
    bias: NDArray[np.float32] | None = None
    padding: str | None = None
    keeps: bool = True


def read_masks(graph: Graph, terms: tuple[Term, ...], shape: tuple[int, int, int]) -> Masks:
    """Read the terms on scores of ``shape`` (heads, rows, keys).

    Raises
    ------
    RefusedError
        Where a term is neither constant nor a padding of keys.
    """
    if not terms:
        return Masks()
    source = _source(graph, terms, shape[2])
    total = _totals(graph, terms, source, shape)
    keeps = True
    if source is None:
        fixed = total(np.ones(1))
    else:
        keeps, fixed = _probed(total, shape[2])
    visible = fixed > MASKED
    bias = np.where(visible, fixed, 0.0)
    reach = _band(visible)
    mask = None if reach is not None or visible.all() else _packed(visible)
    return Masks(
        reach=None if visible.all() else reach,
        mask=mask,
        bias=_packed(bias.astype(np.float32)) if bias.any() else None,
        padding=source,
        keeps=keeps,
    )


def _totals(graph: Graph, terms: tuple[Term, ...], source: str | None, shape: tuple[int, int, int]) -> Total:
    """Return the function from a padding to the sum of all terms as (heads, rows, keys)."""

    def total(array: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.zeros(shape)
        for term in terms:
            found = evaluated(graph, term, source or "", array)
            wide = np.broadcast_to(found, (*(1,) * max(0, 3 - found.ndim), *found.shape))
            lead = wide.shape[:-2]
            if int(np.prod(lead)) not in {1, shape[0]}:
                raise RefusedError(f"a mask of shape {found.shape} does not fit scores {shape}")
            result = result + np.maximum(wide.reshape(-1, *wide.shape[-2:]), -1e30)
        return result

    return total


def _source(graph: Graph, terms: tuple[Term, ...], keys: int) -> str | None:
    """Return the one value of M elements that dynamic terms are computed from."""
    roots: set[str] = set()
    for term in terms:
        if term.name not in graph.constants:
            nodes = graph.ancestors(term.name)
            read = {name for node in nodes for name in graph.dynamic(node)} | {term.name}
            roots |= read - {node.output for node in nodes}
    if not roots:
        return None
    if len(roots) > 1 or graph.values[next(iter(roots))].size != keys:
        sizes = {name: graph.shape(name) for name in sorted(roots)}
        raise RefusedError(
            f"a mask is computed from {sizes}, not from one input with an element for each of {keys} keys"
        )
    return roots.pop()


def _probed(total: Total, keys: int) -> tuple[bool, NDArray[np.float64]]:
    """Return whether ones keep keys, and the terms without padding."""
    ends = {value: total(np.full(keys, float(value))) for value in (0, 1)}
    open_, shut = (1, 0) if (ends[0] <= MASKED).all() else (0, 1)
    base = ends[open_]
    if not (ends[shut] <= MASKED).all() or (base <= MASKED).all():
        raise RefusedError("a mask does not hide exactly the keys that its input marks")
    rng = np.random.default_rng(0)
    for _ in range(_PROBES):
        keep = rng.random(keys) < 0.5
        found = total(np.where(keep, float(open_), float(shut)))
        wanted = (base > MASKED) & keep
        if ((found > MASKED) != wanted).any() or not np.allclose(found[wanted], base[wanted]):
            raise RefusedError("a mask depends on its input by more than hiding the keys that it marks")
    return open_ == 1, base


def _band(visible: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Return (smallest, largest) key - row if a band of them is all that is visible."""
    _, rows, keys = visible.shape
    distance = np.arange(keys) - np.arange(rows)[:, None]
    seen = distance[visible[0]]
    if not seen.size:
        return None
    low, high = int(seen.min()), int(seen.max())
    return (low, high) if (visible == ((distance >= low) & (distance <= high))).all() else None


def _packed(full: NDArray[Any]) -> NDArray[Any]:
    """Return (1 | H, 1 | N, M): heads and rows that are all alike once."""
    packed = full[:1] if (full == full[:1]).all() else full
    packed = packed[:, :1] if (packed == packed[:, :1]).all() else packed
    return np.ascontiguousarray(packed)
