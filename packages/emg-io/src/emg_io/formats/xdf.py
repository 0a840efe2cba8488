"""Any XDF file (LabRecorder, Lab Streaming Layer): streams of type EMG are recordings, the others stand beside them.

Stamps are put on the common clock by the file's clock offsets; a regular stream's jitter is taken out. A stream that is
regular, without breaks and clock resets is ``uniform`` and its rate is the measured one; any other keeps its stamps.
Marker streams become events of every EMG recording, other numbers `Aux`. Channel names and units are what the stream
header says, which is often nothing.
Source: XDF 1.0 specification, sccn/xdf.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from emg_io._container import open_container
from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Aux, Content, Header, RandomAccess, Source

from ._format import Format, FormatInfo, forger, named
from ._remarks import Remarks
from ._xdf_session import Session, is_compressed, labels, raw_unit, session_of, voltage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

_FILE = re.compile(r"\.(?:xdf|xdfz|xdf\.gz)$", re.IGNORECASE)
_ENTITIES = re.compile(r"sub-(?P<subject>[^_/]+)(?:_ses-(?P<session>[^_/]+))?_?(?P<rest>[^/]*)$")
_BLOCK_SAMPLES = 2**18


@dataclass(frozen=True)
class XdfSource(RandomAccess):
    """One stream of a file.

    Attributes
    ----------
    container, member
        The file.
    number
        The stream.
    chosen
        All streams of the file that are EMG.
    """

    container: Container
    member: Member
    number: int
    chosen: tuple[int, ...]

    @property
    def session(self) -> Session:
        """The file's streams, kept for the next slice."""
        return session_of(self.container, self.member)

    def scan(self) -> Header:
        """Go through the file for stamps; values that are not finite are counted when asked for."""
        session, chosen = self.session, set(self.chosen)
        stream, clock = session.xdf.streams[self.number], session.clocks[self.number]
        odd = (*session.xdf.warnings, *(("the compressed file is cut",) if session.cut else ()))
        known: dict[str, object] = {
            "clock": "measured on the common clock" if session.uniform(self.number) else "stamps on the common clock",
            "nominal_sfreq": stream.sfreq,
            "t0": float(clock.stamps[0]),
            "largest_jitter_s": clock.jitter,
            "parts": clock.parts,
            "clock_resets": clock.resets,
            "unit": f"header says {raw_unit(stream) or 'nothing'} (unverified)",
            "stream": {tag: stream.header.value(tag) for tag in ("name", "type", "source_id", "hostname")},
            "warnings": (*odd, *session.left_out(chosen)),
        }
        aux = tuple(session.beside(chosen))
        return Header(
            stream.n_samples, session.rate(self.number), Remarks(known, {"missing_samples": self._missing}), aux
        )

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read the chunks that hold a slice."""
        return self.session.values(self.number, start, stop)

    def read_annotations(self) -> Annotations:
        """Return the stamps where the clock is not uniform, and the markers of the file."""
        session = self.session
        stamps = session.clocks[self.number].stamps
        events = session.events(float(stamps[0]))
        return Annotations(None if session.uniform(self.number) else stamps - stamps[0], {}, events)

    def aux(self, name: str) -> Aux:
        """Read another stream of numbers, on a clock that starts with the EMG."""
        session = self.session
        number = session.beside(set(self.chosen)).get(name)
        if number is None:
            return super().aux(name)
        stamps = session.clocks[self.number].stamps
        return session.aux(name, number, float(stamps[0]), float(stamps[-1] - stamps[0]))

    def check(self) -> None:
        """Read everything anew."""
        session_of.cache_clear()
        super().check()

    def _missing(self) -> int:
        """Count values that are not finite."""
        session, count = self.session, 0
        stream = session.xdf.streams[self.number]
        if not stream.dtype.startswith("f"):
            return 0
        for start in range(0, stream.n_samples, _BLOCK_SAMPLES):
            block = session.values(self.number, start, min(start + _BLOCK_SAMPLES, stream.n_samples))
            count += int(np.count_nonzero(~np.isfinite(block)))
        return count


@dataclass(frozen=True)
class XdfzSource(Source):
    """One stream of a compressed file, which must be inflated whole."""

    plain: XdfSource

    def load(self) -> Content:
        """Inflate and read everything."""
        return self.plain.load()

    def check(self) -> None:
        """Read everything anew."""
        session_of.cache_clear()
        super().check()


def open_streams(path: str | Path, names: Sequence[str]) -> list[Recording]:
    """Open streams by name where no stream of a file says that it is EMG.

    Parameters
    ----------
    path
        Folder or archive with XDF files.
    names
        Names of the streams that are EMG, one or more.

    Returns
    -------
    list of Recording
        In natural order of the files.

    Raises
    ------
    EmgIoError
        If there is no XDF file, or a file has no such stream.
    """
    container = open_container(path)
    members = named(_FILE)(container.members())
    if not members or not names:
        raise EmgIoError("no XDF file or no name", file=str(path), place="path, names", expected="one of each or more")
    return [recording for member in members for recording in _recordings(container, member, set(names))]


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a stream of type EMG."""
    return [recording for member in members for recording in _recordings(container, member, None)]


def _recordings(container: Container, member: Member, names: set[str] | None) -> list[Recording]:
    """Make the lazy recordings of one file."""
    session = session_of(container, member)
    streams = session.xdf.streams.values()
    chosen = tuple(s.number for s in streams if (s.kind.casefold() == "emg" if names is None else s.name in names))
    if not chosen:
        there = "; ".join(f"{s.name[:40]} ({s.kind[:20]}, {s.n_chans} channels)" for s in list(streams)[:20])
        raise EmgIoError(
            "no stream is EMG: name it with emg_io.formats.xdf.open_streams(path, names)",
            file=session.file,
            place="stream headers",
            expected="type EMG" if names is None else " or ".join(sorted(names)),
            found=there,
        )
    return [_recording(session, number, chosen) for number in chosen]


def _recording(session: Session, number: int, chosen: tuple[int, ...]) -> Recording:
    """Make the lazy recording of one stream."""
    stream = session.xdf.streams[number]
    _usable(session, number)
    subject, file_session, rest = _who(session.member)
    reader = XdfSource(session.container, session.member, number, chosen)
    return Recording(
        subject=subject,
        session=file_session,
        repetition=None,
        source=session.file,
        n_chans=stream.n_chans,
        unit=voltage(stream),
        scale=1.0,
        offset=0.0,
        layout=Layout.unplaced(stream.n_chans),
        uniform=session.uniform(number),
        reader=XdfzSource(reader) if is_compressed(session.member) else reader,
        task="/".join(part for part in (rest, session.label(number)) if part),
        channels=labels(stream),
    )


def _usable(session: Session, number: int) -> None:
    """Refuse an EMG stream of texts, without samples, or whose clock does not run forwards."""
    stream, stamps, place = session.xdf.streams[number], session.clocks[number].stamps, session.label(number)
    back = np.flatnonzero(np.diff(stamps) <= 0)
    if len(back):
        raise EmgIoError(
            "time does not run forwards",
            file=session.file,
            place=f"{place}, sample {back[0] + 1}",
            expected=f"a stamp after {stamps[back[0]]}",
            found=str(stamps[back[0] + 1]),
        )
    if not stream.dtype or not len(stamps) or session.rate(number) <= 0:
        found = f"{stream.header.value('channel_format')}, {len(stamps)} samples"
        raise EmgIoError("EMG stream holds no signal", file=session.file, place=place, expected="numbers", found=found)


def _who(member: Member) -> tuple[str, str, str]:
    """Return subject, session and the rest of the name, as LabRecorder writes them; else the file is the subject."""
    name = _FILE.sub("", member.name)
    match = _ENTITIES.search(PurePosixPath(name).name)
    return (match["subject"], match["session"] or "1", match["rest"]) if match else (name, "1", "")


FORMAT = Format(
    info=FormatInfo(
        name="xdf",
        title="XDF (Lab Streaming Layer)",
        licence="as the file's author states",
        citation="XDF 1.0 specification, sccn/xdf",
        doi="",
        verified_on_real_files=False,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("xdf"),
)
