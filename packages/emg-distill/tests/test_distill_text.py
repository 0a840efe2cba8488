"""Alphabets: order, normalisation, keys, backspace."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._text.alphabet import Alphabet, get_alphabet, list_alphabets
from emg_distill._text.transliterate import transliterate

QWERTY = get_alphabet("emg2qwerty")


def test_emg2qwerty_has_the_published_order():
    assert len(QWERTY) == QWERTY.blank == 98
    assert QWERTY.decode(np.arange(26)) == string.ascii_lowercase
    assert QWERTY.decode(np.arange(26, 52)) == string.ascii_uppercase
    assert QWERTY.decode(np.arange(52, 62)) == string.digits
    marks = QWERTY.decode(np.arange(62, 94))
    assert list(marks) == sorted(set(map(chr, range(33, 127))) - set(string.ascii_letters + string.digits))
    keys = ["Key.backspace", "Key.enter", "Key.space", "Key.shift"]
    assert QWERTY.encode_keys(keys).tolist() == [94, 95, 96, 97]
    assert QWERTY.backspace == 94


def test_neuromotor_adds_a_pause():
    alphabet = get_alphabet("neuromotor")
    assert (len(alphabet), alphabet.blank, alphabet.backspace) == (99, 99, 94)
    assert alphabet.symbols[:98] == QWERTY.symbols
    assert alphabet.encode_keys(["a", "Key.pause", "b"]).tolist() == [0, 98, 1]
    assert alphabet.encode("a⏸b").tolist() == [0, 98, 1]


def test_gaddy_has_37_characters():
    alphabet = get_alphabet("gaddy")
    assert (len(alphabet), alphabet.blank, alphabet.backspace) == (37, 37, -1)
    text = "  “It’s” 7 o’clock — well-known,\nMr. Ångström!"
    assert alphabet.decode(alphabet.encode(text)) == "its 7 oclock well known mr angstrom"


def test_names_are_known():
    assert list_alphabets() == ["emg2qwerty", "gaddy", "neuromotor"]
    assert all(get_alphabet(name).name == name for name in list_alphabets())
    assert len({get_alphabet(name) for name in list_alphabets()}) == 3


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("a\nb\rc", "a\nb\nc"),
        ("‘it’s’ “so”", "'it's' \"so\""),
        ("a—b–c", "a-b-c"),
        ("naïve Éclair Łódź Øl đ", "naive Eclair Lodz Ol d"),
        ("¿x²\u00a0y", "?x2 y"),
        ("Straße…æ", "Strae"),
        ("tab\tcontrol\x01漢", "tabcontrol"),
        ("a⌫⇧B", "a⌫⇧B"),
    ],
)
def test_text_is_normalised(text, typed):
    assert QWERTY.decode(QWERTY.encode(text)) == typed


def test_keys_outside_the_alphabet_vanish():
    keys = ["h", "Key.shift_r", "Key.tab", "Key.ctrl", "I", "Key.space", "\t", "é", "Key.enter"]
    assert QWERTY.decode(QWERTY.encode_keys(keys)) == "hI e\n"


@given(st.text(max_size=3))
def test_transliteration_is_one_character_or_none(text):
    for character in text:
        known = transliterate(character)
        assert len(known) <= 1
        assert known.isascii()


@given(st.lists(st.integers(0, 97), max_size=20))
def test_decoding_and_encoding_agree(classes):
    assert QWERTY.encode(QWERTY.decode(np.array(classes, dtype=np.int64))).tolist() == classes


@pytest.mark.parametrize(
    ("typed", "screen"),
    [("cat⌫r", "car"), ("⌫⌫a", "a"), ("ab⌫⌫⌫", ""), ("⇧A⌫b", "b"), ("a⇧⌫b", "b"), ("a b\n", "a b\n"), ("", "")],
)
def test_backspace_is_applied_on_request(typed, screen):
    classes = QWERTY.encode(typed)
    assert QWERTY.decode(QWERTY.applied(classes)) == screen
    assert QWERTY.decode(classes) == typed
    assert QWERTY.applied(classes).dtype == classes.dtype == np.int64


@pytest.mark.parametrize("use", [QWERTY.decode, QWERTY.applied])
@pytest.mark.parametrize("wrong", [98, -1])
def test_other_classes_are_refused(use, wrong):
    with pytest.raises(EmgDistillError, match=rf"class {wrong} at place 1 is not in alphabet 'emg2qwerty': 0 .. 97"):
        use(np.array([0, wrong]))


@pytest.mark.parametrize(
    ("symbols", "keys", "message"),
    [
        ((), {}, r"alphabet 'x': each symbol must be one character, got \(\)"),
        (("ab",), {}, "each symbol must be one character"),
        (("a", "a"), {}, "a symbol occurs twice"),
        (("a",), {"Key.space": " "}, "key 'Key.space' stands for no symbol"),
    ],
)
def test_bad_alphabets_are_refused(symbols, keys, message):
    with pytest.raises(EmgDistillError, match=message):
        Alphabet("x", symbols, keys)


def test_unknown_names_are_refused():
    with pytest.raises(EmgDistillError, match=r"unknown alphabet 'qwerty': did you mean 'emg2qwerty'"):
        get_alphabet("qwerty")
