"""Filters, windows and features for sEMG at memory speed, the same on-line and off-line."""
