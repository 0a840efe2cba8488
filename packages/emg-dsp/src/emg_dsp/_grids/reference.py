"""`CommonReference`: what all channels have in common is taken from each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emg_dsp._checks import one_of
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run

from .electrodes import channel_list
from .memoryless import Memoryless, StatelessRun
from .rows import located

if TYPE_CHECKING:
    from emg_dsp._arrays import Array


@dataclass(frozen=True)
class CommonReference(Memoryless):
    """Subtract the mean or the median of the channels, sample by sample.

    Parameters
    ----------
    how : {"mean", "median"}
        The mean is linear; the median is not moved by a few channels that are far off.
    leave_out : sequence of int
        Channels that do not enter the reference, bad ones say; it is subtracted from them too.

    For monopolar channels of one grid. float32 is averaged in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import CommonReference
    >>> CommonReference()(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    kind = "common_reference"

    how: Literal["mean", "median"] = "mean"
    leave_out: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.how, "how", ("mean", "median"))
        object.__setattr__(self, "leave_out", channel_list(self.leave_out, "leave_out"))

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return a run; there is no memory."""
        kept = np.setdiff1d(np.arange(n_chans), self.leave_out)
        if len(kept) == 0 or (self.leave_out and self.leave_out[-1] >= n_chans):
            raise EmgDspError(
                f"leave_out={list(self.leave_out)} of {n_chans} channels; required are channels of the signal, "
                "and at least one that is left."
            )
        return _ReferenceRun(self.how, n_chans, kept, dtype)


class _ReferenceRun(StatelessRun):
    def __init__(self, how: str, n_chans: int, kept: Array, dtype: np.dtype[Any]) -> None:
        self._how, self._n_chans, self._kept = how, n_chans, kept
        self._starts = np.array([0, len(kept)])
        self._weights = np.full(len(kept), 1.0 / len(kept))
        self._common, self._out = Buffer(dtype), Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return self._n_chans

    def step(self, chunk: Array) -> Array:
        from .mixing import median_of_channels, mix

        common = self._common.take(1, chunk.shape[1])
        if self._how == "mean":
            mix(*located(chunk), self._starts, self._kept, self._weights, common)
        else:
            median_of_channels(chunk, self._kept, common[0])
        with np.errstate(invalid="ignore", over="ignore"):
            return np.subtract(chunk, common, out=self._out.take(*chunk.shape))
