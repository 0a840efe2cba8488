"""Spans of a split on a new clock: a new sample belongs to a part only if all it was made of does.

Holding repeats one old sample a tick, so the parts stay exact. A filter spreads: new samples within its reach of an
edge of a span belong to no part. Spans that were disjoint stay disjoint, and no part learns from another's samples,
but for two: polyphase resampling takes a line through a recording's first and last sample off and puts it back, of
which less than 1/1000 of these two samples remains in all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emg_io._resample import Polyphase, hold_index

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from emg_io._recording import Recording

REACH = 10


class PartSpan(NamedTuple):
    """Samples ``start`` (included) to ``stop`` (excluded) of one recording, and the part they belong to."""

    part: str
    start: int
    stop: int


def merged(spans: Iterable[PartSpan]) -> tuple[PartSpan, ...]:
    """Return spans in order, those of one part that overlap made one; neighbours that only touch stay two."""
    made: list[PartSpan] = []
    for span in sorted(spans, key=lambda span: (span.start, span.stop, span.part)):
        last = made[-1] if made else None
        if last is not None and span.part == last.part and span.start < last.stop:
            made[-1] = last._replace(stop=max(last.stop, span.stop))
        else:
            made.append(span)
    return tuple(made)


def on_new_clock(spans: Iterable[PartSpan], old: Recording, new: Recording) -> tuple[PartSpan, ...]:
    """Return the spans of ``old`` in samples of ``new``, which is ``old`` resampled; empty ones are left out."""
    if new.reader is old.reader:
        return tuple(spans)
    if isinstance(new.reader, Polyphase):
        up, down = new.reader.up, new.reader.down
        moved = [_filtered(span, up, down, old.n_samples, new.n_samples) for span in spans]
    else:
        stamps = old.timestamps
        index = hold_index(np.arange(old.n_samples) / old.sfreq if stamps is None else stamps, new.sfreq)
        moved = [_held(span, index) for span in spans]
    return tuple(span for span in moved if span.start < span.stop)


def _held(span: PartSpan, index: NDArray[np.intp]) -> PartSpan:
    """Return the ticks that repeat a sample of a span."""
    start, stop = np.searchsorted(index, [span.start, span.stop], side="left").tolist()
    return PartSpan(span.part, start, stop)


def _filtered(span: PartSpan, up: int, down: int, n_old: int, n_new: int) -> PartSpan:
    """Return the samples whose filter lies within a span; beyond an end of the recording there is nothing to leak.

    New sample k is made of old samples i with ``|k * down - i * up| <= REACH * max(up, down)``.
    """
    if up == down:
        return span
    reach = REACH * max(up, down)
    start = ((span.start - 1) * up + reach) // down + 1 if span.start > 0 else 0
    stop = -((reach - span.stop * up) // down) if span.stop < n_old else n_new
    return PartSpan(span.part, min(start, n_new), max(0, min(stop, n_new)))
