"""A back-off n-gram model as a tree in flat arrays, small and quick to ask."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
UNSEEN = -100.0
"""log10 probability of an unknown symbol where the model has none for it, as KenLM sets it."""


@dataclass(frozen=True)
class NGram:
    """A back-off n-gram model (Katz 1987) over characters.

    Node 0 is the empty context. The nodes of one length follow each other, sorted by parent and symbol, so that the
    children of a node lie side by side. A node is also the state of the model: the longest part of what came before
    that the model knows as a context.

    Attributes
    ----------
    symbols
        Vocabulary, ``<s>``, ``</s>`` and ``<unk>`` included; the ids below are places in it.
    ends
        Shape (order + 1,), int64: nodes of length ``k`` are ``ends[k - 1] .. ends[k] - 1``.
    word
        Shape (nodes,), int32: last symbol of each node; -1 for node 0.
    first
        Shape (contexts + 1,), int32: the children of a context are nodes ``first[node] .. first[node + 1] - 1``.
    log10
        Shape (nodes,), float32: log10 probability; NaN where the node is a context only.
    backoff
        Shape (nodes,), float32: log10 weight added when a context lacks the symbol.
    shorter
        Shape (nodes,), int32: the longest shorter node with the same end.
    """

    symbols: tuple[str, ...]
    ends: NDArray[np.int64]
    word: NDArray[np.int32]
    first: NDArray[np.int32]
    log10: NDArray[np.float32]
    backoff: NDArray[np.float32]
    shorter: NDArray[np.int32]

    def __len__(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.log10)))

    @property
    def order(self) -> int:
        """Return the length of the longest n-grams."""
        return len(self.ends) - 1

    @cached_property
    def ids(self) -> dict[str, int]:
        """Return the place of each symbol in the vocabulary."""
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of what the model says; two files with the same n-grams have the same."""
        state = hashlib.sha256("\n".join(self.symbols).encode())
        for array in (self.ends, self.word, self.first, self.log10, self.backoff):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    @property
    def start(self) -> int:
        """Return the state at the start of a word."""
        return self.step(0, self.ids[START])[1]

    @cached_property
    def n_contexts(self) -> int:
        """Return how many nodes are shorter than the order: only these can be states."""
        return int(self.ends[-2])

    def step(self, state: int, symbol: int) -> tuple[float, int]:
        """Score one symbol after a state.

        Parameters
        ----------
        state
            A node, ``< n_contexts``.
        symbol
            Place in the vocabulary; -1 for a symbol that the model lacks.

        Returns
        -------
        tuple of float and int
            The log10 probability, at most 0 even where back-off weights do not fit, and the next state.
        """
        backoff, state_after = 0.0, -1
        while True:
            child = self._child(state, symbol)
            if child >= 0:
                state_after = child if state_after < 0 else state_after
                if not math.isnan(self.log10[child]):
                    return min(backoff + float(self.log10[child]), 0.0), self._context(state_after)
            if state == 0:
                return min(backoff + self.unseen, 0.0), self._context(max(state_after, 0))
            backoff += float(self.backoff[state])
            state = int(self.shorter[state])

    @property
    def unseen(self) -> float:
        """Return the log10 probability of a symbol that the model lacks, without context."""
        return float(self.log10[1 + self.ids[UNKNOWN]]) if UNKNOWN in self.ids else UNSEEN

    def score(self, history: Sequence[str], symbol: str) -> float:
        """Return the log10 probability of a symbol after others of the same word.

        Parameters
        ----------
        history
            The symbols before it, oldest first; start with ``"<s>"`` for the start of a word.
        symbol
            A symbol, or ``"</s>"``; one that the model lacks counts as unknown.

        Returns
        -------
        float
            log10 probability.
        """
        state = 0
        for known in history:
            state = self.step(state, self.ids.get(known, self.ids.get(UNKNOWN, -1)))[1]
        return self.step(state, self.ids.get(symbol, self.ids.get(UNKNOWN, -1)))[0]

    def _child(self, state: int, symbol: int) -> int:
        low, high = int(self.first[state]), int(self.first[state + 1])
        place = low + int(np.searchsorted(self.word[low:high], symbol))
        return place if place < high and self.word[place] == symbol else -1

    def _context(self, node: int) -> int:
        return node if node < self.n_contexts else int(self.shorter[node])


def build_ngram(
    symbols: Iterable[str],
    words: Sequence[NDArray[np.int32]],
    log10: Sequence[NDArray[np.float32]],
    backoff: Sequence[NDArray[np.float32]],
) -> NGram:
    """Sort n-grams into a tree.

    Parameters
    ----------
    symbols
        Vocabulary; every symbol must have a 1-gram.
    words
        One array (n_k, k) of vocabulary places for each length k = 1, 2, ...
    log10, backoff
        Arrays (n_k,) beside them.

    Returns
    -------
    NGram
        Contexts that an n-gram needs but the model lacks become nodes without a probability.

    Raises
    ------
    DuplicateNGramError
        When an n-gram occurs twice; it says which.
    """
    vocabulary, order = tuple(symbols), len(words)
    nodes = [np.zeros(len(rows), dtype=np.int64) for rows in words]
    ends, parents, symbol_of = [1], [np.array([-1])], [np.array([-1])]
    values, weights = [np.array([np.nan], dtype=np.float32)], [np.zeros(1, dtype=np.float32)]
    for level in range(order):
        keys = [nodes[k] * len(vocabulary) + words[k][:, level] for k in range(level, order)]
        unique, place = np.unique(np.concatenate(keys), return_inverse=True)
        parts = np.split(place, np.cumsum([len(key) for key in keys])[:-1])
        _require_single(parts[0], level, words[level])
        parents.append(unique // len(vocabulary))
        symbol_of.append(unique % len(vocabulary))
        values.append(_spread(parts[0], log10[level], len(unique), np.nan))
        weights.append(_spread(parts[0], backoff[level], len(unique), 0.0))
        for k, part in zip(range(level, order), parts, strict=True):
            nodes[k] = ends[-1] + part
        ends.append(ends[-1] + len(unique))
    parent, word = np.concatenate(parents), np.concatenate(symbol_of).astype(np.int32)
    first = np.searchsorted(parent[1:], np.arange(ends[-2] + 1)).astype(np.int32) + np.int32(1)
    return NGram(
        vocabulary,
        np.array(ends, dtype=np.int64),
        word,
        first,
        np.concatenate(values),
        np.concatenate(weights),
        _shorter(ends, parent, word, len(vocabulary)),
    )


class DuplicateNGramError(EmgDistillError):
    """An n-gram occurs twice; `length` and `row` say where the second one stands."""

    def __init__(self, length: int, row: int) -> None:
        super().__init__(f"{length}-gram number {row + 1} occurs a second time")
        self.length, self.row = length, row


def _require_single(places: NDArray[np.int64], level: int, words: NDArray[np.int32]) -> None:
    if len(places) and np.bincount(places).max() > 1:
        _, kept = np.unique(places, return_index=True)
        raise DuplicateNGramError(level + 1, int(np.setdiff1d(np.arange(len(words)), kept)[0]))


def _spread(places: NDArray[np.int64], values: NDArray[np.float32], n: int, missing: float) -> NDArray[np.float32]:
    spread = np.full(n, missing, dtype=np.float32)
    spread[places] = values
    return spread


def _shorter(
    ends: Sequence[int], parent: NDArray[np.int64], word: NDArray[np.int32], n_symbols: int
) -> NDArray[np.int32]:
    """Find for each node the longest node that ends alike: a child of the parent's own shorter nodes."""
    shorter = np.zeros(len(word), dtype=np.int64)
    keys = parent[1:] * n_symbols + word[1:]
    for low, high in pairwise(ends[1:]):
        nodes = np.arange(low, high)
        context = shorter[parent[nodes]]
        while len(nodes):
            wanted = context * n_symbols + word[nodes]
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            found = keys[place] == wanted
            shorter[nodes[found]] = place[found] + 1
            nodes, context = nodes[~found], shorter[context[~found]]
    return shorter.astype(np.int32)
