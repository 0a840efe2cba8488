"""How a run trains: length and batches, optimiser, learning rate."""

from dataclasses import dataclass
from typing import Literal

from .rules import require

Monitor = Literal[
    "loss", "accuracy", "balanced_accuracy", "macro_f1", "phoneme_accuracy", "recall", "false_per_hour", "mae", "mse",
    "rmse", "r2", "angular_mae", "cer", "wer", "cler",
]  # fmt: skip


@dataclass(frozen=True)
class TrainRecipe:
    """Length, batches, validation and checkpoints of a run.

    Attributes
    ----------
    epochs
        Length of the run where `steps` is 0, ``>= 1``. An epoch has ``n // batch_size`` full batches.
    steps
        Length of the run in optimiser steps, instead of `epochs`; 0 leaves it to `epochs`.
    batch_size
        Examples of an optimiser step, over all processes and pieces, ``>= 1``.
    accumulate
        Pieces that each process takes its share of a batch in, ``>= 1``: less memory, the same loss and gradient up to
        rounding, since objectives are means over examples. What a model draws or counts itself (dropout, batch
        statistics) is per piece. Refused where the objective couples examples.
    sampling
        ``"shuffle"``: every epoch is a permutation of the examples. ``"balanced"``: every epoch draws equally often
        from every class, with replacement; an example that is drawn twice in an epoch is augmented alike.
    freeze
        Patterns of names of parameters that are not trained, such as ``"encoder.*"``; names are those of the model.
        Batch statistics of frozen layers go on moving.
    grad_clip
        Limit of the gradient; 0 turns clipping off.
    clip
        ``"norm"``: of the global norm, by scaling. ``"value"``: of each element, by cutting to ``± grad_clip``.
    precision
        ``"32-true"`` or ``"bf16-mixed"`` (autocast, weights stay float32).
    compile
        Backend of torch.compile, or ``"off"``. ``"inductor"`` is the fast one and needs a compiler; ``"eager"`` and
        ``"aot_eager"`` trace only.
    checkpoint_blocks
        Compute Transformer blocks again on the way back instead of keeping what they made: less memory, same loss.
    read_ahead
        Batches that a thread reads while a step runs; 0 reads them when they are needed. It changes no number.
    ema
        Decay per step of an average of the weights, in ``[0, 1)``; 0 is off. Where it is on, the average is what is
        validated, selected and left in the end.
    select
        ``"best"`` keeps the weights of the best validation, ``"last"`` the final ones.
    monitor
        Validation number that decides what is best; pre-training knows only ``"loss"``.
    patience
        Stop after so many validations without improvement; 0 never stops early.
    validate_every
        Epochs between validations; the end of the run is always validated.
    checkpoint_every
        Steps between checkpoints besides the one at every validation; 0 means none besides.
    keep_checkpoints
        How many of the newest checkpoints stay on disk, ``>= 1``; two or more survive a damaged newest one.
    keep_best
        How many of the best validated checkpoints stay besides.
    log_every
        Steps between the lines of metrics.jsonl.
    """

    epochs: int = 10
    steps: int = 0
    batch_size: int = 32
    accumulate: int = 1
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    freeze: tuple[str, ...] = ()
    grad_clip: float = 1.0
    clip: Literal["norm", "value"] = "norm"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    compile: Literal["off", "inductor", "aot_eager", "eager"] = "off"
    checkpoint_blocks: bool = False
    read_ahead: int = 1
    ema: float = 0.0
    select: Literal["best", "last"] = "best"
    monitor: Monitor = "loss"
    patience: int = 0
    validate_every: int = 1
    checkpoint_every: int = 0
    keep_checkpoints: int = 2
    keep_best: int = 0
    log_every: int = 10

    def __post_init__(self) -> None:
        for key in ("epochs", "batch_size", "accumulate", "validate_every", "keep_checkpoints", "log_every"):
            require(getattr(self, key) >= 1, f"train.{key}", getattr(self, key), "must be at least 1")
        for key in ("steps", "grad_clip", "read_ahead", "patience", "checkpoint_every", "keep_best"):
            require(getattr(self, key) >= 0, f"train.{key}", getattr(self, key), "must not be negative")
        require(0 <= self.ema < 1, "train.ema", self.ema, "must lie in [0, 1)")
        require(
            self.accumulate <= self.batch_size, "train.accumulate", self.accumulate, "must not exceed train.batch_size"
        )


@dataclass(frozen=True)
class GroupRecipe:
    """Parameters with settings of their own.

    Attributes
    ----------
    pattern
        Shell pattern of names of the model's parameters, such as ``"head.*"``; it has to match at least one.
    lr_scale
        Factor of their learning rate, ``>= 0``, besides what `OptimizerRecipe.layer_decay` says.
    weight_decay
        Their weight decay, vectors included; a negative number leaves the optimiser's rule.
    """

    pattern: str
    lr_scale: float = 1.0
    weight_decay: float = -1.0

    def __post_init__(self) -> None:
        require(bool(self.pattern), "optimizer.group.pattern", self.pattern, "must not be empty")
        require(self.lr_scale >= 0, "optimizer.group.lr_scale", self.lr_scale, "must not be negative")


@dataclass(frozen=True)
class OptimizerRecipe:
    """How gradients become steps.

    Attributes
    ----------
    kind
        ``"adamw"`` (decay apart from the gradient), ``"adam"`` and ``"sgd"`` (decay added to the gradient, after
        clipping).
    lr
        Learning rate at its peak, ``> 0``.
    weight_decay
        ``>= 0``.
    decay_vectors
        Whether biases, norms and other parameters with fewer than two axes decay as well.
    betas, eps
        Of Adam and AdamW.
    momentum, nesterov
        Of SGD.
    layer_decay
        Factor of the learning rate from one layer to the one below it, in ``(0, 1]``: 1 at the head, ``layer_decay **
        (L + 1)`` at the embedding of a model with L layers.
    group
        Parameters with settings of their own; the first pattern that matches a name counts.
    """

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 5e-4
    weight_decay: float = 0.01
    decay_vectors: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    momentum: float = 0.0
    nesterov: bool = False
    layer_decay: float = 1.0
    group: tuple[GroupRecipe, ...] = ()

    def __post_init__(self) -> None:
        require(self.lr > 0, "optimizer.lr", self.lr, "must be > 0")
        require(self.eps > 0, "optimizer.eps", self.eps, "must be > 0")
        require(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "must not be negative")
        require(0 < self.layer_decay <= 1, "optimizer.layer_decay", self.layer_decay, "must lie in (0, 1]")
        require(all(0 <= b < 1 for b in self.betas), "optimizer.betas", self.betas, "both must lie in [0, 1)")
        require(0 <= self.momentum < 1, "optimizer.momentum", self.momentum, "must lie in [0, 1)")
        require(
            self.kind == "sgd" or not self.momentum,
            "optimizer.momentum",
            self.momentum,
            "only optimizer.kind='sgd' has it",
        )
        require(
            not self.nesterov or self.momentum > 0, "optimizer.nesterov", self.nesterov, "needs optimizer.momentum > 0"
        )


@dataclass(frozen=True)
class ScheduleRecipe:
    """The learning rate over the run: linear warm-up from `start_lr` to the peak, then what `kind` says.

    Attributes
    ----------
    kind
        ``"cosine"`` and ``"linear"`` fall to `floor_lr` over the steps that remain; ``"constant"`` stays;
        ``"multistep"`` is multiplied by `gamma` after each of `milestones`.
    warmup
        Length of the warm-up as a share of the run, in ``[0, 1)``.
    warmup_steps, warmup_epochs
        The same in optimiser steps, or in epochs. At most one of the three is above 0; all 0 is no warm-up.
    start_lr
        Learning rate of the first step of the warm-up.
    floor_lr
        What cosine and linear end at.
    milestones
        Epochs, increasing, ``>= 1``; only for ``"multistep"``, which needs at least one.
    gamma
        Factor at each milestone, in ``(0, 1]``.
    """

    kind: Literal["cosine", "linear", "constant", "multistep"] = "cosine"
    warmup: float = 0.0
    warmup_steps: int = 0
    warmup_epochs: float = 0.0
    start_lr: float = 1e-6
    floor_lr: float = 1e-6
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1

    def __post_init__(self) -> None:
        for key in ("warmup", "warmup_steps", "warmup_epochs", "start_lr", "floor_lr"):
            require(getattr(self, key) >= 0, f"schedule.{key}", getattr(self, key), "must not be negative")
        require(self.warmup < 1, "schedule.warmup", self.warmup, "must be below 1")
        lengths = (self.warmup, self.warmup_steps, self.warmup_epochs)
        require(
            sum(length > 0 for length in lengths) <= 1, "schedule.warmup, warmup_steps, warmup_epochs", lengths,
            "give one of them",
        )  # fmt: skip
        stepped = self.kind == "multistep"
        require(
            bool(self.milestones) == stepped, "schedule.milestones", self.milestones,
            "kind='multistep' needs some, no other kind takes any",
        )  # fmt: skip
        rising = list(self.milestones) == sorted({epoch for epoch in self.milestones if epoch >= 1})
        require(rising, "schedule.milestones", self.milestones, "must be increasing epochs, at least 1")
        require(0 < self.gamma <= 1, "schedule.gamma", self.gamma, "must lie in (0, 1]")
