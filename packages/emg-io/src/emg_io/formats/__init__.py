"""The supported data sets: one file each, one line each in the registry."""

from ._format import Format, FormatInfo
from ._registry import REGISTRY

__all__ = ["REGISTRY", "Format", "FormatInfo"]
