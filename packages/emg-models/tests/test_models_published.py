"""Published checkpoints: a forged file with the published names and shapes (the weights are not ours to ship)."""

import pytest
import safetensors.torch
import torch

from emg_models import EmgModelsError, TinyMyoClassifier, TinyMyoConfig, TinyMyoPretrainer, read_published


def forged(channel_embedding):
    """Every key of reference 1.10 with the shape of reference 1.2, written out by hand."""
    shapes = {
        "mask_token": (1, 1, 192),
        "patch_embedding.patch_embed.proj.weight": (192, 1, 1, 20),
        "patch_embedding.patch_embed.proj.bias": (192,),
        "norm.weight": (192,),
        "norm.bias": (192,),
    }
    linears = {"attn.qkv": (576, 192), "attn.proj": (192, 192), "mlp.fc1": (768, 192), "mlp.fc2": (192, 768)}
    for block in range(8):
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{norm}.{kind}": (192,) for kind in ("weight", "bias")}
        for name, shape in linears.items():
            shapes |= {f"blocks.{block}.{name}.weight": shape, f"blocks.{block}.{name}.bias": shape[:1]}
    if channel_embedding:
        shapes["channel_embed"] = (1, 16, 1, 192)
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}


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
