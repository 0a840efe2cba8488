"""EDF and BDF files of any origin, plain or plus: every file is a recording, its labels and units say what is EMG.

A file in a folder belongs to the subject that its first folder names; one that lies bare is a subject by its own name.
Source: Kemp et al., Electroencephalography and Clinical Neurophysiology 1992; Kemp and Olivan, Clinical Neurophysiology
2003; BioSemi, "BDF file format".
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from emg_io._layout import Layout
from emg_io._recording import Recording

from ._edf_pick import calibration
from ._edf_source import EdfFile, open_edf
from ._format import Format, FormatInfo, forger, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member
    from emg_io._source import RandomAccess

_FILE = re.compile(r"\.(?:edf|bdf)$", re.IGNORECASE)
_BIDS = re.compile(r"(?:^|/)emg/sub-[^/]*_emg\.(?:edf|bdf)$", re.IGNORECASE)


def _probe(container: Container, members: Sequence[Member]) -> bool:  # noqa: ARG001  the shape of a probe
    """Leave files that lie as EMG-BIDS has them to that format."""
    return not any(_BIDS.search(member.name) for member in members)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file."""
    return [_recording(container, member) for member in members]


def _recording(container: Container, member: Member) -> Recording:
    """Make the lazy recording of one file; its header is read."""
    opened = open_edf(container, member)
    place = PurePosixPath(member.name).with_suffix("")
    subject, rest = place.parts[0], "/".join(place.parts[1:])
    return make_recording(opened, opened, Layout.unplaced(len(opened.picked)), subject, "1", rest)


def make_recording(
    opened: EdfFile,
    reader: RandomAccess,
    layout: Layout,
    subject: str,
    session: str,
    task: str,
    repetition: int | None = None,
    channels: tuple[str, ...] = (),
    units: tuple[str, ...] | None = None,
) -> Recording:
    """Return the recording of a file whose signals are chosen; labels name the channels where they can."""
    unit, scale, offset = calibration(opened.head, opened.picked, opened.file, units)
    labels = tuple(opened.head.signals[index].label for index in opened.picked)
    names = channels or labels
    return Recording(
        subject=subject,
        session=session,
        repetition=repetition,
        source=opened.file,
        n_chans=len(opened.picked),
        unit=unit,
        scale=scale,
        offset=offset,
        layout=layout,
        uniform=not opened.gaps,
        reader=reader,
        task=task,
        channels=names if len(set(names)) == len(names) and all(names) else (),
    )


FORMAT = Format(
    info=FormatInfo(
        name="edf",
        title="European Data Format and BioSemi Data Format (EDF, EDF+, BDF, BDF+)",
        licence="that of the files",
        citation="Kemp and Olivan, Clinical Neurophysiology 2003, 114(9):1755-1761",
        doi="10.1016/s1388-2457(03)00123-8",
        verified_on_real_files=False,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("edf"),
    probe=_probe,
)
