"""The registry of protocols: one word a file of them."""

from emg_distill._errors import unknown_name

from . import gestures, hd, kinematics, local, pretraining, speech, wrist
from .protocol import AnyProtocol

_FILES = (gestures, hd, kinematics, local, pretraining, speech, wrist)
_PROTOCOLS: dict[str, AnyProtocol] = {protocol.name: protocol for file in _FILES for protocol in file.PROTOCOLS}


def list_protocols() -> list[str]:
    """Return the names of all protocols, sorted."""
    return sorted(_PROTOCOLS)


def get_protocol(name: str) -> AnyProtocol:
    """Return a protocol by name; an unknown one raises `EmgDistillError` with the nearest names."""
    if name not in _PROTOCOLS:
        raise unknown_name("protocol", name, _PROTOCOLS)
    return _PROTOCOLS[name]
