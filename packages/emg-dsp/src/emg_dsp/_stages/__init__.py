"""Stages: the steps that a live signal passes through, one after another, with their memory."""

from .chain import Chain
from .stage import Buffer, Run, Stage
from .stream import Stream

__all__ = ["Buffer", "Chain", "Run", "Stage", "Stream"]
