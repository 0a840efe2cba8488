"""CTC prefix beam search with a character language model, for whole recordings and for streams."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_distill._errors import EmgDistillError

from .alphabet import Alphabet
from .beam_arrays import BACKSPACE, OUTSIDE, Beam, Model, enlarge, make_tree, make_work
from .emissions import check_frames, check_rows
from .ngram import END, UNKNOWN, NGram

_CHUNK = 1024  # frames between two clearances of the tree


@dataclass(frozen=True)
class Fusion:
    """How a character language model takes part in decoding (emg2qwerty, arXiv 2410.20081).

    Every new label adds ``weight * log10 P + bonus`` to the natural log of the CTC probability. A symbol that the
    model lacks ends the word: it is scored as the end of the word, and the next word starts; one more of them is scored
    as unknown. Backspace stays in the output, takes the last symbol off the model's history, and its score with it; on
    an empty history it changes nothing.

    Attributes
    ----------
    model
        Model over the characters of words.
    alphabet
        What the classes stand for.
    weight, bonus
        See above; the weight is ``>= 0``.
    final_word
        Whether, at the very end, an open word is scored as ended (without bonus).

    Raises
    ------
    EmgDistillError
        When the model knows no symbol of the alphabet, or the weight is negative.
    """

    model: NGram
    alphabet: Alphabet
    weight: float = 2.0
    bonus: float = 2.0
    final_word: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.weight < np.inf or not np.isfinite(self.bonus):
            raise EmgDistillError(f"weight={self.weight}, bonus={self.bonus}: finite, and weight >= 0, is required")
        if not set(self.alphabet.symbols) & set(self.model.symbols):
            raise EmgDistillError(
                f"the language model knows no symbol of alphabet {self.alphabet.name!r}, only such as "
                f"{', '.join(map(repr, self.model.symbols[:5]))}: give a model over characters"
            )


@dataclass(frozen=True)
class Hypothesis:
    """One decoded text: classes, shape (n,), int64; `score` is `ctc` (natural log) plus the language model's part."""

    classes: NDArray[np.int64]
    score: float
    ctc: float


class BeamStream:
    """Prefix beam search over frames that arrive in pieces; pieces of any size give what the whole gives.

    The search of Hannun et al. (arXiv 1408.2873, algorithm 1) with probabilities of ending in blank and in a label
    kept apart, so that all alignments of a prefix are summed. Blank and the repetition of a prefix's last label are
    always considered; `top_k` limits the labels that lengthen prefixes. Of equal scores the earlier one is kept.

    Parameters
    ----------
    n_classes
        Classes of a frame, blank included.
    blank
        Class of the blank; None means the last class.
    beam
        Prefixes kept after each frame, ``>= 1``.
    top_k
        Labels of a frame that may lengthen a prefix; 0 allows all.
    fusion
        Language model, or None.

    Raises
    ------
    EmgDistillError
        When a number is out of range, or the alphabet has another number of classes or another blank.
    """

    def __init__(
        self, n_classes: int, *, blank: int | None = None, beam: int = 50, top_k: int = 10, fusion: Fusion | None = None
    ) -> None:
        from . import beam_kernel

        if beam < 1 or top_k < 0:
            raise EmgDistillError(f"beam={beam}, top_k={top_k}: beam >= 1 and top_k >= 0 are required")
        self._n_classes = n_classes
        self._blank = n_classes - 1 if blank is None else blank
        self._fusion = fusion
        if fusion is not None and (len(fusion.alphabet) + 1, fusion.alphabet.blank) != (n_classes, self._blank):
            raise EmgDistillError(
                f"alphabet {fusion.alphabet.name!r} has {len(fusion.alphabet)} symbols and a blank after them; "
                f"the frames have {n_classes} classes with blank {self._blank}"
            )
        self._kernel = beam_kernel
        self._model = _model(fusion)
        labels = min(top_k, n_classes - 1) if top_k else n_classes - 1
        self._work = make_work(beam, labels, n_classes)
        self._beam = Beam(np.zeros(beam, np.int32), np.full(beam, -np.inf), np.full(beam, -np.inf))
        self._beam.blank[0] = 0.0
        self._size = 1
        self._tree, self._nodes = make_tree(256), 1
        root = (-1, -1, -1, -1, -1, 0, 0, self._model.start, 0.0)
        columns: list[NDArray[Any]] = list(self._tree)
        for column, value in zip(columns, root, strict=True):
            column[0] = value

    def push(self, log_probs: ArrayLike) -> None:
        """Take frames, shape (n, classes), natural-log probabilities; n may be 0.

        Raises
        ------
        EmgDistillError
            When the shape is another, a value is NaN or +inf, or a frame is -inf throughout; nothing is taken then.
        """
        frames, _ = check_frames(log_probs, self._blank)
        if frames.shape[1] != self._n_classes:
            raise EmgDistillError(f"log_probs has {frames.shape[1]} classes; this stream decodes {self._n_classes}")
        for start in range(0, len(frames), _CHUNK):
            self._advance(frames[start : start + _CHUNK])

    def best(self, n: int = 1) -> list[Hypothesis]:
        """Return up to n best texts so far, best first; the stream can go on afterwards."""
        ends = self._beam.node[: self._size]
        ctc = np.logaddexp(self._beam.blank[: self._size], self._beam.label[: self._size])
        score = ctc + self._tree.score[self._tree.typed[ends]]
        if self._fusion is not None and self._fusion.final_word:
            score = score + [self._final(self._fusion, int(end)) for end in ends]
        order = np.argsort(-score, kind="stable")[:n]
        return [Hypothesis(self._classes(int(ends[at])), float(score[at]), float(ctc[at])) for at in order]

    def _advance(self, frames: NDArray[np.float64]) -> None:
        most = len(frames) * len(self._beam.node)
        if self._nodes + most > len(self._tree.parent):
            self._nodes = self._kernel.compact(self._tree, self._nodes, self._beam, self._size)
            if 2 * self._nodes + most > len(self._tree.parent):
                self._tree = enlarge(self._tree, self._nodes + 2 * most)
        self._size, self._nodes = self._kernel.advance(
            frames, self._blank, self._beam, self._size, self._tree, self._nodes, self._work, self._model
        )

    def _classes(self, node: int) -> NDArray[np.int64]:
        classes = []
        while node:
            classes.append(int(self._tree.label[node]))
            node = int(self._tree.parent[node])
        return np.array(classes[::-1], dtype=np.int64)

    def _final(self, fusion: Fusion, node: int) -> float:
        """Return what ending the open word adds; nothing where no word is open."""
        history = int(self._tree.typed[node])
        if not history or self._model.symbol[self._tree.label[history]] < 0:
            return 0.0
        return fusion.weight * fusion.model.step(int(self._tree.state[history]), fusion.model.ids[END])[0]


def prefix_beam_search(
    log_probs: ArrayLike,
    lengths: ArrayLike | None = None,
    *,
    blank: int | None = None,
    beam: int = 50,
    top_k: int = 10,
    fusion: Fusion | None = None,
    n_best: int = 1,
) -> list[list[Hypothesis]]:
    """Decode a batch of CTC outputs; see `BeamStream` for the search and its parameters.

    Parameters
    ----------
    log_probs
        Shape (rows, frames, classes), natural-log probabilities; -inf allowed.
    lengths
        Shape (rows,), frames of each row that count; None where all do.
    blank, beam, top_k, fusion
        As for `BeamStream`.
    n_best
        How many texts of each row are returned at most, ``>= 1``.

    Returns
    -------
    list of list of Hypothesis
        For each row the best texts, best first.

    Raises
    ------
    EmgDistillError
        When shapes, lengths or numbers do not fit, or a frame that counts holds NaN or +inf.
    """
    if n_best < 1:
        raise EmgDistillError(f"n_best={n_best}: at least 1 is required")
    return list(_rows(log_probs, lengths, blank, beam, top_k, fusion, n_best))


def _rows(
    log_probs: ArrayLike,
    lengths: ArrayLike | None,
    blank: int | None,
    beam: int,
    top_k: int,
    fusion: Fusion | None,
    n_best: int,
) -> Iterator[list[Hypothesis]]:
    batch, counts = check_rows(log_probs, lengths)
    for row, count in enumerate(counts):
        frames, at = check_frames(batch[row, :count], blank, place=f"row {row}")
        stream = BeamStream(frames.shape[1], blank=at, beam=beam, top_k=top_k, fusion=fusion)
        stream.push(frames)
        yield stream.best(n_best)


def _model(fusion: Fusion | None) -> Model:
    """Lay a language model out for the kernel; without one, a weight of -1 says so."""
    if fusion is None:
        nothing, none = np.zeros(2, np.int32), np.zeros(2, np.float32)
        return Model(nothing, nothing, nothing, none, none, nothing, 0, 0, 0.0, 0, -1.0, 0.0)
    model, alphabet = fusion.model, fusion.alphabet
    symbol = np.array([*(model.ids.get(sign, OUTSIDE) for sign in alphabet.symbols), OUTSIDE], dtype=np.int32)
    if alphabet.backspace >= 0:
        symbol[alphabet.backspace] = BACKSPACE
    arrays = (model.word, model.first, model.log10, model.backoff, model.shorter)
    ends = (model.ids[END], model.ids.get(UNKNOWN, -1), model.unseen, model.start)
    return Model(symbol, *arrays, *ends, float(fusion.weight), float(fusion.bonus))
