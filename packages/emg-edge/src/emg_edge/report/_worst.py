"""The layers that lose most, with the histograms that show why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.program._tensor import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emg_edge.program._op import Op
    from emg_edge.program._program import Program
    from emg_edge.quantiser._sqnr import LayerNoise

N_WORST = 5
_BINS = 32


def worst_layers(program: Program, noise: Mapping[str, LayerNoise]) -> list[dict[str, Any]]:
    """Return the layers of the lowest signal-to-noise ratio, worst first.

    Parameters
    ----------
    program
        With the operators.
    noise
        What quantisation does at each, by operator name.

    Returns
    -------
    list
        Per layer ``name``, ``op``, ``sqnr_db``, ``saturated`` and ``histograms``: of the codes that it writes and of
        its weights, each with ``title``, ``low``, ``high`` (codes) and ``counts``.
    """
    rated = sorted((op for op in program.ops if op.name in noise), key=lambda op: noise[op.name].sqnr_db)
    return [_row(program, op, noise[op.name]) for op in rated[:N_WORST]]


def _row(program: Program, op: Op, noise: LayerNoise) -> dict[str, Any]:
    tensor = program.tensors[op.output]
    _, low, high = DTYPES[tensor.dtype]
    histograms = [{"title": f"{tensor.dtype} codes written", "low": low, "high": high, "counts": list(noise.codes)}]
    weight = op.constants().get("weight")
    if weight is not None and weight.dtype == np.int8:
        counts = np.histogram(weight, _BINS, (-128, 128))[0].tolist()
        histograms.append({"title": "weights' codes", "low": -128, "high": 127, "counts": counts})
    return {
        "name": op.name,
        "op": op.kind,
        "sqnr_db": noise.sqnr_db,
        "saturated": noise.saturated,
        "histograms": histograms,
    }
