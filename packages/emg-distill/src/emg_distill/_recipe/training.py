"""How a run trains: length and batches, optimiser, learning rate."""

from dataclasses import dataclass
from typing import Literal

from .rules import require


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

    def __post_init__(self) -> None:
        for key in ("epochs", "batch_size", "validate_every", "keep_checkpoints", "log_every"):
            require(getattr(self, key) >= 1, f"train.{key}", getattr(self, key), "must be at least 1")
        for key in ("grad_clip", "patience", "checkpoint_every"):
            require(getattr(self, key) >= 0, f"train.{key}", getattr(self, key), "must not be negative")


@dataclass(frozen=True)
class OptimizerRecipe:
    """AdamW: peak learning rate, decay, betas; layer_decay < 1 lowers the rate from the head to the embedding."""

    lr: float = 5e-4
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    layer_decay: float = 1.0

    def __post_init__(self) -> None:
        require(self.lr > 0, "optimizer.lr", self.lr, "must be > 0")
        require(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "must not be negative")
        require(0 < self.layer_decay <= 1, "optimizer.layer_decay", self.layer_decay, "must lie in (0, 1]")
        require(all(0 <= b < 1 for b in self.betas), "optimizer.betas", self.betas, "both must lie in [0, 1)")


@dataclass(frozen=True)
class ScheduleRecipe:
    """Linear warm-up from start_lr over the share `warmup` of all steps, then half a cosine to floor_lr at the last."""

    warmup: float = 0.1
    start_lr: float = 1e-6
    floor_lr: float = 1e-6

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            require(value >= 0, f"schedule.{key}", value, "must not be negative")
        require(self.warmup < 1, "schedule.warmup", self.warmup, "must be below 1")
