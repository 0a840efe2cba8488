"""The registry: one line a format, its name and its module, which is imported when the format is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._format import Format

MODULES = {
    "3dc": "threedc",
    "biosppy": "biosppy",
    "capgmyo-a": "capgmyo",
    "capgmyo-b": "capgmyo",
    "capgmyo-c": "capgmyo",
    "csl-hdemg": "csl",
    "csv": "csv",
    "edf": "edf",
    "emg-bids": "bids",
    "emg2pose": "emg2pose",
    "emg2qwerty": "emg2qwerty",
    "emgflow": "emgflow",
    "epn-612": "epn",
    "flexemg": "flexemg",
    "flexwear-hd": "flexwear",
    "fors-emg": "fors",
    "gaddy": "gaddy",
    "grabmyo": "grabmyo",
    "hyser": "hyser",
    "longterm-8ch": "longterm",
    "myo-armband": "myo_armband",
    "myo-readings": "myo_readings",
    "neuromotor-gestures": "neuromotor",
    "neuromotor-handwriting": "neuromotor",
    "neuromotor-wrist": "neuromotor",
    "ninapro-db1": "ninapro",
    "ninapro-db2": "ninapro",
    "ninapro-db3": "ninapro",
    "ninapro-db4": "ninapro",
    "ninapro-db5": "ninapro",
    "ninapro-db6": "ninapro",
    "ninapro-db7": "ninapro",
    "ninapro-db8": "ninapro",
    "npy": "npy",
    "one-subject-myo": "one_subject_myo",
    "openhdemg": "openhdemg",
    "putemg": "putemg",
    "uci": "uci",
    "wfdb": "wfdb",
    "xdf": "xdf",
}


class Registry(Mapping[str, "Format"]):
    """Formats by name, in the order of `MODULES`."""

    def __getitem__(self, name: str) -> Format:
        module = importlib.import_module(f"emg_io.formats.{MODULES[name]}")
        entries: tuple[Format, ...] = getattr(module, "FORMATS", None) or (module.FORMAT,)
        return next(entry for entry in entries if entry.info.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


REGISTRY = Registry()
