"""Baselines of the generic neuromotor interface, written from its published facts."""
