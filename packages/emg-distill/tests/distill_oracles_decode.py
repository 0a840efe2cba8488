"""Slow, obvious forms of decoding: every alignment enumerated, a prefix beam of dictionaries, a textbook back-off."""

import functools
import itertools
import math
from collections import defaultdict

NEVER = -math.inf


def log_sum(values):
    """The log of a sum of probabilities given by their logs."""
    top = max(values, default=NEVER)
    return top if top == NEVER else top + math.log(sum(math.exp(value - top) for value in values))


def collapse(path, blank):
    """What a path of classes spells."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def all_texts(frames, blank):
    """The natural-log probability of every text, by summing over every path."""
    found = defaultdict(list)
    for path in itertools.product(range(len(frames[0])), repeat=len(frames)):
        found[collapse(path, blank)].append(sum(float(row[label]) for row, label in zip(frames, path, strict=True)))
    sums = {text: log_sum(values) for text, values in found.items()}
    return {text: value for text, value in sums.items() if value > NEVER}


def text_probability(frames, text, blank):
    """The forward recursion of CTC for one text (Graves et al., ICML 2006, section 4.1)."""
    states = [blank]
    for label in text:
        states += [label, blank]
    now = {0: 0.0}
    for t, row in enumerate(frames):
        later = defaultdict(list)
        for at, value in now.items():
            steps = [at, at + 1] if t else ([0, 1] if len(states) > 1 else [0])
            if t and at + 2 < len(states) and states[at + 2] not in (blank, states[at]):
                steps.append(at + 2)
            for to in steps:
                if to < len(states):
                    later[to].append(value + float(row[states[to]]))
        now = {at: log_sum(values) for at, values in later.items()}
    ends = [len(states) - 1, len(states) - 2] if frames is not None and len(frames) else [0]
    return log_sum([now.get(at, NEVER) for at in ends])


class Backoff:
    """N-grams in dictionaries: `grams` maps tuples of symbols to (log10 probability, back-off weight)."""

    def __init__(self, grams):
        self.grams = grams
        self.order = max(map(len, grams))

    @classmethod
    def of(cls, text):
        """Read the n-grams of an ARPA text."""
        grams, length = {}, 0
        for line in text.splitlines():
            if line.endswith("-grams:"):
                length = int(line[1:].partition("-")[0])
            elif length and line and not line.startswith("\\"):
                fields = line.split()
                weight = float(fields[length + 1]) if len(fields) > length + 1 else 0.0
                grams[tuple(fields[1 : length + 1])] = (float(fields[0]), weight)
        return cls(grams)

    def score(self, history, symbol):
        """P(symbol | history) if it is known, else the history's weight and the shorter history."""
        if (symbol,) not in self.grams:
            symbol = "<unk>"
        history = tuple(known if (known,) in self.grams else "<unk>" for known in history)
        return self._score(history[len(history) - min(len(history), self.order - 1) :], symbol)

    def _score(self, history, symbol):
        if (*history, symbol) in self.grams:
            return self.grams[*history, symbol][0]
        if not history:
            return -100.0
        return self.grams.get(history, (0.0, 0.0))[1] + self._score(history[1:], symbol)


class Speller:
    """What a language model adds to the score of a text, told label by label from its start."""

    def __init__(self, backoff, symbols, weight, bonus, final_word=False):
        self.backoff, self.symbols, self.weight, self.bonus = backoff, symbols, weight, bonus
        self.final_word = final_word
        self.known = {gram[0] for gram in backoff.grams if len(gram) == 1}
        self.history = functools.cache(self.history)

    def history(self, text):
        """The labels that backspace has left, each with the score it added."""
        if not text:
            return []
        stack, symbol = self.history(text[:-1]), self.symbols[text[-1]]
        if symbol == "⌫":
            return stack[:-1]
        return [*stack, (symbol, self.gain([known for known, _ in stack], symbol))]

    def gain(self, history, symbol):
        word = list(itertools.takewhile(lambda sign: sign in self.known, reversed(history)))[::-1]
        if symbol in self.known:
            value = self.backoff.score(["<s>", *word], symbol)
        else:
            value = self.backoff.score(["<s>", *word], "</s>" if word else "<unk>")
        return self.weight * value + self.bonus

    def __call__(self, text):
        stack = self.history(text)
        return sum(gain for _, gain in stack)

    def final(self, text):
        """What ending the last word adds."""
        history = [symbol for symbol, _ in self.history(text)]
        word = list(itertools.takewhile(lambda sign: sign in self.known, reversed(history)))[::-1]
        return self.weight * self.backoff.score(["<s>", *word], "</s>") if word and self.final_word else 0.0


def prefix_beam(frames, blank, beam, top_k, speller=None):
    """Prefix beam search over dictionaries of tuples; returns [(text, score, ctc)], best first."""
    added = {(): 0.0}

    def lm(text):
        if text not in added:
            added[text] = speller(text) if speller else 0.0
        return added[text]

    live = [((), 0.0, NEVER)]
    for row in frames:
        labels = sorted((c for c in range(len(row)) if c != blank and row[c] > NEVER), key=lambda c: -row[c])
        labels = labels[: top_k or None]
        blanks, ends = defaultdict(lambda: NEVER), defaultdict(lambda: NEVER)
        order = [text for text, _, _ in live]
        for text, in_blank, in_label in live:
            blanks[text] = log_sum([in_blank, in_label]) + row[blank]
            if text:
                ends[text] = log_sum([ends[text], in_label + row[text[-1]]])
        for text, in_blank, in_label in live:
            for label in labels:
                longer = (*text, label)
                before = in_blank if text and text[-1] == label else log_sum([in_blank, in_label])
                if before > NEVER:
                    ends[longer] = log_sum([ends[longer], before + row[label]])
                    order.append(longer)
        order = list(dict.fromkeys(order))
        score = {text: log_sum([blanks[text], ends[text]]) + lm(text) for text in order}
        best = sorted((text for text in order if score[text] > NEVER), key=lambda text: -score[text])[:beam]
        live = [(text, blanks[text], ends[text]) for text in best]
    final = speller.final if speller else lambda _: 0.0
    ctc = {text: log_sum([in_blank, in_label]) for text, in_blank, in_label in live}
    return sorted(((text, ctc[text] + lm(text) + final(text), ctc[text]) for text in ctc), key=lambda item: -item[1])
