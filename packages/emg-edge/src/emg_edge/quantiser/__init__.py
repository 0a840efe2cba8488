"""From the canonical float graph and calibration samples to the integer program."""
