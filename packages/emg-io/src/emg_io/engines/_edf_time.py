"""How long the records of a written file are: about a second, exact in eight characters, and dividing the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENDS = "Recording ends"
_SHORTEST_S, _LONGEST_S = 0.1, 20.0
_CLOSE = 1e-6
_TRIED = 4096


def record_length(n_samples: int, sfreq: float, longest: int, file: str) -> tuple[int, str]:
    """Return samples per record and the record's duration as the header writes it.

    The rate that header states, samples over duration, is ``sfreq``, at worst 1e-6 of it away. Among the lengths that
    come closest, one that divides ``n_samples`` is taken, of these the one nearest to 1 s; none is above ``longest``.
    """
    lengths = _lengths(n_samples, sfreq, longest)
    texts = [spell(length / sfreq) for length in lengths.tolist()]
    rates = lengths / np.array([max(float(words), 1e-7) for words in texts])
    errors = np.abs(rates / sfreq - 1)
    errors[errors < 1e-15] = 0.0
    best = int(np.lexsort((np.abs(np.log(lengths / sfreq)), n_samples % lengths != 0, errors))[0])
    if errors[best] > _CLOSE:
        raise EmgIoError(
            "no record length states this rate in eight characters: resample to a rate of fewer digits",
            file=file,
            place="sfreq",
            expected=f"a rate such as {rates[best]:g} Hz",
            found=f"{sfreq!r} Hz",
        )
    return int(lengths[best]), texts[best]


def _lengths(n_samples: int, sfreq: float, longest: int) -> NDArray[np.intp]:
    """List lengths to try, in samples: those that divide the recording, and many around a second."""
    if not 0 < sfreq < 1e8:
        raise EmgIoError("not a rate", place="sfreq", expected="0..1e8 Hz", found=f"{sfreq!r}")
    ends = max(1, int(_SHORTEST_S * sfreq)), max(2, min(int(_LONGEST_S * sfreq), longest) + 1)
    if n_samples < ends[0]:
        return np.array([n_samples])
    lengths = np.arange(*ends) if ends[0] < ends[1] else np.array([longest])
    near = lengths[np.argsort(np.abs(np.log(lengths / sfreq)), kind="stable")[:_TRIED]]
    return np.union1d(near, lengths[n_samples % lengths == 0])


def spell(value: float) -> str:
    """Return a positive number in at most eight characters, no exponent, as close as they can."""
    text = np.format_float_positional(value, trim="-")
    if len(text) <= 8:
        return text
    return np.format_float_positional(value, precision=max(0, 7 - len(str(int(value)))), unique=False, trim="-")
