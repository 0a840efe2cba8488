"""Filter design: frequencies in Hz to second-order sections. scipy is imported here, at the first design."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emg_dsp._checks import among, below_nyquist, positive, whole
from emg_dsp._errors import EmgDspError

from .filter import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import SupportsIndex

Kind: TypeAlias = Literal["butter", "cheby1", "cheby2", "ellip"]
"""Families of filters, by the names `scipy.signal` gives them."""

_MOST_ORDER = 100
_LOSSES = 1e-6, 300.0
_NEEDS: dict[str, tuple[str, ...]] = {
    "butter": (),
    "cheby1": ("ripple_db",),
    "cheby2": ("attenuation_db",),
    "ellip": ("ripple_db", "attenuation_db"),
}


def bandpass(
    low: float,
    high: float,
    sfreq: float,
    order: SupportsIndex = 4,
    *,
    kind: Kind = "butter",
    ripple_db: float | None = None,
    attenuation_db: float | None = None,
) -> Filter:
    """Design a band-pass.

    Parameters
    ----------
    low, high : float
        Edges in Hz, ``0 < low < high < sfreq / 2``. 20 and 450 Hz are usual for surface EMG.
    sfreq : float
        Sampling rate in Hz, > 0.
    order : int
        Order of the low-pass prototype, 1 to 100; the band-pass has ``order`` sections and a Butterworth one falls by
        ``6 * order`` dB per octave on each side.
    kind : {"butter", "cheby1", "cheby2", "ellip"}
        Butterworth: edges at -3 dB. Chebyshev I and elliptic: edges where the pass-band's ripple ends. Chebyshev II:
        edges where the attenuation is reached.
    ripple_db : float
        Largest loss in the pass-band in dB, 1e-6 to 300: required for ``"cheby1"`` and ``"ellip"``, refused otherwise.
    attenuation_db : float
        Least loss in the stop-band in dB, 1e-6 to 300: required for ``"cheby2"`` and ``"ellip"``, refused otherwise.

    Returns
    -------
    Filter

    Raises
    ------
    EmgDspError
        If an edge is not below half of ``sfreq``, the edges are out of order, the order is not a whole number, or a
        ripple or attenuation is missing or has no meaning for the kind.

    Examples
    --------
    >>> import emg_dsp
    >>> emg_dsp.bandpass(20, 450, sfreq=2048, kind="ellip", ripple_db=0.5, attenuation_db=40)
    Filter(ellip bandpass 20-450 Hz, order 4, ripple 0.5 dB, attenuation 40 dB; 4 sections at 2048 Hz)
    """
    rate = positive(sfreq, "sfreq")
    return _design("bandpass", _band(low, high, rate), rate, order, kind, ripple_db, attenuation_db)


def bandstop(
    low: float,
    high: float,
    sfreq: float,
    order: SupportsIndex = 4,
    *,
    kind: Kind = "butter",
    ripple_db: float | None = None,
    attenuation_db: float | None = None,
) -> Filter:
    """Design a band-stop that removes ``low`` to ``high`` Hz; arguments and errors as for `bandpass`."""
    rate = positive(sfreq, "sfreq")
    return _design("bandstop", _band(low, high, rate), rate, order, kind, ripple_db, attenuation_db)


def highpass(
    cutoff: float,
    sfreq: float,
    order: SupportsIndex = 4,
    *,
    kind: Kind = "butter",
    ripple_db: float | None = None,
    attenuation_db: float | None = None,
) -> Filter:
    """Design a high-pass with its edge at ``cutoff`` Hz, ``0 < cutoff < sfreq / 2``; the rest as for `bandpass`."""
    rate = positive(sfreq, "sfreq")
    edges = [below_nyquist(cutoff, "cutoff", rate)]
    return _design("highpass", edges, rate, order, kind, ripple_db, attenuation_db)


def lowpass(
    cutoff: float,
    sfreq: float,
    order: SupportsIndex = 4,
    *,
    kind: Kind = "butter",
    ripple_db: float | None = None,
    attenuation_db: float | None = None,
) -> Filter:
    """Design a low-pass with its edge at ``cutoff`` Hz, ``0 < cutoff < sfreq / 2``; the rest as for `bandpass`."""
    rate = positive(sfreq, "sfreq")
    edges = [below_nyquist(cutoff, "cutoff", rate)]
    return _design("lowpass", edges, rate, order, kind, ripple_db, attenuation_db)


def _band(low: float, high: float, rate: float) -> list[float]:
    """Check two edges."""
    first, last = below_nyquist(low, "low", rate), below_nyquist(high, "high", rate)
    if first >= last:
        raise EmgDspError(f"low={first:g} Hz, high={last:g} Hz; required is low < high.")
    return [first, last]


def _design(
    shape: str,
    edges: Sequence[float],
    sfreq: float,
    order: SupportsIndex,
    kind: str,
    ripple_db: float | None,
    attenuation_db: float | None,
) -> Filter:
    """Design one filter as sections."""
    from scipy.signal import iirfilter

    n = whole(order, "order", 1, most=_MOST_ORDER)
    losses = _losses(kind, {"ripple_db": ripple_db, "attenuation_db": attenuation_db})
    sos: Any = iirfilter(
        n,
        edges[0] if len(edges) == 1 else edges,
        rp=losses.get("ripple_db"),
        rs=losses.get("attenuation_db"),
        btype=shape,
        ftype=kind,
        fs=sfreq,
        output="sos",
    )
    band = "-".join(f"{edge:g}" for edge in edges)
    words = [f"{'' if kind == 'butter' else kind + ' '}{shape} {band} Hz", f"order {n}"]
    words += [f"{name.removesuffix('_db')} {value:g} dB" for name, value in losses.items()]
    return Filter(sos, sfreq, ", ".join(words))


def _losses(kind: str, given: dict[str, float | None]) -> dict[str, float]:
    """Check that exactly the losses which mean something for this kind are given, and return them."""
    if not among(kind, _NEEDS):
        raise EmgDspError(f"kind={kind!r}; required is one of {', '.join(map(repr, _NEEDS))}.")
    for name, value in given.items():
        if name in _NEEDS[kind] and value is None:
            raise EmgDspError(f"{name} is missing; kind={kind!r} requires it, in dB above 0.")
        if name not in _NEEDS[kind] and value is not None:
            raise EmgDspError(f"{name}={value!r} means nothing for kind={kind!r}; leave it out or choose another kind.")
    losses = {name: _loss(given[name], name) for name in _NEEDS[kind]}
    if kind == "ellip" and losses["ripple_db"] >= losses["attenuation_db"]:
        raise EmgDspError(
            f"ripple_db={losses['ripple_db']:g}, attenuation_db={losses['attenuation_db']:g}; "
            "required is ripple_db < attenuation_db."
        )
    return losses


def _loss(value: float | None, name: str) -> float:
    """Return a loss in dB that a design can be made for."""
    loss = positive(value, name, "dB")
    least, most = _LOSSES
    if not least <= loss <= most:
        raise EmgDspError(f"{name}={loss:g}; required is a number of dB from {least:g} to {most:g}.")
    return loss
