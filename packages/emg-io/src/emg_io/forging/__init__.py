"""Forging recordings that look real: motor units, an arm, people who act."""

from ._actor import Actor, repetition_track
from ._motor import MotorUnitPool, Muscle, surface_emg
from ._truth import Truth

__all__ = ["Actor", "MotorUnitPool", "Muscle", "Truth", "repetition_track", "surface_emg"]
