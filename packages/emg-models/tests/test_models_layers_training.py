"""Training in pieces, with forgotten blocks and in bfloat16 is the training of the whole batch."""

import pytest
import torch
import torch.nn.functional as F

from emg_models import EmgModelsError, TinyMyoConfig, TinyMyoPretrainer, accumulate, checkpoint_blocks, create_model

SIZES = {"n_chans": 4, "n_times": 800, "embed_dim": 32, "n_heads": 2, "n_blocks": 2}
STILL = {"dropout": 0.0, "drop_path": 0.0}


@pytest.fixture
def task():
    """Model, windows, hidden patches (another number in each window) and the loss of rows, divided for the batch."""

    def make(**settings):
        torch.manual_seed(0)
        model = TinyMyoPretrainer(TinyMyoConfig(**SIZES | settings)).train()
        x, hidden = torch.randn(5, 4, 800), torch.rand(5, 160) < torch.linspace(0.2, 0.8, 5)[:, None]
        counts = hidden.sum() * 20, (~hidden).sum() * 20

        def loss_of(rows):
            error = F.smooth_l1_loss(model(x[rows], hidden[rows]).float(), x[rows], reduction="none")
            masked = hidden[rows].view(-1, 4, 40, 1).expand(-1, -1, -1, 20).flatten(2)
            return (error * masked).sum() / counts[0] + 0.1 * (error * ~masked).sum() / counts[1]

        return model, loss_of

    return make


def gradients(model):
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("piece", [1, 2, 5, 9])
def test_pieces_add_up_to_the_batch(task, piece):
    model, loss_of = task(**STILL)
    whole = loss_of(slice(0, 5))
    whole.backward()
    wanted = gradients(model)
    model.zero_grad()
    found = accumulate(loss_of, 5, piece)
    assert not found.requires_grad
    assert float(found) == pytest.approx(float(whole.detach()), rel=1e-6)
    assert float((gradients(model) - wanted).norm() / wanted.norm()) < 1e-5


def test_pieces_add_to_gradients_and_use_the_callers_backward(task):
    model, loss_of = task(**STILL)
    accumulate(loss_of, 5, 2)
    once, seen = gradients(model), []
    accumulate(loss_of, 5, 2, backward=lambda share: (seen.append(share.detach()), (2 * share).backward()))
    assert len(seen) == 3
    assert torch.allclose(gradients(model), 3 * once, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("rates", [STILL, {"dropout": 0.1, "attn_dropout": 0.1, "drop_path": 0.3}])
def test_bfloat16_goes_the_same_way(task, rates):
    """The seed fixes which values and branches are dropped, in both precisions, save for the order of draws."""
    losses, slopes = [], []
    for dtype in (None, torch.bfloat16):
        model, loss_of = task(**rates)
        torch.manual_seed(1)
        losses.append(float(accumulate(loss_of, 5, 2, autocast=dtype)))
        slopes.append(gradients(model))
        assert slopes[-1].dtype == torch.float32
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    assert float(F.cosine_similarity(*slopes, dim=0)) > 0.995


def test_the_last_weights_are_used_in_every_step(task):
    """Casts to bfloat16 live as long as a step."""
    model, loss_of = task(**STILL)
    before = float(accumulate(loss_of, 5, 2, autocast=torch.bfloat16))
    with torch.no_grad():
        model.decoder.weight.mul_(4)
    after = float(accumulate(loss_of, 5, 2, autocast=torch.bfloat16))
    assert after > 1.5 * before
    assert after == pytest.approx(float(accumulate(loss_of, 5, 2)), rel=1e-2)


@pytest.mark.parametrize("name", ["tinymyo", "scaled-transformer-tiny"])
def test_forgotten_blocks_give_the_same_gradients(name):
    settings = {"n_blocks": 2, "embed_dim": 16, "dropout": 0.1, "attn_dropout": 0.1, "drop_path": 0.3}
    settings |= {"n_heads": 2} if name == "tinymyo" else {"n_heads": 4, "position_groups": 4, "conv_widths": (16, 8, 8)}
    model = create_model(name, task="tokens", n_outputs=None, n_chans=4, n_times=800, **settings).train()
    x, found = torch.randn(3, 4, 800), []
    for on in (False, True):
        assert checkpoint_blocks(model, on) == 2
        model.zero_grad()
        torch.manual_seed(0)
        model(x).square().mean().backward()
        found.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for plain, forgotten in zip(*found, strict=True):
        assert torch.equal(plain, forgotten)


def test_forgotten_blocks_keep_less(task):
    kept = []
    for on in (False, True):
        model, loss_of = task()
        checkpoint_blocks(model, on)
        kept.append(0)

        def pack(tensor):
            kept[-1] += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss_of(slice(0, 5))
    assert kept[1] < kept[0] / 4


def test_what_cannot_be_done_is_refused(task):
    model, loss_of = task()
    with pytest.raises(EmgModelsError, match="Linear has no Transformer block to checkpoint; take smaller pieces"):
        checkpoint_blocks(torch.nn.Linear(2, 2))
    for sizes in ((0, 1), (5, 0), (5, 1.5)):
        with pytest.raises(EmgModelsError, match="an integer >= 1 is required"):
            accumulate(loss_of, *sizes)
    assert model.decoder.weight.grad is None
