"""EMGFlow's facial samples: two channels at 2 kHz, a time column, and cells that say NULL where a value is missing.

Some files begin with a byte order mark, some do not. Missing values become NaN in their place, no row is dropped, and
``metadata["missing_samples"]`` counts them. A table of other columns belongs to the format ``csv``.
Source: the files themselves; EMGFlow, a Python package for sEMG.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io.engines._table_head import Dialect

from ._column_map import ColumnMap
from ._column_read import TableFile
from ._format import Format, FormatInfo, forger, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member

SFREQ = 2000.0
CHANNELS = ("EMG_zyg", "EMG_cor")
HEADER = b"Time,EMG_zyg,EMG_cor"
LAYOUT = Layout.unplaced(len(CHANNELS), "zygomaticus major and corrugator supercilii, one bipolar pair each")
COLUMNS = ColumnMap(
    emg=CHANNELS,
    sfreq=SFREQ,
    time="Time",
    dialect=Dialect(header=True, missing=("NULL", "", "NaN"), closed=True),
)
_FILE = re.compile(r"(?:^|/)sample_data_(\d{2})\.csv$", re.IGNORECASE)


def _probe(container: Container, members: Sequence[Member]) -> bool:
    """Tell whether the first file has the samples' columns."""
    with container.open(members[0].name) as stream:
        return stream.read(3 + len(HEADER)).removeprefix(b"\xef\xbb\xbf").startswith(HEADER)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file; the samples' numbers stand for people."""
    return [
        Recording(
            subject=match[1],
            session="1",
            repetition=None,
            source=container.label(member.name),
            n_chans=len(CHANNELS),
            unit="unknown",
            scale=1.0,
            offset=0.0,
            layout=LAYOUT,
            uniform=True,
            reader=TableFile(container, member, COLUMNS),
            channels=CHANNELS,
        )
        for member in members
        if (match := _FILE.search(member.name)) is not None
    ]


FORMAT = Format(
    info=FormatInfo(
        name="emgflow",
        title="EMGFlow facial sample data",
        licence="GPL-3.0-or-later (as the package; unverified for the data)",
        citation="EMGFlow: preprocessing and feature extraction of surface electromyography, sample data",
        doi="none known",
        verified_on_real_files=True,
        writes=True,
        n_chans=len(CHANNELS),
        sfreq=SFREQ,
        unit="unknown",
        layout=LAYOUT,
    ),
    claims=named(_FILE),
    open=_open,
    forge=forger("emgflow"),
    probe=_probe,
)
