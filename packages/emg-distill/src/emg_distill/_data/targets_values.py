"""Values as a target: joint angles at every sample of a window, or how they change from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emg_distill._errors import EmgDistillError

from .clock import runs
from .targets_text import digest_of, sample_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    import emg_io
    from emg_distill._examples.examples import Kind

    from .targets import Plan
    from .windows import WindowTable

    Ints = NDArray[np.int64]

_TICK_S = 1e-9  # a stamp that falls on a tick of the new clock, up to rounding, belongs to it


@dataclass(frozen=True)
class ValueTarget:
    """Signals recorded beside the EMG, at every sample of a window.

    Attributes
    ----------
    aux
        Name of the signals in emg-io: ``"doa"`` (DB8's five angles in degrees), ``"joint_angles"`` (emg2pose, rad).
    outputs
        Names of the rows that are targets, the first ones of the signal.
    track
        Track that is 0 where the values are not valid; empty where NaN alone marks those.
    """

    aux: str
    outputs: tuple[str, ...]
    track: str = ""
    kind: Kind = "regression"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return the names of the outputs."""
        return list(self.outputs)

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return `values` (time, outputs) float32 on the model's clock, held like the signal; NaN where not valid.

        Windows are cut anew inside each of the `stretches` that are valid throughout.
        """
        values = aux_rows(recording, self.aux, len(self.outputs))
        if self.track:
            values[:, recording.labels(self.track) == 0] = np.nan
        held = held_rows(sample_times(recording), sample_times(uniform))
        values = np.ascontiguousarray(values[:, held].T, np.float32)
        finite: NDArray[np.bool_] = np.all(np.isfinite(values), axis=1)
        return {"values": values, "stretches": runs(finite)}

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Keep all windows."""
        return windows

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> ValueTable:
        """Return the values of a part's windows."""
        return ValueTable(tuple(plans), windows.recording, windows.valid)


@dataclass(frozen=True)
class ChangeTarget:
    """Changes of values from one frame to the next, as the wrist network of the neuromotor interface gives them.

    Output t of a window from sample s on is ``value[s + first + step t] - value[s + first + step (t - 1)]``; the first
    one does not count, as in the released code.

    Attributes
    ----------
    aux, outputs
        As of `ValueTarget`.
    first, step
        Samples; 253 and 40 as published (a feature sees 254 samples, one every 40).
    """

    aux: str = "wrist_angles"
    outputs: tuple[str, ...] = ("flexion-extension, change in 20 ms",)
    first: int = 253
    step: int = 40
    kind: Kind = "regression"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return the names of the outputs."""
        return list(self.outputs)

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return `values` and `stretches` as `ValueTarget` does."""
        return ValueTarget(self.aux, self.outputs).plan(recording, uniform)

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Keep all windows."""
        return windows

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> ChangeTable:
        """Return the changes in a part's windows."""
        return ChangeTable(ValueTable(tuple(plans), windows.recording, windows.valid), self.first, self.step)


@dataclass(frozen=True, eq=False)
class ValueTable:
    """Values of windows, cut from those of their recordings.

    Attributes
    ----------
    plans
        `values` (time, outputs) of each recording.
    recording, valid
        Recording and number of real samples of each window, (windows,) int64.
    """

    plans: tuple[Plan, ...]
    recording: Ints
    valid: Ints

    @property
    def digest(self) -> str:
        """Sha256 (hex) of values and windows."""
        return digest_of([*(plan["values"] for plan in self.plans), self.recording, self.valid])

    def read(self, rows: Ints, starts: Ints) -> dict[str, torch.Tensor]:
        """Return `y` (batch, time, outputs) float32; where a window is filled up, `y` and `weight` are 0."""
        length = int(self.valid.max(initial=0))
        y = np.zeros((len(rows), length, self.plans[0]["values"].shape[1]), np.float32)
        valid = self.valid[rows]
        triples = zip(self.recording[rows].tolist(), starts.tolist(), valid.tolist(), strict=True)
        for row, (recording, start, n_real) in enumerate(triples):
            y[row, :n_real] = self.plans[recording]["values"][start : start + n_real]
        fields = {"y": torch.from_numpy(y)}
        if (self.valid < length).any():
            real = torch.arange(length) < torch.from_numpy(valid)[:, None]
            fields["weight"] = real[:, :, None].expand(fields["y"].shape).float()
        return fields


@dataclass(frozen=True, eq=False)
class ChangeTable:
    """Changes of values in windows.

    Attributes
    ----------
    values
        The values.
    first, step
        See `ChangeTarget`.
    """

    values: ValueTable
    first: int
    step: int

    @property
    def digest(self) -> str:
        """Sha256 (hex) of values, windows and frames."""
        return digest_of([], f"{self.values.digest} {self.first} {self.step}")

    def read(self, rows: Ints, starts: Ints) -> dict[str, torch.Tensor]:
        """Return `y` and `weight`, (batch, frames, outputs) float32; `weight` is 0 in the first frame, else 1."""
        fields = self.values.read(rows, starts)
        y = fields["y"][:, self.first - self.step :: self.step].diff(dim=1)
        weight = torch.ones_like(y)
        if "weight" in fields:
            weight = fields["weight"][:, self.first :: self.step]
        weight[:, :1] = 0.0
        return {"y": y, "weight": weight}


def aux_rows(recording: emg_io.Recording, name: str, n_rows: int) -> NDArray[np.float32]:
    """Return the first rows of a signal beside the EMG, a new (rows, time) array of the EMG's length.

    Raises
    ------
    EmgDistillError
        When there are fewer rows, or fewer samples than of EMG.
    """
    values = recording.aux(name).values
    if len(values) < n_rows or values.shape[1] < recording.n_samples:
        raise EmgDistillError(
            f"{recording.source}: {name} is {values.shape}; {n_rows} rows of {recording.n_samples} samples are "
            "required, one for each sample of EMG"
        )
    return values[:n_rows, : recording.n_samples].astype(np.float32)


def held_rows(stamps: NDArray[np.float64], ticks: NDArray[np.float64]) -> Ints:
    """Return, for each tick (s, from the first stamp), the number of the last stamp (s) at or before it."""
    return np.maximum(np.searchsorted(stamps, ticks + _TICK_S, "right") - 1, 0).astype(np.int64)
