"""Devices that programs are compiled for: one frozen description per file."""

from ._registry import TARGETS, get_target
from ._target import CycleModel, MemoryLevel, Power, Target, Transfers

__all__ = ["TARGETS", "CycleModel", "MemoryLevel", "Power", "Target", "Transfers", "get_target"]
