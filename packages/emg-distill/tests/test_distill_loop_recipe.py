"""What the tables of a training recipe refuse, and that their words are the loop's."""

import typing

import pytest

from emg_distill import EmgDistillError
from emg_distill._loop.ranking import DIRECTIONS
from emg_distill._recipe.training import GroupRecipe, Monitor, OptimizerRecipe, ScheduleRecipe, TrainRecipe
from emg_distill._tasks.measure import TALLIES

WRONG = [
    (TrainRecipe, {"epochs": 0}, "train.epochs=0: must be at least 1"),
    (TrainRecipe, {"batch_size": 0}, "train.batch_size=0: must be at least 1"),
    (TrainRecipe, {"accumulate": 0}, "train.accumulate=0: must be at least 1"),
    (TrainRecipe, {"accumulate": 9, "batch_size": 8}, "train.accumulate=9: must not exceed train.batch_size"),
    (TrainRecipe, {"validate_every": 0}, "train.validate_every=0: must be at least 1"),
    (TrainRecipe, {"keep_checkpoints": 0}, "train.keep_checkpoints=0: must be at least 1"),
    (TrainRecipe, {"log_every": 0}, "train.log_every=0: must be at least 1"),
    (TrainRecipe, {"steps": -1}, "train.steps=-1: must not be negative"),
    (TrainRecipe, {"grad_clip": -0.1}, "train.grad_clip=-0.1: must not be negative"),
    (TrainRecipe, {"read_ahead": -1}, "train.read_ahead=-1: must not be negative"),
    (TrainRecipe, {"patience": -1}, "train.patience=-1: must not be negative"),
    (TrainRecipe, {"checkpoint_every": -1}, "train.checkpoint_every=-1: must not be negative"),
    (TrainRecipe, {"keep_best": -1}, "train.keep_best=-1: must not be negative"),
    (TrainRecipe, {"ema": 1.0}, r"train.ema=1.0: must lie in \[0, 1\)"),
    (GroupRecipe, {"pattern": ""}, "optimizer.group.pattern='': must not be empty"),
    (GroupRecipe, {"pattern": "a", "lr_scale": -1.0}, "optimizer.group.lr_scale=-1.0: must not be negative"),
    (OptimizerRecipe, {"lr": 0.0}, "optimizer.lr=0.0: must be > 0"),
    (OptimizerRecipe, {"eps": 0.0}, "optimizer.eps=0.0: must be > 0"),
    (OptimizerRecipe, {"weight_decay": -1.0}, "optimizer.weight_decay=-1.0: must not be negative"),
    (OptimizerRecipe, {"layer_decay": 0.0}, r"optimizer.layer_decay=0.0: must lie in \(0, 1\]"),
    (OptimizerRecipe, {"betas": (0.9, 1.0)}, r"optimizer.betas=\(0.9, 1.0\): both must lie in \[0, 1\)"),
    (OptimizerRecipe, {"kind": "sgd", "momentum": 1.0}, r"optimizer.momentum=1.0: must lie in \[0, 1\)"),
    (OptimizerRecipe, {"momentum": 0.9}, "optimizer.momentum=0.9: only optimizer.kind='sgd' has it"),
    (OptimizerRecipe, {"kind": "sgd", "nesterov": True}, "optimizer.nesterov=True: needs optimizer.momentum > 0"),
    (ScheduleRecipe, {"warmup": -0.1}, "schedule.warmup=-0.1: must not be negative"),
    (ScheduleRecipe, {"warmup": 1.0}, "schedule.warmup=1.0: must be below 1"),
    (ScheduleRecipe, {"warmup_steps": -1}, "schedule.warmup_steps=-1: must not be negative"),
    (ScheduleRecipe, {"warmup": 0.1, "warmup_epochs": 1.0}, r"warmup_epochs=\(0.1, 0, 1.0\): give one of them"),
    (ScheduleRecipe, {"milestones": (3,)}, r"schedule.milestones=\(3,\): kind='multistep' needs some, no other"),
    (ScheduleRecipe, {"kind": "multistep"}, r"schedule.milestones=\(\): kind='multistep' needs some"),
    (ScheduleRecipe, {"kind": "multistep", "milestones": (4, 4)}, r"milestones=\(4, 4\): must be increasing epochs"),
    (ScheduleRecipe, {"kind": "multistep", "milestones": (0, 4)}, r"milestones=\(0, 4\): must be increasing epochs"),
    (ScheduleRecipe, {"gamma": 0.0}, r"schedule.gamma=0.0: must lie in \(0, 1\]"),
]


@pytest.mark.parametrize(("table", "values", "message"), WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_what_is_refused(table, values, message) -> None:
    with pytest.raises(EmgDistillError, match=message):
        table(**values)


def test_every_monitor_has_a_direction() -> None:
    assert set(typing.get_args(Monitor)) == set(DIRECTIONS)


def test_whatever_is_measured_can_be_watched() -> None:
    for kind, tally in TALLIES.items():
        assert set(tally.monitors) <= set(DIRECTIONS), kind


def test_groups_come_from_toml(recipe) -> None:
    plan = recipe(optimizer={"group": [{"pattern": "head.*", "lr_scale": 2.0}]}, train={"freeze": ["encoder.*"]})
    assert plan.optimizer.group == (GroupRecipe("head.*", 2.0),)
    assert plan.train.freeze == ("encoder.*",)
    with pytest.raises(EmgDistillError, match="unknown key 'patern'"):
        recipe(optimizer={"group": [{"patern": "head.*"}]})
