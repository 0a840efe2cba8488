"""What a person reads: one self-contained page, and the same facts as JSON and CSV."""

from ._page import write_report
from ._worst import worst_layers

__all__ = ["worst_layers", "write_report"]
