"""From canonical nodes to integer operators: weights, biases, multipliers and tables, one file a family."""

from ._registry import LOWERINGS, lower, narrowed

__all__ = ["LOWERINGS", "lower", "narrowed"]
