"""The console script ``emg-io``. Exit codes: 0 ok, 2 usage, 3 bad data."""

from __future__ import annotations

import sys
from io import TextIOWrapper

import typer

from . import _fetch, _look, _make

app = typer.Typer(
    help="Public sEMG data sets as typed recordings.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
for _command in (
    _look.formats,
    _look.protocols,
    _look.info,
    _look.check,
    _look.split,
    _fetch.get,
    _make.synth,
    _make.convert,
    _make.prepare,
    _make.bids,
):
    app.command()(_command)


def main() -> None:
    """Run the console script; what the terminal cannot show is printed as an escape."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
