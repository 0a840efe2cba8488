"""What NinaPro records beside the EMG: read one by one, when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError
from emg_io._source import Aux

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emg_io.engines._mat import Mat

    from ._ninapro_bases import Base

# numbers of columns that may occur; acc, gyro and mag have three a sensor
_INERTIAL = tuple(range(3, 49, 3))
FIELDS: dict[str, tuple[int, ...]] = {
    "acc": _INERTIAL,
    "gyro": _INERTIAL,
    "mag": _INERTIAL,
    "glove": (22, 18),
    "angles": (22, 18),
    "inclin": (2,),
    "force": (6,),
}
_MAY_BE_NAN = ("glove", "angles", "doa")

# glove column to degree of actuation and weight, Krasoulis et al. 2019
DOA = ("thumb rotation", "thumb flexion", "index flexion", "middle flexion", "ring and little flexion")
DOA_WEIGHTS: tuple[tuple[int, int, float], ...] = (
    (0, 0, 0.639),
    (1, 0, 0.383),
    (3, 0, -0.639),
    (16, 0, -0.19),
    (2, 1, 1.0),
    (4, 2, 0.4),
    (5, 2, 0.6),
    (6, 3, 0.4),
    (7, 3, 0.6),
    (9, 4, 0.1667),
    (10, 4, 0.3333),
    (12, 4, 0.1667),
    (13, 4, 0.3333),
)
_DOA_GLOVE = 18


def present(base: Base, mat: Mat) -> tuple[str, ...]:
    """Return the names of what a file holds, empty fields left out; DB8's glove also gives degrees of actuation."""
    names = tuple(name for name in FIELDS if name in mat.variables and all(mat.node(name).shape))
    return (*names, "doa") if base.files == "acquisition" and "glove" in names else names


def lengths(mat: Mat, names: tuple[str, ...], n_samples: int) -> Mapping[str, int]:
    """Return by how many rows signals differ from the EMG, where they do; `read` looks closer."""
    shapes = {name: mat.node(name).shape for name in names if name in FIELDS}
    return {name: shape[0] - n_samples for name, shape in shapes.items() if shape[0] != n_samples}


def read(base: Base, mat: Mat, name: str, n_samples: int, file: str) -> Aux:
    """Read one signal, cut to the EMG's length: (channels, time), as stored."""
    if name == "doa":
        glove = read(base, mat, "glove", n_samples, file).values
        return Aux(name, _sealed(degrees_of_actuation(glove, file)), base.sfreq, "unknown", DOA)
    values = _table(mat, name, file)
    if abs(len(values) - n_samples) > base.sfreq:
        raise EmgIoError(
            "lengths disagree by more than a second",
            file=file,
            place=name,
            expected=f"{n_samples} rows",
            found=str(len(values)),
        )
    values = values[:n_samples]
    _check_finite(values, name, file)
    return Aux(name, _sealed(np.ascontiguousarray(values.T)), base.sfreq)


def degrees_of_actuation(glove: NDArray[np.generic], file: str = "glove") -> NDArray[np.float64]:
    """Return DB8's five regression targets, (5, time), of its glove (18, time); NaN where a sensor used is NaN."""
    if glove.shape[0] != _DOA_GLOVE:
        raise EmgIoError(
            "no degrees of actuation from this glove",
            file=file,
            place="glove",
            expected=f"({_DOA_GLOVE}, time)",
            found=str(glove.shape),
        )
    found = np.zeros((len(DOA), glove.shape[1]))
    for sensor, degree, weight in DOA_WEIGHTS:
        found[degree] += weight * glove[sensor].astype(float)
    return found


def _table(mat: Mat, name: str, file: str) -> NDArray[np.generic]:
    """Read a field that has one of the numbers of columns it may have."""
    shape = mat.shape(name)
    if len(shape) != 2 or shape[1] not in FIELDS[name]:
        wanted = " or ".join(str(number) for number in FIELDS[name])
        raise EmgIoError("wrong shape", file=file, place=name, expected=f"(time, {wanted})", found=str(shape))
    return mat.read(name)


def _check_finite(values: NDArray[np.generic], name: str, file: str) -> None:
    """Refuse infinite values, and NaN where it has no meaning."""
    wrong = np.isinf(values) if name in _MAY_BE_NAN else ~np.isfinite(values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise EmgIoError(
            "value out of range",
            file=file,
            place=f"{name}, row {row}, column {column}",
            expected="a finite number",
            found=str(values[row, column]),
        )


def _sealed(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Make an array read-only."""
    values.flags.writeable = False
    return values
