"""N-gram models in ARPA files: read with suspicion, written so that they read back the same."""

import gzip
import io
import math
import zlib
from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError
from emg_distill._files import write_file

from .ngram import END, START, DuplicateNGramError, NGram, build_ngram

_MAX_LINE = 65_536
_MAX_LINES_BESIDE = 100_000
_MAX_ORDER = 16
_SECTION = tuple(f"\\{length}-grams:".encode() for length in range(_MAX_ORDER + 2))


def read_arpa(path: str | Path, *, max_ngrams: int = 100_000_000) -> NGram:
    r"""Read an n-gram model from an ARPA file (the format of the CMU and SRI toolkits; KenLM and lmplz write it).

    Parameters
    ----------
    path
        Text or gzip, UTF-8: ``\data\``, one section per length from 1 on, ``\end\``.
    max_ngrams
        Refuse a file that announces more n-grams; reading takes some 100 bytes for each.

    Returns
    -------
    NGram
        Single precision; an n-gram's missing back-off weight is 0.

    Raises
    ------
    EmgDistillError
        When the file is absent, not ARPA, cut short, counts other n-grams than it has, holds an n-gram twice, a number
        that is not finite or a probability above 1; the message names the file and the line.
    """
    path = Path(path)
    if not path.is_file():
        raise EmgDistillError(f"language model {path} does not exist: give an ARPA file, text or .gz")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        return _Reader(path, stream, max_ngrams).read()


class _Reader:
    """Reads line by line and knows where it is."""

    def __init__(self, path: Path, stream: BinaryIO | gzip.GzipFile, max_ngrams: int) -> None:
        self.path, self.stream, self.max_ngrams, self.number = path, stream, max_ngrams, 0
        self.vocabulary: dict[bytes, int] = {}
        self.starts: list[int] = []

    def read(self) -> NGram:
        counts = self.counts()
        tables = [self.section(1, counts[0], len(counts))]
        symbols = self.symbols()
        tables += [self.section(length, count, len(counts)) for length, count in enumerate(counts[1:], 2)]
        if self.expect("a blank line or \\end\\") != b"\\end\\":
            self.fail(f"\\end\\ is expected after {counts[-1]} {len(counts)}-grams; the counts do not hold")
        self.finish()
        try:
            return build_ngram(symbols, *([table[part] for table in tables] for part in range(3)))  # type: ignore[arg-type]
        except DuplicateNGramError as error:
            self.number = self.starts[error.length - 1] + error.row
            self.fail(f"this {error.length}-gram occurs a second time")

    def counts(self) -> list[int]:
        """Read the header: how many n-grams of each length follow."""
        while self.expect("\\data\\") != b"\\data\\":
            pass
        counts: list[int] = []
        while (line := self.expect("'ngram 1=COUNT' or \\1-grams:")) != _SECTION[1]:
            name, _, count = line.partition(b"=")
            if name.split() != [b"ngram", str(len(counts) + 1).encode()] or not count.strip().isdigit():
                self.fail(f"'ngram {len(counts) + 1}=COUNT' is expected, found {line[:60]!r}")
            if len(counts) == _MAX_ORDER or len(count) > 18 or int(count) + sum(counts) > self.max_ngrams:
                self.fail(f"more than {self.max_ngrams} n-grams or a length above {_MAX_ORDER} are announced")
            counts.append(int(count))
        if not counts or not all(counts):
            self.fail("every length needs at least one n-gram: 'ngram 1=COUNT' with COUNT >= 1")
        return counts

    def section(
        self, length: int, count: int, order: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Read the n-grams of one length: vocabulary places, probabilities, back-off weights."""
        if length > 1 and self.expect(f"\\{length}-grams:") != _SECTION[length]:
            self.fail(f"\\{length}-grams: is expected; the count of {length - 1}-grams does not hold")
        self.starts.append(self.number + 1)
        words, values, weights = array("i"), array("d"), array("d")
        for _ in range(count):
            fields = self.line().split()
            if not length + 1 <= len(fields) <= length + 2:
                self.fail(f"a probability, {length} symbol(s) and at most a back-off weight are expected")
            words.extend(self.places(fields[1 : length + 1], length))
            values.append(self.value(fields[0], 1e-6))
            weights.append(self.value(fields[-1], math.inf) if len(fields) > length + 1 else 0.0)
            if length == order and weights[-1]:
                self.fail(f"{length}-grams are the longest and take no back-off weight")
        rows = np.frombuffer(words, dtype=np.intc).astype(np.int32, copy=False).reshape(count, length)
        return rows, np.array(values, dtype=np.float32), np.array(weights, dtype=np.float32)

    def places(self, words: list[bytes], length: int) -> list[int]:
        """Look symbols up; the 1-grams are the vocabulary."""
        if length == 1:
            if words[0] in self.vocabulary:
                self.fail("this 1-gram occurs a second time")
            self.vocabulary[words[0]] = len(self.vocabulary)
        try:
            return [self.vocabulary[word] for word in words]
        except KeyError as error:
            self.fail(f"symbol {error.args[0]!r} has no 1-gram")

    def value(self, field: bytes, highest: float) -> float:
        """Read a log10 number."""
        try:
            value = float(field)
        except ValueError:
            value = math.nan
        if not abs(value) <= 1e30 or b"_" in field:
            self.fail(f"a finite number is expected, found {field[:40]!r}")
        if value > highest:
            self.fail(f"log10 probability {value} is above 0")
        return value

    def symbols(self) -> list[str]:
        """Return the vocabulary as text; it must have both ends of a word."""
        for row, word in enumerate(self.vocabulary):
            try:
                word.decode("utf-8")
            except UnicodeDecodeError:
                self.number = self.starts[0] + row
                self.fail(f"symbol {word[:40]!r} is not UTF-8")
        symbols = [word.decode("utf-8") for word in self.vocabulary]
        for name in (START, END):
            if name not in symbols:
                self.fail(f"the 1-grams end without {name!r}, which a model of words written as characters has")
        return symbols

    def finish(self) -> None:
        """Read to the end of the file, so that a damaged archive is found out; only blank lines may follow."""
        while line := self.line("", last=True):
            if line.strip():
                self.fail(f"nothing is expected after \\end\\, found {line[:40]!r}")

    def expect(self, what: str) -> bytes:
        """Return the next line that is not blank, without white space round it."""
        while not (line := self.line(what).strip()):
            pass
        return line

    def line(self, what: str = "an n-gram", *, last: bool = False) -> bytes:
        """Return the next line; damaged and endless files raise, and so does the end unless it is the `last` line."""
        self.number += 1
        try:
            line = self.stream.readline(_MAX_LINE)
        except (OSError, EOFError, zlib.error) as error:
            self.fail(f"the file is damaged: {error}")
        if not line and not last:
            self.fail(f"the file ends where {what} is expected")
        if len(line) == _MAX_LINE:
            self.fail(f"a line of more than {_MAX_LINE} bytes")
        if self.number > self.max_ngrams + _MAX_LINES_BESIDE:
            self.fail(f"more than {_MAX_LINES_BESIDE} lines beside n-grams")
        return line

    def fail(self, reason: str) -> NoReturn:
        raise EmgDistillError(f"{self.path}, line {self.number}: {reason}") from None


def write_arpa(model: NGram, path: str | Path) -> None:
    """Write a model as an ARPA file, whole or not at all; `read_arpa` gives the same numbers back.

    Parameters
    ----------
    model
        The model; contexts without a probability are not written.
    path
        File name; gzip where it ends in ``.gz``.
    """
    text = io.StringIO()
    text.write("\\data\\\n")
    kept = [np.flatnonzero(~np.isnan(model.log10[low:high])) + low for low, high in _spans(model)]
    text.writelines(f"ngram {length}={len(nodes)}\n" for length, nodes in enumerate(kept, 1))
    for length, (nodes, grams) in enumerate(zip(kept, _grams(model), strict=True), 1):
        text.write(f"\n\\{length}-grams:\n")
        offset = int(model.ends[length - 1])
        for node in nodes.tolist():
            weight = f"\t{model.backoff[node]:.9g}" if model.backoff[node] else ""
            text.write(f"{model.log10[node]:.9g}\t{' '.join(grams[node - offset])}{weight}\n")
    text.write("\n\\end\\\n")
    content = text.getvalue().encode()
    write_file(Path(path), gzip.compress(content, mtime=0) if str(path).endswith(".gz") else content)


def _spans(model: NGram) -> list[tuple[int, int]]:
    return list(pairwise(model.ends.tolist()))


def _grams(model: NGram) -> Iterator[list[list[str]]]:
    """Yield the symbols of all nodes, length by length."""
    before: list[list[str]] = [[]]
    parent = np.repeat(np.arange(model.n_contexts), np.diff(model.first))
    for low, high in _spans(model):
        words = model.word[low:high].tolist()
        offset = 0 if low == 1 else int(model.ends[model.ends.tolist().index(low) - 1])
        before = [
            [*before[up - offset], model.symbols[word]]
            for up, word in zip(parent[low - 1 : high - 1].tolist(), words, strict=True)
        ]
        yield before
