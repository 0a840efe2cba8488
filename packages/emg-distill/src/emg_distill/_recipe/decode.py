"""How frames become text when a model is measured."""

import math
from dataclasses import dataclass
from typing import Literal

from .rules import require


@dataclass(frozen=True)
class DecodeRecipe:
    """CTC decoding; the defaults are greedy, and those of emg2qwerty once a beam is asked for (arXiv 2410.20081).

    Attributes
    ----------
    alphabet
        Name of the alphabet whose symbols the classes are (``"emg2qwerty"``, ``"gaddy"``, ``"neuromotor"``); a
        language model needs one. Empty: classes stay numbers, and the blank is the last one.
    frames
        Frames of a window that count, in the loss and when windows are decoded: ``"all"``, or the ``"central"`` ones,
        without the context around it, whose text is not the window's.
    beam
        Prefixes that are kept from frame to frame, ``>= 1``; 1 takes the best class of every frame (greedy).
    top_k
        Labels of a frame that may lengthen a prefix, the likeliest ones; 0 allows all.
    lm_weight
        Factor of the language model's log10 probability in the score, ``>= 0``.
    lm_bonus
        Added to the score with every new label where a language model is used.
    lm_final_word
        Whether the last word is scored as ended; off as published.
    """

    alphabet: Literal["", "emg2qwerty", "gaddy", "neuromotor"] = ""
    frames: Literal["all", "central"] = "all"
    beam: int = 1
    top_k: int = 10
    lm_weight: float = 2.0
    lm_bonus: float = 2.0
    lm_final_word: bool = False

    def __post_init__(self) -> None:
        require(self.beam >= 1, "decode.beam", self.beam, "must be at least 1")
        require(self.top_k >= 0, "decode.top_k", self.top_k, "must not be negative; 0 allows all labels")
        require(0 <= self.lm_weight < math.inf, "decode.lm_weight", self.lm_weight, "must be finite and not negative")
        require(math.isfinite(self.lm_bonus), "decode.lm_bonus", self.lm_bonus, "must be finite")
