"""WFDB files that lie, are cut or are damaged: an EmgIoError that names file and line, or a sound recording."""

import importlib.util
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines._wfdb_header import parse_header
from emg_io.engines._wfdb_samples import PACKINGS
from emg_io.engines._wfdb_write import SignalText, record_bytes

N_MUTATIONS = 40


def _load(name):
    where = Path(__file__).parents[1] / "fuzz" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mutations, readers = _load("mutations"), _load("readers")


def write(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


def record(kind, n_chans=2, n_times=21):
    low = PACKINGS[kind].missing
    codes = np.random.default_rng(0).integers(low + 1, -low, (n_chans, n_times))
    return record_bytes("r", codes, [SignalText(f"EMG {n}") for n in range(n_chans)], 100.0, kind)


HEAD = "r 1 100 4\n"
BAD_HEADERS = {
    "": "record line.*no lines",
    "# only\n": "record line",
    "r one\n": "line 1: not a record line",
    "r 1 0 4\nr.dat 16": "line 1: impossible rate",
    "r 1 1e999 4\nr.dat 16": "impossible rate",
    "r 0 100 4\n": "wrong number of signals",
    "r 2 100 4\nr.dat 16\n": "wrong number of signals.*2 declared, 1 described",
    "r 5000 100 4\nr.dat 16\n": "wrong number of signals",
    "r/3 1 100 4\ns1 4\n": "multi-segment",
    HEAD + "r.dat\n": "line 2: not a signal line",
    HEAD + "../r.dat 16\n": "line 2: signal file lies elsewhere",
    HEAD + "/etc/passwd 16\n": "lies elsewhere",
    HEAD + "..\\r.dat 16\n": "lies elsewhere",
    HEAD + "c:r.dat 16\n": "lies elsewhere",
    HEAD + ".. 16\n": "lies elsewhere",
    HEAD + "- 16\n": "lies elsewhere",
    HEAD + "~ 0\n": "lies elsewhere",
    HEAD + "r.dat 16x0\n": "samples per frame",
    HEAD + "r.dat 16x99999999\n": "samples per frame",
    HEAD + "r.dat 16 1e999\n": "gain",
    HEAD + "r.dat 16 1e-320\n": "cannot be inverted|can be inverted",
    HEAD + "r.dat 16 nan\n": "not a signal line",
    HEAD + "r.dat 8\n": "signal 0: signal format is not supported.*8 \\(first differences\\)",
    HEAD + "r.dat 516\n": "516 \\(FLAC\\)",
    HEAD + "r.dat 99\n": "99 \\(unknown\\)",
    HEAD + "s.dat 16\n": "s.dat: signal file is missing",
    HEAD + "r.dat 16:4\n": "skew is longer",
    HEAD + "r.dat 16+1\n": "shorter than its header says: expected 9 bytes, found 8 bytes",
    "r 1 100 5\nr.dat 16\n": "shorter than its header says: expected 10 bytes",
    "r 1 100 999999999999999999\nr.dat 16x10000\n": "shorter than its header says",
    "r 2 100 2\nr.dat 16\nr.dat 212\n": "disagree or are scattered",
    "r 3 100 1\nr.dat 16\ns.dat 16\nr.dat 16\n": "disagree or are scattered",
    HEAD + "r.dat 16 " + "x" * 5000: "line is too long",
    "r 1 100 4\0\nr.dat 16\n": "not a WFDB header",
}


@pytest.mark.parametrize("text", BAD_HEADERS)
def test_bad_headers_are_refused(text, tmp_path):
    write(tmp_path, {"r.hea": text.encode(), "r.dat": bytes(8)})
    with pytest.raises(EmgIoError, match=BAD_HEADERS[text]) as caught:
        open_dataset(tmp_path, "wfdb")[0].raw()
    assert "r.hea" in str(caught.value) or "r.dat" in str(caught.value)
    assert caught.value.place


def test_an_oversized_header_is_refused():
    with pytest.raises(EmgIoError, match="not a WFDB header"):
        parse_header(b"#" * (5 * 2**20), "r.hea")


def test_truncations_everywhere(tmp_path):
    """All fields after the format may be left out, so that a header may be cut there; it is told."""
    files = record(212)
    for name in files:
        for cut in range(len(files[name])):
            write(tmp_path, files | {name: files[name][:cut]})
            error = readers.read("wfdb", tmp_path)
            if error is None:
                assert name == "r.hea"
                assert cut >= files[name].rindex(b"r.dat 212") + len(b"r.dat 212")
                assert "may be cut" in str(open_dataset(tmp_path, "wfdb")[0].metadata["warnings"])


@pytest.mark.parametrize("kind", sorted(PACKINGS))
def test_mutated_records_of_every_packing(kind, tmp_path):
    files, n_refused = record(kind), 0
    write(tmp_path, files)
    for number in range(N_MUTATIONS):
        rng = np.random.default_rng((kind, number))
        name = sorted(files)[int(rng.integers(0, 2))]
        (tmp_path / name).write_bytes(mutations.mutate(files[name], rng))
        n_refused += readers.read("wfdb", tmp_path) is not None
        (tmp_path / name).write_bytes(files[name])
    assert n_refused > N_MUTATIONS / 4
    assert readers.read("wfdb", tmp_path) is None


@pytest.mark.parametrize("kind", [16, 212, 310])
def test_memory_stays_below_four_times_the_file(kind, tmp_path):
    write(tmp_path, record(kind, 4, 3_000_000 // PACKINGS[kind].width))
    (recording,) = open_dataset(tmp_path, "wfdb")
    assert recording.n_samples
    tracemalloc.start()
    recording.check()
    assert recording.raw().shape[0] == 4
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * (tmp_path / "r.dat").stat().st_size
