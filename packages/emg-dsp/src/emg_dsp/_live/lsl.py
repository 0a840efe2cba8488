"""`LslSource`: samples from the Lab Streaming Layer. pylsl is an extra and is imported when a source is opened."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from emg_dsp._checks import flag, one_of, positive, whole
from emg_dsp._errors import EmgDspError

from .source import Gap, TimedChunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from emg_dsp._arrays import Array

_FORMATS = {
    "cf_float32": "float32",
    "cf_double64": "float64",
    "cf_int8": "int8",
    "cf_int16": "int16",
    "cf_int32": "int32",
    "cf_int64": "int64",
}
_POLL = 0.1
_AT_ONCE = 1024


class LslSource:
    """One stream of the Lab Streaming Layer (LSL), found on the network, as a source of chunks.

    Iterating waits for samples and gives `TimedChunk` (channels, n), views of memory that hold until the next, and a
    `Gap` where time stamps jump: after a lost connection that came back, or when samples were dropped because they
    were not taken within ``buffer`` seconds. The network library reconnects to a sender that has a source id and came
    back with it; the gap is reported then. liblsl writes its own log, see its documentation (``lsl_api.cfg``).

    Parameters
    ----------
    name : str, optional
        Name of the stream.
    stream_type : str or None
        Content type of the stream; None takes any.
    source_id : str, optional
        Id of the sender, which tells streams of one name apart.
    n_chans : int, optional
        Channels that are required; by default whatever there are.
    wait : float
        Seconds to look for the stream, > 0.
    silence : float or None
        Seconds without a sample after which iterating raises; None waits for ever.
    max_gap : float
        Seconds by which a time stamp may differ from the nominal rate, > 0. Networks jitter; what is longer is a gap.
        Streams of irregular rate have none.
    buffer : int
        Seconds that are kept while nobody takes them, >= 1.
    clock : {"local", "sender"}
        Time stamps on the clock of this machine (`pylsl.local_clock`) or of the sender's.
    recover : bool
        Whether to reconnect; otherwise a lost stream raises at once.

    Raises
    ------
    EmgDspError
        If pylsl or its library is missing, or there is no such stream, several, or one of another kind.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        stream_type: str | None = "EMG",
        source_id: str | None = None,
        n_chans: int | None = None,
        wait: float = 5.0,
        silence: float | None = 5.0,
        max_gap: float = 0.1,
        buffer: int = 10,
        clock: Literal["local", "sender"] = "local",
        recover: bool = True,
    ) -> None:
        one_of(clock, "clock", ("local", "sender"))
        self._silence = None if silence is None else positive(silence, "silence", "s")
        self._max_gap = positive(max_gap, "max_gap", "s")
        kept, patience = whole(buffer, "buffer", 1, " seconds"), positive(wait, "wait", "s")
        again = flag(recover, "recover")
        asked = _asked({"name": name, "type": stream_type, "source_id": source_id})
        pylsl = _pylsl()
        info = _resolve(pylsl, asked, patience)
        self._describe(pylsl, info, n_chans)
        flags = pylsl.proc_clocksync if clock == "local" else pylsl.proc_none
        self._inlet = pylsl.StreamInlet(info, max_buflen=kept, recover=again, processing_flags=flags)
        self._open(patience)
        self._memory: Array = np.empty((_AT_ONCE, self.n_chans), dtype=self.dtype)
        self._stopped = Event()
        self._last: float | None = None
        self._n_seen = 0

    def _describe(self, pylsl: ModuleType, info: Any, n_chans: int | None) -> None:  # noqa: ANN401
        """Take over what the sender says of its stream, and check the number of channels."""
        self.name: str = info.name()
        """Name of the stream."""
        self.n_chans: int = info.channel_count()
        """Channels."""
        self.sfreq: float | None = info.nominal_srate() or None
        """Nominal sampling rate in Hz; None where samples come irregularly."""
        self.dtype = np.dtype(_format(pylsl, info))
        """Type of the samples."""
        if n_chans not in (None, self.n_chans):
            raise EmgDspError(f"LSL stream {self.name!r} has {self.n_chans} channels; required are n_chans={n_chans}.")

    def stop(self) -> None:
        """End the iteration, from any thread, within a tenth of a second."""
        self._stopped.set()

    def close(self) -> None:
        """Stop, and leave the stream."""
        self.stop()
        self._inlet.close_stream()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[TimedChunk | Gap]:
        heard = monotonic()
        while not self._stopped.is_set():
            times = self._pull()
            if len(times):
                yield from self._pieces(times)
                heard = monotonic()
            elif self._silence is not None and monotonic() - heard > self._silence:
                raise EmgDspError(
                    f"LSL stream {self.name!r} has been silent for {self._silence:g} s after {self._n_seen} samples; "
                    "check the sender, or wait longer with silence=."
                )

    def _open(self, patience: float) -> None:
        """Start the transmission, which is buffered from here on."""
        try:
            self._inlet.open_stream(timeout=patience)
        except (RuntimeError, TimeoutError) as error:
            raise EmgDspError(
                f"LSL stream {self.name!r} was found but did not open within {patience:g} s ({error!r}); "
                "check the sender and the firewall."
            ) from None

    def _pull(self) -> Array:
        """Wait shortly for a sample, then take what is there; return the times."""
        try:
            _, times = self._inlet.pull_chunk(timeout=_POLL, max_samples=1, dest_obj=self._memory[:1])
            if len(times):
                rest = self._memory[1:]
                times = [*times, *self._inlet.pull_chunk(timeout=0.0, max_samples=len(rest), dest_obj=rest)[1]]
        except RuntimeError as error:
            raise EmgDspError(
                f"LSL stream {self.name!r} was lost after {self._n_seen} samples ({error!r}); "
                "start the sender again and open a new source."
            ) from None
        return np.array(times, dtype=np.float64)

    def _pieces(self, times: Array) -> Iterator[TimedChunk | Gap]:
        """Cut what was taken where time stamps jump."""
        cuts = self._jumps(times)
        for start, stop in pairwise([*sorted({0, *cuts}), len(times)]):
            if start in cuts:
                before = times[start - 1] if start else self._last
                missing = round((times[start] - before) * self.sfreq) - 1
                yield Gap(missing, float(times[start]))
            self._last = float(times[stop - 1])
            self._n_seen += stop - start
            yield TimedChunk(self._memory[start:stop].T, self._last)

    def _jumps(self, times: Array) -> list[int]:
        """Return the positions before which samples are missing."""
        if self.sfreq is None:
            return []
        before = np.concatenate([[times[0] - 1 / self.sfreq if self._last is None else self._last], times[:-1]])
        return [int(n) for n in np.flatnonzero(np.abs(times - before - 1 / self.sfreq) > self._max_gap)]


def _pylsl() -> ModuleType:
    """Import pylsl, or say how to get it."""
    try:
        return import_module("pylsl")
    except ImportError:
        raise EmgDspError("LSL needs pylsl, which is not installed; run: pip install 'emg-dsp[lsl]'.") from None
    except RuntimeError as error:
        raise EmgDspError(f"pylsl is installed, but its library liblsl does not load: {error}") from None


def _asked(wanted: dict[str, Any]) -> dict[str, str]:
    """Return what is said of the stream, checked."""
    asked = {key: value for key, value in wanted.items() if value is not None}
    for key, value in asked.items():
        if not isinstance(value, str) or "'" in value:
            raise EmgDspError(f"{key}={value!r}; required is a text without quotation marks.")
    return asked


def _resolve(pylsl: Any, asked: dict[str, str], patience: float) -> Any:  # noqa: ANN401
    """Find the one stream that fits."""
    told = ", ".join(f"{key} {value!r}" for key, value in asked.items()) or "any stream"
    predicate = " and ".join(f"{key}='{value}'" for key, value in asked.items())
    found = pylsl.resolve_bypred(predicate or "true()", 1, patience)
    if len(found) == 1:
        return found[0]
    seen = found or pylsl.resolve_streams(min(patience, 1.0))
    names = ", ".join(sorted(f"{i.name()!r} ({i.type()}, source id {i.source_id()!r})" for i in seen)) or "none"
    count = "several LSL streams are" if found else "no LSL stream was found that is"
    raise EmgDspError(
        f"{count} {told}, within {patience:g} s; seen: {names}; required is exactly one. "
        "Give name, stream_type and source_id."
    )


def _format(pylsl: Any, info: Any) -> str:  # noqa: ANN401
    """Return the type of the samples."""
    formats = {getattr(pylsl, name): dtype for name, dtype in _FORMATS.items()}
    if info.channel_format() not in formats:
        raise EmgDspError(f"LSL stream {info.name()!r} holds text; required are numbers.")
    return formats[info.channel_format()]
