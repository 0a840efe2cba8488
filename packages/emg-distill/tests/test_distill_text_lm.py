"""Character n-gram models: scores against a textbook back-off, files read with suspicion, training that sums to 1."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._text.arpa import read_arpa, write_arpa
from emg_distill._text.ngram import build_ngram
from emg_distill._text.ngram_fit import fit_ngram

WORDS = {"abracadabra": 3, "abba": 2, "cab": 1, "bad": 4, "dada": 1}
SMALL = r"""made by hand

\data\
ngram 1=5
ngram 2=3
ngram 3=1

\1-grams:
-1.0	<unk>
-99	<s>	-0.3
-0.7	</s>
-0.5	a	-0.25
-0.9	b

\2-grams:
-0.2	<s> a	-0.1
-0.4	a b
-0.6	b </s>

\3-grams:
-0.05	<s> a b

\end\
"""


@pytest.fixture(scope="module")
def oracle():
    spec = importlib.util.spec_from_file_location("oracle", Path(__file__).with_name("distill_oracles_decode.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arpa(tmp_path):
    """Write a text as a file and read it as a model."""

    def read(text, **options):
        path = tmp_path / "m.arpa"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_arpa(path, **options)

    return read


def test_a_file_is_read(arpa):
    model = arpa(SMALL)
    assert (model.order, len(model)) == (3, 9)
    assert model.symbols == ("<unk>", "<s>", "</s>", "a", "b")
    assert model.score(["<s>"], "a") == pytest.approx(-0.2)
    assert model.score(["<s>", "a"], "b") == pytest.approx(-0.05)
    assert model.score(["<s>", "a"], "a") == pytest.approx(-0.1 - 0.25 - 0.5)
    assert model.score(["<s>"], "b") == pytest.approx(-0.3 - 0.9)
    assert model.score(["a"], "b") == pytest.approx(-0.4)
    assert model.score(["b", "b"], "</s>") == pytest.approx(-0.6)
    assert model.score(["a"], "z") == model.score(["a"], "<unk>") == pytest.approx(-0.25 - 1.0)
    assert model.score([], "a") == pytest.approx(-0.5)
    assert model.step(model.start, model.ids["a"])[0] == pytest.approx(-0.2)


def test_no_symbol_is_more_than_certain(arpa):
    model = arpa(SMALL.replace("a\t-0.25", "a\t3").replace("a\t-0.1", "a\t3"))
    assert model.score(["<s>", "a"], "a") == 0.0
    assert model.score(["<s>", "a"], "z") == 0.0


def test_zipped_crlf_and_spaces_are_read(tmp_path, arpa):
    text = (SMALL.replace("\t", "  ") + "\n \n").replace("\n", "\r\n").encode()
    path = tmp_path / "m.arpa.gz"
    path.write_bytes(gzip.compress(text))
    assert read_arpa(path).digest == arpa(SMALL).digest


def test_without_an_unknown_symbol_its_score_is_the_toolkits(arpa):
    text = SMALL.replace("ngram 1=5", "ngram 1=4").replace("-1.0\t<unk>\n", "")
    model = arpa(text)
    assert model.score(["<s>"], "z") == pytest.approx(-0.3 - 100.0)
    assert model.score(["z"], "a") == pytest.approx(-0.5)


@given(
    st.lists(st.sampled_from(["<s>", "a", "b", "c", "d", "r", "q"]), max_size=8), st.sampled_from(["</s>", *"abdrq"])
)
def test_scores_are_the_textbooks(trained, history, symbol):
    model, backoff = trained
    assert model.score(history, symbol) == pytest.approx(backoff.score(history, symbol), abs=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, oracle):
    path = tmp_path_factory.mktemp("lm") / "m.arpa"
    write_arpa(fit_ngram(WORDS, 5), path)
    return read_arpa(path), oracle.Backoff.of(path.read_text())


@given(st.integers(0, 2**31), st.lists(st.sampled_from([*"abcz"]), max_size=6), st.sampled_from([*"abcz"]))
def test_models_with_holes_score_as_the_textbook(oracle, seed, history, symbol):
    """N-grams whose contexts and endings are missing, as pruned models have them."""
    rng = np.random.default_rng(seed)
    names = ["<unk>", "<s>", "</s>", "a", "b", "c"]
    words, values, weights, grams = [], [], [], {}
    for length in range(1, 5):
        rows = np.arange(6)[:, None] if length == 1 else np.unique(rng.integers(1, 6, (12, length)), axis=0)
        words.append(rows.astype(np.int32))
        values.append(-rng.random(len(rows)).astype(np.float32))
        weights.append(-rng.random(len(rows)).astype(np.float32) * (length < 4))
        for row, value, weight in zip(rows, values[-1], weights[-1], strict=True):
            grams[tuple(names[place] for place in row)] = (float(value), float(weight))
    model = build_ngram(names, words, values, weights)
    assert len(model) == len(grams)
    assert model.score(history, symbol) == pytest.approx(oracle.Backoff(grams).score(history, symbol), abs=1e-5)


@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz"])
def test_written_models_read_back_the_same(tmp_path, name):
    model = fit_ngram(WORDS, 6)
    write_arpa(model, tmp_path / name)
    again = read_arpa(tmp_path / name)
    assert again.digest == model.digest
    assert again.order == 6
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nodes_without_probability_are_not_written(tmp_path, arpa):
    text = SMALL.replace("ngram 2=3", "ngram 2=2").replace("-0.2\t<s> a\t-0.1\n", "")
    model = arpa(text)
    assert len(model) == 8
    assert model.score(["<s>", "a"], "b") == pytest.approx(-0.05)
    assert model.score(["<s>"], "a") == pytest.approx(-0.3 - 0.5)
    write_arpa(model, tmp_path / "again.arpa")
    assert read_arpa(tmp_path / "again.arpa").digest == model.digest


@pytest.mark.parametrize("order", [1, 2, 4, 7])
def test_trained_probabilities_sum_to_one(order):
    model = fit_ngram(WORDS, order)
    contexts = [[], ["<s>"], ["<s>", "a"], ["a", "b"], ["b", "a", "d"], ["q"], ["d", "d"], list("abrac")]
    for history in contexts:
        total = sum(10 ** model.score(history, symbol) for symbol in model.symbols if symbol != "<s>")
        assert total == pytest.approx(1.0, abs=1e-6)


def test_trained_probabilities_follow_the_formula():
    model = fit_ngram(["ab", "ab", "ac"], 2)
    # Words: <s> a b </s> twice, <s> a c </s>. 9 symbols are predicted, of 4 kinds; 5 symbols share the uniform.
    unigram = {"a": (3 + 4 / 5) / 13, "b": (2 + 4 / 5) / 13, "c": (1 + 4 / 5) / 13, "</s>": (3 + 4 / 5) / 13}
    for symbol, chance in unigram.items():
        assert 10 ** model.score([], symbol) == pytest.approx(chance, rel=1e-6)
    assert 10 ** model.score(["a"], "b") == pytest.approx((2 + 2 * unigram["b"]) / 5, rel=1e-6)
    assert 10 ** model.score(["a"], "</s>") == pytest.approx(2 * unigram["</s>"] / 5, rel=1e-6)
    assert 10 ** model.score([], "<unk>") == pytest.approx((4 / 5) / 13, rel=1e-6)


def test_counts_and_lists_of_words_train_the_same():
    listed = [word for word, count in WORDS.items() for _ in range(count)]
    assert fit_ngram(listed, 4).digest == fit_ngram({**WORDS}, 4).digest
    assert fit_ngram({**WORDS, "abc": 0}, 4).score(["a", "b"], "c") < -0.5


def test_short_words_shorten_the_order():
    assert fit_ngram(["a", "b"], 6).order == 3


@pytest.mark.parametrize(
    ("words", "order", "message"),
    [
        ([], 3, "no words to train"),
        ({"a": 0}, 3, "no words to train"),
        (["a b"], 3, "word 'a b' with count 1: one word without spaces"),
        (["a", ""], 3, "word '' with count 1"),
        ({"a": 1, "b": -1}, 3, "word 'b' with count -1"),
        (["a"], 0, "order=0: 1 .. 16"),
        (["a"], 17, "order=17: 1 .. 16"),
    ],
)
def test_bad_training_is_refused(words, order, message):
    with pytest.raises(EmgDistillError, match=message):
        fit_ngram(words, order)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"m.arpa, line 24: the file ends where \\data\\ is expected"),
        ("ngram 2=3", "ngram 2=2", r"line 18: \\3-grams: is expected; the count of 2-grams does not hold"),
        ("ngram 2=3", "ngram 2=4", r"line 19: a probability, 2 symbol\(s\) and at most a back-off weight"),
        ("ngram 3=1", "ngram 3=2", r"line 22: a probability, 3 symbol"),
        ("-0.05\t<s> a b\n", "-0.05\t<s> a b\n-0.1\ta b b\n", r"line 22: \\end\\ is expected after 1 3-grams"),
        ("ngram 3=1", "ngram 4=1", r"line 6: 'ngram 3=COUNT' is expected, found b'ngram 4=1'"),
        ("ngram 3=1", "ngram 3=x", r"line 6: 'ngram 3=COUNT' is expected"),
        ("ngram 3=1", "ngram 3=-1", r"line 6: 'ngram 3=COUNT' is expected"),
        ("ngram 3=1", "ngram 3=0", r"line 8: every length needs at least one n-gram"),
        ("ngram 1=5\nngram 2=3\nngram 3=1\n", "", r"line 5: every length needs at least one n-gram"),
        ("ngram 3=1", "ngram 3=999999999999", r"line 6: more than 100000000 n-grams"),
        ("ngram 3=1", "ngram 3=" + "9" * 60, r"line 6: more than 100000000 n-grams"),
        ("-0.5\ta", "nan\ta", r"line 12: a finite number is expected, found b'nan'"),
        ("-0.5\ta", "-inf\ta", r"line 12: a finite number"),
        ("-0.5\ta", "-1_0\ta", r"line 12: a finite number"),
        ("-0.5\ta", "zero\ta", r"line 12: a finite number is expected, found b'zero'"),
        ("-0.25", "1e40", r"line 12: a finite number"),
        ("-0.5\ta", "0.5\ta", r"line 12: log10 probability 0.5 is above 0"),
        ("-0.9\tb", "-0.9\ta", r"line 13: this 1-gram occurs a second time"),
        ("-0.4\ta b", "-0.4\t<s> a", r"line 17: this 2-gram occurs a second time"),
        ("-0.4\ta b", "-0.4\ta z", r"line 17: symbol b'z' has no 1-gram"),
        ("-0.05\t<s> a b", "-0.05\t<s> a b -1", r"line 21: 3-grams are the longest and take no back-off"),
        ("\\end\\\n", "", r"line 23: the file ends where a blank line or \\end\\ is expected"),
        ("\\end\\\n", "\\end\\\nmore\n", r"line 24: nothing is expected after \\end\\, found b'more"),
        ("\\2-grams:", "\\3-grams:", r"line 15: \\2-grams: is expected"),
        ("<s>", "<t>", r"line 13: the 1-grams end without '<s>'"),
        ("</s>", "</t>", r"line 13: the 1-grams end without '</s>'"),
    ],
)
def test_files_that_lie_are_refused(arpa, old, new, message):
    assert old in SMALL
    with pytest.raises(EmgDistillError, match=message):
        arpa(SMALL.replace(old, new))


def test_other_bytes_are_refused(arpa):
    with pytest.raises(EmgDistillError, match=r"line 13: symbol b'\\xff' is not UTF-8"):
        arpa(SMALL.encode().replace(b"\tb\n", b"\t\xff\n"))
    with pytest.raises(EmgDistillError, match=r"line 1: a line of more than 65536 bytes"):
        arpa(b"x" * 70_000 + SMALL.encode())
    with pytest.raises(EmgDistillError, match="line 100101: more than 100000 lines beside n-grams"):
        arpa("\n" * 200_000, max_ngrams=100)
    with pytest.raises(EmgDistillError, match="more than 8 n-grams"):
        arpa(SMALL, max_ngrams=8)
    with pytest.raises(EmgDistillError, match="a length above 16 are announced"):
        arpa("\\data\\\n" + "".join(f"ngram {length}=1\n" for length in range(1, 19)))


@pytest.mark.parametrize("cut", [5, 30, -12, -4])
def test_damaged_archives_are_refused(arpa, cut):
    with pytest.raises(EmgDistillError, match=r"m.arpa, line \d+: the file is damaged"):
        arpa(gzip.compress(SMALL.encode())[:cut])


@given(st.integers(0, len(SMALL) - 1), st.sampled_from(["", "0", "\n", "\\", " ", "é", "9" * 30]))
def test_small_damage_is_read_or_refused(tmp_path_factory, at, change):
    path = tmp_path_factory.mktemp("lm") / "m.arpa"
    path.write_text(SMALL[:at] + change + SMALL[at + 1 :], encoding="utf-8")
    try:
        model = read_arpa(path)
    except EmgDistillError as error:
        assert "m.arpa, line " in str(error)  # noqa: PT017  most damage is refused, some is another model
    else:
        assert np.isfinite(model.score(["<s>", "a"], "b"))


def test_absent_files_are_named(tmp_path):
    with pytest.raises(EmgDistillError, match=r"language model .*none.arpa does not exist"):
        read_arpa(tmp_path / "none.arpa")
