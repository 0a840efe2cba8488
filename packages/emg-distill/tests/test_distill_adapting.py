"""AdaBN: what it moves, what it leaves, what its number has seen."""

import dataclasses
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import emg_models
from emg_distill import EmgDistillError, ProtocolData, WindowSet, evaluate, finetune, load_protocol, load_recipe
from emg_distill._examples.chosen import Chosen
from emg_distill._tasks.adapting import adapt
from emg_distill.cli import app

TRIAL = np.array([7, 7, 4, 4, 9, 9, 2, 2])
CLASS = np.array([0, 0, 0, 0, 1, 1, 1, 1])


@pytest.fixture
def data(toy: ProtocolData) -> ProtocolData:
    """One class a trial, two trials of each class, then the same of another person whose signals are shifted."""
    x = np.random.default_rng(0).standard_normal((16, 4, 40)).astype(np.float32)
    x[8:] += 5.0
    who = np.repeat(["a", "b"], 8)
    test = WindowSet(x, np.tile(CLASS, 2), who, trial=np.concatenate([TRIAL, TRIAL + 10]))
    return dataclasses.replace(toy, test=test)


@pytest.fixture
def model() -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(160, 3))


def test_published_adaptation_sees_all_that_is_measured(model: nn.Module, data: ProtocolData) -> None:
    adapted, same, record = adapt(model, data, "test", "transductive", 3)
    wanted = emg_models.adapt_batchnorm(model, torch.from_numpy(data.test.x), seed=3)
    assert all(torch.equal(a, b) for a, b in zip(adapted.buffers(), wanted.buffers(), strict=True))
    assert same is data
    assert record == {"mode": "transductive", "transductive": True, "n": 16}
    assert float(model[0].running_mean.abs().max()) == 0.0
    assert float(adapted[0].running_mean.min()) > 1.0


def test_calibration_trials_are_not_measured(model: nn.Module, data: ProtocolData) -> None:
    adapted, rest, record = adapt(model, data, "test", "calibration", 3)
    early = np.isin(data.test.trial, [4, 2, 14, 12])
    wanted = emg_models.adapt_batchnorm(model, torch.from_numpy(data.test.x[early]), seed=3)
    assert all(torch.equal(a, b) for a, b in zip(adapted.buffers(), wanted.buffers(), strict=True))
    assert record == {"mode": "calibration", "transductive": False, "n": 8}
    assert sorted(set(rest.test.trial.tolist())) == [7, 9, 17, 19]
    assert rest.test.subject.tolist() == ["a"] * 4 + ["b"] * 4
    assert torch.equal(rest.test.read(np.arange(8)).x, torch.from_numpy(data.test.x[~early]))
    assert rest.test.classes.tolist() == data.test.classes[~early].tolist()
    assert len({data.test.digest, rest.test.digest, Chosen(data.test, np.flatnonzero(early)).digest}) == 3


def test_labels_do_not_matter_to_the_published_form(model: nn.Module, data: ProtocolData) -> None:
    wrong = dataclasses.replace(data, test=dataclasses.replace(data.test, y=np.zeros(16, np.int64)))
    one, other = (adapt(model, each, "test", "transductive", 0)[0] for each in (data, wrong))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_what_cannot_be_adapted_is_refused(model: nn.Module, data: ProtocolData, toy: ProtocolData) -> None:
    with pytest.raises(EmgDistillError, match="adabn='always': choose one of transductive, calibration"):
        adapt(model, data, "test", "always", 0)  # type: ignore[arg-type]
    with pytest.raises(EmgDistillError, match="have no classes and trials; choose 'transductive'"):
        adapt(model, toy, "test", "calibration", 0)
    with pytest.raises(EmgDistillError, match="adabn='transductive': Linear has no batch normalisation"):
        adapt(nn.Linear(1, 1), data, "test", "transductive", 0)
    once = dataclasses.replace(data, test=dataclasses.replace(data.test, trial=np.tile(CLASS, 2)))
    with pytest.raises(EmgDistillError, match="every class was done once"):
        adapt(model, once, "test", "calibration", 0)


def test_a_stored_model_is_measured_after_adaptation(forged: ModuleType, forged_root: Path, tmp_path: Path) -> None:
    name, fold = "capgmyo-b/inter-session", "1"
    folder = forged.forge_protocol(forged_root, name)
    data = load_protocol(name, folder, fold=fold, partial=True)
    short = ["train.steps=1", "train.batch_size=8"]
    run = finetune(load_recipe("allconvnet-capgmyo-sessions", short), data, tmp_path)
    plain = evaluate(run.folder, folder, name, partial=True)
    assert "adabn" not in plain
    published = evaluate(run.folder, folder, name, partial=True, adabn="transductive")
    assert published["adabn"] == {"mode": "transductive", "transductive": True, "n": plain["n"]}
    assert published["loss"] != plain["loss"]
    options = ["--data", str(folder), "--protocol", name, "--partial", "--adabn", "calibration", "--json"]
    result = CliRunner().invoke(app, ["evaluate", str(run.folder), *options])
    document = json.loads(result.stdout)
    assert document["adabn"]["n"] + document["n"] == plain["n"]
    assert document["adabn"]["transductive"] is False
