"""Windows: where they lie in a signal, without copying it."""

from .views import windows

__all__ = ["windows"]
