"""Damaged files of every format: an EmgIoError or a valid recording, never anything else."""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emg_io.formats import REGISTRY

FUZZ = Path(__file__).parents[1] / "fuzz"
N_MUTATIONS = 60  # the session `fuzz` of the noxfile runs two thousand a reader
LIMIT_S = 10.0


def _load(name):
    spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mutations, readers = _load("mutations"), _load("readers")


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_damaged_files_are_refused_or_read(name, tmp_path):
    sound = readers.specimen(name, tmp_path)
    files, refused = list(sound.files), 0
    for number in range(N_MUTATIONS):
        rng = np.random.default_rng((2, number))
        path = files[int(rng.integers(0, len(files)))]
        path.write_bytes(mutations.mutate(sound.files[path], rng))
        started = time.perf_counter()
        refused += readers.read(name, tmp_path) is not None
        assert time.perf_counter() - started < LIMIT_S, f"{path.name}, mutation {number}"
        path.write_bytes(sound.files[path])
    assert refused > 0


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_files_cut_off_are_refused_or_read(name, tmp_path):
    """A file of each kind cut at each of its first bytes, then ever more coarsely."""
    sound = readers.specimen(name, tmp_path, keep=1)
    kinds = {path.suffix: path for path in reversed(sound.files)}
    for path in kinds.values():
        data = sound.files[path]
        cuts = sorted({*range(0, min(len(data), 24)), *range(24, len(data), max(1, len(data) // 16)), len(data) - 1})
        for cut in cuts:
            path.write_bytes(data[:cut])
            readers.read(name, tmp_path)
        path.write_bytes(data)
    assert readers.read(name, tmp_path) is None
