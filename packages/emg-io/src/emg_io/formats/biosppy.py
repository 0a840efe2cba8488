"""BioSPPy's example of a biosignal text: comment lines state rate, resolution and label, then one number a line.

Rate, resolution and label come from each file. The numbers are counts of the converter, spelt as integers or with
``.0``, about the middle of its range. Files with other columns belong to the format ``csv``, with ``comment: "#"``.
Source: BioSPPy, biosppy.storage (text files) and the examples that it ships.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Content, Source
from emg_io.engines._table import read_table
from emg_io.engines._table_head import Dialect

from ._format import Format, FormatInfo, forger, named
from ._remarks import STATED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

SFREQ = 1000.0
MARK = b"# Simple Text Format"
POINT = Layout.unplaced(1, "one bipolar channel")
_FILE = re.compile(r"(?:^|/)emg(?:_\d{1,3})?\.txt$", re.IGNORECASE)
_KEY = re.compile(r"# *([^:=]{1,80}?) *:= *(.{1,80}?) *")
_DIALECT = Dialect(comment="#", closed=True)
_MAX_BITS = 24


@dataclass(frozen=True)
class BiosppyText(Source):
    """One text file."""

    container: Container
    member: Member

    def load(self) -> Content:
        """Parse the file; ``raw`` is (1, time) int32 counts."""
        file = self.container.label(self.member.name)
        table = read_table(self.container.read(self.member.name), file, _DIALECT, n_columns=1)
        matches = filter(None, map(_KEY.fullmatch, table.head.comments))
        said = {found[1]: found[2] for found in matches}
        sfreq = _stated(said, "Sampling Rate (Hz)", 1e6, file)
        bits = _stated(said, "Resolution", _MAX_BITS, file)
        wrong = np.flatnonzero((table.values[0] != np.floor(table.values[0])) | ~_inside(table.values[0], bits))
        if len(wrong):
            raise EmgIoError(
                "not a count of the converter",
                file=file,
                place=f"line {table.head.line + wrong[0]}",
                expected=f"a whole number in 0..{2**bits - 1:g}",
                found=str(table.values[0, wrong[0]]),
            )
        metadata = {
            "clock": STATED,
            "unit": f"counts of a converter of {bits:g} bits",
            "resolution_bits": int(bits),
            "label": said.get("Labels", ""),
            "header": table.head.comments,
        }
        return Content(raw=table.values.astype(np.int32), sfreq=sfreq, metadata=metadata)


def _inside(counts: NDArray[np.float64], bits: float) -> NDArray[np.bool_]:
    """Tell which counts a converter of so many bits can give."""
    return (counts >= 0) & (counts < 2**bits)


def _stated(said: dict[str, str], key: str, limit: float, file: str) -> float:
    """Return a number of the header, which must be there and lie above 0."""
    try:
        value = float(said.get(key, ""))
    except ValueError:
        value = math.nan
    if not 0 < value <= limit:
        raise EmgIoError(
            "header does not state a number",
            file=file,
            place=key,
            expected=f"'# {key}:= number', > 0, <= {limit:g}",
            found=repr(said.get(key, "no such line")),
        )
    return value


def _probe(container: Container, members: Sequence[Member]) -> bool:
    """Tell whether the first file begins as such texts do."""
    with container.open(members[0].name) as stream:
        return stream.read(len(MARK)) == MARK


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file; nothing is known of the people, so each file counts as one."""
    return [
        Recording(
            subject=str(PurePosixPath(member.name).with_suffix("")),
            session="1",
            repetition=None,
            source=container.label(member.name),
            n_chans=1,
            unit="adc",
            scale=1.0,
            offset=0.0,
            layout=POINT,
            uniform=True,
            reader=BiosppyText(container, member),
        )
        for member in members
    ]


FORMAT = Format(
    info=FormatInfo(
        name="biosppy",
        title="BioSPPy EMG examples (Simple Text Format)",
        licence="BSD 3-clause (as the toolbox)",
        citation="BioSPPy: biosignal processing in Python, example recordings",
        doi="none known",
        verified_on_real_files=True,
        writes=True,
        n_chans=1,
        sfreq=SFREQ,
        unit="adc",
        layout=POINT,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("biosppy"),
    probe=_probe,
)
