"""Examples that lie in memory: windows with what is to come out of them, and whose they are."""

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

from .batch import Batch


@dataclass(frozen=True)
class WindowSet:
    """Windows of one part of a data set, all in memory.

    Attributes
    ----------
    x
        Shape (n, channels, time) or, for images, (n, rows, cols); float32, filtered and normalised, finite.
    y
        Shape (n,), int64 classes ``>= 0``; (n, instants, outputs), float32 values or pulses; or (n, longest), int64
        symbols, with `y_lengths`. None for windows without labels.
    subject
        Shape (n,), str.
    y_lengths, x_lengths
        Shape (n,), int64: symbols of `y` and samples of `x` that count; None where all do.
    weight
        Shape of `y`, float32 ``>= 0``: how much each value counts; None where all count alike.
    phonemes
        Shape (n, instants), int64, beside the values of silent speech.
    channel_mask
        Shape (n, channels), bool: which channels are real; None where all are.
    trial
        Shape (n,), int64: number of the trial that an example is from, for majority votes; None where there is none.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64] | NDArray[np.float32] | None
    subject: NDArray[np.str_]
    y_lengths: NDArray[np.int64] | None = None
    x_lengths: NDArray[np.int64] | None = None
    weight: NDArray[np.float32] | None = None
    phonemes: NDArray[np.int64] | None = None
    channel_mask: NDArray[np.bool_] | None = None
    trial: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.x.ndim != 3 or self.x.dtype != np.float32:
            raise EmgDistillError(f"x of shape {self.x.shape}, {self.x.dtype}: (n, channels, time) float32 is required")
        for name, column in self._columns().items():
            if len(column) != len(self.x):
                raise EmgDistillError(f"{name} of shape {column.shape}: one row for each of {len(self.x)} windows")
        if self.y is not None:
            _check_targets(self.y, self.y_lengths, self.weight)
        if not np.isfinite(self.x).all():
            bad = int(np.flatnonzero(~np.isfinite(self.x).all(axis=(1, 2)))[0])
            raise EmgDistillError(
                f"window {bad} of subject {str(self.subject[bad])!r} holds a value that is not finite"
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one window."""
        return self.x.shape[1:]

    @property
    def classes(self) -> NDArray[np.int64] | None:
        """Class of each window, where `y` holds classes."""
        return self.y.astype(np.int64) if self.y is not None and self.y.ndim == 1 else None

    @property
    def timeline(self) -> None:
        """Nothing: recordings are not known."""
        return

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of all columns, with their names and shapes."""
        digest = hashlib.sha256()
        for name, column in self._columns().items():
            digest.update(f"{name} {column.shape} {column.dtype.str}".encode())
            digest.update(repr(column.tolist()).encode() if name == "subject" else np.ascontiguousarray(column).data)
        return digest.hexdigest()

    def read(self, rows: NDArray[np.int64], offsets: NDArray[np.float64] | None = None) -> Batch:  # noqa: ARG002
        """Return windows as a batch, in the order of `rows`; windows in memory do not slide."""
        columns = {name: column for name, column in self._columns().items() if name not in {"subject", "trial"}}
        return Batch(**{name: torch.from_numpy(column[rows]) for name, column in columns.items()})

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def _check_targets(
    y: NDArray[np.int64] | NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    weight: NDArray[np.float32] | None,
) -> None:
    """Refuse targets that are neither classes, symbols with lengths, nor values over time."""
    whole = y.dtype == np.int64 and y.ndim == (1 if lengths is None else 2) and not (y < 0).any()
    values = y.dtype == np.float32 and y.ndim == 3 and bool(np.isfinite(y).all())
    if not (whole or values):
        raise EmgDistillError(
            f"y of shape {y.shape}, {y.dtype}: int64 classes (n,) >= 0, int64 symbols (n, longest) with y_lengths, or "
            "finite float32 values (n, instants, outputs) are required"
        )
    if lengths is not None and not ((lengths >= 0) & (lengths <= y.shape[1])).all():
        raise EmgDistillError(f"y_lengths {lengths.min()} to {lengths.max()}: rows of y have {y.shape[1]} symbols")
    if weight is not None and (weight.shape != y.shape or (weight < 0).any()):
        raise EmgDistillError(f"weight of shape {weight.shape}: values >= 0 of the shape of y, {y.shape}, are required")
