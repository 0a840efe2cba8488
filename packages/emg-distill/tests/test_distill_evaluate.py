"""A stored number is measured again: it holds, or the difference is named."""

import json
import shutil
from pathlib import Path

import pytest

from emg_distill import EmgDistillError, evaluate, finetune, load_recipe, pretrain, verify

SMALL = ["train.epochs=1", "model.embed_dim=24", "model.n_blocks=1"]


@pytest.fixture(scope="module")
def run(uci, tmp_path_factory: pytest.TempPathFactory):
    return finetune(load_recipe("uci-finetune", SMALL), uci, tmp_path_factory.mktemp("run"))


def test_evaluate_gives_the_stored_metrics(run, uci, uci_folder: Path) -> None:
    for part in ("val", "test"):
        found = evaluate(run.folder, uci_folder, uci.name, part)
        assert found["split_hash"] == uci.split_hash
        assert {key: found[key] for key in run.metrics[part]} == run.metrics[part]
        assert set(found["per_subject"]) == set(uci.part(part).subject)
    assert found["n"] == len(uci.test)
    assert evaluate(run.folder.parent, uci_folder, uci.name)["accuracy"] == found["accuracy"]


def test_verify_holds(run, uci_folder: Path) -> None:
    report = verify(run.folder, uci_folder)
    assert report.holds
    assert report.differences == []
    assert report.found == report.stored == run.metrics["test"]


def test_verify_names_a_changed_number(run, uci_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "m")
    path = folder / "eval.json"
    stored = json.loads(path.read_text())
    stored["metrics"]["accuracy"] += 0.01
    stored["metrics"]["per_subject"]["nobody"] = 1.0
    path.write_text(json.dumps(stored))
    report = verify(folder, uci_folder)
    assert not report.holds
    assert len(report.differences) == 2
    assert report.differences[0].startswith("accuracy: stored ")
    assert report.differences[1] == "per_subject.nobody: stored 1.0, found None"
    assert not verify(folder, uci_folder, tolerance=0.1).holds


def edited(run, tmp_path: Path, change) -> Path:
    folder = shutil.copytree(run.folder, tmp_path / "edited")
    stored = json.loads((folder / "eval.json").read_text())
    change(stored)
    (folder / "eval.json").write_text(json.dumps(stored))
    return folder


@pytest.mark.parametrize("kept", [(), ("n", "macro_f1")])
def test_a_number_that_was_deleted_does_not_hold(kept: tuple[str, ...], run, uci_folder: Path, tmp_path: Path) -> None:
    def change(stored) -> None:
        stored["metrics"] = {key: stored["metrics"][key] for key in kept}

    report = verify(edited(run, tmp_path, change), uci_folder)
    assert not report.holds
    assert any(text.startswith("accuracy: stored None, found ") for text in report.differences)


def test_verify_names_a_changed_recipe(run, uci_folder: Path, tmp_path: Path) -> None:
    report = verify(edited(run, tmp_path, lambda stored: stored["recipe"].update(seed=7)), uci_folder)
    assert [text.partition(":")[0] for text in report.differences] == ["recipe_hash", "seed"]


@pytest.mark.parametrize(("key", "value"), [("metrics", 3), ("recipe", "x"), ("split_seed", "0"), ("part", None)])
def test_values_of_another_type_are_named(key: str, value: object, run, uci_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EmgDistillError, match=f"lacks {key}, or holds another type"):
        verify(edited(run, tmp_path, lambda stored: stored.update({key: value})), uci_folder)


def test_a_tolerance_below_zero_is_refused(run, uci_folder: Path) -> None:
    for tolerance in (-1e-9, float("nan")):
        with pytest.raises(EmgDistillError, match="it must be >= 0"):
            verify(run.folder, uci_folder, tolerance=tolerance)


def test_verify_names_other_recordings(run, tmp_path: Path) -> None:
    from emg_io import synthesize

    other = synthesize(tmp_path / "set", n_subjects=5, seed=2)
    report = verify(run.folder, other)
    assert not report.holds
    assert report.differences[0].startswith("split_hash: stored ")


def test_the_stored_split_is_used(uci_folder: Path, tmp_path: Path) -> None:
    from emg_distill import load_protocol

    other = load_protocol("uci/subject-disjoint", uci_folder, split_seed=3)
    result = finetune(load_recipe("uci-finetune", SMALL), other, tmp_path)
    assert verify(result.folder, uci_folder).holds


def test_pretraining_can_be_verified_too(uci, uci_folder: Path, tmp_path: Path) -> None:
    result = pretrain(load_recipe("uci-pretrain", SMALL), uci, tmp_path)
    report = verify(result.folder, uci_folder)
    assert report.holds
    assert set(report.found) == {"loss", "n"}


def test_folders_that_prove_nothing_are_refused(run, uci_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "m")
    (folder / "eval.json").write_text("{}")
    with pytest.raises(EmgDistillError, match="lacks protocol, part, split_hash"):
        verify(folder, uci_folder)
    (folder / "eval.json").write_text("3")
    with pytest.raises(EmgDistillError, match="lacks protocol, part, split_hash"):
        verify(folder, uci_folder)
    (folder / "eval.json").write_text("{")
    with pytest.raises(EmgDistillError, match=r"eval.json is not JSON"):
        verify(folder, uci_folder)
    (folder / "eval.json").unlink()
    with pytest.raises(EmgDistillError, match=r"has no eval.json"):
        verify(folder, uci_folder)
    with pytest.raises(EmgDistillError, match="is no model folder"):
        verify(tmp_path / "absent", uci_folder)
    with pytest.raises(EmgDistillError, match="part='all'"):
        evaluate(run.folder, uci_folder, "uci/subject-disjoint", "all")


def test_other_labels_are_refused(run, uci_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config["labels"] = ["a", "b", "c", "d", "e", "f"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EmgDistillError, match=r"has labels .'a', 'b'.*the protocol has .'rest'"):
        evaluate(folder, uci_folder, "uci/subject-disjoint")
