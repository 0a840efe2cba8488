"""Forging emg2qwerty: two typing blocks a user, with a prompt without text and a key after the last sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.emg2qwerty import BANDS, GROUP

from ._hdf5_files import add_table, compound, unix_clock, write_hdf5

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_KEYS = ("a", "e", "t", "Key.space", "Key.backspace")
_SCALE = 250.0
_EPOCH = 1_600_000_000.0


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.4, gap_s: float = 0.3, variation: float = 1.0
) -> list[Truth]:
    """Write typing blocks and ``metadata.csv``.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        Users, 1 or more; each has two blocks, the second compressed.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a keystroke and of the pause behind it, seconds, > 0.
    variation
        How far users differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths, lines = [], ["user,session,duration_mins,num_keystrokes,num_prompts,quality_check_tags"]
    for user in range(n_subjects):
        actor = Actor.draw(BANDS, 2000.0, len(_KEYS) + 1, (seed, user), variation=variation)
        for block in range(2):
            order = actor.rng.integers(1, len(_KEYS) + 1, 6).tolist()
            emg, labels, _ = actor.session(order, segment_s, gap_s)
            raw = (emg * _SCALE).astype(np.float32)
            start = _EPOCH + 86_400.0 * user + 3_600.0 * block
            session = f"2020-09-{13 + user % 15:02d}-{int(start)}-keystrokes-dca-study@1-forged{user}{block}"
            stamps = unix_clock(raw.shape[1], 2000.0, start, actor.rng)
            strokes = _keystrokes(labels, stamps)
            minutes = float(stamps[-1] - stamps[0]) / 60
            attributes = {
                "session_name": session, "user": f"user{user}", "condition": "on_keyboard", "duration_mins": minutes,
                "keystrokes": orjson.dumps(strokes).decode(), "prompts": orjson.dumps(_prompts(stamps)).decode(),
            }  # fmt: skip
            _write(out / f"{session}.hdf5", raw, stamps, attributes, compressed=block == 1)
            lines.append(f'user{user},{session},{minutes:.6f},{len(strokes)},2,"[]"')
            truths.append(Truth(f"user{user}", session, "", None, raw))
    write_bytes(out / "metadata.csv", ("\n".join(lines) + "\n").encode())
    return truths


def _write(
    file: Path, raw: NDArray[np.float32], stamps: NDArray[np.float64], attributes: dict[str, Any], *, compressed: bool
) -> None:
    """Write one typing block."""

    def fill(made: Any) -> None:  # noqa: ANN401  h5py
        """Put group, table and attributes in."""
        group = made.create_group(GROUP)
        table = compound(time=stamps, emg_left=raw[:16].T, emg_right=raw[16:].T)
        add_table(group, "timeseries", table, compressed=compressed)
        for name, value in attributes.items():
            group.attrs[name] = value

    write_hdf5(file, fill)


def _keystrokes(labels: NDArray[np.integer], stamps: NDArray[np.float64]) -> list[dict[str, object]]:
    """Return a keystroke where a gesture begins, and one that comes after the last sample."""
    starts = np.flatnonzero((labels[1:] != labels[:-1]) & (labels[1:] > 0)) + 1
    found: list[dict[str, object]] = [
        {"key": _KEYS[int(labels[at]) - 1], "start": float(stamps[at]), "end": float(stamps[at]) + 0.08}
        for at in starts.tolist()
    ]
    late = float(stamps[-1]) + 0.5
    return [*found, {"key": "Key.enter", "start": late, "end": late + 0.1}]


def _prompts(stamps: NDArray[np.float64]) -> list[dict[str, object]]:
    """Return a prompt and one whose payload is null."""
    first, middle, last = float(stamps[0]), float(stamps[len(stamps) // 2]), float(stamps[-1])
    return [
        {"name": "text_prompt", "start": first, "end": middle, "payload": {"text": "the quick brown fox"}},
        {"name": "text_prompt", "start": middle, "end": last, "payload": None},
    ]
