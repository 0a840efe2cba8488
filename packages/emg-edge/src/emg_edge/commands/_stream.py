"""``emg-edge stream``: a raw recording through front end and network, the events compared where asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._outputs import check_output, write_npz

if TYPE_CHECKING:
    from pathlib import Path

    from ._show import Result


def stream(folder: Path, source: Path, output: Path, expect: Path | None, backend: str, chunk: int) -> Result:
    """Push raw codes chunk by chunk; compare the events when asked."""
    import numpy as np

    from emg_edge._arrays import by_input, load_npz
    from emg_edge._model import load_compiled
    from emg_edge.execute._events import first_difference, pack_events

    compiled = load_compiled(folder)
    check_output(output, folder, source, expect)
    codes = by_input(load_npz(source), ["codes"], str(source))["codes"]
    wanted = None if expect is None else load_npz(expect)
    with compiled.stream(backend) as live:
        cuts = range(chunk, codes.shape[-1] if codes.ndim else 0, chunk) if backend != "rv32" else []
        events = [event for part in np.split(codes, cuts, axis=-1) for event in live.push(part)]
    arrays = pack_events(compiled.program, events)
    write_npz(output, arrays)
    frames = codes.shape[-1]
    result = {"output": str(output), "backend": backend, "frames": frames, "events": len(events)}
    if wanted is None:
        return result, f"{frames} frames, {len(events)} events by {backend} -> {output}"
    first = first_difference(wanted, arrays, str(expect))
    return {**result, "equal": first is None, "first": first}, first or "equal"
