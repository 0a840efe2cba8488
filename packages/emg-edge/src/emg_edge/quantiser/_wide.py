"""int16 in front of products: which values can have it, and on which grid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.kernels._fixed import sum_bound
from emg_edge.program._tensor import DTYPES

from .lowering import LOWERINGS
from .lowering._common import clamps, product_weights

if TYPE_CHECKING:
    from emg_edge.graph._graph import Graph, Node
    from emg_edge.program._tensor import Tensor

    from ._calibrate import Sample
    from ._options import QuantiseOptions


def can_widen(graph: Graph, name: str, readers: list[Node], sample: Sample, options: QuantiseOptions) -> bool:
    """Whether a value can be written in int16 and all of the ``readers`` behind it have room for it."""
    producer = graph.producers.get(name)
    if producer is None or name in graph.outputs or not readers or graph.given.get(name):
        return False
    clamped, entry = clamps(graph, producer), LOWERINGS[producer.op]
    if entry.writes == "int8" or entry.keeps_grid or ("body" in producer.attrs and not clamped):
        return False
    scale, room = wide_scale(sample, options), _has_room_from_zero if clamped else has_room
    return all(room(graph, reader, scale) for reader in readers)


def drowns(sample: Sample, int8: Tensor, options: QuantiseOptions) -> bool:
    """Whether the rounding of an int8 grid, uniform over a step, is too loud beside the usual calibration window.

    A few loud windows stretch the grid of raw EMG and of the layers close to it until the step is as large as what the
    other windows hold; clipping the loud ones instead would lose those.
    """
    noise = int8.scale**2 / 12.0
    return bool(sample.usual_power < noise * 10.0 ** (options.int8_db / 10.0))


def has_room(graph: Graph, reader: Node, scale: float) -> bool:
    """Whether a reader can take an int16 value with that scale."""
    entry = LOWERINGS[reader.op]
    return entry.reads == "product" and entry.wide is not None and entry.wide(graph, reader, scale)


def _has_room_from_zero(graph: Graph, reader: Node, scale: float) -> bool:
    """Whether a product can take an int16 value whose zero point is the lowest code."""
    if reader.op not in {"conv", "linear"}:
        return False
    stored, bias, _ = product_weights(graph, reader, scale / 2)
    folded = bias + 2**15 * stored.astype(np.int64).sum(1)
    return sum_bound(stored, folded, -(2**15), 2**15 - 1) < 2**31


def input_is_wide(graph: Graph, readers: list[Node], scale: float, options: QuantiseOptions) -> bool:
    """Whether an input of the program, with that scale in int16, is int16.

    Raises
    ------
    EmgEdgeError
        When it has to be and something reads int8 alone.
    """
    narrow = [reader.name for reader in readers if LOWERINGS[reader.op].reads == "int8"]
    if options.input_dtype == "int16" and narrow:
        raise EmgEdgeError(
            f"input_dtype='int16', but {narrow} read the input in int8 alone; use 'auto', which looks, or 'int8'"
        )
    if options.input_dtype != "auto":
        return options.input_dtype == "int16"
    return all(LOWERINGS[reader.op].reads == "any" or has_room(graph, reader, scale) for reader in readers)


def peak(sample: Sample) -> float:
    """Return the largest calibrated magnitude."""
    return max(-sample.low, sample.high)


def wide_scale(sample: Sample, options: QuantiseOptions) -> float:
    """Return the step of a symmetric int16 grid: the calibrated peak with headroom."""
    return (peak(sample) or 1.0) * options.headroom / DTYPES["int16"][2]


def widened(int8: Tensor, sample: Sample, options: QuantiseOptions, *, clamped: bool) -> Tensor:
    """Return the int16 grid of a value; behind a ReLU that is a saturation, it begins at 0."""
    scale = wide_scale(sample, options)
    return replace(int8, dtype="int16", scale=scale / (1 + clamped), zero_point=-(2**15) if clamped else 0)
