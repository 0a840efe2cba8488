"""The command that downloads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ._show import Errors, Json, show

_NAMES = "Data set; without one, what can be downloaded is listed."


def get(
    name: Annotated[str | None, typer.Argument(help=_NAMES)] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder to download to; it is made.")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="The licence, which is shown otherwise, is accepted.")
    ] = False,
    offline: Annotated[
        bool | None, typer.Option("--offline/--online", help="Use no network: prove what is there (EMG_IO_OFFLINE).")
    ] = None,
    json: Json = False,
) -> None:
    """Download a data set: complete and proven, or an error; repeated, it goes on where it stopped."""
    from emg_io.downloads import CATALOGUE
    from emg_io.downloads import get as download

    if name is None:
        rows = [
            {"name": entry.name, "files": len(entry.files) or "listed by the publisher", "homepage": entry.homepage}
            for entry in CATALOGUE.values()
        ]
        show(rows, rows, json, "downloads")
        return
    if name not in CATALOGUE or to is None:
        problem = f"expected one of {', '.join(sorted(CATALOGUE))}" if name not in CATALOGUE else "--to is missing"
        raise typer.BadParameter(problem, param_hint="NAME" if name not in CATALOGUE else "--to")
    accepted = accept_licence or _agreed(CATALOGUE[name].format)
    with Errors(json), _Bar() as bar:
        paths = download(name, to, accept_licence=accepted, offline=offline, progress=bar)
    row = {"name": name, "to": str(to), "files": len(paths), "bytes": sum(path.stat().st_size for path in paths)}
    show(row, [row], json, "downloaded")


def _agreed(name: str) -> bool:
    """Show licence and citation and ask, where somebody can answer."""
    from emg_io._dataset import find_format

    info = find_format(name).info
    typer.echo(f"{info.title}\nlicence: {info.licence}\ncite: {info.citation} {info.doi}", err=True)
    return sys.stdin.isatty() and typer.confirm("Do you accept the licence?", err=True)


class _Bar:
    """A progress bar a file on stderr, where stderr is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn()
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show how far a file is."""
        from rich.progress import TaskID

        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=total)
        self._bar.update(TaskID(self._tasks[name]), completed=done, total=total)
