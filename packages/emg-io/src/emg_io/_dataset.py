"""Opening a data set: which format it is, and the recordings in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, overload

from ._container import Archive, Container, Folder, Member, open_container
from ._errors import EmgIoError
from ._recording import Recording
from .formats import REGISTRY, Format, FormatInfo

if TYPE_CHECKING:
    from pathlib import Path


Hit: TypeAlias = tuple[Format, Container, list[Member]]


@dataclass(frozen=True)
class Dataset(Sequence[Recording]):
    """The recordings of one data set, in natural order of their files; picklable.

    Attributes
    ----------
    info
        Facts about the format.
    recordings
        All recordings, not read yet.
    """

    info: FormatInfo
    recordings: tuple[Recording, ...] = field(repr=False)

    @property
    def format(self) -> str:
        """Registry name of the format."""
        return self.info.name

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subject identifiers, each once, in order of appearance."""
        return tuple(dict.fromkeys(recording.subject for recording in self.recordings))

    @property
    def label_names(self) -> Mapping[int, str]:
        """Meaning of the values of the track ``"label"``."""
        return self.info.label_names

    @property
    def licence(self) -> str:
        """Licence of the data, as far as known."""
        return self.info.licence

    @property
    def citation(self) -> str:
        """How to cite the data."""
        return self.info.citation

    @property
    def doi(self) -> str:
        """DOI of the publication that describes the data."""
        return self.info.doi

    def duplicates(self) -> list[tuple[int, ...]]:
        """Return groups of recording indices whose samples are identical, whatever their names; reads everything."""
        groups: dict[str, list[int]] = {}
        for index, recording in enumerate(self.recordings):
            groups.setdefault(recording.content_hash(), []).append(index)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[Recording]:
        return iter(self.recordings)

    @overload
    def __getitem__(self, index: int) -> Recording: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Recording]: ...
    def __getitem__(self, index: int | slice) -> Recording | Sequence[Recording]:
        return self.recordings[index]


def open_dataset(path: str | Path, format: str | None = None) -> Dataset:  # noqa: A002  the field's word
    """Open a data set; file names are read, samples are not.

    Parameters
    ----------
    path
        Folder of the data set, its archive as published (``.zip``), or a folder that holds that archive or several
        of one format, as sets come that publish an archive a subject. Files beside the archives go before the same
        recordings inside them.
    format
        Name of a registered format (see `formats`); None detects it from the layout.

    Returns
    -------
    Dataset

    Raises
    ------
    EmgIoError
        If nothing or more than one format fits, a recording occurs twice, or the container is unsafe to read.
    """
    candidates = list(REGISTRY.values()) if format is None else [find_format(format)]
    found = _find(open_container(path), candidates)
    if len({entry.info.name for entry, _, _ in found}) != 1:
        names = ", ".join(f"{entry.info.name} in {container.path}" for entry, container, _ in found)
        raise EmgIoError(
            "ambiguous data set: name the format, or the folder or archive itself" if found else "no recordings found",
            file=str(path),
            place="layout",
            expected=" or ".join(entry.info.name for entry in candidates),
            found=names or "no matching file names",
        )
    loose, packed = ([hit for hit in found if isinstance(hit[1], kind)] for kind in (Folder, Archive))
    recordings = _opened(loose)
    here = {recording.key for recording in recordings}
    recordings += [recording for recording in _opened(packed) if recording.key not in here]
    _refuse_repeats(recordings)
    return Dataset(found[0][0].info, tuple(recordings))


def formats() -> list[FormatInfo]:
    """Return facts about every supported format, in registry order."""
    return [entry.info for entry in REGISTRY.values()]


def find_format(name: str) -> Format:
    """Return a registry entry; an unknown name raises `EmgIoError` with those that exist."""
    if name not in REGISTRY:
        raise EmgIoError("unknown format", place="format", expected=" or ".join(REGISTRY), found=name)
    return REGISTRY[name]


def _opened(found: Sequence[Hit]) -> list[Recording]:
    """Open what formats claim."""
    return [recording for entry, container, members in found for recording in entry.open(container, members)]


def _find(container: Container, candidates: Sequence[Format]) -> list[Hit]:
    """Return the formats whose layout is found in a container or in an archive lying in a folder."""
    members = container.members()
    found = _claimants(container, members, candidates)
    if not isinstance(container, Folder):
        return found
    unreadable: list[EmgIoError] = []
    for member in members:
        if "/" not in member.name and member.name.casefold().endswith(".zip"):
            try:
                found += _find(Archive(container.path / member.name), candidates)
            except EmgIoError as error:
                unreadable.append(error)
    if unreadable and not any(isinstance(hit[1], Folder) for hit in found):
        raise unreadable[0]  # it may hold some of the recordings
    return _sets_first(found)


def _claimants(container: Container, members: Sequence[Member], candidates: Sequence[Format]) -> list[Hit]:
    """Return the formats that claim files by name; where several do, their probes look inside."""
    found = [(entry, container, claimed) for entry in candidates if (claimed := entry.claims(members))]
    found = _sets_first(found)
    if len(found) > 1 or (found and len(candidates) > 1):
        found = [hit for hit in found if hit[0].probe(container, hit[2])]
    return found


def _sets_first(found: list[Hit]) -> list[Hit]:
    """Leave file formats out where a data set claims files."""
    sets = [hit for hit in found if not hit[0].info.generic]
    return sets or found


def _refuse_repeats(recordings: Sequence[Recording]) -> None:
    """Refuse two files for one recording, as when a set lies twice in a folder."""
    seen: dict[tuple[str, str, str, int | None], str] = {}
    for recording in recordings:
        if recording.key in seen:
            raise EmgIoError(
                "recording occurs twice: name one of the copies",
                file=recording.source,
                place="subject, session, task, repetition",
                expected="one file",
                found=f"also {seen[recording.key]}",
            )
        seen[recording.key] = recording.source
