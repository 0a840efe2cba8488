"""Pictures, drawn on matplotlib's `Figure` objects: nothing is shown, and no global state is touched."""

from .bode import plot_bode
from .maps import plot_map
from .signals import plot_signal
from .space import plot_features

__all__ = ["plot_bode", "plot_features", "plot_map", "plot_signal"]
