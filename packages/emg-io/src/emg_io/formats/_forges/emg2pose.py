"""Forging emg2pose: both hands of two stages a user, the left a little shorter, some poses lost by the tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_io._atomic import write_bytes
from emg_io.forging import Actor, Truth
from emg_io.formats.emg2pose import BAND, GROUP, JOINTS

from ._hdf5_files import add_table, compound, unix_clock, write_hdf5

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_STAGES = ("FingerPinches1", "HandOverHand")
_EPOCH, _SCALE = 1_650_000_000.0, 100.0
_HEADING = "user,session,stage,side,moving_hand,held_out_user,held_out_stage,split,generalization,filename"
_SPLITS = (("train", "", False, False), ("test", "user", True, False))


def forge(
    out: Path, n_subjects: int, seed: int, *, segment_s: float = 0.4, gap_s: float = 0.2, variation: float = 1.0
) -> list[Truth]:
    """Write one file a hand and stage, and ``metadata.csv``; every second user is held out.

    Parameters
    ----------
    out
        Empty folder.
    n_subjects
        Users, 1 or more.
    seed
        Same seed, same bytes.
    segment_s, gap_s
        Mean length of a movement and of the pause behind it, seconds, > 0.
    variation
        How far users differ, 0 or more.

    Returns
    -------
    list of Truth
        What a reader must find.
    """
    truths, lines = [], [_HEADING]
    for user in range(n_subjects):
        actor = Actor.draw(BAND, 2000.0, 4, (seed, user), variation=variation)
        for number, stage in enumerate(_STAGES):
            for side in ("left", "right"):
                emg, labels, _ = actor.session([1, 2, 3], segment_s, gap_s)
                raw = (emg * _SCALE).astype(np.float32)[
                    :, : emg.shape[1] - (min(37, emg.shape[1] // 2) if side == "left" else 0)
                ]
                start = _EPOCH + 86_400.0 * user + 60.0 * number
                session = f"2022-04-{15 + user % 15:02d}-{int(start)}-cv-emg-pose-train@2-recording-{user}"
                name = f"{session}_{stage}_{side}"
                stamps = unix_clock(raw.shape[1], 2000.0, start, actor.rng)
                table = compound(time=stamps, joint_angles=_angles(labels[: raw.shape[1]], actor.rng), emg=raw.T)
                attributes = {
                    "filename": name, "session": session, "stage": stage, "user": f"{user:010x}", "side": side,
                    "sample_rate": 2000.0, "num_channels": 16, "start": stamps[0], "end": stamps[-1],
                }  # fmt: skip
                _write(out / f"{name}.hdf5", table, attributes, compressed=side == "right")
                split, general, held_user, held_stage = _SPLITS[user % 2]
                lines.append(
                    f"{user:010x},{session},{stage},{side},both,{held_user},{held_stage},{split},{general},{name}"
                )
                truths.append(Truth(f"{user:010x}", session, f"{stage}/{side}", None, raw))
    write_bytes(out / "metadata.csv", ("\n".join(lines) + "\n").encode())
    return truths


def _angles(labels: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return joint angles (time, 20) in rad that follow the movement; the tracking is lost for a tenth of the time."""
    poses = rng.uniform(0.05, 1.4, (4, len(JOINTS)))
    n_smooth = min(101, len(labels))
    smooth = np.ones(n_smooth) / n_smooth
    angles = np.stack([np.convolve(poses[labels, joint], smooth, "same") for joint in range(len(JOINTS))], axis=1)
    lost = int(rng.integers(0, max(1, len(labels) * 9 // 10)))
    angles[lost : lost + len(labels) // 10] = 0.0
    return angles


def _write(file: Path, table: NDArray[np.void], attributes: dict[str, Any], *, compressed: bool) -> None:
    """Write one hand of one stage."""

    def fill(made: Any) -> None:  # noqa: ANN401  h5py
        """Put group, table and attributes in."""
        group = made.create_group(GROUP)
        add_table(group, "timeseries", table, compressed=compressed)
        for name, value in attributes.items():
            group.attrs[name] = value

    write_hdf5(file, fill)
