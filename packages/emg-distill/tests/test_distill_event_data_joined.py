"""Whole recordings from windows: nothing lost, nothing told twice, means where windows overlap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._data.targets_events import FrameGrid
from emg_distill._data.windows import Cut, cut
from emg_distill._examples.joining import join_recordings, whole_recording_log_probs


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(1, 5)), min_size=1, max_size=8))
def test_overlapping_windows_are_averaged_frame_by_frame(windows: list[tuple[int, int, int]]) -> None:
    rng = np.random.default_rng(len(windows))
    outputs = [rng.standard_normal((size, 2)).astype(np.float32) for _, _, size in windows]
    recording, first = (np.array([window[place] for window in windows]) for place in (0, 1))
    slow: dict[int, dict[int, list[np.ndarray]]] = {}
    for (number, begin, size), rows in zip(windows, outputs, strict=True):
        for frame in range(size):
            slow.setdefault(number, {}).setdefault(begin + frame, []).append(rows[frame])
    if any(set(found) != set(range(max(found) + 1)) for found in slow.values()):
        with pytest.raises(
            EmgDistillError, match=r"recording \d: no window has frame \d+ of \d+; cut windows whose hop"
        ):
            join_recordings(outputs, recording, first)
        return
    joined = join_recordings(outputs, recording, first)
    assert list(joined) == sorted(slow)
    for number, frames in joined.items():
        assert np.allclose(frames, [np.mean(slow[number][frame], axis=0) for frame in range(len(frames))], atol=1e-6)
        assert frames.dtype == np.float32


@given(st.integers(1, 900))
def test_frames_of_a_recording_come_back_from_windows_with_context(n_samples: int) -> None:
    hop, past, length = 4, 36, 80
    table = cut(Cut(length, length, "none", pad=True, past=past, future=8), [(0, n_samples)], None)
    position = (table.start[:, None] - past + hop * np.arange((past + length + 8) // hop))[:, :, None]
    joined = whole_recording_log_probs(
        position.astype(np.float32), table.recording, table.start, table.valid, past=past, hop=hop
    )
    assert joined[0][:, 0].tolist() == list(range(0, n_samples, hop))


def test_frames_of_gestures_come_back_from_windows_that_overlap() -> None:
    grid, table = FrameGrid(), cut(Cut(160, 120, "none", pad=True), [(0, 500)], None)
    outputs = [
        (start + 20 + 10 * np.arange(grid.frames(valid), dtype=np.float32))[:, None]
        for start, valid in zip(table.start.tolist(), table.valid.tolist(), strict=True)
    ]
    joined = join_recordings(outputs, table.recording, table.start // grid.step)
    assert joined[0][:, 0].tolist() == list(range(20, 500, 10))


@pytest.mark.parametrize(("start", "frames"), [(2, 31), (0, 29)])
def test_windows_off_the_frames_or_without_enough_are_refused(start: int, frames: int) -> None:
    with pytest.raises(EmgDistillError, match=r"hop=4, past=36: windows must begin on frames, and every sample"):
        whole_recording_log_probs(
            np.zeros((1, frames - 2, 3), np.float32), np.zeros(1, np.int64), np.array([start]), np.array([80]),
            past=36, hop=4,
        )  # fmt: skip
