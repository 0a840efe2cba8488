"""`Chain`: several stages as one."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emg_dsp._arrays import Array, NanPolicy, as_signal, check_policy, widen
from emg_dsp._errors import EmgDspError

from .stage import Run, Stage
from .whole import narrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import ArrayLike


class Chain(Stage):
    """Stages one after another: each takes what the one before gives. Built with ``|``.

    Parameters
    ----------
    stages : iterable of Stage
        At least one; chains among them are taken apart. Rates must fit, and only the last may give frames.

    Raises
    ------
    EmgDspError
        If there is no stage, a rate does not fit the one before, or a stage follows one of frames.

    Examples
    --------
    >>> import emg_dsp
    >>> emg_dsp.highpass(20, sfreq=1000) | emg_dsp.notch(50, sfreq=1000)
    Filter(highpass 20 Hz, order 4; 2 sections at 1000 Hz) | Filter(notch 50 Hz, Q 30; 1 sections at 1000 Hz)
    """

    kind = "chain"
    _stages: tuple[Stage, ...]

    def __init__(self, stages: Iterable[Stage]) -> None:
        flat: list[Stage] = []
        for stage in _listed(stages):
            if not isinstance(stage, Stage):
                raise EmgDspError(f"stage {len(flat) + 1} of a chain is {stage!r}; required is a Stage.")
            flat.extend(stage.stages if isinstance(stage, Chain) else (stage,))
        if not flat:
            raise EmgDspError("a chain of no stages; required is at least one.")
        _check_frames(flat)
        _check_rates(flat)
        vars(self).update(_stages=tuple(flat), sfreq=_rate_in(flat), frames=flat[-1].frames)

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return self._stages

    @property
    def sfreq_out(self) -> float | None:
        """Sampling rate of the output in Hz; None where it is that of the input."""
        return next((stage.sfreq_out for stage in reversed(self._stages) if stage.sfreq_out is not None), None)

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Process a whole signal (..., channels, time), stage by stage; see `Stage`."""
        check_policy(nan)
        signal, result = widen(as_signal(x))
        values: Array = signal
        for n, stage in enumerate(self._stages):
            with self._at(n):
                values = stage(values, nan=nan)
        return narrow(values, result)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Start every stage."""
        runs: list[Run] = []
        for n, stage in enumerate(self._stages):
            with self._at(n):
                runs.append(stage.start(runs[-1].n_chans_out if runs else n_chans, dtype))
        return _ChainRun(self, runs)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"kind": "chain", "stages"}``."""
        return {"kind": "chain", "stages": [stage.to_dict() for stage in self._stages]}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Chain:
        """Build the chain that `to_dict` described; missing and unknown keys raise."""
        if set(fields) != {"kind", "stages"} or fields["kind"] != "chain" or not isinstance(fields["stages"], list):
            raise EmgDspError(f"not a chain: keys {sorted(fields)}; required are kind 'chain' and a list of stages.")
        return cls([Stage.from_dict(part) for part in fields["stages"]])

    @contextmanager
    def _at(self, n: int) -> Iterator[None]:
        """Say in which stage an error occurred."""
        try:
            yield
        except EmgDspError as error:
            place = f"stage {n + 1} of {len(self._stages)} ({self._stages[n].kind})"
            raise EmgDspError(f"{place}: {error}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self._stages == other._stages

    def __hash__(self) -> int:
        return hash(self._stages)

    def __repr__(self) -> str:
        return " | ".join(repr(stage) for stage in self._stages)


class _ChainRun(Run):
    def __init__(self, chain: Chain, runs: list[Run]) -> None:
        self._chain = chain
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
        parts: list[dict[str, Array]] = [{} for _ in self._runs]
        for name, value in state.items():
            place, _, rest = str(name).partition(".")
            if not (place.isascii() and place.isdigit() and int(place) < len(parts)):
                raise EmgDspError(f"state of a chain of {len(parts)} stages has the array {name!r}; no stage has it.")
            parts[int(place)][rest] = value
        before = [run.dump() for run in self._runs]
        try:
            self._load_all(parts)
        except EmgDspError:
            self._load_all(before)
            raise

    def _load_all(self, parts: list[dict[str, Array]]) -> None:
        for n, (run, part) in enumerate(zip(self._runs, parts, strict=True)):
            with self._chain._at(n):  # noqa: SLF001  the run of this very chain
                run.load(part)


def _listed(stages: Iterable[Stage]) -> list[Stage]:
    """Return stages as a list, or raise where they cannot be counted off."""
    try:
        return list(stages)
    except TypeError:
        raise EmgDspError(f"stages={stages!r}; required is a list of stages.") from None


def _check_frames(stages: list[Stage]) -> None:
    """Raise unless only the last stage gives frames."""
    for n, (stage, after) in enumerate(pairwise(stages), 1):
        if stage.frames:
            raise EmgDspError(
                f"stage {n + 1} ({after.kind}) follows stage {n} ({stage.kind}), which gives frames, not samples; "
                "required is a stage of frames at the end only."
            )


def _check_rates(stages: list[Stage]) -> None:
    """Raise unless every stage takes the rate that the stages before it give."""
    rate: float | None = None
    origin = 0
    for n, stage in enumerate(stages, 1):
        if rate is not None and stage.sfreq is not None and not math.isclose(rate, stage.sfreq, rel_tol=1e-9):
            raise EmgDspError(
                f"stage {n} ({stage.kind}) is made for sfreq={stage.sfreq:g} Hz, but stage {origin} "
                f"({stages[origin - 1].kind}) gives {rate:g} Hz; make both for one rate, or resample between them."
            )
        given = stage.sfreq_out if stage.sfreq_out is not None else stage.sfreq
        if given is not None:
            rate, origin = given, n


def _rate_in(stages: list[Stage]) -> float | None:
    """Return the rate that the chain takes: that of the first stage that has one, unless the rate changed before."""
    for stage in stages:
        if stage.sfreq is not None or stage.sfreq_out is not None:
            return stage.sfreq
    return None
