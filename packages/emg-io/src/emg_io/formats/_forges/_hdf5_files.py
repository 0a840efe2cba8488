"""HDF5 files with the same bytes every time: no times of writing, no order of creation, the oldest format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._atomic import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def write_hdf5(file: Path, fill: Callable[[Any], None]) -> None:
    """Write a file whole, ``fill`` putting objects into an open `h5py.File`."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w", libver="earliest") as made:
        fill(made)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, out.getvalue())


def compound(**members: NDArray[np.generic]) -> NDArray[np.void]:
    """Return rows of compounds from members (time,) or (time, channels)."""
    form = [(name, values.dtype, values.shape[1:]) for name, values in members.items()]
    rows = np.zeros(len(next(iter(members.values()))), form)
    for name, values in members.items():
        rows[name] = values
    return rows


def add_table(group: Any, name: str, rows: NDArray[np.void], *, compressed: bool) -> Any:  # noqa: ANN401  h5py
    """Add a dataset, in one piece or in compressed chunks, and return it."""
    options: Mapping[str, Any] = {}
    if compressed:
        options = {"chunks": (min(len(rows), 1024),), "compression": "gzip", "shuffle": True}
    return group.create_dataset(name, data=rows, track_times=False, **options)


def unix_clock(n_samples: int, sfreq: float, start: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return Unix times (n_samples,), strictly increasing, that waver by up to a tenth of a step."""
    steps = np.arange(n_samples) + rng.uniform(-0.1, 0.1, n_samples)
    return start + steps / sfreq
