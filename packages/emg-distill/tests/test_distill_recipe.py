"""Recipes: typed, nothing unknown, hashed."""

import dataclasses
import json
from pathlib import Path

import pytest

from emg_distill import EmgDistillError, ProtocolData, load_recipe
from emg_distill._models import build_model
from emg_distill._recipe.read import recipe_from_dict
from emg_distill.objectives import Combination

MINIMAL = 'task = "finetune"\nprotocol = "toy"\n[objective]\nname = "cross_entropy"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_defaults_and_name(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, MINIMAL))
    assert recipe.name == "mine"
    assert recipe.model.name == "tinymyo"
    assert recipe.train.select == "best"


def test_overrides_are_typed_and_ordered() -> None:
    recipe = load_recipe(
        "uci-finetune",
        ["train.epochs=3", "optimizer.lr=1", "train.epochs=4", "train.select=last", "model.embed_dim=48", "seed=9"],
    )
    assert (recipe.train.epochs, recipe.seed, recipe.train.select) == (4, 9, "last")
    assert isinstance(recipe.optimizer.lr, float)
    assert recipe.model.options["embed_dim"] == 48
    assert load_recipe("uci-finetune", ["optimizer.betas=[0.9, 0.98]"]).optimizer.betas == (0.9, 0.98)


def test_hash_is_of_content_alone(tmp_path: Path) -> None:
    plain = load_recipe(write(tmp_path, MINIMAL))
    renamed = dataclasses.replace(plain, name="other")
    assert renamed.hash == plain.hash
    assert load_recipe(write(tmp_path, MINIMAL), ["seed=1"]).hash != plain.hash
    assert load_recipe(write(tmp_path, MINIMAL), ["train.epochs=10"]).hash == plain.hash
    again = recipe_from_dict(json.loads(json.dumps(plain.to_dict())), "again")
    assert again.hash == plain.hash
    assert len(plain.hash) == 64


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.epoch=3"], "unknown key 'epoch' in recipe 'uci-finetune', train: did you mean 'epochs'"),
        (["trian.epochs=3"], "unknown key 'trian'.*did you mean 'train'"),
        (["train.epochs=many"], "train, epochs='many': a value of type int is required"),
        (["train.epochs=true"], "a value of type int is required"),
        (["train.epochs=0"], "train.epochs=0: must be at least 1"),
        (["train.select=worst"], "choose one of 'best', 'last'"),
        (["train.grad_clip=-1"], "train.grad_clip=-1.0: must not be negative"),
        (["optimizer.betas=[0.9]"], "a list of 2 values is required"),
        (["optimizer.betas=[0.9, 1.0]"], r"both must lie in \[0, 1\)"),
        (["optimizer.layer_decay=0"], "optimizer.layer_decay=0.0"),
        (["optimizer.lr=0"], "optimizer.lr=0.0: must be > 0"),
        (["augment.flip=1.5"], "augment.flip=1.5: must lie in"),
        (["schedule.warmup=1"], "schedule.warmup=1.0: must be below 1"),
        (["mask.ratio=0"], "mask.ratio=0.0"),
        (["seed=-1"], "seed=-1: must not be negative"),
        (["objective.temperatur=2"], "unknown option of objective 'cross_entropy' 'temperatur'"),
        (["objective.name=masked_reconstruction", "objective.label_smoothing=0"], "unknown option"),
        (
            ["task=pretrain", "train.monitor=loss", "mask.kind=random"],
            "objective 'cross_entropy' serves 'finetune', 'distill', not 'pretrain'",
        ),
        (["train.epochs"], "write it as key=value"),
        (["train.epochs.x=1"], "'epochs' is a value, not a table"),
        (["train=3"], "must be a table"),
        (["objective.options=3"], "objective, options must be a table, got 3"),
        (["optimizer.lr=inf"], "optimizer, lr=inf: a finite number is required"),
        (["optimizer.lr=nan"], "optimizer, lr=nan: a finite number is required"),
        (["optimizer.lr=1" + "0" * 400], "a finite number is required"),
        (["objective.label_smoothing=inf"], "objective, label_smoothing=inf: a finite number is required"),
        (["model.depth=[1]"], "a number, a string or a boolean is required"),
        (["name=mine"], "taken from the file name"),
    ],
)
def test_bad_recipes_raise(overrides: list[str], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        load_recipe("uci-finetune", overrides)


def test_bad_files_raise(tmp_path: Path) -> None:
    with pytest.raises(EmgDistillError, match="not valid TOML"):
        load_recipe(write(tmp_path, "task ="))
    (tmp_path / "latin.toml").write_bytes(b'task = "\xe9"')
    with pytest.raises(EmgDistillError, match=r"latin.toml is not UTF-8 text"):
        load_recipe(tmp_path / "latin.toml")
    with pytest.raises(EmgDistillError, match="lacks task, protocol, objective"):
        load_recipe(write(tmp_path, ""))
    with pytest.raises(EmgDistillError, match="does not exist; shipped recipes: allconvnet-"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(EmgDistillError, match="unknown recipe 'uci-finetun': did you mean 'uci-finetune'"):
        load_recipe("uci-finetun")


def test_pretraining_selects_by_loss(recipe) -> None:
    with pytest.raises(EmgDistillError, match="pre-training knows only 'loss'"):
        recipe("pretrain", train={"monitor": "accuracy"})


def test_options_of_a_recipe_made_by_hand_are_not_dropped(recipe) -> None:
    plain = recipe()
    changed = dataclasses.replace(plain.objective[0], options={"label_smoothing": "x"})
    with pytest.raises(EmgDistillError, match="label_smoothing='x': a number is required"):
        Combination((changed,))


def test_unknown_model_option_raises_when_built(toy: ProtocolData, recipe) -> None:
    with pytest.raises(EmgDistillError, match=r"\[model\] 'tinymyo'.*embed_dims"):
        build_model(recipe(model={"embed_dims": 3}), toy)
