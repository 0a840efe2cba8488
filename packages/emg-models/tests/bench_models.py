"""Speed of TinyMyo: `pytest packages/emg-models/tests/bench_models.py` (pytest-benchmark)."""

import pytest
import torch

from emg_models import TinyMyoClassifier, TinyMyoConfig, TinyMyoPretrainer


@pytest.mark.parametrize("n_times", [200, 1000])
def test_forward_batch_1(benchmark, n_times):
    model = TinyMyoClassifier(TinyMyoConfig(n_chans=8, n_times=n_times, n_outputs=6)).eval()
    x = torch.randn(1, 8, n_times)
    with torch.inference_mode():
        assert benchmark(model, x).shape == (1, 6)


@pytest.mark.parametrize("attn_dropout", [0.0, 0.1])
def test_pretraining_step_batch_2(benchmark, attn_dropout):
    model = TinyMyoPretrainer(TinyMyoConfig(attn_dropout=attn_dropout)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x, hidden = torch.randn(2, 16, 1000), torch.rand(2, 800) < 0.5

    def step():
        optimiser.zero_grad()
        torch.nn.functional.smooth_l1_loss(model(x, hidden), x).backward()
        optimiser.step()

    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    assert model.decoder.weight.grad.any()
