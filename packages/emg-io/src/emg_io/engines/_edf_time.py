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
_MOST = 1_000_000
_TRIED = (64, 4096)


def record_length(n_samples: int, sfreq: float, longest: int, file: str) -> tuple[int, str]:
    """Return samples per record and the record's duration as the header writes it.

    The rate that header states, samples over duration, is ``sfreq``, at worst 1e-6 of it away. Among the lengths that
    come closest, one that divides ``n_samples`` is taken, of these the one nearest to 1 s; none is above ``longest``.
    """
    for tried in _TRIED:
        length, text, error = _best(_lengths(n_samples, sfreq, longest, tried), n_samples, sfreq)
        if error == 0:
            break
    if error > _CLOSE:
        problem = "no record length states this rate in eight characters: resample to a rate of fewer digits"
        expected = f"a rate such as {length / max(float(text), 1e-7):g} Hz"
        raise EmgIoError(problem, file=file, place="sfreq", expected=expected, found=f"{sfreq!r} Hz")
    return length, text


def _best(lengths: NDArray[np.intp], n_samples: int, sfreq: float) -> tuple[int, str, float]:
    """Return the best of some lengths, its duration as text, and how far the rate is off."""
    texts = [spell(length / sfreq) for length in lengths.tolist()]
    errors = np.abs(lengths / np.array([max(float(text), 1e-7) for text in texts]) / sfreq - 1)
    errors[errors < 1e-15] = 0.0
    best = int(np.lexsort((np.abs(np.log(lengths / sfreq)), n_samples % lengths != 0, errors))[0])
    return int(lengths[best]), texts[best], float(errors[best])


def _lengths(n_samples: int, sfreq: float, longest: int, tried: int) -> NDArray[np.intp]:
    """List lengths to try, in samples: those that divide the recording, and some around a second."""
    if not 0 < sfreq < 1e8:
        raise EmgIoError("not a rate", place="sfreq", expected="0..1e8 Hz", found=f"{sfreq!r}")
    first, last = max(1, int(_SHORTEST_S * sfreq)), max(1, min(int(_LONGEST_S * sfreq), longest, _MOST))
    lengths = np.arange(min(first, last), last + 1)
    near = lengths[np.argsort(np.abs(np.log(lengths / sfreq)), kind="stable")[:tried]]
    whole = [n_samples] if n_samples <= last else []
    return np.concatenate([near, lengths[n_samples % lengths == 0], whole]).astype(np.intp)


def spell(value: float) -> str:
    """Return a positive number in at most eight characters, no exponent, as close as they can."""
    text = np.format_float_positional(value, trim="-")
    if len(text) <= 8:
        return text
    return np.format_float_positional(value, precision=max(0, 7 - len(str(int(value)))), unique=False, trim="-")
