"""A teacher's answers on disk: computed once for all training windows, mapped into memory, found again by identity."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError
from emg_distill._files import write_json

_RECORD = "cache.json"
Answers = Iterator[tuple[NDArray[np.int64], dict[str, torch.Tensor]]]


class TeacherCache:
    """Answers of a teacher for examples as they are, half precision, one memory-mapped array a name.

    A row takes ``2 * frames * outputs`` bytes: 99 symbols at 100 Hz are 19.8 kB a second of signal. Half precision
    keeps log-probabilities to 5e-4 of their value.

    Parameters
    ----------
    folder
        Where the answers lie, or will lie.
    identity
        Hash of teacher, examples and view; a cache with another identity is written anew.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder, self._identity = folder, identity
        self._arrays: dict[str, NDArray[np.float16]] = {}

    def fill(self, n: int, answers: Callable[[], Answers]) -> None:
        """Open the cache, or compute and write it when it is not there whole.

        Parameters
        ----------
        n
            Number of examples.
        answers
            Gives (rows, answers by name) for all examples.
        """
        if not self._written():
            self._write(n, answers())
        record = json.loads((self._folder / _RECORD).read_text(encoding="utf-8"))
        for name, shape in record["shapes"].items():
            array = np.load(self._folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            if list(array.shape) != shape:
                raise EmgDistillError(
                    f"{self._folder / name}.npy has shape {array.shape}, written was {shape}: delete it"
                )
            self._arrays[name] = array

    def read(self, rows: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """Return answers by name, float32."""
        return {name: torch.from_numpy(array[rows].astype(np.float32)) for name, array in self._arrays.items()}

    def _written(self) -> bool:
        path = self._folder / _RECORD
        try:
            return bool(json.loads(path.read_text(encoding="utf-8"))["identity"] == self._identity)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _write(self, n: int, answers: Answers) -> None:
        """Write arrays first and the record last, so that a cache with a record is whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _RECORD).unlink(missing_ok=True)
        arrays: dict[str, np.memmap[tuple[int, ...], np.dtype[np.float16]]] = {}
        for rows, answer in answers:
            for name, value in answer.items():
                if name not in arrays:
                    shape = (n, *value.shape[1:])
                    path = self._folder / f"{name}.npy"
                    arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
                arrays[name][rows] = value.float().cpu().numpy()
        for name, array in arrays.items():
            array.flush()
            with (self._folder / f"{name}.npy").open("rb") as file:
                os.fsync(file.fileno())
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        write_json(self._folder / _RECORD, {"identity": self._identity, "shapes": shapes})
