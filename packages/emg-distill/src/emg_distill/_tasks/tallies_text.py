"""Error rates of text, on windows or on whole recordings."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError
from emg_distill._examples.joining import whole_recording_log_probs
from emg_distill._metrics.text import character_error_metrics, word_error_metrics
from emg_distill._text.alphabet import get_alphabet
from emg_distill._text.decode import decode_batch

from .learner import Context
from .tallies import Measured


class TextTally:
    """Text: character error rate, and word error rate with an alphabet, by subject.

    Where the windows of a part cover whole recordings, outputs are joined without their context and decoded once a
    recording, and ``unit`` says so; else every window is decoded by itself.
    """

    monitors: ClassVar[tuple[str, ...]] = ("cer",)

    def __init__(self, part: Measured) -> None:
        self._part = part
        timeline = part.examples.timeline
        self._whole = timeline if timeline is not None and timeline.whole else None
        self._outputs: list[NDArray[np.float32]] = []
        self._found: list[NDArray[np.int64]] = []
        self._wanted: list[NDArray[np.int64]] = []

    @property
    def joins(self) -> bool:
        """Whether windows are joined, and their context dropped, here."""
        return self._whole is not None

    def add(self, rows: NDArray[np.int64], context: Context) -> None:  # noqa: ARG002  in order
        """Take in log-probabilities (batch, frames, classes), the blank last."""
        log_probs = context["prediction"].numpy()
        if self._whole is None:
            self._found += decode_batch(log_probs, context["input_lengths"].numpy(), self._part.decode, self._part.lm)
        else:
            self._outputs.append(log_probs)
        for symbols, length in zip(context["target"].numpy(), context["target_lengths"].tolist(), strict=True):
            self._wanted.append(symbols[:length])

    def result(self) -> dict[str, Any]:
        """Return ``cer`` and its parts and, with an alphabet, ``wer`` and ``words``."""
        subject = [str(name) for name in self._part.examples.subject]
        wanted, found = self._wanted, self._found
        if self._whole is not None:
            wanted, found, subject = self._joined(subject)
        metrics = character_error_metrics(wanted, found, subject)
        metrics["unit"] = "window" if self._whole is None else "recording"
        if not self._part.decode.alphabet:
            return metrics
        alphabet = get_alphabet(self._part.decode.alphabet)
        said, read = ([alphabet.decode(row) for row in rows] for rows in (wanted, found))
        words = word_error_metrics(said, read, subject)
        return {**metrics, "wer": words["wer"], "words": words}

    def _joined(self, subject: list[str]) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], list[str]]:
        """Return true texts, decoded texts and subjects, one a recording."""
        timeline, config = self._whole, getattr(self._part.model, "config", None)
        hop = getattr(config, "hop", None)
        if timeline is None or not isinstance(hop, int):
            raise EmgDistillError(
                f"{type(self._part.model).__name__} has no hop between frames: whole recordings cannot be joined from "
                "its windows; choose a protocol on windows"
            )
        joined = whole_recording_log_probs(
            np.concatenate(self._outputs),
            timeline.recording,
            timeline.start,
            timeline.valid,
            past=timeline.past,
            hop=hop,
        )
        wanted, found, who = [], [], []
        for recording, log_probs in joined.items():
            rows = np.flatnonzero(timeline.recording == recording).tolist()
            wanted.append(np.concatenate([self._wanted[row] for row in rows]))
            found += decode_batch(log_probs[None], None, self._part.decode, self._part.lm)
            who.append(subject[rows[0]])
        return wanted, found, who
