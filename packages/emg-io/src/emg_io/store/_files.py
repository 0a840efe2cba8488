"""The files of a store, mapped when they are first needed; few at a time, because each holds a file handle."""

from __future__ import annotations

import math
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emg_io._errors import EmgIoError

from ._shard import LABEL_DTYPE, digest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ._manifest import Manifest

MOST_MAPPED = 256


class Proof(NamedTuple):
    """What the manifest says of one file: enough to tell whether it is whole, here or on a worker."""

    path: Path
    size: int
    sha256: str

    def check_size(self) -> None:
        """Refuse a file that is not there, is a link, or has another size than the manifest says."""
        try:
            status = self.path.lstat()
        except OSError:
            found = "no file"
        else:
            found = f"{status.st_size} bytes" if stat.S_ISREG(status.st_mode) else "a link or a device"
        want = f"{self.size} bytes"
        if found != want:
            raise EmgIoError("shard is damaged", file=str(self.path), place="size", expected=want, found=found)


def damage_of(proof: Proof) -> EmgIoError | None:
    """Read a file and return what is wrong with it; runs wherever jobs do."""
    try:
        proof.check_size()
        found = digest(proof.path)
    except EmgIoError as error:
        return error
    except OSError as error:
        found = str(error)
    if found == proof.sha256:
        return None
    return EmgIoError("shard is damaged", file=str(proof.path), place="sha256", expected=proof.sha256, found=found)


class Maps:
    """One kind of file of all shards as arrays, (time, channels) or (time,), mapped on demand."""

    def __init__(self, folder: Path, manifest: Manifest, kind: str) -> None:
        self.kind, self._folder, self._shards = kind, folder, manifest.shards
        self._dtype = np.dtype(manifest.signal.dtype) if kind == "samples" else LABEL_DTYPE
        self._width = (manifest.signal.n_chans,) if kind == "samples" else ()
        self._held: dict[int, NDArray[Any]] = {}

    def get(self, shard: int) -> NDArray[Any]:
        """Return a shard's array, read-only."""
        found = self._held.get(shard)
        return self._map(shard) if found is None else found

    def proof(self, shard: int) -> Proof:
        """Return what the manifest says of a shard's file."""
        facts = self._shards[shard]
        size = facts.n_samples * math.prod(self._width) * self._dtype.itemsize
        return Proof(self._folder / f"{facts.name}.{self.kind}", size, facts.sha256[self.kind])

    def _map(self, shard: int) -> NDArray[Any]:
        """Map a file, and let go of the one mapped longest where there are too many."""
        proof, shape = self.proof(shard), (self._shards[shard].n_samples, *self._width)
        proof.check_size()
        made = (
            np.asarray(np.memmap(proof.path, self._dtype, "r", shape=shape))
            if proof.size
            else np.zeros(shape, self._dtype)
        )
        made.flags.writeable = False
        while len(self._held) >= MOST_MAPPED:
            self._held.pop(next(iter(self._held)), None)
        self._held[shard] = made
        return made
