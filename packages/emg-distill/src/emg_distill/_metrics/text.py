"""Error rates of decoded text: characters, words, and which kind of error."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError


@dataclass(frozen=True)
class EditCounts:
    """Errors of a reading by kind, and how long the reference is.

    An insertion is a symbol that was read and not meant, a deletion one that was meant and not read.
    """

    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0
    length: int = 0

    def __add__(self, other: "EditCounts") -> "EditCounts":
        return EditCounts(
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.substitutions + other.substitutions,
            self.length + other.length,
        )

    @property
    def errors(self) -> int:
        """Return the Levenshtein distance: all errors together."""
        return self.insertions + self.deletions + self.substitutions

    def rates(self) -> dict[str, float]:
        """Return error, insertion, deletion and substitution rates in percent of the reference's length."""
        kinds = ("errors", "insertions", "deletions", "substitutions")
        return {kind: 100.0 * int(getattr(self, kind)) / self.length for kind in kinds}


def edit_counts(reference: NDArray[np.int64], predicted: NDArray[np.int64]) -> EditCounts:
    """Count the errors of a cheapest alignment (Levenshtein 1966).

    Among alignments with equally few errors the one with fewest insertions and deletions counts, so that the kinds
    are defined.

    Parameters
    ----------
    reference, predicted
        Shapes (n,) and (m,), integers; what was meant and what was read. Time n·m, memory n + m.

    Returns
    -------
    EditCounts
        With ``length = n``.

    Raises
    ------
    EmgDistillError
        When an array is not 1-D or not integer.
    """
    reference, predicted = np.asarray(reference), np.asarray(predicted)
    for name, symbols in (("reference", reference), ("predicted", predicted)):
        if symbols.ndim != 1 or (len(symbols) and symbols.dtype.kind not in "iu"):
            raise EmgDistillError(f"{name} {symbols.dtype} {symbols.shape}: 1-D integers are required")
    # One error costs `error`; an insertion or deletion costs 1 more. Both counts can be read off the cheapest sum.
    n, m = len(reference), len(predicted)
    error = n + m + 1
    gap = error + 1
    ramp = np.arange(m + 1, dtype=np.int64) * gap
    row = ramp.copy()
    for symbol in reference:
        best = row + gap
        np.minimum(best[1:], row[:-1] + np.where(predicted == symbol, 0, error), out=best[1:])
        row = np.minimum.accumulate(best - ramp) + ramp
    errors, gaps = divmod(int(row[-1]), error)
    deletions = (gaps + n - m) // 2
    return EditCounts(gaps - deletions, deletions, errors - gaps, n)


def character_error_metrics(
    reference: Sequence[NDArray[np.int64]], predicted: Sequence[NDArray[np.int64]], subject: Sequence[str]
) -> dict[str, Any]:
    """Compute the character error rate as emg2qwerty does: pooled over a user's texts, then the mean over users.

    Parameters
    ----------
    reference, predicted
        Classes of each text, shape (n,) each; raw, backspaces included, for the published number.
    subject
        Who wrote each text.

    Returns
    -------
    dict
        ``cer``, ``insertions``, ``deletions``, ``substitutions``: means over users, percent (above 100 where more is
        read than was written). ``cer_sd``: population standard deviation over users. ``cer_pooled``: all texts in one.
        ``n``: texts. ``per_subject``: the ``cer`` of each user.

    Raises
    ------
    EmgDistillError
        When lengths differ, there is no text, or a user's references are empty.
    """
    return _metrics(reference, predicted, subject, "cer")


def word_error_metrics(reference: Sequence[str], predicted: Sequence[str], subject: Sequence[str]) -> dict[str, Any]:
    """Compute the word error rate, with words between white space; otherwise as `character_error_metrics`.

    Parameters
    ----------
    reference, predicted
        Texts, normalised alike.
    subject
        Who wrote or spoke each text.

    Returns
    -------
    dict
        As `character_error_metrics`, with ``wer`` for ``cer``.

    Raises
    ------
    EmgDistillError
        When lengths differ, there is no text, or a user's references are empty.
    """
    index: dict[Hashable, int] = {}

    def numbered(text: str) -> NDArray[np.int64]:
        return np.array([index.setdefault(word, len(index)) for word in text.split()], dtype=np.int64)

    return _metrics([numbered(text) for text in reference], [numbered(text) for text in predicted], subject, "wer")


def _metrics(
    reference: Sequence[NDArray[np.int64]], predicted: Sequence[NDArray[np.int64]], subject: Sequence[str], name: str
) -> dict[str, Any]:
    if not len(reference) == len(predicted) == len(subject) or not len(subject):
        raise EmgDistillError(
            f"{len(reference)} references, {len(predicted)} predictions and {len(subject)} subjects: "
            "one of each a text and at least one text are required"
        )
    users: dict[str, EditCounts] = {}
    for meant, read, who in zip(reference, predicted, subject, strict=True):
        users[str(who)] = users.get(str(who), EditCounts()) + edit_counts(meant, read)
    for who, counts in users.items():
        if not counts.length:
            raise EmgDistillError(f"the references of {who!r} are empty: {name} is not defined; leave this subject out")
    rates = {who: counts.rates() for who, counts in sorted(users.items())}
    means = {kind: float(np.mean([rate[kind] for rate in rates.values()])) for kind in next(iter(rates.values()))}
    return {
        name: means.pop("errors"),
        **means,
        f"{name}_sd": float(np.std([rate["errors"] for rate in rates.values()])),
        f"{name}_pooled": sum(users.values(), EditCounts()).rates()["errors"],
        "n": len(subject),
        "per_subject": {who: rate["errors"] for who, rate in rates.items()},
    }
