"""Stages: the steps that a live signal passes through, one after another, with their memory."""

from .buffer import Buffer, checked_state
from .chain import Chain
from .overlap import Overlap
from .stage import Run, Stage
from .stream import Stream

__all__ = ["Buffer", "Chain", "Overlap", "Run", "Stage", "Stream", "checked_state"]
