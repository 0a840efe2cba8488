"""The picture of a run: well-formed, the same bytes for the same numbers, points where the numbers are."""

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError, draw_curve
from emg_distill._loop.svg import Panel, Series, _ticks, draw_panels

SVG = "{http://www.w3.org/2000/svg}"


def parse(text: bytes | str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  written by the test itself


def write(path: Path, lines: list[dict]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def step(number: int, loss: float = 1.0) -> dict:
    return {"event": "step", "step": number, "loss": loss, "lr": 0.1 / number}


EPOCHS = [
    {"event": "epoch", "epoch": e, "step": 10 * e, "train_loss": 1 / e, "loss": 2 / e, "macro_f1": e / 9}
    for e in (1, 2)
]


def test_panels_and_lines(tmp_path: Path) -> None:
    metrics = write(tmp_path / "metrics.jsonl", [*(step(n, 3 / n) for n in range(1, 21)), *EPOCHS])
    out = draw_curve(metrics, tmp_path / "deep" / "curve.svg")
    first = out.read_bytes()
    assert draw_curve(str(metrics), str(out)).read_bytes() == first
    root = parse(first)
    titles = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "t"]
    assert titles == ["loss", "validation macro_f1", "learning rate"]
    lines = [line.get("points").split() for line in root.iter(f"{SVG}polyline")]
    assert [len(line) for line in lines] == [20, 2, 2, 2, 20]
    assert float(root.get("height")) == 3 * 190 + 22
    assert len(first) < 8000


def test_the_first_and_last_point_lie_on_the_frame() -> None:
    root = parse(draw_panels([Panel("a<b", [Series("&", "#000", [(5.0, -1.0), (6.0, 0.0), (9.0, 3.0)])])], "steps"))
    line = next(root.iter(f"{SVG}polyline")).get("points").split()
    assert [tuple(map(float, point.split(","))) for point in line] == [(70, 162), (237.5, 130.0), (740, 34)]
    assert "a<b" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_run_without_validation_has_no_validation_panel(tmp_path: Path) -> None:
    out = draw_curve(
        write(tmp_path / "m", [{"event": "epoch", "epoch": 1, "step": 3, "train_loss": 2.0}]), tmp_path / "c"
    )
    titles = [text.text for text in parse(out.read_bytes()).iter(f"{SVG}text") if text.get("class") == "t"]
    assert titles == ["loss"]
    empty = draw_curve(write(tmp_path / "e", []), tmp_path / "c").read_text()
    assert [text.text for text in parse(empty).iter(f"{SVG}text")] == ["optimiser steps"]


def test_long_runs_are_thinned_by_means(tmp_path: Path) -> None:
    points = [(float(x), float(x % 2)) for x in range(60_000)]
    root = parse(draw_panels([Panel("long", [Series("a", "#000", points)])], "steps"))
    line = next(root.iter(f"{SVG}polyline")).get("points").split()
    assert len(line) == 600
    assert {point.split(",")[1] for point in line} == {"98.0"}  # halfway between 34 and 162
    metrics = write(tmp_path / "m", [step(n) for n in range(1, 20_000)])
    assert draw_curve(metrics, tmp_path / "c.svg").stat().st_size < 30_000


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-6, 1e6))
def test_ticks_are_few_round_and_inside(low: float, width: float) -> None:
    high = low + width
    if high - low < 1e-9 * abs(low):
        return
    ticks = list(_ticks(low, high))
    room = 1e-6 * (high - low)
    assert 2 <= len(ticks) <= 8
    assert all(low - room <= tick <= high + room for tick in ticks)
    gap = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    digit = gap / 10.0 ** math.floor(math.log10(gap) + 1e-6)
    assert min(abs(digit - wanted) for wanted in (1, 2, 5)) < 1e-3


@pytest.mark.parametrize("line", ["", "{", "[]", '{"step": 1}', '{"event": "step", "step": "x"}', "3"])
def test_what_is_no_metrics_is_named_with_its_place(line: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps(step(1)) + f"\n{line}\n")
    with pytest.raises(EmgDistillError, match=r"metrics.jsonl, line 2 is no line of metrics"):
        draw_curve(path, tmp_path / "c.svg")
    assert not (tmp_path / "c.svg").exists()


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmgDistillError, match=r"none.jsonl does not exist; give the metrics.jsonl of a run"):
        draw_curve(tmp_path / "none.jsonl", tmp_path / "c.svg")
