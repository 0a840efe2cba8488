"""The report: self-contained, deterministic, escaped, complete; looked at in a browser where one is installed."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import edge_programs as programs
import numpy as np
import pytest
from edge_tools import needs

from emg_edge import CompiledModel, EmgEdgeError, compile_program, get_target, load_compiled
from emg_edge._artifact import write_artifact
from emg_edge.quantiser._sqnr import BINS, LayerNoise
from emg_edge.report._charts import histogram, memory_map
from emg_edge.targets import TARGETS


class Tags(HTMLParser):
    """Checks that tags nest and collects attributes that could load something."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in {"src", "href", "data", "action"}]
        if tag not in {"meta", "link", "line", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"line", "rect"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    program = programs.small_network(blocks=2)
    x = np.random.default_rng(0).normal(size=(4, 2, 60))
    folder = tmp_path_factory.mktemp("report")
    noise = {
        op.name: LayerNoise(sqnr_db=20.0 + i, saturated=0.25, codes=tuple(range(BINS)))
        for i, op in enumerate(program.ops)
    }
    row = {"layer": "patch", "what": "activation", "now": "int8", "then": "int16", "gain_db": 1.25, "removed": 1e-3}
    row |= {"value": "patch", "nbytes": 384, "cycles": None, "possible": True}
    ranking = [{**row, "advice": "<b>int16</b> " * 40}, {**row, "removed": -1.0, "advice": "harmless"}]
    return compile_program(
        program,
        x,
        target=get_target("gap9"),
        out=folder / "m",
        noise=noise,
        ranking=ranking,
        warnings=["<few> samples"],
    )


def test_page_is_whole_and_self_contained(compiled, tmp_path):
    accuracy = {"float": 0.9, "c": {"accuracy": 0.875, "interval": [0.8, 0.92], "macro_f1": 0.86, "n": 64}}
    path = compiled.report(tmp_path / "r.html", accuracy=accuracy, command="make <this>")
    page = path.read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.loads == []
    assert not re.search(r"https?://|@import|url\(", page)
    text = " ".join(" ".join(tags.text).split())
    for op in compiled.program.ops:
        assert op.name in text
    peak = compiled.program.ops[compiled.plan.arena.peak].name
    assert f"peak: {peak}" in text
    assert "<few> samples" in text  # escaped in the page, whole in the text
    assert "make <this>" in text
    for wanted in ("90.00 %", "87.50 %", "80.00 to 92.00 %", "0.8600", "modelled", compiled.summary["hash"]):
        assert wanted in text
    assert "patch 20.0 dB" in text
    assert "patch linear, 20.0 dB, 25.00% of the codes at a limit" in text
    assert "weights' codes" in text
    assert "int8 → int16 +1.2 +384" in text
    assert "<b>int16</b> <b>int16</b>" in text  # escaped
    assert "harmless" not in text


def test_same_input_same_bytes_and_json_holds_the_facts(compiled, tmp_path):
    one = compiled.report(tmp_path / "a.html", note="x")
    two = compiled.report(tmp_path / "b.html", note="x")
    assert one.read_bytes() == two.read_bytes()
    facts = json.loads(one.with_suffix(".json").read_text())
    assert facts["simulation"]["modelled"] is True
    assert facts["plan"]["arena"]["bytes"] == compiled.plan.arena.nbytes
    assert facts["facts"] == {"note": "x"}
    assert len(facts["layers"]) == len(compiled.program.ops)


def test_every_buffer_is_drawn_inside_the_chart(compiled):
    arena = compiled.plan.arena
    drawn = memory_map(arena)
    assert len(drawn["boxes"]) == sum(b.in_arena for b in arena.buffers)
    for box in drawn["boxes"]:
        assert 70 <= box["x"] <= box["x"] + box["width"] <= 990.1
        assert 9.9 <= box["y"] <= box["y"] + box["height"] <= 300.1
    assert 3 <= len(drawn["ticks"]) <= 7


def test_layers_as_csv_are_those_of_the_summary(compiled, tmp_path):
    path = compiled.report(tmp_path / "r.html").with_suffix(".csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [row["name"] for row in compiled.layers]
    for row, layer in zip(rows, compiled.layers, strict=True):
        assert int(row["macs"]) == layer["macs"]
        assert int(row["cycles"]) == layer["cycles"]
        assert float(row["sqnr_db"]) == layer["sqnr_db"]
        assert row["shape"] == "x".join(map(str, layer["shape"]))


def test_the_worst_layers_come_first_with_histograms_of_codes_and_weights(compiled):
    worst = compiled.summary["worst"]
    assert [row["name"] for row in worst] == [op.name for op in compiled.program.ops[:5]]
    patch = worst[0]["histograms"]
    assert [drawn["title"] for drawn in patch] == ["int8 codes written", "weights' codes"]
    assert sum(patch[1]["counts"]) == compiled.program.ops[0].weight.size


def test_histograms_keep_inside_their_frame_and_leave_out_empty_bins():
    drawn = histogram({"title": "t", "low": -128, "high": 127, "counts": [0, 4, 16, 0]})
    assert [(bar["x"], bar["height"]) for bar in drawn["bars"]] == [(80.0, 45.0), (160.0, 90.0)]
    assert histogram({"title": "t", "low": 0, "high": 1, "counts": [0, 0]})["bars"] == []


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_target_has_a_report(target, tmp_path):
    program = programs.small_network()
    x = np.random.default_rng(0).normal(size=(1, 2, 60))
    model = compile_program(program, x, target=get_target(target), out=tmp_path / "m")
    page = model.report(tmp_path / "r.html").read_text()
    assert ("ms</b>" in page) == (target == "gap9")


@needs("chromium")
def test_browser_draws_it_without_overflow(compiled, tmp_path):
    path = compiled.report(tmp_path / "r.html")
    size = "document.documentElement.scrollWidth + ' ' + window.innerWidth"
    drawn = "document.querySelector('svg').getBoundingClientRect().height"
    bars = "document.querySelectorAll('svg.histogram rect').length"
    outside = (
        "[...document.querySelectorAll('svg rect')].filter(r => { const a = r.getBoundingClientRect(),"
        " b = r.ownerSVGElement.getBoundingClientRect(); return a.left < b.left - 1 || a.right > b.right + 1"
        " || a.top < b.top - 1 || a.bottom > b.bottom + 1 || a.width <= 0 }).length"
    )
    probe = f"<script>document.title = {size} + ' ' + {drawn} + ' ' + {bars} + ' ' + {outside}</script>"
    path.write_text(path.read_text().replace("</body>", probe + "</body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900", "--dump-dom"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=90,
    )
    width, window, height, bars, outside = map(float, re.search(r"<title>([\d. ]+)</title>", done.stdout)[1].split())
    assert width <= window
    assert height > 200
    assert bars == sum(
        sum(count > 0 for count in drawn["counts"]) for row in compiled.summary["worst"] for drawn in row["histograms"]
    )
    assert outside == 0


def test_hostile_metadata_neither_runs_nor_replaces_a_fact(tmp_path):
    evil = "<script>alert(1)</script>"
    program = programs.small_network()
    program = replace(program, metadata={"emg.labels": evil, "program": "0" * 64, "python": evil})
    model = compile_program(program, np.ones((1, 2, 60)), target=get_target("gap9"), out=tmp_path / "m")
    page = load_compiled(model.folder).report(tmp_path / "r.html", accuracy={evil: 0.5}, note=evil).read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3
    assert model.summary["hash"] in page.split("To reproduce")[1]
    assert "0" * 64 not in page


@pytest.mark.parametrize("accuracy", ["high", {"n": 3}, {"accuracy": 0.5, "interval": [0.1]}, {"accuracy": None}])
def test_what_is_no_accuracy_is_refused(compiled, tmp_path, accuracy):
    with pytest.raises(EmgEdgeError, match=r"accuracy by 'c' is .*; give a fraction or what `evaluate` returned"):
        compiled.report(tmp_path / "r.html", accuracy={"c": accuracy})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_the_page_never_overwrites_what_lies_beside_it(compiled, tmp_path, suffix):
    with pytest.raises(EmgEdgeError, match=rf"r\.{suffix}: the page needs another suffix"):
        compiled.report(tmp_path / f"r.{suffix}")


@pytest.mark.parametrize("change", [{"worst": [3]}, {"frontend": {}}, {"name": None, "cycles": "many"}, {"budget": 0}])
def test_a_forged_summary_is_said_not_drawn(compiled, tmp_path, change):
    forged = CompiledModel(compiled.folder, compiled.program, {**compiled.summary, **change})
    with pytest.raises(
        EmgEdgeError, match=r"layers\.json is not as `emg-edge compile` writes it .*; compile the model"
    ):
        forged.report(tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rows", ["rows", [3], [{"layer": "a"}]])
def test_a_ranking_that_is_none_is_refused(compiled, tmp_path, rows):
    folder = tmp_path / "m"
    documents = {"layers.json": {**compiled.summary, "ranking": rows}}
    write_artifact(folder, compiled.program, documents, {})
    with pytest.raises(EmgEdgeError, match="its ranked layers are not as `emg-edge quantize` writes them"):
        load_compiled(folder)
