"""The one error type of this package."""

__all__ = ["EmgModelsError"]


class EmgModelsError(ValueError):
    """Wrong input to a model, a model folder or the exporter.

    The message says what was given, what is required and what to do.
    """
