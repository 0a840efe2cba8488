"""The examples of one part: windows read from prepared recordings when a batch asks for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._examples.timeline import Timeline

from .targets import ClassTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .scaling import Scaling
    from .signals import Signals
    from .targets import TargetTable
    from .windows import Cut, WindowTable


@dataclass(frozen=True)
class Shape:
    """What all examples of a protocol share.

    Attributes
    ----------
    n_chans
        Channels, filled up with 0.
    n_times
        Nominal samples of a window, with context.
    cells
        Channel at each place, (rows, cols), where windows are images of one instant; else empty.
    """

    n_chans: int
    n_times: int
    cells: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class StoredSet:
    """Examples of one part (`Examples`), read from memory or from disk with the same bits.

    Attributes
    ----------
    signals
        Prepared recordings.
    digests, chans
        Sha256 (hex) of each recording's samples, and its number of channels, (recordings,) int64.
    windows
        Where the examples lie.
    cut
        How they were cut: context, and whether they are as long as their pieces.
    scaling
        What is done to windows.
    targets
        What is to come out.
    subject
        Who each example is from, (n,) str.
    form
        What all examples share.
    """

    signals: Signals
    digests: tuple[str, ...]
    chans: NDArray[np.int64]
    windows: WindowTable
    cut: Cut
    scaling: Scaling
    targets: TargetTable
    subject: NDArray[np.str_]
    form: Shape

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example at its nominal length."""
        if self.form.cells:
            return len(self.form.cells), len(self.form.cells[0])
        return self.form.n_chans, self.form.n_times

    @property
    def classes(self) -> NDArray[np.int64] | None:
        """Class of each example, (n,) int64; None where examples have none."""
        return self.targets.y if isinstance(self.targets, ClassTable) else None

    @property
    def trial(self) -> NDArray[np.int64]:
        """Number of the trial that each example is from, (n,) int64."""
        return self.windows.trial

    @property
    def timeline(self) -> Timeline:
        """Where the examples lie in their recordings."""
        windows, grid = self.windows, getattr(self.targets, "grid", None)
        return Timeline(
            windows.recording,
            windows.start,
            windows.valid,
            past=self.cut.past,
            whole=self.cut.pad and self.cut.hop <= self.cut.length,
            first=0 if grid is None else grid.first,
            step=0 if grid is None else grid.step,
            events=getattr(self.targets, "events", None),
        )

    @cached_property
    def digest(self) -> str:
        """Sha256 (hex) of samples, windows, scaling, targets and people."""
        used = np.unique(self.windows.recording).tolist()
        facts = (
            [self.digests[recording] for recording in used],
            self.cut,
            self.form,
            self.scaling.rule,
            None if self.scaling.standard is None else self.scaling.standard.to_dict(),
            self.targets.digest,
            self.subject.tolist(),
        )
        digest = hashlib.sha256(repr(facts).encode())
        order = np.searchsorted(used, self.windows.recording)
        digest.update(np.ascontiguousarray(np.column_stack([order, self.windows.rows()[:, 1:]])).data)
        return digest.hexdigest()

    @property
    def x(self) -> NDArray[np.float32]:
        """All windows at once, (n, ...), for sets that fit into memory."""
        return self._all.x.numpy()

    @property
    def y(self) -> NDArray[np.generic] | None:
        """What is to come out of all windows at once, or None."""
        return None if self._all.y is None else self._all.y.numpy()

    @cached_property
    def _all(self) -> Batch:
        return self.read(np.arange(len(self)))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_all"}

    def read(self, rows: NDArray[np.int64], offsets: NDArray[np.float64] | None = None) -> Batch:
        """Return examples as a batch, in the order of `rows`; with `offsets`, windows slide where the protocol lets.

        A window slides by ``⌊offset * (room + 1)⌋`` samples, so never out of its piece. Samples beyond the end of a
        padded window, context that a recording does not have and channels that it lacks are 0. `x_lengths` counts
        missing context as real, so that a whole window is the same whether or not another one is filled up.
        """
        self._check(rows)
        starts = self.windows.start[rows]
        if offsets is not None:
            starts = starts + np.floor(offsets * (self.windows.room[rows] + 1)).astype(np.int64)
        x, real = self._gather(rows, starts)
        x = self.scaling.apply(x, None if real.all() else real)
        columns = self.targets.read(rows, starts)
        if self.form.cells:
            return Batch(torch.from_numpy(np.ascontiguousarray(x[:, np.array(self.form.cells), 0])), **columns)
        if self._ragged:
            columns["x_lengths"] = torch.from_numpy(self.cut.past + self.windows.valid[rows] + self._future(rows))
        if (self.chans != self.form.n_chans).any():
            mask = np.arange(self.form.n_chans) < self.chans[self.windows.recording[rows], None]
            x[~mask] = 0.0
            columns["channel_mask"] = torch.from_numpy(mask)
        return Batch(torch.from_numpy(x), **columns)

    def raw_chunks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield all windows before scaling, without context or padding, `size` at a time (padded ones one by one)."""
        length = self.cut.length
        full = np.flatnonzero(self.windows.valid == length) if length else np.zeros(0, np.int64)
        for start in range(0, len(full), size):
            yield self._stacked(full[start : start + size], length)
        for row in np.setdiff1d(np.arange(len(self)), full).tolist():
            yield self._stacked(np.array([row]), int(self.windows.valid[row]))

    def _stacked(self, rows: NDArray[np.int64], length: int) -> NDArray[np.float32]:
        """Return windows of one length as they are stored, (rows, channels, time)."""
        table = self.windows
        found = np.empty((len(rows), int(self.chans[table.recording[rows[0]]]), length), np.float32)
        for recording in np.unique(table.recording[rows]).tolist():
            here = np.flatnonzero(table.recording[rows] == recording)
            samples = table.start[rows[here], None] + np.arange(length)
            found[here] = self.signals.frames(recording)[samples].transpose(0, 2, 1)
        return found

    @cached_property
    def _ragged(self) -> bool:
        """Whether some window is shorter than the others, which a batch then says."""
        return not self.cut.length or bool((self.windows.valid != self.cut.length).any())

    def _check(self, rows: NDArray[np.int64]) -> None:
        if len(rows) and not (int(rows.min()) >= 0 and int(rows.max()) < len(self)):
            raise EmgDistillError(f"rows reach from {rows.min()} to {rows.max()}; there are {len(self)} examples")

    def _future(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the samples of context behind each window; one that is filled up has none."""
        length = self.cut.length
        return np.where((self.windows.valid[rows] == length) | (not length), self.cut.future, 0)

    def _gather(
        self, rows: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Copy windows with their context, (batch, channels, time), and tell which samples are real."""
        table, past, future = self.windows, self.cut.past, self.cut.future
        length = self.cut.length or int(table.valid[rows].max(initial=1))
        stops = starts + table.valid[rows] + self._future(rows)
        first, last = np.maximum(starts - past, table.begin[rows]), np.minimum(stops, table.end[rows])
        x = np.zeros((len(rows), self.form.n_chans, past + length + future), np.float32)
        real = np.zeros((len(rows), x.shape[2]), bool)
        places = zip(
            table.recording[rows].tolist(), (starts - past).tolist(), first.tolist(), last.tolist(), strict=True
        )
        for index, (recording, origin, begin, end) in enumerate(places):
            frames = self.signals.frames(recording)[begin:end]
            x[index, : frames.shape[1], begin - origin : end - origin] = frames.T
            real[index, begin - origin : end - origin] = True
        return x, real
