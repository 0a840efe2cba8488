"""What the classes of a text model stand for, and how text becomes classes."""

import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError, unknown_name

from .transliterate import transliterate

BACKSPACE, ENTER, SPACE, SHIFT, PAUSE = "⌫", "\n", " ", "⇧", "⏸"
_KEYS = {"Key.backspace": BACKSPACE, "Key.enter": ENTER, "Key.space": SPACE, "Key.shift": SHIFT}
_SILENT = SHIFT + PAUSE


def _typed(text: str) -> str:
    """Return text as keys would carry it: carriage return as enter, other characters transliterated."""
    kept = (BACKSPACE, SHIFT, PAUSE)
    return "".join(sign if sign in kept else transliterate(sign) for sign in text.replace("\r", ENTER))


def _spoken(text: str) -> str:
    """Return text in lower case with letters, digits and single spaces; dashes become spaces, apostrophes vanish."""
    plain = "".join(map(transliterate, text)).lower().replace("-", SPACE)
    return SPACE.join("".join(sign for sign in plain if sign.isalnum() or sign.isspace()).split())


@dataclass(frozen=True)
class Alphabet:
    """Symbols of a text model in the order of its classes; the CTC blank follows the last one.

    Attributes
    ----------
    name
        Name under which `get_alphabet` knows it.
    symbols
        One character per class, all different.
    keys
        Names of keys in recordings, such as ``"Key.space"``, and the symbol each stands for.
    normalise
        How text is brought into these symbols before it is looked up.

    Raises
    ------
    EmgDistillError
        When a symbol is not one character or occurs twice, or a key stands for no symbol.
    """

    name: str
    symbols: tuple[str, ...]
    keys: Mapping[str, str] = field(default_factory=dict, hash=False)
    normalise: Callable[[str], str] = str

    def __post_init__(self) -> None:
        if not self.symbols or any(len(symbol) != 1 for symbol in self.symbols):
            raise EmgDistillError(f"alphabet {self.name!r}: each symbol must be one character, got {self.symbols!r}")
        if len(set(self.symbols)) != len(self.symbols):
            raise EmgDistillError(f"alphabet {self.name!r}: a symbol occurs twice")
        strange = sorted(key for key, symbol in self.keys.items() if symbol not in self.symbols)
        if strange:
            raise EmgDistillError(f"alphabet {self.name!r}: key {strange[0]!r} stands for no symbol of it")

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def blank(self) -> int:
        """Return the class of the CTC blank: the one after the last symbol."""
        return len(self.symbols)

    @property
    def backspace(self) -> int:
        """Return the class of the backspace key, or -1 where there is none."""
        return self.symbols.index(BACKSPACE) if BACKSPACE in self.symbols else -1

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the classes of a text, shape (n,), int64; what is not in the alphabet vanishes, as published."""
        index = self._index()
        return np.array([index[sign] for sign in self.normalise(text) if sign in index], dtype=np.int64)

    def encode_keys(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Return the classes of pressed keys: key names or characters; keys outside the alphabet vanish.

        Parameters
        ----------
        keys
            Such as ``["h", "Key.space", "Key.backspace"]``, in the order in which they were pressed.

        Returns
        -------
        ndarray of shape (n,), int64
            Classes, at most one per key.
        """
        signs = (self.keys.get(key, key) for key in keys)
        return self.encode("".join(sign for sign in signs if len(sign) == 1))

    def decode(self, classes: NDArray[np.int64]) -> str:
        """Return classes, shape (n,), as text, one character each; backspace and shift stay visible."""
        return "".join(self.symbols[index] for index in self._checked(classes))

    def applied(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what stands on the screen in the end.

        A backspace removes the character before it, if there is one; keys that write nothing (shift, pause) vanish.
        This is for people to read: error rates of the literature are taken on the raw classes.

        Parameters
        ----------
        classes
            Shape (n,), as typed or decoded.

        Returns
        -------
        ndarray of shape (m,), int64
            ``m <= n``, without backspace.
        """
        screen: list[int] = []
        for index in self._checked(classes):
            if self.symbols[index] == BACKSPACE:
                del screen[-1:]
            elif self.symbols[index] not in _SILENT:
                screen.append(index)
        return np.array(screen, dtype=np.int64)

    def _index(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    def _checked(self, classes: NDArray[np.int64]) -> list[int]:
        values: list[int] = np.asarray(classes).tolist()
        for place, value in enumerate(values):
            if not 0 <= value < len(self.symbols):
                raise EmgDistillError(
                    f"class {value} at place {place} is not in alphabet {self.name!r}: "
                    f"0 .. {len(self.symbols) - 1} are, {self.blank} is the blank"
                )
        return values


_TYPED = (*string.ascii_letters, *string.digits, *string.punctuation, BACKSPACE, ENTER, SPACE, SHIFT)
_ALPHABETS = {
    # 98 classes of emg2qwerty, arXiv 2410.20081: letters, capitals, digits, punctuation in code order, four keys.
    "emg2qwerty": Alphabet("emg2qwerty", _TYPED, _KEYS, _typed),
    # Handwriting of doi 10.1038/s41586-025-09255-w: the same, and a pause key.
    "neuromotor": Alphabet("neuromotor", (*_TYPED, PAUSE), {**_KEYS, "Key.pause": PAUSE}, _typed),
    # 37 characters of TinyMyo's silent speech. Only their number is published: which ones they are, and the
    # normalisation, are a reconstruction (letters, digits, space).
    "gaddy": Alphabet("gaddy", (*string.ascii_lowercase, *string.digits, SPACE), {}, _spoken),
}


def list_alphabets() -> list[str]:
    """Return the names that `get_alphabet` knows, sorted."""
    return sorted(_ALPHABETS)


def get_alphabet(name: str) -> Alphabet:
    """Return an alphabet by name.

    Parameters
    ----------
    name
        ``"emg2qwerty"``: 98 keys; ``"neuromotor"``: the same and a pause, for handwriting; ``"gaddy"``: 37 characters,
        of which only the number is published.

    Returns
    -------
    Alphabet
        Its blank is the class after the last symbol.

    Raises
    ------
    EmgDistillError
        When the name is unknown; the nearest ones are named.
    """
    if name not in _ALPHABETS:
        raise unknown_name("alphabet", name, _ALPHABETS)
    return _ALPHABETS[name]
