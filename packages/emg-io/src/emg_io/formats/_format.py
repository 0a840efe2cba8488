"""What one supported data set has to offer: facts, a detector, a reader and a forger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from emg_io._container import Container, Member
    from emg_io._recording import Recording


@dataclass(frozen=True)
class FormatInfo:
    """Facts about a supported data set.

    Attributes
    ----------
    name
        Registry key, for example ``"uci"``.
    title
        The data set's own name.
    licence, citation, doi
        As far as known; the licence text says so where it is not verified.
    verified_on_real_files
        Whether the reader was checked against the publisher's files.
    writes
        Whether `synthesize` can write this layout.
    n_chans
        Channels per recording.
    sfreq
        Rate in Hz that the set's recordings have, or that its stamped clock honestly supports.
    label_names
        Meaning of the values of the track ``"label"``.
    """

    name: str
    title: str
    licence: str
    citation: str
    doi: str
    verified_on_real_files: bool
    writes: bool
    n_chans: int
    sfreq: float
    label_names: Mapping[int, str] = field(default_factory=dict)


Forge = Callable[..., "list[Path]"]
"""``forge(out, n_subjects, seed, **options)`` writes a small valid data set into an empty folder, returns the files."""


@dataclass(frozen=True)
class Format:
    """One entry of the registry.

    Attributes
    ----------
    info
        Facts.
    claims
        Returns the members of a container that belong to this format; an empty result means "not this format".
    open
        Turns claimed members into lazy recordings, in natural order.
    forge
        Writes a synthetic data set in this layout.
    """

    info: FormatInfo
    claims: Callable[[Sequence[Member]], list[Member]]
    open: Callable[[Container, Sequence[Member]], list[Recording]]
    forge: Forge
