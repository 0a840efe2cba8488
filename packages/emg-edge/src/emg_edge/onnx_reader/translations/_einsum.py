"""Einsum of one or two operands: transpositions, and a product where two operands share letters."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from emg_edge.onnx_reader._importer import Importer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

_ADVICE = "write it as MatMul, Transpose, Mul and ReduceSum"


def _terms(i: Importer, count: int) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result."""
    equation = str(i.attr("equation", "")).replace(" ", "")
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        out = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    every = [*terms, out]
    plain = len(terms) == count in {1, 2} and all(len(set(t)) == len(t) and t.isalpha() for t in every if t)
    ranks = plain and all(len(t) == len(i.shape(i.require(j))) for j, t in enumerate(terms))
    if not ranks or not set(out) <= set(left) or not out:
        raise RefusedError(f"equation {equation!r} of {count} operands", _ADVICE)
    return terms, out


def _ordered(i: Importer, name: str, letters: str, wanted: str, shape: tuple[int, ...]) -> str:
    """Return an operand with its letters in another order, in a shape."""
    if letters != wanted:
        perm = tuple(letters.index(letter) for letter in wanted)
        name = i.emit("Transpose", (name,), i.temporary("order"), perm=perm)
    return i.emit("Reshape", (name,), i.temporary("seen"), shape=shape)


def _einsum(i: Importer) -> None:
    count = len(i.source.inputs)
    terms, out = _terms(i, count)
    names = [i.require(j) for j in range(count)]
    if count == 1:
        if set(terms[0]) != set(out):
            raise RefusedError("it sums over letters of one operand", _ADVICE)
        i.emit("Transpose", (names[0],), perm=tuple(terms[0].index(letter) for letter in out))
        return
    if names[0] in i.constants:  # weights stand on the right
        terms, names = terms[::-1], names[::-1]
    _product(i, names, terms, out)


def _product(i: Importer, names: list[str], terms: list[str], out: str) -> None:
    a, b = terms
    extents = {**dict(zip(a, i.shape(names[0]), strict=True)), **dict(zip(b, i.shape(names[1]), strict=True))}
    batch = [letter for letter in out if letter in a and letter in b]
    rows, columns = ([letter for letter in out if letter in t and letter not in batch] for t in terms)
    inner = [letter for letter in a if letter in b and letter not in out]
    if not inner or set(a) | set(b) != {*batch, *rows, *columns, *inner}:
        raise RefusedError("its operands share no letter to sum over, or one sums over a letter of its own", _ADVICE)
    lead = tuple(extents[letter] for letter in batch) or (1,)
    m, k, n = (prod(extents[letter] for letter in letters) for letters in (rows, inner, columns))
    x = _ordered(i, names[0], a, "".join([*batch, *rows, *inner]), (1, *lead, m, k))
    w = _ordered(i, names[1], b, "".join([*batch, *inner, *columns]), (1, *lead, k, n))
    y = i.emit("MatMul", (x, w), i.temporary("product"))
    found = [*batch, *rows, *columns]
    seen = i.emit("Reshape", (y,), i.temporary("split"), shape=tuple(extents[letter] for letter in found))
    i.emit("Transpose", (seen,), perm=tuple(found.index(letter) for letter in out))


TRANSLATIONS: dict[str, Callable[[Importer], None]] = {"Einsum": _einsum}
