"""Speed of TinyMyo beside the network as first published (`models_published_peer`), in the same run.

``pytest packages/emg-models/tests/bench_models.py``. One step is zero_grad, forward of 32 x 16 x 1000 with half of the
patches hidden, smooth L1 on hidden and 0.1 of it on visible ones, backward, AdamW; dropout and drop path 0.1 as
published. ``extra_info`` holds seconds, ratios ``published_over_ours`` and the peak memory of a process of its own.
"""

import json
import os
import platform
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F

from emg_models import TinyMyoClassifier, TinyMyoConfig, TinyMyoPretrainer, accumulate, checkpoint_blocks

BATCH = int(os.environ.get("EMG_BENCH_BATCH", "32"))
PIECE = 4
FORMS = {
    "published": {"attn": 0.1},
    "published-no-attention-dropout": {"attn": 0.0},
    "fp32": {"attn": 0.0, "piece": 2},
    "fp32-attention-dropout": {"attn": 0.1, "piece": 2},
    "bf16": {"attn": 0.0, "autocast": True},
    "bf16-attention-dropout": {"attn": 0.1, "autocast": True},
    "bf16-whole-batch": {"attn": 0.0, "autocast": True, "piece": 32},
    "bf16-whole-batch-checkpointed": {"attn": 0.0, "autocast": True, "piece": 32, "checkpointing": True},
}


def published(x, hidden, attn):
    """The step of the peer."""
    from models_published_peer import PublishedPretrainer  # found beside this file

    model = PublishedPretrainer(attn_rate=attn).train()
    return model, lambda: model.loss(model(x, hidden), x, hidden).backward()


def ours(x, hidden, attn, piece=PIECE, autocast=False, checkpointing=False):
    """The step of this package."""
    model = TinyMyoPretrainer(TinyMyoConfig(attn_dropout=attn)).train()
    checkpoint_blocks(model, checkpointing)
    count = hidden.sum() * 20, (~hidden).sum() * 20

    def loss_of(rows):
        error = F.smooth_l1_loss(model(x[rows], hidden[rows]).float(), x[rows], reduction="none").view(-1, 800, 20)
        masked = hidden[rows, :, None]
        return (error * masked).sum() / count[0] + 0.1 * (error * ~masked).sum() / count[1]

    dtype = torch.bfloat16 if autocast else None
    return model, lambda: accumulate(loss_of, len(x), piece, autocast=dtype)


def make_step(form):
    torch.manual_seed(0)
    x, hidden = 2 * torch.rand(BATCH, 16, 1000) - 1, torch.rand(BATCH, 800).argsort(1) < 400
    model, back = (published if form.startswith("published") else ours)(x, hidden, **FORMS[form])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)

    def step():
        optimiser.zero_grad()
        back()
        optimiser.step()

    return step


def alone(form, rounds):
    """Seconds of each round, on the wall and of the processors, and peak memory in GiB, of a process of its own."""
    command = [sys.executable, __file__, form, str(rounds)]
    patient = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # threads that spin slow each other down on a busy machine
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=patient)
    return json.loads(ran.stdout)


def main(form, rounds):
    """What `alone` runs."""
    import resource  # not on every system

    step, seconds, cpu = make_step(form), [], []
    for _ in range(int(rounds)):
        start, used = time.perf_counter(), time.process_time()
        step()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_gib": peak}))


def setup():
    return {
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": platform.processor(),
    }


@pytest.fixture(scope="module")
def peers():
    return {form: alone(form, 2) for form in FORMS if form.startswith("published")}


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith("published")])
def test_pretraining_step(benchmark, form, peers):
    mine = alone(form, 3)
    benchmark.extra_info.update(mine | {"batch": BATCH, "setup": setup(), "peers": peers})
    for name, peer in peers.items():
        benchmark.extra_info[f"{name}_over_ours"] = min(peer["seconds"]) / min(mine["seconds"])
        benchmark.extra_info[f"{name}_over_ours_cpu"] = min(peer["cpu_seconds"]) / min(mine["cpu_seconds"])
    benchmark.pedantic(lambda: None)
    print(
        f"\n{form}: {min(mine['seconds']):.2f} s, {mine['peak_gib']:.1f} GiB,",
        {k: round(v, 1) for k, v in ratios(benchmark)},
    )


def ratios(benchmark):
    return [(name, value) for name, value in benchmark.extra_info.items() if "_over_ours" in name]


@pytest.mark.parametrize("n_times", [200, 1000])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=["fp32", "bf16"])
def test_forward_batch_1(benchmark, n_times, dtype):
    model = TinyMyoClassifier(TinyMyoConfig(n_chans=8, n_times=n_times, n_outputs=6)).eval()
    x = torch.randn(1, 8, n_times)
    benchmark.extra_info["setup"] = setup()
    with torch.inference_mode(), torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
        assert benchmark(model, x).shape == (1, 6)


if __name__ == "__main__":
    main(*sys.argv[1:])
