"""What all commands share: one way to answer, one way to fail, and the options that they have in common."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

USAGE, BAD_DATA = 2, 3
_PACKAGES = ("emg_distill", "emg_io", "emg_dsp", "emg_models")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Data = Annotated[Path, typer.Option("--data", envvar="EMG_DATA", help="Folder or archive of recordings.")]
Lists = Annotated[Path | None, typer.Option("--lists", help="The authors' list file, where the protocol needs one.")]
Store = Annotated[Path | None, typer.Option("--store", help="Folder that `prepare` made of the same protocol.")]
Partial = Annotated[bool, typer.Option("--partial", help="Accept a copy of the data set that is not whole.")]
Folder = Annotated[Path, typer.Argument(help="Model folder, or the run folder that holds it.")]


@contextmanager
def own_errors(code: int = BAD_DATA) -> Iterator[None]:
    """Turn the packages' own errors and unreadable files into one line and an exit code; others are our defects."""
    try:
        yield
    except (ValueError, OSError) as error:
        package = type(error).__module__.partition(".")[0]
        if not isinstance(error, OSError) and package not in _PACKAGES:
            raise
        typer.echo(f"error: {_in_words(error)}", err=True)
        raise typer.Exit(code) from None


def _in_words(error: Exception) -> str:
    """Return what is wrong; the system's own errors with the path first and what to do."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        reason = error.strerror.lower()
        return f"{error.filename}: cannot be read or written ({reason}); give another path, or its rights"
    return str(error)


def show(content: Any, as_json: bool) -> None:  # noqa: ANN401  any JSON value
    """Print a document: for machines on one line, for people in colours."""
    if as_json:
        typer.echo(json.dumps(content, allow_nan=False))
        return
    from rich.console import Console

    Console().print_json(json.dumps(content, allow_nan=False))


def table(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows of equal keys: for machines as a list, for people as a table."""
    if as_json:
        typer.echo(json.dumps(rows, allow_nan=False))
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None)
    for name in rows[0] if rows else ():
        shown.add_column(name, no_wrap=True)
    for row in rows:
        shown.add_row(*(str(value) for value in row.values()))
    Console().print(shown)
