"""Which factor a place gets: the one of several that leaves the least error behind the products, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.quantiser._calibrate import Sample, chunks, count, taken, walk
from emg_edge.quantiser._ranges import choose_range, on_grid
from emg_edge.quantiser._weights import quantise_weights

from ._sites import apply, columns, find_sites

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Graph, Node
    from emg_edge.quantiser._calibrate import Feeds
    from emg_edge.quantiser._options import QuantiseOptions

    from ._sites import Site

STRENGTHS = (0.25, 0.4, 0.5, 0.6, 0.75, 0.9)
WINDOWS = 32  # looked at
_ROWS = 256  # of each value, on which errors are measured
_SEARCHED = 2**12  # values that a search for the best range looks at
_LIMIT = 2.0**7  # a factor and its inverse stay below
_WORTH = 0.97  # a factor must lower the squared error to this share


def rescaled(graph: Graph, feeds: Feeds, options: QuantiseOptions) -> tuple[Graph, tuple[str, ...]]:
    """Move factors wherever that lowers the error of the products.

    Every place is tried with the factors of `balanced` at six strengths. The error is measured on rows of calibrated
    values: input and weights are rounded as they will be, the products' results compared with the float ones.

    Parameters
    ----------
    graph
        Canonical.
    feeds
        float32 ``(n, *sample)`` by input; 32 windows, spread evenly, are used.
    options
        ``migration`` and ``equalisation`` say which families of places take part.

    Returns
    -------
    Graph
        That computes the same outputs.
    tuple of str
        Values whose channels now carry a factor.
    """
    wanted = {"migration": options.migration, "equalisation": options.equalisation}
    sites = [site for site in find_sites(graph) if wanted[site.family]]
    if not sites:
        return graph, ()
    rows = _rows(graph, taken(feeds, slice(None, None, max(1, -(-count(feeds) // WINDOWS)))), sites)
    changed = []
    for site in sites:
        values, peaks = rows[site.value]
        factor = _best(graph, site, values, peaks, options)
        if factor is not None:
            graph = apply(graph, site, factor)
            rows[site.value] = values / factor, peaks / factor
            changed.append(site.value)
    return graph, tuple(changed)


def balanced(peaks: NDArray[np.float64], weights: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Return SmoothQuant's factors (arXiv 2211.10438) ``peaks**a / weights**(1 - a)`` with geometric mean 1.

    Parameters
    ----------
    peaks, weights
        Largest magnitude of each channel, ``(D,)``, in the value and in the weights that multiply it. Channels that are
        silent on either side keep factor 1.
    strength
        a, from 0 (what the weights ask for) to 1 (all channels of the value equally loud).
    """
    live = (peaks > 0.0) & (weights > 0.0)
    factor = np.ones(len(peaks))
    if live.any():
        raw = strength * np.log(peaks[live]) - (1.0 - strength) * np.log(weights[live])
        factor[live] = np.exp(np.clip(raw - raw.mean(), -np.log(_LIMIT), np.log(_LIMIT)))
    return factor


def _rows(
    graph: Graph, feeds: Feeds, sites: Iterable[Site]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return random rows ``(r, D)`` of every place's value and the largest magnitude of each channel ``(D,)``."""
    rng, width = np.random.default_rng(0), {site.value: site.width for site in sites}
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in width}
    peaks = {name: np.zeros(size) for name, size in width.items()}
    budget = max(1, _ROWS // count(feeds))
    for chunk in chunks(graph, feeds):
        for _, name, _, array in walk(graph, chunk):
            if name in width:
                table = array.reshape(-1, width[name])
                peaks[name] = np.maximum(peaks[name], np.abs(table).max(0))
                keep = min(len(table), budget * count(chunk))
                parts[name].append(table[rng.choice(len(table), keep, replace=False)])
    return {name: (np.concatenate(part).astype(np.float64), peaks[name]) for name, part in parts.items()}


def _best(
    graph: Graph, site: Site, rows: NDArray[np.float64], peaks: NDArray[np.float64], options: QuantiseOptions
) -> NDArray[np.float64] | None:
    readers = graph.consumers[site.value]
    loud = np.maximum.reduce([_loudest(graph, reader, site.width) for reader in readers])
    best: NDArray[np.float64] | None = None
    least = _WORTH * _error(graph, readers, rows, np.ones(site.width), options)
    for strength in STRENGTHS:
        factor = balanced(peaks, loud, strength)
        error = _error(graph, readers, rows, factor, options)
        if error < least:
            best, least = factor, error
    return best


def _loudest(graph: Graph, reader: Node, width: int) -> NDArray[np.float64]:
    """Return the largest weight that multiplies each channel, ``(D,)``."""
    weight = np.abs(graph.constants[reader.inputs[1]].astype(np.float64))
    largest: NDArray[np.float64] = (
        weight.reshape(_groups(reader), -1, weight.shape[-1]).max(1).reshape(-1, width).max(0)
    )
    return largest


def _groups(reader: Node) -> int:
    return int(reader.attrs.get("group", 1))


def _error(
    graph: Graph, readers: list[Node], rows: NDArray[np.float64], factor: NDArray[np.float64], options: QuantiseOptions
) -> float:
    """Return the squared error behind all products when the value is divided by a factor, then both are rounded."""
    divided, sample = rows / factor, Sample()
    sample.add(divided, _SEARCHED, np.random.default_rng(0))
    grid = choose_range(sample, options.method, symmetric=False, percentile=options.percentile)
    found = on_grid(divided, *grid)
    return sum(_product_error(graph, reader, rows, found, factor) for reader in readers)


def _product_error(
    graph: Graph, reader: Node, rows: NDArray[np.float64], found: NDArray[np.float64], factor: NDArray[np.float64]
) -> float:
    """Compare the product of rounded operands with that of floats."""
    weight = graph.constants[reader.inputs[1]].astype(np.float64)
    flat = (weight * columns(graph, reader, factor)).reshape(len(weight), -1)
    stored, _, step = quantise_weights(flat, np.zeros(len(flat)), 1.0, None, reader.attrs.get("weight_bits", 8))
    rounded = (stored * step[:, None]).reshape(weight.shape)
    pairs = zip(_products(rows, weight, _groups(reader)), _products(found, rounded, _groups(reader)), strict=True)
    return float(sum(np.square(wanted - result).sum() for wanted, result in pairs))


def _products(rows: NDArray[np.float64], weight: NDArray[np.float64], groups: int) -> Iterator[NDArray[np.float64]]:
    """Yield the products of rows with every tap of a kernel, group by group; sums over taps are left out."""
    width, depth = rows.shape[1], weight.shape[-1]
    if groups == 1:
        for start in range(0, depth, width):
            yield rows @ weight[..., start : start + width].reshape(-1, width).T
    else:
        for group, block in enumerate(np.split(weight, groups)):
            yield rows[:, group * depth : (group + 1) * depth] @ block.reshape(-1, depth).T
