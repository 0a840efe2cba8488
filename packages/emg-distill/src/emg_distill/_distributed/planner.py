"""What a training run will need: memory, time and money, from the model's shape and the devices' data sheets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from emg_distill._errors import EmgDistillError
from emg_models import EmgModel

from .anatomy import Anatomy, dissect
from .duration import StepTime, step_operations, step_time
from .gpus import GpuSpec, get_gpu
from .memory import Memory, Strategy, training_memory
from .workload import Workload

HEADROOM = 1.1
SLACK = 2.0


@dataclass(frozen=True)
class TrainingPlan:
    """A modelled run; nothing of it was measured on the device that it names.

    Attributes
    ----------
    model, gpu, gpus, strategy, workload
        What was planned.
    anatomy
        The model in numbers.
    memory
        Bytes on each device.
    step
        Seconds of a step.
    fits
        Whether the memory, with 10 % left for fragments, is enough.
    advice
        The first change that would make it fit; empty where it fits.
    price
        Of a device for an hour, in any currency; None where it is not known.
    """

    model: str
    gpu: GpuSpec
    gpus: int
    strategy: str
    workload: Workload
    anatomy: Anatomy
    memory: Memory
    step: StepTime
    fits: bool
    advice: str
    price: float | None

    @property
    def hours(self) -> float:
        """Hours of the run, validation left out; the truth is expected between half and twice as much."""
        return self.workload.steps * self.step.total / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours times devices."""
        return self.hours * self.gpus

    @property
    def cost(self) -> float | None:
        """Price of the run."""
        return None if self.price is None else self.gpu_hours * self.price

    @property
    def mfu(self) -> float:
        """Share of the devices' peak that the run uses, recomputed blocks not counted."""
        useful = step_operations(self.anatomy, replace(self.workload, checkpoint_blocks=False))
        return useful / (self.step.total * self.gpus * _peak(self.gpu, self.workload))

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON-able values."""
        return {
            "label": "modelled, not measured; times are good to a factor of two, memory to a tenth",
            "model": self.model,
            "gpu": self.gpu.name,
            "gpus": self.gpus,
            "strategy": self.strategy,
            "workload": vars(self.workload),
            "memory_bytes": {**vars(self.memory), "total": self.memory.total},
            "step_seconds": {**vars(self.step), "total": self.step.total},
            "steps": self.workload.steps,
            "hours": self.hours,
            "gpu_hours": self.gpu_hours,
            "cost": self.cost,
            "mfu": self.mfu,
            "fits": self.fits,
            "advice": self.advice,
        }


def plan_training(
    model: str | EmgModel,
    workload: Workload,
    *,
    gpus: int,
    gpu: str | GpuSpec = "h100-80gb",
    strategy: Strategy = "ddp",
    settings: Mapping[str, Any] | None = None,
    mfu: float | None = None,
    price: float | None = None,
) -> TrainingPlan:
    """Plan a training run.

    Parameters
    ----------
    model
        A name of emg-models, or a model.
    workload
        Windows, batch, precision, optimiser; `workload_of` takes it from a recipe.
    gpus
        Devices, ``>= 1``; they and the pieces must divide the batch.
    gpu
        A name of `GPUS`, or a device of your own.
    strategy
        ``"ddp"`` or ``"fsdp"``, as `make_fabric`.
    settings
        Configuration of a model given by name, such as ``{"n_times": 10_000}``.
    mfu
        Share of the peak that your runs reach, in ``(0, 1]``: replaces the model of computing time.
    price
        Of one device for an hour.

    Returns
    -------
    TrainingPlan

    Raises
    ------
    EmgDistillError
        When a name is unknown, the batch cannot be shared, or the device does not know the precision.

    Notes
    -----
    Memory counts what autograd keeps: tensor by tensor in the Transformer blocks of emg-models, by tracing around them.
    On a CPU in float32 the count of a scaled Transformer equals what is kept, to the byte. Time adds matrix products at
    60 % of the peak and everything else at the memory's speed; both are assumptions, and no GPU was at hand to test
    them. Models with recurrent layers are traced frame by frame, which takes up to half a minute.

    Examples
    --------
    >>> plan = plan_training(
    ...     "scaled-transformer-tiny", Workload(229_266, 640, 200), gpus=8, settings={"n_times": 10_000}
    ... )
    >>> plan.workload.steps, plan.fits
    (71600, True)
    """
    spec = get_gpu(gpu) if isinstance(gpu, str) else gpu
    _check(workload, gpus, spec, mfu)
    anatomy = dissect(model, settings)
    memory = training_memory(anatomy, workload, gpus, strategy)
    fits = _fits(memory, spec)
    return TrainingPlan(
        model if isinstance(model, str) else type(model).__name__,
        spec,
        gpus,
        strategy,
        workload,
        anatomy,
        memory,
        step_time(anatomy, workload, gpus, spec, strategy, mfu),
        fits,
        "" if fits else _advice(anatomy, workload, gpus, spec, strategy),
        price,
    )


def _check(workload: Workload, gpus: int, gpu: GpuSpec, mfu: float | None) -> None:
    if gpus < 1:
        raise EmgDistillError(f"gpus={gpus}: must be at least 1")
    if mfu is not None and not 0 < mfu <= 1:
        raise EmgDistillError(f"mfu={mfu}: must lie in (0, 1]")
    if workload.precision == "bf16-mixed" and gpu.bf16 is None:
        raise EmgDistillError(f"{gpu.name} has no bfloat16: plan with precision='32-true', or choose a newer device")
    workload.piece(gpus)


def _peak(gpu: GpuSpec, workload: Workload) -> float:
    return gpu.bf16 if workload.precision == "bf16-mixed" and gpu.bf16 else gpu.fp32


def _fits(memory: Memory, gpu: GpuSpec) -> bool:
    return HEADROOM * memory.total <= gpu.memory


def _advice(anatomy: Anatomy, workload: Workload, gpus: int, gpu: GpuSpec, strategy: Strategy) -> str:
    """Return the first change that makes a run fit: smaller pieces, recomputed blocks, shards, more devices."""
    share = workload.batch // gpus
    pieces = [count for count in range(1, share + 1) if share % count == 0 and count >= workload.accumulate]
    kinds: list[Strategy] = [strategy] if gpus == 1 else [strategy, "fsdp"]
    for kind in kinds:
        for again in sorted({workload.checkpoint_blocks, anatomy.blocks > 0}):
            for count in pieces:
                changed = replace(workload, accumulate=count, checkpoint_blocks=again)
                if _fits(training_memory(anatomy, changed, gpus, kind), gpu):
                    return _named(workload, changed, strategy, kind)
    return "more memory a device, or more devices with strategy='fsdp', is required"


def _named(old: Workload, new: Workload, old_strategy: str, new_strategy: str) -> str:
    changes = {
        f"train.accumulate={new.accumulate}": new.accumulate != old.accumulate,
        "train.checkpoint_blocks=true": new.checkpoint_blocks != old.checkpoint_blocks,
        f"strategy={new_strategy!r}": new_strategy != old_strategy,
    }
    return " and ".join(change for change, made in changes.items() if made)
