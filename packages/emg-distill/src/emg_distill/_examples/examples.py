"""What a part of a data set is to training: examples that are read by number."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .batch import Batch
from .timeline import Timeline

Kind = Literal["classification", "regression", "events", "ctc", "speech", "unlabelled"]


class Examples(Protocol):
    """Examples of one part, in memory (`WindowSet`) or on disk; it pickles, and it reads the same bits every time.

    Attributes
    ----------
    subject
        Who each example is from, (n,) str.
    classes
        Class of each example, (n,) int64; None where examples have none.
    trial
        Number of the trial each example is from, (n,) int64, for majority votes; None where there are no trials.
    timeline
        Where the examples lie in their recordings; None where that is not known.
    """

    @property
    def subject(self) -> NDArray[np.str_]: ...

    @property
    def classes(self) -> NDArray[np.int64] | None: ...

    @property
    def trial(self) -> NDArray[np.int64] | None: ...

    @property
    def timeline(self) -> Timeline | None: ...

    def __len__(self) -> int:
        """Return the number of examples."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example's `x` at its nominal length."""
        ...

    @property
    def digest(self) -> str:
        """Sha256 (hex) of everything that `read` can return."""
        ...

    def read(self, rows: NDArray[np.int64], offsets: NDArray[np.float64] | None = None) -> Batch:
        """Return examples as a batch, in the order of `rows`.

        Parameters
        ----------
        rows
            Shape (batch,), in ``[0, len(self))``.
        offsets
            Shape (batch,), in ``[0, 1)``: how far each window may slide towards the next one, as a share of what its
            protocol allows; a set whose windows do not slide leaves it unused. None reads windows where they are.
        """
        ...
