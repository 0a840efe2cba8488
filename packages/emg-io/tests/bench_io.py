"""Speed against the obvious way, in the same run: pytest packages/emg-io/tests/bench_io.py."""

import io

import numpy as np
import pytest

from emg_io import synthesize
from emg_io.engines._uci_repeats import parse


@pytest.fixture(scope="module")
def series(uci):
    reader = uci[0].reader
    return reader.container.read(reader.member.name)


@pytest.mark.benchmark(group="uci text, one series")
def test_parse(benchmark, series):
    assert benchmark(parse, series, "x")[1].shape[0] == 8


@pytest.mark.benchmark(group="uci text, one series")
def test_loadtxt(benchmark, series):
    table = benchmark.pedantic(lambda: np.loadtxt(io.BytesIO(series), skiprows=1), rounds=3)
    assert table.shape[1] == 10


@pytest.mark.benchmark(group="forging eight UCI subjects")
def test_synthesize(benchmark, tmp_path):
    folders = (tmp_path / str(n) for n in range(9))
    benchmark.pedantic(lambda: synthesize(next(folders), n_subjects=8), rounds=2)
