"""Choices of the quantiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emg_edge._errors import EmgEdgeError

from ._ranges import METHODS, Method

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED = {
    "method": "mse, percentile, minmax or entropy",
    "percentile": "a number above 50, at most 100",
    "input_dtype": "auto, int8 or int16",
    "residual_dtype": "int8 or int16",
    "headroom": "a number from 1 to 64",
    "wide": "auto, a tuple of values' names, or None",
    "int8_db": "a number from 0 to 120",
    "goal_db": "a number above 0, at most 120",
    "budget_bytes": "a whole number above 0, or None",
    "budget_cycles": "a whole number above 0, or None",
    "weight_bits": "4 or 8, or a mapping of layers' names to these",
}


@dataclass(frozen=True, kw_only=True)
class QuantiseOptions:
    """How to quantise; the defaults are those that measured best on TinyMyo.

    Parameters
    ----------
    method
        How ranges of int8 activations are chosen: ``"mse"``, ``"percentile"``, ``"minmax"`` or ``"entropy"``.
    percentile
        Share of values inside the range for ``"percentile"``, in (50, 100].
    input_dtype
        dtype of the program's input; ``"auto"``: int16 (raw EMG has heavy tails) where the layers behind it have room.
    residual_dtype
        dtype of values that are only added, averaged, normalised or returned.
    headroom
        int16 grids cover this multiple of the calibrated peak, >= 1.
    wide
        Names of values that products read in int16 instead of int8, beside those read by layers of one row, as a
        classifier is, which are int16 where the accumulator has room. ``"auto"``: those that measured sensitivity
        proposes, until ``goal_db`` is reached.
    int8_db
        Values that products read are int8 only where the rounding of their grid stays that many dB below the median
        power of a calibration window, else int16 where the accumulators have room; 0 keeps int8. Raw EMG whose loudest
        windows stretch the grid needs it.
    goal_db
        Signal-to-noise ratio at the outputs, on calibration windows, at which ``wide="auto"`` stops.
    budget_bytes
        Bytes of constants and activations together; weights get four bits until the program fits.
    budget_cycles
        Modelled cycles of the target.
    bias_correction
        Whether the mean output error of each channel is subtracted from the biases.
    requantise_weights
        Whether weights that the file quantised in a way that has no symmetric int8 form (codes more than 127 steps from
        their zero point) are quantised again from their real values; otherwise they are refused.
    migration
        Whether factors per channel move from normalisations and attention into the products behind them, where that
        lowers the products' error.
    equalisation
        Whether they move between two products, with nothing or a function such as ReLU between them.
    weight_bits
        8, or 4 where a product's weights shall be stored in four bits; a mapping by layer name leaves the others at 8.
    """

    method: Method = "mse"
    percentile: float = 99.99
    input_dtype: Literal["auto", "int8", "int16"] = "auto"
    residual_dtype: Literal["int8", "int16"] = "int16"
    headroom: float = 2.0
    wide: tuple[str, ...] | Literal["auto"] | None = None
    int8_db: float = 30.0
    goal_db: float = 30.0
    budget_bytes: int | None = None
    budget_cycles: int | None = None
    bias_correction: bool = True
    requantise_weights: bool = False
    migration: bool = True
    equalisation: bool = True
    weight_bits: int | Mapping[str, int] = 8

    def __post_init__(self) -> None:
        legal = {
            "method": self.method in METHODS,
            "percentile": 50.0 < self.percentile <= 100.0,
            "input_dtype": self.input_dtype in {"auto", "int8", "int16"},
            "residual_dtype": self.residual_dtype in {"int8", "int16"},
            "headroom": 1.0 <= self.headroom <= 64.0,
            "wide": self.wide in {None, "auto"} or isinstance(self.wide, tuple),
            "int8_db": 0.0 <= self.int8_db <= 120.0,
            "goal_db": 0.0 < self.goal_db <= 120.0,
            "budget_bytes": self.budget_bytes is None or self.budget_bytes > 0,
            "budget_cycles": self.budget_cycles is None or self.budget_cycles > 0,
            "weight_bits": set(_values(self.weight_bits)) <= {4, 8},
        }
        for name, holds in legal.items():
            if not holds:
                raise EmgEdgeError(f"{name}={getattr(self, name)!r} is not allowed; need {_NEEDED[name]}")

    @property
    def named(self) -> tuple[str, ...]:
        """The values that `wide` names."""
        return self.wide if isinstance(self.wide, tuple) else ()

    @property
    def measured(self) -> bool:
        """Whether these choices ask for measured sensitivity."""
        return self.wide == "auto" or self.budget_bytes is not None or self.budget_cycles is not None


def _values(choice: int | Mapping[str, int]) -> tuple[int, ...]:
    """Return every number that a choice per layer names."""
    return (choice,) if isinstance(choice, int) else tuple(choice.values())
