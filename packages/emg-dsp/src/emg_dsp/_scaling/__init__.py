"""Normalisation: learned from training data alone, or from the past of the signal itself."""

from .running import RunningStandardizer
from .standardizer import Standardizer

__all__ = ["RunningStandardizer", "Standardizer"]
