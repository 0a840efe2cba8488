"""Arrays of the prefix beam search: what its loops read and write.

A prefix is a node of a tree: its last label and its parent. The language model sees a history that backspace can
shorten: `typed` names the node whose symbol stands last in it, `before` the history without that symbol.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

OUTSIDE, BACKSPACE = -1, -2
Ints: TypeAlias = NDArray[np.int32]
Floats: TypeAlias = NDArray[np.float64]


class Tree(NamedTuple):
    """Prefixes, one entry a node; node 0 is the empty prefix, and -1 means none."""

    parent: Ints
    label: Ints
    child: Ints
    sibling: Ints
    slot: Ints
    typed: Ints
    before: Ints
    state: Ints
    score: Floats


class Beam(NamedTuple):
    """Live prefixes, best first: node, natural-log probability of ending in blank and in its label."""

    node: Ints
    blank: Floats
    label: Floats


class Work(NamedTuple):
    """What one frame needs.

    Probabilities of the prefixes before and after it; its likeliest labels and their ranks; which extensions are
    prefixes already; the chosen candidates.
    """

    total: Floats
    blank: Floats
    label: Floats
    top: Ints
    rank: Ints
    merged: Ints
    known: Ints
    chosen: Ints
    chance: Floats
    score: Floats
    node: Ints


class Model(NamedTuple):
    """A language model as arrays, the class each of its symbols stands for, and how it counts."""

    symbol: Ints
    word: Ints
    first: Ints
    log10: NDArray[np.float32]
    backoff: NDArray[np.float32]
    shorter: Ints
    end: int
    unknown: int
    unseen: float
    start: int
    weight: float
    bonus: float


def make_tree(size: int) -> Tree:
    """Return room for nodes; those in use say so elsewhere."""
    return Tree._make([*(np.zeros(size, np.int32) for _ in range(8)), np.zeros(size)])


def enlarge(tree: Tree, size: int) -> Tree:
    """Return a copy with room for more nodes."""
    columns: list[NDArray[Any]] = list(tree)
    return Tree._make([np.concatenate([column, np.zeros(size, column.dtype)]) for column in columns])


def make_work(beam: int, labels: int, n_classes: int) -> Work:
    """Return working memory for a beam and for so many labels that may lengthen prefixes."""
    ints = [np.zeros(n, np.int32) for n in (labels, n_classes, beam * labels, beam, beam)]
    ints[1][:] = -1
    floats = [np.zeros(beam) for _ in range(5)]
    return Work._make([*floats[:3], *ints, *floats[3:], np.zeros(beam, np.int32)])
