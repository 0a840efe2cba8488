"""Features as a scikit-learn transformer."""

from .transformer import FeatureTransformer

__all__ = ["FeatureTransformer"]
