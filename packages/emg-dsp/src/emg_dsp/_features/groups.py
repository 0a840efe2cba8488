"""Groups: sets of features that the literature knows under one name."""

from types import MappingProxyType

GROUPS = MappingProxyType(
    {
        "HTD": ("MAV", "ZC", "SSC", "WL"),
    }
)
"""Members of each group, in the order of their columns."""
