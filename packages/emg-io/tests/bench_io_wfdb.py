"""WFDB against the field's reader, in the same run: pytest packages/emg-io/tests/bench_io_wfdb.py."""

import warnings

import numpy as np
import pytest

from emg_io import open_dataset
from emg_io.engines._wfdb_header import parse_header
from emg_io.engines._wfdb_write import SignalText, record_bytes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pandas, which it imports
    import wfdb

N_CHANS, N_TIMES = 256, 51_200


def _record(folder, kind, n_chans, n_times):
    codes = np.random.default_rng(0).integers(-500, 500, (n_chans, n_times)).astype(np.int16)
    texts = [SignalText(f"EMG {n}", 1000.5 + n, n) for n in range(n_chans)]
    for name, content in record_bytes("r", codes, texts, 2048.0, kind).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return _record(tmp_path_factory.mktemp("grid"), 16, N_CHANS, N_TIMES)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return _record(tmp_path_factory.mktemp("packed"), 212, 8, 500_000)


@pytest.mark.benchmark(group="256 channels x 25 s, format 16, digital")
def test_ours_whole(benchmark, grid):
    (recording,) = open_dataset(grid, "wfdb")
    assert benchmark(recording.raw).shape == (N_CHANS, N_TIMES)


@pytest.mark.benchmark(group="256 channels x 25 s, format 16, digital")
def test_theirs_whole(benchmark, grid):
    record = benchmark.pedantic(lambda: wfdb.rdrecord(str(grid / "r"), physical=False, return_res=16), rounds=3)
    assert record.d_signal.shape == (N_TIMES, N_CHANS)


@pytest.mark.benchmark(group="window of 500 samples in the middle")
def test_ours_window(benchmark, grid):
    (recording,) = open_dataset(grid, "wfdb")
    assert benchmark(recording.raw, 25_000, 25_500).shape == (N_CHANS, 500)


@pytest.mark.benchmark(group="window of 500 samples in the middle")
def test_theirs_window(benchmark, grid):
    read = lambda: wfdb.rdrecord(str(grid / "r"), physical=False, sampfrom=25_000, sampto=25_500)  # noqa: E731
    assert benchmark.pedantic(read, rounds=5).d_signal.shape == (500, N_CHANS)


@pytest.mark.benchmark(group="8 channels x 500,000, format 212, digital")
def test_ours_packed(benchmark, packed):
    (recording,) = open_dataset(packed, "wfdb")
    assert benchmark(recording.raw).shape == (8, 500_000)


@pytest.mark.benchmark(group="8 channels x 500,000, format 212, digital")
def test_theirs_packed(benchmark, packed):
    record = benchmark.pedantic(lambda: wfdb.rdrecord(str(packed / "r"), physical=False, return_res=16), rounds=3)
    assert record.d_signal.shape == (500_000, 8)


@pytest.mark.benchmark(group="header of 256 signals")
def test_ours_header(benchmark, grid):
    data = (grid / "r.hea").read_bytes()
    assert len(benchmark(parse_header, data, "r.hea").signals) == N_CHANS


@pytest.mark.benchmark(group="header of 256 signals")
def test_theirs_header(benchmark, grid):
    assert benchmark(lambda: wfdb.rdheader(str(grid / "r"))).n_sig == N_CHANS
