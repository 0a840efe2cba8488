"""The one door to emg-io and emg-dsp, which the extra ``data`` installs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from types import ModuleType


def siblings() -> tuple[ModuleType, ModuleType]:
    """Return emg_io and emg_dsp.

    Raises
    ------
    EmgDistillError
        When one of them is not installed; the message says how to install it.
    """
    try:
        import emg_dsp
        import emg_io
    except ModuleNotFoundError as error:
        if error.name not in {"emg_dsp", "emg_io"}:
            raise  # installed but broken: the real reason must be seen
        raise EmgDistillError(
            f"reading recordings needs {error.name}, which is not installed: pip install emg-distill[data]"
        ) from error
    return emg_io, emg_dsp
