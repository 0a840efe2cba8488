"""What a training run is told: frozen dataclasses whose hash names the run."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from emg_distill._errors import EmgDistillError

Scalar = bool | int | float | str


@dataclass(frozen=True)
class ModelRecipe:
    """A model of emg-models by name; every further key of the table is passed to its constructor."""

    name: str = "tinymyo"
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectiveRecipe:
    """An objective by name; every further key of the table is one of its options."""

    name: str
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class MaskRecipe:
    """Patch masks of pre-training: the share of patches that is hidden, in ``(0, 1]``."""

    ratio: float = 0.5


@dataclass(frozen=True)
class TrainRecipe:
    """Length, batches, validation and checkpoints of a run.

    Attributes
    ----------
    epochs, batch_size
        Both ``>= 1``. An epoch has ``n // batch_size`` full batches.
    grad_clip
        Largest global gradient norm; 0 turns clipping off.
    precision
        ``"32-true"`` or ``"bf16-mixed"`` (autocast, weights stay float32).
    select
        ``"best"`` keeps the weights of the best validation, ``"last"`` the final ones.
    monitor
        Validation number that decides what is best; pre-training knows only ``"loss"``.
    patience
        Stop after so many validations without improvement; 0 never stops early.
    validate_every
        Epochs between validations; the last epoch is always validated.
    checkpoint_every
        Steps between checkpoints besides the one at every validated epoch; 0 means none besides.
    keep_checkpoints
        How many checkpoints stay on disk, ``>= 1``; two or more survive a damaged newest one.
    log_every
        Steps between the lines of metrics.jsonl.
    """

    epochs: int = 10
    batch_size: int = 32
    grad_clip: float = 1.0
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    select: Literal["best", "last"] = "best"
    monitor: Literal["loss", "accuracy", "macro_f1"] = "loss"
    patience: int = 0
    validate_every: int = 1
    checkpoint_every: int = 0
    keep_checkpoints: int = 2
    log_every: int = 10


@dataclass(frozen=True)
class OptimizerRecipe:
    """AdamW: peak learning rate, decay, betas; layer_decay < 1 lowers the rate from the head to the embedding."""

    lr: float = 5e-4
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    layer_decay: float = 1.0


@dataclass(frozen=True)
class ScheduleRecipe:
    """Linear warm-up from start_lr over the share `warmup` of all steps, then half a cosine to floor_lr at the last."""

    warmup: float = 0.1
    start_lr: float = 1e-6
    floor_lr: float = 1e-6


@dataclass(frozen=True)
class AugmentRecipe:
    """Random changes of training windows; zero turns each one off.

    Attributes
    ----------
    rotate
        Largest rotation of the electrode ring, in channels: each of ``-rotate .. rotate`` equally likely.
    rotate_p
        Probability that a window takes part in the rotation at all, in ``[0, 1]``.
    gain
        Half width of one factor per window, ``U(1 - gain, 1 + gain)``; in ``[0, 1]``.
    channel_gain
        The same, drawn per channel.
    noise
        Standard deviation of white noise, in standard deviations of the training part.
    flip
        Probability that a window changes its sign, in ``[0, 1]``.
    shift
        Largest circular shift in time, in samples, both directions.
    drop_channel
        Probability that a channel is zeroed, in ``[0, 1]``.
    """

    rotate: int = 0
    rotate_p: float = 1.0
    gain: float = 0.0
    channel_gain: float = 0.0
    noise: float = 0.0
    flip: float = 0.0
    shift: int = 0
    drop_channel: float = 0.0


@dataclass(frozen=True)
class DistillRecipe:
    """What the teacher sees: the student's augmented view (run at every step) or the clean window (logits cached)."""

    teacher_view: Literal["augmented", "clean"] = "augmented"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the outcome of a run, apart from the data and the initial weights.

    Attributes
    ----------
    name
        Name of the file without its ending; not part of the hash.
    task
        ``"pretrain"``, ``"finetune"`` or ``"distill"``.
    protocol
        Name of the protocol that `emg_distill.load_protocol` builds.
    seed
        Seed of initial weights, order, masks, dropout and augmentation, ``>= 0``.
    model, objective, mask, train, optimizer, schedule, augment, distill
        One table each.
    """

    name: str
    task: Literal["pretrain", "finetune", "distill"]
    protocol: str
    objective: ObjectiveRecipe
    seed: int = 0
    model: ModelRecipe = ModelRecipe()
    mask: MaskRecipe = MaskRecipe()
    train: TrainRecipe = TrainRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    distill: DistillRecipe = DistillRecipe()

    def __post_init__(self) -> None:
        for name, value, rule, valid in _rules(self):
            if not valid:
                raise EmgDistillError(f"recipe {self.name!r}: {name}={value!r}: {rule}")

    def require_task(self, task: str) -> None:
        """Raise `EmgDistillError` unless the recipe is for this task."""
        if self.task != task:
            raise EmgDistillError(f"recipe {self.name!r} is for {self.task!r}; {task} needs task = {task!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the name as JSON-able values."""
        fields = dataclasses.asdict(self)
        del fields["name"]
        fields["optimizer"]["betas"] = list(self.optimizer.betas)
        return fields

    @property
    def hash(self) -> str:
        """Return the sha256 (hex) of the canonical JSON of `to_dict`."""
        return canonical_hash(self.to_dict())


def canonical_hash(content: Any) -> str:  # noqa: ANN401  any JSON value
    """Return the sha256 (hex) of JSON with sorted keys and no white space."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _rules(recipe: Recipe) -> list[tuple[str, object, str, bool]]:
    train, optimizer, schedule, augment = recipe.train, recipe.optimizer, recipe.schedule, recipe.augment
    at_least_one = [(f"train.{key}", getattr(train, key)) for key in _AT_LEAST_ONE]
    not_negative = [
        ("seed", recipe.seed),
        *((f"train.{key}", getattr(train, key)) for key in ("grad_clip", "patience", "checkpoint_every")),
        ("optimizer.weight_decay", optimizer.weight_decay),
        *((f"schedule.{key}", value) for key, value in vars(schedule).items()),
        *((f"augment.{key}", value) for key, value in vars(augment).items()),
    ]
    shares = [
        (f"augment.{key}", getattr(augment, key))
        for key in ("gain", "channel_gain", "rotate_p", "flip", "drop_channel")
    ]
    return [
        *((name, value, "must be at least 1", value >= 1) for name, value in at_least_one),
        *((name, value, "must not be negative", value >= 0) for name, value in not_negative),
        *((name, value, "must lie in [0, 1]", value <= 1) for name, value in shares),
        ("schedule.warmup", schedule.warmup, "must be below 1", schedule.warmup < 1),
        ("optimizer.lr", optimizer.lr, "must be > 0", optimizer.lr > 0),
        ("optimizer.layer_decay", optimizer.layer_decay, "must lie in (0, 1]", 0 < optimizer.layer_decay <= 1),
        ("optimizer.betas", optimizer.betas, "both must lie in [0, 1)", all(0 <= b < 1 for b in optimizer.betas)),
        (
            "train.monitor",
            train.monitor,
            "pre-training knows only 'loss'",
            recipe.task != "pretrain" or train.monitor == "loss",
        ),
        ("mask.ratio", recipe.mask.ratio, "must lie in (0, 1]", 0 < recipe.mask.ratio <= 1),
    ]


_AT_LEAST_ONE = ("epochs", "batch_size", "validate_every", "keep_checkpoints", "log_every")
