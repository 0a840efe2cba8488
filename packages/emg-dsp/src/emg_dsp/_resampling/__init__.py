"""Resampling: from one rate to another without aliases, and from time stamps to a rate."""

from .resample import Resampler, resample
from .uniform import to_uniform

__all__ = ["Resampler", "resample", "to_uniform"]
