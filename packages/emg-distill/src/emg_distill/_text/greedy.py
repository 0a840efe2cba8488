"""The best class of every frame, repeats collapsed, blanks dropped."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .emissions import check_frames, check_rows


def greedy(
    log_probs: ArrayLike, lengths: ArrayLike | None = None, *, blank: int | None = None
) -> list[NDArray[np.int64]]:
    """Decode CTC outputs by the likeliest path (Graves et al., ICML 2006, section 3.2).

    Parameters
    ----------
    log_probs
        Shape (rows, frames, classes), log probabilities up to a constant per frame; -inf allowed.
    lengths
        Shape (rows,), frames of each row that count; None where all do.
    blank
        Class of the blank; None means the last class.

    Returns
    -------
    list of ndarray, int64
        Classes of each row. Of equal classes the lower one is taken.

    Raises
    ------
    EmgDistillError
        When shapes or lengths do not fit or a frame that counts holds NaN or +inf.
    """
    batch, counts = check_rows(log_probs, lengths)
    return [_collapse(*check_frames(batch[row, :n], blank, place=f"row {row}")) for row, n in enumerate(counts)]


def _collapse(frames: NDArray[np.float64], blank: int) -> NDArray[np.int64]:
    best: NDArray[np.int64] = frames.argmax(axis=1)
    kept: NDArray[np.int64] = best[(np.diff(best, prepend=-1) != 0) & (best != blank)]
    return kept
