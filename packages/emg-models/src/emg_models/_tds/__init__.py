"""The TDS-ConvNet of emg2qwerty, the baseline that types from surface EMG."""
