"""<name>_push in the artefact: the same events by reference, host C and rv32, vectors, plan, cost, command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import edge_frontend as fronts
import edge_programs as programs
import numpy as np
import pytest
from edge_tools import needs, require_rv32
from typer.testing import CliRunner

from emg_edge import BudgetError, EmgEdgeError, RawInput, compile_model, get_target, load_compiled, plan_arena
from emg_edge._cli import app
from emg_edge._compile import front_end_of
from emg_edge._cost import simulate
from emg_edge.emit import emit_project
from emg_edge.emit._stream import probe_codes
from emg_edge.execute import _stream as streams
from emg_edge.execute._events import LABEL, SAMPLE, first_difference, pack_events
from emg_edge.plan._memory import plan_memory

pytestmark = needs("gcc")
SECTIONS = (fronts.butter(20, 1000, high=True), fronts.notch(50, 1000))
ZSCORE = {"kind": "zscore", "mean": [1e-5, 0.0, 0.0, 0.0], "std": [2e-4, 1e-4, 3e-4, 2e-4]}
RAW = {"scale": 1e-6, "offset": 12.5, "unit": "V"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("stream")
    fronts.write_model(place / "m.onnx", fronts.record(SECTIONS, ZSCORE, note="nothing else"))
    x = np.random.default_rng(0).normal(size=(64, 4, 10)).astype(np.float32)
    np.savez(place / "x.npz", x=x)
    (place / "raw.json").write_text(json.dumps(RAW))
    codes = np.random.default_rng(1).normal(0, 300, (4, 500)).astype(np.int16)
    np.savez(place / "codes.npz", codes=codes)
    compile_model(place / "m.onnx", x, target="gap9", out=place / "out", raw=RawInput(**RAW), name="net")
    return place


@pytest.fixture(scope="module")
def model(folder):
    return load_compiled(folder / "out")


@pytest.fixture(scope="module")
def codes(folder):
    return np.load(folder / "codes.npz")["codes"]


@pytest.fixture(scope="module")
def events(model, codes):
    return pack_events(model.program, model.stream("reference").push(codes))


def test_events_are_those_of_the_float_chain(model, codes, events):
    assert events[SAMPLE].tolist() == list(range(9, 500, 3))
    x = np.zeros((4, 500))
    for c, codes_of in enumerate(codes):
        row = (codes_of - 12.5) * 1e-6
        for b0, b1, b2, _, a1, a2 in SECTIONS:
            out = np.zeros(502)
            padded = np.concatenate([[0, 0], row])
            for t in range(2, 502):
                past = a1 * out[t - 1] + a2 * out[t - 2]
                out[t] = b0 * padded[t] + b1 * padded[t - 1] + b2 * padded[t - 2] - past
            row = out[2:]
        x[c] = (row - ZSCORE["mean"][c]) / ZSCORE["std"][c]
    windows = np.stack([x[:, end - 10 : end] for end in range(10, 501, 3)])
    found = model.run(windows, backend="reference")
    scale = model.program.tensors["logits"].scale
    wanted = model.program.tensors["logits"].dequantise(events["logits"])
    assert np.abs(found - wanted).max() <= 3 * scale  # some inputs lie near the middle of two steps
    assert (np.abs(found - wanted) < scale / 2).mean() > 0.98


@pytest.mark.parametrize("size", [1, 7, 500])
def test_host_c_gives_the_same_events_in_any_chunks(model, codes, events, size):
    with model.stream("c") as live:
        live.push(codes[:, :33])
        live.reset()
        found = [event for at in range(0, 500, size) for event in live.push(codes[:, at : at + size])]
        assert live.push(codes[:, :0]) == []
    assert first_difference(events, pack_events(model.program, found), "found") is None


def test_streams_do_not_share_memory(model, codes):
    with model.stream("c") as one, model.stream("c") as two:
        one.push(codes[:, :8])
        assert two.push(codes[:, :8]) == []
        assert [event.sample for event in one.push(codes[:, 8:10])] == [9]
    with pytest.raises(EmgEdgeError, match=r"need integers \(4 channels, frames\)"), model.stream("c") as one:
        one.push(codes[:3])
    with pytest.raises(EmgEdgeError, match="backend 'gpu' is not known; choose one of reference, c, rv32"):
        model.stream("gpu")


@pytest.mark.rv32
def test_rv32_gives_the_same_events_and_costs_what_is_modelled(model, codes, events):
    require_rv32()
    live = model.stream("rv32")
    found = live.push(codes[:, :9])
    assert found == []  # so that only the front end ran
    cost = simulate(model.program, model.plan, get_target("rv32"), model.front)["frontend"]
    assert 1.4 * live.instructions == pytest.approx(9 * cost["cycles_per_frame"], rel=0.15)
    found = live.push(codes[:, 9:211]) + live.push(codes[:, 211:])
    assert first_difference(events, pack_events(model.program, found), "found") is None


def test_a_simulator_that_fails_is_reported(model, codes, monkeypatch):
    class Runner:
        toolchain, folder = None, model.folder / "c"
        words, limit = ["false"], 5.0

        def command(self, binary):
            return [*self.words, str(binary)], self.limit

    monkeypatch.setattr(streams, "build", lambda *_: Path("0.5"))
    with pytest.raises(EmgEdgeError, match="the rv32 stream ended with status 1; build the project again"):
        streams._simulate(Runner(), b"")
    Runner.words, Runner.limit = ["sleep"], 0.05
    with pytest.raises(EmgEdgeError, match=r"rv32 did not finish in 0\.05 s; push fewer frames"):
        streams._simulate(Runner(), b"")
    monkeypatch.setattr(streams, "_simulate", lambda *_: (b"abc", 0))
    with pytest.raises(EmgEdgeError, match="the runner wrote 3 bytes, not a multiple of 24"):
        model.stream("rv32").push(codes[:, :1])


def test_a_reference_stream_starts_anew(model, codes):
    with model.stream("reference") as live:
        live.push(codes[:, :9])
        live.reset()
        assert live.push(codes[:, 9:18]) == []


@pytest.mark.compiles
def test_make_test_replays_every_stage_and_notices_a_changed_coefficient(model, tmp_path):
    shutil.copytree(model.folder / "c", tmp_path / "c")
    make = ["make", "-s", "test", "CFLAGS=-O0"]
    done = subprocess.run(make, cwd=tmp_path / "c", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    last = model.front.b[-1]
    text = (tmp_path / "c" / "net_weights.c").read_text()
    assert text.count(f", {last},\n") == 1
    (tmp_path / "c" / "net_weights.c").write_text(text.replace(f", {last},\n", f", {last + (1 << 10)},\n"))
    done = subprocess.run(make, cwd=tmp_path / "c", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith(("differs first: front end section 1\n", "differs first: event\n"))


@pytest.mark.rv32
def test_vectors_pass_on_the_core(model, tmp_path):
    require_rv32()
    shutil.copytree(model.folder / "c", tmp_path / "c")
    done = subprocess.run(["make", "-s", "test-rv32"], cwd=tmp_path / "c", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    symbols = subprocess.run(
        ["riscv64-unknown-elf-nm", "-S", "test_main.elf"],
        cwd=tmp_path / "c",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    sizes = {line.split()[3]: int(line.split()[1], 16) for line in symbols.splitlines() if len(line.split()) == 4}
    assert sum(sizes[name] for name in ("newest", "older", "rest", "ring", "front")) == model.front.state_bytes
    tables = {array.tobytes() for array in model.front.tables().values()}
    assert sizes["net_frontend"] == model.front.constant_bytes - sum(map(len, tables))


def test_vectors_reach_every_bit(model):
    codes = probe_codes(model.front)
    assert (codes.min(), codes.max()) == (-32768, 32767)
    assert not np.bitwise_and.reduce(codes.ravel())
    assert (np.bitwise_or.reduce(codes.ravel())) == -1


def test_the_plan_counts_the_memory_of_thefront_end_of(folder, model):
    without = plan_memory(model.program, model.target)
    beside = model.front.state_bytes + model.front.constant_bytes
    assert model.memory["l2"] == model.plan.used["l2"] == without.used["l2"] + beside
    assert json.loads((folder / "out" / "plan.json").read_text())["state"] == model.front.state_bytes
    small = without.used["l2"] + 8
    with pytest.raises(BudgetError, match=r"\d+ more are structures and front end, and L2 of gap9 offers"):
        compile_model(
            folder / "m.onnx", folder / "x.npz", out=folder / "small", raw=RawInput(**RAW), budgets={"l2": small // 8}
        )


def test_summary_and_simulation_state_what_a_stream_costs(model):
    assert "front end: the model notes 'nothing else', which no stage of push does" in model.warnings
    stream = model.summary["frontend"]
    assert (stream["channels"], stream["sections"], stream["window"], stream["hop"]) == (4, 2, 10, 3)
    assert stream["state_bytes"] == model.front.state_bytes
    assert 0 < stream["filter_error_codes"] < 0.1
    assert stream["windows_per_second"] == pytest.approx(1000 / 3)
    assert stream["real_time_factor"] == pytest.approx(1 / stream["load"])
    assert model.simulate()["frontend"]["cycles_per_second"] == stream["cycles_per_second"]
    per_second = 1000 * stream["cycles_per_frame"] + 1000 / 3 * (stream["cycles_per_window"] + model.summary["cycles"])
    assert stream["cycles_per_second"] == pytest.approx(per_second, rel=1e-3)


def test_without_codes_nothing_of_a_front_end_is_printed(folder, model, tmp_path):
    x = np.load(folder / "x.npz")["x"]
    plain = compile_model(folder / "m.onnx", x, target="gap9", out=tmp_path / "plain", name="net")
    files = {path.name: path.read_text() for path in (tmp_path / "plain" / "c").iterdir()}
    assert not {"test_stream.c", "emg_frontend.c", "emg_frontend.h"} & set(files)
    assert not any("frontend" in text or "push" in text for name, text in files.items() if name != "emg_trace.h")
    assert not (tmp_path / "plain" / "frontend.json").exists()
    with pytest.raises(EmgEdgeError, match="has no front end; compile the model with raw=RawInput"):
        plain.stream()
    streaming = (model.folder / "c" / "net.c").read_text()
    assert files["net.c"].split("void net_run(")[1] in streaming.split("void net_run(")[1]


def test_the_artefact_guards_itsfront_end_of(folder, tmp_path):
    shutil.copytree(folder / "out", tmp_path / "out")
    (tmp_path / "out" / "frontend.json").write_text("{}")
    with pytest.raises(EmgEdgeError, match=r"frontend\.json is missing or changed"):
        load_compiled(tmp_path / "out")


def test_several_inputs_have_nofront_end_of(model):
    program = replace(model.program, inputs=("emg", "other"))
    with pytest.raises(EmgEdgeError, match="a front end feeds one input, the model has"):
        front_end_of(program, RawInput(scale=1.0))


@needs("g++")
@pytest.mark.compiles
def test_the_header_serves_cpp_and_warnings_are_errors(model, tmp_path):
    (tmp_path / "use.cpp").write_text(
        '#include "net.h"\nint main() { net_event e; int16_t f[4] = {}; net_init(); return net_push(f, 1, &e) - 1; }\n'
    )
    include = f"-I{model.folder / 'c'}"
    subprocess.run(["g++", "-Wall", "-Wextra", "-Werror", include, "-c", "use.cpp"], cwd=tmp_path, check=True)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wpedantic", "-Wshadow", "-DEMG_TRACE"]
    for name in ("net.c", "net_weights.c", "emg_frontend.c", "test_main.c", "test_stream.c", "vectors.c"):
        subprocess.run(["gcc", *strict, "-c", name, "-o", "/dev/null"], cwd=model.folder / "c", check=True)


@pytest.mark.parametrize("kind", ["minmax", "zscore-window"])
def test_other_normalisations_are_printed_too(kind, model):
    numbers = {"minmax": {"low": -1.0, "high": 1.0}, "zscore-window": {"ddof": 0}}[kind]
    rule = {"kind": kind, "eps": 1e-8, "over": "channel", **numbers}
    metadata = {"emg.preprocessing": json.dumps(fronts.record((), rule))}
    front = front_end_of(replace(model.program, metadata=metadata), RawInput(scale=1e-6, dtype="int32"))
    files = emit_project(
        model.program, plan_arena(model.program), programs.random_feeds(model.program, 1, samples=1), front
    )
    assert f"EMG_{front.kind.upper()}" in files["net_weights.c"].decode()
    assert "const int32_t *frames" in files["net.h"].decode()
    assert "static int32_t rest" not in files["net.c"].decode()


def call(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_stream_command(folder, model, events, tmp_path):
    out, source = folder / "out", folder / "codes.npz"
    code, text, _ = call("stream", out, "--input", source, "--output", tmp_path / "e.npz", "--json")
    assert (code, json.loads(text)["events"], json.loads(text)["frames"]) == (0, 164, 500)
    written = dict(np.load(tmp_path / "e.npz"))
    assert first_difference(events, written, "e") is None
    again = ("stream", out, "--input", source, "--output", tmp_path / "f.npz", "--backend", "reference")
    assert call(*again, "--expect", tmp_path / "e.npz")[:2] == (0, "equal\n")
    written[LABEL][5] += 1
    np.savez(tmp_path / "e.npz", **written)
    code, text, _ = call(*again, "--expect", tmp_path / "e.npz")
    assert (code, text) == (
        1,
        f"event 5 differs first: 'event_label' is {events[LABEL][5]}, expected {written[LABEL][5]}\n",
    )
    np.savez(tmp_path / "e.npz", **{name: array[:7] for name, array in events.items()})
    assert call(*again, "--expect", tmp_path / "e.npz")[:2] == (1, "164 events, expected 7\n")
    np.savez(tmp_path / "e.npz", wrong=written[SAMPLE])
    code, _, text = call(*again, "--expect", tmp_path / "e.npz")
    assert code == 3
    assert "as `emg-edge stream` writes them" in text
    np.savez(tmp_path / "floats.npz", codes=np.zeros((4, 9)))
    code, _, text = call("stream", out, "--input", tmp_path / "floats.npz", "--output", tmp_path / "g.npz")
    assert code == 3
    assert "need integers (4 channels, frames)" in text


def test_compile_command_takes_a_raw_file(folder, tmp_path):
    words = ("compile", folder / "m.onnx", "--calibration", folder / "x.npz", "--out", tmp_path / "o", "--name", "net")
    code, text, _ = call(*words, "--raw", folder / "raw.json", "--json")
    assert code == 0
    assert json.loads(text)["frontend"]["hop"] == 3
    assert (tmp_path / "o" / "c" / "net.h").read_bytes() == (folder / "out" / "c" / "net.h").read_bytes()
    code, text, _ = call("simulate", tmp_path / "o")
    assert "x real time (modelled)" in " ".join(text.split())
