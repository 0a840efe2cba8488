"""Loops of the prefix beam search, compiled by numba at their first call; imported late, for numba's sake.

A prefix is a node of a tree: its last label and its parent. Every prefix has one node for as long as it, or a longer
one, is alive, so that merging compares numbers.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from .beam_arrays import BACKSPACE, Beam, Floats, Model, Tree, Work

SLACK = 1e-6  # sums taken in another order may differ so much


def jit(loop: Callable[..., Any], *, inner: bool = False) -> Callable[..., Any]:
    """Compile a loop when it is first called; keep the machine code on disk where a folder can be written.

    An inner one is called by other loops only: without an entry for Python it compiles faster.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    if inner:
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Callable[..., Any]
    try:
        compiled = njit(cache=True, **options)(loop)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        compiled = njit(**options)(loop)
    return compiled


inner_jit = partial(jit, inner=True)


@inner_jit
def either(a: float, b: float) -> float:
    """Return the natural log of the sum of two probabilities given by their logs."""
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + np.log1p(np.exp(b - a))


@inner_jit
def heard(model: Model, state: int, word: int) -> tuple[float, int]:
    """Score a symbol after a state, as `NGram.step`."""
    backoff, after = 0.0, -1
    while True:
        low, end = model.first[state], model.first[state + 1]
        high = end
        while low < high:
            middle = (low + high) // 2
            if model.word[middle] < word:
                low = middle + 1
            else:
                high = middle
        found = low < end and model.word[low] == word
        if found and after < 0:
            after = low
        if (found and not np.isnan(model.log10[low])) or state == 0:
            if after >= len(model.first) - 1:
                after = model.shorter[after]
            known = found and not np.isnan(model.log10[low])
            value = backoff + (np.float64(model.log10[low]) if known else model.unseen)
            return min(value, 0.0), max(after, 0)
        backoff += np.float64(model.backoff[state])
        state = model.shorter[state]


@inner_jit
def typed(model: Model, tree: Tree, history: int, label: int) -> tuple[float, int]:
    """Score a label after a history; a symbol outside the model ends the word, once."""
    word = np.int64(model.symbol[label])
    if word >= 0:
        value, state = heard(model, tree.state[history], word)
    else:
        ended = history == 0 or model.symbol[tree.label[history]] < 0
        value, state = heard(model, tree.state[history], model.unknown if ended else model.end)
        state = model.start
    return tree.score[history] + model.weight * value + model.bonus, state


@inner_jit
def scored(model: Model, tree: Tree, history: int, label: int) -> float:
    """Return the language model's part of the score of a history and one more label."""
    if model.weight < 0.0:
        return 0.0
    if model.symbol[label] == BACKSPACE:
        return float(tree.score[tree.before[history]])
    return float(typed(model, tree, history, label)[0])


@inner_jit
def likeliest(row: Floats, blank: int, work: Work) -> int:
    """Rank the likeliest labels of a frame, the lower class first where two are equal; return how many there are."""
    top, count = work.top, 0
    for label in range(len(row)):
        full = count == len(top)
        if label == blank or row[label] == -np.inf or (full and row[label] <= row[top[count - 1]]):
            continue
        place = count - 1 if full else count
        count = place + 1
        while place > 0 and row[top[place - 1]] < row[label]:
            top[place] = top[place - 1]
            place -= 1
        top[place] = label
    for place in range(count):
        work.rank[top[place]] = place
    return count


@inner_jit
def stay(row: Floats, blank: int, beam: Beam, size: int, tree: Tree, work: Work) -> None:
    """Carry prefixes through a frame without a new label, and merge the extensions that are prefixes already."""
    for at in range(size):
        last = tree.label[beam.node[at]]
        work.total[at] = either(beam.blank[at], beam.label[at])
        work.blank[at] = work.total[at] + row[blank]
        work.label[at] = beam.label[at] + row[last] if last >= 0 else -np.inf
        tree.slot[beam.node[at]] = at
    for at in range(size):
        node = beam.node[at]
        parent = tree.slot[tree.parent[node]] if node else -1
        rank = work.rank[tree.label[node]] if node else -1
        work.known[at] = -1
        if parent >= 0 and rank >= 0:
            repeated = tree.label[node] == tree.label[beam.node[parent]]
            before = beam.blank[parent] if repeated else work.total[parent]
            work.label[at] = either(work.label[at], before + row[tree.label[node]])
            work.known[at] = parent * len(work.top) + rank
            work.merged[work.known[at]] = 1


@inner_jit
def insert(work: Work, count: int, choice: int, chance: float, score: float) -> int:
    """Keep a candidate if it is among the best, the earlier one first where two are equal; return how many are kept."""
    width = len(work.chosen)
    if score == -np.inf or (count == width and score <= work.score[count - 1]):
        return count
    place = count - 1 if count == width else count
    count = place + 1
    while place > 0 and work.score[place - 1] < score:
        work.score[place] = work.score[place - 1]
        work.chosen[place] = work.chosen[place - 1]
        work.chance[place] = work.chance[place - 1]
        place -= 1
    work.score[place], work.chosen[place], work.chance[place] = score, choice, chance
    return count


@inner_jit
def grow(row: Floats, labels: int, beam: Beam, at: int, tree: Tree, work: Work, model: Model, count: int) -> int:
    """Offer the extensions of one prefix, likeliest label first, until none can be among the best; return how many are.

    A label adds at most the bonus, or refunds what the last one added; a repeated one needs a blank between.
    """
    node, width = beam.node[at], len(work.chosen)
    history = tree.typed[node]
    most = work.total[at] + max(tree.score[history] + model.bonus, tree.score[tree.before[history]])
    for rank in range(labels):
        label = work.top[rank]
        if count == width and most + row[label] <= work.score[count - 1] - SLACK:
            break
        place = at * len(work.top) + rank
        chance = (beam.blank[at] if label == tree.label[node] else work.total[at]) + row[label]
        if not work.merged[place] and chance > -np.inf:
            count = insert(work, count, width + place, chance, chance + scored(model, tree, history, label))
    return count


@inner_jit
def choose(row: Floats, labels: int, beam: Beam, size: int, tree: Tree, work: Work, model: Model) -> int:
    """Choose the best prefixes after a frame among those that stay and those that grow; return how many."""
    count = np.int64(0)  # a plain 0 would be a type of its own and compile the loops twice
    for at in range(size):
        score = either(work.blank[at], work.label[at]) + tree.score[tree.typed[beam.node[at]]]
        count = insert(work, count, at, -np.inf, score)
    for at in range(size):
        count = grow(row, labels, beam, at, tree, work, model, count)
    for at in range(size):
        if work.known[at] >= 0:
            work.merged[work.known[at]] = 0
    return int(count)


@inner_jit
def grown(tree: Tree, nodes: int, parent: int, label: int, model: Model) -> tuple[int, int]:
    """Return the node of a longer prefix, made if it is new, and how many nodes there are."""
    node = tree.child[parent]
    while node >= 0 and tree.label[node] != label:
        node = tree.sibling[node]
    if node >= 0:
        return node, nodes
    node, history = nodes, tree.typed[parent]
    tree.parent[node], tree.label[node], tree.slot[node], tree.child[node] = parent, label, -1, -1
    tree.sibling[node], tree.child[parent] = tree.child[parent], node
    if model.weight < 0.0 or model.symbol[label] == BACKSPACE:
        tree.typed[node] = tree.before[history]
        tree.before[node], tree.state[node], tree.score[node] = 0, 0, 0.0
    else:
        score, state = typed(model, tree, history, label)
        tree.typed[node], tree.before[node], tree.state[node], tree.score[node] = node, history, state, score
    return node, nodes + 1


@jit
def advance(
    frames: Floats, blank: int, beam: Beam, size: int, tree: Tree, nodes: int, work: Work, model: Model
) -> tuple[int, int]:
    """Take the beam through frames, shape (n, classes); return how many prefixes live and how many nodes there are."""
    width, stride = len(work.chosen), len(work.top)
    for row in frames:
        labels = likeliest(row, blank, work)
        stay(row, blank, beam, size, tree, work)
        count = choose(row, labels, beam, size, tree, work, model)
        for rank in range(labels):
            work.rank[work.top[rank]] = -1
        for at in range(size):
            tree.slot[beam.node[at]] = -1
        for place in range(count):
            choice = work.chosen[place] - width
            if choice < 0:
                work.node[place] = beam.node[choice + width]
            else:
                parent, label = beam.node[choice // stride], work.top[choice % stride]
                work.node[place], nodes = grown(tree, nodes, parent, label, model)
        for place in range(count):
            at = work.chosen[place]
            beam.node[place] = work.node[place]
            beam.blank[place] = work.blank[at] if at < width else -np.inf
            beam.label[place] = work.label[at] if at < width else work.chance[place]
        size = count
    return size, nodes


@jit
def compact(tree: Tree, nodes: int, beam: Beam, size: int) -> int:
    """Drop the prefixes that no live one grew from; return how many nodes are left. Parents stay before children."""
    place = tree.slot
    place[:nodes] = -1
    place[0] = 0
    for at in range(size):
        place[beam.node[at]] = 0
    for node in range(nodes - 1, 0, -1):
        if place[node] == 0:
            place[tree.parent[node]] = 0
    kept = 0
    for node in range(nodes):
        if place[node] == 0:
            place[node] = kept
            parent = place[tree.parent[node]] if node else -1
            tree.parent[kept], tree.label[kept], tree.child[kept] = parent, tree.label[node], -1
            tree.typed[kept], tree.before[kept] = place[tree.typed[node]], place[tree.before[node]]
            tree.state[kept], tree.score[kept] = tree.state[node], tree.score[node]
            tree.sibling[kept] = tree.child[parent] if node else -1
            if node:
                tree.child[parent] = kept
            kept += 1
    for at in range(size):
        beam.node[at] = place[beam.node[at]]
    place[:nodes] = -1
    return kept
