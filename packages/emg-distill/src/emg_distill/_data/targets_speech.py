"""Audible speech as a target: cepstral coefficients of the audio beside the EMG, and the phonemes that were spoken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emg_distill._errors import EmgDistillError

from ._siblings import siblings
from .cepstra import N_CEPSTRA, cepstra, decode_audio
from .targets_text import digest_of
from .textgrid import PHONEMES, phones_at, read_phones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    import emg_io
    from emg_distill._examples.examples import Kind

    from .targets import Plan
    from .windows import WindowTable

    Ints = NDArray[np.int64]

_LATE_S = 0.5  # how far the lengths of EMG and audio may differ
_NUMBER = re.compile(r"(\d+)_emg\.npy$", re.IGNORECASE)


@dataclass(frozen=True)
class SpeechTarget:
    """Cepstral coefficients and phonemes of utterances that were spoken aloud, one frame for every `hop` samples.

    Frame f of an utterance stands for its sample ``hop * f``. A window has the frames from the one nearest to its first
    sample on. Coefficients have mean 0 and deviation 1 over each utterance (over all recordings in released code).
    Silently mouthed utterances have no sound of their own: pairing them with spoken ones, as published, is not offered.

    Attributes
    ----------
    hop
        Samples from frame to frame; 8 as TinyMyo's networks for speech.
    length
        Samples of a window; shorter ones are filled up.
    alignments
        Folder in the data folder that holds ``<day>/<day>_<number>_audio.TextGrid``, as the publisher names them.
    """

    hop: int = 8
    length: int = 1600
    alignments: str = "text_alignments"
    kind: Kind = "speech"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return the coefficients, then the phonemes."""
        return [*(f"mfcc {number}" for number in range(N_CEPSTRA)), *PHONEMES]

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return `features` (frames, 26) float32 and `phonemes` (frames,) int64."""
        if recording.task.startswith(_SILENT):
            return {"features": np.zeros((0, N_CEPSTRA), np.float32), "phonemes": np.zeros(0, np.int64)}
        n_frames = -(-uniform.n_samples // self.hop)
        hop_s = self.hop / uniform.sfreq
        audio, sfreq = decode_audio(*_beside(recording))
        if abs(len(audio) / sfreq - recording.n_samples / recording.sfreq) > _LATE_S:
            raise EmgDistillError(
                f"{recording.source}: {recording.n_samples / recording.sfreq:.2f} s of EMG beside "
                f"{len(audio) / sfreq:.2f} s of audio; they must agree within {_LATE_S} s"
            )
        features = standardised(cepstra(audio, sfreq, n_frames, hop_s))
        text, file = self._alignment(recording)
        phonemes = phones_at(read_phones(text, file), np.linspace(0.0, (n_frames - 1) * hop_s, n_frames))
        return {"features": features, "phonemes": phonemes}

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Keep the windows of utterances that have a sound."""
        return windows.take(np.full(len(windows), len(plan["phonemes"]) > 0))

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> SpeechTable:
        """Return the frames of a part's windows."""
        return SpeechTable(tuple(plans), windows.recording, windows.valid, self.hop, self.length)

    def _alignment(self, recording: emg_io.Recording) -> tuple[str, str]:
        """Read the alignment of an utterance: its text, and how messages name the file."""
        number = _NUMBER.search(recording.source)
        name = f"{self.alignments}/{recording.session}/{recording.session}_{number[1] if number else ''}_audio.TextGrid"
        container, (io, _) = _container(recording), siblings()
        try:
            return container.read(name).decode("utf-8", "replace"), container.label(name)
        except io.EmgIoError as error:
            raise EmgDistillError(
                f"{recording.source} has no alignment: {error}; put the publisher's folder of alignments into the data "
                "folder"
            ) from None


_SILENT = "silent_parallel"


@dataclass(frozen=True, eq=False)
class SpeechTable:
    """Frames of windows, cut from those of their utterances.

    Attributes
    ----------
    plans
        `features` and `phonemes` of each utterance.
    recording, valid
        Utterance and number of real samples of each window, (windows,) int64.
    hop, length
        Samples from frame to frame, and of a window.
    """

    plans: tuple[Plan, ...]
    recording: Ints
    valid: Ints
    hop: int
    length: int

    @property
    def digest(self) -> str:
        """Sha256 (hex) of frames and windows."""
        arrays = [plan[name] for plan in self.plans for name in ("features", "phonemes")]
        return digest_of([*arrays, self.recording, self.valid], f"{self.hop} {self.length}")

    def read(self, rows: Ints, starts: Ints) -> dict[str, torch.Tensor]:
        """Return `y` (batch, frames, 26) float32, `phonemes` (batch, frames) int64 and `weight` like `y`, 0 beyond."""
        n_frames = -(-self.length // self.hop)
        y = np.zeros((len(rows), n_frames, N_CEPSTRA), np.float32)
        phonemes, weight = np.zeros((len(rows), n_frames), np.int64), np.zeros(y.shape, np.float32)
        triples = zip(self.recording[rows].tolist(), starts.tolist(), self.valid[rows].tolist(), strict=True)
        for row, (recording, start, valid) in enumerate(triples):
            first = (2 * start + self.hop) // (2 * self.hop)
            here = slice(first, first - (-valid // self.hop))
            found = self.plans[recording]["features"][here]
            y[row, : len(found)], weight[row, : len(found)] = found, 1.0
            phonemes[row, : len(found)] = self.plans[recording]["phonemes"][here]
        fields = {"y": y, "phonemes": phonemes, "weight": weight}
        return {name: torch.from_numpy(value) for name, value in fields.items()}


def standardised(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features (frames, n) with mean 0 and deviation 1 over the frames; constant ones become 0."""
    deviation = features.std(axis=0)
    safe = np.where(deviation > 0.0, deviation, 1.0)
    return np.asarray((features - features.mean(axis=0)) / safe, np.float32)


def _container(recording: emg_io.Recording) -> Any:  # noqa: ANN401  a container of emg-io
    """Return where the files beside a recording lie."""
    reader: Any = recording.reader
    return reader.container


def _beside(recording: emg_io.Recording) -> tuple[bytes, str]:
    """Read the audio of an utterance, cleaned where it is there: its bytes, and how messages name the file."""
    metadata: Any = recording.metadata
    name = metadata["files"].get("audio_clean") or metadata["files"].get("audio")
    if not name:
        raise EmgDistillError(
            f"{recording.source} has no audio beside it, neither _audio_clean.flac nor _audio.flac: get the whole set"
        )
    container = _container(recording)
    return container.read(name), container.label(name)
