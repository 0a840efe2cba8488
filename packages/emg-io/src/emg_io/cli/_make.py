"""Commands that make something: synth, convert, prepare, bids."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._look import Fold, Lists, Partial, Protocol
from ._show import Counter, Errors, Json, Name, Where, known, opened, show

if TYPE_CHECKING:
    from emg_io._dataset import Dataset
    from emg_io._recording import Recording
    from emg_io.splits import Split

Rate = Annotated[
    float | None,
    typer.Option("--sfreq", min=1.0, help="Rate in Hz; where clocks are stamped, the format's by default."),
]
Store = Annotated[Path, typer.Argument(help="Folder of the window store to make, or to go on with.")]
Dask = Annotated[str | None, typer.Option("--dask", help="Address of a Dask scheduler that shares the work.")]


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    format: Annotated[str, typer.Option("--format", help="Layout to forge.")] = "uci",  # noqa: A002  the option's name
    subjects: Annotated[int, typer.Option(min=1, max=99, help="Number of subjects.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    json: Json = False,
) -> None:
    """Forge a small valid data set of synthetic EMG."""
    from emg_io._dataset import open_dataset
    from emg_io._synth import synthesize

    known(format)
    with Errors(json):
        made = synthesize(out, format, subjects, seed)
        row = {"path": str(made), "format": format, "recordings": len(open_dataset(made, format)), "seed": seed}
    show(row, [row], json, "synthetic data set")


def convert(
    path: Where,
    out: Store,
    format: Name = None,  # noqa: A002  the option's name
    sfreq: Rate = None,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Convert a data set to a window store; stamped clocks are resampled by holding. Repeated, it goes on."""
    with Errors(json):
        path, out = _shared(path, dask), _shared(out, dask)
        _write(opened(path, format), out, None, sfreq, dask, json)


def prepare(
    path: Where,
    out: Store,
    protocol: Protocol,
    fold: Fold = None,
    lists: Lists = None,
    partial: Partial = False,
    sfreq: Rate = None,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Write the window store of a published protocol: shards, parts, statistics of the training part."""
    from emg_io.protocols import protocol as find

    with Errors(json):
        entry = find(protocol)
        path, out = _shared(path, dask), _shared(out, dask)
        dataset = opened(path, entry.format)
        split = entry.split(dataset, fold, lists=lists, partial=partial)
        _write(dataset, out, split, sfreq, dask, json)


def bids(
    path: Where,
    out: Annotated[Path, typer.Argument(help="Folder of the EMG-BIDS data set to make.")],
    format: Name = None,  # noqa: A002  the option's name
    sfreq: Rate = None,
    json: Json = False,
) -> None:
    """Write a data set as EMG-BIDS: BDF+, channels, electrodes, events; stamped clocks are resampled by holding."""
    from emg_io._bids_write import write_bids

    with Errors(json):
        dataset = opened(path, format)
        written = write_bids(
            [_uniform(recording, sfreq, dataset) for recording in dataset],
            out,
            name=dataset.info.title,
            licence=dataset.licence,
            citation=dataset.citation,
        )
    row = {"path": str(out), "format": dataset.format, "recordings": len(written)}
    show(row, [row], json, "EMG-BIDS data set")


def _uniform(recording: Recording, sfreq: float | None, dataset: Dataset) -> Recording:
    """Put a recording on a uniform clock where that is asked for or it has none."""
    if sfreq is None and recording.uniform:
        return recording
    return recording.resample(sfreq or dataset.info.sfreq or recording.sfreq)


def _shared(path: Path, dask: str | None) -> Path:
    """Return a path that means the same on a cluster's workers, which run in other folders."""
    return path.absolute() if dask else path


def _write(dataset: Dataset, out: Path, split: Split | None, sfreq: float | None, dask: str | None, json: bool) -> None:
    """Write a store, here or on a cluster, and say what it holds."""
    from emg_io.store import dask_executor
    from emg_io.store import prepare as write

    with dask_executor(dask) if dask else nullcontext() as executor, Counter("shards") as count:
        store = write(dataset, out, split=split, sfreq=sfreq, executor=executor, on_shard=count)
    row = {
        "path": str(out),
        "format": dataset.format,
        "recordings": len(store),
        "samples": sum(entry.length for entry in store.entries),
        "sfreq": store.signal.sfreq,
        "unit": store.signal.unit,
    }
    if split is not None:
        row |= {"split": split.hash}
    show(row, [row], json, "window store")
