"""Coordinates of what is drawn: the memory map over time, histograms of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emg_edge.plan._plan import ArenaPlan

LEFT, RIGHT, TOP, HEIGHT = 70.0, 990.0, 10.0, 300.0
COLOURS = {"activation": "#2563a8", "scratch": "#8fa3b8"}
WIDE, HIGH = 320.0, 90.0  # of a histogram


def memory_map(arena: ArenaPlan) -> dict[str, Any]:
    """Return the coordinates of the memory map: time to the right, bytes upwards."""
    count = len(arena.live)
    step = (RIGHT - LEFT) / count
    scale = (HEIGHT - TOP) / max(arena.nbytes, 1)
    boxes = [
        {
            "x": round(LEFT + b.first * step, 2),
            "y": round(HEIGHT - b.end * scale, 2),
            "width": round((b.last - b.first + 1) * step, 2),
            "height": round((b.end - b.offset) * scale, 2),
            "fill": COLOURS[b.kind],
            "title": f"{b.name}: {b.nbytes:,} bytes at {b.offset:,}, layers {b.first} to {b.last}",
        }
        for b in arena.buffers
        if b.in_arena
    ]
    ticks = [{"y": round(HEIGHT - v * scale, 2), "label": f"{v:,}"} for v in _ticks(arena.nbytes)]
    middle = LEFT + (arena.peak + 0.5) * step
    return {
        "height": round(HEIGHT + 45),
        "base": HEIGHT,
        "step": round(step, 2),
        "boxes": boxes,
        "ticks": ticks,
        "peak_x": round(LEFT + arena.peak * step, 2),
        "peak_text": round(min(max(middle, LEFT + 120), RIGHT - 120), 2),
    }


def histogram(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bars of a histogram, square roots of the counts, so that tails can be seen.

    Parameters
    ----------
    facts
        ``title``, ``low``, ``high`` and ``counts`` (at least one, none negative).
    """
    counts = np.sqrt(np.asarray(facts["counts"], np.float64))
    heights = counts / max(float(counts.max()), 1.0) * HIGH
    step = WIDE / len(counts)
    bars = [
        {"x": round(i * step, 2), "y": round(HIGH - height, 2), "width": round(step, 2), "height": round(height, 2)}
        for i, height in enumerate(heights.tolist())
        if height > 0.0
    ]
    return {"title": facts["title"], "low": facts["low"], "high": facts["high"], "bars": bars}


def _ticks(top: int) -> list[int]:
    """Return round numbers of bytes from 0 to ``top``, five or so."""
    raw = max(top, 1) / 5
    power = 10 ** int(np.floor(np.log10(raw)))
    step = max(next((int(m * power) for m in (1, 2, 5, 10) if m * power >= raw), 1), 1)
    return list(range(0, top + 1, step))
