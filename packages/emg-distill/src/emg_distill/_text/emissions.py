"""What a decoder accepts: log probabilities of frames, and how many of them count."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_distill._errors import EmgDistillError


def check_frames(
    log_probs: ArrayLike, blank: int | None, *, place: str = "log_probs"
) -> tuple[NDArray[np.float64], int]:
    """Return frames as contiguous float64, shape (frames, classes), and the class of the blank.

    Raises
    ------
    EmgDistillError
        When the shape is another, the blank is no class, a value is NaN or +inf, or a frame leaves no class possible.
    """
    frames = np.ascontiguousarray(log_probs, dtype=np.float64)
    if frames.ndim != 2 or frames.shape[1] < 2:
        raise EmgDistillError(f"{place} has shape {frames.shape}: (frames, classes) with 2 classes or more is required")
    n_classes = frames.shape[1]
    blank = n_classes - 1 if blank is None else blank
    if not 0 <= blank < n_classes:
        raise EmgDistillError(f"blank={blank} is no class of {place}: 0 .. {n_classes - 1} are")
    wrong = ~(frames < np.inf)
    if wrong.any():
        at, label = np.argwhere(wrong)[0]
        raise EmgDistillError(
            f"{place}: frame {at}, class {label} is {frames[at, label]}; log probabilities are finite or -inf: "
            "look for a loss that diverged or an overflow in the model"
        )
    impossible = np.flatnonzero(frames.max(axis=1) == -np.inf)
    if len(impossible):
        raise EmgDistillError(f"{place}: frame {impossible[0]} is -inf for every class; one must be possible")
    return frames, blank


def check_rows(log_probs: ArrayLike, lengths: ArrayLike | None) -> tuple[NDArray[np.floating], list[int]]:
    """Return a batch of shape (rows, frames, classes) and the number of frames of each row that count.

    Raises
    ------
    EmgDistillError
        When shapes do not fit, or a length is not a whole number in ``0 .. frames``.
    """
    batch = np.asarray(log_probs)
    if batch.ndim != 3:
        raise EmgDistillError(f"log_probs has shape {batch.shape}: (rows, frames, classes) is required")
    if lengths is None:
        return batch, [batch.shape[1]] * len(batch)
    given = np.asarray(lengths)
    if given.shape != batch.shape[:1] or (len(given) and given.dtype.kind not in "iu"):
        raise EmgDistillError(
            f"lengths {given.dtype} {given.shape}: {len(batch)} whole numbers are required, one a row"
        )
    outside = np.flatnonzero((given < 0) | (given > batch.shape[1]))
    if len(outside):
        row = int(outside[0])
        raise EmgDistillError(f"lengths[{row}]={given[row]}: log_probs has {batch.shape[1]} frames a row")
    return batch, [int(length) for length in given]
