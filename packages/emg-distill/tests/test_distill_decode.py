"""CTC decoding: exact against enumeration, equal to a slow search at real sizes, the same in pieces."""

import dataclasses
import importlib.util
import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._recipe.decode import DecodeRecipe
from emg_distill._text.alphabet import Alphabet, get_alphabet, list_alphabets
from emg_distill._text.arpa import write_arpa
from emg_distill._text.beam import BeamStream, Fusion, prefix_beam_search
from emg_distill._text.decode import decode_batch
from emg_distill._text.greedy import greedy
from emg_distill._text.ngram import build_ngram
from emg_distill._text.ngram_fit import fit_ngram

WORDS = ["abba", "ab", "ba", "baa", "b"]
KEYS = Alphabet("keys", ("a", "b", " ", "⌫"))


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def oracle():
    return load("distill_oracles_decode")


@pytest.fixture(scope="module")
def fused(tmp_path_factory, oracle):
    """A small model as a fusion, and its textbook form."""
    path = tmp_path_factory.mktemp("lm") / "small.arpa"
    model = fit_ngram(WORDS, 3)
    write_arpa(model, path)
    backoff = oracle.Backoff.of(path.read_text())

    def make(alphabet=KEYS, **options):
        options = {"weight": 2.0, "bonus": 2.0, **options}
        return Fusion(model, alphabet, **options), oracle.Speller(backoff, alphabet.symbols, **options)

    return make


def noise(n_frames, n_classes, seed=0, spread=2.0, blank=None):
    """Log probabilities; a favoured class, where one is asked for, is likely in most frames."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((n_frames, n_classes)) * spread
    if blank is not None:
        logits[:, blank] += 6 * (rng.random(n_frames) < 0.7)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def texts(found):
    return [tuple(item.classes.tolist()) for item in found]


frames_of = st.tuples(st.integers(0, 2**31), st.integers(1, 4), st.integers(2, 4), st.booleans())


def draw(key):
    seed, n_frames, n_classes, holes = key
    frames = noise(n_frames, n_classes, seed)
    if holes:
        frames[np.random.default_rng(seed).random(frames.shape) < 0.3] = -np.inf
        frames[np.arange(n_frames), np.random.default_rng(seed).integers(0, n_classes, n_frames)] = -0.5
    return frames


@given(frames_of, st.integers(0, 3))
def test_a_wide_beam_gives_every_text_its_exact_probability(oracle, key, at):
    frames = draw(key)
    blank = at % frames.shape[1]
    exact = oracle.all_texts(frames, blank)
    found = prefix_beam_search(frames[None], blank=blank, beam=500, top_k=0, n_best=500)[0]
    assert set(texts(found)) == set(exact)
    for item, text in zip(found, texts(found), strict=True):
        assert item.score == item.ctc == pytest.approx(exact[text], abs=1e-9)
    assert found[0].score == pytest.approx(max(exact.values()), abs=1e-9)
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)


@given(st.integers(0, 2**31), st.booleans())
def test_a_wide_beam_with_a_language_model_finds_the_best_of_all_texts(oracle, fused, seed, final_word):
    frames = noise(4, 5, seed, spread=1.0)
    fusion, speller = fused(final_word=final_word)
    exact = {text: ctc + speller(text) + speller.final(text) for text, ctc in oracle.all_texts(frames, 4).items()}
    found = prefix_beam_search(frames[None], beam=2000, top_k=0, fusion=fusion, n_best=2000)[0]
    assert set(texts(found)) == set(exact)
    for item, text in zip(found, texts(found), strict=True):
        assert item.score == pytest.approx(exact[text], abs=1e-5)
    assert found[0].score == pytest.approx(max(exact.values()), abs=1e-5)


@pytest.mark.parametrize("with_lm", [False, True])
@pytest.mark.parametrize(("beam", "top_k"), [(1, 1), (4, 2), (50, 10)])
def test_equals_the_slow_search_at_real_sizes(oracle, fused, beam, top_k, with_lm):
    alphabet = get_alphabet("emg2qwerty")
    frames = noise(30, 99, seed=beam, spread=3.0, blank=98)
    fusion, speller = fused(alphabet, final_word=True) if with_lm else (None, None)
    expected = oracle.prefix_beam(frames, 98, beam, top_k, speller)
    found = prefix_beam_search(frames[None], beam=beam, top_k=top_k, fusion=fusion, n_best=beam)[0]
    assert texts(found) == [text for text, _, _ in expected]
    for item, (_, score, ctc) in zip(found, expected, strict=True):
        assert (item.score, item.ctc) == pytest.approx((score, ctc), abs=1e-4)


@pytest.mark.parametrize("with_lm", [False, True])
def test_a_pruned_prefix_that_comes_back_is_the_same_prefix(oracle, fused, with_lm):
    fusion, speller = fused() if with_lm else (None, None)
    for seed in range(40):
        frames = noise(14, 5, seed, spread=1.5)
        expected = oracle.prefix_beam(frames, 4, 3, 3, speller)
        found = prefix_beam_search(frames[None], beam=3, top_k=3, fusion=fusion, n_best=3)[0]
        assert texts(found) == [text for text, _, _ in expected]


@given(st.integers(0, 2**31), st.lists(st.integers(0, 7), max_size=6))
def test_pieces_give_what_the_whole_gives(fused, seed, pieces):
    frames = noise(24, 5, seed, spread=1.0)
    fusion, _ = fused()
    whole, stream = (BeamStream(5, beam=6, top_k=3, fusion=fusion) for _ in range(2))
    whole.push(frames)
    for start, stop in itertools.pairwise([0, *np.minimum(np.cumsum(pieces), 24).tolist(), 24]):
        stream.push(frames[start:stop])
        stream.best()
    for one, other in zip(whole.best(6), stream.best(6), strict=True):
        assert one.classes.tolist() == other.classes.tolist()
        assert (one.score, one.ctc) == (other.score, other.ctc)


def test_a_long_stream_keeps_little_and_loses_nothing(fused):
    n_frames, beam = 6000, 8
    frames = noise(n_frames, 5, 1, spread=1.0, blank=4)
    fusion, _ = fused()
    stream = BeamStream(5, beam=beam, top_k=2, fusion=fusion)
    for start in range(0, n_frames, 10):
        stream.push(frames[start : start + 10])
    best = stream.best()[0]
    assert len(stream._tree.parent) < n_frames * beam
    whole = prefix_beam_search(frames[None], beam=beam, top_k=2, fusion=fusion)[0][0]
    assert best.classes.tolist() == whole.classes.tolist()
    assert best.score == pytest.approx(whole.score, rel=1e-12)


@given(frames_of)
def test_the_best_text_is_at_least_as_likely_as_the_greedy_one(oracle, key):
    frames = draw(key)
    plain = tuple(greedy(frames[None])[0].tolist())
    found = prefix_beam_search(frames[None], beam=500, top_k=0)[0][0]
    assert found.score >= oracle.text_probability(frames, plain, frames.shape[1] - 1) - 1e-9


@given(st.integers(0, 2**31), st.permutations(range(5)))
def test_the_order_of_classes_does_not_matter(seed, order):
    frames = noise(6, 5, seed)
    moved = np.empty_like(frames)
    moved[:, order] = frames
    one = prefix_beam_search(frames[None], blank=4, beam=20, top_k=3)[0][0]
    other = prefix_beam_search(moved[None], blank=order[4], beam=20, top_k=3)[0][0]
    assert [order[label] for label in one.classes] == other.classes.tolist()
    assert one.score == pytest.approx(other.score)


@given(st.integers(0, 2**31), st.floats(-50, 50))
def test_a_constant_per_frame_moves_scores_and_nothing_else(seed, shift):
    frames = noise(6, 5, seed)
    one, other = (prefix_beam_search(frames[None] + add, beam=10)[0][0] for add in (0.0, shift))
    assert one.classes.tolist() == other.classes.tolist()
    assert other.score == pytest.approx(one.score + 6 * shift, abs=1e-6)


def test_a_beam_of_one_on_clear_frames_is_greedy():
    spelled = [0, 0, 4, 0, 1, 4, 4, 2, 2]
    frames = np.full((9, 5), -9.0)
    frames[np.arange(9), spelled] = -0.01
    assert greedy(frames[None])[0].tolist() == [0, 0, 1, 2]
    assert prefix_beam_search(frames[None], beam=1)[0][0].classes.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("decode", [greedy, lambda x, n: [found[0].classes for found in prefix_beam_search(x, n)]])
def test_frames_after_the_length_do_not_count(decode):
    frames = np.stack([noise(9, 5, seed) for seed in range(3)])
    lengths = [9, 4, 0]
    expected = [decode(frames[row : row + 1, :n], None)[0].tolist() for row, n in enumerate(lengths)]
    frames[1, 4:], frames[2] = np.nan, np.inf
    found = decode(frames, np.array(lengths))
    assert [text.tolist() for text in found] == expected
    assert all(text.dtype == np.int64 for text in found)
    assert expected[2] == []


def test_single_precision_is_accepted():
    frames = noise(9, 5).astype(np.float32)
    assert prefix_beam_search(frames[None])[0][0].classes.tolist()
    assert greedy(frames[None])[0].tolist()


def spell(fusion, text, beam=1):
    """What the language model adds to a text that the frames leave no choice about."""
    classes = fusion.alphabet.encode(text)
    frames = np.full((2 * len(classes), len(fusion.alphabet) + 1), -np.inf)
    frames[np.arange(0, len(frames), 2), classes] = 0.0
    frames[1::2, -1] = 0.0
    found = prefix_beam_search(frames[None], beam=beam, fusion=fusion)[0][0]
    assert fusion.alphabet.decode(found.classes) == text
    return found.score


def test_backspace_refunds_and_other_symbols_end_words(fused):
    fusion, _ = fused()
    model = fusion.model

    def gain(history, symbol):
        return 2.0 * model.score(["<s>", *history], symbol) + 2.0

    assert spell(fusion, "ab") == pytest.approx(gain([], "a") + gain(["a"], "b"), abs=1e-5)
    assert spell(fusion, "aa⌫b") == pytest.approx(spell(fusion, "ab"), abs=1e-5)
    assert spell(fusion, "⌫a") == pytest.approx(spell(fusion, "a"), abs=1e-5)
    assert spell(fusion, "a⌫⌫⌫") == pytest.approx(0.0, abs=1e-9)
    ended = spell(fusion, "a") + gain(["a"], "</s>")
    assert spell(fusion, "a ") == pytest.approx(ended, abs=1e-5)
    assert spell(fusion, "a  ") == pytest.approx(ended + gain([], "<unk>"), abs=1e-5)
    assert spell(fusion, "a b") == pytest.approx(ended + gain([], "b"), abs=1e-5)
    assert spell(fusion, "a ⌫b") == pytest.approx(spell(fusion, "ab"), abs=1e-5)
    assert spell(fusion, " ") == pytest.approx(gain([], "<unk>"), abs=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_models_with_holes_score_as_the_textbook(oracle, seed):
    """Contexts and endings of n-grams are missing, as in pruned models; half of the models lack <unk>."""
    rng = np.random.default_rng(seed)
    names = ["<s>", "</s>", "a", "b", "c", *(["<unk>"] if seed % 2 else [])]
    words, values, weights, grams = [], [], [], {}
    for length in range(1, 5):
        rows = np.unique(rng.integers(0, 5, (20, length)), axis=0) if length > 1 else np.arange(len(names))[:, None]
        words.append(rows.astype(np.int32))
        values.append(-rng.random(len(rows)).astype(np.float32))
        weights.append(-rng.random(len(rows)).astype(np.float32) * (length < 4))
        for row, value, weight in zip(rows, values[-1], weights[-1], strict=True):
            grams[tuple(names[place] for place in row)] = (float(value), float(weight))
    alphabet = Alphabet("holes", ("a", "b", "c", "d", "⌫"))
    fusion = Fusion(build_ngram(names, words, values, weights), alphabet, final_word=True)
    speller = oracle.Speller(oracle.Backoff(grams), alphabet.symbols, 2.0, 2.0, final_word=True)
    for _ in range(8):
        text = tuple(rng.choice(5, p=[0.25, 0.25, 0.25, 0.1, 0.15], size=10).tolist())
        score = spell(fusion, alphabet.decode(np.array(text)))
        assert score == pytest.approx(speller(text) + speller.final(text), abs=1e-4)


def test_the_final_word_can_be_ended(fused):
    plain, _ = fused()
    final, _ = fused(final_word=True)
    assert spell(final, "ab") == pytest.approx(spell(plain, "ab") + 2.0 * plain.model.score(["<s>", "a", "b"], "</s>"))
    for text in ("ab ", "a⌫"):
        assert spell(final, text) == pytest.approx(spell(plain, text))


def test_a_language_model_changes_what_is_read(fused):
    fusion, _ = fused()
    frames = np.log([[0.3, 0.3, 0.001, 0.001, 0.398], [0.05, 0.05, 0.001, 0.001, 0.898]])[None]
    assert decode_batch(frames, None, DecodeRecipe(beam=8))[0].tolist() == []
    assert prefix_beam_search(frames, beam=8, fusion=fusion)[0][0].classes.tolist() == [1]


def test_recipe_decodes_greedily_or_with_a_beam():
    frames = np.log([[[0.4, 0.05, 0.55], [0.4, 0.05, 0.55]]])
    assert decode_batch(frames, [2], DecodeRecipe())[0].tolist() == []
    assert decode_batch(frames, [2], DecodeRecipe(beam=4))[0].tolist() == [0]


def test_recipe_uses_its_language_model_settings():
    alphabet, model = get_alphabet("gaddy"), fit_ngram(["no", "on", "not"], 3)
    frames = noise(20, 38, 3, spread=2.0, blank=37)[None]
    recipe = DecodeRecipe(alphabet="gaddy", beam=10, top_k=5, lm_weight=1.5, lm_bonus=0.5, lm_final_word=True)
    fusion = Fusion(model, alphabet, 1.5, 0.5, final_word=True)
    expected = prefix_beam_search(frames, beam=10, top_k=5, fusion=fusion)[0][0].classes.tolist()
    assert decode_batch(frames, None, recipe, model)[0].tolist() == expected


def test_recipe_knows_the_alphabets():
    names = DecodeRecipe.__dataclass_fields__["alphabet"].type.__args__
    assert sorted(names) == ["", *list_alphabets()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, r"decode.beam=0: must be at least 1"),
        ({"top_k": -1}, r"decode.top_k=-1: must not be negative"),
        ({"lm_weight": -1.0}, r"decode.lm_weight=-1.0: must be finite and not negative"),
        ({"lm_bonus": math.nan}, r"decode.lm_bonus=nan: must be finite"),
    ],
)
def test_recipe_refuses(options, message):
    with pytest.raises(EmgDistillError, match=message):
        DecodeRecipe(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((3, 4))}, r"log_probs has shape \(3, 4\): \(rows, frames, classes\) is required"),
        ({"x": np.zeros((1, 3, 1))}, r"row 0 has shape \(3, 1\): .* 2 classes or more"),
        ({"lengths": [5]}, r"lengths\[0\]=5: log_probs has 3 frames"),
        ({"lengths": [-1]}, r"lengths\[0\]=-1"),
        ({"lengths": [1.0]}, r"lengths float64 \(1,\): 1 whole numbers are required"),
        ({"lengths": [1, 2]}, r"lengths int64 \(2,\)"),
        ({"blank": 4}, r"blank=4 is no class of row 0: 0 .. 3 are"),
        ({"at": (0, 1, 2, math.nan)}, r"row 0: frame 1, class 2 is nan; .* finite or -inf"),
        ({"at": (0, 2, 0, math.inf)}, r"row 0: frame 2, class 0 is inf"),
        ({"at": (0, 1, slice(None), -math.inf)}, r"row 0: frame 1 is -inf for every class"),
    ],
)
@pytest.mark.parametrize("decode", [greedy, prefix_beam_search])
def test_bad_frames_are_refused(decode, change, message):
    x = change.get("x", np.zeros((1, 3, 4)))
    if "at" in change:
        *place, value = change["at"]
        x[tuple(place)] = value
    with pytest.raises(EmgDistillError, match=message):
        decode(x, change.get("lengths"), blank=change.get("blank"))


def test_a_stream_refuses_and_goes_on():
    stream = BeamStream(4)
    stream.push(noise(3, 4))
    before = stream.best()[0]
    with pytest.raises(EmgDistillError, match="log_probs has 5 classes; this stream decodes 4"):
        stream.push(noise(3, 5))
    with pytest.raises(EmgDistillError, match="is nan"):
        stream.push(np.full((1, 4), np.nan))
    assert stream.best()[0].score == before.score


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, r"beam=0, top_k=10: beam >= 1"),
        ({"top_k": -1}, r"beam=50, top_k=-1"),
        ({"n_best": 0}, r"n_best=0: at least 1"),
    ],
)
def test_bad_searches_are_refused(options, message):
    with pytest.raises(EmgDistillError, match=message):
        prefix_beam_search(np.zeros((1, 3, 4)), **options)


def test_bad_fusions_are_refused(fused):
    fusion, _ = fused()
    with pytest.raises(EmgDistillError, match=r"alphabet 'keys' has 4 symbols .* frames have 7 classes with blank 6"):
        BeamStream(7, fusion=fusion)
    with pytest.raises(EmgDistillError, match=r"frames have 5 classes with blank 0"):
        BeamStream(5, blank=0, fusion=fusion)
    with pytest.raises(EmgDistillError, match=r"weight=-1.0, bonus=2.0: finite, and weight >= 0"):
        dataclasses.replace(fusion, weight=-1.0)
    with pytest.raises(EmgDistillError, match=r"knows no symbol of alphabet 'xy', only such as '<unk>'"):
        Fusion(fusion.model, Alphabet("xy", ("x", "y")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"alphabet": "gaddy", "beam": 5},
            r"decode.alphabet='gaddy' has 37 symbols and a blank, the model has 5 outputs",
        ),
        ({"beam": 1}, r"decode.beam=1 decodes greedily and takes no language model"),
        ({"beam": 5}, r"decode.alphabet='' and a language model"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(fused, options, message):
    with pytest.raises(EmgDistillError, match=message):
        decode_batch(np.zeros((1, 3, 5)), None, DecodeRecipe(**options), fused()[0].model)


@pytest.mark.parametrize("x", [1.0, [1.0, 2.0], np.zeros((2, 3))])
def test_batches_of_another_shape_are_refused(x):
    with pytest.raises(EmgDistillError, match=r"log_probs has shape .*: \(rows, frames, classes\) is required"):
        decode_batch(x, None, DecodeRecipe())


def test_no_rows_give_no_texts():
    assert decode_batch(np.zeros((0, 3, 5)), None, DecodeRecipe(beam=4)) == []
    assert decode_batch(np.zeros((0, 3, 5)), [], DecodeRecipe()) == []


def test_machine_code_is_kept_where_a_folder_can_be_written(monkeypatch):
    from emg_distill._text import beam_kernel

    def no_folder(reason):
        def njit(**options):
            if options.pop("cache", False):
                raise RuntimeError(reason)
            return lambda loop: ("compiled", loop)

        return njit

    monkeypatch.setattr(beam_kernel, "njit", no_folder("cannot cache function 'double': no locator available"))
    assert beam_kernel.jit(abs) == ("compiled", abs)
    monkeypatch.setattr(beam_kernel, "njit", no_folder("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        beam_kernel.jit(abs)


@pytest.fixture
def interpreted(monkeypatch):
    """The loops as plain Python."""
    import numba

    from emg_distill import _text
    from emg_distill._text import beam_kernel

    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    spec = importlib.util.spec_from_file_location(beam_kernel.__name__, beam_kernel.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def use():
        monkeypatch.setitem(sys.modules, beam_kernel.__name__, module)
        monkeypatch.setattr(_text, "beam_kernel", module)

    return use


def test_compilation_changes_no_value(interpreted, fused):
    def decoded():
        found = []
        for fusion in (None, fused()[0]):
            for seed in range(4):
                stream = BeamStream(5, beam=4, top_k=3, fusion=fusion)
                stream._tree = type(stream._tree)(*(column[:24].copy() for column in stream._tree))
                for start in range(0, 40, 4):
                    stream.push(noise(40, 5, seed, spread=1.0)[start : start + 4])
                found += [(item.classes.tolist(), item.score, item.ctc) for item in stream.best(4)]
        return found

    compiled = decoded()
    interpreted()
    for one, other in zip(decoded(), compiled, strict=True):
        assert one[0] == other[0]
        assert one[1:] == pytest.approx(other[1:], rel=1e-12)


def test_import_brings_no_numba():
    code = "import emg_distill._text.decode, emg_distill._text.arpa, sys; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
