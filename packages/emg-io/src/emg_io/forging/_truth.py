"""What a forger put into a file, so that a reader can be held to it to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Truth:
    """One forged recording.

    Attributes
    ----------
    subject, session, task, repetition
        As the reader must report them.
    raw
        (channels, time) stored numbers, equal to `Recording.raw` to the last bit.
    labels
        (time,) values of the track ``"label"``, or None where the format has none.
    """

    subject: str
    session: str
    task: str
    repetition: int | None
    raw: NDArray[np.generic]
    labels: NDArray[np.integer] | None = None
