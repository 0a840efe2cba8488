"""`Memoryless`: stages that look at one sample of all channels at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._arrays import Array, NanPolicy, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._stages import Run, Stage
from emg_dsp._stages.stage import checked_state

from .images import flat_lead
from .rows import located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

_BLOCK = 1024


class StatelessRun(Run):
    """A run without memory."""

    def dump(self) -> dict[str, Array]:
        return {}

    def load(self, state: Mapping[str, Array]) -> None:
        checked_state(state, {}, "a stage without memory")


class Memoryless(Stage):
    """A stage whose output at a sample depends on that sample alone, channels in, channels out.

    A whole signal goes through in blocks that stay in the cache; since samples do not depend on each other, the blocks
    cannot be seen in the result.
    """

    sfreq = None

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Process a whole signal.

        Parameters
        ----------
        x : array (..., channels, time)
            Integers or floats, any unit; never altered.
        nan : {"raise", "propagate"}
            A NaN or infinite sample that has an influence raises and is named, or spreads at its own sample.

        Returns
        -------
        array (..., channels out, time)
            A new array in the unit of ``x``: float64 for float64, float32 for everything else.
        """
        from .moves import spoiled

        check_policy(nan)
        given = as_signal(x)
        wide, result = widen(given)
        run = self.start(given.shape[-2], wide.dtype)
        out = np.empty((*given.shape[:-2], run.n_chans_out, given.shape[-1]), dtype=wide.dtype)
        for source, target in zip(flat_lead(wide, 2), flat_lead(out, 2), strict=True):
            for start in range(0, given.shape[-1], _BLOCK):
                block = run.step(source[:, start : start + _BLOCK])
                target[:, start : start + _BLOCK] = block
                if nan == "raise" and np.isnan(spoiled(*located(block), block.shape[1])):
                    raise_not_finite(np.where(self.heard(given.shape[-2])[:, None], given, 0))
        return out.astype(result, copy=False)

    def heard(self, n_chans: int) -> NDArray[np.bool_]:
        """Tell which channels have an influence on the output."""
        return np.ones(n_chans, dtype=bool)
