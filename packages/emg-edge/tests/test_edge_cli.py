"""The console script: documents, exit codes, comparison."""

from __future__ import annotations

import json
import subprocess
import sys

import edge_programs as programs
import numpy as np
import pytest
from edge_tools import console as cli
from edge_tools import needs

from emg_edge._cli import app

pytestmark = needs("gcc")
PROCESS = [sys.executable, "-c", "import sys; from emg_edge._cli import main; sys.argv[0] = 'emg-edge'; main()"]


def document(done, code=0):
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    arrays = programs.write_onnx(folder / "gesture.onnx")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 4, 10)).astype(np.float32)
    np.savez(folder / "x.npz", anything=x)
    np.save(folder / "y.npy", programs.float_perceptron(arrays, x).argmax(1))
    done = cli("compile", "gesture.onnx", "--calibration", "x.npz", "--out", "out", "--json", cwd=folder)
    return folder, document(done)


def test_help_lists_all_commands_and_a_process_prints_one_document(place):
    done = subprocess.run([*PROCESS, "--help"], capture_output=True, text=True, check=True, timeout=120)
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert names >= {"inspect", "quantize", "compile", "run", "stream", "evaluate", "simulate", "report"}
    assert all(name in done.stdout for name in names)
    command = [*PROCESS, "simulate", place[0] / "out", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert document(done)["modelled"] is True
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_compile_document(place):
    _, found = place
    assert set(found["memory"]) == {"l1", "l2", "l3", "stack"}
    assert {"latency_ms", "energy_mj", "warnings", "hash", "interval"} <= set(found)
    for row in found["layers"]:
        assert {"name", "op", "macs", "cycles", "energy_uj", "sqnr_db"} <= set(row)


def test_inspect(place):
    folder, _ = place
    found = document(cli("inspect", "gesture.onnx", "--json", cwd=folder))
    assert found["unsupported"] == []
    assert found["inputs"][0]["name"] == "emg"
    assert [row["op"] for row in found["layers"]].count("linear") == 2


def test_unsupported_and_broken_models_exit_3(tmp_path):
    programs.write_onnx(tmp_path / "odd.onnx", op="Bernoulli")
    np.savez(tmp_path / "x.npz", np.zeros((4, 4, 10), np.float32))
    for arguments in (("inspect", "odd.onnx"), ("compile", "odd.onnx", "--calibration", "x.npz", "--out", "o")):
        found = document(cli(*arguments, "--json", cwd=tmp_path), 3)
        assert set(found["unsupported"][0]) == {"node", "op", "why", "change"}
        assert found["unsupported"][0]["op"] == "Bernoulli"
    (tmp_path / "broken.onnx").write_bytes(b"\x00\x01")
    assert "error" in document(cli("inspect", "broken.onnx", "--json", cwd=tmp_path), 3)
    done = cli("inspect", "broken.onnx", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("emg-edge: ")
    assert "Traceback" not in done.stderr


def test_budget_exits_4(place):
    folder, _ = place
    done = cli(
        *["compile", "gesture.onnx", "--calibration", "x.npz", "--out", "small", "--l2", "64", "--json"], cwd=folder
    )
    assert "bytes" in document(done, 4)["error"]
    assert not (folder / "small").exists()


@pytest.mark.parametrize(
    "arguments", [["compile"], ["compile", "m.onnx", "--calibration", "x", "--out", "o", "--target", "gap8"], ["nope"]]
)
def test_usage_exits_2(arguments):
    assert cli(*arguments).returncode == 2


def test_run_compares_bit_for_bit(place):
    folder, _ = place
    run = ["run", "out", "--input", "x.npz", "--output"]
    found = document(cli(*run, "y.npz", "--json", cwd=folder))
    assert found["samples"] == 100
    document(cli(*run, "r.npz", "--backend", "reference", "--json", cwd=folder))
    assert (folder / "y.npz").read_bytes() == (folder / "r.npz").read_bytes()
    same = document(cli(*run, "z.npz", "--expect", "r.npz", "--json", cwd=folder))
    assert same["equal"] is True
    document(cli(*run, "t.npz", "--trace", "--backend", "reference", "--json", cwd=folder))
    layers = dict(np.load(folder / "t.npz"))
    first = next(iter(layers))
    layers[first] = layers[first].copy()
    layers[first].flat[7] ^= 1
    np.savez(folder / "wrong.npz", **layers)
    different = document(cli(*run, "z.npz", "--expect", "wrong.npz", "--json", cwd=folder), 1)
    assert different["first"]["tensor"] == first
    assert different["first"]["element"] == 7 % layers[first][0].size
    done = cli(*run, "z.npz", "--expect", "wrong.npz", cwd=folder)
    assert done.returncode == 1
    assert "differs first" in done.stdout


def test_evaluate_simulate_and_report(place):
    folder, compiled = place
    evaluate = ["evaluate", "out", "--data", "x.npz", "--labels", "y.npy"]
    found = document(cli(*evaluate, "--json", cwd=folder))
    assert found["accuracy"] > 0.95
    assert found == {**document(cli(*evaluate, "--backend", "reference", "--json", cwd=folder)), "backend": "c"}
    (folder / "e.json").write_text(json.dumps(found))
    simulated = document(cli("simulate", "out", "--json", cwd=folder))
    assert simulated["modelled"] is True
    assert simulated["latency_ms"] == compiled["latency_ms"]
    report = document(cli("report", "out", "--output", "r.html", "--evaluation", "e.json", "--json", cwd=folder))
    assert f"{100 * found['accuracy']:.2f} %" in (folder / report["report"]).read_text()
    assert json.loads((folder / "r.json").read_text())["facts"]["accuracy"]["c"]["n"] == 100
    for text in (
        cli(*evaluate, cwd=folder),
        cli("simulate", "out", cwd=folder),
        cli("inspect", "gesture.onnx", cwd=folder),
    ):
        assert text.returncode == 0
        assert text.stdout.strip()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "cannot be read"), (b"PK\x03\x04broken", "cannot be read"), (None, "cannot be read")],
)
def test_unreadable_samples_exit_3(place, content, message):
    folder, _ = place
    path = folder / "bad.npz"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    done = cli("run", "out", "--input", "bad.npz", "--output", "z.npz", "--json", cwd=folder)
    assert message in document(done, 3)["error"]


def test_pickled_arrays_are_refused(place):
    folder, _ = place
    np.savez(folder / "objects.npz", np.array([{"a": 1}], dtype=object))
    done = cli("run", "out", "--input", "objects.npz", "--output", "z.npz", "--json", cwd=folder)
    assert "plain real numbers" in document(done, 3)["error"]


def test_a_folder_that_is_no_artefact_exits_3(tmp_path):
    assert "not a compiled model" in document(cli("simulate", tmp_path, "--json"), 3)["error"]


def test_expectations_that_cannot_be_met_are_bad_data_not_different_bits(place):
    folder, _ = place
    run = ["run", "out", "--input", "x.npz", "--output", "z.npz", "--json", "--backend", "reference", "--expect"]
    for arrays, message in (
        ({"logits": np.float32(1)}, r"'logits' is float32 (); need int16 (100, 4)"),
        ({"logits": np.full((100, 4), np.nan)}, "need int16 (100, 4)"),
        ({"logits": np.zeros((99, 4), np.int16)}, "from the same samples"),
        ({"logits": np.zeros((100, 4), np.int16), "other": np.zeros(3)}, "not ['other']"),
        ({}, "at least ['logits']"),
    ):
        np.savez(folder / "expect.npz", **arrays)
        found = document(cli(*run, "expect.npz", cwd=folder), 3)
        assert message in found["error"]
        assert "expect.npz" in found["error"]


@pytest.mark.parametrize("content", ['{"backend": "c"}', '{"backend": "c", "accuracy": "<b>"}', "[1]", "{", "null"])
def test_an_evaluation_that_is_none_exits_3(place, content):
    folder, _ = place
    (folder / "odd.json").write_text(content)
    done = cli("report", "out", "--output", "page.html", "--evaluation", "odd.json", "--json", cwd=folder)
    assert "odd.json: not what `emg-edge evaluate --json` prints" in document(done, 3)["error"]
    assert not (folder / "page.html").exists()


def test_paths_that_cannot_be_written_exit_3_without_a_traceback(place):
    folder, _ = place
    (folder / "file").touch()
    for arguments in (
        ["compile", "gesture.onnx", "--calibration", "x.npz", "--out", "file"],
        ["run", "out", "--input", "x.npz", "--output", "file/y.npz", "--backend", "reference"],
        ["report", "out", "--output", "file/r.html"],
    ):
        done = cli(*arguments, "--json", cwd=folder)
        assert "cannot be written" in document(done, 3)["error"]
        assert done.stderr == ""


def test_labels_are_one_array(place):
    folder, _ = place
    np.savez(folder / "two.npz", a=np.zeros(100, int), b=np.zeros(100, int))
    done = cli("evaluate", "out", "--data", "x.npz", "--labels", "two.npz", "--json", cwd=folder)
    assert "two.npz holds ['a', 'b']; need exactly one array" in document(done, 3)["error"]


def test_numbers_of_the_model_are_labelled_in_every_table(place):
    folder, _ = place
    out = folder / "for rv32 é"
    compiled = ["compile", "gesture.onnx", "--calibration", "x.npz", "--out", out, "--target", "rv32"]
    for done in (cli(*compiled, cwd=folder), cli("simulate", out, cwd=folder)):
        assert done.returncode == 0, done.stderr
        assert "modelled" in done.stdout
