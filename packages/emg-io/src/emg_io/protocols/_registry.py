"""The registry: one line a file of protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError

from . import armbands, epn, hd, ninapro, speech, uci, wrist

if TYPE_CHECKING:
    from ._protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {
    entry.name: entry for module in (armbands, epn, hd, ninapro, speech, uci, wrist) for entry in module.PROTOCOLS
}


def protocol(name: str) -> Protocol:
    """Return a published protocol by its name, for example ``"db5/tinymyo"``.

    Parameters
    ----------
    name
        One of `protocols`.

    Returns
    -------
    Protocol

    Raises
    ------
    EmgIoError
        With the names that exist.
    """
    if name not in PROTOCOLS:
        raise EmgIoError("no such protocol", place="protocol", expected=", ".join(sorted(PROTOCOLS)), found=name)
    return PROTOCOLS[name]


def protocols(format: str | None = None) -> list[str]:  # noqa: A002  the field's word
    """Return the names of all protocols, or of those for one format, sorted."""
    return sorted(name for name, entry in PROTOCOLS.items() if format in {None, entry.format})
