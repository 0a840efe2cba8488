"""Training through integer arithmetic: measured, stored, verified, resumed and exported as integers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import emg_models
from emg_distill import ProtocolData, Recipe, export_onnx, finetune, load_recipe, verify
from emg_distill._integers import as_stored, in_integers
from emg_distill._models import as_teacher, build_model
from emg_distill._quantise.prepare import integer_codes, is_prepared, scheme

Make = Callable[..., Recipe]
QUANTISE = {"on": True, "windows": 16, "freeze_step": 4, "observer": "minmax"}


@pytest.fixture(scope="module")
def run(toy: ProtocolData, recipe: Make, tmp_path_factory: pytest.TempPathFactory):
    first = finetune(recipe(train={"epochs": 6}), toy, tmp_path_factory.mktemp("float"))
    plan = recipe(train={"epochs": 2}, optimizer={"lr": 1e-4}, quantise=QUANTISE)
    return finetune(plan, toy, tmp_path_factory.mktemp("integers"), init=first.folder), plan


def test_the_folder_holds_float_weights_and_grids(run, toy: ProtocolData) -> None:
    result, plan = run
    stored = json.loads((result.folder / "eval.json").read_text())
    assert stored["grids"] == json.loads(json.dumps(scheme(result.model)))
    plain = emg_models.from_pretrained(result.folder)
    assert not is_prepared(plain)
    again = as_stored(plain.eval(), plan.quantise, stored["grids"])
    x = torch.from_numpy(toy.test.x)
    for name, codes in integer_codes(result.model, x).items():
        assert torch.equal(integer_codes(again, x)[name], codes), name
    assert torch.equal(again(x), result.model(x))


def test_grids_are_chosen_from_training_windows(toy: ProtocolData, recipe: Make) -> None:
    seen: list[np.ndarray] = []

    class Watched:
        def __len__(self) -> int:
            return len(toy.train)

        def read(self, rows: np.ndarray):
            seen.append(rows)
            return toy.train.read(rows)

    model = build_model(recipe(), toy)
    in_integers(model, Watched(), recipe(quantise={"on": True, "windows": 10}).quantise)
    assert is_prepared(model)
    assert len(np.unique(np.concatenate(seen))) == 10


def test_resuming_gives_the_same_integers(toy: ProtocolData, recipe: Make, tmp_path: Path) -> None:
    plan = recipe(train={"epochs": 3, "checkpoint_every": 2, "select": "last"}, quantise=QUANTISE)
    whole = finetune(plan, toy, tmp_path / "whole")

    def stop(event) -> None:
        if event.kind == "step" and event.step == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(plan, toy, tmp_path / "cut", callback=stop)
    resumed = finetune(plan, toy, tmp_path / "cut")
    assert resumed.fit.resumed_from is not None
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_the_export_carries_the_grids(run, tmp_path: Path) -> None:
    result, _ = run
    graph = onnx.load(export_onnx(result.folder, tmp_path / "m.onnx")).graph
    kinds = {node.op_type for node in graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    folder = shutil.copytree(result.folder, tmp_path / "float")
    stored = json.loads((folder / "eval.json").read_text())
    (folder / "eval.json").write_text(json.dumps({k: v for k, v in stored.items() if k != "grids"}))
    plain = onnx.load(export_onnx(folder, tmp_path / "f.onnx")).graph
    assert "QuantizeLinear" not in {node.op_type for node in plain.node}


def test_verify_measures_the_integers(uci_folder: Path, uci: ProtocolData, tmp_path: Path) -> None:
    small = ["train.epochs=1", "model.embed_dim=24", "model.n_blocks=1", "quantise.on=true", "quantise.windows=8"]
    result = finetune(load_recipe("uci-finetune", small), uci, tmp_path)
    assert verify(result.folder, uci_folder).holds


def test_a_teacher_that_was_trained_in_integers_answers_in_them(run, toy: ProtocolData, recipe: Make) -> None:
    result, plan = run
    student = build_model(plan, toy)
    teacher = as_teacher(result.folder, student)
    assert is_prepared(teacher)
    x = torch.from_numpy(toy.test.x)
    assert torch.equal(teacher(x), result.model(x))
    assert not is_prepared(as_teacher(build_model(plan, toy), student))
