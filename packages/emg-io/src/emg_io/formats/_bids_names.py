"""File names of a BIDS data set: entities, and which files say something about which by inheritance.

Source: BIDS 1.11, "Common principles", file names and the inheritance principle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io._container import Container, Member

DATA = re.compile(
    r"^(?P<root>(?:.*/)?)(?P<folder>sub-(?P<sub>[^/]+)/(?:ses-(?P<ses>[^/]+)/)?emg)/[^/]*_emg\.(?:edf|bdf)$",
    re.IGNORECASE,
)
DESCRIPTION = "dataset_description.json"
_ELSEWHERE = re.compile(r"(?:^|/)(?:derivatives|sourcedata|code|stimuli)/", re.IGNORECASE)
_ENTITY = re.compile(r"([a-z]+)-([0-9A-Za-z+]+)")
_ORDER = ("sub", "ses", "task", "acq", "run", "recording", "space")


@dataclass(frozen=True)
class BidsName:
    """One file's name, taken apart: ``member.name`` is ``folder/sub-1_task-x_suffix.extension``."""

    member: Member
    folder: str
    entities: tuple[tuple[str, str], ...]
    suffix: str
    extension: str

    def value(self, entity: str) -> str:
        """Return the value of an entity, ``""`` where the name has none."""
        return dict(self.entities).get(entity, "")


@dataclass(frozen=True)
class Sidecars:
    """The tables and JSON files of a data set by folder, suffix and extension."""

    found: dict[tuple[str, str, str], list[BidsName]] = field(default_factory=dict)

    @classmethod
    def of(cls, members: Sequence[Member]) -> Sidecars:
        """Index the files whose names are made of entities and a suffix."""
        made = cls()
        for member in members:
            name = parse_name(member)
            if name is None and PurePosixPath(member.name).name == DESCRIPTION:
                folder = PurePosixPath(member.name).parent.as_posix().removeprefix(".")
                name = BidsName(member, folder, (), "description", "json")
            if name is not None:
                made.found.setdefault((name.folder, name.suffix, name.extension), []).append(name)
        return made

    def about(self, data: BidsName, root: str, suffix: str, extension: str, free: str = "") -> list[BidsName]:
        """Return the files that apply to another, the most special last; entity ``free`` may have any value."""
        held, steps = set(data.entities), data.folder.removeprefix(root).split("/")
        folders = [root.rstrip("/"), *(root + "/".join(steps[: k + 1]) for k in range(len(steps)))]
        applying = []
        for folder in folders:
            names = self.found.get((folder, suffix, extension), [])
            fitting = [name for name in names if {pair for pair in name.entities if pair[0] != free} <= held]
            applying += sorted(fitting, key=lambda name: len(name.entities))
        return applying

    def nearest(self, data: BidsName, root: str, suffix: str, container: Container) -> BidsName | None:
        """Return the table that applies to a file; two of the same rank raise `EmgIoError`."""
        applying = self.about(data, root, suffix, "tsv")
        if len(applying) > 1 and _rank(applying[-1]) == _rank(applying[-2]):
            problem, file = "two tables apply to one recording", container.label(data.member.name)
            raise EmgIoError(problem, file=file, place=suffix, found=" and ".join(n.member.name for n in applying[-2:]))
        return applying[-1] if applying else None


def data_files(members: Sequence[Member]) -> list[Member]:
    """Return the EMG recordings among files, those of derivatives and sources left out."""
    return [member for member in members if DATA.search(member.name) and not _ELSEWHERE.search(member.name)]


def parse_name(member: Member) -> BidsName | None:
    """Take a name apart; None where it is not made of entities and a suffix."""
    path = PurePosixPath(member.name)
    stem, _, extension = path.name.partition(".")
    *words, suffix = stem.split("_")
    pairs = [match.groups() for word in words if (match := _ENTITY.fullmatch(word))]
    if len(pairs) != len(words) or len({key for key, _ in pairs}) != len(pairs):
        return None
    folder = "" if path.parent == PurePosixPath() else path.parent.as_posix()
    return BidsName(member, folder, tuple((key, value) for key, value in pairs), suffix, extension)


def data_name(member: Member, file: str) -> tuple[BidsName, str]:
    """Return a recording's name and the data set's root (ending in ``/``, or empty); a wrong name raises."""
    found, name = DATA.search(member.name), parse_name(member)
    if not found or name is None:
        expected = "sub-<label>[_ses-<label>]_task-<label>[_acq-<label>][_run-<n>][_recording-<label>]_emg.edf or .bdf"
        raise EmgIoError("not a name of EMG-BIDS", file=file, place="name", expected=expected)
    if name.extension not in {"edf", "bdf"}:
        raise EmgIoError("extension is not lower case", file=file, place="name", expected=".edf or .bdf")
    if name.value("sub") != found["sub"] or name.value("ses") != (found["ses"] or "") or not name.value("task"):
        expected, said = f"sub-{found['sub']}, ses-{found['ses'] or '(none)'}, a task", str(dict(name.entities))
        raise EmgIoError("name and folders disagree", file=file, place="entities", expected=expected, found=said)
    strange = [key for key, _ in name.entities if key not in _ORDER[:-1]]
    if strange or (name.value("run") and not name.value("run").isdecimal()) or len(name.value("run")) > 9:
        raise EmgIoError(
            "entity that EMG-BIDS does not have", file=file, place="entities", found=", ".join(strange) or "run"
        )
    return name, found["root"]


def _rank(name: BidsName) -> tuple[str, int]:
    """Return what decides between two tables: the folder, then how many entities are named."""
    return name.folder, len(name.entities)
