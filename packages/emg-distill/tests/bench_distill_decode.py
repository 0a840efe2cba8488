"""Speed of decoding at the size of emg2qwerty: `pytest packages/emg-distill/tests/bench_distill_decode.py`.

500 frames of 99 classes, beam 50, top 10; a 6-gram of characters. The greedy decoder and the slow search on
dictionaries (one tenth of the frames) run beside it; so do reading a model of a million n-grams and a long Levenshtein
distance.
"""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from emg_distill._metrics.text import edit_counts
from emg_distill._text.alphabet import get_alphabet
from emg_distill._text.arpa import read_arpa, write_arpa
from emg_distill._text.beam import Fusion, prefix_beam_search
from emg_distill._text.greedy import greedy
from emg_distill._text.ngram import build_ngram
from emg_distill._text.ngram_fit import fit_ngram

N_FRAMES, N_CLASSES, BLANK = 500, 99, 98
SIZES = (2000, 20_000, 150_000, 350_000, 500_000)
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def words(n, seed=0):
    """Words from a random chain of letters, so that some n-grams come back and many do not."""
    rng = np.random.default_rng(seed)
    chain = rng.dirichlet(np.full(26, 0.3), size=26)
    letters = rng.integers(0, 26, n)
    spelled = [letters]
    for _ in range(11):
        letters = np.array([rng.choice(26, p=chain[at]) for at in letters])
        spelled.append(letters)
    lengths = rng.integers(2, 13, n)
    return ["".join(LETTERS[row[:length]]) for row, length in zip(np.stack(spelled, 1), lengths, strict=True)]


@pytest.fixture(scope="module")
def frames():
    """Noise in which the blank wins most frames, as in trained models, and others are undecided."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((N_FRAMES, N_CLASSES)) * 2
    logits[:, BLANK] += 8 * (rng.random(N_FRAMES) < 0.7)
    return (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype(np.float32)[None]


@pytest.fixture(scope="module")
def model():
    return fit_ngram(words(20_000), 6)


@pytest.mark.parametrize("with_lm", [False, True])
def test_beam(benchmark, frames, model, with_lm):
    fusion = Fusion(model, get_alphabet("emg2qwerty")) if with_lm else None
    prefix_beam_search(frames, beam=50, top_k=10, fusion=fusion)
    benchmark(prefix_beam_search, frames, beam=50, top_k=10, fusion=fusion)
    benchmark.extra_info["frames_per_s"] = round(N_FRAMES / benchmark.stats.stats.median)
    benchmark.extra_info["ngrams"] = len(model)


def test_slow_beam(benchmark, frames):
    spec = importlib.util.spec_from_file_location("oracle", Path(__file__).with_name("distill_oracles_decode.py"))
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    part = frames[0, : N_FRAMES // 10].astype(np.float64)
    benchmark.pedantic(oracle.prefix_beam, (part, BLANK, 50, 10), rounds=2)
    benchmark.extra_info["frames_per_s"] = round(len(part) / benchmark.stats.stats.median)


def test_greedy(benchmark, frames):
    benchmark(greedy, frames)


def test_read_a_million(benchmark, tmp_path):
    rng = np.random.default_rng(0)
    rows = [np.arange(29, dtype=np.int32)[:, None]]
    rows += [
        np.unique(rng.integers(3, 29, (n, k), dtype=np.int32), axis=0) for k, n in zip(range(2, 7), SIZES, strict=True)
    ]
    values = [-rng.random(len(part)).astype(np.float32) for part in rows]
    weights = [-rng.random(len(part)).astype(np.float32) * (k < 5) for k, part in enumerate(rows)]
    write_arpa(build_ngram(["<unk>", "<s>", "</s>", *LETTERS.tolist()], rows, values, weights), tmp_path / "large.arpa")
    found = benchmark.pedantic(read_arpa, (tmp_path / "large.arpa",), rounds=3)
    arrays = (found.word, found.first, found.log10, found.backoff, found.shorter)
    benchmark.extra_info["ngrams"] = len(found)
    benchmark.extra_info["bytes_per_ngram"] = round(sum(array.nbytes for array in arrays) / len(found), 1)


def test_score(benchmark, model):
    line = list(itertools.islice(itertools.cycle("there"), 200))
    benchmark(model.score, ["<s>", *line], "e")


def test_distance(benchmark):
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 98, (2, 5000))
    benchmark(edit_counts, one, other)
