"""A network becomes an integer one and a float one again; grids are calibrated, stored, refused, trained through."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import emg_models
from emg_distill import EmgDistillError
from emg_distill._quantise.networks import exact_tables
from emg_distill._quantise.phase import over_processes
from emg_distill._quantise.prepare import (
    advance,
    apply_scheme,
    calibrate,
    exportable,
    follow,
    freeze,
    integer_codes,
    is_prepared,
    prepare,
    restore,
    scheme,
)
from emg_distill._quantise.ranges import least_error
from emg_distill._quantise.traced import OnGrid
from emg_distill._recipe.quantise import QuantiseRecipe

RECIPE = QuantiseRecipe(on=True)


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def tinymyo(name="tinymyo", **options):
    torch.manual_seed(5)
    sizes = {"embed_dim": 16, "n_heads": 2, "n_blocks": 2, **options}
    model = emg_models.create_model(name, n_chans=2, n_times=60, n_outputs=3, sfreq=200.0, **sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def allconvnet(**options):
    torch.manual_seed(6)
    config = emg_models.AllConvNetConfig(rows=4, cols=6, n_chans=24, n_times=1, n_outputs=4, sfreq=1000.0, **options)
    return emg_models.AllConvNet(config).eval()


CASES = {
    "mlp": (mlp, (3, 4)),
    "tinymyo": (tinymyo, (2, 60)),
    "unturned": (lambda: tinymyo(rope="none", n_blocks=1), (2, 60)),
    "released": (lambda: tinymyo("tinymyo-released"), (2, 60)),
    "allconvnet": (allconvnet, (4, 6)),
    "ring": (lambda: allconvnet(circular_rows=True, final_relu=True), (4, 6)),
}


@pytest.fixture(params=CASES)
def case(request):
    build, shape = CASES[request.param]
    generator = torch.Generator().manual_seed(1)
    return build(), torch.randn(12, *shape, generator=generator)


def test_float_first_integer_behind_calibration_float_again(case):
    model, x = case
    model.eval()
    kind, names = type(model), {name: type(module) for name, module in model.named_modules()}
    weights, real = copy.deepcopy(model.state_dict()), model(x)
    assert prepare(model, x[:2], RECIPE) is model
    assert is_prepared(model)
    assert isinstance(model, kind)
    assert torch.equal(model(x), real)
    calibrate(model, x.split(6))
    rounded = model(x)
    noise = (rounded - real).square().mean().sqrt() / (real - real.mean(0)).square().mean().sqrt()
    assert 0 < noise.item() < 0.1
    assert set(weights) < set(model.state_dict())
    assert all(torch.equal(model.state_dict()[name], value) for name, value in weights.items())
    restore(model)
    assert not is_prepared(model)
    assert type(model) is kind
    assert {name: type(module) for name, module in model.named_modules()} == names
    assert set(model.state_dict()) == set(weights)
    assert torch.equal(model(x), real)


def test_codes_are_legal_and_their_values_are_what_flows(case):
    model, x = case
    calibrate(prepare(model, x[:2], RECIPE), [x])
    model.train()  # dropout and dropped branches are off
    codes, grids = integer_codes(model, 20 * x), scheme(model)["grids"]
    assert set(codes) == set(grids)
    for name, grid in grids.items():
        low, high = {"int8": (-128, 127), "int16": (-32768, 32767)}[grid["dtype"]]
        assert low <= int(codes[name].min()) <= int(codes[name].max()) <= high
    (last,) = {"head.out", "average.out", "4.out"} & set(list(codes)[-1:])  # codes come in order of execution
    (step,), (zero,) = grids[last]["scale"], grids[last]["zero_point"]
    assert torch.equal(model(20 * x), ((codes[last] - zero).double() * step).float())


def test_residual_stream_is_wide_and_products_read_bytes():
    model = tinymyo()
    x = torch.randn(8, 2, 60)
    calibrate(prepare(model, x[:1], RECIPE), [x])
    grids = scheme(model)["grids"]
    wide = {name for name, grid in grids.items() if grid["dtype"] == "int16"}
    assert {"encoder.blocks.0.sum1.out", "encoder.blocks.1.sum2.out", "encoder.norm.out", "head.out"} <= wide
    assert not any(
        name.endswith(("norm1.out", "norm2.out", "qkv.out", "context", "fc1.out", "before")) for name in wide
    )
    assert len(grids["encoder.blocks.0.attn.qkv.out"]["scale"]) == 6
    assert set(grids["encoder.blocks.0.attn.qkv.out"]["zero_point"]) == {0}
    narrow = tinymyo()
    calibrate(prepare(narrow, x[:1], QuantiseRecipe(on=True, residual="int8")), [x])
    wide = {name for name, grid in scheme(narrow)["grids"].items() if grid["dtype"] == "int16"}
    assert wide == {"encoder.patch_embedding.patch_embed.proj.source", "head.out"}


class Both(nn.Module):
    """Two layers on one value, their results one after the other."""

    def __init__(self):
        super().__init__()
        self.norm, self.wide, self.narrow, self.last = (
            nn.LayerNorm(4),
            nn.LayerNorm(4),
            nn.Linear(4, 4),
            nn.Linear(4, 2),
        )

    def forward(self, x):
        y = self.norm(x)
        self.side = self.wide(y)
        return self.last(self.narrow(y))


def _returned(module, args, result):
    """Let a result count as an output of the network."""
    if isinstance(result, OnGrid):
        module.out.readers.add("output")


def test_a_value_that_is_read_both_ways_has_a_narrow_copy():
    model, x = Both(), torch.randn(16, 4)
    with pytest.raises(EmgDistillError, match="is read by no layer and is not the output"):
        prepare(model, x, RECIPE)
    model = Both()
    model.wide.register_forward_hook(_returned)
    calibrate(prepare(model, x, RECIPE), [x])
    grids, codes = scheme(model)["grids"], integer_codes(model, x)
    assert grids["norm.out"]["dtype"] == "int16"
    assert grids["norm.out.narrow"]["dtype"] == "int8"
    real = codes["norm.out"].double() * grids["norm.out"]["scale"][0]
    steps = real / grids["norm.out.narrow"]["scale"][0] + grids["norm.out.narrow"]["zero_point"][0]
    assert bool((codes["norm.out.narrow"] - steps.clamp(-128, 127)).abs().max() <= 0.5 + 1e-6)
    assert exportable(model)(x).shape == (16, 2)


def test_a_state_dict_brings_grids_and_weights_back(case):
    model, x = case
    other = copy.deepcopy(model)
    calibrate(prepare(model, x[:2], RECIPE), [x])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.9)
    prepare(other, x[:2], RECIPE)
    assert not other.load_state_dict(model.state_dict()).missing_keys
    assert torch.equal(other.eval()(x), model.eval()(x))
    assert scheme(other) == scheme(model)


def test_a_scheme_brings_grids_back():
    model, x = mlp().eval(), torch.randn(16, 3, 4)
    other = copy.deepcopy(model)
    calibrate(prepare(model, x, RECIPE), [x])
    prepare(other, x, RECIPE)
    apply_scheme(other, scheme(model))
    assert torch.equal(other(x), model(x))
    stored = scheme(model)
    with pytest.raises(EmgDistillError, match="need version 1"):
        apply_scheme(other, {**stored, "version": 2})
    with pytest.raises(EmgDistillError, match=r"with 1 grids, need version 1 with 4 .*1\.before"):
        apply_scheme(other, {"version": 1, "grids": {"1.out": stored["grids"]["1.out"]}})
    stored["grids"]["1.out"]["dtype"] = "int16"
    with pytest.raises(EmgDistillError, match=r"grid '1\.out': .* does not fit 1 scales of int8"):
        apply_scheme(other, stored)


def test_autocast_does_not_change_a_code():
    model, x = tinymyo(), torch.randn(8, 2, 60)
    calibrate(prepare(model, x[:1], RECIPE), [x])
    plain = integer_codes(model, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = integer_codes(model, x)
    assert all(torch.equal(plain[name], mixed[name]) for name in plain)


@pytest.mark.parametrize("observer", ["minmax", "average", "mse"])
def test_observers(observer):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    x = torch.randn(4000, 4) ** 5  # few values far out
    calibrate(prepare(model, x, QuantiseRecipe(on=True, observer=observer)), [x[:2000], x[2000:]])
    values = F.linear(x, model[0].weight, model[0].bias).detach()
    low, high = (float(v) for v in (values.min().clamp_max(0), values.max().clamp_min(0)))
    grid = scheme(model)["grids"]["0.out"]
    span = 255 * grid["scale"][0] / (high - low)
    assert span == pytest.approx(1.0, abs=1e-5) if observer == "minmax" else span < 1.0 + 1e-5


@pytest.mark.parametrize("symmetric", [True, False])
def test_range_of_least_error(symmetric):
    values = torch.cat([torch.linspace(-1, 1, 100_001), torch.tensor([1.3])]).double()
    low, high = least_error(values, torch.tensor(-1.3), torch.tensor(1.3), symmetric=symmetric)
    assert 0.98 < float(high) < 1.1  # one value is clipped for the sake of 100,001 finer ones
    assert float(low) == pytest.approx(-float(high) if symmetric else -1.0, abs=0.03)


def test_range_behind_a_function_leaves_out_what_it_flattens():
    values = torch.linspace(-4, 1, 1001).double()
    low, high = least_error(values, torch.tensor(-4.0), torch.tensor(1.0), symmetric=False, behind=torch.relu)
    assert -0.2 < float(low) <= 0
    assert float(high) == pytest.approx(1.0, abs=0.02)


def test_training_through_integers_lowers_the_loss_and_beats_rounding_behind_training():
    torch.manual_seed(0)
    x = torch.randn(256, 12)
    y = (x[:, :3] + 0.5 * x[:, 3:6].sin()).argmax(1)
    model = nn.Sequential(nn.Linear(12, 8), nn.GELU(), nn.Linear(8, 3))
    floats = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        floats.zero_grad()
        F.cross_entropy(model(x), y).backward()
        floats.step()
    calibrate(prepare(model, x[:1], QuantiseRecipe(on=True, observer="minmax")), [x])
    apply_coarse(model)
    steps = torch.optim.Adam(model.parameters(), 0.01)
    losses, hits = [], []
    for _ in range(40):
        steps.zero_grad()
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        steps.step()
        losses.append(loss.item())
        hits.append((logits.argmax(1) == y).float().mean().item())
    assert losses[-1] < 0.8 * losses[0]
    assert hits[-1] >= hits[0]


def apply_coarse(model):
    """Grids eight times too coarse: five bits are left, so that rounding hurts."""
    stored = scheme(model)
    for name in ("0.before", "0.out"):
        grid = stored["grids"][name]
        grid["scale"] = [8 * grid["scale"][0]]
        grid["zero_point"] = [0]
    apply_scheme(model, stored)


class Lambda(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def refused(function, *layers, x=None):
    model = Lambda(function, *layers)
    kinds = [type(module) for module in model.modules()]
    with pytest.raises(EmgDistillError) as caught:
        prepare(model, torch.randn(2, 4) if x is None else x, RECIPE)
    assert [type(module) for module in model.modules()] == kinds  # the network is left as it was
    assert not is_prepared(model)
    return str(caught.value)


def test_what_has_no_integer_form_is_refused():
    layer = nn.Linear(4, 4)
    assert "mul has no integer form where it stands" in refused(lambda x, a: a(x) * 2.0, layer)
    assert "batch_norm has no integer form" in refused(lambda x, a, b: b(a(x)), layer, nn.BatchNorm1d(4))
    assert "Linear is used twice" in refused(lambda x, a: a(a(x)), layer)
    assert "computed outside the quantised layers" in refused(lambda _, a: a(torch.ones(2, 4)), layer)
    assert "returns Tensor; integers need one tensor on a grid" in refused(lambda _: torch.ones(2))
    assert "the network computes nothing" in refused(lambda x: x[:1])
    assert "cat has no integer form" in refused(lambda x, a: torch.cat([a(x), x]), layer)
    ring = nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular")
    assert "layers.0: padding_mode='circular'" in refused(lambda x, a: a(x), ring, x=torch.randn(1, 2, 5))
    norm = nn.LayerNorm((2, 4))
    assert r"LayerNorm over (2, 4): integers normalise one axis" in refused(lambda x, a: a(x), norm)
    model = allconvnet(batch_norm=True)
    with pytest.raises(EmgDistillError, match=r"trunk\.9: batch normalisation .* emg_models\.fold_batchnorm"):
        prepare(model, torch.randn(1, 4, 6), RECIPE)
    prepare(emg_models.fold_batchnorm(model), torch.randn(1, 4, 6), RECIPE)


def test_what_a_device_cannot_see_is_refused():
    model, x = tinymyo(), torch.randn(4, 2, 60)
    calibrate(prepare(model, x[:1], RECIPE), [x])
    with pytest.raises(EmgDistillError, match="padded channels have no integer form"):
        model(x, torch.ones(4, 2, dtype=torch.bool))
    with pytest.raises(EmgDistillError, match="masked patches have no integer form"):
        model.encoder(x, patch_mask=torch.zeros(4, model.encoder.config.n_tokens, dtype=torch.bool))


def test_tokens_at_one_time_do_not_turn():
    cos, sin = torch.full((3, 4), 0.6), torch.full((3, 4), 0.8)
    assert exact_tables(cos, sin) is None


def test_parts_of_a_value_keep_its_grid():
    model = Lambda(lambda x, a, b: b(a(x).split(2, dim=-1)[1]), nn.Linear(4, 4), nn.Linear(2, 3))
    x = torch.randn(16, 4)
    calibrate(prepare(model, x, RECIPE), [x])
    assert model.layers[1].reads["x"] is model.layers[0].out
    assert scheme(model)["grids"]["layers.0.out"]["dtype"] == "int8"


def test_extremes_of_all_processes_count(monkeypatch):
    def all_reduce(ends, op):
        assert op == torch.distributed.ReduceOp.MAX
        ends.copy_(torch.maximum(ends, torch.tensor([[7.0], [0.5]])))  # another process saw -7 and 0.5

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    low, high = over_processes(torch.tensor([[-2.0], [3.0]]))
    assert (low.item(), high.item()) == (-7.0, 3.0)


def test_a_foreign_rotation_is_refused():
    model, x = tinymyo(), torch.randn(4, 2, 60)
    model.encoder.rotary_cos.copy_(model.encoder.rotary_cos.flip(0))
    calibrate(prepare(model, x[:1], RECIPE), [x])
    with pytest.raises(EmgDistillError, match=r"the rotation is not by position and 10000\*\*\(-2i/d\)"):
        model(x)


def test_order_of_calls():
    model, x = mlp(), torch.randn(8, 3, 4)
    with pytest.raises(EmgDistillError, match="not prepared for quantised training; call prepare first"):
        calibrate(model, [x])
    prepare(model, x, RECIPE)
    with pytest.raises(EmgDistillError, match="prepared already; call restore first"):
        prepare(model, x, RECIPE)
    for early in (scheme, exportable, lambda model: integer_codes(model, x)):
        with pytest.raises(EmgDistillError, match="no grids yet; call calibrate first"):
            early(model)
    with pytest.raises(EmgDistillError, match="give at least one batch"):
        calibrate(model, [])
    with pytest.raises(EmgDistillError, match="NaN or infinity"):
        calibrate(model, [x / 0])
    calibrate(model, [x])
    advance(model, 1)  # freeze_step 0: nothing follows
    assert model.training
    follow(model, 0)
    freeze(model)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("windows", 0, "be at least 1"),
        ("momentum", 1.5, r"lie in \[0, 1\]"),
        ("freeze_step", -1, "not be negative"),
        ("headroom", 0.5, r"lie in \[1, 64\]"),
    ],
)
def test_recipe(key, value, rule):
    assert not QuantiseRecipe().on
    with pytest.raises(EmgDistillError, match=rf"quantise\.{key}={value}: must {rule}"):
        QuantiseRecipe(**{key: value})


@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")
def test_exported_nodes_hold_the_scheme():
    onnx = pytest.importorskip("onnx")
    model, x = mlp().eval(), torch.randn(16, 3, 4)
    calibrate(prepare(model, x, RECIPE), [x])
    program = torch.onnx.export(exportable(model), (x[:1],), dynamo=True, opset_version=21, verbose=False)
    proto = program.model_proto
    onnx.checker.check_model(proto, full_check=True)
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    pairs = [node for node in proto.graph.node if node.op_type == "QuantizeLinear"]
    assert sum(node.op_type == "DequantizeLinear" for node in proto.graph.node) == len(pairs) == 6
    scales = {tuple(arrays[node.input[1]].reshape(-1).tolist()) for node in pairs}
    wanted = {tuple(grid["scale"]) for grid in scheme(model)["grids"].values()}
    wanted |= {tuple(model[i].scales(model[i].reads["x"]).tolist()) for i in (1, 4)}
    assert scales == wanted
    assert is_prepared(model)
    assert torch.equal(model(x), model(x))
    unsettled = copy.deepcopy(model)
    unsettled[1].out.phase.stage = "export"
    with pytest.raises(EmgDistillError, match="grids are not laid down; export what `exportable` returns"):
        unsettled(x)
    unsettled[1].source.settle_marks()
    with pytest.raises(EmgDistillError, match="scales of the weights are missing; export what `exportable` returns"):
        unsettled(x)


def test_old_torch_is_named(monkeypatch):
    model, x = mlp().eval(), torch.randn(16, 3, 4)
    calibrate(prepare(model, x, RECIPE), [x])
    monkeypatch.delattr(torch.onnx.ops, "symbolic")
    with pytest.raises(EmgDistillError, match=r"torch >= 2\.8 is required"):
        exportable(model)(x)
