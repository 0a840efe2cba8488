"""emg2qwerty: typing on a keyboard with a band of 16 electrodes on each wrist, 108 users, 2 kHz.

One HDF5 file a typing block: a table of Unix time and both bands; keystrokes and prompts as JSON in attributes.
Source: Sivakumar, Seely, Du, Bittner, Berenzweig, Bolarinwa, Gramfort, Mandel, NeurIPS 2024, arXiv 2410.20081.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Header, RandomAccess

from ._format import Format, FormatInfo, forger
from ._remarks import NO_UNIT, STAMPED
from ._unix_clock import NOMINAL_HZ, Table, disagreements, has_group, number, opened, relative, rows, stem, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io._source import Event
    from emg_io.engines._hdf5 import Hdf5File, Node

GROUP = "emg2qwerty"
SIDES = (("emg_left", 16), ("emg_right", 16))
MAX_JSON_BYTES = 64 * 2**20
_LIST = re.compile(r"(?:^|/)metadata\.csv$", re.IGNORECASE)
_OTHERS = re.compile(r"(_(left|right)|_user_\d+_dataset_\d+|emg_gestures-[^/]*)\.hdf5$", re.IGNORECASE)
BANDS = Layout.rings((16, 16), "bands of 16 round the left and the right wrist; one is the mirror of the other")


@dataclass(frozen=True)
class QwertyFile(RandomAccess):
    """One typing block; what ``metadata.csv`` says of it, if there is one, is held against the file."""

    container: Container
    member: Member
    listed: tuple[tuple[str, str], ...] = ()

    def scan(self) -> Header:
        """Read the length, the first and the last time, and the attributes."""
        with opened(self.container, self.member) as file:
            group, table = file[GROUP], _table(file)
            events, n_outside = _events(group, table.span())
            first, _ = table.span()
            told = _identity(group)
            metadata = {
                **told,
                "duration_mins": number(group, "duration_mins"),
                "start_unix_s": first,
                "clock": STAMPED,
                "unit": NO_UNIT,
                "warnings": disagreements(group, self.listed, told),
                "n_keystrokes": sum(event.kind == "keystroke" for event in events),
                "n_prompts": sum(event.kind == "prompt" for event in events),
                "events_outside": n_outside,
            }
            return Header(table.n_rows, table.rate(), metadata)

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read both bands, left first."""
        with opened(self.container, self.member) as file:
            return _table(file).samples(start, stop)

    def read_annotations(self) -> Annotations:
        """Read the clock, and keystrokes and prompts as events."""
        with opened(self.container, self.member) as file:
            table = _table(file)
            return Annotations(table.clock(), {}, _events(file[GROUP], table.span())[0])


def _table(file: Hdf5File) -> Table:
    """Return the table of a file."""
    return Table.at(file[f"{GROUP}/timeseries"], SIDES)


def _identity(group: Node) -> dict[str, object]:
    """Return who typed, when and how."""
    return {
        "user": text(group, "user"),
        "session": text(group, "session_name"),
        "condition": text(group, "condition"),
    }


def _events(group: Node, span: tuple[float, float]) -> tuple[tuple[Event, ...], int]:
    """Return keystrokes and prompts in order, and how many lie outside the samples; no payload becomes ``""``."""
    found: list[tuple[object, object, str, str]] = [
        (stroke.get("start"), stroke.get("end"), "keystroke", _string(group, stroke, "key", "keystrokes"))
        for stroke in _records(group, "keystrokes")
    ]
    for prompt in _records(group, "prompts"):
        payload = prompt.get("payload")
        said = _string(group, payload, "text", "prompts") if isinstance(payload, dict) else ""
        found.append((prompt.get("start"), prompt.get("end"), "prompt", said))
    return relative(group, found, span)


def _records(group: Node, name: str) -> list[dict[str, object]]:
    """Return the objects of a JSON list in an attribute."""
    written = text(group, name)
    if len(written) > MAX_JSON_BYTES:
        raise group.bad("JSON is too long", f"at most {MAX_JSON_BYTES} characters", str(len(written)), name)
    try:
        found = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise group.bad("attribute is not JSON", "a list of objects", str(error), name) from None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise group.bad("attribute is not a list of objects", "a JSON list", type(found).__name__, name)
    return found


def _string(group: Node, item: Mapping[str, object], key: str, name: str) -> str:
    """Return a text from a JSON object."""
    value = item.get(key)
    if not isinstance(value, str):
        raise group.bad(f"{key} is not text", "text", ascii(value)[:40], name)
    return value


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return the HDF5 files that no other set names in its own way, and the table beside them."""
    found = [m for m in members if m.name.casefold().endswith(".hdf5") and not _OTHERS.search(m.name)]
    tables = [m for m in members if _LIST.search(m.name)]
    return [*found, *tables[:1]] if found else []


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file: user and session from metadata.csv or, where it is silent, from the file."""
    listed: dict[str, tuple[tuple[str, str], ...]] = {}
    for member in members:
        if _LIST.search(member.name):
            for row in rows(container, member, ("user", "session")):
                listed[row["session"]] = (("user", row["user"]), ("session", row["session"]))
    files = [member for member in members if not _LIST.search(member.name)]
    return [_recording(container, member, listed.get(stem(member.name), ())) for member in files]


def _recording(container: Container, member: Member, listed: tuple[tuple[str, str], ...]) -> Recording:
    """Make the lazy recording of one file."""
    if listed:
        identity: dict[str, object] = dict(listed)
    else:
        with opened(container, member) as file:
            identity = _identity(file[GROUP])
    return Recording(
        subject=str(identity["user"]),
        session=str(identity["session"]),
        repetition=None,
        source=container.label(member.name),
        n_chans=32,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=BANDS,
        uniform=False,
        reader=QwertyFile(container, member, listed),
        channels=tuple(f"{side}{n}" for side in ("left", "right") for n in range(1, 17)),
    )


FORMAT = Format(
    info=FormatInfo(
        name="emg2qwerty",
        title="emg2qwerty",
        licence="CC BY-NC-SA 4.0 (licence file; the readme says CC BY-NC 4.0: the stricter applies)",
        citation="Sivakumar et al., emg2qwerty: A Large Dataset with Baselines for Touch Typing using Surface "
        "Electromyography, NeurIPS 2024",
        doi="10.48550/arXiv.2410.20081",
        verified_on_real_files=False,
        writes=True,
        n_chans=32,
        sfreq=NOMINAL_HZ,
        unit="unknown",
        layout=BANDS,
        non_commercial=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("emg2qwerty"),
    probe=has_group(GROUP),
)
