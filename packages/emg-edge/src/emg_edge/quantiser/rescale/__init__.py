"""Factors per channel moved between what writes a value and the products that read it, without changing the model."""

from ._absorb import ABSORBERS
from ._choose import balanced, rescaled
from ._sites import Site, apply, find_sites

__all__ = ["ABSORBERS", "Site", "apply", "balanced", "find_sites", "rescaled"]
