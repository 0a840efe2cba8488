"""The console script as a user runs it: one JSON document, exit codes, a quick --help."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emg_models import TinyMyoPretrainer, _cli, list_models, model_info, save_pretrained
from emg_models._cli import app

SCRIPT = Path(sys.executable).with_name("emg-models")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(small_model, tmp_path, describe, labels):
    return save_pretrained(small_model, tmp_path / "m", preprocessing=describe(small_model.config), labels=labels)


def test_list():
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == list_models()
    assert all(row["source"] and row["licence"] for row in rows)
    shown = run("list")
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in list_models())


def test_info():
    assert json.loads(run("info", "tinymyo", "--json").stdout) == model_info("tinymyo")
    arguments = ("info", "tinymyo", "--n-chans", 8, "--n-times", 200, "--n-outputs", 6)
    found = json.loads(run(*arguments, "--json").stdout)
    assert found["parameters"] == 3_575_814
    assert found == model_info("tinymyo", n_chans=8, n_times=200, n_outputs=6)
    assert "3,575,814" in run(*arguments).stdout


def test_export(folder, tmp_path):
    pytest.importorskip("onnx")
    result = run("export", folder, tmp_path / "m.onnx", "--json")
    found = json.loads(result.stdout)
    assert found["path"] == str(tmp_path / "m.onnx")
    assert found["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert (found["input"], found["output"], found["opset"]) == ([1, 8, 100], [1, 6], 20)
    assert "TinyMyoClassifier" in run("export", folder, tmp_path / "n.onnx").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("info", "tinymio", "--json"), 2, "model 'tinymio' is unknown; choose one of"),
        (("info", "tinymyo", "--n-times", "30"), 2, "n_times=30 is not a multiple"),
        (("info", "tinymyo", "--n-chans", "x"), 2, "--n-chans"),
        (("export", "absent", "out.onnx", "--json"), 3, "config.json: no such file"),
        (("export", "absent", "out.onnx", "--opset", "7"), 2, "--opset"),
        (("train",), 2, "No such command"),
    ],
)
def test_errors_go_to_stderr_with_their_exit_code(arguments, code, message):
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_a_pretraining_model_cannot_be_exported(small_config, tmp_path, describe):
    pytest.importorskip("onnx")
    model = TinyMyoPretrainer(dataclasses.replace(small_config, n_outputs=None))
    save_pretrained(model, tmp_path / "p", preprocessing=describe(small_config), labels=[])
    result = run("export", tmp_path / "p", tmp_path / "p.onnx")
    assert result.exit_code == 3
    assert "type TinyMyoPretrainer: a classifier is required" in result.stderr


@pytest.mark.parametrize("name", ["a[b].onnx", "a[/b].onnx", ":cat:.onnx", "ünï.onnx", os.fsdecode(b"bad\xff.onnx")])
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii"])
def test_any_file_name_can_be_shown(name, encoding, tmp_path, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), *encoding.split(":"))
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(_cli, "app", lambda: _cli._print_table(name, ["", ""], [["path", name]]))
    _cli.main()
    monkeypatch.setattr(_cli, "app", lambda: _cli._print_json({"path": name}))
    _cli.main()
    stream.flush()
    table, brace, rest = stream.buffer.getvalue().partition(b"{")
    assert table.count(name.encode(stream.encoding, "backslashreplace")) == 2
    assert json.loads(brace + rest) == {"path": name}


def test_a_file_that_cannot_be_read_is_named(folder, tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = run("export", folder, tmp_path / "m.onnx")
    assert result.exit_code == 3
    assert "Permission denied" in result.stderr
    assert "config.json" in result.stderr


def test_help_needs_no_torch():
    code = "import sys, emg_models._cli, emg_models as m; m.TinyMyoConfig; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not SCRIPT.exists(), reason="the console script is not installed beside this interpreter")
def test_help_of_the_installed_script():
    result = subprocess.run([SCRIPT, "--help"], check=True, capture_output=True, text=True)
    assert all(verb in result.stdout for verb in ("list", "info", "export"))
