"""What one supported data set has to offer: facts, a detector, a reader and a forger."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emg_io._container import Container, Member
    from emg_io._layout import Layout
    from emg_io._recording import Recording
    from emg_io.forging import Truth


@dataclass(frozen=True)
class FormatInfo:
    """Facts about a supported data set or file format.

    Attributes
    ----------
    name
        Registry key, for example ``"uci"``.
    title
        The data set's own name.
    licence, citation, doi
        As far as known; the licence text says so where it is not verified. A file format cites its specification.
    verified_on_real_files
        Whether the reader was checked against the publisher's files.
    writes
        Whether `synthesize` can write this layout.
    n_chans
        Channels per recording, or None where recordings differ.
    sfreq
        Rate in Hz that the set's recordings have, or that its stamped clock honestly supports; None where they differ.
    unit
        Unit of the signal, as `Recording.unit`; for a file format ``"unknown"``, because its files say.
    layout
        Channel-to-grid map, or None where recordings differ.
    label_names
        Meaning of the values of the track ``"label"``; empty where there is none.
    non_commercial
        Whether the licence forbids commercial use.
    generic
        Whether this is a file format: it is detected only where no data set claims the files.
    """

    name: str
    title: str
    licence: str
    citation: str
    doi: str
    verified_on_real_files: bool
    writes: bool
    n_chans: int | None
    sfreq: float | None
    unit: str = "unknown"
    layout: Layout | None = None
    label_names: Mapping[int, str] = field(default_factory=dict)
    non_commercial: bool = False
    generic: bool = False


class Forge(Protocol):
    """Writes a small valid data set into an empty folder and returns what a reader must find there."""

    def __call__(self, out: Path, n_subjects: int, seed: int, **options: float) -> list[Truth]:
        """Forge ``n_subjects`` subjects; same seed, same bytes."""


def forger(module: str, **fixed: object) -> Forge:
    """Return the function ``forge`` of a module of ``_forges``, imported when it is called, some arguments fixed."""

    def forge(out: Path, n_subjects: int, seed: int, **options: float) -> list[Truth]:
        """Import and call."""
        found = importlib.import_module(f"emg_io.formats._forges.{module}")
        known = [name for name in inspect.signature(found.forge).parameters if name not in fixed][3:]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise EmgIoError("unknown option", place="options", expected=", ".join(known), found=unknown[0])
        made: list[Truth] = found.forge(out, n_subjects, seed, **fixed, **options)
        return made

    return forge


def named(pattern: re.Pattern[str]) -> Callable[[Sequence[Member]], list[Member]]:
    """Return a detector that claims the files in whose names a pattern is found."""
    return lambda members: [member for member in members if pattern.search(member.name)]


def always(container: Container, members: Sequence[Member]) -> bool:  # noqa: ARG001  the shape of a probe
    """Accept files by their names alone."""
    return True


@dataclass(frozen=True)
class Format:
    """One entry of the registry.

    Attributes
    ----------
    info
        Facts.
    claims
        Returns the members of a container whose names belong to this format; empty means "not this format".
    open
        Turns claimed members into lazy recordings, in natural order.
    forge
        Writes a synthetic data set in this layout.
    probe
        Looks into claimed files (headers only) where names alone do not tell formats apart; damaged files are claimed.
    """

    info: FormatInfo
    claims: Callable[[Sequence[Member]], list[Member]]
    open: Callable[[Container, Sequence[Member]], list[Recording]]
    forge: Forge
    probe: Callable[[Container, Sequence[Member]], bool] = always
