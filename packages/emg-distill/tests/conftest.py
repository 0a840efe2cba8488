"""Small real data and recipes for all tests of this package."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from emg_distill import ProtocolData, Recipe, WindowSet, load_protocol
from emg_distill._recipe.read import recipe_from_dict

settings.register_profile("distill", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("distill")

N_CHANS, N_TIMES, SFREQ = 4, 40, 100.0
LABELS = ["one", "two", "three"]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep sums in one order whatever the machine."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Make every test start from the same random state, whatever ran before it."""
    torch.manual_seed(0)


def forge(seed: int = 0, n: int = 48) -> ProtocolData:
    """Noise whose loudest channel is its class: learnable in a few steps."""
    rng = np.random.default_rng(seed)

    def part(subject: str, size: int) -> WindowSet:
        y = np.arange(size, dtype=np.int64) % len(LABELS)
        x = rng.standard_normal((size, N_CHANS, N_TIMES)).astype(np.float32) * 0.3
        x[np.arange(size), y] *= 6.0
        return WindowSet(x, y, np.array([subject] * size))

    preprocessing = {
        "sfreq": SFREQ,
        "unit": "V",
        "channels": [f"emg{i}" for i in range(N_CHANS)],
        "resample": None,
        "filter": None,
        "normalisation": None,
        "window": {"length": N_TIMES, "hop": N_TIMES, "unit": "samples"},
    }
    return ProtocolData(
        "toy", part("a", n), part("b", 18), part("c", 18), LABELS, SFREQ, preprocessing, "5" * 64, notes=("forged",)
    )


@pytest.fixture(scope="session")
def forged() -> ModuleType:
    """Return the module that forges recordings of every data set."""
    path = Path(__file__).with_name("distill_forged.py")
    spec = importlib.util.spec_from_file_location("distill_forged", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def forged_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder below which sets are forged, each once for all tests of a process."""
    return tmp_path_factory.mktemp("forged")


@pytest.fixture(scope="session")
def toy() -> ProtocolData:
    return forge()


OBJECTIVES = {"pretrain": "masked_reconstruction", "finetune": "cross_entropy", "distill": "logit_distillation"}


def make_recipe(task: str = "finetune", **tables: Any) -> Recipe:
    """Build a recipe of a tiny TinyMyo; keyword tables are merged into it."""
    content: dict[str, Any] = {
        "task": task,
        "protocol": "toy",
        "seed": 3,
        "model": {"name": "tinymyo", "embed_dim": 16, "n_blocks": 1, "n_heads": 2},
        "objective": {"name": OBJECTIVES[task]},
        "train": {"epochs": 3, "batch_size": 8, "log_every": 1},
        "optimizer": {"lr": 5e-3},
        "schedule": {"warmup": 0.2},
        **({"mask": {"kind": "random"}} if task == "pretrain" else {}),
    }
    for name, table in tables.items():
        content[name] = {**content.get(name, {}), **table} if isinstance(table, dict) else table
    return recipe_from_dict(content, "tiny")


@pytest.fixture(scope="session")
def recipe() -> Callable[..., Recipe]:
    return make_recipe


@pytest.fixture(scope="session")
def uci_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forged UCI data set of five people in the published layout."""
    pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")
    emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
    out = tmp_path_factory.mktemp("uci") / "set"
    emg_io.synthesize(out, format="uci", n_subjects=5, seed=1)
    return out


@pytest.fixture(scope="session")
def uci(uci_folder: Path) -> ProtocolData:
    return load_protocol("uci/subject-disjoint", uci_folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("EMG_DATA")
    if not folder:
        pytest.skip("EMG_DATA is not set: no real recordings")
    return Path(folder)
