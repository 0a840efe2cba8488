"""Laws of every augmentation: a row depends on itself alone, what is off does nothing, what is absent stays absent."""

import functools
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emg_distill._augment.apply import augment
from emg_distill._augment.masking import span_masks
from emg_distill._augment.spectrogram import masked_spectrograms, spec_augment
from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import Purpose, SampleDraws

SFREQ = 250.0
FAMILIES: dict[str, dict[str, Any]] = {
    "rotate": {"rotate": 2, "rotate_p": 0.7, "rings": 2},
    "electrode_shift": {"electrode_shift": 1.4, "rings": 2},
    "misalign": {"misalign": 0.03, "rings": 2},
    "shift": {"shift": 9},
    "time_warp": {"time_warp": 0.8},
    "gain": {"gain": 0.3},
    "channel_gain": {"channel_gain": 0.4},
    "flip": {"flip": 0.5},
    "magnitude_warp": {"magnitude_warp": 0.6},
    "mains": {"mains": 0.5, "mains_p": 0.7},
    "motion": {"motion": 2.0, "motion_p": 0.7, "motion_bursts": 2, "motion_length": 0.1},
    "noise": {"noise": 0.2},
    "noise_share": {"noise_share": 0.2},
    "drop_channel": {"drop_channel": 0.3},
    "time_mask": {"time_mask": 0.4, "time_mask_span": 0.02},
}
GRIDS: dict[str, dict[str, Any]] = {
    fill: {"grid_shift": 1, "grid_fill": fill, "gain": 0.2, "noise": 0.1} for fill in ("zeros", "edge", "wrap")
}
EVERYTHING: dict[str, Any] = {key: value for family in FAMILIES.values() for key, value in family.items()}
RECIPES = {**FAMILIES, **GRIDS, "everything": EVERYTHING, "some": {**EVERYTHING, "p": 0.5}}
SHORT = {"rings": 2, "mains_harmonics": 2, "time_warp_knots": 1}


@functools.cache
def oracles() -> Any:
    path = Path(__file__).with_name("distill_oracles_augment.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draws(rows: Any, seed: int = 5, epoch: int = 2) -> SampleDraws:
    return SampleDraws(seed, Purpose.AUGMENT, epoch, np.asarray(rows))


def full(n: int = 12, n_chans: int = 6, n_times: int = 61) -> Batch:
    return Batch(torch.randn(n, n_chans, n_times, generator=torch.Generator().manual_seed(1)))


def ragged(n: int = 12) -> Batch:
    """Examples of different lengths and channels, 0 where there is nothing."""
    rng = np.random.default_rng(2)
    lengths = torch.from_numpy(rng.integers(20, 62, n))
    real = torch.from_numpy(rng.random((n, 6)) < 0.7)
    real[0] = False
    real[1] = True
    x = full(n).x.masked_fill(~real[:, :, None], 0.0).masked_fill((torch.arange(61) >= lengths[:, None])[:, None], 0.0)
    return Batch(x, x_lengths=lengths, channel_mask=real)


BATCHES = {"full": full(), "ragged": ragged()}


def same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.equal(a, b)


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("name", RECIPES)
def test_a_row_is_the_same_alone_and_in_any_company(name: str, kind: str) -> None:
    recipe, batch, rows = AugmentRecipe(**RECIPES[name]), BATCHES[kind], 100 + np.arange(12)
    if recipe.grid_shift and kind == "ragged":
        batch = replace(batch, channel_mask=None, x_lengths=None)
    whole = augment(batch, recipe, draws(rows), SFREQ)
    order = np.random.default_rng(3).permutation(12)
    pieces = [order[:1], order[1:6], order[6:], *np.arange(12)[:, None]]
    for piece in pieces:
        part = augment(batch.rows(torch.from_numpy(piece)), recipe, draws(rows[piece]), SFREQ)
        assert torch.equal(part.x, whole.x[piece])
        assert same(part.x_lengths, None if whole.x_lengths is None else whole.x_lengths[piece])


@given(st.permutations(range(9)), st.integers(1, 8), st.integers(0, 2**40), st.integers(0, 5))
def test_everything_at_once_in_any_order(order: list[int], cut: int, seed: int, epoch: int) -> None:
    recipe, batch = AugmentRecipe(**EVERYTHING), full(9)
    whole = augment(batch, recipe, draws(range(9), seed, epoch), SFREQ)
    parts = [
        augment(batch.rows(torch.tensor(rows)), recipe, draws(rows, seed, epoch), SFREQ).x
        for rows in (order[:cut], order[cut:])
    ]
    assert torch.equal(torch.cat(parts), whole.x[order])


@pytest.mark.parametrize("name", RECIPES)
def test_seed_epoch_and_example_decide_and_the_input_stays(name: str) -> None:
    recipe, batch = AugmentRecipe(**RECIPES[name]), full()
    before = batch.x.clone()
    first, again, seed, epoch, rows = (
        augment(batch, recipe, chosen, SFREQ).x
        for chosen in (
            draws(range(12)),
            draws(range(12)),
            draws(range(12), seed=6),
            draws(range(12), epoch=3),
            draws(range(12, 24)),
        )
    )
    assert torch.equal(first, again)
    assert not any(torch.equal(first, other) for other in (seed, epoch, rows))
    assert torch.equal(batch.x, before)


@pytest.mark.parametrize(
    "off",
    [
        {},
        SHORT,
        {**EVERYTHING, "p": 0.0},
        {"rotate": 3, "rotate_p": 0.0},
        {"mains": 1.0, "mains_p": 0.0},
        {"motion": 1.0, "motion_p": 0.0},
        {"misalign": 0.001, "rings": 2},
    ],
)
def test_what_is_off_returns_the_very_same_batch_and_draws_nothing(off: dict[str, Any]) -> None:
    class Silent:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"drew {name}")

    batch = ragged()
    assert augment(batch, AugmentRecipe(**off), Silent(), SFREQ) is batch  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_draws_what_it_draws_alone(name: str) -> None:
    """Switching other changes on leaves the draws of one as they are: names keep them apart."""
    seen: dict[str, set[str]] = {}

    class Listening(SampleDraws):
        def _bits(self, name: str, shape: tuple[int, ...]) -> Any:
            heard.add(name)
            return super()._bits(name, shape)

    for family in (name, *(other for other in FAMILIES if other != name)):
        heard: set[str] = set()
        augment(full(), AugmentRecipe(**FAMILIES[family]), Listening(1, Purpose.AUGMENT, 0, np.arange(12)), SFREQ)
        seen[family] = heard
    assert seen[name]
    assert all(seen[name].isdisjoint(others) for family, others in seen.items() if family != name)


@pytest.mark.parametrize("name", [*FAMILIES, "everything", "some"])
def test_what_an_example_lacks_stays_zero(name: str) -> None:
    batch = ragged()
    out = augment(batch, AugmentRecipe(**RECIPES[name]), draws(range(12)), SFREQ)
    assert out.x_lengths is not None
    assert batch.x_lengths is not None
    assert batch.channel_mask is not None
    assert not out.x[torch.arange(61).expand(12, 6, 61) >= out.x_lengths[:, None, None]].any()
    assert (out.x_lengths <= batch.x_lengths).all()
    # misaligned wrists included, channels do not change places with absent ones
    assert not out.x[~batch.channel_mask].any()
    assert out.x[batch.channel_mask].isfinite().all()
    assert out.x.shape == batch.x.shape
    assert out.x.dtype == torch.float32


def check_slow_form(name: str, batch: Batch, recipe: AugmentRecipe, seed: int = 5) -> None:
    """Compare one change of every row with its slow form."""
    n, n_chans, n_times = batch.x.shape
    out = augment(batch, recipe, draws(range(n), seed), SFREQ)
    for row in range(n):
        one = draws([row], seed)
        one.sfreq = SFREQ  # type: ignore[attr-defined]
        size = n_times if batch.x_lengths is None else int(batch.x_lengths[row])
        real = np.ones(n_chans, bool) if batch.channel_mask is None else batch.channel_mask[row].numpy()
        expected = getattr(oracles(), name)(batch.x[row].double().numpy(), recipe, one, size, real)
        np.testing.assert_allclose(out.x[row].numpy(), expected, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_equals_its_slow_form(name: str, kind: str) -> None:
    check_slow_form(name, BATCHES[kind], AugmentRecipe(**FAMILIES[name]))


@pytest.mark.parametrize("fill", ["zeros", "edge", "wrap"])
@pytest.mark.parametrize(("shape", "reach"), [((3, 9), 1), ((6, 5), 2), ((8, 16), 1), ((2, 1), 3)])
def test_grids_equal_their_slow_form(fill: Any, shape: tuple[int, int], reach: int) -> None:
    check_slow_form("grid_shift", full(12, *shape), AugmentRecipe(grid_shift=reach, grid_fill=fill))


SETTINGS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "rotate": {"rotate": st.integers(1, 20), "rotate_p": st.floats(0.1, 1), "rings": st.sampled_from([1, 2, 4])},
    "electrode_shift": {"electrode_shift": st.floats(0.01, 9), "rings": st.sampled_from([1, 2, 4])},
    "misalign": {"misalign": st.floats(0.001, 0.05), "rings": st.just(2)},
    "shift": {"shift": st.integers(1, 200)},
    "time_warp": {"time_warp": st.floats(0.01, 0.99), "time_warp_knots": st.integers(1, 9)},
    "magnitude_warp": {"magnitude_warp": st.floats(0.01, 1), "magnitude_warp_knots": st.integers(1, 9)},
    "mains": {"mains": st.floats(0.1, 2), "mains_freq": st.floats(1, 124), "mains_harmonics": st.integers(1, 9)},
    "motion": {"motion": st.floats(0.1, 3), "motion_length": st.floats(1e-3, 1), "motion_bursts": st.integers(1, 3)},
    "time_mask": {"time_mask": st.floats(0.01, 1), "time_mask_span": st.floats(1e-3, 0.5)},
}


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=10)
@given(st.data())
def test_slow_forms_agree_at_any_strength_and_size(name: str, data: st.DataObject) -> None:
    recipe = AugmentRecipe(**{key: data.draw(values) for key, values in SETTINGS[name].items()})
    n_chans, n_times = 4 * data.draw(st.integers(1, 3)), data.draw(st.integers(16, 70))
    batch = full(2, n_chans, n_times)
    if data.draw(st.booleans()):
        lengths = torch.tensor([n_times, data.draw(st.integers(14, n_times))])
        x = batch.x.masked_fill((torch.arange(n_times) >= lengths[:, None])[:, None], 0.0)
        batch = Batch(x, x_lengths=lengths)
    check_slow_form(name, batch, recipe, data.draw(st.integers(0, 99)))


def test_long_rows_of_odd_length_are_the_same_alone() -> None:
    """Long enough for every vectorised loop and its remainder."""
    batch, recipe = full(5, 16, 1003), AugmentRecipe(**EVERYTHING)
    whole = augment(batch, recipe, draws(range(5)), SFREQ)
    for row in range(5):
        assert torch.equal(augment(batch.rows(slice(row, row + 1)), recipe, draws([row]), SFREQ).x[0], whole.x[row])


def test_every_field_is_documented_in_its_order() -> None:
    """Fields that share an entry count as one; `p` and `rings` come first, the rest in the order of the changes."""
    text = str(AugmentRecipe.__doc__)
    named = [name.strip() for line in text.splitlines() if line[:4] == "    " != line[4:8] for name in line.split(",")]
    fields = [field for field in AugmentRecipe.__dataclass_fields__ if not field.startswith("spec_")]
    assert [name for name in named if name in fields] == fields
    assert {name for name in named if name.startswith("spec_")} == {
        field for field in AugmentRecipe.__dataclass_fields__ if field.startswith("spec_")
    }


SPEC = AugmentRecipe(spec_time_masks=3, spec_time_width=7, spec_freq_masks=2, spec_freq_width=4)


@pytest.mark.parametrize("changes", [{}, {"spec_time_masks": 0}, {"spec_freq_width": 0}, {"spec_time_width": 90}])
def test_spec_augment_equals_its_slow_form(changes: dict[str, int]) -> None:
    x = torch.randn(8, 4, 9, 31, generator=torch.Generator().manual_seed(0))
    recipe = replace(SPEC, **changes)  # type: ignore[arg-type]
    out = spec_augment(x, recipe, draws(range(8)))
    for row in range(8):
        assert np.array_equal(out[row].numpy(), oracles().spec_augment(x[row].numpy(), recipe, draws([row])))
    assert torch.equal(spec_augment(x[5:6], recipe, draws([5])), out[5:6])


def test_spec_augment_off_is_the_very_same() -> None:
    x = torch.ones(2, 2, 3, 4)
    assert spec_augment(x, AugmentRecipe(), draws([0, 1])) is x


class Inside(nn.Module):
    """A model with a spectrogram inside."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Module()
        self.front.spectrogram = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.front.spectrogram(x)  # type: ignore[no-any-return, operator]


def test_spectrograms_inside_a_model_are_masked_while_the_context_is_open() -> None:
    x, model = torch.randn(3, 4, 9, 31), Inside()
    with masked_spectrograms(model, SPEC, draws(range(3))):
        assert torch.equal(model(x), spec_augment(x, SPEC, draws(range(3))))
    assert model(x) is x
    with masked_spectrograms(nn.Linear(1, 1), AugmentRecipe(spec_time_masks=2, spec_time_width=0), draws([0])):
        pass
    with pytest.raises(RuntimeError, match="inside"), masked_spectrograms(model, SPEC, draws([0])):
        raise RuntimeError("inside")
    assert model(x) is x


def test_spectrogram_masks_need_a_spectrogram() -> None:
    with (
        pytest.raises(ValueError, match=r"spec_time_masks=3, spec_freq_masks=2: Linear computes no spectrogram"),
        masked_spectrograms(nn.Linear(1, 1), SPEC, draws([0])),
    ):
        pass


def test_the_published_baseline_hears_masked_spectrograms() -> None:
    import emg_models

    model = emg_models.create_model(
        "tds-emg2qwerty", n_chans=4, n_times=2400, n_outputs=5, mlp_width=8, block_channels=2, n_blocks=1, kernel=4
    ).eval()
    x = torch.randn(2, 4, 2400)
    plain = model(x)
    with masked_spectrograms(model, SPEC, draws(range(2))):
        masked = model(x)
    assert masked.shape == plain.shape
    assert not torch.equal(masked, plain)
    assert torch.equal(model(x), plain)


def test_frame_masks_equal_their_slow_form() -> None:
    lengths = torch.tensor([498, 100, 49, 20])
    out = span_masks("frame_mask", 0.3, draws(range(4)), n=498, span=15, lengths=lengths)
    for row, size in enumerate(lengths.tolist()):
        assert np.array_equal(out[row].numpy(), oracles().spans("frame_mask", 0.3, 15, draws([row]), size, 498))
    assert not out[3].any(), "0.3 of 20 frames is less than one span of 15"
    every = span_masks("frame_mask", 0.3, draws(range(200)), n=498, span=15)
    assert every.sum(1).max() <= 9 * 15, "nine spans at 498 frames, as published"
    assert every.any(0).all()
