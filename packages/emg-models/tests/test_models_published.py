"""Published checkpoints: a forged file with the published names and shapes (the weights are not ours to ship)."""

import pytest
import safetensors.torch
import torch

from emg_models import (
    EmgModelsError,
    TinyMyoClassifier,
    TinyMyoConfig,
    TinyMyoPretrainer,
    describe_published,
    from_pretrained,
    load_published,
    read_published,
    save_pretrained,
)


def forged(channel_embedding, n_blocks=8):
    """Every key of reference 1.10 with the shape of reference 1.2, written out by hand."""
    shapes = {
        "mask_token": (1, 1, 192),
        "patch_embedding.patch_embed.proj.weight": (192, 1, 1, 20),
        "patch_embedding.patch_embed.proj.bias": (192,),
        "norm.weight": (192,),
        "norm.bias": (192,),
    }
    linears = {"attn.qkv": (576, 192), "attn.proj": (192, 192), "mlp.fc1": (768, 192), "mlp.fc2": (192, 768)}
    for block in range(n_blocks):
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{norm}.{kind}": (192,) for kind in ("weight", "bias")}
        for name, shape in linears.items():
            shapes |= {f"blocks.{block}.{name}.weight": shape, f"blocks.{block}.{name}.bias": shape[:1]}
    if channel_embedding:
        shapes["channel_embed"] = (1, 16, 1, 192)
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def classifier(n_chans, n_outputs):
    return {
        "model_head.classifier.weight": torch.randn(n_outputs, n_chans * 192),
        "model_head.classifier.bias": torch.randn(n_outputs),
    }


def regressor(n_chans, n_outputs):
    shapes = {"0": (256, n_chans * 192, 1), "3": (256, 1, 3), "5": (n_outputs, 256, 1)}
    return {
        f"model_head.regressor.{layer}.{kind}": torch.randn(shape if kind == "weight" else shape[:1]) / 16
        for layer, shape in shapes.items()
        for kind in ("weight", "bias")
    }


@pytest.fixture
def save(tmp_path):
    def write(state, prefix=""):
        path = tmp_path / "published.safetensors"
        safetensors.torch.save_file({prefix + key: value for key, value in state.items()}, path)
        return path

    return write


DECODER = {"model_head.decoder_pred.weight": torch.ones(20, 192), "model_head.decoder_pred.bias": torch.ones(20)}


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("corrected", [True, False])
def test_encoder_and_decoder(prefix, corrected, tmp_path):
    state = forged(corrected)
    path = tmp_path / "published.safetensors"
    safetensors.torch.save_file({prefix + key: value for key, value in (state | DECODER).items()}, path)
    parts = read_published(path)
    assert parts.keys() == {"encoder", "decoder"}
    choice = {} if corrected else {"rope": "released", "channel_embedding": False}
    classifier = TinyMyoClassifier(TinyMyoConfig(n_chans=8, n_times=200, n_outputs=6, **choice))
    classifier.load_encoder(parts["encoder"])
    loaded = classifier.encoder.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())
    pretrainer = TinyMyoPretrainer(TinyMyoConfig(**choice))
    pretrainer.decoder.load_state_dict(parts["decoder"])
    assert bool((pretrainer.decoder.weight == 1).all())


def test_heads_are_told_apart(tmp_path):
    heads = {"model_head.classifier.weight": torch.ones(6, 8), "model_head.regressor.0.bias": torch.ones(3)}
    safetensors.torch.save_file(forged(channel_embedding=True) | heads, tmp_path / "a.safetensors")
    parts = read_published(tmp_path / "a.safetensors")
    assert list(parts["head"]) == ["weight"]
    assert list(parts["regressor"]) == ["0.bias"]


def test_files_of_other_networks_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(1)}, path)
    with pytest.raises(EmgModelsError, match="no key 'mask_token' among 1; a TinyMyo checkpoint is required"):
        read_published(path)
    safetensors.torch.save_file({"mask_token": torch.ones(1), "model_head.ctc.weight": torch.ones(1)}, path)
    with pytest.raises(
        EmgModelsError, match=r"the head of key 'model_head.ctc.weight' is unknown; one of model_head.dec"
    ):
        read_published(path)
    with pytest.raises(EmgModelsError, match=r"absent: no such file"):
        read_published(tmp_path / "absent")


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize(
    ("corrected", "n_blocks", "head", "task", "sizes", "count"),
    [
        (True, 8, DECODER, "reconstruction", {}, 3_570_452),
        (False, 8, DECODER, "reconstruction", {}, 3_567_380),
        (True, 4, DECODER, "reconstruction", {}, 1_790_996),
        (False, 4, DECODER, "reconstruction", {}, 1_787_924),
        (True, 8, classifier(16, 53), "classification", {"n_chans": 16, "n_outputs": 53}, 3_729_461),
        (False, 8, classifier(16, 53), "classification", {"n_chans": 16, "n_outputs": 53}, 3_726_389),
        (True, 8, classifier(8, 6), "classification", {"n_chans": 8, "n_outputs": 6}, 3_575_814),
        (True, 4, classifier(16, 53), "classification", {"n_chans": 16, "n_outputs": 53}, 1_950_005),
        (True, 8, regressor(16, 5), "regression", {"n_chans": 16, "n_outputs": 5}, 4_355_589),
        (False, 8, regressor(16, 5), "regression", {"n_chans": 16, "n_outputs": 5}, 4_352_517),
        (True, 8, {}, "tokens", {}, 3_566_592),
        (False, 8, {}, "tokens", {}, 3_563_520),
    ],
)
def test_every_published_form_is_recognised(prefix, corrected, n_blocks, head, task, sizes, count, save):
    state = forged(corrected, n_blocks) | head
    path = save(state, prefix)
    model = load_published(path, n_times=40)
    assert model.task == task
    assert not model.training
    assert sum(value.numel() for value in model.parameters()) == count
    assert model.config.n_blocks == n_blocks
    assert model.config.rope == ("corrected" if corrected else "released")
    assert model.config.channel_embedding is corrected
    assert {key: getattr(model.config, key) for key in sizes} == sizes
    loaded = list(model.state_dict().values())
    assert len(loaded) == len(state)
    assert sum(float(value.double().sum()) for value in loaded) == pytest.approx(
        sum(float(value.double().sum()) for value in state.values())
    )
    found = describe_published(path)
    assert found["task"] == task
    assert found["release"].startswith("corrected" if corrected else "first")
    assert sum(found["keys"].values()) == len(state)
    assert model(torch.zeros(1, model.config.n_chans, 40)).shape == (1, *model.output_shape)


def test_the_names_of_the_regressor_are_the_published_ones(save):
    head = regressor(16, 5)
    model = load_published(save(forged(channel_embedding=True) | head), n_times=200)
    assert torch.equal(model.regressor[5].bias, head["model_head.regressor.5.bias"])
    assert model.output_shape == (200, 5)
    released = load_published(save(forged(channel_embedding=False) | head), n_times=200)
    assert released.output_shape == (500, 5)
    assert load_published(save(forged(channel_embedding=False) | head), output_times=7).output_shape == (7, 5)


def test_the_first_release_can_be_given_a_position(save):
    path = save(forged(channel_embedding=False) | DECODER)
    x = torch.randn(1, 4, 100)
    outputs = {}
    for rope in ("released", "corrected", "none"):
        with torch.no_grad():
            outputs[rope] = load_published(path, n_chans=4, n_times=100, rope=rope)(x)
    torch.testing.assert_close(outputs["released"], outputs["none"], atol=1e-3, rtol=1e-3)
    assert float((outputs["corrected"] - outputs["none"]).abs().max()) > 1e-2


def test_a_head_for_another_task_is_left_out_only_when_asked(save):
    state = forged(channel_embedding=True)
    path = save(state | DECODER)
    with pytest.raises(EmgModelsError, match="its head is for the task 'reconstruction', not 'classification'; leave"):
        load_published(path, task="classification", n_chans=8, n_outputs=3)
    for task, sizes in (
        ("classification", {"n_outputs": 3}),
        ("events", {"n_outputs": 9}),
        ("regression", {"n_outputs": 2}),
    ):
        model = load_published(path, task=task, fresh_head=True, n_chans=8, n_times=40, **sizes)
        assert model.task == task
        assert torch.equal(model.encoder.norm.weight, state["norm.weight"])
        assert not model.encoder.mask_token.requires_grad
        assert all(value.requires_grad for key, value in model.named_parameters() if not key.endswith("mask_token"))
    rebuilt = load_published(save(state), task="reconstruction", fresh_head=True)
    assert torch.equal(rebuilt.encoder.channel_embed, state["channel_embed"])
    bare = load_published(path, task="tokens")
    assert bare.state_dict().keys() == state.keys()
    with pytest.raises(EmgModelsError, match="task 'speech' is unknown; choose one of classification"):
        load_published(path, task="speech")


def test_half_precision_becomes_single(save):
    state = {key: value.bfloat16() for key, value in (forged(channel_embedding=True, n_blocks=1) | DECODER).items()}
    path = save(state)
    assert describe_published(path)["dtypes"] == ["torch.bfloat16"]
    assert {value.dtype for value in load_published(path).parameters()} == {torch.float32}


def test_a_converted_folder_computes_the_same(save, tmp_path, describe, labels):
    model = load_published(save(forged(channel_embedding=False) | classifier(8, 6)), n_times=200, sfreq=200.0)
    save_pretrained(model, tmp_path / "m", preprocessing=describe(model.config), labels=labels)
    x = torch.randn(1, 8, 200)
    with torch.no_grad():
        assert torch.equal(from_pretrained(tmp_path / "m")(x), model(x))


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({"norm.weight": None}, {}, r"103 of 104 keys match by name; missing 'encoder.norm.weight'"),
        ({"model_head.decoder_pred.bias": None}, {}, "missing 'decoder.bias'"),
        ({"norm.weight": torch.ones(191)}, {}, r"shape of 'encoder.norm.weight' is \(191,\), required \(192,\)"),
        ({"rotary.table": torch.ones(3)}, {}, "unexpected 'encoder.rotary.table'"),
        ({"norm.weight": torch.full((192,), torch.nan)}, {}, r"NaN or infinity in \['encoder.norm.weight'\]"),
        ({"blocks.3.norm1.weight": None}, {}, "missing 'encoder.blocks.3.norm1.weight'"),
        ({"blocks.9.norm1.weight": torch.ones(192)}, {}, r"blocks \[0, .* 7, 9\]; blocks 0, 1, ... without a gap"),
        ({"patch_embedding.patch_embed.proj.weight": None}, {}, "proj.weight' is absent; a TinyMyo checkpoint"),
        ({"patch_embedding.patch_embed.proj.weight": torch.ones(192, 20)}, {}, r"is \(192, 20\); a TinyMyo checkpoint"),
        (
            {"patch_embedding.patch_embed.proj.weight": torch.ones(190, 1, 1, 20)},
            {},
            "tokens of width 190; heads of width",
        ),
        ({"model_head.classifier.weight": torch.ones(6, 192)}, {}, "heads of several tasks, reconstruction, class"),
        ({}, {"n_blocks": 4}, "n_blocks=4 contradicts the weights, which have 8"),
        ({}, {"depth": 4}, r"unknown settings \['depth'\]; fields of TinyMyoConfig"),
        ({}, {"n_chans": 17}, "n_chans=17 exceeds max_chans=16"),
        ({}, {"n_outputs": 3}, "n_outputs=3: TinyMyoPretrainer .* has no outputs"),
    ],
)
def test_checkpoints_that_do_not_fit(change, settings, message, save):
    state = {key: value for key, value in (forged(True) | DECODER | change).items() if value is not None}
    with pytest.raises(EmgModelsError, match=message):
        load_published(save(state), **settings)


def test_a_head_over_the_mean_of_the_channels_is_told(save):
    """The first release's "mean" option makes a head of one channel's width; it is not offered here."""
    path = save(forged(channel_embedding=False) | classifier(1, 6))
    with pytest.raises(EmgModelsError, match="n_chans=8 contradicts the weights, which have 1"):
        load_published(path, n_chans=8)
    with pytest.raises(EmgModelsError, match="its head takes 200 values, no multiple of the token width 192"):
        load_published(save(forged(True) | {"model_head.classifier.weight": torch.ones(6, 200)}))


def test_a_checkpoint_without_blocks(save):
    state = {key: value for key, value in forged(True).items() if not key.startswith("blocks")}
    with pytest.raises(EmgModelsError, match="blocks"):
        load_published(save(state))
