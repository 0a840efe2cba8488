"""Tasks: what models take, what objectives see, what teachers answer."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import emg_models
from emg_distill import EmgDistillError, ProtocolData, Recipe
from emg_distill._examples.batch import Batch
from emg_distill._models import build_model
from emg_distill._tasks.learner import Learner, call_model, inputs_of, targets_of
from emg_distill._tasks.reconstruction import ReconstructionTask
from emg_distill._tasks.supervised import SupervisedTask
from emg_distill._tasks.teacher import Teacher
from emg_distill._tasks.teacher_cache import TeacherCache

Make = Callable[..., Recipe]
LAYER = "encoder.blocks.0"


def test_models_get_what_they_take_and_no_more(toy: ProtocolData, recipe: Make) -> None:
    model = build_model(recipe(), toy).eval()
    batch = toy.train.read(np.arange(3))
    given = {**inputs_of(batch), "lengths": torch.tensor([40, 40, 40])}
    assert torch.equal(call_model(model, given), model(batch.x))


def test_padded_channels_reach_the_model_as_a_mask(toy: ProtocolData, recipe: Make) -> None:
    model = build_model(recipe(), toy).eval()
    batch = toy.train.read(np.arange(2))
    mask = torch.tensor([[True, True, True, False]] * 2)
    masked = Batch(batch.x, batch.y, channel_mask=mask)
    assert torch.equal(call_model(model, inputs_of(masked)), model(batch.x, mask))


def test_features_are_the_layer_s_output(toy: ProtocolData, recipe: Make) -> None:
    model = build_model(recipe(), toy).eval()
    learner = Learner(model, LAYER, width=16, projected=5)
    batch = toy.train.read(np.arange(2))
    seen = []
    model.encoder.blocks[0].register_forward_hook(lambda *call: seen.append(call[2]))
    context = learner(x=batch.x)
    assert torch.equal(context["features"], seen[0])
    assert torch.allclose(context["projected"], learner.projection(seen[0]))
    assert learner.width(batch) == 16


def test_a_layer_that_is_not_there_is_named(toy: ProtocolData, recipe: Make) -> None:
    with pytest.raises(EmgDistillError, match=r"has no module 'blocks\.9'; name one such as"):
        Learner(build_model(recipe(), toy), "blocks.9")


def test_features_have_frames(toy: ProtocolData, recipe: Make) -> None:
    learner = Learner(build_model(recipe(), toy), "head")
    with pytest.raises(EmgDistillError, match=r"'head' is \(1, 3\); features of shape \(batch, frames, width\)"):
        learner(x=toy.train.read(np.arange(1)).x)


def test_values_are_taken_at_the_model_s_instants() -> None:
    y = torch.arange(8.0).reshape(1, 8, 1)
    batch = Batch(torch.zeros(1, 2, 8), y, weight=torch.ones(1, 8, 1))
    context = targets_of(nn.Identity(), batch, torch.zeros(1, 4, 1))
    assert context["target"].flatten().tolist() == [0.5, 2.5, 4.5, 6.5]
    assert context["weight"].shape == (1, 4, 1)
    assert context["input_lengths"].tolist() == [4]


def test_lengths_follow_the_model_s_frames() -> None:
    model = emg_models.create_model(
        "scaled-transformer-tiny", n_chans=4, n_times=400, embed_dim=32, n_heads=4, n_blocks=1
    )
    batch = Batch(torch.zeros(2, 4, 400), torch.zeros(2, 3).long(), torch.tensor([3, 1]), torch.tensor([400, 200]))
    context = targets_of(model, batch, torch.zeros(2, model.frames(400), 99))
    assert context["input_lengths"].tolist() == [model.frames(400), model.frames(200)]
    assert context["target_lengths"].tolist() == [3, 1]


def test_a_loss_depends_on_seed_epoch_and_rows_alone(toy: ProtocolData, recipe: Make) -> None:
    spec = recipe("pretrain", augment={"noise": 0.1})
    task = ReconstructionTask(build_model(spec, toy).eval(), spec, toy)
    rows = np.array([4, 1, 7, 2])
    whole = [float(task.loss(task.module, task.read(part, 3), part, 3)[0].detach()) for part in (rows[:2], rows[2:])]
    both, _ = task.loss(task.module, task.read(rows, 3), rows, 3)
    assert float(both.detach()) == pytest.approx(np.mean(whole), rel=1e-6)
    other, _ = task.loss(task.module, task.read(rows, 4), rows, 4)
    assert not torch.equal(other, both)


def test_reconstruction_is_validated_under_fixed_masks(toy: ProtocolData, recipe: Make) -> None:
    spec = recipe("pretrain")
    task = ReconstructionTask(build_model(spec, toy), spec, toy)
    assert task.validate() == {"loss": task.loss_of(toy.val)}
    assert task.module.training
    with torch.no_grad():
        next(task.model.parameters()).fill_(torch.nan)
    with pytest.raises(EmgDistillError, match="the weights have diverged"):
        task.validate()


@pytest.mark.parametrize("kind", ["none", "spans"])
def test_pretraining_needs_patches_to_hide(kind: str, toy: ProtocolData, recipe: Make) -> None:
    spec = recipe("pretrain", mask={"kind": kind})
    task = ReconstructionTask(build_model(spec, toy), spec, toy)
    rows = np.arange(2)
    with pytest.raises(EmgDistillError, match=f"mask.kind='{kind}' and TinyMyoPretrainer: TinyMyo hides"):
        task.loss(task.module, task.read(rows, 0), rows, 0)


def test_frames_are_hidden_only_where_a_model_has_them(toy: ProtocolData, recipe: Make) -> None:
    spec = recipe(augment={"frame_mask": 0.3})
    task = SupervisedTask(build_model(spec, toy), spec, toy)
    rows = np.arange(2)
    with pytest.raises(EmgDistillError, match=r"augment.frame_mask=0.3: TinyMyoClassifier has no frames to hide"):
        task.loss(task.module, task.read(rows, 0), rows, 0)


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_teacher_remembers_what_it_said(toy: ProtocolData, recipe: Make, tmp_path: Path, *, on_disk: bool) -> None:
    teacher = Teacher(build_model(recipe(), toy), LAYER)
    rows = np.array([5, 0, 3])
    batch = toy.train.read(rows)
    said = teacher.answer(batch, rows)
    assert set(said) == {"teacher_prediction", "teacher_features"}
    assert not any(value.requires_grad for value in said.values())
    teacher.remember(toy.train, TeacherCache(tmp_path / "cache", "one") if on_disk else None)
    for name, value in teacher.answer(batch, rows).items():
        torch.testing.assert_close(value, said[name], rtol=1e-3 if on_disk else 1e-6, atol=1e-3 if on_disk else 1e-6)


def test_a_cache_is_used_again_and_only_for_the_same_answers(tmp_path: Path) -> None:
    calls = []

    def answers():
        calls.append(1)
        yield np.arange(2), {"a": torch.ones(2, 3)}
        yield np.arange(2, 3), {"a": torch.full((1, 3), 2.0)}

    for identity in ("one", "one", "two"):
        cache = TeacherCache(tmp_path, identity)
        cache.fill(3, answers)
        assert cache.read(np.array([2, 0]))["a"].tolist() == [[2.0] * 3, [1.0] * 3]
    assert len(calls) == 2
    np.save(tmp_path / "a.npy", np.zeros((1, 3), np.float16))
    with pytest.raises(EmgDistillError, match=r"has shape \(1, 3\), written was \[3, 3\]: delete it"):
        TeacherCache(tmp_path, "two").fill(3, answers)
    (tmp_path / "cache.json").write_text("{")
    TeacherCache(tmp_path, "two").fill(3, answers)
    assert len(calls) == 3


def test_features_need_layers_and_a_teacher(toy: ProtocolData, recipe: Make) -> None:
    spec = recipe("distill", objective={"name": "feature_distillation"})
    with pytest.raises(EmgDistillError, match=r"the objectives compare .*set distill\.student_layer"):
        SupervisedTask(build_model(spec, toy), spec, toy)


class Sliding:
    """Examples whose first sample says how far they slid."""

    classes = trial = timeline = None
    shape, digest = (4, 40), "0" * 64
    subject = np.array(["a"] * 6)

    def __len__(self) -> int:
        return 6

    def read(self, rows: np.ndarray, offsets: np.ndarray | None = None) -> Batch:
        x = torch.zeros(len(rows), 4, 40)
        x[:, 0, 0] = torch.from_numpy(np.zeros(len(rows)) if offsets is None else offsets)
        return Batch(x, torch.zeros(len(rows), dtype=torch.int64))


def test_windows_stay_where_a_teacher_remembers_them(toy: ProtocolData, recipe: Make) -> None:
    data = dataclasses.replace(toy, train=Sliding())
    spec, rows = recipe("distill", distill={"teacher_view": "clean"}), np.arange(6)
    teacher = Teacher(build_model(spec, toy))
    assert SupervisedTask(build_model(spec, toy), spec, data, teacher).read(rows, 0).x.any()
    teacher.remember(data.train)
    assert not SupervisedTask(build_model(spec, toy), spec, data, teacher).read(rows, 0).x.any()


@pytest.mark.parametrize("change", [{"shift": 5}, {"time_warp": 0.1}])
def test_frames_stay_where_a_teacher_remembers_them(change: dict, toy: ProtocolData, recipe: Make) -> None:
    spec = recipe("distill", augment=change, distill={"teacher_view": "clean"})
    teachers = [Teacher(build_model(spec, toy), layer) for layer in ("", LAYER)]
    for teacher in teachers:
        SupervisedTask(build_model(spec, toy), spec, toy, teacher)
        teacher.remember(toy.train)
    SupervisedTask(build_model(spec, toy), spec, toy, teachers[0])
    with pytest.raises(
        EmgDistillError, match=rf"augment\.{next(iter(change))}=.* moves frames, .*teacher_view='clean'"
    ):
        SupervisedTask(build_model(spec, toy), spec, toy, teachers[1])
