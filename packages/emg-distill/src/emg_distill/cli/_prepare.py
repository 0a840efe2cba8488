"""The command that prepares recordings once, for runs that read windows from disk."""

from pathlib import Path
from typing import Annotated

import typer

from ._show import USAGE, Data, Json, Lists, Partial, own_errors, show


def prepare(
    protocol: Annotated[str, typer.Argument(help="Name of the protocol.")],
    out: Annotated[Path, typer.Argument(help="Folder to make, or to go on with.")],
    data: Data,
    fold: Annotated[str | None, typer.Option("--fold", help="Fold of the protocol, where it has folds.")] = None,
    lists: Lists = None,
    partial: Partial = False,
    dask: Annotated[str | None, typer.Option("--dask", help="Address of a Dask scheduler whose workers do it.")] = None,
    as_json: Json = False,
) -> None:
    """Filter and store all recordings of a protocol; a call that was stopped goes on when it is repeated."""
    with own_errors(USAGE):
        from emg_distill._data.protocols import get_protocol

        get_protocol(protocol)
    with own_errors():
        from emg_distill._data.store import prepare_protocol
        from emg_distill._data.workers import dask_workers

        def progress(done: int, total: int) -> None:
            typer.echo(f"{done}/{total} jobs", err=True)

        with dask_workers(dask) as executor:
            found = prepare_protocol(
                protocol, data, out, fold=fold, lists=lists, partial=partial, executor=executor, on_job=progress
            )
        sizes = {part: len(found.part(part)) for part in found.parts}
        show({"store": str(out), "split_hash": found.split_hash, "examples": sizes}, as_json)
