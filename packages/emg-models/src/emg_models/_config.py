"""What every network of the package is told: one frozen, validated dataclass to derive from (no torch here)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ._checks import require_count, require_positive
from ._errors import EmgModelsError

__all__ = ["ModelConfig"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The four sizes every model takes; a family adds its own fields and gives all of them the paper's values.

    Parameters
    ----------
    n_chans : int
        Channels C of a window (electrodes).
    n_times : int
        Samples T of a window.
    n_outputs : int or None
        Classes, events, regressed values or symbols; None where the model has no outputs of its own.
    sfreq : float
        Sampling rate in Hz, > 0.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.
    """

    n_chans: int
    n_times: int
    n_outputs: int | None
    sfreq: float

    def __post_init__(self) -> None:
        require_count("n_chans", self.n_chans)
        require_count("n_times", self.n_times, most=2**31)
        if self.n_outputs is not None:
            require_count("n_outputs", self.n_outputs)
        require_positive("sfreq", self.sfreq, "Hz")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example, without the batch axis."""
        return (self.n_chans, self.n_times)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dict."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from `to_dict`'s result; every field must be there, and no other key.

        Raises
        ------
        EmgModelsError
            A key is missing or unknown, or a value is outside its range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        missing = [name for name in known if name not in values]
        if unknown or missing:
            raise EmgModelsError(
                f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; exactly {known} are required"
            )
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**dict[str, Any](given))
