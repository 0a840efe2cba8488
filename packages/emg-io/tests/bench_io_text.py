"""Text against its peers, in the same run: EMG_DATA=... pytest packages/emg-io/tests/bench_io_text.py.

EPN-612 is forged at its real size (150 samples in each half, some 13 MB); UCI is the 53 real files, some 190 MB.
"""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import orjson
import pytest

from emg_io import open_dataset
from emg_io.engines._json import parse as parse_json
from emg_io.engines._uci_repeats import parse
from emg_io.formats import REGISTRY
from emg_io.formats._epn_sample import CHANNELS, read_counts, samples
from emg_io.formats.epn import HALVES

ROUNDS = 5


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epn")
    REGISTRY["epn-612"].forge(folder, 1, 0, segment_s=5.0, repetitions=25)
    return open_dataset(folder, "epn-612")


@pytest.mark.benchmark(group="EPN-612, one user of real size, all EMG channels")
def test_epn_counts(benchmark, user):
    data = user[0].reader.container.read(user[0].reader.member.name)

    def read():
        document = parse_json(data, "f")
        return [read_counts(document, samples(document, half))[0] for half in HALVES]

    assert benchmark.pedantic(read, rounds=ROUNDS, warmup_rounds=1)[0].shape[0] == 8


@pytest.mark.benchmark(group="EPN-612, one user of real size, all EMG channels")
def test_epn_whole_recordings(benchmark, user):
    """Both halves as recordings with their tracks, each parsing the file."""
    halves = benchmark.pedantic(lambda: [recording.reader.read_annotations() for recording in user], rounds=ROUNDS)
    assert len(halves) == 2


@pytest.mark.parametrize("name", ["json", "orjson"])
@pytest.mark.benchmark(group="EPN-612, one user of real size, all EMG channels")
def test_epn_obvious(benchmark, user, name):
    data = user[0].reader.container.read(user[0].reader.member.name)
    loads = {"json": json, "orjson": orjson}[name].loads

    def read():
        tree = loads(data)
        return [np.array(s["emg"][c]) for half in HALVES for s in tree[half].values() for c in CHANNELS]

    assert len(benchmark.pedantic(read, rounds=ROUNDS, warmup_rounds=1)) == 2400


@pytest.fixture(scope="module")
def texts():
    import os

    root = os.environ.get("EMG_DATA")
    if not root:
        pytest.skip("EMG_DATA is unset: no real recordings here")
    dataset = open_dataset(f"{root}/uci_emg_gestures.zip")
    return [recording.reader.container.read(recording.reader.member.name) for recording in dataset]


def ours(data):
    return parse(data, "f")


def loadtxt(data):
    return np.loadtxt(io.BytesIO(data), skiprows=1)


def pandas_c(data):
    import pandas as pd

    return pd.read_csv(io.BytesIO(data), sep="\t")


def pandas_pyarrow(data):
    import pandas as pd

    return pd.read_csv(io.BytesIO(data), sep="\t", engine="pyarrow")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("read", [ours, loadtxt, pandas_c, *([pandas_pyarrow] if find_spec("pyarrow") else [])])
@pytest.mark.benchmark(group="UCI, all 53 real files, text in memory to arrays")
def test_uci(benchmark, texts, read, threads):
    read(texts[0])
    with ThreadPoolExecutor(threads) as pool:
        assert len(benchmark.pedantic(lambda: list(pool.map(read, texts)), rounds=ROUNDS)) == 53
