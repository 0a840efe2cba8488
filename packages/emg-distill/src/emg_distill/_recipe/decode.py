"""How frames become text when a model is measured."""

from dataclasses import dataclass

from .rules import require


@dataclass(frozen=True)
class DecodeRecipe:
    """Width of the beam of CTC decoding; 1 decodes greedily."""

    beam: int = 1

    def __post_init__(self) -> None:
        require(self.beam >= 1, "decode.beam", self.beam, "must be at least 1")
