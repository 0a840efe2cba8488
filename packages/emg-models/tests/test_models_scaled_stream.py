"""Scaled Transformers at work on a live signal."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    ScaledTransformerClassifier,
    ScaledTransformerConfig,
    ScaledTransformerCTC,
    ScaledTransformerEncoder,
)
from emg_models._scaled import stream

SMALL = {
    "n_chans": 3,
    "n_times": 900,
    "n_outputs": 5,
    "n_blocks": 2,
    "embed_dim": 8,
    "n_heads": 4,
    "conv_widths": (6, 5, 4),
    "position_kernel": 6,
    "position_groups": 2,
}


def live(kind=ScaledTransformerCTC, context=4, **changes):
    torch.manual_seed(0)
    config = ScaledTransformerConfig(**SMALL | changes).for_streaming(context)
    model = kind(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    norm = model.get_submodule("featurizer" if kind is ScaledTransformerEncoder else "encoder.featurizer").norm
    norm.running_mean.uniform_(-0.2, 0.2)
    norm.running_var.uniform_(0.5, 1.5)
    return model


VARIANTS = [
    {},
    {"norm_placement": "post", "weight_norm": True},
    {"featurizer": "spectrogram", "conv_kernels": (3, 3, 3)},
    {"position_kernel": 1},
    {"conv_strides": (11, 3, 3)},
    {"conv_kernels": (2, 3, 2), "conv_strides": (5, 2, 3)},
]
MODELS = [live(**changes) for changes in VARIANTS]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    model=st.sampled_from(MODELS),
    sizes=st.lists(st.sampled_from([0, 1, 7, 19, 20, 41, 64, 230]), min_size=1, max_size=8),
    piece=st.sampled_from([1, 2, 1000]),
)
def test_pushes_equal_the_whole(model, sizes, piece):
    torch.manual_seed(1)
    x = torch.randn(2, 3, sum(sizes) + 130)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "_FRAMES", piece)
        runs = model.stream(batch=2)
        found = torch.cat([runs.push(chunk) for chunk in x.split([*sizes, 130], -1)], 1)
    with torch.no_grad():
        torch.testing.assert_close(found, model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", VARIANTS)
def test_the_receptive_field_is_exact(changes):
    """The oldest sample inside reaches the last frame; the next older one does not."""
    model = live(**changes).double()
    field = model.stream().receptive_field
    assert field == model.config.history
    x = torch.randn(1, 3, field + 5 * model.config.hop, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(x)[0, -1].square().sum(), x)
    reached = slope[0].abs().amax(0).nonzero().flatten()
    newest = (model.frames(x.shape[-1]) - 1) * model.config.hop + model.config.receptive_field
    assert (int(reached[0]), int(reached[-1])) == (newest - field, newest - 1)


def test_history_of_the_published_sizes():
    config = ScaledTransformerConfig().for_streaming()
    assert config.history == (127 + 10 * 499) * 20 + 41
    assert (config.context, config.position, config.feature_norm, config.causal) == (500, "causal", "running", True)
    assert ScaledTransformerConfig().history is None
    assert ScaledTransformerConfig(context=500).history is None


def test_features_stream_too_and_long_recordings_run_in_pieces():
    model = live(ScaledTransformerEncoder, n_outputs=None)
    x = torch.randn(1, 3, 25_000)
    with torch.no_grad():
        torch.testing.assert_close(model.stream().push(x), model(x), atol=1e-5, rtol=0)


def test_reset_forgets():
    model = live().train()
    runs = model.stream()
    assert not model.training
    x = torch.randn(1, 3, 400)
    first = runs.push(x)
    assert not first.requires_grad
    runs.reset()
    assert torch.equal(runs.push(x), first)
    assert not torch.equal(runs.push(x)[:, : first.shape[1]], first)


def test_memory_is_bounded_and_kept_once():
    model = live(context=7)
    runs = model.stream()
    for _ in range(60):
        runs.push(torch.randn(1, 3, 300))
    assert runs._samples.shape[-1] < 41
    assert runs._frames.shape == (1, 5, 8)
    assert {tuple(cache._store.shape) for cache in runs._caches} == {(2, 1, 4, 6 + 128, 2)}
    for held in (runs._samples, runs._frames):
        assert held.untyped_storage().nbytes() == held.numel() * 4


def test_a_configuration_that_cannot_stream_names_every_field():
    published = ScaledTransformerCTC(ScaledTransformerConfig(**SMALL))
    with pytest.raises(
        EmgModelsError, match=r"ScaledTransformerCTC cannot stream with context=None \(.*start\), feature"
    ):
        published.stream()
    stock = ScaledTransformerEncoder(
        ScaledTransformerConfig(**SMALL | {"n_outputs": None, "causal": False, "position": "centred"})
    )
    with pytest.raises(EmgModelsError) as error:
        stock.stream()
    for field in ("causal=False", "context=None", "position='centred'", "feature_norm='instance'", "for_streaming("):
        assert field in str(error.value)


def test_a_classifier_looks_at_whole_windows():
    with pytest.raises(EmgModelsError, match="ScaledTransformerClassifier cannot stream"):
        live(ScaledTransformerClassifier).stream()


def test_chunks_that_do_not_fit_are_refused():
    runs = live().stream(batch=2)
    with pytest.raises(
        EmgModelsError, match=r"chunk of 1 recordings: this stream runs 2; open it with stream\(batch=1"
    ):
        runs.push(torch.zeros(1, 3, 50))
    with pytest.raises(EmgModelsError, match="batch=0: an integer >= 1"):
        live().stream(batch=0)


def test_bounded_context_runs_whole_recordings_without_a_square():
    """Five minutes: scores of all pairs of frames would take 14 GB a block, kept activations at most some 100 MB."""
    model = live(context=50, n_blocks=1)
    x = torch.zeros(1, 3, 600_000)
    with torch.no_grad():
        assert model(x).shape == (1, 29_998, 5)
