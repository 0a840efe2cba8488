"""Speed of the scaled Transformers: `pytest packages/emg-models/tests/bench_models_scaled.py` (pytest-benchmark)."""

import pytest
import torch

from emg_models import create_model

SIZES = ["tiny", "small", "medium", "large"]
LIVE = {"causal": True, "context": 500, "position": "causal", "feature_norm": "running"}


def build(size, **settings):
    torch.manual_seed(0)
    return create_model(f"scaled-transformer-{size}", **settings).eval()


@pytest.mark.parametrize("size", SIZES)
def test_forward_batch_1_of_four_seconds(benchmark, size):
    model, x = build(size), torch.randn(1, 32, 8000)
    with torch.inference_mode():
        assert benchmark.pedantic(model, (x,), rounds=10, warmup_rounds=2).shape == (1, 398, 99)


def test_forward_batch_1_of_four_seconds_in_bfloat16(benchmark):
    model, x = build("large").bfloat16(), torch.randn(1, 32, 8000, dtype=torch.bfloat16)
    with torch.inference_mode():
        assert benchmark.pedantic(model, (x,), rounds=10, warmup_rounds=2).shape == (1, 398, 99)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("frames", [1, 10])
def test_live_chunk_with_full_context(benchmark, size, frames):
    """Chunks of 10 and 100 ms, behind 5 s of context."""
    stream = build(size, **LIVE).stream()
    stream.push(torch.randn(1, 32, 12_000))
    chunk = torch.randn(1, 32, 20 * frames)
    found = benchmark.pedantic(stream.push, (chunk,), rounds=40, warmup_rounds=5)
    assert found.shape == (1, frames, 99)


def test_whole_minute_with_bounded_context(benchmark):
    model, x = build("tiny", **LIVE), torch.randn(1, 32, 120_000)
    with torch.inference_mode():
        assert benchmark.pedantic(model, (x,), rounds=3, warmup_rounds=1).shape == (1, 5998, 99)


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_training_step_batch_8_of_four_seconds(benchmark, size):
    model, x = build(size).train(), torch.randn(8, 32, 8000)
    targets, lengths = torch.randint(98, (8, 30)), torch.full((8,), 30)

    def step():
        model.zero_grad()
        log_probs = model(x).transpose(0, 1)
        torch.nn.functional.ctc_loss(log_probs, targets, torch.full((8,), 398), lengths, blank=98).backward()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    assert all(parameter.grad is not None for parameter in model.parameters())
