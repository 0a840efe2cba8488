"""Features of windows: one registry, one walk over the samples for all the sums that are asked for."""

from .registry import feature_groups, feature_names
from .stage import Features
from .table import describe_feature, feature_columns, features, mav, rms

__all__ = [
    "Features",
    "describe_feature",
    "feature_columns",
    "feature_groups",
    "feature_names",
    "features",
    "mav",
    "rms",
]
