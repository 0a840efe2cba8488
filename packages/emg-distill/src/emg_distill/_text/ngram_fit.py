"""Trains a character model from words, so that nobody has to build a language-model toolkit."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from emg_distill._errors import EmgDistillError

from .ngram import END, START, UNKNOWN, NGram, build_ngram

_NEVER = -99.0  # log10 probability of <s>, which nothing predicts: the toolkits' habit

Gram = tuple[int, ...]


def fit_ngram(words: Iterable[str] | Mapping[str, int], order: int = 6) -> NGram:
    """Train a character model of words with interpolated Witten-Bell smoothing.

    ``P(w | h) = (c(hw) + t(h) P(w | h')) / (c(h) + t(h))``, where t(h) counts the different symbols seen after h and
    h' is h without its oldest symbol (Witten and Bell, IEEE Transactions on Information Theory 1991, method C;
    Chen and Goodman, TR-10-98 Harvard, section 2.6). Below the 1-grams stands the uniform distribution over the
    symbols, the end of a word and the unknown symbol.

    Parameters
    ----------
    words
        Words, or words with their counts. N-grams never cross words.
    order
        Longest n-grams, ``1 .. 16``.

    Returns
    -------
    NGram
        All n-grams seen; over all symbols but ``<s>`` the probabilities after any context sum to 1.

    Raises
    ------
    EmgDistillError
        When there is no word, a word holds a space or an empty count, or the order is out of range.

    Examples
    --------
    >>> model = fit_ngram(["abba", "abra"], order=3)
    >>> model.score(["<s>", "a"], "b") > model.score(["<s>", "a"], "r")
    True
    """
    if not 1 <= order <= 16:
        raise EmgDistillError(f"order={order}: 1 .. 16 is required")
    counted = dict(words) if isinstance(words, Mapping) else dict(Counter(words))
    if not any(counted.values()):
        raise EmgDistillError("no words to train a language model from")
    symbols = _vocabulary(counted)
    counts = _count(counted, symbols, order)
    return _smooth(list(symbols), counts)


def _vocabulary(words: Mapping[str, int]) -> dict[str, int]:
    for word, count in words.items():
        if not word or any(sign.isspace() for sign in word) or count < 0:
            raise EmgDistillError(f"word {word!r} with count {count}: one word without spaces, count >= 0 is required")
    signs = sorted({sign for word in words for sign in word})
    return {symbol: index for index, symbol in enumerate([UNKNOWN, START, END, *signs])}


def _count(words: Mapping[str, int], symbols: Mapping[str, int], order: int) -> list[Counter[Gram]]:
    """Count the n-grams of each length; those that end in <s> are contexts only."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for word, times in words.items():
        line = (symbols[START], *(symbols[sign] for sign in word), symbols[END])
        for stop in range(2, len(line) + 1):
            for length in range(1, min(order, stop) + 1):
                counts[length - 1][line[stop - length : stop]] += times
    return [Counter({gram: count for gram, count in level.items() if count}) for level in counts]


def _smooth(symbols: list[str], counts: list[Counter[Gram]]) -> NGram:
    total, kinds = Counter[Gram](), Counter[Gram]()
    for level in counts:
        for gram, count in level.items():
            total[gram[:-1]] += count
            kinds[gram[:-1]] += 1
    chance: dict[Gram, float] = {}
    start = symbols.index(START)
    for symbol in range(len(symbols)):
        seen, uniform = counts[0][symbol,], kinds[()] / (len(symbols) - 1)
        chance[symbol,] = (seen + uniform) / (total[()] + kinds[()])
    for level in counts[1:]:
        for gram, count in level.items():
            context = gram[:-1]
            chance[gram] = (count + kinds[context] * chance[gram[1:]]) / (total[context] + kinds[context])
    lengths: list[list[Gram]] = [[(symbol,) for symbol in range(len(symbols))], *(list(level) for level in counts[1:])]
    words = [np.array(grams, dtype=np.int32).reshape(len(grams), k) for k, grams in enumerate(lengths, 1) if grams]
    values = [np.log10([chance[gram] for gram in grams]).astype(np.float32) for grams in lengths if grams]
    values[0][start] = _NEVER
    weights = [
        np.array(
            [np.log10(kinds[gram] / (total[gram] + kinds[gram])) if kinds[gram] else 0.0 for gram in grams],
            dtype=np.float32,
        )
        for grams in lengths
        if grams
    ]
    return build_ngram(symbols, words, values, weights)
