"""Commands that look: formats, protocols, info, check, split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emg_io._errors import EmgIoError

from ._show import BAD_DATA, Errors, Json, Name, Where, document, known, opened, parts, progress, show

if TYPE_CHECKING:
    from emg_io._recording import Recording

_FACTS = ("name", "licence", "doi", "verified_on_real_files", "writes")

Protocol = Annotated[str, typer.Option("--protocol", help="Published protocol, see `emg-io protocols`.")]
Fold = Annotated[str | None, typer.Option("--fold", help="Fold, where the protocol has several.")]
Lists = Annotated[Path | None, typer.Option("--lists", help="The authors' list file, where the protocol needs one.")]
Partial = Annotated[bool, typer.Option("--partial", help="Accept a copy of the data set that is not whole.")]


def formats(json: Json = False) -> None:
    """List the supported formats, with licence and whether the reader was verified on real files."""
    from emg_io._dataset import formats as all_formats

    infos = all_formats()
    rows = [{fact: getattr(info, fact) for fact in _FACTS} for info in infos]
    table = [
        {
            "name": info.name,
            "channels": info.n_chans or "any",
            "Hz": f"{info.sfreq:g}" if info.sfreq else "any",
            "unit": info.unit,
            "real files": "read" if info.verified_on_real_files else "not at hand",
            "licence": info.licence,
        }
        for info in infos
    ]
    show(rows, table, json, "formats")


def protocols(format: Name = None, json: Json = False) -> None:  # noqa: A002  the option's name
    """List the published protocols: what each owns whole, where it comes from, where it flatters."""
    from emg_io.protocols import protocol
    from emg_io.protocols import protocols as names

    if format is not None:
        known(format)
    entries = [protocol(name) for name in names(format)]
    rows = [{fact: getattr(entry, fact) for fact in ("name", "format", "unit", "source", "flaw")} for entry in entries]
    show(rows, [{"name": row["name"], "unit": row["unit"], "flaw": row["flaw"]} for row in rows], json, "protocols")


def info(path: Where, format: Name = None, json: Json = False) -> None:  # noqa: A002  the option's name
    """Describe every recording of a data set."""
    with Errors(json):
        rows = [_describe(recording) for recording in progress(opened(path, format), "reading")]
    show(rows, [row | {"labels": len(row["labels"])} for row in rows], json, str(path))


def check(path: Where, format: Name = None, json: Json = False) -> None:  # noqa: A002  the option's name
    """Read everything in a data set or window store and list what is wrong; exit 3 if anything is."""
    with Errors(json):
        files, errors = _check_store(path) if (path / "manifest.json").is_file() else _check_dataset(path, format)
    if json:
        document({"files": files, "errors": [parts(error) for error in errors]})
    else:
        for error in errors:
            typer.echo(str(error), err=True)
        typer.echo(f"{files} files, {len(errors)} errors")
    raise typer.Exit(BAD_DATA if errors else 0)


def split(
    path: Where,
    protocol: Protocol,
    fold: Fold = None,
    lists: Lists = None,
    partial: Partial = False,
    json: Json = False,
) -> None:
    """Split a data set as published: the hash, and per part subjects, samples, windows and classes."""
    from emg_io.protocols import protocol as find

    with Errors(json):
        entry = find(protocol)
        dataset = opened(path, entry.format)
        made = entry.split(dataset, fold, lists=lists, partial=partial)
        summary = made.summary(dataset, entry.windows)
    body = {"protocol": protocol, "fold": fold, "hash": made.hash, "unit": made.unit, "flaw": entry.flaw}
    rows = [
        {"part": part, "subjects": len(made.subjects(part)), "samples": facts["samples"]}
        | ({"windows": facts["windows"], "classes": facts["classes"]} if entry.windows else {"labels": facts["labels"]})
        for part, facts in summary.items()
    ]
    show(body | {"parts": summary}, rows, json, f"{protocol} {made.hash}")


def _describe(recording: Recording) -> dict[str, Any]:
    """Return what ``info`` says about a recording."""
    return {
        "subject": recording.subject,
        "session": recording.session,
        "task": recording.task,
        "repetition": recording.repetition,
        "channels": recording.n_chans,
        "n_samples": recording.n_samples,
        "sfreq": recording.sfreq,
        "unit": recording.unit,
        "labels": recording.label_counts() if "label" in recording.tracks else {},
    }


def _check_dataset(path: Path, name: str | None) -> tuple[int, list[EmgIoError]]:
    """Read every recording; return the number of files and what is wrong, each once though a file may hold several."""
    errors: dict[str, EmgIoError] = {}
    try:
        dataset = opened(path, name)
    except EmgIoError as error:
        return 1, [error]
    for recording in progress(dataset, "checking"):
        try:
            recording.check()
        except EmgIoError as error:
            errors.setdefault(str(error), error)
    return len({recording.source for recording in dataset}), list(errors.values())


def _check_store(path: Path) -> tuple[int, list[EmgIoError]]:
    """Verify a window store; return the number of files and what is wrong."""
    from emg_io.store import WindowStore

    try:
        store = WindowStore.open(path)
    except EmgIoError as error:
        return 1, [error]
    return len(store.manifest.shards) * (1 + len(store.manifest.tracks)), store.damage()
