"""The struct ``p`` of a flexemg trial: which gestures, in what order, for how long; labels follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_io.engines._mat import Mat, MatNode

LABELS = {0: "Rest", 1: "Fist", 2: "Raise", 3: "Lower", 4: "Open"}
_MV_PER_COUNT = 0.0030517578125
_MAX_SAMPLES = 10**8


@dataclass(frozen=True)
class Script:
    """What was asked of the subject.

    Attributes
    ----------
    sequence
        Labels in the order of the gestures.
    reps
        How often the sequence comes, > 0.
    timegest, timerest
        Samples of a gesture and of the rest before each sequence, > 0 and >= 0.
    """

    sequence: tuple[int, ...]
    reps: int
    timegest: int
    timerest: int

    @classmethod
    def read(cls, mat: Mat, file: str) -> Script:
        """Read and check the struct of a file."""
        fields = mat.node("p").fields()
        names = _names(fields, file)
        mv_per_count = _number(fields, "lsbmV", file)
        if mv_per_count != _MV_PER_COUNT:
            raise _bad(file, "p.lsbmV", str(_MV_PER_COUNT), str(mv_per_count))
        count, reps = _whole(fields, "numlabels", 1, file), _whole(fields, "reps", 1, file)
        timegest, timerest = _whole(fields, "timegest", 1, file), _whole(fields, "timerest", 0, file)
        node = _field(fields, "sequence", file)
        order = node.read().ravel().tolist() if math.prod(node.shape) == count else []
        if count != len(names) or len(order) != count or any(value not in range(1, count + 1) for value in order):
            raise _bad(
                file, "p.sequence", f"numlabels = {len(names)} numbers of 1..{len(names)}", f"{count}: {order[:8]}"
            )
        mat.verify("p")
        return cls(tuple(names[int(value) - 1] for value in order), reps, timegest, timerest)

    @property
    def n_samples(self) -> int:
        """Samples up to the end of the last gesture."""
        return self.reps * (self.timerest + len(self.sequence) * self.timegest)

    def tracks(self, n_samples: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return the label of every sample and which coming of the sequence it belongs to, 0 at rest."""
        label, repetition = np.zeros(n_samples, np.int16), np.zeros(n_samples, np.int16)
        block = np.repeat(np.array(self.sequence, np.int16), self.timegest)
        for number in range(self.reps):
            start = self.timerest + number * (len(block) + self.timerest)
            label[start : start + len(block)] = block
            repetition[start : start + len(block)] = number + 1
        return label, repetition


def _names(fields: Mapping[str, MatNode], file: str) -> tuple[int, ...]:
    """Return the labels behind the numbers 1, 2, ... of a sequence, by name."""
    values = {name: value for value, name in LABELS.items() if value}
    node = _field(fields, "labelnames", file)
    if node.kind != "cell" or max(node.shape, default=0) > len(values):
        raise _bad(file, node.path, f"a cell array of at most {len(values)} names", f"{node.kind} {node.shape}")
    names = [cell.text() for cell in node.cells()]
    if not names or len(set(names)) != len(names) or not set(names) <= set(values):
        raise _bad(file, node.path, ", ".join(values), ascii(names)[:80])
    return tuple(values[name] for name in names)


def _field(fields: Mapping[str, MatNode], name: str, file: str) -> MatNode:
    """Return a field, which must be there."""
    if name not in fields:
        raise _bad(file, "p", f"a field {name}", ", ".join(fields))
    return fields[name]


def _number(fields: Mapping[str, MatNode], name: str, file: str) -> float:
    """Read a field of one number."""
    node = _field(fields, name, file)
    if math.prod(node.shape) != 1:
        raise _bad(file, f"p.{name}", "one number", f"shape {node.shape}")
    return float(node.read().ravel()[0].item())


def _whole(fields: Mapping[str, MatNode], name: str, low: int, file: str) -> int:
    """Read a field of one whole number of samples or times."""
    value = _number(fields, name, file)
    if not low <= value <= _MAX_SAMPLES or value != int(value):
        raise _bad(file, f"p.{name}", f"a whole number, >= {low}", str(value))
    return int(value)


def _bad(file: str, place: str, expected: str, found: str) -> EmgIoError:
    """Make the error for a field."""
    return EmgIoError("not the script of a trial", file=file, place=place, expected=expected, found=found)
