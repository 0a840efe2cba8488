"""Every message of the configuration and of the models' public edge."""

import dataclasses

import pytest
import torch

from emg_models import (
    EmgModelsError,
    ModelConfig,
    TinyMyoClassifier,
    TinyMyoConfig,
    TinyMyoEncoder,
    TinyMyoPretrainer,
    model_info,
)
from emg_models._cli import _settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_chans": 0}, "n_chans=0: an integer >= 1"),
        ({"n_blocks": 2.0}, "n_blocks=2.0: an integer >= 1"),
        ({"n_heads": True}, "n_heads=True: an integer >= 1"),
        ({"n_outputs": 0}, "n_outputs=0: an integer >= 1"),
        ({"sfreq": 0.0}, "sfreq=0.0: a finite number > 0 in Hz"),
        ({"sfreq": float("inf")}, "sfreq=inf"),
        ({"sfreq": "2000"}, "sfreq='2000'"),
        ({"dropout": 1.0}, r"dropout=1.0: a rate in \[0, 1\)"),
        ({"attn_dropout": -0.1}, "attn_dropout=-0.1"),
        ({"drop_path": "0"}, "drop_path='0'"),
        ({"n_times": 20 * 2**20}, "n_chans=16, n_times=20971520 make 16777216 tokens, at most 1048576"),
        ({"n_chans": 17}, "n_chans=17 exceeds max_chans=16.*raise max_chans"),
        ({"channel_embedding": 1}, "channel_embedding=1: True or False"),
        ({"rope": "fixed"}, "rope='fixed': one of corrected, released, none"),
        ({"embed_dim": 190}, "embed_dim=190 is not divisible by n_heads=3; choose embed_dim=189"),
        ({"embed_dim": 15}, "heads of odd width 5.*rope='none'"),
    ],
)
def test_configuration(values, message):
    with pytest.raises(EmgModelsError, match=message):
        TinyMyoConfig(**values)


def test_what_the_messages_advise_works():
    TinyMyoConfig(n_chans=17, max_chans=17)
    TinyMyoConfig(n_chans=17, channel_embedding=False)
    TinyMyoConfig(embed_dim=15, rope="none")


def test_configuration_round_trip_is_strict():
    config = TinyMyoConfig(n_outputs=3, rope="released")
    values = config.to_dict()
    assert TinyMyoConfig.from_dict(values) == config
    values["n_layers"] = values.pop("n_blocks")
    with pytest.raises(EmgModelsError, match=r"unknown keys \['n_layers'\], missing keys \['n_blocks'\]"):
        TinyMyoConfig.from_dict(values)


def test_configuration_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TinyMyoConfig().n_chans = 3


@pytest.mark.parametrize(
    ("x", "masks", "message"),
    [
        (torch.zeros(8, 100), {}, r"shape \(8, 100\).*add a batch axis with x\[None\]"),
        (torch.zeros(1, 8, 100, dtype=torch.int16), {}, r"torch.int16.*x.float\(\)"),
        (torch.zeros(1, 17, 100), {}, "17 channels, the channel embedding has 16 rows"),
        (torch.zeros(1, 8, 0), {}, "input of 8 channels and 0 samples per window: at least one of each is required"),
        (torch.zeros(1, 0, 100), {}, "input of 0 channels and 100 samples per window"),
        (
            torch.zeros(1, 8, 100),
            {"patch_mask": torch.zeros(1, 39, dtype=torch.bool)},
            r"patch_mask of shape \(1, 39\)",
        ),
        (torch.zeros(1, 8, 100), {"patch_mask": torch.zeros(1, 40)}, r"torch.float32: a bool tensor \(1, 40\)"),
        (torch.zeros(1, 8, 100), {"channel_mask": torch.ones(8, dtype=torch.bool)}, r"channel_mask of shape \(8,\)"),
        (torch.zeros(1, 8, 100), {"channel_mask": torch.zeros(1, 8, dtype=torch.bool)}, "without any real channel"),
    ],
)
def test_encoder_input(x, masks, message, small_config):
    encoder = TinyMyoEncoder(dataclasses.replace(small_config, n_outputs=None))
    with pytest.raises(EmgModelsError, match=message):
        encoder(x, **masks)


def test_classifier_input(small_model):
    with pytest.raises(EmgModelsError, match="input has 7 channels, the head was built for 8; pad with zeros"):
        small_model(torch.zeros(1, 7, 100))
    with pytest.raises(EmgModelsError, match=r"shape \(8, 100\)"):
        small_model(torch.zeros(8, 100))


def test_tasks_want_the_right_number_of_outputs(small_config):
    without = dataclasses.replace(small_config, n_outputs=None)
    for model, config, message in [
        (
            TinyMyoPretrainer,
            small_config,
            r"n_outputs=6: TinyMyoPretrainer \(reconstruction\) has no outputs",
        ),
        (TinyMyoEncoder, small_config, r"n_outputs=6: TinyMyoEncoder \(tokens\) has no outputs; give None"),
        (
            TinyMyoClassifier,
            without,
            r"n_outputs=None: TinyMyoClassifier \(classification\) needs its number",
        ),
    ]:
        with pytest.raises(EmgModelsError, match=message):
            model(config)


def test_a_model_wants_its_own_configuration():
    config = ModelConfig(n_chans=8, n_times=100, n_outputs=6, sfreq=100.0)
    with pytest.raises(EmgModelsError, match="TinyMyoClassifier was given ModelConfig; a TinyMyoConfig is required"):
        TinyMyoClassifier(config)


def test_a_model_without_frames_or_stream_says_so(small_model):
    with pytest.raises(EmgModelsError, match="TinyMyoClassifier has no frames: its task is classification, for 50 sam"):
        small_model.frames(50)
    with pytest.raises(EmgModelsError, match=r"TinyMyoClassifier cannot stream \(batch=2\), it looks at whole windows"):
        small_model.stream(batch=2)


def test_inputs_of_another_kind_are_refused(row):
    model, x = row.trained, row.x(2)
    for bad, message in (
        (x.numpy(), "input of type ndarray: a Tensor is required; use torch.from_numpy"),
        (x.tolist(), "input of type list: a Tensor is required"),
        (x.to("meta"), r"input on meta, the model on cpu: one device is required"),
        (x.double(), r"input of torch.float64, the model in torch.float32: one dtype is required; use x.to\(torch.fl"),
        (x.half(), "input of torch.float16, the model in torch.float32"),
        (x.long(), r"input of shape \(2, .*\) and torch.int64: floating point .* required"),
        (x[0], r"input of shape .* and torch.float32: floating point .* required"),
    ):
        with pytest.raises(EmgModelsError, match=message):
            model(bad)
    with pytest.raises(EmgModelsError, match=r"input of torch.float64"), torch.autocast("cpu", dtype=torch.bfloat16):
        model(x.double())


def test_an_empty_batch_gives_an_empty_output(row):
    assert row.trained(row.x(2)[:0]).shape == (0, *row.trained.output_shape)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("tinymyo", "n_blocks"),
        ("tinymyo-neuromotor", "n_blocks"),
        ("tinymyo-speech-recognition", "n_blocks"),
        ("scaled-transformer-tiny", "n_blocks"),
        ("tds-emg2qwerty", "n_blocks"),
        ("neuropose", "n_blocks"),
        ("vemg2pose", "stage_blocks"),
        ("vemg2pose", "n_layers"),
        ("neuromotor-gestures", "n_layers"),
        ("neuromotor-wrist", "n_layers"),
    ],
)
def test_depth_is_bounded_before_anything_is_built(name, field):
    with pytest.raises(EmgModelsError, match=f"{field}=1000000: an integer >= 1 is required, at most 1024"):
        model_info(name, **{field: 1_000_000})


def test_values_nested_without_end_are_text():
    with pytest.raises(EmgModelsError, match=r"n_blocks='\[\[.*an integer >= 1 is required"):
        model_info("tinymyo", **_settings(["n_blocks=" + "[" * 100_000]))


def test_a_roll_out_is_bounded_before_anything_is_built():
    with pytest.raises(EmgModelsError, match="n_times=2147483648 samples are more than 16384 steps of 40 samples"):
        model_info("vemg2pose", n_times=2**31)


def test_names_that_are_no_text_are_unknown():
    with pytest.raises(EmgModelsError, match=r"model \['tinymyo'\] is unknown; choose one of"):
        model_info(["tinymyo"])
    with pytest.raises(EmgModelsError, match=r"has no task \['ctc'\]; choose one of"):
        model_info("tinymyo", task=["ctc"])
