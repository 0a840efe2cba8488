"""Text as a target: the keys that were pressed during a window, or the sentence of a whole utterance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emg_distill._errors import EmgDistillError
from emg_distill._text.alphabet import get_alphabet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    import emg_io
    from emg_distill._examples.examples import Kind

    from .targets import Plan
    from .windows import WindowTable

    Ints = NDArray[np.int64]

BLANK = "blank"
_TYPED = "on_keyboard"


@dataclass(frozen=True)
class KeyTarget:
    """Keys pressed while a window, without its context, was recorded.

    Attributes
    ----------
    alphabet
        Name of the symbols; keys outside vanish, backspace is a symbol like any other.
    both_ends
        Whether a key counts when ``time[first] <= press <= time[last]``, the times of the window's first and last
        sample, as emg2qwerty's released code has it: what is pressed between the last sample of a window and the first
        of the next is in neither. Else a key belongs to the last sample at or before it, so that windows side by side
        share out every key.
    event
        Kind of the events that are keys.
    """

    alphabet: str = "emg2qwerty"
    both_ends: bool = True
    event: str = "keystroke"
    kind: Kind = "ctc"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return the symbols and, last, the blank."""
        return [*get_alphabet(self.alphabet).symbols, BLANK]

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:
        """Return `symbol` and, on the model's clock, the samples `before` and `after` each press, (keys,) int64.

        Raises
        ------
        EmgDistillError
            When the recording says that nobody typed on a keyboard: its keystrokes are no labels.
        """
        condition = recording.metadata.get("condition", _TYPED)
        if condition != _TYPED:
            raise EmgDistillError(
                f"{recording.source}: condition {condition!r}; keys are labels only where it is {_TYPED!r}: leave the "
                "recording out of the split"
            )
        events = [event for event in recording.events if event.kind == self.event]
        rows = symbols_of_keys([event.value for event in events], self.alphabet)
        onsets = np.array([event.onset for event in events], np.float64)
        return placed(onsets[rows[0]], rows[1], sample_times(uniform))

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:
        """Keep all windows; a recording without any key raises."""
        if not len(plan["symbol"]):
            raise EmgDistillError(
                f"{source} has no {self.event} of alphabet {self.alphabet!r}: leave it out of the split, or give the "
                "recordings with their labels"
            )
        return windows

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> SymbolTable:
        """Return the keys of a part's windows."""
        return SymbolTable(tuple(plans), windows.recording, windows.valid, self.both_ends)


@dataclass(frozen=True)
class TextTarget:
    """The sentence that was read, for windows that are whole utterances.

    Attributes
    ----------
    alphabet
        Name of the symbols, whose rule normalises the text.
    event
        Kind of the event that carries the text.
    """

    alphabet: str = "gaddy"
    event: str = "text"
    kind: Kind = "ctc"
    rest: int | None = None

    def labels(self, names: Mapping[int, str]) -> list[str]:  # noqa: ARG002  the shape of a target
        """Return the symbols and, last, the blank."""
        return [*get_alphabet(self.alphabet).symbols, BLANK]

    def plan(self, recording: emg_io.Recording, uniform: emg_io.Recording) -> Plan:  # noqa: ARG002
        """Return `symbol` (symbols,) int64, all of them at the first sample."""
        text = " ".join(event.value for event in recording.events if event.kind == self.event)
        symbol = get_alphabet(self.alphabet).encode(text)
        return {"symbol": symbol, "before": np.zeros_like(symbol), "after": np.zeros_like(symbol)}

    def keep(self, windows: WindowTable, plan: Plan, source: str) -> WindowTable:  # noqa: ARG002
        """Keep the utterance, but for one of which no symbol is left: there is nothing to learn from it."""
        return windows.take(np.full(len(windows), bool(len(plan["symbol"]))))

    def table(self, plans: Sequence[Plan], windows: WindowTable) -> SymbolTable:
        """Return the text of a part's utterances."""
        return SymbolTable(tuple(plans), windows.recording, windows.valid, both_ends=False)


@dataclass(frozen=True, eq=False)
class SymbolTable:
    """Symbols of windows, cut from those of their recordings.

    Attributes
    ----------
    plans
        `symbol`, `before`, `after` of each recording, see `placed`.
    recording, valid
        Recording and number of real samples of each window, (windows,) int64.
    both_ends
        See `KeyTarget`.
    """

    plans: tuple[Plan, ...]
    recording: Ints
    valid: Ints
    both_ends: bool = True

    @property
    def digest(self) -> str:
        """Sha256 (hex) of symbols, places and windows."""
        arrays = [plan[name] for plan in self.plans for name in ("symbol", "before", "after")]
        return digest_of([*arrays, self.recording, self.valid], str(self.both_ends))

    def read(self, rows: Ints, starts: Ints) -> dict[str, torch.Tensor]:
        """Return `y` (batch, longest) and `y_lengths` (batch,), int64."""
        triples = zip(self.recording[rows].tolist(), starts.tolist(), self.valid[rows].tolist(), strict=True)
        return pad_symbols(
            [between(self.plans[r], start, start + n - 1, both_ends=self.both_ends) for r, start, n in triples]
        )


def symbols_of_keys(keys: Sequence[str], alphabet: str) -> tuple[Ints, Ints]:
    """Return which keys have a symbol, as numbers of `keys`, and the class of each, both (symbols,) int64."""
    encode = get_alphabet(alphabet).encode_keys
    known = {key: encode([key]) for key in set(keys)}
    pairs = [(row, int(symbol)) for row, key in enumerate(keys) for symbol in known[key]]
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def sample_times(recording: emg_io.Recording) -> NDArray[np.float64]:
    """Return the time of every sample, (time,) float64 s from the first one."""
    stamps = recording.timestamps
    return np.arange(recording.n_samples) / recording.sfreq if stamps is None else stamps


def placed(onsets: NDArray[np.float64], symbols: Ints, times: NDArray[np.float64]) -> dict[str, Ints]:
    """Put symbols in order and between samples.

    Parameters
    ----------
    onsets, symbols
        (symbols,): when each came, in s, and its class.
    times
        (samples,) s, never falling.

    Returns
    -------
    dict
        `symbol` in order of onset; `before`, the last sample at or before each (-1 ahead of the recording); `after`,
        the first sample at or after it (the number of samples behind the recording); (symbols,) int64 each.
    """
    order = np.argsort(onsets, kind="stable")
    before = np.searchsorted(times, onsets[order], "right") - 1
    after = np.searchsorted(times, onsets[order], "left")
    return {"symbol": symbols[order], "before": before.astype(np.int64), "after": after.astype(np.int64)}


def between(plan: Plan, first: int, last: int, *, both_ends: bool) -> Ints:
    """Return the symbols of the window of samples `first` to `last`, both its own; see `KeyTarget.both_ends`."""
    begin = int(np.searchsorted(plan["before"], first, "left"))
    end = int(np.searchsorted(plan["after" if both_ends else "before"], last, "right"))
    return plan["symbol"][begin : max(begin, end)].astype(np.int64)


def pad_symbols(rows: Sequence[Ints]) -> dict[str, torch.Tensor]:
    """Return rows of symbols as `y` (rows, longest), 0 behind the end of each, and `y_lengths` (rows,), both int64.

    `y` is one symbol wide at least.
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    y = np.zeros((len(rows), max(1, int(lengths.max(initial=0)))), np.int64)
    y[np.arange(y.shape[1]) < lengths[:, None]] = np.concatenate([np.zeros(0, np.int64), *rows])
    return {"y": torch.from_numpy(y), "y_lengths": torch.from_numpy(lengths)}


def digest_of(arrays: Sequence[NDArray[np.generic]], words: str = "") -> str:
    """Return the sha256 (hex) of arrays, their shapes and types, and some words."""
    digest = hashlib.sha256(words.encode())
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
