"""Whole recordings from their windows: outputs laid side by side, averaged where windows overlap."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

from .instants import central_frames

Outputs = NDArray[np.float32]


def join_recordings(
    outputs: Sequence[Outputs], recording: NDArray[np.int64], first: NDArray[np.int64]
) -> dict[int, Outputs]:
    """Return the outputs of whole recordings.

    Parameters
    ----------
    outputs
        Of each window, (frames, outputs); their numbers of frames may differ.
    recording
        Shape (windows,): which recording each window is of.
    first
        Shape (windows,): number of each window's first frame among those of its recording, ``>= 0``.

    Returns
    -------
    dict
        By recording, in order of their numbers: (frames, outputs) float32 from frame 0 on, the mean of all windows that
        have a frame.

    Raises
    ------
    EmgDistillError
        When no window has some frame of a recording.
    """
    joined = {}
    for number in np.unique(recording).tolist():
        rows = np.flatnonzero(recording == number).tolist()
        n_frames = max(int(first[row]) + len(outputs[row]) for row in rows)
        total = np.zeros((n_frames, outputs[rows[0]].shape[1]))
        count = np.zeros((n_frames, 1))
        for row in rows:
            here = slice(int(first[row]), int(first[row]) + len(outputs[row]))
            total[here] += outputs[row]
            count[here] += 1.0
        if not count.all():
            raise EmgDistillError(
                f"recording {number}: no window has frame {int(np.flatnonzero(count[:, 0] == 0)[0])} of {n_frames}; "
                "cut windows whose hop is at most what their frames cover"
            )
        joined[number] = np.asarray(total / count, np.float32)
    return joined


def whole_recording_log_probs(
    log_probs: Outputs,
    recording: NDArray[np.int64],
    start: NDArray[np.int64],
    valid: NDArray[np.int64],
    *,
    past: int,
    hop: int,
    first: int = 0,
) -> dict[int, Outputs]:
    """Return the log-probabilities of whole recordings from windows side by side, without their context.

    Parameters
    ----------
    log_probs
        Shape (windows, frames, classes), of windows with their context.
    recording, start, valid
        Shape (windows,): recording of each window, its first sample without context, and how many samples are real.
    past
        Samples of context before each window.
    hop, first
        Frame t of the network stands for sample ``first + hop * t`` of what it sees: 20 and 0 for the scaled
        Transformers of emg2qwerty, whose frames 90 to 489 are the window of 8,000 samples behind 1,800.

    Returns
    -------
    dict
        By recording: (frames, classes) float32.

    Raises
    ------
    EmgDistillError
        When windows do not begin on frames, or the network has no frame for some of a window's samples.
    """
    rows = [central_frames(past, length, hop, first) for length in valid.tolist()]
    if (start % hop).any() or any(frames.stop > log_probs.shape[1] for frames in rows):
        raise EmgDistillError(
            f"windows at samples {start[:4].tolist()} ... with frames 0 to {log_probs.shape[1] - 1}, hop={hop}, "
            f"past={past}: windows must begin on frames, and every sample of theirs must have one"
        )
    cropped = [log_probs[row, frames] for row, frames in enumerate(rows)]
    return join_recordings(cropped, recording, start // hop)
