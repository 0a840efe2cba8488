"""What makes a table of numbers a stable cascade of second-order sections."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._errors import EmgDspError


def checked_sections(rows: ArrayLike) -> NDArray[np.float64]:
    """Check shape, finiteness, normalisation and stability; return the rows as an array."""
    try:
        sos = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise EmgDspError("sections are not a table of real numbers; required is (n_sections, 6).") from None
    if sos.ndim != 2 or sos.shape[1] != 6 or len(sos) == 0:
        raise EmgDspError(f"sections have shape {sos.shape}; required is (n_sections, 6), n_sections >= 1.")
    finite = np.isfinite(sos).all(axis=1)
    if not finite.all():
        raise EmgDspError(f"section {int(np.argmin(finite))} is not finite; required are finite coefficients.")
    if (sos[:, 3] != 1).any():
        raise EmgDspError(f"sections have a0={sos[:, 3].tolist()}; required is a0 = 1. Divide each row by its a0.")
    _check_stable(sos)
    return sos


def _check_stable(sos: NDArray[np.float64]) -> None:
    """Raise unless both poles of every section lie inside the unit circle."""
    a1, a2 = sos[:, 4], sos[:, 5]
    stable = (np.abs(a2) < 1) & (np.abs(a1) < 1 + a2)
    if not stable.all():
        row = int(np.argmin(stable))
        raise EmgDspError(
            f"section {row} is unstable (a1={a1[row]:g}, a2={a2[row]:g}); required is |a2| < 1 and |a1| < 1 + a2. "
            "Lower the order or widen the band."
        )
