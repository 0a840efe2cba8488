"""Forging small, valid, learnable data sets in the layout of every supported format."""

from __future__ import annotations

from pathlib import Path

from ._atomic import new_folder
from ._dataset import find_format
from ._errors import EmgIoError


def synthesize(out: str | Path, format: str = "uci", n_subjects: int = 6, seed: int = 0, **options: float) -> Path:  # noqa: A002  the field's word
    """Forge a data set of synthetic EMG (motor-unit model) that `open_dataset` reads.

    Parameters
    ----------
    out
        Folder to make; it must not exist or be empty. It appears whole or not at all.
    format
        Name of a registered format.
    n_subjects
        Number of subjects, 1..99.
    seed
        0 or more; same seed, same bytes.
    **options
        ``segment_s``, ``gap_s``: seconds per gesture and per pause, > 0. ``variation``: how far subjects differ, >= 0.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    EmgIoError
        If ``out`` is taken or cannot be written, or an argument lies outside its range.
    """
    entry = find_format(format)
    if not 1 <= n_subjects <= 99 or seed < 0:
        raise EmgIoError(
            "cannot forge that", place="n_subjects, seed", expected="1..99 and >= 0", found=f"{n_subjects}, {seed}"
        )
    _check_options(options)
    target = Path(out)
    with new_folder(target) as made:
        entry.forge(made, n_subjects, seed, **options)
    return target


def _check_options(options: dict[str, float]) -> None:
    """Refuse unknown options and lengths that make no recording."""
    limits = {"segment_s": (0.05, 60.0), "gap_s": (0.05, 60.0), "variation": (0.0, 5.0)}
    for name, value in options.items():
        if name not in limits:
            raise EmgIoError("unknown option", place="options", expected=", ".join(limits), found=name)
        low, high = limits[name]
        if not low <= value <= high:
            raise EmgIoError("option out of range", place=name, expected=f"{low}..{high}", found=str(value))
