"""Opens the stream that a live run feeds: channels and rate must be those of the source."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from emg_dsp._arrays import check_policy
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Stage, Stream


def opened(source: Any, stage: Any, nan: Literal["raise", "propagate"]) -> tuple[Stage, Stream | None]:  # noqa: ANN401
    """Return the stage, and its stream where the number of channels is known already."""
    check_policy(nan)
    n_chans = getattr(source, "n_chans", None)
    if isinstance(stage, Stream):
        if n_chans not in (None, stage.n_chans):
            raise EmgDspError(f"the source has {n_chans} channels, the stream {stage.n_chans}; required are as many.")
        _check_rates(source, stage.stage)
        return stage.stage, stage
    if not isinstance(stage, Stage):
        raise EmgDspError(f"stage={stage!r}; required is a Stage or a Stream.")
    _check_rates(source, stage)
    return stage, None if n_chans is None else stage.stream(n_chans, nan=nan)


def _check_rates(source: object, stage: Stage) -> None:
    """Raise where source and stage both have a rate, and not the same."""
    given = getattr(source, "sfreq", None)
    if given is not None and stage.sfreq is not None and not np.isclose(given, stage.sfreq, rtol=1e-9, atol=0):
        raise EmgDspError(
            f"the source gives {given:g} Hz, the stage is made for {stage.sfreq:g} Hz; design it for the source's rate."
        )


def warm(stream: Stream) -> None:
    """Push a sample through a copy of the stream, so that the first chunk does not wait for the compiler."""
    twin = stream.fork()
    twin.push(np.zeros((stream.n_chans, 1), dtype=stream.dtype or np.float32))
