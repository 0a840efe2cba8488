"""Which signals of an EDF file are EMG, in what unit, and how the others lie beside them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emg_io.engines._edf_header import EdfHeader

_VOLTS = {"V": 0, "mV": -3, "uV": -6}  # powers of ten
_COUNTS = {"adc", "count", "counts", "lsb", "bit", "bits", "digital", "arbitrary"}
_MICRO = re.compile("^(?:µ|μ|Âµ|Î¼|\ufffd|\\?|micro|mc)(?=V)", re.IGNORECASE)
_EMG = re.compile(r"(?:^|[^a-z])(?:hd)?s?EMG", re.IGNORECASE)
_OTHERS = re.compile(
    r"(?:EEG|ECG|EKG|EOG|ERG|MEG|MCG|EP|Temp|Resp|SaO2|SpO2|Light|Sound|Event|Status|Trig(?:ger)?|Marker|Pulse|GSR|EDA|"
    r"ACC|Accel|Gyro|Mag|Force|Torque|Angle|Position)(?![a-z])",
    re.IGNORECASE,
)


class Group(NamedTuple):
    """Signals beside the EMG that share kind, rate and unit: ``name``, their indices, their unit as written."""

    name: str
    signals: tuple[int, ...]
    unit: str


def unit_of(text: str) -> tuple[str, int]:
    """Return the unit a text means, as `Recording.unit` spells it, and the power of ten that leads to it."""
    words = _MICRO.sub("u", text.strip())
    words = {"volt": "V", "volts": "V", "uv": "uV", "mv": "mV", "v": "V"}.get(words.lower(), words)
    if words == "nV":
        return "uV", -3
    if words in _VOLTS:
        return words, 0
    return ("adc", 0) if words.lower() in _COUNTS else ("unknown", 0)


def pick(header: EdfHeader, file: str) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """Choose the EMG of a file by labels and units.

    Returns
    -------
    picked : tuple of int
        Signals labelled EMG; where none is, those of no other declared type, in volts where some are. Only those of the
        highest rate.
    others : tuple of int
        The remaining signals, annotations left out.
    how : str
        What was done, in words.
    """
    ordinary = [index for index, signal in enumerate(header.signals) if not signal.holds_annotations]
    found, how = [index for index in ordinary if _EMG.search(header.signals[index].label)], "signals labelled EMG"
    if not found:
        found, how = _unlabelled(header, ordinary)
    if not found:
        labels = ", ".join(header.signals[index].label for index in ordinary) or "annotations alone"
        raise EmgIoError("no EMG in the file", file=file, place="labels", expected="a signal 'EMG ...'", found=labels)
    picked = of_highest_rate(header, found)
    if len(picked) < len(found):
        how += ", those of the highest rate"
    return picked, tuple(index for index in ordinary if index not in picked), how


def of_highest_rate(header: EdfHeader, signals: Sequence[int]) -> tuple[int, ...]:
    """Return the signals that have the most samples a record."""
    most = max(header.signals[index].n_per_record for index in signals)
    return tuple(index for index in signals if header.signals[index].n_per_record == most)


def calibration(
    header: EdfHeader, signals: Sequence[int], file: str, units: Sequence[str] | None = None
) -> tuple[str, float | tuple[float, ...], float | tuple[float, ...]]:
    """Return the unit of the first signal, and scale and offset of all in it: one number, or one each.

    ``units`` replace those of the header where it states none.
    """
    written = [header.signals[index].unit for index in signals]
    if units is not None:
        written = [said or other for said, other in zip(written, units, strict=True)]
    known = [unit_of(text) for text in written]
    kinds = {"volts" if unit in _VOLTS else unit for unit, _ in known}
    if len(kinds) > 1:
        problem, found = "EMG signals in units that cannot be compared", ", ".join(dict.fromkeys(written))
        raise EmgIoError(problem, file=file, place="unit", expected="one kind of unit", found=found)
    unit = known[0][0]
    powers = [_VOLTS.get(own, 0) - _VOLTS.get(unit, 0) + power for own, power in known]
    scales = tuple(_times(header.signals[i].scale, power) for i, power in zip(signals, powers, strict=True))
    offsets = tuple(_times(header.signals[i].offset, power) for i, power in zip(signals, powers, strict=True))
    return unit, _one(scales), _one(offsets)


def grouped(
    header: EdfHeader, signals: Sequence[int], kinds: Sequence[str] = (), units: Sequence[str] = ()
) -> tuple[Group, ...]:
    """Sort signals beside the EMG into groups of one kind, rate and unit; the kind is the first word of the label."""
    groups: dict[tuple[str, int, str], list[int]] = {}
    for place, index in enumerate(signals):
        signal = header.signals[index]
        kind = kinds[place] if kinds else _kind(signal.label)
        unit = units[place] if units else signal.unit
        groups.setdefault((kind, signal.n_per_record, unit), []).append(index)
    made: list[Group] = []
    for (kind, _, unit), members in groups.items():
        before = sum(re.fullmatch(rf"{re.escape(kind)}(?:-\d+)?", group.name) is not None for group in made)
        made.append(Group(f"{kind}-{before + 1}" if before else kind, tuple(members), unit or "unknown"))
    return tuple(made)


def _unlabelled(header: EdfHeader, ordinary: Sequence[int]) -> tuple[list[int], str]:
    """Return the signals that may be EMG in a file that labels none so."""
    free = [index for index in ordinary if not _OTHERS.match(header.signals[index].label)]
    volts = [index for index in free if unit_of(header.signals[index].unit)[0] in _VOLTS]
    if volts and len(volts) < len(free):
        return volts, "no signal is labelled EMG: those in volts and of no other declared type"
    return free, "no signal is labelled EMG: all of no other declared type"


def _kind(label: str) -> str:
    """Return the kind that a label declares, in lower case; ``"other"`` where it declares none."""
    found = _OTHERS.match(label)
    return found[0].lower() if found else "emg" if _EMG.search(label) else "other"


def _times(value: float, power: int) -> float:
    """Multiply by a power of ten; dividing where it is negative keeps short decimals exact."""
    return value * 10.0**power if power >= 0 else value / 10.0**-power


def _one(values: tuple[float, ...]) -> float | tuple[float, ...]:
    """Return one number where all are equal."""
    return values[0] if len(set(values)) == 1 else values
