"""The one error of this package."""

import difflib
from collections.abc import Iterable


class EmgDistillError(ValueError):
    """Bad input to a recipe, a protocol, a training run or a stored result.

    The message says what was given, what is required and what to do.
    """


def unknown_name(kind: str, given: str, known: Iterable[str], *, place: str = "") -> EmgDistillError:
    """Build the error for a name that is not known, with its nearest matches.

    Parameters
    ----------
    kind
        What the name stands for, e.g. ``"recipe key"``.
    given
        The name as it was given.
    known
        All names that are allowed.
    place
        Where the name stood, e.g. a file; may be empty.

    Returns
    -------
    EmgDistillError
        The error, not raised.
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    where = f" in {place}" if place else ""
    hint = f"did you mean {' or '.join(repr(name) for name in near)}?" if near else f"known: {', '.join(names)}"
    return EmgDistillError(f"unknown {kind} {given!r}{where}: {hint}")
