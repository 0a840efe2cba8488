"""Some examples of a part, as a part of their own."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from .batch import Batch
from .examples import Examples


class Chosen:
    """Examples by their numbers in another set; their places in recordings are not known any more.

    Parameters
    ----------
    examples
        The other set.
    rows
        Shape (n,): numbers of the examples, in order.
    """

    def __init__(self, examples: Examples, rows: NDArray[np.int64]) -> None:
        self._examples, self._rows = examples, rows
        self.shape, self.subject, self.timeline = examples.shape, examples.subject[rows], None
        self.classes = None if examples.classes is None else examples.classes[rows]
        self.trial = None if examples.trial is None else examples.trial[rows]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def digest(self) -> str:
        """Sha256 (hex) of the other set and the numbers."""
        return hashlib.sha256(self._examples.digest.encode() + self._rows.tobytes()).hexdigest()

    def read(self, rows: NDArray[np.int64], offsets: NDArray[np.float64] | None = None) -> Batch:
        """Return examples as a batch, in the order of `rows`."""
        return self._examples.read(self._rows[rows], offsets)
