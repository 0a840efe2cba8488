"""Writing recordings as an EMG-BIDS data set: BDF+ files, tables and JSON, a new folder whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._atomic import new_folder
from ._dataset import Dataset
from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._bids_written import WrittenRecording
    from ._recording import Recording

_OURS = {"SamplingFrequency", "EMGChannelCount", "RecordingDuration", "RecordingType", "TaskName"}


def write_bids(
    recordings: Dataset | Iterable[Recording],
    out: str | Path,
    *,
    task: str = "emg",
    name: str = "",
    licence: str = "",
    citation: str = "",
    authors: tuple[str, ...] = (),
    power_line_hz: float | None = None,
    sidecar: Mapping[str, object] | None = None,
) -> tuple[WrittenRecording, ...]:
    """Write recordings as an EMG-BIDS data set.

    Parameters
    ----------
    recordings
        A data set or recordings, uniform clocks only; read one at a time.
    out
        Folder to make; it must not exist or be empty, and stays so when something goes wrong.
    task
        Task of recordings that name none.
    name, licence, citation, authors
        For dataset_description.json; a data set's own licence and citation where not given.
    power_line_hz
        Frequency of the mains, Hz; None writes ``n/a``.
    sidecar
        Further fields of ``_emg.json``, such as ``{"EMGReference": "bipolar", "Manufacturer": ...}``.

    Returns
    -------
    tuple of WrittenRecording
        What became of each.

    Raises
    ------
    EmgIoError
        If a clock is not uniform (resample first), samples are not finite, or two recordings get the same name.

    Notes
    -----
    Integers of 24 bits or fewer are written as they are (`Recording.raw` reads them back to the last bit), with scale
    and offset in the header. Floats that are no integers, and wider integers, are rounded to a step of 1, 2 or 5 times
    a power of ten, at most 3e-7 of the largest amplitude; `WrittenRecording.quantum` states it. The tracks ``"label"``
    and ``"repetition"``, events, units and layout are read back as they were, and so are signals beside the EMG that
    share its rate and length, rounded likewise; other tracks and signals are not written.
    """
    from ._bids_writer import About, Writer

    about = About(task, power_line_hz, dict(sidecar or {}))
    described = {"Name": name or "EMG recordings", "License": licence, "HowToAcknowledge": citation}
    if isinstance(recordings, Dataset):
        info = recordings.info
        own = {"Name": name or info.title, "License": licence or info.licence}
        described |= own | {"HowToAcknowledge": citation or info.citation}
    clash = _OURS & set(about.sidecar)
    if clash:
        raise EmgIoError("fields that recordings decide", place="sidecar", found=", ".join(sorted(clash)))
    with new_folder(Path(out)) as folder:
        writer = Writer(folder, about)
        written = tuple(writer.add(recording) for recording in recordings)
        if not written:
            raise EmgIoError("no recordings to write", file=str(out), expected="at least one")
        writer.finish(described, authors)
    return written
