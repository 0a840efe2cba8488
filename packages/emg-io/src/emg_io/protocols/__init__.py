"""Published protocols, by name: one file a family of data sets, one word each in the registry."""

from ._protocol import Protocol
from ._registry import protocol, protocols

__all__ = ["Protocol", "protocol", "protocols"]
