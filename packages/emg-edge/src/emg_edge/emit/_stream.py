"""What the templates say about a streaming front end: structures, sizes, and test vectors of every stage."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.frontend._state import FrontEndState
from emg_edge.program._program import run_reference

from ._layers import value
from ._tables import CTable, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emg_edge.frontend._frontend import FrontEnd
    from emg_edge.program._program import Program

    from ._tables import TablePrinter

LARGE_MACS = 100_000_000
_CHUNKS = (1, 7, 64)


def frontend_hash(front: FrontEnd) -> str:
    """Return the sha256 of a front end's description, as 64 hex digits."""
    return hashlib.sha256(json.dumps(front.to_dict(), sort_keys=True).encode()).hexdigest()


def stream_facts(program: Program, front: FrontEnd, tables: TablePrinter) -> dict[str, Any]:
    """Return what the templates mention."""
    nodes = (front.n_sections + 1) * front.n_chans
    return {
        "hash": frontend_hash(front),
        "code": f"{front.dtype}_t",
        "n_chans": front.n_chans,
        "n_times": front.n_times,
        "hop": front.hop,
        "every": front.every,
        "sfreq": f"{front.sfreq:.9g}",
        "nodes": nodes,
        "rests": front.n_sections * front.n_chans,
        "ring": front.n_chans * front.n_times,
        "element": f"{front.element}_t",
        "state_bytes": front.state_bytes,
        "stages": front.stages,
        "fields": [(name, value(member, tables)) for name, member in sorted(front.members().items())],
        "scales": ", ".join(f"{scale:.9g}" for scale in sorted(set(front.facts["scale"]))),
        "chunks": ", ".join(map(str, _CHUNKS)),
        **_vectors(program, front),
    }


def probe_codes(front: FrontEnd, events: int = 2) -> NDArray[Any]:
    """Return codes (channels, frames) that reach every bit: noise, full-scale steps, one step of one, then nothing.

    A linear congruential generator, so that every version of every library gives the same.
    """
    frames = front.every * (front.n_times + (events - 1) * min(front.hop, 4 * front.n_times)) + 1
    seeds = np.arange(front.n_chans * frames, dtype=np.uint64)
    words = (seeds * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)) ^ (seeds << np.uint64(17))
    noise = ((words * np.uint64(2862933555777941757)) >> np.uint64(64 - front.bits)).astype(np.int64)
    codes = noise.reshape(front.n_chans, frames) - (1 << (front.bits - 1))
    time, high = np.arange(frames), (1 << (front.bits - 1)) - 1
    steps = np.where(time // min(23, 1 + frames // 4) % 2, -high - 1, high)
    for c in range(front.n_chans):
        codes[c] = [codes[c], steps, codes[c] >> 4, np.where(time > 9, 1, -1)][c % 4]
    codes[:, -(-3 * frames // 4) :] >>= 5
    return codes.astype(front.dtype)


def _vectors(program: Program, front: FrontEnd) -> dict[str, Any]:
    """Return codes, the CRC of every stage, and the events that they give."""
    codes = probe_codes(front, 1 if program.macs > LARGE_MACS else 2)
    found = FrontEndState(front).push(codes, trace=True)
    inputs = found.x.reshape(len(found.x), *program.tensors[front.tensor].shape)
    values = run_reference(program, {front.tensor: inputs})
    outputs = [values[name].reshape(len(inputs), -1) for name in program.outputs]
    crc = [zlib.crc32(_written(front, name, found.trace[name])) for name in front.stages]
    rows = [
        _row("codes", f"{front.dtype}_t", codes.T),
        _row("stage_crc", "uint32_t", np.array(crc, np.uint32)),
        _row("sample", "int64_t", found.sample),
        _row("class", "int32_t", outputs[0].argmax(1).astype(np.int32)),
        *(_row(f"event{i}", f"{array.dtype.name}_t", array) for i, array in enumerate(outputs)),
    ]
    return {"n_frames": codes.shape[1], "n_events": len(inputs), "vectors": rows}


def _written(front: FrontEnd, stage: str, array: NDArray[Any]) -> bytes:
    """Return a stage's trace as the C writes it, frame by frame."""
    if stage == "window":
        return array.tobytes()
    return np.ascontiguousarray(array.T.astype(front.out if stage == "scaled" else np.int32)).tobytes()


def _row(name: str, c: str, array: NDArray[Any]) -> dict[str, Any]:
    array = np.ascontiguousarray(array)
    return vars(CTable(name, c, array.size, array.nbytes, numbers(array)))
