"""One batch of examples: what goes into a model, and what is to come out of it."""

from dataclasses import dataclass, fields
from typing import Self

import torch


@dataclass(frozen=True)
class Batch:
    """Rows of a part of a data set, as tensors; the first axis of every one of them counts examples.

    Attributes
    ----------
    x
        Windows (batch, channels, time) or images (batch, rows, cols), float32, normalised. Channels and samples that
        an example does not have are 0.
    y
        What is to come out: classes (batch,) int64; values or pulses (batch, instants, outputs) float32; symbols
        (batch, longest) int64, padded with 0. None where nothing is known.
    y_lengths
        Symbols of each row of `y` that count, (batch,) int64; None where rows are full.
    x_lengths
        Samples of each row of `x` that are real, (batch,) int64; None where rows are full.
    weight
        How much each entry of `y` counts, the shape of `y`, float32 ``>= 0``; None where all count alike.
    phonemes
        Classes beside `y` for silent speech, (batch, instants) int64; None elsewhere.
    channel_mask
        Which channels are real, (batch, channels) bool; None where all are.
    """

    x: torch.Tensor
    y: torch.Tensor | None = None
    y_lengths: torch.Tensor | None = None
    x_lengths: torch.Tensor | None = None
    weight: torch.Tensor | None = None
    phonemes: torch.Tensor | None = None
    channel_mask: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def columns(self) -> dict[str, torch.Tensor]:
        """Return the tensors that are there, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        return type(self)(**{name: value.to(device) for name, value in self.columns().items()})

    def rows(self, rows: slice | torch.Tensor) -> Self:
        """Return some of its rows."""
        return type(self)(**{name: value[rows] for name, value in self.columns().items()})
