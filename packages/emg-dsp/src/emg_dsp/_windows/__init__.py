"""Windows: where they lie in a signal, without copying it; their times and their labels."""

from .labels import window_labels
from .plan import window_count, window_padding, window_times
from .views import overlap_mean, windows

__all__ = ["overlap_mean", "window_count", "window_labels", "window_padding", "window_times", "windows"]
