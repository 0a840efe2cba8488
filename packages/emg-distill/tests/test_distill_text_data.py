"""Keys and sentences of windows: which symbols, in which order, and none lost or told twice."""

import importlib.util
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._data.targets_text import (
    KeyTarget,
    SymbolTable,
    TextTarget,
    between,
    pad_symbols,
    placed,
    sample_times,
    symbols_of_keys,
)
from emg_distill._data.windows import Cut, cut
from emg_distill._text.alphabet import get_alphabet


def load_oracles() -> Any:
    path = Path(__file__).with_name("distill_oracles_sequence.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ORACLES = load_oracles()
ONSETS = st.lists(st.integers(-40, 400), max_size=25)


def clock(steps: list[int]) -> Any:
    """Stamps in s: a tenth of a unit of onset apart, or several; 0 repeats a stamp."""
    return np.concatenate([[0], np.cumsum(steps)]) / 64.0


@given(ONSETS, st.lists(st.integers(0, 12), min_size=3, max_size=60), st.booleans(), st.data())
def test_symbols_of_any_window_equal_those_of_the_slow_form(
    onsets: list[int], steps: list[int], both_ends: bool, data: Any
) -> None:
    times, seconds = clock(steps), np.array(onsets, np.float64) / 64.0
    symbols = np.arange(len(onsets), dtype=np.int64)
    first = data.draw(st.integers(0, len(times) - 1))
    last = data.draw(st.integers(first, len(times) - 1))
    found = between(placed(seconds, symbols, times), first, last, both_ends=both_ends)
    assert found.tolist() == ORACLES.keys_between(seconds, symbols, times, first, last, both_ends=both_ends)
    assert found.dtype == np.int64


@given(ONSETS, st.lists(st.integers(1, 12), min_size=3, max_size=60), st.integers(1, 20))
def test_windows_side_by_side_share_out_every_key(onsets: list[int], steps: list[int], length: int) -> None:
    times, seconds = clock(steps), np.array(onsets, np.float64) / 64.0
    plan = placed(seconds, np.arange(len(onsets), dtype=np.int64), times)
    table = cut(Cut(length, length, "none", pad=True), [(0, len(times))], None)
    pairs = list(zip(table.start.tolist(), table.valid.tolist(), strict=True))
    shared = np.concatenate([between(plan, s, s + n - 1, both_ends=False) for s, n in pairs])
    assert shared.tolist() == plan["symbol"][plan["before"] >= 0].tolist()
    published = np.concatenate([between(plan, s, s + n - 1, both_ends=True) for s, n in pairs])
    gaps = [(times[s + n - 1], times[s + n] if s + n < len(times) else np.inf) for s, n in pairs]
    lost = [k for k in shared.tolist() if any(a < seconds[k] < b for a, b in gaps)]
    assert sorted(published.tolist() + lost) == sorted(shared.tolist())


def test_a_key_on_the_last_sample_is_in_and_one_between_windows_is_in_neither() -> None:
    times = np.arange(20) / 2000.0
    plan = placed(np.array([9 / 2000, 9.5 / 2000, 10 / 2000]), np.array([1, 2, 3]), times)
    assert between(plan, 0, 9, both_ends=True).tolist() == [1]
    assert between(plan, 10, 19, both_ends=True).tolist() == [3]
    assert between(plan, 0, 9, both_ends=False).tolist() == [1, 2]


def test_keys_of_one_moment_keep_their_order() -> None:
    symbols = np.arange(200, dtype=np.int64)
    assert placed(np.repeat([0.2, 0.1], 100), symbols, np.arange(9) / 10)["symbol"].tolist() == [
        *range(100, 200), *range(100)
    ]  # fmt: skip


def test_keys_outside_the_alphabet_vanish_and_backspace_stays() -> None:
    rows, classes = symbols_of_keys(["h", "Key.ctrl_l", "Key.backspace", "I", "Key.tab", "Key.enter"], "emg2qwerty")
    assert rows.tolist() == [0, 2, 3, 5]
    assert classes.tolist() == [7, 94, 26 + 8, 95]
    assert [len(part) for part in symbols_of_keys([], "emg2qwerty")] == [0, 0]


def test_rows_of_symbols_are_padded_with_0_and_their_lengths_told() -> None:
    fields = pad_symbols([np.array([5, 6]), np.array([], np.int64), np.array([7])])
    assert fields["y"].tolist() == [[5, 6], [0, 0], [7, 0]]
    assert fields["y_lengths"].tolist() == [2, 0, 1]
    assert pad_symbols([np.array([], np.int64)])["y"].shape == (1, 1)
    assert pad_symbols([])["y"].shape == (0, 1)


def recording(*events: tuple[float, str, str], n_samples: int = 100, stamps: Any = None) -> Any:
    made = [SimpleNamespace(onset=onset, kind=kind, value=value) for onset, kind, value in events]
    return SimpleNamespace(
        events=made, n_samples=n_samples, sfreq=10.0, timestamps=stamps, source="file.hdf5", metadata={}
    )


def test_keys_of_slid_windows_come_from_where_they_slid_to() -> None:
    target = KeyTarget()
    plan = target.plan(*[recording((1.0, "keystroke", "a"), (2.5, "prompt", "x"), (2.0, "keystroke", "b"))] * 2)
    windows = cut(Cut(20, 20, "none", slide=True), [(0, 100)], None)
    table = target.table([plan], target.keep(windows, plan, "file"))
    assert len(windows) == 5
    there, slid = table.read(np.array([0, 1]), np.array([0, 20])), table.read(np.array([0]), np.array([11]))
    assert there["y"].tolist() == [[0], [1]]
    assert there["y_lengths"].tolist() == [1, 1]
    assert slid["y"].tolist() == [[1]]
    again = pickle.loads(pickle.dumps(table))  # noqa: S301  our own object, as worker processes get it
    assert again.digest == table.digest
    assert SymbolTable(table.plans, table.recording, table.valid, both_ends=False).digest != table.digest


def test_stamps_are_the_clock_where_there_are_any() -> None:
    stamps = np.array([0.0, 0.1, 5.0])
    assert sample_times(recording(stamps=stamps)) is stamps
    assert sample_times(recording(n_samples=3)).tolist() == [0.0, 0.1, 0.2]


def test_a_recording_without_keys_is_refused() -> None:
    plan = KeyTarget().plan(*[recording((1.0, "keystroke", "Key.ctrl"))] * 2)
    with pytest.raises(EmgDistillError, match=r"file.hdf5 has no keystroke of alphabet 'emg2qwerty': leave it out"):
        KeyTarget().keep(cut(Cut(20, 20, "none"), [(0, 100)], None), plan, "file.hdf5")


def test_keys_of_who_did_not_type_on_a_keyboard_are_no_labels() -> None:
    made = recording((1.0, "keystroke", "a"))
    made.metadata = {"condition": "on_table"}
    with pytest.raises(
        EmgDistillError, match=r"file.hdf5: condition 'on_table'; keys are labels only where it is 'on_"
    ):
        KeyTarget().plan(made, made)


def test_an_utterance_has_its_whole_text_and_one_without_symbols_is_left_out() -> None:
    target, windows = TextTarget(), cut(Cut(0, 1, "none"), [(0, 100)], None)
    said = target.plan(*[recording((0.0, "text", "It's 5 o'clock--yes!"), (0.0, "marker", "no"))] * 2)
    table = target.table([said], target.keep(windows, said, "file"))
    fields = table.read(np.array([0]), np.array([0]))
    alphabet = get_alphabet("gaddy")
    assert alphabet.decode(fields["y"][0].numpy()) == "its 5 oclock yes"
    assert fields["y_lengths"].tolist() == [16]
    mute = target.plan(*[recording((0.0, "text", "..."))] * 2)
    assert len(target.keep(windows, mute, "file")) == 0


def test_outputs_are_the_symbols_and_the_blank_last() -> None:
    assert (len(KeyTarget().labels({})), KeyTarget().labels({})[-1]) == (99, "blank")
    assert (len(TextTarget().labels({})), TextTarget().labels({})[-1]) == (38, "blank")
    assert (KeyTarget().kind, KeyTarget().rest, TextTarget().kind) == ("ctc", None, "ctc")
