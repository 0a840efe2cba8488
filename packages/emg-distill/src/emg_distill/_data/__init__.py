"""From recordings to a protocol's examples: the only room that knows emg-io and emg-dsp."""
