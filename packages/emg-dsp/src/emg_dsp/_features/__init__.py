"""Features of windows: one registry, one walk over the samples for all the names asked for."""

from .registry import feature_names, features, mav, rms

__all__ = ["feature_names", "features", "mav", "rms"]
