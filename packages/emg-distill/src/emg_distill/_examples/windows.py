"""Windows with their labels and people, and what a protocol hands to training."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")


def check_part(name: str) -> None:
    """Raise `EmgDistillError` unless `name` is ``"train"``, ``"val"`` or ``"test"``."""
    if name not in PARTS:
        raise EmgDistillError(f"part={name!r}: choose one of {', '.join(PARTS)}")


@dataclass(frozen=True)
class WindowSet:
    """Windows of one part of a data set.

    Attributes
    ----------
    x
        Shape (n, channels, time), float32, filtered and normalised, finite.
    y
        Shape (n,), int64 class indices ``>= 0``.
    subject
        Shape (n,), str.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    subject: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.x.ndim != 3 or self.x.dtype != np.float32:
            raise EmgDistillError(f"x of shape {self.x.shape}, {self.x.dtype}: (n, channels, time) float32 is required")
        if self.y.shape != self.x.shape[:1] or self.y.dtype != np.int64 or (self.y < 0).any():
            raise EmgDistillError(
                f"y of shape {self.y.shape}, {self.y.dtype}: {len(self.x)} int64 values >= 0 are required"
            )
        if self.subject.shape != self.x.shape[:1]:
            raise EmgDistillError(f"subject of shape {self.subject.shape}: one name for each of {len(self.x)} windows")
        if not np.isfinite(self.x).all():
            bad = int(np.flatnonzero(~np.isfinite(self.x).all(axis=(1, 2)))[0])
            raise EmgDistillError(
                f"window {bad} of subject {str(self.subject[bad])!r} holds a value that is not finite"
            )

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of windows, labels and subjects."""
        digest = hashlib.sha256(repr((self.x.shape, self.subject.tolist())).encode())
        digest.update(np.ascontiguousarray(self.x).data)
        digest.update(np.ascontiguousarray(self.y).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class ProtocolData:
    """A data set, split, filtered, windowed and normalised as one protocol says.

    Attributes
    ----------
    name
        Name of the protocol.
    train, val, test
        The three parts; all windows have one shape.
    labels
        Name of each class; ``labels[k]`` belongs to class index k.
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
    """

    name: str
    train: WindowSet
    val: WindowSet
    test: WindowSet
    labels: list[str]
    sfreq: float
    preprocessing: Mapping[str, Any]
    split_hash: str
    split_seed: int = 0
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for part in PARTS:
            windows = self.part(part)
            if not len(windows):
                raise EmgDistillError(f"protocol {self.name!r}: part {part!r} has no window; give more recordings")
            if windows.x.shape[1:] != self.train.x.shape[1:]:
                raise EmgDistillError(
                    f"protocol {self.name!r}: windows of {part!r} are {windows.x.shape[1:]}, "
                    f"of 'train' {self.train.x.shape[1:]}; all parts need one shape"
                )
            if windows.y.max() >= len(self.labels):
                raise EmgDistillError(
                    f"protocol {self.name!r}: part {part!r} holds class {windows.y.max()}, "
                    f"but there are {len(self.labels)} labels"
                )

    def part(self, name: str) -> WindowSet:
        """Return one part by name; an unknown name raises `EmgDistillError`."""
        check_part(name)
        windows: WindowSet = getattr(self, name)
        return windows

    @property
    def n_chans(self) -> int:
        """Return the number of channels."""
        return int(self.train.x.shape[1])

    @property
    def n_times(self) -> int:
        """Return the number of samples of a window."""
        return int(self.train.x.shape[2])

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of all windows, labels and preprocessing: which data a run has seen."""
        parts = [self.part(part).digest for part in PARTS]
        text = json.dumps([parts, self.labels, self.sfreq, self.preprocessing], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
