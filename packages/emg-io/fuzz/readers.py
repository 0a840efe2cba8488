"""One target over all readers: open, read everything, and hold what comes out to the contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emg_io import EmgIoError, open_dataset
from emg_io.formats import REGISTRY

if TYPE_CHECKING:
    from emg_io import Recording

TINY = {"segment_s": 0.05, "gap_s": 0.05}
SHORT = {"segment_s": 0.1, "gap_s": 0.1}
OPTIONS: dict[str, dict[str, float]] = {
    **{f"ninapro-db{number}": TINY for number in range(2, 9)},
    **{f"neuromotor-{task}": TINY for task in ("gestures", "handwriting", "wrist")},
    **dict.fromkeys(("emg2pose", "emg2qwerty", "emg-bids", "flexemg", "putemg", "npy"), TINY),
    **dict.fromkeys(("biosppy", "csv", "edf", "uci", "xdf", "wfdb"), SHORT),
    **{name: {"segment_s": 0.05} for name in ("capgmyo-a", "capgmyo-b", "capgmyo-c", "csl-hdemg", "gaddy", "hyser")},
    **{name: {"segment_s": 0.1} for name in ("3dc", "emgflow", "openhdemg", "one-subject-myo")},
    "epn-612": {"segment_s": 0.3},
    "ninapro-db1": {"segment_s": 0.2, "gap_s": 0.1},
}


@dataclass(frozen=True)
class Specimen:
    """A small sound data set: the folder it lies in and the bytes of its files."""

    name: str
    folder: Path
    files: dict[Path, bytes]


def specimen(name: str, folder: Path, keep: int = 2) -> Specimen:
    """Forge one subject of a format and leave ``keep`` recordings of it."""
    options = OPTIONS.get(name, {})
    REGISTRY[name].forge(folder, 1, 7, **options)
    _prune(name, folder, keep)
    return Specimen(name, folder, {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()})


def _prune(name: str, folder: Path, keep: int) -> None:
    """Remove the files of all but the first recordings, unless the others are needed to read these."""
    sources = dict.fromkeys(recording.source for recording in open_dataset(folder, name))
    removed = {}
    for source in list(sources)[keep:]:
        file = Path(source)
        if file.is_file():
            removed[file] = file.read_bytes()
            file.unlink()
    if read(name, folder) is not None:
        for file, data in removed.items():
            file.write_bytes(data)


def read(name: str, folder: Path) -> EmgIoError | None:
    """Read all there is; return the error that the package raised, if any; anything else is a finding."""
    try:
        for recording in open_dataset(folder, name):
            _read_recording(recording)
    except EmgIoError as error:
        return error
    return None


def _read_recording(recording: Recording) -> None:
    """Read samples, annotations and signals beside them; nothing may contradict anything."""
    n, raw = recording.n_samples, recording.raw()
    assert raw.shape == (recording.n_chans, n), f"{raw.shape} is not ({recording.n_chans}, {n})"
    assert raw.dtype.kind in "iuf", raw.dtype
    assert recording.sfreq > 0, recording.sfreq
    missing = recording.metadata.get("missing_samples", 0)
    assert missing or np.isfinite(raw).all(), "samples that are not finite and not declared missing"
    for track in recording.tracks.values():
        assert track.values.shape == (n,), f"track {track.name}: {track.values.shape}"
    stamps = recording.timestamps
    assert stamps is None or (stamps.shape == (n,) and np.all(np.diff(stamps) >= 0)), "a clock that runs backwards"
    assert all(np.isfinite(event.onset) for event in recording.events), "an event at no time"
    for aux in recording.aux_names:
        assert recording.aux(aux).values.ndim == 2, aux
    recording.check()
