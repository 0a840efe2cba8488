"""What a protocol hands to training: the parts of a data set, and all that is needed to say what they are."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from emg_distill._errors import EmgDistillError

from .examples import Examples, Kind
from .windows import WindowSet

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")


def check_part(name: str) -> None:
    """Raise `EmgDistillError` unless `name` is ``"train"``, ``"val"`` or ``"test"``."""
    if name not in PARTS:
        raise EmgDistillError(f"part={name!r}: choose one of {', '.join(PARTS)}")


@dataclass(frozen=True)
class ProtocolData:
    """A data set, split, filtered, windowed and normalised as one protocol says.

    Attributes
    ----------
    name
        Name of the protocol.
    train, val, test
        The parts; all examples have one shape. `val` and `test` are None where the protocol has none.
    labels
        Name of each output of a model: classes (``labels[k]`` is class index k), joints, events, or symbols with the
        CTC blank last. Empty where nothing is known (kind ``"unlabelled"``).
    sfreq
        Rate of the windows in Hz, ``> 0``.
    preprocessing
        JSON-able description of the signal path, from stored values to windows.
    split_hash
        sha256 (hex) of the split.
    split_seed
        Seed that the split was drawn with.
    notes
        What was left out and why, in words.
    kind
        What is to come out: ``"classification"``, ``"regression"``, ``"events"``, ``"ctc"``, ``"speech"`` or
        ``"unlabelled"``.
    fold
        Fold of the protocol; empty where it has none.
    partial
        Whether a copy of the data set was accepted in which something is missing.
    rest
        Class index of rest, whose windows some metrics leave out; None where no class is rest.
    vote
        Examples of one trial that a majority vote takes together, -1 for the whole trial; None where nobody votes.
    """

    name: str
    train: Examples
    val: Examples | None
    test: Examples | None
    labels: list[str]
    sfreq: float
    preprocessing: Mapping[str, Any]
    split_hash: str
    split_seed: int = 0
    notes: tuple[str, ...] = field(default=())
    kind: Kind = "classification"
    fold: str = ""
    partial: bool = False
    rest: int | None = None
    vote: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise EmgDistillError(f"protocol {self.name!r}: kind={self.kind!r}: one of {', '.join(get_args(Kind))}")
        for name in self.parts:
            examples = self.part(name)
            if not len(examples):
                raise EmgDistillError(f"protocol {self.name!r}: part {name!r} has no window; give more recordings")
            if examples.shape != self.train.shape:
                raise EmgDistillError(
                    f"protocol {self.name!r}: windows of {name!r} are {examples.shape}, "
                    f"of 'train' {self.train.shape}; all parts need one shape"
                )
            if self.kind in {"classification", "ctc"} and isinstance(examples, WindowSet):
                self._check_classes(name, examples)

    def _check_classes(self, name: str, examples: WindowSet) -> None:
        largest = -1 if examples.y is None else int(examples.y.max(initial=-1))
        if examples.y is None or largest >= len(self.labels):
            raise EmgDistillError(
                f"protocol {self.name!r}: part {name!r} holds class {largest}, but there are {len(self.labels)} labels"
            )

    @property
    def parts(self) -> tuple[Part, ...]:
        """Names of the parts that are there."""
        return tuple(part for part in PARTS if getattr(self, part) is not None)

    def part(self, name: str) -> Examples:
        """Return one part by name; an unknown or absent one raises `EmgDistillError`."""
        check_part(name)
        examples: Examples | None = getattr(self, name)
        if examples is None:
            raise EmgDistillError(f"protocol {self.name!r} has no part {name!r}, only {', '.join(self.parts)}")
        return examples

    @property
    def n_chans(self) -> int:
        """Return the number of channels (of places, for images)."""
        rows, cols = self.train.shape
        return rows * cols if self.is_image else rows

    @property
    def n_times(self) -> int:
        """Return the number of samples of a window; 1 for images."""
        return 1 if self.is_image else self.train.shape[1]

    @property
    def is_image(self) -> bool:
        """Whether examples are images (rows, cols) of a grid at one instant."""
        return bool(self.preprocessing.get("grid"))

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of all examples, labels and preprocessing: which data a run has seen."""
        parts = [self.part(part).digest for part in self.parts]
        text = json.dumps([parts, self.labels, self.sfreq, self.preprocessing], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
