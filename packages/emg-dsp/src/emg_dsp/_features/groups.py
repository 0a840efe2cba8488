"""Groups: sets of features that the literature knows under one name."""

from types import MappingProxyType

GROUPS = MappingProxyType(
    {
        "HTD": ("MAV", "ZC", "SSC", "WL"),
        "HJORTH": ("ACT", "MOB", "COMP"),
        "ITD": ("ISD", "COR", "MDIFF", "MLK"),
        "LS4": ("LS", "MFL", "MSR", "WAMP"),
        "LS9": ("LS", "MFL", "MSR", "WAMP", "ZC", "RMS", "IAV", "DASDV", "VAR"),
        "TDPSD": ("M0", "M2", "M4", "SPARSI", "IRF", "WLF"),
        "TDAR": ("MAV", "ZC", "SSC", "WL", "AR"),
        "COMB": ("WL", "SSC", "LD", "AR(order=9)"),
        "MSWT": ("WENG", "WV", "WWL", "WENT"),
        "TSTD": ("MAVFD", "DASDV", "WAMP", "ZC", "MFL", "SAMPEN", "M0", "M2", "M4", "SPARSI", "IRF", "WLF"),
    }
)
"""Members of each group, in the order of their columns."""
