"""CSL-HDEMG: 27 gestures under 192 bipolar channels, five people on five days; one cell of a MAT file is one trial.

The array has 24 columns of 8 electrodes round the forearm. The differences along a column wrap at its end, so every
eighth row (7, 15, ..., 191) is no signal: 168 channels stay, 24 columns of 7, the first of a column proximal. A trial
is about 3 s; where in it the gesture is made, the files do not tell: the whole trial carries its label.
Source: Amma et al., CHI 2015, and the text that comes with the set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Header, Source, Track
from emg_io.engines._mat import forget, open_mat

from ._format import Format, FormatInfo, forger, named
from ._remarks import NO_UNIT, NOMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member
    from emg_io.engines._mat import Mat, MatNode

SFREQ = 2048.0
N_COLUMNS, N_ROWS, N_STORED = 24, 7, 192
N_CHANS = N_COLUMNS * N_ROWS
LIMIT = 1e6  # the unit is not stated; in none of the possible ones does an electrode give that
LABELS = {0: "idle"} | {n: f"gesture {n}" for n in range(1, 27)}
LAYOUT = Layout.grid(
    np.arange(N_CHANS).reshape(N_COLUMNS, N_ROWS),
    description="rows: 24 places round the forearm; columns: 7 bipolar channels along it, proximal first",
)
CHANNELS = tuple(f"ch{n + 1}" for n in range(N_STORED) if n % 8 != 7)
_IDLE_TRIALS, _TRIALS = 30, 10
_KNOWN_SHORT = {(4, 4, 8): 9, (4, 4, 9): 9}
_FILE = re.compile(r"(?:^|/)subject(\d{1,2})/session(\d{1,2})/gest(\d{1,2})\.mat$", re.IGNORECASE)


@dataclass(frozen=True)
class CslTrial(Source):
    """One cell of a file: ``trial`` counts from 0."""

    container: Container
    member: Member
    gesture: int
    trial: int
    warnings: tuple[str, ...] = ()

    def scan(self) -> Header:
        """Tell the length; the file is inflated once for all its trials, and none is kept."""
        return self._header(_lengths(self.container, self.member)[self.trial])

    def load(self) -> Content:
        """Read one cell: (168, time) as stored, rows that carry nothing left out."""
        header = self.header()
        with self.container.open(self.member.name) as stream:
            mat = open_mat(stream, self.member.size, _file(self.container, self.member), (self.container, self.member))
            cell = next(islice(mat.node("gestures").cells(), self.trial, None))
            values = cell.read()
        if values.shape != (N_STORED, header.n_samples):
            raise self._changed(f"({N_STORED}, {header.n_samples})", str(values.shape))
        raw = values.reshape(N_COLUMNS, N_ROWS + 1, -1)[:, :N_ROWS].reshape(N_CHANS, -1)
        wrong = np.argwhere(~(np.abs(raw) <= LIMIT))
        if len(wrong):
            channel, sample = wrong[0].tolist()
            raise EmgIoError(
                "sample out of range",
                file=_file(self.container, self.member),
                place=f"{cell.path}, {CHANNELS[channel]}, sample {sample}",
                expected=f"finite, at most {LIMIT:g}",
                found=str(raw[channel, sample]),
            )
        label = Track("label", np.full(header.n_samples, self.gesture, np.int8), LABELS)
        return Content(tracks={"label": label}, raw=raw, sfreq=SFREQ, metadata=header.metadata)

    def check(self) -> None:
        """Read file and cell anew, whatever is remembered of them."""
        forget((self.container, self.member))
        _lengths.__wrapped__(self.container, self.member)
        super().check()

    def _header(self, n_samples: int) -> Header:
        """Make the header."""
        metadata = {
            "clock": NOMINAL,
            "unit": NO_UNIT,
            "label": "of the whole trial: the gesture's onset is not marked",
            "dropped_rows": N_STORED - N_CHANS,
            "warnings": self.warnings,
        }
        return Header(n_samples, SFREQ, metadata)

    def _changed(self, expected: str, found: str) -> EmgIoError:
        """Make the error for a cell that is not what it was."""
        place = f"gestures{{{self.trial + 1}}}"
        return EmgIoError(
            "wrong shape", file=_file(self.container, self.member), place=place, expected=expected, found=found
        )


@lru_cache(maxsize=4096)
def _lengths(container: Container, member: Member) -> tuple[int, ...]:
    """Return the length of every trial of a file, its checksum verified on the way."""
    with container.open(member.name) as stream:
        mat = open_mat(stream, member.size, _file(container, member), (container, member))
        lengths = tuple(_length(cell, container, member) for cell in _cells(mat, container, member).cells())
        mat.verify("gestures")
    return lengths


def _length(cell: MatNode, container: Container, member: Member) -> int:
    """Return the number of samples of a cell, after a look at its rows."""
    if (
        cell.kind not in {"f8", "f4", "i2", "i4"}
        or len(cell.shape) != 2
        or cell.shape[0] != N_STORED
        or not cell.shape[1]
    ):
        raise EmgIoError(
            "not a trial",
            file=_file(container, member),
            place=cell.path,
            expected=f"signed numbers of shape ({N_STORED}, time), time > 0",
            found=f"{cell.kind} of shape {cell.shape}",
        )
    return cell.shape[1]


def _cells(mat: Mat, container: Container, member: Member) -> MatNode:
    """Return the cell array of a file, which must be one row or column."""
    node = mat.node("gestures")
    if node.kind != "cell" or len(node.shape) != 2 or min(node.shape) != 1:
        raise EmgIoError(
            "not a list of trials",
            file=_file(container, member),
            place="gestures",
            expected="a cell array of shape (trials, 1)",
            found=f"{node.kind} of shape {node.shape}",
        )
    return node


def _file(container: Container, member: Member) -> str:
    """Return how messages name a file."""
    return container.label(member.name)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a cell; the headers of the files tell how many there are."""
    recordings = []
    for member in members:
        match = _FILE.search(member.name)
        if match is None or int(match[3]) not in LABELS:
            raise EmgIoError(
                "not a file of CSL-HDEMG",
                file=_file(container, member),
                place="name",
                expected="gest0.mat .. gest26.mat",
            )
        subject, session, gesture = (int(part) for part in match.groups())
        n_trials, warnings = _trials(container, member, (subject, session, gesture))
        for trial in range(n_trials):
            reader = CslTrial(container, member, gesture, trial, warnings)
            recordings.append(_recording(container, member, str(subject), str(session), reader))
    return recordings


def _trials(container: Container, member: Member, key: tuple[int, int, int]) -> tuple[int, tuple[str, ...]]:
    """Return the number of trials of a file, and a warning where it is not the published one."""
    with container.open(member.name) as stream:
        mat = open_mat(stream, member.size, _file(container, member))
        n_trials = max(_cells(mat, container, member).shape)
    full = _TRIALS if key[2] else _IDLE_TRIALS
    published = _KNOWN_SHORT.get(key, full)
    if n_trials > full:
        raise EmgIoError(
            "too many trials",
            file=_file(container, member),
            place="gestures",
            expected=f"at most {full}",
            found=str(n_trials),
        )
    if n_trials == full:
        return n_trials, ()
    known = "as published" if n_trials == published else f"{published} were published"
    return n_trials, (f"{n_trials} trials of {full}: {known}",)


def _recording(container: Container, member: Member, subject: str, session: str, reader: CslTrial) -> Recording:
    """Make the lazy recording of one trial."""
    return Recording(
        subject=subject,
        session=session,
        repetition=reader.trial + 1,
        source=_file(container, member),
        n_chans=N_CHANS,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=LAYOUT,
        uniform=True,
        reader=reader,
        task=LABELS[reader.gesture],
        channels=CHANNELS,
    )


FORMAT = Format(
    info=FormatInfo(
        name="csl-hdemg",
        title="CSL-HDEMG",
        licence="none stated; the authors ask for citation",
        citation="Amma, Krings, Boer, Schultz, Advancing muscle-computer interfaces with high-density "
        "electromyography, CHI 2015, 929-938",
        doi="10.1145/2702123.2702501",
        verified_on_real_files=False,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        unit="unknown",
        layout=LAYOUT,
        label_names=LABELS,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("csl"),
)
