"""Gaddy and Klein's silent speech: facial EMG of read sentences, mouthed silently or spoken, one utterance a file.

``sentence_index`` -1 marks clips of silence or reference: ``metadata["reference"]`` is true there and they carry no
event, so that callers can leave them out. Silent and spoken readings of a sentence share ``book`` and
``sentence_index``. Audio is not decoded: ``metadata`` names the files beside the EMG. The set's closed-vocabulary part
(``closed_vocab``, by public loaders) is no part of the authors' lists: it is not read, and ``metadata`` says so.
Source: Gaddy and Klein, Digital Voicing of Silent Speech, EMNLP 2020.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io._source import Annotations, Event, Header, RandomAccess
from emg_io.engines._json import Span, parse
from emg_io.engines._npy import NpyArray, read_header, read_rows

from ._format import Format, FormatInfo, forger
from ._remarks import NO_UNIT, NOMINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member

SFREQ = 1000.0
N_CHANS = 8
REFERENCE = -1
KINDS = ("silent_parallel", "voiced_parallel", "nonparallel")
LAYOUT = Layout.unplaced(N_CHANS, "eight electrodes on face and neck; the paper shows where")
_BESIDE = ("audio.flac", "audio_clean.flac", "button.npy")
_LARGEST = np.finfo(np.float32).max
_MAX_INFO_BYTES = 2**20
_FOLDER = rf"(?:^|/)({'|'.join(KINDS)})_data/([^/]+)/(\d{{1,8}})"
_FILE = re.compile(rf"{_FOLDER}_emg\.npy$", re.IGNORECASE)
_CLOSED = re.compile(r"(?:^|/)closed_vocab/(?:silent|voiced)/[^/]+/\d{1,8}_emg\.npy$", re.IGNORECASE)
_OTHER = re.compile(rf"{_FOLDER}_(info\.json|audio\.flac|audio_clean\.flac|button\.npy)$", re.IGNORECASE)


@dataclass(frozen=True)
class Utterance(RandomAccess):
    """One utterance: its array, the file that says what was read, and the names of the files beside it."""

    container: Container
    member: Member
    info: Member | None
    beside: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()

    def scan(self) -> Header:
        """Read the array's header and what was read."""
        said = self._said()
        known = {"clock": NOMINAL, "unit": NO_UNIT}
        metadata = {**known, **said, "reference": said["sentence_index"] == REFERENCE, "files": dict(self.beside)}
        metadata["warnings"] = self.warnings
        return Header(self._array().shape[0], SFREQ, metadata)

    def samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """Read rows ``start`` to ``stop``; floats must be finite, as single precision too."""
        array, file = self._array(), self.container.label(self.member.name)
        with self.container.open(self.member.name) as stream:
            raw = np.ascontiguousarray(read_rows(stream, array, start, stop, 0, file).T)
        sound = np.abs(raw) <= _LARGEST if raw.dtype.kind == "f" else np.True_
        if not sound.all():
            channel, at = np.argwhere(~sound)[0].tolist()
            place = f"sample {start + at}, channel {channel + 1}"
            raise EmgIoError(
                "not a finite number", file=file, place=place, expected="finite", found=str(raw[channel, at])
            )
        return raw

    def read_annotations(self) -> Annotations:
        """Return the sentence, over the whole utterance; reference clips have none."""
        header = self.header()
        if header.metadata["reference"]:
            return Annotations()
        return Annotations(events=(Event(0.0, header.n_samples / SFREQ, "text", str(header.metadata["text"])),))

    def _array(self) -> NpyArray:
        """Read the header of the array: (time, 8)."""
        file = self.container.label(self.member.name)
        with self.container.open(self.member.name) as stream:
            array = read_header(stream, self.member.size, file)
        if len(array.shape) != 2 or array.shape[1] != N_CHANS or not array.shape[0]:
            raise EmgIoError(
                "not the shape of an utterance",
                file=file,
                place="shape",
                expected=f"(samples, {N_CHANS}), one sample or more",
                found=str(array.shape),
            )
        return array

    def _said(self) -> dict[str, object]:
        """Read text, book, sentence and chunks of the utterance."""
        file = self.container.label(self.member.name)
        if self.info is None:
            raise EmgIoError("nothing says what was read", file=file, place="info.json", found="no such file")
        file = self.container.label(self.info.name)
        if self.info.size > _MAX_INFO_BYTES:
            raise EmgIoError("too large", file=file, place="size", expected=f"<= {_MAX_INFO_BYTES} bytes")
        document = parse(self.container.read(self.info.name), file)
        tree: dict[str, Any] = dict(document.tree) if isinstance(document.tree, dict) else {}
        tree |= {name: "" for name in ("text", "book") if name in tree and tree[name] is None}
        fields = (("text", str), ("book", str), ("sentence_index", int), ("chunks", (list, Span)))
        for name, kind in fields:
            if not isinstance(tree.get(name), kind) or isinstance(tree[name], bool):
                found = ascii(tree.get(name, "nothing"))[:80]
                raise EmgIoError(
                    "not what an utterance says", file=file, place=name, expected=_RULES[name], found=found
                )
        rows = tree["chunks"] if isinstance(tree["chunks"], list) else []
        if not all(isinstance(row, Span) for row in rows):
            raise EmgIoError("not chunks", file=file, place="chunks", expected=_RULES["chunks"], found=ascii(rows)[:80])
        chunks = [row.tolist() for row in document.numbers(rows)]
        return {name: tree[name] for name in ("text", "book", "sentence_index")} | {"chunks": chunks}


_RULES = {
    "text": "a string",
    "book": "a string",
    "sentence_index": f"a whole number, {REFERENCE} for reference clips",
    "chunks": "[[emg, audio, button], ...]",
}


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return utterances and the files beside them, and what is there of the closed vocabulary."""
    if not any(_FILE.search(member.name) for member in members):
        return []
    return [member for member in members if any(kind.search(member.name) for kind in (_FILE, _OTHER, _CLOSED))]


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording an utterance."""
    known = {member.name.casefold(): member for member in members}
    n_closed = sum(_CLOSED.search(member.name) is not None for member in members)
    warnings = (f"closed_vocab: {n_closed} utterances lie here that are not read",) if n_closed else ()
    found = [(member, _FILE.search(member.name)) for member in members]
    return [_recording(container, member, match, known, warnings) for member, match in found if match]


def _recording(
    container: Container,
    member: Member,
    match: re.Match[str],
    known: dict[str, Member],
    warnings: tuple[str, ...],
) -> Recording:
    """Make the lazy recording of one utterance: session from its day, task from kind and number."""
    kind, day, number = match.groups()
    stem = member.name.casefold().removesuffix("emg.npy")
    beside = tuple((name.partition(".")[0], known[stem + name].name) for name in _BESIDE if stem + name in known)
    return Recording(
        subject="1",
        session=day,
        repetition=None,
        source=container.label(member.name),
        n_chans=N_CHANS,
        unit="unknown",
        scale=1.0,
        offset=0.0,
        layout=LAYOUT,
        uniform=True,
        reader=Utterance(container, member, known.get(f"{stem}info.json"), beside, warnings),
        task=f"{kind.lower()}/{int(number)}",
    )


FORMAT = Format(
    info=FormatInfo(
        name="gaddy",
        title="Digital Voicing of Silent Speech",
        licence="CC BY 4.0 (believed, unverified)",
        citation="Gaddy, Klein, Digital Voicing of Silent Speech, EMNLP 2020",
        doi="10.18653/v1/2020.emnlp-main.445",
        verified_on_real_files=False,
        writes=True,
        n_chans=N_CHANS,
        sfreq=SFREQ,
        layout=LAYOUT,
    ),
    claims=_claims,
    open=_open,
    forge=forger("gaddy"),
)
