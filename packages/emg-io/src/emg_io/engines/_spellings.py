"""Numbers by their spelling: a perfect hash from the words that short tokens are to the counts they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Spellings(NamedTuple):
    """The 256 counts -128..127 in one spelling each, hashed without collisions.

    Attributes
    ----------
    multiplier, shift
        ``(word * multiplier) >> shift`` is the slot of a word.
    keys
        Word in each slot; 1, which is no text, where a slot is free.
    counts
        int8 count in each slot.
    """

    multiplier: np.unsignedinteger
    shift: np.unsignedinteger
    keys: NDArray[np.unsignedinteger]
    counts: NDArray[np.int8]

    @classmethod
    def of(cls, spell: Callable[[int], str], dtype: type[np.unsignedinteger], n_bits: int) -> Spellings:
        """Hash the spellings into ``2 ** n_bits`` slots.

        Parameters
        ----------
        spell
            Returns the text of a count; it fits the word.
        dtype
            `numpy.uint32` (tokens up to four characters) or `numpy.uint64` (up to eight).
        n_bits
            Enough that chance finds a multiplier without collisions: 11 or more.

        Returns
        -------
        Spellings
            Words are the text's bytes, the last one in the highest place.
        """
        size = np.dtype(dtype).itemsize
        counts = np.arange(-128, 128)
        texts = [spell(int(count)).encode().rjust(size, b"\0") for count in counts]
        words = np.array([int.from_bytes(text, "little") for text in texts], dtype)
        rng, shift = np.random.default_rng(0), dtype(8 * size - n_bits)
        while True:
            multiplier = dtype(rng.integers(0, 2 ** (8 * size), dtype=dtype) | 1)
            slots = (words * multiplier) >> shift
            if len(np.unique(slots)) == len(words):
                break
        keys, values = np.ones(2**n_bits, dtype), np.zeros(2**n_bits, np.int8)
        keys[slots], values[slots] = words, counts
        return cls(multiplier, shift, keys, values)
