"""The planner's step time against this machine: its own speeds go in, a real step comes out; the ratio is shown."""

import time
from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

import emg_models
from emg_distill._distributed.duration import EFFICIENCY
from emg_distill._distributed.gpus import GpuSpec
from emg_distill._distributed.planner import plan_training
from emg_distill._distributed.workload import Workload
from emg_models._layers.linear import product


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Least processor time of one thread: what others do on the machine does not count."""
    work()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


@pytest.fixture(scope="module")
def machine() -> GpuSpec:
    """This CPU as a device: products of 1024 x 1024 by the models' own linear layer, copies of 256 MB."""
    torch.set_num_threads(1)
    a, big = torch.randn(1024, 1024), torch.zeros(2**26)
    flops = 2 * 1024**3 / seconds(lambda: product(a, a), 20)
    bandwidth = 2 * 4 * big.numel() / seconds(big.clone, 5)
    return GpuSpec("this CPU", 16e9, flops / EFFICIENCY, None, bandwidth, 1e9, 1e9, bandwidth, 1, "measured here")


@pytest.mark.parametrize(("size", "n_times", "batch"), [("tiny", 10_000, 2), ("small", 10_000, 2), ("large", 2500, 2)])
def test_step(size: str, n_times: int, batch: int, machine: GpuSpec, benchmark: BenchmarkFixture) -> None:
    model = emg_models.create_model(f"scaled-transformer-{size}", n_times=n_times).train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    x = torch.randn(batch, 32, n_times)

    def step() -> None:
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    plan = plan_training(model, Workload(batch, batch, 1, precision="32-true"), gpus=1, gpu=machine)
    measured = seconds(step, 3)
    benchmark.pedantic(step, rounds=1, iterations=1)
    shown = {"predicted_s": plan.step.total, "measured_cpu_s": measured, "ratio": plan.step.total / measured}
    shown |= {"gflops": machine.fp32 * EFFICIENCY / 1e9, "gbytes": machine.bandwidth / 1e9}
    benchmark.extra_info.update({key: round(value, 3) for key, value in shown.items()})
