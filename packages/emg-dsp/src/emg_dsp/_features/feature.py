"""`Feature`: one entry of the registry, a formula with the function that computes it for many windows at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .block import Block

Options: TypeAlias = "Mapping[str, float]"
"""Numbers that a feature may be asked with, by name; a whole default asks for a whole number."""
Values: TypeAlias = NDArray[np.float64]
"""What features give, float64."""


@dataclass(frozen=True)
class Feature:
    """One feature of a window ``x`` of ``L`` samples.

    Parameters
    ----------
    name : str
        The field's usual abbreviation.
    formula : str
        What is computed, and what happens at exact zeros, in flat windows and in windows that are too short.
    unit : str
        E.g. ``"as recorded"``, ``"count"``, ``"Hz"`` or ``"1"``.
    source : str
        Where the definition comes from, with its doi.
    compute : callable
        From a `Block` of n windows and the options to float64 values ``(n,)``, or ``(n, k)`` where the feature has
        ``columns``. A window's values must depend on no other window of the block. It is never called for 0 windows.
        Where the formula has no value it gives NaN by a rule that ``formula`` states, never an infinity, never a
        warning.
    options : mapping
        Options and their defaults.
    needs : tuple of str
        Sums of `window_sums` that ``compute`` will ask the block for; the sums of all features asked for are made in
        one walk.
    columns : callable, optional
        From options, number of channels and sampling rate to the suffixes of several columns, e.g. ``("1", "2")``.
    across : callable, optional
        From the values ``(..., channels, k)`` of all channels and the options to the final ``(..., channels, k2)``;
        ``columns`` names the ``k2``.
    check : callable, optional
        Raises unless the options are in range; called before any work with the options and the sampling rate.
    aliases : tuple of str
        Other names under which the same feature is known.
    copies : bool
        Whether ``compute`` copies samples; False, or having ``needs``, says that it reads them in place, so that a
        block may hold more windows.
    """

    name: str
    formula: str
    unit: str
    source: str
    compute: Callable[[Block, Options], NDArray[Any]]
    options: Options = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    columns: Callable[[Options, int, float], tuple[str, ...]] | None = None
    across: Callable[[Values, Options], Values] | None = None
    check: Callable[[Options, float], None] | None = None
    aliases: tuple[str, ...] = ()
    copies: bool = True
