"""Plans as text: one plan in full, and the tables of docs/scaling.md."""

from collections.abc import Iterable
from dataclasses import replace

from .memory import Memory, Strategy
from .planner import TrainingPlan, plan_training
from .workload import Workload

SIZES = ("tiny", "small", "medium", "base", "large")
EMG2QWERTY = Workload(windows=229_266, batch=640, epochs=200)
SETTINGS = {"n_times": 10_000}
PRICE = 3.0
_GB = 1e9


def render_plan(plan: TrainingPlan) -> str:
    """Return a plan as Markdown: memory by parts, time by parts, the whole run."""
    work = plan.workload
    memory = _table(("memory of a GPU", "GB"), [(name, _gb(value)) for name, value in _parts(plan.memory)])
    seconds = {**vars(plan.step), "total": plan.step.total}
    step = _table(("a step", "ms"), [(name, f"{1e3 * value:.1f}") for name, value in seconds.items()])
    verdict = "fits" if plan.fits else f"does not fit; set {plan.advice}"
    run = [
        f"Modelled, not measured: {plan.model} on {plan.gpus} x {plan.gpu.name}, {plan.strategy}, {work.precision}, "
        f"{work.batch} windows a step in {work.accumulate} piece(s) a GPU: {verdict} ({_gb(plan.gpu.memory)} GB).",
        f"{work.steps:,} steps, {plan.hours:.2f} h (between {plan.hours / 2:.2f} and {plan.hours * 2:.2f}), "
        f"{plan.gpu_hours:.1f} GPU-hours, {100 * plan.mfu:.0f} % of the peak{_cost(plan)}.",
    ]
    return "\n\n".join([*run, memory, step]) + "\n"


def render_scaling_tables() -> str:
    """Return the tables of docs/scaling.md: every size on 8 and on 64 GPUs, and the largest in five ways."""
    sizes = _table(
        (
            "size", "parameters", "GPUs", "windows a GPU", "states GB", "activations GB", "memory GB", "products ms",
            "traffic ms", "launches ms", "send ms", "step ms", "hours", "GPU-hours", "cost", "of peak",
        ),
        (_row(size, _plan(size, gpus)) for size in SIZES for gpus in (8, 64)),
    )  # fmt: skip
    ways = _table(("110M on 8 GPUs", *(name for name, _ in _parts(_plan("large", 8).memory)), "step ms"), _ways())
    return f"{sizes}\n\n{ways}\n"


def _plan(size: str, gpus: int, strategy: Strategy = "ddp", work: Workload = EMG2QWERTY) -> TrainingPlan:
    name = f"scaled-transformer-{size}"
    return plan_training(name, work, gpus=gpus, strategy=strategy, settings=SETTINGS, price=PRICE)


def _row(size: str, plan: TrainingPlan) -> tuple[str, ...]:
    memory, step = plan.memory, plan.step
    states = memory.weights + memory.gradients + memory.optimizer + memory.casts
    milliseconds = (step.products, step.traffic, step.launches, step.communication, step.total)
    return (
        size,
        f"{plan.anatomy.parameters:,}",
        str(plan.gpus),
        str(plan.workload.piece(plan.gpus)),
        _gb(states),
        _gb(memory.activations),
        _gb(memory.total),
        *(f"{1e3 * value:.1f}" for value in milliseconds),
        f"{plan.hours:.2f}",
        f"{plan.gpu_hours:.1f}",
        f"{plan.cost or 0:.0f}",
        f"{100 * plan.mfu:.0f} %",
    )


def _ways() -> Iterable[tuple[str, ...]]:
    work = EMG2QWERTY
    ways: dict[str, tuple[Strategy, Workload]] = {
        "DDP": ("ddp", work),
        "DDP, 8 pieces": ("ddp", replace(work, accumulate=8)),
        "DDP, blocks again": ("ddp", replace(work, checkpoint_blocks=True)),
        "FSDP2": ("fsdp", work),
        "DDP, float32": ("ddp", replace(work, precision="32-true")),
    }
    for name, (strategy, changed) in ways.items():
        plan = _plan("large", 8, strategy, changed)
        yield (name, *(_gb(value) for _, value in _parts(plan.memory)), f"{1e3 * plan.step.total:.1f}")


def _parts(memory: Memory) -> list[tuple[str, float]]:
    return [*vars(memory).items(), ("total", memory.total)]


def _gb(value: float) -> str:
    return f"{value / _GB:.2f}"


def _cost(plan: TrainingPlan) -> str:
    return "" if plan.cost is None else f", {plan.cost:.0f} at {plan.price:.2f} a GPU-hour"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) + ("---:",) * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
