"""What must be said of a text table before it is a recording: an explicit map of its columns, checked word by word."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from emg_io._errors import EmgIoError
from emg_io._recording import UNITS
from emg_io.engines._table_head import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DTYPES = ("float64", "int8", "int16", "int32", "int64")
LAYOUTS = ("unplaced", "ring")
EXAMPLE = (
    '{"sfreq": 1000, "unit": "mV", "header": true, "columns": {"emg": ["CH1", "CH2"], "label": "gesture"}}; '
    'without sfreq, "time" among the columns and "time_unit": "s"; indices count from 0'
)
_COLUMN_KEYS = ("emg", "time", "label", "repetition", "aux")
_PLACE = re.compile(r"\{(\w*)\}")
_PLACES = ("subject", "session", "task", "repetition", "_")
_MAX_TEMPLATE = 500

Column = str | int


@dataclass(frozen=True)
class AuxColumns:
    """Columns of a signal beside the EMG: its name, its columns, its unit."""

    name: str
    columns: tuple[Column, ...]
    unit: str = "unknown"


@dataclass(frozen=True)
class ColumnMap:
    """Which columns of a table are what; a column is a name of the header or an index from 0.

    Attributes
    ----------
    emg
        Columns of the EMG, one or more.
    sfreq
        Rate in Hz, or None where the time column tells it.
    time, time_unit, tolerance
        Column of time stamps; ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``; how far, in sample periods, a stamp may lie
        beside an even clock before the clock counts as not uniform.
    label, label_names
        Column of the labels, whole numbers or names, and the meaning of the numbers.
    repetition
        Column of repetition numbers, whole numbers.
    aux
        Signals beside the EMG.
    unit, scale, offset, layout
        As of `Recording`; ``scale`` and ``offset`` a number, or one a column; ``layout`` ``"unplaced"`` or ``"ring"``.
    dtype
        Of the stored numbers: ``"float64"`` or a signed integer type.
    files
        Names of the files below the map's folder, see `template`. Empty for every table.
    subject, session, task
        What the name does not tell.
    dialect
        How the table is written.
    """

    emg: tuple[Column, ...]
    sfreq: float | None = None
    time: Column | None = None
    time_unit: str = "s"
    tolerance: float = 0.25
    label: Column | None = None
    label_names: tuple[tuple[int, str], ...] = ()
    repetition: Column | None = None
    aux: tuple[AuxColumns, ...] = ()
    unit: str = "unknown"
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    layout: str = "unplaced"
    dtype: str = "float64"
    files: str = ""
    subject: str = ""
    session: str = ""
    task: str = ""
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the EMG columns; empty where they are indices."""
        return tuple(column for column in self.emg if isinstance(column, str)) if self.named else ()

    @property
    def named(self) -> bool:
        """Whether the EMG columns are named."""
        return all(isinstance(column, str) for column in self.emg)


def template(text: str, file: str) -> re.Pattern[str]:
    """Turn a pattern of file names into a regular expression that never backtracks far.

    ``{subject}``, ``{session}``, ``{task}``, ``{repetition}`` (digits) and ``{_}`` (anything) each take everything up
    to the character that follows them in the pattern, within one name: ``{subject}/day{session}_{_}.csv``.
    """
    names = _PLACE.findall(text)
    told = [name for name in names if name != "_"]
    after = re.findall(r"\{\w*\}(.?)", text)
    if len(text) > _MAX_TEMPLATE or set(names) - set(_PLACES) or len(told) != len(set(told)) or set(after) & {"{", ""}:
        raise EmgIoError(
            "not a pattern of file names",
            file=file,
            place="files",
            expected="{subject}, {session}, {task}, {repetition}, each once, {_}, and text between and behind them",
            found=repr(text[:80]),
        )
    parts, at = [], 0
    for found in _PLACE.finditer(text):
        stop = re.escape(text[found.end()])
        kind = r"\d{1,9}" if found[1] == "repetition" else rf"[^/{stop}]+"
        parts.append(re.escape(text[at : found.start()]) + (kind if found[1] == "_" else rf"(?P<{found[1]}>{kind})"))
        at = found.end()
    return re.compile("".join(parts) + re.escape(text[at:]))


def map_of(said: Mapping[str, Any], file: str) -> ColumnMap:
    """Check a map as JSON has it, or keyword arguments, and return it; unknown words raise."""
    known = {*(f.name for f in fields(ColumnMap)), *(f.name for f in fields(Dialect)), "columns"}
    known -= {*_COLUMN_KEYS, "dialect", "words"}
    _only(said, known, "map", file)
    columns = said.get("columns")
    if not isinstance(columns, dict):
        raise _wrong("columns", "an object with the column names", columns, file)
    _only(columns, set(_COLUMN_KEYS), "columns", file)
    values = {key: _checked(key, value, file) for key, value in said.items() if key != "columns"}
    values |= {key: _checked(key, value, file) for key, value in columns.items()}
    if "emg" not in values:
        raise _wrong("columns.emg", "one or more columns", None, file)
    if ("sfreq" in values, "time" in values) == (False, False):
        raise _wrong("sfreq", "a rate in Hz, or a time column", None, file)
    named = any(isinstance(column, str) for column in _columns(values))
    dialect = {f.name: values.pop(f.name) for f in fields(Dialect) if f.name in values}
    made = ColumnMap(**values, dialect=Dialect(**{"header": named, **dialect}))
    if named and not made.dialect.header:
        raise _wrong("header", "true where columns are called by name", made.dialect.header, file)
    for key in ("scale", "offset"):
        if isinstance(values.get(key), tuple) and len(values[key]) != len(made.emg):
            raise _wrong(key, f"a number, or {len(made.emg)} of them", values[key], file)
    if made.files:
        template(made.files, file)
    return made


def _columns(values: Mapping[str, Any]) -> list[Column]:
    """Return every column that a checked map mentions."""
    single = [values[key] for key in ("time", "label", "repetition") if key in values]
    return [*values["emg"], *single, *(column for aux in values.get("aux", ()) for column in aux.columns)]


def _only(said: Mapping[str, Any], known: set[str], place: str, file: str) -> None:
    """Refuse words that mean nothing here."""
    strange = [key for key in said if key not in known]
    if strange:
        raise EmgIoError(
            "unknown word in a column map",
            file=file,
            place=place,
            expected=", ".join(sorted(known)),
            found=ascii(strange[0]),
        )


def _checked(key: str, value: Any, file: str) -> Any:  # noqa: ANN401  whatever the JSON holds
    """Check one entry of a map, and make it hashable."""
    fine, rule, made = _RULES[key]
    if not fine(value):
        raise _wrong(key, rule, value, file)
    return made(value)


def _wrong(place: str, rule: str, found: object, file: str) -> EmgIoError:
    """Make the error about an entry."""
    shown = "nothing" if found is None else ascii(found)[:80]
    return EmgIoError(
        f"column map is not complete and sound; {EXAMPLE}", file=file, place=place, expected=rule, found=shown
    )


def _is_column(value: object) -> bool:
    """Tell whether a value is a name or an index."""
    return (isinstance(value, str) and bool(value)) or (type(value) is int and value >= 0)


def _are_columns(value: object) -> bool:
    """Tell whether a value is one or more different columns."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(map(_is_column, value))
        and len({str(column) for column in value}) == len(value)
    )


def _is_number(value: object) -> bool:
    """Tell whether a value is a finite number."""
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


def _is_aux(value: object) -> bool:
    """Tell whether a value names signals, each with columns and perhaps a unit."""
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(entry, dict)
        and set(entry) <= {"columns", "unit"}
        and _are_columns(entry.get("columns"))
        and isinstance(entry.get("unit", ""), str)
        for name, entry in value.items()
    )


def _is_names(value: object) -> bool:
    """Tell whether a value gives names to whole numbers, each name once."""
    return (
        isinstance(value, dict)
        and all(re.fullmatch(r"-?[0-9]{1,9}", str(key)) and isinstance(name, str) for key, name in value.items())
        and len(set(value.values())) == len(value)
    )


def _one_of(*words: str) -> tuple[Callable[[object], bool], str, Callable[[Any], Any]]:
    """Make the rule of a choice."""
    return (lambda value: value in words), " or ".join(words), str


def _is_text(value: object) -> bool:
    """Tell whether a value is text of reasonable length."""
    return isinstance(value, str) and len(value) <= _MAX_TEMPLATE


def _numbers(value: Any) -> Any:  # noqa: ANN401  a number or a list of them
    """Make a number or a tuple of numbers."""
    return tuple(map(float, value)) if isinstance(value, (list, tuple)) else float(value)


def _are_numbers(value: object) -> bool:
    """Tell whether a value is a finite number or a list of them."""
    return _is_number(value) or (isinstance(value, (list, tuple)) and all(map(_is_number, value)))


_TEXT = (_is_text, "text", str)
_FLAG = ((lambda value: isinstance(value, bool)), "true or false", bool)
_COLUMN = (_is_column, "a column's name or its index from 0", lambda value: value)
_RATE = ((lambda value: _is_number(value) and 0 < value <= 1e9), "a number > 0", float)
_SCALES = (_are_numbers, "a number, or one a column", _numbers)
_RULES: dict[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "emg": (_are_columns, "one or more different columns", tuple),
    "time": _COLUMN,
    "label": _COLUMN,
    "repetition": _COLUMN,
    "aux": (
        _is_aux,
        '{name: {"columns": [...], "unit": "..."}}',
        lambda value: tuple(
            AuxColumns(name, tuple(entry["columns"]), entry.get("unit", "unknown")) for name, entry in value.items()
        ),
    ),
    "sfreq": _RATE,
    "tolerance": ((lambda value: _is_number(value) and 0 < value <= 1), "a number in 0..1, periods", float),
    "time_unit": _one_of(*TIME_UNITS),
    "label_names": (
        _is_names,
        'different names by number, {"0": "rest"}',
        lambda value: tuple((int(key), name) for key, name in value.items()),
    ),
    "unit": _one_of(*UNITS),
    "scale": _SCALES,
    "offset": _SCALES,
    "layout": _one_of(*LAYOUTS),
    "dtype": _one_of(*DTYPES),
    "skip_lines": ((lambda value: type(value) is int), "a whole number", int),
    "missing": (
        (lambda value: isinstance(value, (list, tuple)) and all(map(_is_text, value))),
        "a list of texts",
        tuple,
    ),
    "header": _FLAG,
    "trailing": _FLAG,
    "closed": _FLAG,
    **dict.fromkeys(("delimiter", "decimal", "comment", "encoding", "files", "subject", "session", "task"), _TEXT),
}
