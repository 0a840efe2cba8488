"""The types a stream reads, computes in and writes: the same rule as for whole signals, fixed before the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import widen
from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@dataclass(frozen=True)
class Types:
    """What samples are given, what is computed in, and what comes out."""

    samples: np.dtype[Any]
    compute: np.dtype[Any]
    result: np.dtype[Any]

    @classmethod
    def of(cls, dtype: DTypeLike) -> Types:
        """Return the types for samples of ``dtype``: integers or floats of at most 64 bits."""
        try:
            samples = np.dtype(dtype).newbyteorder("=")
        except (TypeError, ValueError):
            samples = None
        if samples is None or samples.kind not in "iuf" or samples.itemsize > 8:
            raise EmgDspError(f"dtype={dtype!r}; required are integers or floats of at most 64 bits, e.g. 'float32'.")
        wide, result = widen(np.empty(0, dtype=samples))
        return cls(samples, wide.dtype, result)

    def check_holds(self, dtype: np.dtype[Any]) -> None:
        """Raise if samples of ``dtype`` would be rounded more in a stream of these types than in a whole signal."""
        other = Types.of(dtype)
        if other.compute.itemsize > self.compute.itemsize or other.result.itemsize > self.result.itemsize:
            raise EmgDspError(
                f"chunk has dtype {dtype}; this stream is of {self.samples}, which would round it. Open the stream "
                f"with dtype='{other.samples}', or convert the chunk, e.g. chunk.astype('{self.result}')."
            )
