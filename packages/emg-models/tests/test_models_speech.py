"""TinyMyo for silent speech: counts, the slow oracle, padding that changes nothing, blocks taken over, refusals."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emg_models import (
    EmgModelsError,
    TinyMyoClassifier,
    TinyMyoConfig,
    TinyMyoPretrainer,
    TinyMyoSpeechProduction,
    TinyMyoSpeechProductionConfig,
    TinyMyoSpeechRecognition,
    TinyMyoSpeechRecognitionConfig,
    create_model,
    model_info,
)
from emg_models._tinymyo.convolutions import MaskedBatchNorm

ORACLE = "models_oracles_frontends"

SMALL = {"embed_dim": 16, "n_heads": 2, "n_blocks": 2, "n_chans": 3, "n_times": 80}
laws = settings(derandomize=True, deadline=None, max_examples=15)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def arrays(model):
    return {key: value.double().numpy() for key, value in model.state_dict().items()}


def recogniser(seed=0, **changes):
    """A small recogniser whose batch statistics have moved, in evaluation mode."""
    torch.manual_seed(seed)
    model = TinyMyoSpeechRecognition(TinyMyoSpeechRecognitionConfig(**SMALL | {"n_outputs": 5} | changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model(2 * torch.randn(4, 3, 64) + 0.5)
    return model.eval()


def test_counts_are_the_published_ones():
    model = TinyMyoSpeechRecognition(TinyMyoSpeechRecognitionConfig())
    assert [count(block) for block in model.front.blocks] == [118_464, 259_776, 259_776]
    assert count(model.front) == 638_016
    assert count(model.tokens) == 37_056
    assert count(model.head) == 7_334
    assert count(model.blocks) + count(model.norm) == 3_558_912 + 384
    assert count(model) == 4_241_702  # derived: the sum
    learned_distances, last_norm = 8 * 3 * 199 * 64, 384
    assert count(model) + learned_distances - last_norm == 4_546_982  # the released network, whose blocks differ
    assert model.output_shape == (200, 38)
    assert model.config.sfreq == 1000
    assert model.config.n_times == 1600


def test_products_are_those_of_convolutions_and_blocks():
    front = 800 * (8 + 192 + 8 / 3) * 192 * 3 + (400 + 200) * (192 + 192 + 64) * 192 * 3
    blocks = 8 * (200 * 442_368 + 384 * 200**2)
    assert model_info("tinymyo-speech-recognition")["macs"] == front + blocks + 200 * 192 * (192 + 38)


def test_production_adds_phonemes_to_the_published_features():
    model = TinyMyoSpeechProduction(TinyMyoSpeechProductionConfig())
    assert count(model.heads["features"]) == 5_018
    assert count(model.heads["phonemes"]) == 48 * 193
    assert model.output_shape == (200, 74)
    bare = create_model("tinymyo-speech-production", n_outputs=26)
    assert (bare.config.n_phonemes, bare.config.n_features) == (0, 26)
    assert count(model) - count(bare) == 48 * 193


@pytest.mark.parametrize("n_times", [1, 2, 15, 40])
def test_recognition_equals_the_slow_oracle(n_times, slow):
    model = recogniser()
    x = torch.randn(1, 3, n_times)
    with torch.no_grad():
        ours = model(x)[0].numpy()
    w = arrays(model)
    for ours_frame, token in zip(ours, slow.speech(x[0].double().numpy(), w, model.config), strict=True):
        logits = slow.linear(token, w, "head")
        np.testing.assert_allclose(ours_frame, logits - np.log(np.exp(logits).sum()), atol=1e-5)


def test_production_equals_the_slow_oracle_and_splits(slow, stir):
    config = TinyMyoSpeechProductionConfig(**SMALL, n_outputs=7, n_phonemes=4)
    model = stir(TinyMyoSpeechProduction(config), scale=0.1).eval()
    x = torch.randn(1, 3, 21)
    with torch.no_grad():
        features, phonemes = model.split(model(x))
    assert (features.shape, phonemes.shape) == ((1, 3, 3), (1, 3, 4))
    w = arrays(model)
    for frame, token in enumerate(slow.speech(x[0].double().numpy(), w, config)):
        np.testing.assert_allclose(features[0, frame], slow.linear(token, w, "heads.features"), atol=1e-5)
        np.testing.assert_allclose(phonemes[0, frame], slow.linear(token, w, "heads.phonemes"), atol=1e-5)


def test_a_frame_for_every_eight_samples():
    model = recogniser()
    for n_times in (*range(1, 26), 1600, 1601):
        assert model.frames(n_times) == -(-n_times // 8)
    with torch.no_grad():
        for n_times in (1, 8, 9, 16, 17, 33):
            y = model(torch.randn(2, 3, n_times))
            assert y.shape == (2, model.frames(n_times), 5)
            torch.testing.assert_close(y.exp().sum(-1), torch.ones(y.shape[:2]))


def test_longer_utterances_get_the_positions_of_a_longer_model():
    short, long = recogniser(n_times=16), recogniser(n_times=160)
    x = torch.randn(1, 3, 160)
    with torch.no_grad():
        assert torch.equal(short(x), long(x))


@laws
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    excess=st.integers(0, 20),
    holds=st.sampled_from([0.0, 1e6, float("nan"), float("-inf")]),
)
def test_padding_changes_nothing_whatever_it_holds(lengths, excess, holds):
    model = recogniser()
    signals = [torch.randn(3, n) for n in lengths]
    batch = torch.full((len(lengths), 3, max(lengths) + excess), holds)
    for row, signal in zip(batch, signals, strict=True):
        row[:, : signal.shape[1]] = signal
    with torch.no_grad():
        y = model(batch, torch.tensor(lengths))
        for found, signal in zip(y, signals, strict=True):
            alone = model(signal[None])[0]
            torch.testing.assert_close(found[: len(alone)], alone, atol=1e-5, rtol=0)
            assert (found[len(alone) :] == found[-1]).all()
    assert y.isfinite().all()


def test_padding_changes_nothing_while_training_either():
    outputs, statistics = [], []
    for padding in (0, 23):
        model = recogniser(dropout=0.0, drop_path=0.0).train()
        x = torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(3))
        x = torch.cat([x, torch.full((2, 3, padding), 1e3)], 2)
        y = model(x, torch.tensor([50, 33]))[:, :7]
        y[0].square().sum().backward()
        outputs.append([y[0], y[1, :5], model.front.blocks[0].conv1.weight.grad])
        statistics.append([buffer for name, buffer in model.named_buffers() if "running" in name])
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(*statistics, atol=1e-6, rtol=1e-5)


def test_a_full_mask_is_no_mask_for_batch_normalisation():
    x = 3 * torch.randn(4, 6, 9) + 1
    masked, plain = MaskedBatchNorm(6), nn.BatchNorm1d(6)
    with torch.no_grad():
        masked.weight.copy_(torch.rand(6))
        masked.bias.copy_(torch.rand(6))
    plain.load_state_dict(masked.state_dict())
    torch.testing.assert_close(masked(x, torch.ones(4, 1, 9, dtype=torch.bool)), plain(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(masked.state_dict(), plain.state_dict())


def test_it_learns_to_spell_utterances_of_two_lengths():
    model = recogniser(dropout=0.0, drop_path=0.0, n_outputs=4).train()
    x = torch.randn(2, 3, 96)
    lengths, words = torch.tensor([96, 60]), torch.tensor([[0, 1, 2], [2, 0, 0]])
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(40):
        optimiser.zero_grad()
        y = model(x, lengths).transpose(0, 1)
        loss = torch.nn.functional.ctc_loss(y, words, model.frames(lengths), torch.tensor([3, 2]), blank=3)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        best = model(x, lengths).argmax(-1)
    for row, n_times, word in zip(best, lengths.tolist(), ([0, 1, 2], [2, 0]), strict=True):
        symbols = row[: model.frames(n_times)].unique_consecutive().tolist()
        assert [symbol for symbol in symbols if symbol != 3] == word


def test_blocks_come_from_a_pretrained_network():
    config = TinyMyoConfig(n_chans=4, n_times=100, embed_dim=16, n_heads=2, n_blocks=2)
    pretrainer = TinyMyoPretrainer(config)
    classifier = TinyMyoClassifier(dataclasses.replace(config, n_outputs=3))
    for source in (pretrainer, pretrainer.encoder, classifier, pretrainer.encoder.state_dict()):
        model = recogniser()
        front = model.front.blocks[0].conv1.weight.clone()
        model.load_blocks(source)
        encoder = source if isinstance(source, dict) else getattr(source, "encoder", source).state_dict()
        taken = {key: value for key, value in model.state_dict().items() if key in encoder}
        assert len(taken) == 2 * 12 + 2
        assert all(torch.equal(value, encoder[key]) for key, value in taken.items())
        assert torch.equal(model.front.blocks[0].conv1.weight, front)


def test_blocks_that_do_not_fit_are_refused_by_name_and_nothing_is_loaded():
    state = TinyMyoPretrainer(TinyMyoConfig(n_chans=4, n_times=100, embed_dim=16, n_heads=2, n_blocks=2))
    state = state.encoder.state_dict()
    model = recogniser()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for wrong, message in [
        ({key: value for key, value in state.items() if key != "norm.bias"}, r"25 of 26 keys .*missing 'norm\.bias'"),
        (state | {"head.weight": torch.zeros(1)}, r"unexpected 'head\.weight'"),
        (state | {"norm.bias": torch.zeros(3)}, r"shape of 'norm\.bias' is \(3,\), required \(16,\)"),
        ({f"encoder.{key}": value for key, value in state.items()}, r"0 of 26 keys match .*missing 'blocks\.0\.attn"),
    ]:
        with pytest.raises(EmgModelsError, match=f"blocks of an encoder state dict: .*{message}"):
            model.load_blocks(wrong)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_utterances_that_do_not_fit_are_refused():
    model = recogniser()
    for x in (
        torch.zeros(3, 80),
        torch.zeros(1, 4, 80),
        torch.zeros(1, 3, 80, dtype=torch.int64),
    ):
        with pytest.raises(EmgModelsError, match=r"floating point utterances \(batch, 3, time\) of >= 1 sample"):
            model(x)
    with pytest.raises(EmgModelsError, match="input has 0 samples; give at least 1"):
        model(torch.zeros(1, 3, 0))
    x = torch.zeros(2, 3, 80)
    for lengths in (torch.tensor([80.0, 1.0]), torch.tensor([80]), torch.tensor([True, True])):
        with pytest.raises(EmgModelsError, match=r"lengths of shape .*integers \(2,\) are required, one number"):
            model(x, lengths)
    for lengths in ([0, 80], [81, 3]):
        with pytest.raises(EmgModelsError, match=r"lengths=\[\d+, \d+\]: each must lie between 1 and the 80 samples"):
            model(x, torch.tensor(lengths))
    with pytest.raises(EmgModelsError, match="cannot stream"):
        model.stream()


def test_configurations_that_do_not_fit_are_refused():
    with pytest.raises(EmgModelsError, match="n_phonemes=26 of n_outputs=26 leave no acoustic feature; give n_outputs"):
        TinyMyoSpeechProductionConfig(n_outputs=26, n_phonemes=26)
    with pytest.raises(EmgModelsError, match="n_phonemes=-1: an integer >= 0"):
        TinyMyoSpeechProductionConfig(n_phonemes=-1)
    with pytest.raises(EmgModelsError, match="embed_dim=18 / n_heads=6 gives heads of odd width 3"):
        TinyMyoSpeechRecognitionConfig(embed_dim=18, n_heads=6)
    with pytest.raises(EmgModelsError, match="n_blocks=0: an integer >= 1"):
        TinyMyoSpeechRecognitionConfig(n_blocks=0)
    with pytest.raises(EmgModelsError, match=r"drop_path=1\.0: a rate"):
        TinyMyoSpeechRecognitionConfig(drop_path=1.0)
    with pytest.raises(
        EmgModelsError, match="was given TinyMyoSpeechProductionConfig; a TinyMyoSpeechRecognitionConfig"
    ):
        TinyMyoSpeechRecognition(TinyMyoSpeechProductionConfig())
    with pytest.raises(EmgModelsError, match="needs its number of outputs"):
        TinyMyoSpeechProduction(TinyMyoSpeechProductionConfig(n_outputs=None))
