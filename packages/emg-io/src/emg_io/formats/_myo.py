"""The Myo armband, which several data sets were recorded with: eight dry sensors in a ring, int8 counts, 200 Hz."""

from __future__ import annotations

from emg_io._layout import Layout

SFREQ = 200.0
CLOCK = "200 Hz is the armband's nominal rate"
COUNT_MIN, COUNT_MAX = -128, 127
RING = Layout.ring(8, "Myo armband, eight sensors round the forearm; rotation differs between wearings")
