"""Speed of targets with a time axis: keys, pulses and values of a batch, from recordings of real length."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emg_distill._data.targets_events import GESTURES, PulseTarget
from emg_distill._data.targets_text import KeyTarget
from emg_distill._data.targets_values import ValueTarget
from emg_distill._data.windows import Cut, cut

MINUTES, SFREQ = 30, 2000.0
N_SAMPLES = int(MINUTES * 60 * SFREQ)


def recording(kind: str, values: list[str], aux: Any = None) -> Any:
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(0, MINUTES * 60, 9000))
    events = [SimpleNamespace(onset=float(t), kind=kind, value=values[k % len(values)]) for k, t in enumerate(onsets)]
    return SimpleNamespace(
        events=events, n_samples=N_SAMPLES, sfreq=SFREQ, timestamps=None, source="x", metadata={}, aux=lambda _name: aux
    )


CASES = {
    "keys of 640 windows of 4 s": (KeyTarget(), recording("keystroke", list("etaoin shrdlu")), Cut(8000, 8000), 640),
    "pulses of 64 windows of 8 s": (PulseTarget(), recording("gesture", list(GESTURES)), Cut(16000, 16000), 64),
    "5 angles of 32 windows of 1000 samples": (
        ValueTarget("doa", tuple("abcde")),
        recording("", [""], SimpleNamespace(values=np.zeros((5, N_SAMPLES), np.float32))),
        Cut(1000, 250),
        32,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_read(benchmark: Any, name: str) -> None:
    target, made, rule, size = CASES[name]
    plan = target.plan(made, made)
    windows = target.keep(cut(rule, [(0, N_SAMPLES)], None), plan, "x")
    table = target.table([plan], windows)
    rows = np.random.default_rng(1).integers(0, len(windows), size)
    benchmark(table.read, rows, windows.start[rows])
