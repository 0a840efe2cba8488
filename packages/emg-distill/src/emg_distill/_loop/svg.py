"""Line pictures as SVG: no dependency, the same bytes for the same numbers."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 190, 70, 20, 34, 28
_CAPTION, _MOST_POINTS = 22, 600
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600}.y{text-anchor:end}.x{text-anchor:middle}"
    ".g{stroke:#e4e4e4}polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}"
)


@dataclass(frozen=True)
class Series:
    """A line: its name, its colour, and its points (x, y) in order of x."""

    name: str
    colour: str
    points: Points


@dataclass(frozen=True)
class Panel:
    """Lines that share their axes."""

    title: str
    series: Sequence[Series]


def draw_panels(panels: Sequence[Panel], x_name: str) -> str:
    """Return one SVG document with the panels below each other; they share their x axis, which has a name.

    Lines of more than 600 points are drawn through the means of 600 runs of points.
    """
    xs = [x for panel in panels for line in panel.series for x, _ in line.points]
    span = _span(xs)
    body = "".join(_panel(panel, index * _HEIGHT, span) for index, panel in enumerate(panels))
    height = len(panels) * _HEIGHT + _CAPTION
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{body}'
        f'<text class="x" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" y="{height - 8}">{escape(x_name)}</text></svg>\n'
    )


def _panel(panel: Panel, top: int, xspan: tuple[float, float]) -> str:
    yspan = _span([y for line in panel.series for _, y in line.points])
    left, right, high, low = _LEFT, _WIDTH - _RIGHT, top + _TOP, top + _HEIGHT - _BOTTOM
    parts = [f'<text class="t" x="{left}" y="{top + 20}">{escape(panel.title)}</text>']
    for value in _ticks(*yspan):
        y = _place(value, yspan, low, high)
        parts.append(
            f'<line class="g" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
            f'<text class="y" x="{left - 8}" y="{float(y) + 4:.1f}">{value:.6g}</text>'
        )
    for value in _ticks(*xspan):
        x = _place(value, xspan, left, right)
        parts.append(f'<text class="x" x="{x}" y="{low + 18}">{value:.6g}</text>')
    for index, line in enumerate(panel.series):
        corners = " ".join(
            f"{_place(x, xspan, left, right)},{_place(y, yspan, low, high)}" for x, y in _thinned(line.points)
        )
        parts.append(
            f'<polyline stroke="{line.colour}" points="{corners}"/>'
            f'<text x="{right - 110 * (len(panel.series) - index)}" y="{top + 20}" style="fill:{line.colour}">'
            f"{escape(line.name)}</text>"
        )
    return "".join(parts)


def _place(value: float, span: tuple[float, float], start: float, stop: float) -> str:
    return f"{start + (value - span[0]) / (span[1] - span[0]) * (stop - start):.1f}"


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of values, widened where they are all the same."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high - low > 1e-12 * max(abs(low), abs(high)):
        return low, high
    room = abs(low) / 2 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> Iterator[float]:
    """Yield three to eight round numbers of a range."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        yield index * step


def _thinned(points: Points) -> Points:
    if len(points) <= _MOST_POINTS:
        return points
    cuts = [len(points) * index // _MOST_POINTS for index in range(_MOST_POINTS + 1)]
    runs = [points[start:stop] for start, stop in pairwise(cuts)]
    return [(math.fsum(x for x, _ in run) / len(run), math.fsum(y for _, y in run) / len(run)) for run in runs]
