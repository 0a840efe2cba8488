"""`RunningStandardizer`: scales each channel by what it has been lately, for signals without training data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._checks import positive
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run, Stage, checked_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emg_dsp._arrays import Array

_LONGEST = 1 << 62


@dataclass(frozen=True)
class RunningStandardizer(Stage):
    """Takes each channel to mean 0 and standard deviation 1 by its own past: causal, forgetting exponentially.

    A sample that is ``seconds`` old weighs ``1 / e`` of the newest; until so much has been seen, all samples weigh the
    same. Mean and variance include the sample that is scaled. A channel that has not changed gives 0. Statistics
    follow the level of contraction, so that amplitude is partly lost: where training data exist, `Standardizer` keeps
    it. Weighted variance by increments: West, Commun. ACM 22(9), 1979, doi:10.1145/359146.359153.

    Parameters
    ----------
    seconds : float
        Time constant in s; at least one sample.
    sfreq : float
        Sampling rate in Hz, > 0.

    Raises
    ------
    EmgDspError
        If a parameter is not positive, or the time constant is shorter than a sample.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import RunningStandardizer
    >>> RunningStandardizer(1.0, sfreq=1000)(np.array([[5.0, 5.0, 7.0, 5.0]])).round(2)
    array([[ 0.  ,  0.  ,  1.41, -0.58]])
    """

    kind = "running_zscore"

    seconds: float
    sfreq: float

    def __post_init__(self) -> None:
        rate, constant = positive(self.sfreq, "sfreq"), positive(self.seconds, "seconds", "s")
        if constant * rate < 1:
            raise EmgDspError(
                f"seconds={constant:g} is {constant * rate:g} samples at sfreq={rate:g} Hz; required is at least one."
            )
        object.__setattr__(self, "sfreq", rate)
        object.__setattr__(self, "seconds", constant)

    @property
    def weight(self) -> float:
        """Weight of the newest sample, in (0, 1)."""
        return -math.expm1(-1 / (self.seconds * self.sfreq))

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels before their first sample."""
        return _RunningRun(n_chans, self.weight, dtype)


class _RunningRun(Run):
    def __init__(self, n_chans: int, weight: float, dtype: np.dtype[Any]) -> None:
        self._mean, self._variance = np.zeros(n_chans), np.zeros(n_chans)
        self._weight = weight
        self._seen = 0
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return len(self._mean)

    def step(self, chunk: Array) -> Array:
        from .affine import follow_and_scale

        out = self._out.take(*chunk.shape)
        follow_and_scale(chunk, self._mean, self._variance, self._weight, self._seen, out)
        self._seen += chunk.shape[1]
        return out

    def dump(self) -> dict[str, Array]:
        return {
            "mean": self._mean.copy(),
            "variance": self._variance.copy(),
            "seen": np.array(self._seen, dtype=np.int64),
        }

    def load(self, state: Mapping[str, Array]) -> None:
        arrays = checked_state(state, self.dump(), "a running standardizer", {"seen": _LONGEST})
        self._mean, self._variance, self._seen = arrays["mean"], arrays["variance"], int(arrays["seen"])
