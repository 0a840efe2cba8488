"""A text table and the map of its columns to the content of a recording."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._source import Aux, Content, Source, Track
from emg_io.engines._table import read_table
from emg_io.engines._table_cells import is_number
from emg_io.engines._table_head import read_head

from ._column_map import TIME_UNITS
from ._remarks import NO_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emg_io._container import Container, Member
    from emg_io.engines._table_head import Dialect, Head

    from ._column_map import Column, ColumnMap

_SAME_RATE = 1e-3
_MAX_TIME_S = 1e12
_MAX_WHOLE = 2**31


@dataclass(frozen=True)
class TableFile(Source):
    """One table and its map."""

    container: Container
    member: Member
    columns: ColumnMap

    def load(self) -> Content:
        """Parse the file; ``raw`` is (channels, time) of the map's dtype."""
        file = self.container.label(self.member.name)
        return _Reading(self.container.read(self.member.name), file, self.columns).content()


class _Reading:
    """One table while it is turned into a recording."""

    def __init__(self, data: bytes, file: str, columns: ColumnMap) -> None:
        self.data, self.file, self.map = data, file, columns
        self.head: Head = read_head(data, file, columns.dialect)

    def content(self) -> Content:
        """Read everything that the map names."""
        raw = self._values(self.map.emg, self.map.dialect, self.map.dtype)
        sfreq, stamps, metadata = self._clock(raw.shape[1])
        missing = int(np.count_nonzero(np.isnan(raw))) if raw.dtype.kind == "f" else 0
        metadata["unit"] = NO_UNIT if self.map.unit == "unknown" else "as the column map states it"
        if missing:
            metadata["missing_samples"] = missing
        aux = {
            each.name: Aux(
                each.name,
                self._values(each.columns, self.map.dialect, "float64"),
                sfreq,
                each.unit,
                tuple(str(column) for column in each.columns),
            )
            for each in self.map.aux
        }
        return Content(stamps, self._tracks(), raw=raw, sfreq=sfreq, metadata=metadata, aux=aux)

    def _index(self, column: Column) -> int:
        """Return the index of a column; a name must stand in the header once."""
        if isinstance(column, int):
            return column
        if self.head.names.count(column) != 1:
            raise EmgIoError(
                "column is not in the header, or more than once",
                file=self.file,
                place=f"line {self.head.line - 1}",
                expected=f"one column {column!r}",
                found=ascii(self.head.names)[:300],
            )
        return self.head.names.index(column)

    def _values(self, columns: Sequence[Column], dialect: Dialect, dtype: str) -> NDArray[Any]:
        """Read some columns."""
        indices = [self._index(column) for column in columns]
        return read_table(self.data, self.file, dialect, columns=indices, dtype=dtype).values

    def _tracks(self) -> dict[str, Track]:
        """Read labels and repetitions."""
        tracks = {}
        if self.map.label is not None:
            names = dict(self.map.label_names)
            words = tuple((name, float(value)) for value, name in names.items() if not is_number(name.encode()))
            values = self._whole(self.map.label, words)
            strange = np.flatnonzero(~np.isin(values, list(names)))
            if names and len(strange):
                self._refuse("label without a name", int(strange[0]), self.map.label, f"one of {names}", values)
            tracks["label"] = Track("label", values, names)
        if self.map.repetition is not None:
            tracks["repetition"] = Track("repetition", self._whole(self.map.repetition))
        return tracks

    def _whole(self, column: Column, words: tuple[tuple[str, float], ...] = ()) -> NDArray[np.int64]:
        """Read a column of whole numbers, however spelt, or of words for them."""
        values = self._values([column], replace(self.map.dialect, missing=(), words=words), "float64")[0]
        broken = np.flatnonzero((values != np.floor(values)) | (np.abs(values) > _MAX_WHOLE))
        if len(broken):
            self._refuse("not a whole number", int(broken[0]), column, f"at most {_MAX_WHOLE}", values)
        whole: NDArray[np.int64] = values.astype(np.int64)
        return whole

    def _clock(self, n_samples: int) -> tuple[float, NDArray[np.float64] | None, dict[str, object]]:
        """Return the rate, the stamps where they are not even, and what there is to say of the clock."""
        if self.map.time is None:
            return self.map.sfreq or 0.0, None, {"clock": "rate as the column map states it"}
        dialect = replace(self.map.dialect, missing=())
        stamps = self._values([self.map.time], dialect, "float64")[0] * TIME_UNITS[self.map.time_unit]
        wild = np.flatnonzero(np.abs(stamps) > _MAX_TIME_S)
        if len(wild):
            self._refuse("time beyond reason", int(wild[0]), self.map.time, f"at most {_MAX_TIME_S:g} s", stamps)
        steps = np.diff(stamps)
        wrong = np.flatnonzero(~(steps > 0))
        if len(wrong):
            problem = "time does not increase: leave its column out where the rate is known"
            self._refuse(problem, int(wrong[0]) + 1, self.map.time, "a later time", stamps)
        if n_samples < 2:
            self._refuse("no rate can be told", 0, self.map.time, "two rows or more", stamps)
        rate = (n_samples - 1) / float(stamps[-1] - stamps[0])
        even = stamps[0] + np.arange(n_samples) / rate
        deviation = float(np.abs(stamps - even).max()) * rate
        said: dict[str, object] = {"t0": float(stamps[0]), "largest_deviation_periods": deviation}
        if self.map.sfreq is not None:
            self._check_rate(rate, deviation, stamps)
            return self.map.sfreq, None, {"clock": "stated rate, and stamps that agree with it", **said}
        if deviation <= self.map.tolerance:
            return float(f"{rate:.9g}"), None, {"clock": "even stamps: the rate is theirs", **said}
        return rate, stamps, {"clock": "uneven stamps: sfreq is their mean rate", **said}

    def _check_rate(self, rate: float, deviation: float, stamps: NDArray[np.float64]) -> None:
        """Refuse a stated rate that the stamps contradict."""
        stated = self.map.sfreq or rate
        if abs(rate / stated - 1) > _SAME_RATE or deviation > self.map.tolerance:
            at = int(np.abs(stamps - stamps[0] - np.arange(len(stamps)) / stated).argmax())
            self._refuse(
                "stamps contradict the stated rate: leave sfreq out to keep the stamps",
                at,
                self.map.time,
                f"{stated:g} Hz within {self.map.tolerance:g} periods",
                stamps,
                f"{rate:.9g} Hz, {deviation:.3g} periods off",
            )

    def _refuse(
        self, problem: str, row: int, column: Column | None, rule: str, values: NDArray[Any], found: str = ""
    ) -> NoReturn:
        """Raise for one row."""
        raise EmgIoError(
            problem,
            file=self.file,
            place=f"line {self.head.line + row}, column {column}",
            expected=rule,
            found=found or str(values[row]),
        )
