"""The console script: one JSON document on stdout, progress on stderr, honest exit codes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from emg_distill.cli import app

TINY = ["--set", "train.epochs=1", "--set", "model.embed_dim=24", "--set", "model.n_blocks=1"]


def call(*arguments: object, code: int = 0) -> Result:
    given = [str(argument) for argument in arguments]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["emg-distill", *given])
        result = CliRunner().invoke(app, given, env={"EMG_DATA": ""})
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def runs(uci_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pre-training, teacher and student through the command line."""
    root = tmp_path_factory.mktemp("runs")
    data = ["--data", uci_folder, "--json", *TINY]
    steps = (
        ("pretrain", "uci-pretrain", []),
        ("finetune", "uci-finetune", ["--init", root / "pretrain"]),
        ("distill", "uci-distill", ["--teacher", root / "finetune" / "model"]),
    )
    for task, recipe, extra in steps:
        result = call(task, recipe, *data, "--out", root / task, *extra)
        document = json.loads(result.stdout)
        assert Path(document["folder"]) == root / task / "model"
        assert len(document["split_hash"]) == 64
    return root


def test_training_commands_write_provable_folders(runs: Path, uci_folder: Path) -> None:
    for task in ("pretrain", "finetune", "distill"):
        document = json.loads(call("verify", runs / task, "--data", uci_folder, "--json").stdout)
        assert document["holds"] is True
        command = json.loads((runs / task / "model" / "eval.json").read_text())["command"]
        assert command.startswith(f"emg-distill {task} uci-{task} --data ")


def test_evaluate(runs: Path, uci_folder: Path) -> None:
    options = ["--data", uci_folder, "--protocol", "uci/subject-disjoint", "--part", "test"]
    document = json.loads(call("evaluate", runs / "distill", *options, "--json").stdout)
    assert {"accuracy", "macro_f1", "n", "per_subject", "split_hash"} <= set(document)
    assert "accuracy" in call("evaluate", runs / "distill", *options).stdout


def test_a_number_that_does_not_hold_exits_3_with_a_diff(runs: Path, uci_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(runs / "finetune" / "model", tmp_path / "m")
    stored = json.loads((folder / "eval.json").read_text())
    stored["metrics"]["accuracy"] = 0.999
    (folder / "eval.json").write_text(json.dumps(stored))
    result = call("verify", folder, "--data", uci_folder, "--json", code=3)
    assert json.loads(result.stdout)["holds"] is False
    assert "accuracy: stored 0.999, found" in result.stderr


def test_resume_and_fresh(runs: Path, uci_folder: Path) -> None:
    again = [
        "finetune", "uci-finetune", *TINY, "--data", uci_folder, "--out", runs / "finetune",
        "--init", runs / "pretrain", "--json",
    ]  # fmt: skip
    assert json.loads(call(*again).stdout)["resumed_from"] is not None
    assert json.loads(call(*again, "--fresh").stdout)["resumed_from"] is None


def test_exit_codes(uci_folder: Path, tmp_path: Path) -> None:
    assert (
        "did you mean 'epochs'"
        in call("finetune", "uci-finetune", "--set", "train.epoch=1", "--data", uci_folder, code=2).stderr
    )
    call("finetune", "uci-finetune", code=2)
    assert "is for 'finetune'" in call("pretrain", "uci-finetune", "--data", uci_folder, code=2).stderr
    other = ["--set", "protocol=uci/subject"]
    assert "unknown protocol" in call("finetune", "uci-finetune", *other, "--data", uci_folder, code=2).stderr
    options = ["--data", uci_folder, "--protocol"]
    assert "unknown protocol" in call("evaluate", tmp_path, *options, "uci", code=2).stderr
    assert "part='all'" in call("evaluate", tmp_path, *options, "uci/subject-disjoint", "--part", "all", code=2).stderr
    call("distill", "uci-distill", "--data", uci_folder, code=2)
    assert "error: " in call("finetune", "uci-finetune", "--data", tmp_path, "--out", tmp_path / "r", code=3).stderr
    assert "is no model folder" in call("verify", tmp_path, "--data", uci_folder, code=3).stderr


def test_a_defect_of_ours_is_not_called_bad_data(uci_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_keywords: object) -> None:
        raise ValueError("shapes (3,) and (4,) do not match")

    monkeypatch.setattr("emg_distill._evaluate.verify", broken)
    result = CliRunner().invoke(app, ["verify", "x", "--data", str(uci_folder)])
    assert isinstance(result.exception, ValueError)
    assert "error:" not in result.stderr


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['emg-distill', '--help']; from emg_distill.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
    )
    heavy = (
        "bad = {'torch', 'scipy', 'numba', 'lightning_fabric', 'emg_models'} & set(sys.modules)\nassert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code + heavy], check=True, capture_output=True)


def test_what_ships_is_listed() -> None:
    rows = json.loads(call("recipes", "--json").stdout)
    assert {"name": "uci-distill", "task": "distill", "protocol": "uci/subject-disjoint", "model": "tinymyo"} in rows
    found = {row["name"]: row for row in json.loads(call("protocols", "--json").stdout)}
    assert found["uci/tinymyo"]["strict"] == "uci/subject-disjoint"
    assert found["uci/tinymyo"]["flaw"]
    assert "uci/tinymyo" in call("protocols").stdout
    assert "uci-distill" in call("recipes").stdout


def test_a_plan_is_modelled_and_says_so() -> None:
    asked = ["plan", "emg2qwerty-tiny", "--windows", 1280, "--n-chans", 32, "--n-times", 10000, "--gpus", 4]
    document = json.loads(call(*asked, "--json").stdout)
    assert "modelled" in document["label"]
    assert document["gpus"] == 4
    assert "Modelled, not measured" in call(*asked).stdout
    assert "h100" in call(*asked, "--gpu", "abacus", code=2).stderr


def test_a_store_is_prepared_and_trained_from(uci_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    made = call("prepare", "uci/subject-disjoint", store, "--data", uci_folder, "--json")
    document = json.loads(made.stdout)
    assert "jobs" in made.stderr
    out = tmp_path / "run"
    call("finetune", "uci-finetune", *TINY, "--data", uci_folder, "--store", store, "--out", out, "--json")
    stored = json.loads((out / "model" / "eval.json").read_text())
    assert stored["split_hash"] == document["split_hash"]
    assert json.loads(call("verify", out, "--data", uci_folder, "--store", store, "--json").stdout)["holds"]
    assert "unknown protocol" in call("prepare", "uci", store, "--data", uci_folder, code=2).stderr


def test_workers_of_a_cluster_prepare(uci_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import emg_io

    asked: list[str] = []

    @contextmanager
    def cluster(address: str) -> Iterator[ThreadPoolExecutor]:
        asked.append(address)
        with ThreadPoolExecutor(1) as pool:
            yield pool

    monkeypatch.setattr(emg_io, "dask_executor", cluster)
    options = ["--data", uci_folder, "--dask", "tcp://here:8786", "--json"]
    call("prepare", "uci/subject-disjoint", tmp_path / "store", *options)
    assert asked == ["tcp://here:8786"]
    assert (tmp_path / "store" / "store.json").is_file()


def test_export(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "student.onnx"
    assert json.loads(call("export", runs / "distill", out, "--json").stdout) == {"file": str(out)}
    assert out.stat().st_size > 1000
    assert "is no model folder" in call("export", tmp_path, out, code=3).stderr


def test_a_language_model_needs_a_beam(runs: Path, uci_folder: Path, tmp_path: Path) -> None:
    from emg_distill import fit_ngram, write_arpa

    write_arpa(fit_ngram(["ab", "ba"], order=2), tmp_path / "lm.arpa")
    options = ["--data", uci_folder, "--protocol", "uci/subject-disjoint", "--lm", tmp_path / "lm.arpa", "--json"]
    document = json.loads(call("evaluate", runs / "distill", *options, "--beam", 4).stdout)
    assert len(document["lm"]) == 64
    options[-2] = tmp_path / "absent.arpa"
    assert "absent.arpa" in call("evaluate", runs / "distill", *options, code=3).stderr
