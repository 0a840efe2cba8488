"""Every shipped recipe takes a real step, and is measured, on forged recordings of its data set."""

import dataclasses
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from emg_distill import (
    Batch,
    Examples,
    ProtocolData,
    distill,
    finetune,
    list_recipes,
    load_protocol,
    load_recipe,
    pretrain,
)
from emg_distill._models import build_model

pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")

LARGE = {"emg2qwerty-base", "emg2qwerty-large"}  # no second copy of their weights
SMALLER_TEACHER = ["model.n_blocks=1"]


def test_the_seed_systems_have_recipes() -> None:
    names = set(list_recipes())
    systems = ("tinymyo-pretrain", "tinymyo-db5", "tinymyo-uci", "tinymyo-epn612", "tinymyo-db8", "tinymyo-neuromotor")
    assert names.issuperset(systems)
    assert names.issuperset(f"tinymyo-gaddy-{task}" for task in ("recognition", "production"))
    assert names.issuperset(f"emg2qwerty-{size}" for size in ("tiny", "small", "medium", "base", "large"))
    assert names.issuperset({"emg2qwerty-distill-tiny", "allconvnet-capgmyo", "allconvnet-csl"})


class Few:
    """The first examples of a part."""

    timeline = None

    def __init__(self, examples: Examples, n: int) -> None:
        self._examples, self._n = examples, min(n, len(examples))
        self.shape, self.digest = examples.shape, examples.digest
        self.subject = examples.subject[: self._n]
        self.classes = None if examples.classes is None else examples.classes[: self._n]
        self.trial = None if examples.trial is None else examples.trial[: self._n]

    def __len__(self) -> int:
        return self._n

    def read(self, rows: np.ndarray, offsets: np.ndarray | None = None) -> Batch:
        assert rows.max() < self._n
        return self._examples.read(rows, offsets)


def few(data: ProtocolData, size: int) -> ProtocolData:
    """Leave enough examples of each part for one step, and for a measurement."""
    return dataclasses.replace(data, **{part: Few(data.part(part), size) for part in data.parts})


@pytest.mark.parametrize("name", list_recipes())
def test_a_real_step(name: str, forged_root: Path, forged: ModuleType, tmp_path: Path) -> None:
    protocol = load_recipe(name).protocol
    folder = forged.forge_protocol(forged_root, protocol)
    lists, fold = forged.list_file(protocol, folder), forged.first_fold(protocol, folder)
    whole = load_protocol(protocol, folder, fold=fold, lists=lists, partial=True)
    data = few(whole, 2 if whole.n_times > 2000 else 4)
    changes = ["train.batch_size=2", "train.accumulate=1", "train.steps=1", "train.keep_best=0", "schedule.warmup=0"]
    changes += ["schedule.warmup_epochs=0", "schedule.warmup_steps=0", f"fold={fold or ''}"]
    if "val" not in data.parts or name in LARGE:
        changes += ["train.select=last", "train.patience=0"]
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
