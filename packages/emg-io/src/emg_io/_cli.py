"""The console script ``emg-io``: formats, info, check, synth, convert. Exit codes 0 ok, 2 usage, 3 bad data."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._dataset import Dataset
    from ._recording import Recording

BAD_DATA = 3

app = typer.Typer(
    help="Public sEMG data sets as typed recordings.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Where = Annotated[Path, typer.Argument(exists=True, help="Folder or archive of a data set.")]
Name = Annotated[str | None, typer.Option("--format", help="Name of the format; found out when not given.")]


@app.command()
def formats(json: Json = False) -> None:
    """List the supported formats, with licence and whether the reader was verified on real files."""
    from ._dataset import formats as known

    rows = [
        {
            "name": info.name,
            "licence": info.licence,
            "doi": info.doi,
            "verified_on_real_files": info.verified_on_real_files,
            "writes": info.writes,
        }
        for info in known()
    ]
    _show(rows, rows, json, "formats")


@app.command()
def info(path: Where, format: Name = None, json: Json = False) -> None:  # noqa: A002  the option's name
    """Describe every recording of a data set."""
    with _Errors(json):
        rows = [_describe(recording) for recording in _progress(_open(path, format), "reading")]
    _show(rows, [row | {"labels": len(row["labels"])} for row in rows], json, str(path))


@app.command()
def check(path: Where, format: Name = None, json: Json = False) -> None:  # noqa: A002  the option's name
    """Read everything in a data set or window store and list what is wrong; exit 3 if anything is."""
    with _Errors(json):
        files, errors = _check_store(path) if (path / "manifest.json").is_file() else _check_dataset(path, format)
    if json:
        _json({"files": files, "errors": [_parts(error) for error in errors]})
    else:
        for error in errors:
            typer.echo(str(error), err=True)
        typer.echo(f"{files} files, {len(errors)} errors")
    raise typer.Exit(BAD_DATA if errors else 0)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    format: Annotated[str, typer.Option("--format", help="Layout to forge.")] = "uci",  # noqa: A002  the option's name
    subjects: Annotated[int, typer.Option(min=1, max=99, help="Number of subjects.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    json: Json = False,
) -> None:
    """Forge a small valid data set of synthetic EMG."""
    from ._dataset import open_dataset
    from ._synth import synthesize

    _known(format)
    with _Errors(json):
        made = synthesize(out, format, subjects, seed)
        row = {"path": str(made), "format": format, "recordings": len(open_dataset(made, format)), "seed": seed}
    _show(row, [row], json, "synthetic data set")


@app.command()
def convert(
    path: Where,
    out: Annotated[Path, typer.Argument(help="Folder of the window store to make.")],
    format: Name = None,  # noqa: A002  the option's name
    sfreq: Annotated[
        float | None, typer.Option(min=1.0, help="Rate in Hz; where clocks are stamped, the format's by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Convert a data set to a window store; stamped clocks are resampled by holding."""
    from .store import WindowStore

    with _Errors(json):
        dataset = _open(path, format)
        store = WindowStore.create(out, (_uniform(r, sfreq, dataset) for r in _progress(dataset, "converting")))
        row = {
            "path": str(out),
            "format": dataset.format,
            "recordings": len(store),
            "samples": sum(entry.length for entry in store.entries),
            "sfreq": store.signal.sfreq,
            "unit": store.signal.unit,
        }
    _show(row, [row], json, "window store")


def main() -> None:
    """Run the console script; what the terminal cannot show is printed as an escape."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    app()


def _open(path: Path, name: str | None) -> Dataset:
    """Open a data set; an unknown format is a usage error."""
    from ._dataset import open_dataset

    if name is not None:
        _known(name)
    return open_dataset(path, name)


def _known(name: str) -> None:
    """Turn an unknown format into a usage error."""
    from ._dataset import find_format

    try:
        find_format(name)
    except EmgIoError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from None


def _describe(recording: Recording) -> dict[str, Any]:
    """Return what ``info`` says about a recording."""
    return {
        "subject": recording.subject,
        "session": recording.session,
        "repetition": recording.repetition,
        "channels": recording.n_chans,
        "n_samples": recording.n_samples,
        "sfreq": recording.sfreq,
        "unit": recording.unit,
        "labels": recording.label_counts(),
    }


def _check_dataset(path: Path, name: str | None) -> tuple[int, list[EmgIoError]]:
    """Read every recording; return the number of files and what is wrong."""
    errors: list[EmgIoError] = []
    try:
        dataset = _open(path, name)
    except EmgIoError as error:
        return 1, [error]
    for recording in _progress(dataset, "checking"):
        try:
            recording.check()
        except EmgIoError as error:
            errors.append(error)
    return len(dataset), errors


def _check_store(path: Path) -> tuple[int, list[EmgIoError]]:
    """Verify a window store."""
    from .store import WindowStore

    try:
        store = WindowStore.open(path)
        store.verify()
    except EmgIoError as error:
        return 1, [error]
    return 2 * len(store.manifest.shards), []


def _uniform(recording: Recording, sfreq: float | None, dataset: Dataset) -> Recording:
    """Put a recording on a uniform clock where it is asked for or has none."""
    if sfreq is None and recording.uniform:
        return recording
    rate = dataset.info.sfreq if sfreq is None else sfreq
    if rate is None:
        raise EmgIoError("no uniform rate is known: name one", file=recording.source, place="--sfreq")
    return recording.resample(rate)


class _Errors:
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
            _json({"error": _parts(error)})
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_DATA) from None


def _progress(recordings: Iterable[Recording], verb: str) -> Iterator[Recording]:
    """Yield recordings with a progress bar on stderr, which vanishes where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import track

    yield from track(list(recordings), verb, console=Console(stderr=True), disable=not sys.stderr.isatty())


def _parts(error: EmgIoError) -> dict[str, str | None]:
    """Return an error for a JSON document."""
    return {name: getattr(error, name) for name in ("problem", "file", "place", "expected", "found")}


def _json(document: object) -> None:
    """Print one JSON document, in ASCII: file names may hold bytes that are no text."""
    from json import dumps

    typer.echo(dumps(document, indent=2, allow_nan=False))


def _show(document: object, rows: list[dict[str, Any]], json: bool, title: str) -> None:
    """Print JSON, or a table for people."""
    if json:
        _json(document)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    console = Console(markup=False, emoji=False)
    console.print(title, soft_wrap=True)  # a path stays whole, so that it can be copied
    console.print(table)
