"""NinaPro DB1 to DB8: one reader, a table of data bases.

One MAT file a subject and exercise (DB6: a day and time, DB8: an acquisition). The files store no rate: it comes from
the table and is nominal. ``restimulus`` and ``rerepetition``, relabelled to the real movement, become the tracks
``label`` and ``repetition``; labels count on over the exercises, ``local_label`` starts anew in each.
The session is the acquisition of the file name (``"1"``), DB6's day and time (``"D1T2"``), DB8's ``"A1"`` to ``"A3"``;
the task is the exercise (``"E1"``). Acceleration, glove, force and the like are signals beside the EMG
(`Recording.aux`), read when asked for.

DB1, 2, 3, 4, 5 and 7 share their file names: which one a folder holds is found out from channel counts and from what is
recorded beside the EMG, as far as that is certain; where it is not, name the format.
Source: Atzori et al., Scientific Data 2014, 1:140053; https://ninapro.hevs.ch.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording
from emg_io.engines._mat import open_mat

from ._format import Format, FormatInfo, forger
from ._ninapro_bases import BASES, Base
from ._ninapro_file import Name, NinaproFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member

_EXERCISE = re.compile(r"(?:^|/)S(\d{1,3})_(?:A(?P<a1>\d)_E(?P<e1>\d)|E(?P<e2>\d)_A(?P<a2>\d))\.mat$", re.IGNORECASE)
_DAY = re.compile(r"(?:^|/)S(\d{1,3})_D(\d)_T(\d)\.mat$", re.IGNORECASE)
_N_DAYS, _N_TIMES, _N_ACQUISITIONS = 5, 2, 3


class _Facts(NamedTuple):
    """What the tags of a file tell: columns of ``emg`` and ``glove``, names of the variables."""

    n_chans: int
    glove: int
    variables: frozenset[str]


def parse_name(base: Base, path: str) -> Name | None:
    """Return what a file name says, None where it names no file of the data base."""
    match = (_DAY if base.files == "day" else _EXERCISE).search(path)
    if match is None or not 1 <= int(match[1]) <= base.n_subjects:
        return None
    if base.files == "day":
        day, time = int(match[2]), int(match[3])
        fits = 1 <= day <= _N_DAYS and 1 <= time <= _N_TIMES
        return Name(int(match[1]), f"D{day}T{time}", "", 1) if fits else None
    exercise, acquisition = int(match["e1"] or match["e2"]), int(match["a1"] or match["a2"])
    if not 1 <= exercise <= len(base.exercises):
        return None
    if base.files == "acquisition":
        fits = 1 <= acquisition <= _N_ACQUISITIONS
        return Name(int(match[1]), f"A{acquisition}", f"E{exercise}", exercise) if fits else None
    return Name(int(match[1]), str(acquisition), f"E{exercise}", exercise) if acquisition == 1 else None


def _claims(base: Base, members: Sequence[Member]) -> list[Member]:
    """Return the files named in the data base's way, whatever their numbers: `_probe` and `_open` look at those."""
    pattern = _DAY if base.files == "day" else _EXERCISE
    return [member for member in members if pattern.search(member.name)]


def _probe(base: Base, container: Container, members: Sequence[Member]) -> bool:
    """Tell data bases apart: numbers in the names, then the tags of each subject's first file."""
    names = [parse_name(base, member.name) for member in members]
    if None in names:
        return False
    first = {name.subject: member for name, member in zip(names[::-1], members[::-1], strict=True) if name}
    seen = (_facts_or_none(container, member) for member in first.values())
    return all(facts is None or _fits(base, facts) for facts in seen)


def _fits(base: Base, facts: _Facts) -> bool:
    """Tell whether a file may belong to a data base."""
    has_gyro = "gyro" in facts.variables or "mag" in facts.variables
    return (
        facts.n_chans in {*base.channels, base.n_stored}
        and ("acc" in facts.variables) <= base.has_acc
        and has_gyro <= base.has_gyro
        and not (base.number in {2, 3} and "acc" not in facts.variables)
        and not (base.number == 7 and not has_gyro)
        and facts.glove in {0, base.glove}
    )


def _facts_or_none(container: Container, member: Member) -> _Facts | None:
    """Read the tags of a file; None where it is damaged, which says nothing about the data base."""
    try:
        return _facts(container, member)
    except EmgIoError:
        return None


@lru_cache(maxsize=4096)
def _facts(container: Container, member: Member) -> _Facts:
    """Read the tags of a file."""
    with container.open(member.name) as stream:
        mat = open_mat(stream, member.size, container.label(member.name))
        glove = mat.shape("glove")[-1] if "glove" in mat.variables else 0
        return _Facts(mat.shape("emg")[-1], glove, frozenset(mat.variables))


def _open(base: Base, container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a file."""
    return [_recording(base, container, member) for member in members]


def _recording(base: Base, container: Container, member: Member) -> Recording:
    """Make the lazy recording of one file."""
    name, file = parse_name(base, member.name), container.label(member.name)
    if name is None:
        raise EmgIoError(
            f"no such file in {base.name}: is it another data base?",
            file=file,
            place="name",
            expected=f"subject 1..{base.n_subjects}, {_expected_name(base)}",
            found=member.name.rsplit("/", 1)[-1],
        )
    n_chans = _n_chans(base, container, member)
    usual = n_chans == base.channels[0]
    return Recording(
        subject=str(name.subject),
        session=name.session,
        repetition=None,
        source=file,
        n_chans=n_chans,
        unit=base.unit,
        scale=1.0,
        offset=0.0,
        layout=base.layout if usual else Layout.unplaced(n_chans, "which electrodes are missing is not known"),
        uniform=True,
        reader=NinaproFile(base, container, member, name, n_chans),
        task=name.task,
    )


def _expected_name(base: Base) -> str:
    """Return how a data base's files are called."""
    if base.files == "day":
        return f"S{{n}}_D{{1..{_N_DAYS}}}_T{{1..{_N_TIMES}}}.mat"
    if base.files == "acquisition":
        return f"S{{n}}_E1_A{{1..{_N_ACQUISITIONS}}}.mat"
    return f"S{{n}}_A1_E{{1..{len(base.exercises)}}}.mat or S{{n}}_E{{1..{len(base.exercises)}}}_A1.mat"


def _n_chans(base: Base, container: Container, member: Member) -> int:
    """Return the number of EMG channels: from the file where the data base has several."""
    if len(base.channels) == 1:
        return base.channels[0]
    n_chans = _facts(container, member).n_chans
    if n_chans not in base.channels:
        raise EmgIoError(
            "wrong number of channels",
            file=container.label(member.name),
            place="emg",
            expected=" or ".join(str(number) for number in base.channels),
            found=str(n_chans),
        )
    return n_chans


def _format(base: Base) -> Format:
    """Make the registry entry of a data base."""
    citation, doi = base.reference
    several = len(base.channels) > 1
    return Format(
        info=FormatInfo(
            name=base.name,
            title=f"NinaPro DB{base.number}",
            licence="free for research with citation (unverified); no redistribution terms seen",
            citation=citation,
            doi=doi,
            verified_on_real_files=base.verified,
            writes=True,
            n_chans=None if several else base.channels[0],
            sfreq=base.sfreq,
            unit=base.unit,
            layout=None if several else base.layout,
            label_names=base.names,
        ),
        claims=partial(_claims, base),
        open=partial(_open, base),
        forge=forger("ninapro") if base.number == 1 else forger("ninapro_bases", number=base.number),
        probe=partial(_probe, base),
    )


FORMATS = tuple(_format(base) for base in BASES)
