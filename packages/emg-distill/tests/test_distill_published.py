"""Numbers of the shipped recipes against those of their sources, marks of what is ours, and who is in which part."""

from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest
import torch

import emg_models
from emg_distill import load_protocol, load_recipe
from emg_distill._data.protocols import get_protocol
from emg_distill._loop.groups import parameter_groups
from emg_distill._recipe.schema import Recipe

TINYMYO = {
    "train": {"epochs": 50, "batch_size": 32, "patience": 7, "grad_clip": 0.0},
    "optimizer": {"kind": "adamw", "lr": 5e-4, "weight_decay": 0.01, "betas": [0.9, 0.98], "layer_decay": 0.9},
    "schedule": {"kind": "cosine", "warmup_epochs": 5, "start_lr": 1e-5, "floor_lr": 1e-5},
}
GRID = {
    "train": {"epochs": 28, "batch_size": 1000, "grad_clip": 1.0, "clip": "value", "select": "last"},
    "optimizer": {
        "kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4, "decay_vectors": True,
    },
    "schedule": {"kind": "multistep", "milestones": [16, 24], "gamma": 0.1, "warmup_epochs": 0.0},
    "augment": {"grid_shift": 0},
}  # fmt: skip
TYPING = {
    "train": {"epochs": 200, "batch_size": 640, "grad_clip": 0.1, "clip": "norm", "monitor": "cer"},
    "optimizer": {"kind": "adamw", "lr": 3e-4, "weight_decay": 0.2},
    "schedule": {"kind": "cosine", "warmup": 0.05},
    "augment": {"rings": 2, "rotate": 1, "misalign": 0.06, "frame_mask": 0.3, "frame_mask_span": 15, "time_mask": 0.0},
}
PUBLISHED = {
    "tinymyo-pretrain": {
        "mask": {"kind": "random", "ratio": 0.5},
        "train": {"epochs": 30, "batch_size": 512, "precision": "bf16-mixed", "grad_clip": 3.0, "clip": "norm"},
        "optimizer": {"kind": "adamw", "lr": 5e-4, "weight_decay": 0.01, "betas": [0.9, 0.98]},
        "schedule": {"kind": "cosine", "warmup_epochs": 3, "start_lr": 1e-6, "floor_lr": 1e-6},
        "augment": {"p": 1.0, "gain": 0.0, "noise": 0.0, "flip": 0.0},
    },
    "tinymyo-db5": {**TINYMYO, "augment": {"p": 2 / 3, "gain": 0.1, "noise_share": 0.01, "drop_channel": 0.05}},
    "tinymyo-epn612": TINYMYO,
    "tinymyo-uci": TINYMYO,
    "tinymyo-neuromotor": {
        "train": {"epochs": 250, "batch_size": 64, "grad_clip": 0.5},
        "optimizer": {"kind": "adam", "lr": 5e-4},
        "schedule": {"kind": "multistep", "milestones": [25], "gamma": 0.5, "warmup_epochs": 5, "start_lr": 5e-7},
        "augment": {"rotate": 2, "rings": 1},
    },
    "tinymyo-gaddy-production": {
        "train": {"epochs": 80, "batch_size": 32},
        "optimizer": {"lr": 1e-3, "weight_decay": 1e-7},
        "schedule": {"warmup_steps": 500},
    },
    "tinymyo-gaddy-recognition": {
        "train": {"epochs": 200, "batch_size": 32},
        "optimizer": {"lr": 5e-4},
        "schedule": {"kind": "multistep", "milestones": [125, 150, 175], "gamma": 0.5, "warmup_steps": 1000},
        "decode": {"alphabet": "gaddy"},
    },
    "emg2qwerty-tds": {
        "train": {"epochs": 150, "batch_size": 8 * 32, "grad_clip": 0.0, "monitor": "cer", "select": "best"},
        "optimizer": {"kind": "adam", "lr": 1e-3, "weight_decay": 0.0},
        "schedule": {"kind": "cosine", "warmup_epochs": 10, "start_lr": 1e-8, "floor_lr": 1e-6},
        "augment": {
            "rings": 2, "rotate": 1, "misalign": 0.06, "frame_mask": 0.0, "spec_time_masks": 3, "spec_time_width": 25,
            "spec_freq_masks": 2, "spec_freq_width": 4,
        },
    },
    **{f"emg2qwerty-{size}": TYPING for size in ("tiny", "small", "medium", "base", "large")},
    **{f"emg2qwerty-distill-{size}": TYPING for size in ("tiny", "small")},
    **{f"allconvnet-capgmyo{task}": GRID for task in ("", "-sessions", "-subjects", "-universal")},
    **dict.fromkeys(("allconvnet-csl", "allconvnet-csl-sessions", "gengnet-db1"), GRID),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_are_those_of_the_source(name: str) -> None:
    content = load_recipe(name).to_dict()
    for table, numbers in PUBLISHED[name].items():
        assert {key: content[table][key] for key in numbers} == numbers


@pytest.mark.parametrize("name", ["tinymyo-db5", "tinymyo-epn612", "tinymyo-uci"])
def test_gestures_are_learnt_from_smoothed_labels(name: str) -> None:
    [objective] = load_recipe(name).objective
    assert (objective.name, dict(objective.options)) == ("cross_entropy", {"label_smoothing": 0.1})


def test_what_was_chosen_for_distillation_stands_in_the_recipe() -> None:
    recipe = load_recipe("emg2qwerty-distill-tiny")
    assert {part.name: part.weight for part in recipe.objective} == {"ctc": 1.0, "ctc_distillation": 1.0}
    options = next(part.options for part in recipe.objective if part.name == "ctc_distillation")
    assert options == {"temperature": 1.0, "blank_weight": 1.0, "alignment": "frames"}
    assert recipe.to_dict()["distill"] == {
        "teacher_view": "augmented", "cache": "memory", "student_layer": "", "teacher_layer": "",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["gengnet-db1", "allconvnet-csl"])
def test_all_but_the_input_s_norm_decays(name: str) -> None:
    recipe = load_recipe(name)
    model = emg_models.create_model(recipe.model.name, n_chans=10, n_outputs=52, sfreq=100.0, rows=1, cols=10)
    decay = decays(recipe, model)
    assert {key for key, value in decay.items() if value != 1e-4} == {key for key in decay if "input_norm" in key}
    assert ("input_norm.weight" in decay) == (name == "gengnet-db1")


def decays(recipe: Recipe, model: torch.nn.Module) -> dict[str, float]:
    """Return the decay of every parameter."""
    of = {id(p): group["weight_decay"] for group in parameter_groups(model, model, recipe.optimizer)
          for p in group["params"]}  # fmt: skip
    return {name: of[id(p)] for name, p in model.named_parameters()}


@pytest.mark.parametrize("size", ["medium", "base"])
def test_sizes_between_the_published_ones_are_marked(size: str) -> None:
    text = (resources.files("emg_distill.recipes") / f"emg2qwerty-{size}.toml").read_text()
    assert "The size is ours" in text


STRICT = (
    "db5/subject-disjoint", "uci/subject-disjoint", "db8/subject-disjoint",
    "emg2pose/zero-shot", "emg2qwerty/zero-shot", "tinymyo/pretraining-causal", "db1/exercise-1",
    "myo-readings/subject-disjoint",
)  # fmt: skip


def people(name: str, forged: ModuleType, root: Path) -> dict[str, set[str]]:
    """Return who is in each part of a protocol on forged recordings."""
    pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
    pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")
    folder = forged.forge_protocol(root, name)
    fold, lists = forged.first_fold(name, folder), forged.list_file(name, folder)
    data = load_protocol(name, folder, fold=fold, lists=lists, partial=True)
    return {part: set(data.part(part).subject.tolist()) for part in data.parts}


@pytest.mark.parametrize("name", STRICT)
def test_nobody_is_in_two_parts_of_a_strict_protocol(name: str, forged: ModuleType, forged_root: Path) -> None:
    """Defect D8."""
    parts = people(name, forged, forged_root)
    assert len(parts) == 3
    assert sum(map(len, parts.values())) == len(set.union(*parts.values()))


def test_the_published_epn_protocol_trains_on_the_people_that_it_tests(forged: ModuleType, forged_root: Path) -> None:
    """Defect D8 as it is, which the protocol's flaw says."""
    parts = people("epn612/tinymyo", forged, forged_root)
    assert parts["test"] < parts["train"]
    assert parts["test"].isdisjoint(parts["val"])
    assert "test people train" in get_protocol("epn612/tinymyo").flaw


def test_strict_epn_tests_people_who_neither_train_nor_validate(forged: ModuleType, forged_root: Path) -> None:
    parts = people("epn612/user-independent", forged, forged_root)
    assert parts["test"].isdisjoint(parts["train"] | parts["val"])
    assert parts["train"] == parts["val"]
    assert get_protocol("epn612/user-independent").flaw == "validation people train too"
