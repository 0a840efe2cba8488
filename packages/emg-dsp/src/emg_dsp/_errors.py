"""The one error of this package, so that callers can catch everything with one name."""


class EmgDspError(ValueError):
    """Bad input to emg-dsp: the message says what was given, what is required, and what to do."""
