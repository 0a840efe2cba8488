"""`Chain`: several stages as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emg_dsp._arrays import Array, NanPolicy, as_signal
from emg_dsp._errors import EmgDspError

from .stage import Run, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import ArrayLike


class Chain(Stage):
    """Stages one after another: each takes what the one before gives."""

    kind = "chain"

    def __init__(self, stages: Iterable[Stage]) -> None:
        flat = [part for stage in stages for part in (stage.stages if isinstance(stage, Chain) else (stage,))]
        if not flat:
            raise EmgDspError("a chain of no stages; required is at least one.")
        self._stages = tuple(flat)
        self.sfreq = next((stage.sfreq for stage in flat if stage.sfreq is not None), None)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return self._stages

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Process a whole signal, stage by stage."""
        result: Array = as_signal(x)
        for stage in self._stages:
            result = stage(result, nan=nan)
        return result

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Start every stage."""
        runs: list[Run] = []
        for stage in self._stages:
            runs.append(stage.start(runs[-1].n_chans_out if runs else n_chans, dtype))
        return _ChainRun(runs)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"kind": "chain", "stages"}``."""
        return {"kind": "chain", "stages": [stage.to_dict() for stage in self._stages]}


class _ChainRun(Run):
    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs

    @property
    def n_chans_out(self) -> int:
        return self._runs[-1].n_chans_out

    def step(self, chunk: Array) -> Array:
        for run in self._runs:
            chunk = run.step(chunk)
        return chunk

    def dump(self) -> dict[str, Array]:
        return {f"{n}.{name}": value for n, run in enumerate(self._runs) for name, value in run.dump().items()}

    def load(self, state: Mapping[str, Array]) -> None:
        for n, run in enumerate(self._runs):
            run.load({name.split(".", 1)[1]: value for name, value in state.items() if name.startswith(f"{n}.")})
