"""generic-neuromotor-interface: one wrist band of 16 electrodes, 2 kHz; three tasks, 100 users each.

Discrete gestures, handwriting and wrist movement are one layout: a root dataset ``data`` of compounds, and data frames
``stages`` and ``prompts`` as pandas writes them. Splits come from ``{task}_corpus.csv``.
Source: Kaifosh, Reardon, CTRL-labs at Reality Labs, Nature 2025, doi 10.1038/s41586-025-09255-w.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Aux, Header, RandomAccess
from emg_io.engines._pandas import frame_at, frames

from ._format import Format, FormatInfo, forger
from ._remarks import STAMPED
from ._unix_clock import NOMINAL_HZ, Table, opened, relative, rows, stem, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io._source import Event
    from emg_io.engines._hdf5 import Hdf5File, Node
    from emg_io.engines._pandas import Frame

ANGLES = "wrist_angles"
BAND = Layout.ring(16, "band of 16 round the wrist of the dominant hand")
GESTURES = (
    "index_press", "index_release", "middle_press", "middle_release", "thumb_click", "thumb_down", "thumb_in",
    "thumb_out", "thumb_up",
)  # fmt: skip
_STARTS, _TEXTS = ("start", "time"), ("name", "prompt", "stage")


@dataclass(frozen=True)
class Task:
    """What differs between the three parts: registry name, name in files, title, kind of the prompts' events."""

    name: str
    files: str
    title: str
    prompts: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """File names of the task: user and data set by number."""
        return re.compile(rf"(?:^|/){self.files}_user_(\d+)_dataset_(\d+)\.hdf5$", re.IGNORECASE)


TASKS = (
    Task("neuromotor-gestures", "discrete_gestures", "generic-neuromotor-interface, discrete gestures", "gesture"),
    Task("neuromotor-handwriting", "handwriting", "generic-neuromotor-interface, handwriting", "prompt"),
    Task("neuromotor-wrist", "wrist", "generic-neuromotor-interface, wrist", ""),
)


@dataclass(frozen=True)
class NeuromotorFile(RandomAccess):
    """One recording, and the rows of the corpus table that split it: (split, start, end) in Unix seconds."""

    container: Container
    member: Member
    task: Task
    splits: tuple[tuple[str, float, float], ...] = ()

    def scan(self) -> Header:
        """Read the length, the first and the last time; what the corpus table says comes along."""
        with opened(self.container, self.member) as file:
            table = self._table(file)
            first, last = table.span()
            metadata: dict[str, object] = {
                "events_outside": self._events(file, table)[1],
                "start_unix_s": first,
                "duration_s": last - first,
                "clock": STAMPED,
                "unit": "volts (publisher's description)",
                "filter": "high-passed at 40 Hz by the publisher",
            }
            if self.splits:
                parts = sorted((*_since(first, last, begin, end), name) for name, begin, end in self.splits)
                metadata["splits"] = tuple({"start_s": a, "end_s": b, "split": name} for a, b, name in parts)
                metadata["split"] = "|".join(sorted({name for name, _, _ in self.splits}))
            return Header(table.n_rows, table.rate(), metadata, () if self.task.prompts else (ANGLES,))

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read the band."""
        with opened(self.container, self.member) as file:
            return self._table(file).samples(start, stop)

    def read_annotations(self) -> Annotations:
        """Read the clock, and stages and prompts as events."""
        with opened(self.container, self.member) as file:
            table = self._table(file)
            return Annotations(table.clock(), {}, self._events(file, table)[0])

    def aux(self, name: str) -> Aux:
        """Read the wrist angles, (axes, time) rad; the first is flexion and extension."""
        if name != ANGLES or self.task.prompts:
            return super().aux(name)
        with opened(self.container, self.member) as file:
            table = self._table(file)
            n_angles = _angles(table.node)
            values = Table.at(table.node, ((ANGLES, n_angles),)).samples(0, table.n_rows)
            names = ("flexion-extension", *(f"angle {n}" for n in range(2, n_angles + 1)))
            return Aux(ANGLES, values, table.rate(), "rad", names)

    def _events(self, file: Hdf5File, table: Table) -> tuple[tuple[Event, ...], int]:
        """Return stages and prompts in order, and how many lie outside the samples."""
        found = _listed(file, "stages", "stage")
        if self.task.prompts:
            found += _listed(file, "prompts", self.task.prompts)
        return relative(table.node, found, table.span())

    def _table(self, file: Hdf5File) -> Table:
        """Return the table of a file, which must be of the task."""
        node = file["data"]
        told = text(node, "task")
        if told != self.task.files:
            raise node.bad("file is of another task", self.task.files, told, "task")
        if not self.task.prompts:
            _angles(node)
        return Table.at(node, (("emg", 16),))


def _angles(node: Node) -> int:
    """Return the number of wrist angles."""
    fields = dict(node.type.fields)
    shape = fields[ANGLES].dtype.shape if ANGLES in fields else ()
    if len(shape) != 1 or shape[0] < 1:
        raise node.bad("member is missing or of another shape", f"{ANGLES} (angles,)", str(node.type.dtype.names))
    return int(shape[0])


def _listed(file: Hdf5File, name: str, kind: str) -> list[tuple[object, object, str, str]]:
    """Return the rows of a data frame as (start, end or None, kind, text); a frame without rows is none."""
    if name not in frames(file):
        raise file.root.bad("data frame is missing", name, ", ".join(frames(file)) or "no data frames")
    frame = frame_at(file, name)
    words, starts = _column(frame, _TEXTS), _column(frame, _STARTS)
    begin = frame.column(starts).astype(float).tolist()
    end = frame.column("end").astype(float).tolist() if "end" in frame.columns else [None] * frame.n_rows
    told = frame.text(words)
    return [(first, last, kind, said) for first, last, said in zip(begin, end, told, strict=True)]


def _column(frame: Frame, names: tuple[str, ...]) -> str:
    """Return the first of some names that a frame has."""
    for name in names:
        if name in frame.columns:
            return name
    raise frame.node.bad("column is missing", " or ".join(names), ", ".join(frame.columns) or "no columns")


def _claims(task: Task, members: Sequence[Member]) -> list[Member]:
    """Return the files of a task, and its corpus table."""
    found = [member for member in members if task.pattern.search(member.name)]
    tables = [m for m in members if m.name.rsplit("/", 1)[-1].casefold() == f"{task.files}_corpus.csv"]
    return [*found, *tables[:1]] if found else []


def _open(task: Task, container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file."""
    splits: dict[str, list[tuple[str, float, float]]] = {}
    for member in members:
        if member.name.casefold().endswith(".csv"):
            for place, row in enumerate(rows(container, member, ("dataset", "start", "end", "split")), 2):
                span = _span(container.label(member.name), place, row["start"], row["end"])
                splits.setdefault(stem(row["dataset"]), []).append((row["split"], *span))
    files = [member for member in members if not member.name.casefold().endswith(".csv")]
    return [_recording(task, container, member, tuple(splits.get(stem(member.name), ()))) for member in files]


def _since(first: float, last: float, begin: float, end: float) -> tuple[float, float]:
    """Return a span in seconds from the first sample; open ends are the recording's."""
    return (begin if begin > -np.inf else first) - first, (end if end < np.inf else last) - first


def _span(file: str, place: int, start: str, end: str) -> tuple[float, float]:
    """Return start and end of a row of the corpus table, Unix s; an open end is infinite."""
    try:
        found = float(start), float(end)
    except ValueError:
        found = np.nan, np.nan
    if not (found[0] <= found[1] and found[0] < np.inf and found[1] > -np.inf):
        expected, told = "seconds, the end not before the start", f"{start[:40]!a}, {end[:40]!a}"
        raise EmgIoError("not a span of time", file=file, place=f"row {place}", expected=expected, found=told)
    return found


def _recording(
    task: Task, container: Container, member: Member, splits: tuple[tuple[str, float, float], ...]
) -> Recording:
    """Make the lazy recording of one file."""
    match = task.pattern.search(member.name)
    if match is None:
        raise EmgIoError("not a recording of the task", file=container.label(member.name), place="name")
    return Recording(
        subject=match.group(1),
        session=match.group(2),
        repetition=None,
        source=container.label(member.name),
        n_chans=16,
        unit="V",
        scale=1.0,
        offset=0.0,
        layout=BAND,
        uniform=False,
        reader=NeuromotorFile(container, member, task, splits),
        task=task.files,
    )


def _format(task: Task) -> Format:
    """Make the registry entry of a task."""
    return Format(
        info=FormatInfo(
            name=task.name,
            title=task.title,
            licence="CC BY-NC 4.0",
            citation="Kaifosh, Reardon, CTRL-labs at Reality Labs, A generic non-invasive neuromotor interface for "
            "human-computer interaction, Nature 2025",
            doi="10.1038/s41586-025-09255-w",
            verified_on_real_files=False,
            writes=True,
            n_chans=16,
            sfreq=NOMINAL_HZ,
            unit="V",
            layout=BAND,
            non_commercial=True,
        ),
        claims=partial(_claims, task),
        open=partial(_open, task),
        forge=forger("neuromotor", task=task),
    )


FORMATS = tuple(_format(task) for task in TASKS)
