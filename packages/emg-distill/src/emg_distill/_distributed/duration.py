"""Seconds of an optimiser step, from what is computed, moved, sent and launched."""

from dataclasses import dataclass

from .anatomy import Anatomy
from .gpus import GpuSpec
from .memory import FLOAT, GPU_KEEPS, Strategy, activation_bytes
from .workload import Workload

EFFICIENCY = 0.6
PASSES = 5
LAUNCH = 8e-6
BUCKET = 25e6


@dataclass(frozen=True)
class StepTime:
    """Seconds of an optimiser step on each device.

    Attributes
    ----------
    products
        Matrix products: 2 operations a multiply-accumulate, forward once and backward twice, blocks once more where
        they are computed again.
    traffic
        Everything else, which the memory's speed limits: each kept byte is written and read forward, read backward, and
        its gradient written and read; weights, gradients and optimiser states pass once in and once out.
    launches
        Starting the operators one by one, which takes a host `LAUNCH` each; the device waits where this is more.
    communication
        What does not hide behind the way back: of DDP's sum of gradients at least the last bucket of 25 MB, of FSDP's
        gathering at least one block.
    data
        Copying float32 windows to the device.
    """

    products: float
    traffic: float
    launches: float
    communication: float
    data: float

    @property
    def total(self) -> float:
        """Seconds of a step."""
        return max(self.products + self.traffic, self.launches) + self.communication + self.data


def step_time(
    anatomy: Anatomy, work: Workload, gpus: int, gpu: GpuSpec, strategy: Strategy, mfu: float | None
) -> StepTime:
    """Return the seconds of a step; `mfu` replaces `products` and `traffic` by a share of the peak."""
    windows = work.batch // gpus
    peak = gpu.fp32 if work.precision == "32-true" or gpu.bf16 is None else gpu.bf16
    operations = step_operations(anatomy, work) * windows / work.batch
    products = operations / (peak * (mfu or EFFICIENCY))
    traffic = 0.0 if mfu else _moved(anatomy, work, windows, gpus if strategy == "fsdp" else 1) / gpu.bandwidth
    again = anatomy.blocks > 0 and work.checkpoint_blocks
    return StepTime(
        products,
        traffic,
        launches=anatomy.operators * work.accumulate * (4 if again else 3) * LAUNCH,
        communication=_exposed(anatomy, gpus, gpu, strategy, 2 / 3 * (products + traffic)),
        data=FLOAT * windows * anatomy.values / gpu.host,
    )


def step_operations(anatomy: Anatomy, work: Workload) -> float:
    """Return the floating-point operations of a step, over all devices."""
    again = anatomy.blocks * anatomy.block_macs if work.checkpoint_blocks else 0
    return 2.0 * work.batch * (3 * anatomy.macs + again)


def _moved(anatomy: Anatomy, work: Workload, windows: int, shards: int) -> float:
    kept = activation_bytes(anatomy, GPU_KEEPS[work.precision], windows)
    return PASSES * kept + 2.0 * FLOAT * (2 + work.slots) * anatomy.parameters / shards


def _exposed(anatomy: Anatomy, gpus: int, gpu: GpuSpec, strategy: Strategy, hidden: float) -> float:
    """Return the seconds of communication that computing does not cover; rings, at the slowest link."""
    if gpus == 1:
        return 0.0
    speed = gpu.link if gpus <= gpu.per_machine else gpu.network
    ring = (gpus - 1) / gpus * FLOAT / speed
    whole = (2 if strategy == "ddp" else 3) * ring * anatomy.parameters
    last = 2 * ring * min(BUCKET / FLOAT, anatomy.parameters)
    if strategy == "fsdp":
        last = ring * (anatomy.block_parameters or anatomy.parameters)
    return max(last, whole - hidden)
