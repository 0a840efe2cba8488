"""From ONNX operators to IR nodes: attributes, defaults and what changed between opsets, one file a family."""

from ._registry import TRANSLATIONS, add_node

__all__ = ["TRANSLATIONS", "add_node"]
