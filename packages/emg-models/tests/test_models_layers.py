"""Fast forms of dropout, attention and linear layers against torch's own, and the laws they keep."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import gradcheck

from emg_models._layers import attend as attend_module
from emg_models._layers.attend import attend
from emg_models._layers.dropout import Dropout, drop
from emg_models._layers.linear import Linear, product
from emg_models._layers.transformer import Attention, Block, DropPath


def relative(found, wanted):
    return float((found.double() - wanted.double()).abs().max() / wanted.double().abs().max())


@pytest.fixture
def qkv():
    def make(n=200, dtype=torch.float32, batch=2):
        # as sliced from one linear: rows with gaps between them
        return [torch.randn(batch, n, 3, 16, dtype=dtype).transpose(1, 2).requires_grad_() for _ in range(3)]

    return make


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-6), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_and_its_gradients_agree_with_torch(qkv, dtype, tolerance, masked):
    q, k, v = qkv(dtype=dtype)
    keys = torch.rand(2, 1, 1, 200) < 0.7 if masked else None
    wide = [part.detach().double().requires_grad_() for part in (q, k, v)]
    found, wanted = attend(q, k, v, keys), F.scaled_dot_product_attention(*wide, attn_mask=keys)
    assert type(found.grad_fn.next_functions[0][0]).__name__ == "_AttendBackward" or "View" in str(found.grad_fn)
    grad = torch.randn_like(wanted)
    slopes = torch.autograd.grad(found, (q, k, v), grad.to(dtype))
    wanted_slopes = torch.autograd.grad(wanted, wide, grad)
    for ours, theirs in zip((found, *slopes), (wanted, *wanted_slopes), strict=True):
        assert relative(ours.detach(), theirs.detach()) < tolerance
    with torch.no_grad():
        assert relative(attend(q, k, v, keys), found) == 0


def test_own_attention_is_taken_where_it_pays(qkv, monkeypatch):
    taken = []
    monkeypatch.setattr(attend_module._Attend, "apply", lambda *given: taken.append(len(given[0])) or given[0])
    for n in (159, 160, 2048, 2049):
        attend(*qkv(n, batch=1))
    attend(*qkv(8, batch=1), dropout=0.5)
    attend(*qkv(200, torch.float64, batch=1))
    assert len(taken) == 3


def test_attention_takes_part_in_autocast(qkv):
    q, k, v = qkv()
    with torch.autocast("cpu", torch.bfloat16):
        assert attend(q, k, v).dtype == torch.bfloat16
        assert attend(q, k, v, dropout=0.2).dtype == torch.bfloat16


@pytest.mark.untraced
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("masked", [False, True])
def test_gradient_of_attention_is_exact(rate, masked):
    keys = torch.tensor([[[True, False, True, True]]]).expand(2, 3, 4) if masked else None

    def seeded(q, k, v):
        torch.manual_seed(3)
        return attend_module._Attend.apply(q, k, v, keys, round(rate * 2**16))

    shapes = ((2, 3, 2), (2, 4, 2), (2, 4, 2))
    assert gradcheck(seeded, [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_of_weights_keeps_the_mean(dtype):
    """With equal scores and one-hot values, outputs show each weight: 0 or 1 / (N (1 - rate))."""
    n, rate = 64, 0.25
    q, v = torch.zeros(1, 4, n, n, dtype=dtype), torch.eye(n, dtype=dtype).expand(1, 4, n, n)
    y = attend(q, q, v, dropout=rate).float()
    kept = y > 0
    assert torch.allclose(y[kept], torch.tensor(1 / (n * (1 - rate))), rtol=5e-3)
    assert float(kept.float().mean()) == pytest.approx(1 - rate, abs=0.015)
    assert float(kept.float().mean(-1).std()) == pytest.approx(math.sqrt(rate * (1 - rate) / n), rel=0.2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_zeroes_at_its_rate_and_scales_the_rest(dtype, rate):
    x = torch.full((300, 101), 2.0, dtype=dtype, requires_grad=True)
    y = drop(x, rate)
    kept = y != 0
    assert float(kept.double().mean()) == pytest.approx(1 - rate, abs=4 * math.sqrt(rate * (1 - rate) / x.numel()))
    assert relative(y[kept].detach(), torch.tensor(2 / (1 - rate))) < {torch.float64: 2e-4}.get(dtype, 5e-3)
    (slope,) = torch.autograd.grad(y, x, torch.full_like(y, 2.0))
    assert torch.equal(slope, y)


def test_dropout_is_independent_between_neighbours_and_calls():
    x = torch.ones(2, 2**16)
    kept = torch.stack([(drop(x, 0.3) > 0).float() for _ in range(2)])
    pairs = {"next": kept[..., 1:] * kept[..., :-1], "rows": kept[:, 0] * kept[:, 1], "calls": kept[0] * kept[1]}
    pairs["fourth"] = kept[..., 4:] * kept[..., :-4]
    for name, both in pairs.items():
        assert float(both.mean()) == pytest.approx(0.49, abs=0.008), name


def test_dropout_follows_the_seed_and_does_nothing_in_evaluation():
    layer, x = Dropout(0.4), torch.randn(7, 9)
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append(layer(x))
    assert torch.equal(*draws)
    assert not torch.equal(layer(x), draws[0])
    assert layer.eval()(x) is x
    assert drop(x, 0.0) is x
    assert isinstance(layer, torch.nn.Dropout)
    assert drop(x[:0], 0.5).shape == (0, 9)


def test_dropout_is_torchs_where_a_graph_is_traced():
    exported = torch.export.export(Dropout(0.4).train(), (torch.randn(4),)).module()
    assert "dropout" in exported.code


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("make", [lambda: torch.randn(4, 5, 12), lambda: torch.randn(5, 24)[:, ::2]])
def test_linear_agrees_with_torch(bias, make):
    layer, x = Linear(12, 7, bias=bias), make().requires_grad_()
    wanted = F.linear(x, layer.weight, layer.bias)
    found = layer(x)
    assert type(found.grad_fn).__name__ == "_LinearBackward"
    grad, inputs = torch.randn_like(found), [x, *layer.parameters()]
    pairs = zip(torch.autograd.grad(found, inputs, grad), torch.autograd.grad(wanted, inputs, grad), strict=True)
    for ours, theirs in [(found, wanted), *pairs]:
        assert relative(ours.detach(), theirs.detach()) < 5e-6
    with torch.no_grad():
        assert torch.equal(layer(x), found)
    assert isinstance(layer, torch.nn.Linear)


def test_linear_gives_only_the_gradients_asked_for():
    layer, x = Linear(3, 2), torch.randn(5, 3)
    layer.weight.requires_grad_(False)
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert torch.equal(layer.bias.grad, torch.full((2,), 5.0))


def test_linear_is_torchs_for_other_types_devices_and_switches():
    layer, x = Linear(3, 2), torch.randn(5, 3)
    torch._C._set_mkldnn_enabled(False)
    try:
        assert type(layer(x).grad_fn).__name__ == "AddmmBackward0"
    finally:
        torch._C._set_mkldnn_enabled(True)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert type(layer.double()(x.double()).grad_fn).__name__ == "AddmmBackward0"
    assert layer.to("meta")(x.to("meta")).is_meta


def test_products_of_any_strides():
    for a in (torch.randn(9, 6), torch.randn(6, 9).t(), torch.randn(9, 12)[:, ::2], torch.randn(9, 2, 6)[:, 0]):
        for b in (torch.randn(4, 6), torch.randn(6, 4).t(), torch.randn(4, 12)[:, ::2]):
            assert torch.allclose(product(a, b), a @ b.t(), atol=1e-5)
            assert torch.allclose(product(a.double(), b.double()), a.double() @ b.double().t())


@pytest.mark.parametrize("seed", range(3))
def test_skipped_branches_equal_dropped_ones(seed):
    x, keys = torch.randn(6, 4, 3, requires_grad=True), torch.rand(6, 1, 1, 4)
    path, layer = DropPath(0.5).train(), torch.nn.Linear(3, 3)
    rows = []

    def branch(x, keys):
        rows.append(len(x))
        return layer(x) * keys[:, 0, 0, :, None]

    torch.manual_seed(seed)
    skipped = path.add(x, branch, keys)
    torch.manual_seed(seed)
    dropped = x + path(branch(x, keys))
    assert rows[0] < rows[1] == 6
    assert torch.allclose(skipped, dropped, atol=1e-6)
    inputs = (x, layer.weight)
    for ours, theirs in zip(
        torch.autograd.grad(skipped.square().sum(), inputs),
        torch.autograd.grad(dropped.square().sum(), inputs),
        strict=True,
    ):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_a_batch_dropped_as_a_whole_still_gives_zero_gradients():
    path, layer, x = DropPath(0.999).train(), torch.nn.Linear(3, 3), torch.randn(2, 4, 3)
    y = path.add(x, lambda x, _: layer(x))
    y.sum().backward()
    assert torch.equal(y, x)
    assert torch.equal(layer.weight.grad, torch.zeros(3, 3))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # jvp itself
def test_linears_have_second_derivatives_and_their_place_in_torch_func():
    ours, theirs = Linear(6, 4), nn.Linear(6, 4)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(5, 3, 6)
    seconds, per_sample = [], []
    for layer in (ours, theirs):
        given = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(layer(given).tanh().sum(), given, create_graph=True)
        seconds.append(torch.autograd.grad(slope.square().sum(), [given, layer.weight, layer.bias]))

        def loss(weights, row, layer=layer):
            return torch.func.functional_call(layer, weights, (row,)).tanh().sum()

        weights = dict(layer.named_parameters())
        grads = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
        per_sample.append([grads["weight"], torch.func.jacrev(layer)(x[0]), *torch.func.jvp(layer, (x,), (x,))])
    torch.testing.assert_close(seconds[0], seconds[1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(per_sample[0], per_sample[1], atol=1e-5, rtol=1e-5)


def test_dropout_and_attention_have_exact_second_derivatives():
    def dropped(x):
        torch.manual_seed(0)
        return drop(x, 0.5).square()

    def attended(q, k, v):
        torch.manual_seed(0)
        return attend(q, k, v, keys, 0.4)

    keys = torch.ones(2, 1, 1, 5, dtype=torch.bool)
    keys[0, ..., 3:] = False
    shapes = torch.zeros(3, 2, 2, 5, 4, dtype=torch.float64)
    torch.autograd.gradgradcheck(dropped, torch.randn(7, dtype=torch.float64, requires_grad=True))
    torch.autograd.gradgradcheck(attended, [part.requires_grad_() for part in torch.randn_like(shapes)])


def test_transformed_training_uses_torchs_dropout_and_attention():
    block = Block(Attention(8, 2, dropout=0.1, attn_dropout=0.1), 16, dropout=0.1).train()
    x = torch.randn(3, 5, 8)

    def loss(weights, row):
        return torch.func.functional_call(block, weights, (row[None], None, None)).square().sum()

    grads = torch.func.vmap(torch.func.grad(loss), (None, 0), randomness="different")(dict(block.named_parameters()), x)
    assert all(grad.shape[0] == 3 and grad.isfinite().all() and grad.any() for grad in grads.values())


def test_a_rate_that_rounds_to_one_is_left_to_torch():
    x = torch.ones(64, 64)
    assert drop(x, 0.999999).isfinite().all()
    assert attend(*torch.randn(3, 1, 1, 5, 4), dropout=0.999999).isfinite().all()
    layer = Dropout(0.5).train()
    layer.p = 1.0
    assert not layer(x).any()
