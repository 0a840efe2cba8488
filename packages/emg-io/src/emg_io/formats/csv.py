"""Any text table, beside a JSON file that says what its columns are: nothing about a table is guessed.

``trial.csv`` needs ``trial.json`` in the same folder, or ``emg_columns.json`` in its folder or one above it, which then
speaks for all tables below. The least that it must say is which columns hold the EMG and at what rate, for example
``{"sfreq": 1000, "columns": {"emg": ["CH1", "CH2"]}}``; `ColumnMap` lists the rest. `open_table` takes the same as
keyword arguments. Tables end in ``.csv``, ``.tsv`` or, where a map names them, ``.txt``.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from emg_io._container import Folder, Member
from emg_io._errors import EmgIoError
from emg_io._layout import Layout
from emg_io._recording import Recording

from ._column_map import EXAMPLE, ColumnMap, map_of, template
from ._column_read import TableFile
from ._format import Format, FormatInfo, forger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emg_io._container import Container

MAP = "emg_columns.json"
_MAX_MAP_BYTES = 2**20
_TABLE, _PLAIN = re.compile(r"\.(csv|tsv)$", re.IGNORECASE), re.compile(r"\.(csv|tsv|txt)$", re.IGNORECASE)
_OTHER = re.compile(r"\.(edf|bdf|xdf|xdfz|hea|dat|h5|hdf5|mat|npy|otb\+|zip)$", re.IGNORECASE)
_HEAD_BYTES = 2000


def open_table(
    path: str | Path,
    *,
    emg: Sequence[str | int],
    sfreq: float | None = None,
    time: str | int | None = None,
    label: str | int | None = None,
    label_names: Mapping[int, str] | None = None,
    repetition: str | int | None = None,
    aux: Mapping[str, Mapping[str, Any]] | None = None,
    unit: Literal["V", "mV", "uV", "adc", "unknown"] = "unknown",
    **more: Any,  # noqa: ANN401  the map's other words, checked one by one
) -> Recording:
    r"""Open one text table as a recording.

    Parameters
    ----------
    path
        The table.
    emg
        Columns of the EMG: names of the header line, or indices from 0.
    sfreq
        Rate in Hz; it may be left out where ``time`` is given.
    time
        Column of time stamps. Even stamps give the rate; uneven ones become the recording's clock.
    label, label_names
        Column of the labels, whole numbers or names, and the meaning of the numbers.
    repetition
        Column of repetition numbers.
    aux
        Signals beside the EMG: ``{"glove": {"columns": [9, 10], "unit": "rad"}}``.
    unit
        Unit of the EMG after scaling.
    **more
        Of `Recording`: ``scale``, ``offset``, ``subject``, ``session``, ``task``, ``layout``. Of the numbers:
        ``dtype``. Of the clock: ``time_unit`` (``"ms"``), ``tolerance`` (in periods, 0.25). Of the
        text: ``delimiter`` (``","``, ``";"``, ``"\t"``, ``" "`` for blanks), ``decimal`` (``","``), ``header``,
        ``comment``, ``skip_lines``, ``encoding`` (``"latin-1"``), ``missing`` (``["NULL"]``), ``trailing``, ``closed``.

    Returns
    -------
    Recording

    Raises
    ------
    EmgIoError
        Where the file, or what is said of it, does not fit.
    """
    where = Path(path)
    given = {"emg": list(emg), "time": time, "label": label, "repetition": repetition, "aux": aux}
    columns = {key: value for key, value in given.items() if value is not None}
    said = {"sfreq": sfreq, "label_names": label_names, "unit": unit, **more, "columns": columns}
    columns_map = map_of({key: value for key, value in said.items() if value is not None}, str(where))
    try:
        status = where.stat()
    except OSError as error:
        raise EmgIoError("cannot be read", file=str(where), place="path", found=str(error)) from None
    member = Member(where.name, status.st_size, status.st_mtime_ns)
    return _recording(Folder(where.parent), member, columns_map, {})


def _claims(members: Sequence[Member]) -> list[Member]:
    """Return tables that have a map, and the maps; without any, tables where nothing else could be meant."""
    maps = {member.name for member in members if member.name.casefold().endswith(".json")}
    mapped = [member for member in members if _PLAIN.search(member.name) and _map_name(member.name, maps)]
    if mapped:
        used = {_map_name(member.name, maps) for member in mapped} | {member.name for member in mapped}
        return [member for member in members if member.name in used]
    if any(_OTHER.search(member.name) for member in members):
        return []
    return [member for member in members if _TABLE.search(member.name)]


def _map_name(name: str, maps: set[str]) -> str | None:
    """Return the map of a table: the one beside it, else the nearest one for its folder."""
    own = str(PurePosixPath(name).with_suffix(".json"))
    places = [own, *(str(folder / MAP) for folder in PurePosixPath(name).parents)]
    return next((place for place in places if place in maps), None)


def _probe(container: Container, members: Sequence[Member]) -> bool:
    """Tell whether a JSON file is a map; tables without any are claimed, for the error that says what to do."""
    maps = [member for member in members if member.name.casefold().endswith(".json")]
    texts = (_read_map(container, member.name) for member in maps)
    return not maps or any(b'"columns"' in text and b'"emg"' in text for text in texts)


def _read_map(container: Container, name: str) -> bytes:
    """Return the text of a map, of bounded size."""
    with container.open(name) as stream:
        data = stream.read(_MAX_MAP_BYTES + 1)
    if len(data) > _MAX_MAP_BYTES:
        raise EmgIoError(
            "too large for a column map",
            file=container.label(name),
            place="size",
            expected=f"<= {_MAX_MAP_BYTES} bytes",
            found="more",
        )
    return data


def _map(container: Container, name: str) -> ColumnMap:
    """Read a map."""
    import orjson

    file = container.label(name)
    try:
        said = orjson.loads(_read_map(container, name).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise EmgIoError("not JSON", file=file, place=f"line {error.lineno}", found=error.msg) from None
    if not isinstance(said, dict):
        raise EmgIoError("not a column map", file=file, place="line 1", expected=EXAMPLE, found=type(said).__name__)
    return map_of(said, file)


def _open(container: Container, members: Sequence[Member]) -> list[Recording]:
    """Make one recording a table, by its map; a table without a map raises."""
    names = {member.name for member in members if member.name.casefold().endswith(".json")}
    maps: dict[str, ColumnMap] = {}
    recordings = []
    tables = [member for member in members if _PLAIN.search(member.name)]
    for member in tables:
        name = _map_name(member.name, names)
        if name is None:
            _refuse_unmapped(container, member)
        if name not in maps:
            maps[name] = _map(container, name)
        told = _told(member.name, name, maps[name], container.label(name))
        if told is not None:
            recordings.append(_recording(container, member, maps[name], told))
    if not recordings:
        raise EmgIoError(
            "no table has a name of the pattern",
            file=container.label(next(iter(maps))),
            place="files",
            expected=next(iter(maps.values())).files,
            found=tables[0].name,
        )
    return recordings


def _told(name: str, map_name: str, columns: ColumnMap, file: str) -> dict[str, str] | None:
    """Return what a table's name tells by the map's pattern; None where the name is another."""
    if not columns.files:
        return {}
    below = PurePosixPath(name).relative_to(PurePosixPath(map_name).parent)
    found = template(columns.files, file).fullmatch(str(below))
    return None if found is None else found.groupdict()


def _recording(container: Container, member: Member, columns: ColumnMap, told: Mapping[str, str]) -> Recording:
    """Make the recording of one table; it is read now only where nothing but its time column tells the clock."""
    reader = TableFile(container, member, columns)
    uniform = columns.sfreq is not None or reader.content().timestamps is None
    n_chans = len(columns.emg)
    return Recording(
        subject=told.get("subject") or columns.subject or str(PurePosixPath(member.name).with_suffix("")),
        session=told.get("session") or columns.session or "1",
        repetition=int(told["repetition"]) if "repetition" in told else None,
        source=container.label(member.name),
        n_chans=n_chans,
        unit=columns.unit,
        scale=columns.scale,
        offset=columns.offset,
        layout=Layout.ring(n_chans) if columns.layout == "ring" else Layout.unplaced(n_chans),
        uniform=uniform,
        reader=reader,
        task=told.get("task") or columns.task,
        channels=columns.channels,
    )


def _refuse_unmapped(container: Container, member: Member) -> NoReturn:
    """Complain about a table without a map, and show what stands in its first line."""
    with container.open(member.name) as stream:
        first = stream.read(_HEAD_BYTES).split(b"\n")[0]
    raise EmgIoError(
        f"no column map: write {PurePosixPath(member.name).stem}.json beside the table, or {MAP} for a folder",
        file=container.label(member.name),
        place="line 1",
        expected=f"a map such as {EXAMPLE}",
        found=f"a table that begins with {first[:300].decode('latin-1')!a}",
    )


FORMAT = Format(
    info=FormatInfo(
        name="csv",
        title="CSV, TSV and other text tables, with a column map",
        licence="of the data at hand",
        citation="RFC 4180, Common Format and MIME Type for Comma-Separated Values (CSV) Files",
        doi="10.17487/RFC4180",
        verified_on_real_files=True,
        writes=True,
        n_chans=None,
        sfreq=None,
        generic=True,
    ),
    claims=_claims,
    open=_open,
    forge=forger("csv"),
    probe=_probe,
)
