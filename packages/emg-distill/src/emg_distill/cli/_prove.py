"""Commands that measure, and that hold a stored number against a new one."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ._show import BAD_DATA, USAGE, Data, Folder, Json, Lists, Partial, Store, own_errors, show


def evaluate(
    folder: Folder,
    data: Data,
    protocol: Annotated[str, typer.Option("--protocol", help="Name of the protocol.")],
    part: Annotated[str, typer.Option("--part", help="train, val or test.")] = "test",
    fold: Annotated[str | None, typer.Option("--fold", help="Fold of the protocol; the stored one by default.")] = None,
    lists: Lists = None,
    store: Store = None,
    partial: Partial = False,
    beam: Annotated[int | None, typer.Option("--beam", min=1, help="Prefixes that text is decoded with.")] = None,
    lm: Annotated[Path | None, typer.Option("--lm", help="ARPA file of a character language model.")] = None,
    adabn: Annotated[
        Literal["transductive", "calibration"] | None,
        typer.Option("--adabn", help="Move batch statistics to all of the part, or to its first trials."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a stored model on one part of a protocol."""
    with own_errors(USAGE):
        from emg_distill._data.protocols import get_protocol
        from emg_distill._examples.protocol_data import check_part

        get_protocol(protocol)
        check_part(part)
    with own_errors():
        from emg_distill import _evaluate

        found = _evaluate.evaluate(
            folder,
            data,
            protocol,
            part,
            fold=fold,
            lists=lists,
            store=store,
            partial=partial,
            beam=beam,
            lm=lm,
            adabn=adabn,
        )
        show(found, as_json)


def verify(
    folder: Folder,
    data: Data,
    lists: Lists = None,
    store: Store = None,
    tolerance: Annotated[float, typer.Option("--tolerance", min=0.0, help="Largest difference that agrees.")] = 1e-6,
    as_json: Json = False,
) -> None:
    """Measure a model folder again; exit 3 and a diff when its stored number does not hold."""
    with own_errors():
        from emg_distill import _evaluate

        outcome = _evaluate.verify(folder, data, lists=lists, store=store, tolerance=tolerance)
        show(vars(outcome), as_json)
    if not outcome.holds:
        for difference in outcome.differences:
            typer.echo(difference, err=True)
        raise typer.Exit(BAD_DATA)


def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="ONNX file to write.")],
    as_json: Json = False,
) -> None:
    """Write the ONNX file of a model folder; the grids of a model trained in integers travel with it."""
    with own_errors():
        from emg_distill import _evaluate

        show({"file": str(_evaluate.export_onnx(folder, out))}, as_json)
