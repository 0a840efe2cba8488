"""What commands share: exit codes, JSON documents, tables, progress on stderr."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from emg_io._dataset import Dataset

BAD_DATA = 3

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Where = Annotated[Path, typer.Argument(help="Folder or archive of a data set.")]
Name = Annotated[str | None, typer.Option("--format", help="Name of the format; found out when not given.")]
Item = TypeVar("Item")


def opened(path: Path, name: str | None) -> Dataset:
    """Open a data set; an unknown format is a usage error."""
    from emg_io._dataset import open_dataset

    if name is not None:
        known(name)
    return open_dataset(path, name)


def known(name: str) -> None:
    """Turn an unknown format into a usage error."""
    from emg_io._dataset import find_format

    try:
        find_format(name)
    except EmgIoError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from None


class Errors:
    """Ends the program with exit code 3 on bad data and unreadable files, after saying what and where."""

    def __init__(self, json: bool) -> None:
        self._json = json

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EmgIoError):
            self._end(error)
        if isinstance(error, OSError):
            file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
            self._end(EmgIoError("cannot be read", file=file, expected="a readable file", found=error.strerror))

    def _end(self, error: EmgIoError) -> NoReturn:
        if self._json:
            document({"error": parts(error)})
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_DATA) from None


def progress(items: Sequence[Item], verb: str) -> Iterator[Item]:
    """Yield items with a progress bar on stderr, which vanishes where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import track

    yield from track(items, verb, console=Console(stderr=True), disable=not sys.stderr.isatty())


class Counter:
    """A line on stderr that counts, where stderr is a terminal."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.completed} of {task.total} {task.description}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Callable[[int, int], None]:
        self._bar.start()
        return lambda done, total: self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def parts(error: EmgIoError) -> dict[str, str | None]:
    """Return an error for a JSON document."""
    return {name: getattr(error, name) for name in ("problem", "file", "place", "expected", "found")}


def document(body: object) -> None:
    """Print one JSON document, in ASCII: file names may hold bytes that are no text."""
    from json import dumps

    typer.echo(dumps(body, indent=2, allow_nan=False))


def show(body: object, rows: Sequence[dict[str, Any]], json: bool, title: str) -> None:
    """Print JSON, or a table for people."""
    if json:
        document(body)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    console = Console(markup=False, emoji=False)
    console.print(title, soft_wrap=True)  # a path stays whole, so that it can be copied
    console.print(table)
