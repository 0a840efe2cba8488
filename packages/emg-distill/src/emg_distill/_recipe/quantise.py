"""Training through integer arithmetic."""

from dataclasses import dataclass


@dataclass(frozen=True)
class QuantiseRecipe:
    """Whether, and how, a run trains through fake quantisation; off by default."""

    on: bool = False
