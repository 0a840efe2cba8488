"""Normalisation learned from training data alone."""

from .standardizer import Standardizer

__all__ = ["Standardizer"]
