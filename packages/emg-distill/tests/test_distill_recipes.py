"""Every shipped recipe takes a real step, and is measured, on forged recordings of its data set."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from emg_distill import distill, finetune, list_recipes, load_protocol, load_recipe, pretrain
from emg_distill._models import build_model

pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")

LARGE = {"emg2qwerty-base", "emg2qwerty-large"}
SMALLER_TEACHER = ["model.n_blocks=1"]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forged")


def test_the_seed_systems_have_recipes() -> None:
    names = set(list_recipes())
    systems = ("tinymyo-pretrain", "tinymyo-db5", "tinymyo-uci", "tinymyo-epn612", "tinymyo-db8", "tinymyo-neuromotor")
    assert names.issuperset(systems)
    assert names.issuperset(f"tinymyo-gaddy-{task}" for task in ("recognition", "production"))
    assert names.issuperset(f"emg2qwerty-{size}" for size in ("tiny", "small", "medium", "base", "large"))
    assert names.issuperset({"emg2qwerty-distill-tiny", "allconvnet-capgmyo", "allconvnet-csl"})


@pytest.mark.parametrize("name", list_recipes())
def test_a_real_step(name: str, root: Path, forged: ModuleType, tmp_path: Path) -> None:
    protocol = load_recipe(name).protocol
    folder = forged.forge_protocol(root, protocol)
    lists, fold = forged.list_file(protocol, folder), forged.first_fold(protocol, folder)
    data = load_protocol(protocol, folder, fold=fold, lists=lists, partial=True)
    size = min(2 if "emg2qwerty" in name or data.n_times > 2000 else 8, len(data.train))
    changes = [f"train.batch_size={size}", "train.accumulate=1", "train.steps=1", "schedule.warmup_steps=0"]
    changes += ["schedule.warmup=0", "schedule.warmup_epochs=0", f"fold={fold or ''}", "train.keep_checkpoints=1"]
    recipe = load_recipe(name, changes)
    if recipe.task == "pretrain":
        result = pretrain(recipe, data, tmp_path)
    elif recipe.task == "finetune":
        result = finetune(recipe, data, tmp_path)
    else:
        teacher = load_recipe("emg2qwerty-large" if "emg2qwerty" in name else "uci-finetune", SMALLER_TEACHER)
        result = distill(recipe, data, tmp_path, teacher=build_model(teacher, data))
    assert result.fit.step == 1
    stored = json.loads((result.folder / "eval.json").read_text())
    assert stored["metrics"] == (result.metrics.get("test") or result.metrics.get("val") or stored["metrics"])
    assert stored["protocol"] == protocol
