"""What is to come out of a model, example by example: planned from recordings once, read with every batch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import emg_io
    from emg_distill._examples.examples import Kind

    from .windows import WindowTable

Plan = Mapping[str, "NDArray[np.generic]"]  # arrays of numbers of one recording, which a store can hold


class TargetTable(Protocol):
    """Targets of the windows of one part; it pickles."""

    @property
    def digest(self) -> str:
        """Sha256 (hex) of everything that `read` can return."""
        ...

    def read(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """Return fields of a `Batch` besides `x`.

        Parameters
        ----------
        rows
            Shape (batch,): numbers of the windows in the part's `WindowTable`.
        starts
            Shape (batch,): first sample of each window, without context, as it was slid, in samples of its recording
            at the model's rate.
        """
        ...


class Target(Protocol):
    """A rule that makes targets; frozen, it pickles, and its `repr` says all of it.

    Attributes
    ----------
    kind
        Kind of the outputs.
    rest
        Class index of rest, or None.
    """

    @property
    def kind(self) -> Kind:
        """Kind of the outputs."""
        ...

    @property
    def rest(self) -> int | None:
        """Class index of rest, or None."""
        ...

    def labels(self, names: Mapping[int, str]) -> list[str]:
        """Return the name of each output of a model; `names` are the data set's names of stored labels."""
        ...

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return what the targets of one recording need, as arrays of numbers.

        An array `stretches` among them, (n, 2) int64, says where in the samples of `uniform` targets are known:
        windows are cut inside each of those, as if the recording began and ended there. The signal is filtered whole.

        Parameters
        ----------
        recording
            As stored, with its own clock, events and signals beside the EMG.
        uniform
            The same on the model's clock.
        """
        ...

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:
        """Return the windows of one recording that are examples, with `label` as a class index where it is one.

        Raises
        ------
        EmgDistillError
            When a window has a label that the protocol does not know; `source` names the file.
        """
        ...

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> TargetTable:
        """Return the targets of a part; ``plans[windows.recording[row]]`` belongs to a row."""
        ...


@dataclass(frozen=True)
class NoTarget:
    """Nothing is known: windows for pre-training."""

    kind: Kind = "unlabelled"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return no name."""
        return []

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:  # noqa: ARG002
        """Return nothing."""
        return {}

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Keep all windows."""
        return windows

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> NoTable:  # noqa: ARG002
        """Return an empty table."""
        return NoTable()


@dataclass(frozen=True)
class NoTable:
    """No targets."""

    digest: str = hashlib.sha256(b"no targets").hexdigest()

    def read(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Return no field."""
        return {}


@dataclass(frozen=True)
class ClassTarget:
    """One class a window, by its stored label.

    Attributes
    ----------
    classes
        Stored labels that are classes, in the order of class indices.
    excluded
        Stored labels that the set has and the protocol leaves out, on purpose; any further label raises.
    rest_label
        Stored label of rest, if it is one of the classes.
    names
        Names of the classes, where they are not the data set's.
    """

    classes: tuple[int, ...]
    excluded: tuple[int, ...] = ()
    rest_label: int | None = None
    names: tuple[str, ...] = ()
    kind: Kind = "classification"

    @property
    def rest(self) -> int | None:
        """Class index of rest, or None."""
        return None if self.rest_label is None else self.classes.index(self.rest_label)

    def labels(self, names: Mapping[int, str]) -> list[str]:
        """Return the names of the classes."""
        return list(self.names) or [names.get(value, f"label {value}") for value in self.classes]

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return nothing, because windows carry their labels, after checking that all labels are known."""
        values = uniform.labels()
        strange = np.flatnonzero(~np.isin(values, [*self.classes, *self.excluded]))
        if len(strange):
            sample = int(strange[0])
            raise EmgDistillError(
                f"{recording.source}, sample {sample}: label {values[sample]} is neither a class {self.classes} "
                f"nor excluded {self.excluded}; relabel it or write a protocol that names it"
            )
        return {}

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Return the windows of classes, their labels as class indices."""
        known = np.array(self.classes, np.int64)
        kept = windows.take(np.isin(windows.label, known))
        order = np.argsort(known)
        return replace(kept, label=order[np.searchsorted(known[order], kept.label)].astype(np.int64))

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> ClassTable:  # noqa: ARG002
        """Return the classes of the windows."""
        return ClassTable(windows.label)


@dataclass(frozen=True, eq=False)
class ClassTable:
    """A class for each window, shape (n,), int64."""

    y: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """Sha256 (hex) of the classes."""
        return hashlib.sha256(np.ascontiguousarray(self.y).data).hexdigest()

    def read(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Return `y`, shape (batch,)."""
        return {"y": torch.from_numpy(self.y[rows])}
