"""The console script ``emg-io``. Exit codes: 0 ok, 2 usage, 3 bad data."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from emg_io._errors import EmgIoError

from . import _fetch, _look, _make
from ._show import document, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = 2


class Commands(TyperGroup):
    """The commands; a wrong command line that asks for JSON is answered in JSON too."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:  # noqa: ANN401  typer's signature
        """Run a command line; what typer says of a wrong one goes to stderr as well."""
        given = sys.argv[1:] if args is None else list(args)
        try:
            return super().main(args, *rest, **extra)
        except SystemExit as ended:
            said = getattr(ended.__context__, "format_message", None)
            if ended.code == USAGE and "--json" in given and said is not None:
                document({"error": parts(EmgIoError(said(), place="command line", found=" ".join(given)))})
            raise


app = typer.Typer(
    cls=Commands,
    help="Public sEMG data sets as typed recordings.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
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
