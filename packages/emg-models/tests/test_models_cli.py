"""The console script as a user runs it: one JSON document, exit codes, a quick --help."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
from typer.testing import CliRunner

from emg_models import (
    TinyMyoClassifier,
    TinyMyoPretrainer,
    _cli,
    from_pretrained,
    list_models,
    load_labels,
    model_info,
    save_pretrained,
)
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


def test_info_takes_any_field():
    fields = ("--set", "n_blocks=2", "--set", "rope=none", "--set", "channel_embedding=false", "--sfreq", 500)
    found = json.loads(run("info", "tinymyo", "--task", "tokens", *fields, "--json").stdout)
    changed = {"n_blocks": 2, "rope": "none", "channel_embedding": False}
    assert found == model_info("tinymyo", task="tokens", sfreq=500.0, **changed)
    pose = json.loads(run("info", "neuropose", "--set", "widths=[4,6,8]", "--json").stdout)
    assert pose["config"]["widths"] == [4, 6, 8]


def test_check(folder, small_model, labels, describe):
    found = json.loads(run("check", folder, "--json").stdout)
    assert (found["model"], found["task"], found["labels"]) == ("TinyMyoClassifier", "classification", labels)
    assert (found["input"], found["output"]) == ([1, 8, 100], [1, 6])
    window = describe(small_model.config)["window"]
    assert found["preprocessing"]["window"] == window | {"seconds": 1.0}
    assert found["evaluation"] is None
    assert found["config"] == small_model.config.to_dict()
    assert "TinyMyoClassifier" in run("check", folder).stdout
    (folder / "preprocessing.json").write_text("{}")
    result = run("check", folder, "--json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "not written together" in result.stderr


@pytest.fixture
def published(tmp_path, small_config):
    """A file with the published key names, small."""
    config = dataclasses.replace(small_config, embed_dim=64, n_heads=1, channel_embedding=False)
    model = TinyMyoClassifier(config)
    state = {
        key.replace("encoder.", "").replace("head.", "model_head.classifier."): value
        for key, value in model.state_dict().items()
    }
    safetensors.torch.save_file(state, tmp_path / "published.safetensors")
    return tmp_path / "published.safetensors"


def test_convert(published, tmp_path, small_config, describe, labels):
    (tmp_path / "p.json").write_text(json.dumps(describe(small_config)))
    (tmp_path / "l.json").write_text(json.dumps({"labels": labels}))
    arguments = ("convert", published, tmp_path / "out", "--preprocessing", tmp_path / "p.json", "--sfreq", 100)
    arguments += ("--n-times", 100, "--set", "rope=corrected")
    result = run(*arguments, "--labels", tmp_path / "l.json", "--json")
    found = json.loads(result.stdout)
    assert found["release"] == "first (no channel embedding)"
    assert (found["loaded"], found["left_out"]) == ({"encoder": 29, "head": 2}, {})
    model = from_pretrained(tmp_path / "out")
    assert (model.config.rope, model.config.n_times, model.config.n_chans) == ("corrected", 100, 8)
    assert load_labels(tmp_path / "out") == labels
    assert "license: cc-by-nd-4.0" in (tmp_path / "out" / "README.md").read_text()
    refused = run(*arguments)
    assert refused.exit_code == 3
    assert "0 labels given, the model has 6 outputs" in refused.stderr
    bare = json.loads(run(*arguments, "--task", "tokens", "--json", "--set", "n_chans=8").stdout)
    assert (bare["loaded"], bare["left_out"]) == ({"encoder": 29}, {"head": 2})


@pytest.mark.untraced
@pytest.mark.usefixtures("translations")
def test_export(folder, tmp_path):
    pytest.importorskip("onnx")
    result = run("export", folder, tmp_path / "m.onnx", "--json")
    found = json.loads(result.stdout)
    assert found["path"] == str(tmp_path / "m.onnx")
    assert found["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert (found["input"], found["output"], found["opset"]) == ([1, 8, 100], [1, 6], 20)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("info", "tinymio", "--json"), 2, "model 'tinymio' is unknown; choose one of"),
        (("info", "tinymyo", "--n-times", "0"), 2, "n_times=0: an integer >= 1"),
        (("info", "tinymyo", "--n-chans", "x"), 2, "--n-chans"),
        (("export", "absent", "out.onnx", "--json"), 3, "config.json: no such file"),
        (("export", "absent", "out.onnx", "--opset", "7"), 2, "--opset"),
        (("train",), 2, "No such command"),
        (("info", "tinymyo", "--set", "n_blocks"), 2, "--set n_blocks: KEY=VALUE is required"),
        (("info", "tinymyo", "--set", "n_chans=3", "--n-chans", "4"), 2, "each key once"),
        (("info", "tinymyo", "--set", "depth=3"), 2, "unknown settings ['depth']"),
        (("info", "tinymyo", "--task", "fly"), 2, "has no task 'fly'"),
        (("check", "absent"), 3, "config.json: no such file"),
        (("export", "absent", "out.onnx", "--batch", "0"), 2, "--batch"),
        (("convert", "absent", "out", "--preprocessing", "p.json"), 3, "absent: no such file"),
        (("convert", "absent", "out", "--preprocessing", "p.json", "--set", "x"), 2, "KEY=VALUE"),
    ],
)
def test_errors_go_to_stderr_with_their_exit_code(arguments, code, message):
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("translations")
def test_any_task_is_exported_at_any_batch(small_config, tmp_path, describe):
    pytest.importorskip("onnx")
    model = TinyMyoPretrainer(dataclasses.replace(small_config, n_outputs=None))
    save_pretrained(model, tmp_path / "p", preprocessing=describe(small_config), labels=[])
    shown = run("export", tmp_path / "p", tmp_path / "p.onnx", "--batch", 3).stdout
    assert "TinyMyoPretrainer" in shown
    assert shown.count("3, 8, 100") == 2


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
    def refuse(self, mode):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
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
    assert all(verb in result.stdout for verb in ("list", "info", "check", "export", "convert"))
