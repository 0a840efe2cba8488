"""All-ConvNet, S-ConvNet and GengNet: published counts, shapes, options, and equality with slow forms of themselves."""

import math

import numpy as np
import pytest
import torch

from emg_models import (
    AllConvNet,
    AllConvNetConfig,
    EmgModelsError,
    GengNet,
    GengNetConfig,
    GridConfig,
    SConvNet,
    SConvNetConfig,
    count_costs,
    create_model,
    fold_batchnorm,
    model_info,
    save_pretrained,
)
from emg_models._registry import REGISTRY

ORACLE = "models_oracles_hdsemg"

GRIDS = {8: (16, 8), 12: (16, 8), 27: (24, 7), 52: (1, 10)}


def costs(model, config):
    with torch.device("meta"):
        return count_costs(model(config))


def lived_in(model, scale=0.1):
    """Give every normalisation statistics, scale and shift of its own, and every bias a value."""
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand_like(value))
            elif value.is_floating_point():
                value.add_(scale * torch.randn_like(value))
    return model.eval()


def numbers(model):
    return {key: value.double().numpy() for key, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("outputs", "plain", "normed"),
    [
        (8, 461_064, 462_472),
        (12, 461_580, 462_988),
        (27, 463_515, 464_923),
        (34, 464_418, 465_826),
        (52, 466_740, 468_148),
    ],
)
def test_allconvnet_has_the_published_number_of_parameters(outputs, plain, normed):
    assert costs(AllConvNet, AllConvNetConfig(n_outputs=outputs)).parameters == plain
    assert costs(AllConvNet, AllConvNetConfig(n_outputs=outputs, batch_norm=True)).parameters == normed


@pytest.mark.parametrize(("outputs", "macs"), [(8, 14_368_768), (27, 20_683_776), (52, 2_176_128)])
def test_allconvnet_costs_on_each_grid(outputs, macs):
    rows, cols = GRIDS[outputs]
    assert costs(AllConvNet, AllConvNetConfig(rows=rows, cols=cols, n_outputs=outputs)).macs == macs


def test_allconvnet_layer_by_layer():
    model = AllConvNet(AllConvNetConfig())
    units = [module for module in model.trunk if hasattr(module, "layer")]
    assert [sum(p.numel() for p in unit.parameters()) for unit in units] == [
        640, 36_928, 36_928, 73_856, 147_584, 147_584, 16_512,
    ]  # fmt: skip
    assert sum(p.numel() for p in model.head.parameters()) == 1_032
    shapes = []
    for unit in units:
        unit.register_forward_hook(lambda _, __, y: shapes.append(tuple(y.shape[1:])))
    model.eval()(torch.zeros(1, 16, 8))
    assert shapes == [(64, 16, 8)] * 2 + [(64, 8, 4)] + [(128, 8, 4)] * 2 + [(128, 4, 2)] * 2
    dropouts = [(i, module.p) for i, module in enumerate(model.trunk) if isinstance(module, torch.nn.Dropout)]
    assert dropouts == [(0, 0.2), (4, 0.5), (8, 0.5)]


@pytest.mark.parametrize(("rows", "cols", "left"), [(16, 8, (4, 2)), (24, 7, (6, 2)), (1, 10, (1, 3))])
@pytest.mark.parametrize("ring", [False, True])
def test_allconvnet_halves_the_grid_twice(rows, cols, left, ring):
    model = AllConvNet(AllConvNetConfig(rows=rows, cols=cols, circular_rows=ring)).eval()
    assert tuple(model.trunk(torch.zeros(1, 1, rows, cols)).shape) == (1, 128, *left)


def test_allconvnet_says_that_it_is_a_reconstruction():
    assert "a reconstruction" in AllConvNet.__doc__
    assert "not the paper's table" in AllConvNet.__doc__
    for name in ("allconvnet", "allconvnet-bn"):
        assert "reconstruction" in REGISTRY[name].summary
    assert "own design" in SConvNet.__doc__
    assert "own design" in REGISTRY["sconvnet"].summary
    assert model_info("allconvnet")["parameters"] == 461_064
    assert model_info("allconvnet-bn")["parameters"] == 462_472


@pytest.mark.parametrize(
    ("name", "words"), [("allconvnet", "All-ConvNet, a reconstruction"), ("sconvnet", "baseline of our own design")]
)
def test_the_card_of_a_folder_says_so_too(name, words, describe, labels, tmp_path):
    model = create_model(name, rows=4, cols=3, n_outputs=6)
    preprocessing = describe(model.config, window={"length": 1, "hop": 1, "unit": "samples"})
    save_pretrained(model, tmp_path / "m", preprocessing=preprocessing, labels=labels)
    assert words in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")


def test_rows_that_close_to_a_ring_ignore_a_turn_by_four():
    frames = torch.randn(3, 16, 8)
    ring = AllConvNet(AllConvNetConfig(circular_rows=True)).eval()
    flat = AllConvNet(AllConvNetConfig()).eval()
    flat.load_state_dict(ring.state_dict())
    with torch.no_grad():
        for turn in (4, 8, 12):
            torch.testing.assert_close(ring(frames.roll(turn, 1)), ring(frames), atol=2e-6, rtol=0)
            assert float((flat(frames.roll(turn, 1)) - flat(frames)).abs().max()) > 1e-3
        for turn in (1, 2):
            assert float((ring(frames.roll(turn, 1)) - ring(frames)).abs().max()) > 1e-3
        assert float((ring(frames.roll(4, 2)) - ring(frames)).abs().max()) > 1e-3


@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_allconvnet_equals_the_slow_form(slow, ring, batch_norm):
    config = AllConvNetConfig(rows=5, cols=3, n_outputs=4, batch_norm=batch_norm, circular_rows=ring, final_relu=ring)
    model = lived_in(AllConvNet(config).double(), 0.02)
    frames = torch.randn(2, 5, 3, dtype=torch.float64)
    wanted = [
        slow.allconvnet(frame, numbers(model), config.bn_eps, ring=ring, final_relu=ring) for frame in frames.numpy()
    ]
    np.testing.assert_allclose(model(frames).detach().numpy(), wanted, atol=1e-10)


@pytest.mark.parametrize(
    ("outputs", "released", "released_bn", "biased", "biased_bn", "macs"),
    [
        (8, 5_609_032, 5_611_850, 5_626_696, 5_629_514, 10_363_904),
        (12, 5_609_548, 5_612_366, 5_627_212, 5_630_030, 10_364_416),
        (27, 7_249_883, 7_252_701, 7_272_667, 7_275_485, 13_502_336),
        (52, 781_428, 784_246, 783_988, 786_806, 1_118_336),
    ],
)
def test_gengnet_has_every_count_of_its_table(outputs, released, released_bn, biased, biased_bn, macs):
    rows, cols = GRIDS[outputs]
    for bias, bare, normed in ((False, released, released_bn), (True, biased, biased_bn)):
        grid = {"rows": rows, "cols": cols, "n_outputs": outputs, "bias": bias}
        assert costs(GengNet, GengNetConfig(**grid, batch_norm=False, input_norm=False)).parameters == bare
        assert costs(GengNet, GengNetConfig(**grid)).parameters == normed
        assert costs(GengNet, GengNetConfig(**grid)).macs == macs


def test_gengnet_layer_by_layer():
    model = GengNet(GengNetConfig())
    weights = {key: value.numel() for key, value in model.named_parameters() if key.endswith("layer.weight")}
    assert list(weights.values()) == [576, 36_864, 524_288, 524_288, 4_194_304, 262_144, 65_536]
    assert sum(p.numel() for p in model.input_norm.parameters()) == 2
    assert [key for key, _ in model.named_parameters() if key.endswith("layer.bias")] == []
    assert model.head.bias is not None
    dropped = [
        name for name, module in model.named_modules(remove_duplicate=False) if isinstance(module, torch.nn.Dropout)
    ]
    assert dropped == ["local.2", "wide.1", "wide.3"]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_gengnet_equals_the_slow_form(slow, bias, batch_norm):
    config = GengNetConfig(rows=3, cols=2, n_outputs=5, bias=bias, batch_norm=batch_norm, input_norm=batch_norm)
    model = lived_in(GengNet(config).double(), 0.02)
    frames = torch.randn(2, 3, 2, dtype=torch.float64)
    wanted = [slow.gengnet(frame, numbers(model), config.bn_eps) for frame in frames.numpy()]
    np.testing.assert_allclose(model(frames).detach().numpy(), wanted, atol=1e-10)


def test_sconvnet_has_the_declared_table():
    assert costs(SConvNet, SConvNetConfig()).parameters == 2_137_032
    model = SConvNet(SConvNetConfig(rows=4, cols=3, n_outputs=5, width=6, hidden=7))
    shapes = {key: tuple(value.shape) for key, value in model.named_parameters() if key.endswith("weight")}
    assert list(shapes.values()) == [(6, 1, 3, 3), (6, 6, 3, 3), (7, 72), (5, 7)]
    frame = torch.randn(1, 4, 3)
    convolved = torch.relu(model.trunk[1].layer(torch.relu(model.trunk[0].layer(frame[:, None]))))
    wanted = model.head(torch.relu(model.trunk[3].layer(convolved.flatten(1))))
    torch.testing.assert_close(model.eval()(frame), wanted)


@pytest.mark.parametrize(("init", "gain"), [("recipe", 2), ("he", 6)])
@pytest.mark.parametrize("name", ["allconvnet", "gengnet", "sconvnet"])
def test_weights_start_uniform_within_the_recipes_bound(name, init, gain):
    model = create_model(name, rows=4, cols=4, init=init, **({"bias": True} if name == "gengnet" else {}))
    layers = [m for m in model.modules() if hasattr(m, "weight") and "BatchNorm" not in type(m).__name__]
    assert len(layers) >= 4
    for layer in layers:
        weight = layer.weight.detach()
        inputs = 64 if weight.ndim == 3 else weight[0].numel()
        bound = math.sqrt(gain / inputs)
        assert 0.9 * bound < float(weight.abs().max()) <= bound
        assert abs(float(weight.mean())) < 0.15 * bound
        assert not layer.bias.any()


@pytest.mark.parametrize(
    "model",
    [
        AllConvNet(AllConvNetConfig(rows=6, cols=4, batch_norm=True, circular_rows=True)),
        GengNet(GengNetConfig(rows=4, cols=3)),
        GengNet(GengNetConfig(rows=4, cols=3, bias=True, input_norm=False)),
    ],
    ids=["allconvnet", "gengnet", "gengnet-bias"],
)
def test_folding_removes_every_norm_and_changes_no_logit(model):
    model = lived_in(model).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = fold_batchnorm(model)
    assert model.training
    assert not folded.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert type(folded) is type(model)
    assert folded.config.batch_norm is False
    assert [key for key in folded.state_dict() if "norm" in key and not key.startswith("input_norm")] == []
    frames = torch.randn(5, *model.config.input_shape)
    with torch.no_grad():
        wanted = model.eval()(frames)
        torch.testing.assert_close(folded(frames), wanted, atol=1e-5 * float(wanted.abs().max()), rtol=0)
    assert float(wanted.std()) > 1e-3
    bare = type(model)(folded.config)
    bare.load_state_dict(folded.state_dict())


def test_nothing_to_fold_is_refused():
    for model in (AllConvNet(AllConvNetConfig(rows=4, cols=4)), SConvNet(SConvNetConfig(rows=4, cols=4))):
        with pytest.raises(EmgModelsError, match="has no batch normalisation to fold; an AllConvNet or a GengNet"):
            fold_batchnorm(model)
    with pytest.raises(EmgModelsError, match="Linear has no batch normalisation to fold"):
        fold_batchnorm(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 128), None), ((2, 8, 16), None), ((2, 1, 16, 8), None), ((2, 16, 8), torch.int16)]
)
def test_frames_that_do_not_fit_are_refused(shape, dtype):
    model = create_model("allconvnet")
    with pytest.raises(EmgModelsError, match=r"floating point frames \(batch, 16, 8\) are required; reshape"):
        model(torch.zeros(shape, dtype=dtype))


def test_channels_follow_from_the_grid():
    assert GridConfig().n_chans == 128
    assert GridConfig(rows=24, cols=7).n_chans == 168
    assert GridConfig(rows=24, cols=7, n_chans=168).input_shape == (24, 7)
    for config in (AllConvNetConfig(rows=3), SConvNetConfig(rows=3), GengNetConfig(rows=3)):
        assert type(config).from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_chans": 128, "rows": 24}, r"n_chans=128 is not rows \* cols = 24 \* 8 = 192; give the grid's rows"),
        ({"n_chans": False}, "n_chans=False: an integer >= 1 is required"),
        ({"n_times": 2}, "n_times=2: 1 is required, a grid network sees one frame"),
        ({"rows": 0}, "rows=0: an integer >= 1"),
        ({"cols": 2.0}, "cols=2.0: an integer >= 1"),
        ({"init": "xavier"}, "init='xavier': one of recipe, he is required"),
    ],
)
def test_grids_that_do_not_fit_are_refused(change, message):
    with pytest.raises(EmgModelsError, match=message):
        GridConfig(**change)


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        (AllConvNetConfig, {"batch_norm": 1}, "batch_norm=1: True or False"),
        (AllConvNetConfig, {"final_relu": None}, "final_relu=None: True or False"),
        (AllConvNetConfig, {"circular_rows": "yes"}, "circular_rows='yes': True or False"),
        (AllConvNetConfig, {"bn_eps": 0.0}, "bn_eps=0.0: a finite number > 0"),
        (AllConvNetConfig, {"input_dropout": 1.0}, r"input_dropout=1.0: a rate in \[0, 1\)"),
        (AllConvNetConfig, {"dropout": -0.1}, r"dropout=-0.1: a rate in \[0, 1\)"),
        (SConvNetConfig, {"width": 0}, "width=0: an integer >= 1"),
        (SConvNetConfig, {"hidden": 2**17}, "hidden=131072: an integer >= 1 is required, at most 65536"),
        (SConvNetConfig, {"dropout": 1}, r"dropout=1: a rate in \[0, 1\)"),
        (GengNetConfig, {"bias": 0}, "bias=0: True or False"),
        (GengNetConfig, {"batch_norm": 0}, "batch_norm=0: True or False"),
        (GengNetConfig, {"input_norm": 0}, "input_norm=0: True or False"),
        (GengNetConfig, {"bn_eps": -1}, "bn_eps=-1: a finite number > 0"),
        (GengNetConfig, {"dropout": 2}, r"dropout=2: a rate in \[0, 1\)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(config, change, message):
    with pytest.raises(EmgModelsError, match=message):
        config(**change)
