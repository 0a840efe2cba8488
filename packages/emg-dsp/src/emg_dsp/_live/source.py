"""What a source of live samples may give, and how any source is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import ArrayLike

from emg_dsp._errors import EmgDspError


class TimedChunk(NamedTuple):
    """Samples and the time of the newest of them."""

    values: ArrayLike
    """Samples (channels, n)."""
    time: float
    """Time of the newest sample, in seconds on the clock of the source."""


class Gap(NamedTuple):
    """Samples are missing between the last chunk and the next."""

    n_samples: int | None = None
    """How many, at the nominal rate; negative where the clock went back, None where nobody knows."""
    time: float | None = None
    """Time of the first sample after the gap, in seconds on the clock of the source."""


Item: TypeAlias = ArrayLike | TimedChunk | Gap
"""What a source gives: samples (channels, n), with their time if it has one, or word that some are missing."""
Source: TypeAlias = Iterable[Item] | Callable[[], Item | None]
"""An iterable of items, or a function that returns the next one, None at the end."""


def items_of(source: Any) -> Iterator[Item]:  # noqa: ANN401  checked here
    """Return an iterator over whatever kind of source this is."""
    if isinstance(source, Iterable):
        return iter(source)
    if callable(source):
        return _calls(source)
    raise EmgDspError(
        f"source={source!r}; required is an iterable of chunks (channels, n), or a function that returns the next "
        "chunk and None at the end."
    )


def _calls(source: Callable[[], Item | None]) -> Iterator[Item]:
    """Call until None comes."""
    while (item := source()) is not None:
        yield item
