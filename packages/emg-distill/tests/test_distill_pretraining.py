"""Pre-training beside reconstruction: feature prediction, contrast, time and frequency."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from emg_distill import EmgDistillError, ProtocolData, Recipe, finetune, pretrain
from emg_distill._models import build_model
from emg_distill._tasks.embedding import embedding_metrics
from emg_distill._tasks.prediction import FeaturePredictionTask
from emg_distill._training import _pretraining

Make = Callable[..., Recipe]
WAYS = {
    "feature_prediction": {"mask": {"kind": "block", "ratio": 0.5, "block": 1}, "momentum": {"top": 1, "ramp": 4}},
    "nt_xent": {"mask": {"kind": "none"}, "augment": {"noise": 0.3, "gain": 0.2}},
    "info_nce": {"mask": {"kind": "none"}, "augment": {"noise": 0.3}},
    "time_frequency_consistency": {"mask": {"kind": "none"}, "augment": {"noise": 0.3}},
}


def plan(recipe: Make, name: str, **more) -> Recipe:
    return recipe("pretrain", objective={"name": name}, **{**WAYS[name], **more})


@pytest.mark.parametrize("name", WAYS)
def test_a_run_learns_and_its_encoder_starts_a_classifier(
    name: str, toy: ProtocolData, recipe: Make, tmp_path: Path
) -> None:
    spec = plan(recipe, name, train={"epochs": 6, "select": "last"})
    first = pretrain(spec, toy, tmp_path / "p")
    losses = [entry["train_loss"] for entry in first.fit.history]
    assert losses[-1] < losses[0]
    assert set(first.metrics["test"]) == {"alignment", "uniformity", "n"}
    assert type(first.model).__name__ == "TinyMyoEncoder"
    frozen = recipe(train={"epochs": 1}, optimizer={"lr": 1e-30}, schedule={"warmup": 0, "floor_lr": 0.0})
    tuned = finetune(frozen, toy, tmp_path / "f", init=first.folder)
    for key, value in first.model.state_dict().items():
        assert torch.allclose(value, tuned.model.encoder.state_dict()[key], atol=1e-6), key


@pytest.mark.parametrize("name", WAYS)
def test_the_loss_is_a_function_of_seed_epoch_and_rows(name: str, toy: ProtocolData, recipe: Make) -> None:
    task = _pretraining(plan(recipe, name), toy)
    task.module.eval()
    rows = np.array([3, 0, 5, 1])
    first, again, later = (task.loss(task.module, task.read(rows, e), rows, e)[0].detach() for e in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert task.validate() == task.validate()


def test_the_teacher_follows_slowly_and_takes_no_gradient(toy: ProtocolData, recipe: Make) -> None:
    spec = plan(recipe, "feature_prediction")
    task = FeaturePredictionTask(build_model(spec, toy, task="tokens"), spec, toy)
    rows = np.arange(4)
    task.loss(task.module, task.read(rows, 0), rows, 0)[0].backward()
    assert all(p.grad is None for p in task.module.teacher.parameters())
    assert all(p.grad is not None for n, p in task.model.named_parameters())
    before = [p.clone() for p in task.module.teacher.parameters()]
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.add_(1.0)
    task.after_step(1, 10)
    for old, new in zip(before, task.module.teacher.parameters(), strict=True):
        assert torch.allclose(new - old, torch.full_like(old, 0.001), atol=1e-5)


def test_scaled_transformers_hide_spans_of_frames(recipe: Make) -> None:
    rng = np.random.default_rng(0)
    from emg_distill import WindowSet

    windows = WindowSet(rng.standard_normal((6, 4, 400)).astype(np.float32), None, np.array(["a"] * 6))
    data = ProtocolData("toy", windows, None, None, [], 2000.0, {"grid": None}, "5" * 64, kind="unlabelled")
    options = {"name": "scaled-transformer-tiny", "embed_dim": 32, "n_heads": 4, "n_blocks": 2, "mask_vector": True}
    spec = recipe("pretrain", objective={"name": "feature_prediction"}, mask={"kind": "spans", "block": 3},
                  momentum={"top": 1}, model=options)  # fmt: skip
    task = _pretraining(spec, data)
    rows = np.arange(3)
    context = task.context(task.module, task.read(rows, 0), _draws(rows))
    assert context["patch_mask"].any(1).all()
    assert context["patch_mask"].shape == context["projected"].shape[:2]


def _draws(rows: np.ndarray):
    from emg_distill._seeds import Purpose, SampleDraws

    return SampleDraws(0, Purpose.MASK, 0, rows)


def test_objectives_that_do_not_go_together_are_refused(toy: ProtocolData, recipe: Make) -> None:
    spec = recipe("pretrain", objective={})
    both = [{"name": "nt_xent"}, {"name": "masked_reconstruction"}]
    from emg_distill._recipe.read import recipe_from_dict

    spec = recipe_from_dict({**spec.to_dict(), "objective": both}, "both")
    with pytest.raises(EmgDistillError, match="masked_reconstruction, nt_xent cannot be pre-trained together"):
        _pretraining(spec, toy)


def test_embeddings_are_measured_as_defined(toy: ProtocolData, recipe: Make) -> None:
    spec = plan(recipe, "nt_xent")
    model = build_model(spec, toy, task="tokens").eval()
    metrics = embedding_metrics(model, toy.test, spec, toy.sfreq)
    with torch.no_grad():
        f = torch.nn.functional.normalize(model(torch.from_numpy(toy.test.x)).double().mean(1), dim=1)
    pairs = [float(torch.exp(-2 * (f[i] - f[j]).square().sum())) for i in range(18) for j in range(18) if i != j]
    assert metrics["uniformity"] == pytest.approx(np.log(np.mean(pairs)), abs=1e-5)
    assert 0.0 < metrics["alignment"] < 4.0
    assert metrics["n"] == 18
    still = plan(recipe, "nt_xent", augment={"noise": 0.0, "gain": 0.0})
    assert embedding_metrics(model, toy.test, still, toy.sfreq)["alignment"] == 0.0


def test_more_blocks_than_there_are_is_a_recipe_s_error(toy: ProtocolData, recipe: Make) -> None:
    with pytest.raises(EmgDistillError, match=r"momentum.top=4: TinyMyoEncoder has 1 blocks"):
        _pretraining(plan(recipe, "feature_prediction", momentum={"top": 4}), toy)
