"""Grids of electrodes: maps as checked values, pictures, repair, filters over the grid, interpolation."""

from .frames import GridFrames
from .grid import Grid
from .interpolate import Interpolation
from .known import grid_names
from .median import SpatialMedian
from .quality import ChannelLimits
from .reference import CommonReference
from .repair import Repair
from .spatial import SpatialFilter

__all__ = [
    "ChannelLimits",
    "CommonReference",
    "Grid",
    "GridFrames",
    "Interpolation",
    "Repair",
    "SpatialFilter",
    "SpatialMedian",
    "grid_names",
]
