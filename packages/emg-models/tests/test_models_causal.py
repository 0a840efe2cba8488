"""Causal attention: what a frame sees, over whole sequences and frame by frame."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from emg_models import EmgModelsError
from emg_models._layers import causal
from emg_models._layers.causal import CausalAttention, CausalBlock, banded_attention
from emg_models._layers.rotary import rotary_tables

ORACLE = "models_oracles_causal"


def attention(context, stir, width=12, n_heads=3):
    return stir(CausalAttention(width, n_heads, context=context), scale=0.3).eval()


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("context", [None, 1, 5, 40])
def test_equals_the_oracle(context, rotary, slow, stir, monkeypatch):
    monkeypatch.setattr(causal, "_BLOCK", 7)
    model = attention(context, stir)
    x = torch.randn(2, 23, 12)
    with torch.no_grad():
        found = model(x, rotary_tables(torch.arange(23), 4) if rotary else None)
    w = {key: value.double().numpy() for key, value in model.state_dict().items()}
    for one, expected in zip(x.double().numpy(), found.numpy(), strict=True):
        np.testing.assert_allclose(expected, slow.attention(one, w, 3, context=context, rotary=rotary), atol=1e-5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    context=st.integers(1, 12),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    least=st.integers(1, 6),
    rotary=st.booleans(),
)
def test_steps_equal_the_whole(context, sizes, least, rotary):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(causal, "_BLOCK", least)
        torch.manual_seed(context)
        block = CausalBlock(CausalAttention(8, 2, context=context), 16).eval()
        x = torch.randn(2, sum(sizes), 8)
        tables = rotary_tables(torch.arange(sum(sizes)), 4)
        cache = block.attn.cache()
        parts, start = [], 0
        for n in sizes:
            piece = slice(start, start + n)
            turn = tuple(table[piece] for table in tables) if rotary else None
            parts.append(block.step(x[:, piece], turn, cache))
            start += n
        with torch.no_grad():
            whole = block(x, tables if rotary else None, None)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("context", [1, 4, 6])
def test_a_frame_sees_its_context_and_nothing_else(context, stir, monkeypatch):
    monkeypatch.setattr(causal, "_BLOCK", 5)
    model = attention(context, stir)
    x = torch.randn(1, 20, 12)
    x.requires_grad_()
    for t in (0, 3, 5, 19):
        (slope,) = torch.autograd.grad(model(x, None)[0, t].sum(), x)
        reached = slope[0].abs().amax(-1) > 0
        assert reached.nonzero().flatten().tolist() == list(range(max(0, t - context + 1), t + 1))


def test_cost_grows_with_frames_times_context():
    q = torch.zeros(1, 2, 2048, 4, device="meta")

    def products(context):
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            banded_attention(q, q, q, context)
        return counter.get_total_flops() // 2

    assert products(None) == 2 * 2 * 4 * 2048**2
    assert products(256) <= 2 * 2 * 4 * 2048 * (256 + 128)


@pytest.mark.parametrize("context", [None, 5])
def test_the_fused_kernel_runs(context):
    q = torch.randn(1, 16, 300, 8, requires_grad=True)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        banded_attention(q, q, q, context).sum().backward()
    assert q.grad.isfinite().all()


def test_dropout_of_weights_acts_in_training_only(stir):
    model = stir(CausalAttention(8, 2, context=4, attn_dropout=0.5))
    x = torch.randn(1, 9, 8)
    assert not torch.equal(model(x, None), model(x, None))
    model.eval()
    assert torch.equal(model(x, None), model(x, None))


def test_a_cleared_cache_knows_nothing(stir):
    model = attention(3, stir)
    cache = model.cache()
    first = model.step(torch.randn(2, 6, 12), None, cache)
    assert first.shape == (2, 6, 12)
    assert not first.requires_grad
    cache.clear()
    x = torch.randn(1, 2, 12)
    with torch.no_grad():
        torch.testing.assert_close(model.step(x, None, cache), model(x, None))


def test_memory_is_bounded(stir):
    model = attention(3, stir)
    cache = model.cache()
    for _ in range(300):
        model.step(torch.randn(1, 5, 12), None, cache)
    assert cache._store.shape == (2, 1, 3, 2 + cache.room, 4)


def test_a_mask_of_keys_is_refused(stir):
    with pytest.raises(EmgModelsError, match="a mask of keys was given to causal attention, which takes None; put pad"):
        attention(None, stir)(torch.randn(1, 4, 12), None, torch.ones(1, 1, 1, 4, dtype=torch.bool))


def test_unbounded_attention_has_no_cache(stir):
    with pytest.raises(EmgModelsError, match="context=None: attention since the start would fill any memory; give"):
        attention(None, stir).cache()
