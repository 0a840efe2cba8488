"""What a training run is told: frozen dataclasses whose hash names the run."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from emg_distill._errors import EmgDistillError

from .augment import AugmentRecipe
from .decode import DecodeRecipe
from .quantise import QuantiseRecipe
from .rules import require
from .training import OptimizerRecipe, ScheduleRecipe, TrainRecipe

Scalar = bool | int | float | str


@dataclass(frozen=True)
class ModelRecipe:
    """A model of emg-models by name; every further key of the table is passed to its constructor.

    Attributes
    ----------
    name
        Registered name, such as ``"tinymyo"``.
    task
        Task of the model where the data's kind does not tell it (``"tokens"`` for feature prediction); else empty.
    options
        Settings of the model.
    """

    name: str = "tinymyo"
    task: str = ""
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectiveRecipe:
    """An objective by name and its weight in the sum; every further key of the table is one of its options."""

    name: str
    weight: float = 1.0
    options: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.weight > 0, "objective.weight", self.weight, "must be > 0")


@dataclass(frozen=True)
class MaskRecipe:
    """What is hidden from a model in pre-training (with labels, `augment.frame_mask` hides frames).

    Attributes
    ----------
    kind
        ``"none"``; ``"random"`` patches, or ``"block"``: runs of `block` patches of one channel; ``"spans"`` of `block`
        frames for models that take a frame mask.
    ratio
        Share of patches that is hidden, or of frames where spans did not overlap, in ``(0, 1]``.
    block
        Patches of a run, frames of a span, ``>= 1``.
    """

    kind: Literal["none", "random", "block", "spans"] = "none"
    ratio: float = 0.5
    block: int = 5

    def __post_init__(self) -> None:
        require(0 < self.ratio <= 1, "mask.ratio", self.ratio, "must lie in (0, 1]")
        require(self.block >= 1, "mask.block", self.block, "must be at least 1")


@dataclass(frozen=True)
class MomentumRecipe:
    """How the teacher of feature prediction follows its student.

    Attributes
    ----------
    start, end
        Momentum of the first update and after the ramp, in ``[0, 1]``.
    ramp
        Updates from `start` to `end`, ``>= 0``.
    top
        Last blocks of the teacher whose outputs are averaged, ``>= 1``.
    """

    start: float = 0.999
    end: float = 0.9999
    ramp: int = 30_000
    top: int = 4

    def __post_init__(self) -> None:
        for key in ("start", "end"):
            require(0 <= getattr(self, key) <= 1, f"momentum.{key}", getattr(self, key), "must lie in [0, 1]")
        require(self.ramp >= 0, "momentum.ramp", self.ramp, "must not be negative")
        require(self.top >= 1, "momentum.top", self.top, "must be at least 1")


@dataclass(frozen=True)
class DistillRecipe:
    """What the teacher sees and what the student copies besides its output.

    Attributes
    ----------
    teacher_view
        ``"augmented"``: the student's view, the teacher runs at every step. ``"clean"``: the window as it is, the
        teacher's outputs are computed once, and training windows do not slide.
    cache
        Where a teacher's answers to clean windows are kept: in ``"memory"`` (float32), or on ``"disk"``, in the run's
        folder (float16).
    student_layer, teacher_layer
        Names of the modules whose outputs feature objectives compare, as in ``model.named_modules()``; empty where no
        objective asks for features.
    """

    teacher_view: Literal["augmented", "clean"] = "augmented"
    cache: Literal["memory", "disk"] = "memory"
    student_layer: str = ""
    teacher_layer: str = ""


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
    objective
        One or more objectives; their weighted sum is trained.
    fold
        Fold of the protocol, where it has folds; else empty.
    seed
        Seed of initial weights, order, masks, dropout and augmentation, ``>= 0``.
    model, mask, momentum, train, optimizer, schedule, augment, distill, quantise, decode
        One table each.
    """

    name: str
    task: Literal["pretrain", "finetune", "distill"]
    protocol: str
    objective: tuple[ObjectiveRecipe, ...]
    fold: str = ""
    seed: int = 0
    model: ModelRecipe = field(default_factory=ModelRecipe)
    mask: MaskRecipe = field(default_factory=MaskRecipe)
    momentum: MomentumRecipe = field(default_factory=MomentumRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    distill: DistillRecipe = field(default_factory=DistillRecipe)
    quantise: QuantiseRecipe = field(default_factory=QuantiseRecipe)
    decode: DecodeRecipe = field(default_factory=DecodeRecipe)

    def __post_init__(self) -> None:
        require(bool(self.objective), "objective", self.objective, "at least one is required")
        require(self.seed >= 0, "seed", self.seed, "must not be negative")
        hidden = self.mask.kind
        require(self.task == "pretrain" or hidden == "none", "mask.kind", hidden, "only pre-training hides patches")
        monitor = self.train.monitor
        require(
            self.task != "pretrain" or monitor == "loss", "train.monitor", monitor, "pre-training knows only 'loss'"
        )

    def require_task(self, task: str) -> None:
        """Raise `EmgDistillError` unless the recipe is for this task."""
        if self.task != task:
            raise EmgDistillError(f"recipe {self.name!r} is for {self.task!r}; {task} needs task = {task!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the name as JSON-able values."""
        fields: dict[str, Any] = _plain(dataclasses.asdict(self))
        del fields["name"]
        return fields

    @property
    def hash(self) -> str:
        """Return the sha256 (hex) of the canonical JSON of `to_dict`."""
        return canonical_hash(self.to_dict())


def canonical_hash(content: Any) -> str:  # noqa: ANN401  any JSON value
    """Return the sha256 (hex) of JSON with sorted keys and no white space."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Return a value with lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
