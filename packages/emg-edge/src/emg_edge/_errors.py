"""The package's errors: one base class, one subclass per exit code that a caller may want to tell apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass


class EmgEdgeError(ValueError):
    """Base of every error raised on purpose by emg-edge: says what was given, what is required, what to do."""


@dataclass(frozen=True)
class Unsupported:
    """One node that cannot be compiled: which, why, and a change that would work."""

    node: str
    op: str
    why: str
    change: str

    def to_dict(self) -> dict[str, str]:
        """Return the four fields as a JSON-able dictionary."""
        return asdict(self)


class UnsupportedError(EmgEdgeError):
    """The model holds nodes that emg-edge cannot compile; all of them are listed at once.

    Parameters
    ----------
    unsupported
        At least one entry, in graph order.
    """

    def __init__(self, unsupported: list[Unsupported]) -> None:
        self.unsupported = list(unsupported)
        lines = [f"  {u.node} ({u.op}): {u.why}; {u.change}" for u in unsupported]
        super().__init__(f"the model has {len(unsupported)} unsupported node(s):\n" + "\n".join(lines))


class BudgetError(EmgEdgeError):
    """The program does not fit a memory of the target; the message names tensor, layer, bytes and a way out."""
