"""Metadata: words that several formats share, and entries that cost a pass and are worked out when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

NOMINAL = "nominal: the files store no rate"
STATED = "rate as the file's header states it"
STAMPED = "a stamp for every sample; sfreq is samples per second between the first and the last"
NO_UNIT = "not stated by the publisher"


class Remarks(Mapping[str, object]):
    """Metadata of which some entries are worked out when they are first asked for."""

    def __init__(self, known: Mapping[str, object], later: Mapping[str, Callable[[], object]]) -> None:
        self._known, self._later = dict(known), dict(later)

    def __getitem__(self, key: str) -> object:
        if key in self._later:
            self._known[key] = self._later[key]()
            del self._later[key]
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._known, *self._later])

    def __len__(self) -> int:
        return len(self._known) + len(self._later)
