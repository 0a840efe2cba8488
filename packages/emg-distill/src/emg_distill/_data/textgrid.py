"""Phonemes of an utterance from a forced alignment, as Praat's long text files (TextGrid) hold it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from emg_distill._errors import EmgDistillError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

# inventory of the code that came with the silent speech data (dgaddy/silent_speech, MIT), silence last
PHONEMES = (
    "aa", "ae", "ah", "ao", "aw", "ax", "axr", "ay", "b", "ch", "d", "dh", "dx", "eh", "el", "em", "en", "er", "ey",
    "f", "g", "hh", "hv", "ih", "iy", "jh", "k", "l", "m", "n", "nx", "ng", "ow", "oy", "p", "r", "s", "sh", "t", "th",
    "uh", "uw", "v", "w", "y", "z", "zh", "sil",
)  # fmt: skip
SILENCE = PHONEMES.index("sil")
_SILENT = frozenset({"", "sil", "sp", "spn"})
_TIER = re.compile(r'class = "IntervalTier"\s+name = "phones"(.*?)(?:class = "|\Z)', re.DOTALL)
_INTERVAL = re.compile(r'xmin = ([0-9.eE+-]{1,40})\s+xmax = ([0-9.eE+-]{1,40})\s+text = "([^"\n]{0,40})"')


def read_phones(text: str, file: str) -> list[tuple[float, float, int]]:
    """Return (start in s, end in s, number in `PHONEMES`) of each interval of the tier ``phones``, in order.

    Raises
    ------
    EmgDistillError
        When there is no such tier, it is empty, intervals run backwards, or a phoneme is not of the inventory.
    """
    tier = _TIER.search(text)
    found = _INTERVAL.findall(tier[1]) if tier else []
    if not found:
        raise EmgDistillError(f"{file}: no intervals of a tier 'phones'; give alignments in Praat's long text form")
    phones: list[tuple[float, float, int]] = []
    for begin, end, said in found:
        start, stop = float(begin), float(end)
        if not (phones[-1][1] - 1e-6 if phones else 0.0) <= start <= stop:
            raise EmgDistillError(f"{file}: interval {start} to {stop} s comes out of order; make the alignment again")
        phones.append((start, stop, _number(said, file)))
    return phones


def _number(said: str, file: str) -> int:
    """Return the number of a phoneme, which may carry its stress."""
    name = said.strip().lower().rstrip("0123456789")
    if name in _SILENT:
        return SILENCE
    if name not in PHONEMES:
        raise unknown_name("phoneme", name, PHONEMES, place=file)
    return PHONEMES.index(name)


def phones_at(phones: list[tuple[float, float, int]], times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the phoneme at each of some times (frames,) in s; silence where there is none, (frames,) int64."""
    out = np.full(len(times), SILENCE, np.int64)
    for start, stop, number in phones:
        out[np.searchsorted(times, start, "left") : np.searchsorted(times, stop, "left")] = number
    return out
