"""The table of legal operations, one file a family."""

from ._registry import BINARY, CANONICAL, MOVEMENT, OPERATIONS, PADDING, UNARY

__all__ = ["BINARY", "CANONICAL", "MOVEMENT", "OPERATIONS", "PADDING", "UNARY"]
