"""Protocols as data: which set, which signal path, which windows, who is in which part."""

from dataclasses import dataclass

from emg_distill._errors import unknown_name


@dataclass(frozen=True)
class Protocol:
    """A classification protocol on one data set, split by subject.

    Attributes
    ----------
    name
        ``"<set>/<rule>"``.
    format
        Format of emg-io that reads the set.
    sfreq
        Rate of the uniform clock that recordings are resampled to (hold), in Hz.
    band, order
        Edges in Hz and design order of the causal Butterworth band-pass, run over whole recordings.
    length, hop
        Window and step in samples at `sfreq`; windows lie inside one run of one label.
    classes
        Stored labels that are classes, in the order of class indices.
    excluded
        Stored labels that the set has and the protocol leaves out, on purpose; any further label raises.
    val, test
        Shares of subjects; each part gets at least one.
    source
        Where the rule comes from.
    """

    name: str
    format: str
    sfreq: float
    band: tuple[float, float]
    order: int
    length: int
    hop: int
    classes: tuple[int, ...]
    excluded: tuple[int, ...]
    val: float
    test: float
    source: str


_PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="uci/subject-disjoint",
            format="uci",
            sfreq=100.0,
            band=(5.0, 45.0),
            order=4,
            length=100,
            hop=25,
            classes=(1, 2, 3, 4, 5, 6),
            excluded=(0, 7),
            val=0.15,
            test=0.20,
            source="Lobov et al., Sensors 2018, 18(4):1122; strict form of the TinyMyo protocol (arXiv 2512.15729): "
            "true clock, filtered before unmarked rows are left out, statistics from the training part",
        ),
    )
}


def list_protocols() -> list[str]:
    """Return the names of all protocols, sorted."""
    return sorted(_PROTOCOLS)


def get_protocol(name: str) -> Protocol:
    """Return a protocol by name; an unknown one raises `EmgDistillError` with the nearest names."""
    if name not in _PROTOCOLS:
        raise unknown_name("protocol", name, _PROTOCOLS)
    return _PROTOCOLS[name]
