"""Characters that no keyboard key carries, written with the one ASCII character that stands for them."""

import unicodedata
from functools import lru_cache

# Letters and signs that Unicode does not decompose into an ASCII character and marks; one character each.
_SIGNS = {
    "‘’‚‛′´ʹʻʼˈ": "'",
    "“”„‟″ʺ": '"',
    "‐‑‒–—―−": "-",
    "Øø": "Oo",
    "ĐđÐð": "DdDd",
    "Łł": "Ll",
    "Ħħ": "Hh",
    "Ŧŧ": "Tt",
    "ı": "i",
    "‹›": "<>",
    "×": "x",
    "⁄∕": "/",
    "•·": "*",
    "¡": "!",
    "¿": "?",
    "¦": "|",
}
_TABLE = {
    sign: letters[place] if len(letters) > 1 else letters
    for signs, letters in _SIGNS.items()
    for place, sign in enumerate(signs)
}


@lru_cache(maxsize=4096)
def transliterate(character: str) -> str:
    """Return the ASCII character that stands for one character, or ``""`` where there is no single one.

    Typographic quotes and dashes become the ones of a keyboard; accents are taken off (compatibility decomposition,
    Unicode Standard Annex 15); letters without decomposition come from a short table. What would need two letters
    (``ß``, ``æ``, ``…``) has none.

    Parameters
    ----------
    character
        One character.

    Returns
    -------
    str
        Zero or one ASCII character.

    Examples
    --------
    >>> [transliterate(character) for character in "é—ß"]
    ['e', '-', '']
    """
    if character.isascii():
        return character
    if character in _TABLE:
        return _TABLE[character]
    decomposed = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in decomposed if not unicodedata.combining(part))
    return kept if len(kept) == 1 and kept.isascii() else ""
