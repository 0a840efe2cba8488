"""A protocol as data: which set, who is in which part, which signal path, which windows, what is to come out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emg_distill._examples.examples import Kind

    from .path import SignalPath
    from .splits import SplitRule
    from .targets import Target
    from .windows import Cut


@dataclass(frozen=True)
class DataProtocol:
    """One way to train and to measure on one data set.

    Attributes
    ----------
    name
        ``"<set>/<rule>"``.
    format
        Format of emg-io that reads the set.
    split
        Who is in which part: `Published` (a protocol of emg-io by name), `SubjectShares`, `Sessions`, ...
    path
        From stored values to windows as a model sees them.
    cut
        Windows of all parts.
    target
        What is to come out.
    source
        Where the rule comes from.
    flaw
        In what a published protocol leaks or flatters, or how this one departs from it; empty where neither.
    strict
        Name of the protocol beside it that neither leaks nor flatters; empty when this one is strict itself.
    test_cut
        Windows of the test part where they differ, such as whole recordings.
    vote
        Windows of one trial that a majority vote takes together, -1 for the whole trial; None where nobody votes.
    metrics
        Names of the numbers that the source reports, the first one decides.
    left_out
        Parts of names of recordings, ``"subject/session"``, that take no part, with the reason in `flaw`.
    """

    name: str
    format: str
    split: SplitRule
    path: SignalPath
    cut: Cut
    target: Target
    source: str
    flaw: str = ""
    strict: str = ""
    test_cut: Cut | None = None
    vote: int | None = None
    metrics: tuple[str, ...] = ("accuracy", "macro_f1")
    left_out: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Kind of the outputs."""
        return self.target.kind

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) of everything that decides examples: a store made by another rule is refused."""
        rule = replace(self, source="", flaw="", strict="", metrics=(), vote=None)
        return hashlib.sha256(repr(rule).encode()).hexdigest()


@dataclass(frozen=True)
class PoolProtocol:
    """Several data sets as one, for pre-training without labels.

    Attributes
    ----------
    name
        ``"<set>/<rule>"``.
    members
        Name of the folder in the data folder, and the protocol of the set in it.
    source, flaw, strict
        As of a `DataProtocol`.
    """

    name: str
    members: tuple[tuple[str, DataProtocol], ...]
    source: str
    flaw: str = ""
    strict: str = ""
    vote: int | None = None
    metrics: tuple[str, ...] = ("loss",)

    @property
    def kind(self) -> Kind:
        """Kind of the outputs."""
        return "unlabelled"

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) of everything that decides examples."""
        rule = repr([(folder, member.fingerprint) for folder, member in self.members])
        return hashlib.sha256(rule.encode()).hexdigest()


AnyProtocol = DataProtocol | PoolProtocol
