"""A data set into a window store, on any executor, and on again after whatever stopped it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from emg_io._atomic import unwritable, write_bytes
from emg_io._errors import EmgIoError

from ._assemble import extended, with_split
from ._clock import Clock
from ._folder import locked, strangers, sweep
from ._manifest import NAME, PLAN, Manifest
from ._plan import Arguments, Plan, make_plan
from ._pool import run_all
from ._read import read_manifest
from ._shard import make_shard
from ._store import WindowStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from emg_io._recording import Recording
    from emg_io.splits import Split


def prepare(
    dataset: Sequence[Recording],
    out: str | Path,
    *,
    split: Split | None = None,
    tracks: Iterable[str] | None = None,
    sfreq: float | None = None,
    method: str = "hold",
    executor: Executor | None = None,
    shard_samples: int | None = None,
    on_shard: Callable[[int, int], None] | None = None,
) -> WindowStore:
    """Convert a data set to a window store; the bytes depend on data and arguments, not on who works or how often.

    A call that was stopped, even by ``kill -9``, goes on where it was when it is repeated with the same arguments:
    finished shards are checked by size and sha256 and kept. The manifest is written last; before that, the folder is
    no store.

    Parameters
    ----------
    dataset
        An opened data set (`open_dataset`), or recordings alike in channels, dtype and unit.
    out
        Folder to make or to resume; on a cluster, one that all workers reach.
    split
        Parts of this data set. Recordings that no part uses are left out. The parts are stored in the store's
        coordinates, with mean and standard deviation of ``"train"``; where the clock changes, samples that mix two
        spans belong to none.
    tracks
        Annotations to store; by default ``"label"`` if the first recording has it. All recordings must have them.
    sfreq, method
        Rate in Hz and way to resample, as `Recording.resample`; by default uniform recordings stay as they are, and
        stamped ones are held at the data set's own rate.
    executor
        Any `concurrent.futures.Executor`; None works in this process. One shard is one job.
    shard_samples
        Samples, counted as recorded, after which a new shard begins, >= 1; recordings are not cut. By default some
        256 MiB.
    on_shard
        Called with the number of shards that are done, and with that of all.

    Returns
    -------
    WindowStore

    Raises
    ------
    EmgIoError
        If recordings do not fit together, the split is of another data set, or the folder holds anything else: other
        files, another plan, another writer at work.
    """
    names = (tracks,) if isinstance(tracks, str) else tracks
    nominal = getattr(getattr(dataset, "info", None), "sfreq", None)
    clock = Clock(None if sfreq is None else float(sfreq), method, nominal)
    arguments = Arguments(None if names is None else tuple(names), clock, shard_samples, split)
    plan = make_plan(dataset, arguments, executor)
    folder = _made(Path(out))
    with locked(folder):
        if not _finished(folder, plan, executor):
            _begin(folder, plan)
            tell = None if on_shard is None else partial(_tell, on_shard, len(plan.shards))
            records = run_all(make_shard, plan.jobs(str(folder)), executor, tell)
            manifest = Manifest(plan.signal, {track: {} for track in plan.tracks}, plan=plan.sha256)
            manifest = extended(manifest, zip(plan.groups(), records, strict=True))
            (manifest if split is None else with_split(manifest, split, records)).write(folder)
        _clear(folder)
    return WindowStore.open(folder)


def _tell(listener: Callable[[int, int], None], total: int, done: int) -> None:
    """Report progress."""
    listener(done, total)


def _made(out: Path) -> Path:
    """Make the folder, unless it is there and holds nothing but an unfinished store."""
    try:
        folder = out.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if found := strangers(folder):
            raise EmgIoError(
                "output exists: name a new folder or empty this one",
                file=str(out),
                expected="nothing, or an unfinished store",
                found=", ".join(found[:3]),
            )
    except OSError as error:
        raise unwritable(out, error) from None
    return folder


def _finished(folder: Path, plan: Plan, executor: Executor | None) -> bool:
    """Tell whether the store is there and whole; a store of another plan, or a damaged one, raises `EmgIoError`."""
    if not (folder / NAME).exists():
        return False
    found = read_manifest(folder).plan
    if found != plan.sha256:
        raise EmgIoError(
            "folder holds another store: name a new folder or empty this one",
            file=str(folder),
            place="plan",
            expected=plan.sha256,
            found=str(found),
        )
    WindowStore.open(folder).verify(executor)
    return True


def _begin(folder: Path, plan: Plan) -> None:
    """Write the plan, or find it there from an earlier run; clear away what no run can use."""
    file = folder / PLAN
    ours = orjson.loads(orjson.dumps({"sha256": plan.sha256, "stamps": plan.stamps, "plan": plan.body}))
    if file.exists():
        _refuse_other_plan(file, ours)
    else:
        sweep(folder, ())
        write_bytes(file, orjson.dumps(ours))
    suffixes = ("json", "samples", *plan.tracks)
    sweep(folder, {f"{job.name}.{suffix}" for job in plan.jobs("") for suffix in suffixes})


def _refuse_other_plan(file: Path, ours: dict[str, Any]) -> None:
    """Refuse to resume what was begun with other data or arguments, and say which."""
    try:
        theirs = orjson.loads(file.read_bytes())
        same = theirs == ours
        place = next((key for key in ours["plan"] if ours["plan"][key] != theirs["plan"].get(key)), "files' stamps")
        words = [f"{whole['plan'].get(place)!s:.120}" for whole in (theirs, ours)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        same, place, words = False, "JSON", ["not a plan", "a plan"]
    if not same:
        raise EmgIoError(
            "folder holds an unfinished store of other data or arguments: repeat those, or empty the folder",
            file=str(file),
            place=place,
            expected=words[0],
            found=words[1],
        )


def _clear(folder: Path) -> None:
    """Remove plan, records and leftovers: the manifest is there, nothing else is needed."""
    manifest = read_manifest(folder)
    (folder / PLAN).unlink(missing_ok=True)
    sweep(folder, {f"{shard.name}.{kind}" for shard in manifest.shards for kind in shard.sha256})
