"""Milliseconds of each augmentation on a batch of 32 windows of 16 channels and 1000 samples."""

from typing import Any

import numpy as np
import pytest
import torch

from emg_distill._augment.apply import augment
from emg_distill._augment.spectrogram import spec_augment
from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import Purpose, SampleDraws

FAMILIES: dict[str, dict[str, Any]] = {
    "rotate": {"rotate": 1, "rings": 2},
    "electrode_shift": {"electrode_shift": 0.5},
    "misalign": {"misalign": 0.06, "rings": 2},
    "shift": {"shift": 50},
    "time_warp": {"time_warp": 0.2},
    "gain": {"gain": 0.2},
    "channel_gain": {"channel_gain": 0.2},
    "flip": {"flip": 0.5},
    "magnitude_warp": {"magnitude_warp": 0.3},
    "mains": {"mains": 0.2},
    "motion": {"motion": 2.0},
    "noise": {"noise": 0.1},
    "noise_share": {"noise_share": 0.01},
    "drop_channel": {"drop_channel": 0.05},
    "time_mask": {"time_mask": 0.3, "time_mask_span": 0.05},
}
FAMILIES["everything"] = {key: value for family in FAMILIES.values() for key, value in family.items()}


def draws() -> SampleDraws:
    return SampleDraws(0, Purpose.AUGMENT, 0, np.arange(32))


@pytest.mark.parametrize("name", FAMILIES)
def test_bench_family(benchmark: Any, name: str) -> None:
    recipe, batch = AugmentRecipe(**FAMILIES[name]), Batch(torch.randn(32, 16, 1000))
    benchmark(lambda: augment(batch, recipe, draws(), 1000.0))


def test_bench_grid_shift(benchmark: Any) -> None:
    recipe, batch = AugmentRecipe(grid_shift=1), Batch(torch.randn(1000, 8, 16))
    rows = SampleDraws(0, Purpose.AUGMENT, 0, np.arange(1000))
    benchmark(lambda: augment(batch, recipe, rows, 1000.0))


def test_bench_spec_augment(benchmark: Any) -> None:
    recipe = AugmentRecipe(spec_time_masks=3, spec_freq_masks=2)
    x = torch.randn(32, 32, 33, 497)
    benchmark(lambda: spec_augment(x, recipe, draws()))
