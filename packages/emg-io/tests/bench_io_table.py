"""Text tables against numpy and pandas, in the same run: pytest packages/emg-io/tests/bench_io_table.py.

Forged tables in the shapes of the real sets: 3DC (ten integer columns, 5000 rows), Myo readings (nine small integers,
12,000 rows), long-term clips (eight decimals of five digits, 300 rows), a long table of nine decimals (20,000 rows).
"""

import importlib.util
import io

import numpy as np
import pytest

from emg_io.engines._table import read_table

HAS_PANDAS = importlib.util.find_spec("pandas") is not None


def text(table, form):
    return "\n".join(",".join(form.format(x) for x in row) for row in table.tolist()).encode() + b"\n"


RNG = np.random.default_rng(0)
TABLES = {
    "3dc": (text(RNG.normal(0, 400, (5000, 10)).astype(int), "{}"), np.int16),
    "myo readings": (text(np.clip(RNG.normal(0, 20, (12_000, 9)), -128, 127).astype(int), "{}"), np.int8),
    "long-term clip": (text(RNG.normal(0, 0.05, (300, 8)), "{:.5g}"), np.float64),
    "nine decimals": (text(RNG.normal(0, 0.2, (20_000, 3)), "{:.9f}"), np.float64),
}


@pytest.fixture(params=TABLES)
def table(request, benchmark):
    benchmark.group = f"text table, {request.param}"
    return TABLES[request.param]


def test_emg_io(benchmark, table):
    data, dtype = table
    assert benchmark(read_table, data, "x", dtype=dtype).values.dtype == dtype


def test_numpy_loadtxt(benchmark, table):
    assert benchmark(lambda: np.loadtxt(io.BytesIO(table[0]), delimiter=",")).dtype == np.float64


@pytest.mark.skipif(not HAS_PANDAS, reason="pandas is not installed")
def test_pandas_read_csv(benchmark, table):
    import pandas as pd

    assert len(benchmark(lambda: pd.read_csv(io.BytesIO(table[0]), header=None)))


@pytest.mark.skipif(not HAS_PANDAS, reason="pandas is not installed")
def test_pandas_rounded_correctly(benchmark, table):
    import warnings

    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = benchmark(lambda: pd.read_csv(io.BytesIO(table[0]), header=None, float_precision="round_trip"))
    assert len(frame)
