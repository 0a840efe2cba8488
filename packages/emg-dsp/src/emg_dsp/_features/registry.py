"""The registry: every feature of every family, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    amplitude,
    ar,
    counts,
    difference,
    distribution,
    entropy,
    histogram,
    hjorth,
    lmoment,
    multiwindow,
    ring,
    spectral,
    spectral_quality,
    spectral_shape,
    tdpsd,
    wavelets,
)
from .groups import GROUPS

if TYPE_CHECKING:
    from .feature import Feature

_FAMILIES = (
    amplitude,
    ar,
    counts,
    difference,
    distribution,
    entropy,
    histogram,
    hjorth,
    lmoment,
    multiwindow,
    ring,
    spectral,
    spectral_quality,
    spectral_shape,
    tdpsd,
    wavelets,
)
REGISTRY: dict[str, Feature] = {feature.name: feature for family in _FAMILIES for feature in family.FEATURES}
"""Features by their first name."""
ALIASES: dict[str, str] = {alias: feature.name for feature in REGISTRY.values() for alias in feature.aliases}
"""Other names, and the first name of each."""


def primary(name: str) -> str | None:
    """Return the first name of a feature known under ``name``, or None."""
    return name if name in REGISTRY else ALIASES.get(name)


def feature_names() -> list[str]:
    """Return the names that `features` knows, other names for the same feature included, sorted."""
    return sorted([*REGISTRY, *ALIASES])


def feature_groups() -> dict[str, tuple[str, ...]]:
    """Return the names of groups and the features that each stands for, in the order of their columns."""
    return dict(GROUPS)
