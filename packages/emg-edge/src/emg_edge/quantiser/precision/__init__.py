"""Mixed precision: what each choice of bits costs in accuracy, bytes and cycles, and which choices to take."""

from ._choose import choose_precision
from ._price import Price
from ._sensitivity import Row, rank
from ._simulate import Change, Simulation

__all__ = ["Change", "Price", "Row", "Simulation", "choose_precision", "rank"]
