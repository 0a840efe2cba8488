"""EDF and BDF against the field's readers, in the same run: pytest packages/emg-io/tests/bench_io_edf.py."""

import numpy as np
import pytest

from emg_io import open_dataset
from emg_io.engines._edf_scale import ranges_for
from emg_io.engines._edf_write import RANGE, Channel, write_edf

N_CHANNELS, N_SAMPLES, SFREQ, WINDOW, N_WINDOWS = 64, 600_000, 2000.0, 1000, 200
FILES = {"edf": 2, "bdf": 3}


@pytest.fixture(scope="module")
def raw():
    return np.random.default_rng(0).integers(-30_000, 30_000, (N_CHANNELS, N_SAMPLES)).astype(np.int16)


@pytest.fixture(scope="module")
def folders(raw, tmp_path_factory):
    """One recording of 5 minutes, 64 channels at 2 kHz: 77 MB of 16 bits, 115 MB of 24."""
    made = {}
    for name, sample_bytes in FILES.items():
        made[name] = tmp_path_factory.mktemp(name)
        ranges = ranges_for(0.5, 0.0, -30_000, 30_000, RANGE[sample_bytes])
        channels = [Channel(f"EMG {k}", "uV", ranges) for k in range(N_CHANNELS)]
        write_edf(made[name] / f"x.{name}", raw, SFREQ, channels, sample_bytes=sample_bytes)
    return made


@pytest.fixture(scope="module")
def starts():
    return np.random.default_rng(1).integers(0, N_SAMPLES - WINDOW, N_WINDOWS).tolist()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="whole file, digital values")
def test_whole(benchmark, folders, name, raw):
    recording = open_dataset(folders[name], "edf")[0]
    found = benchmark.pedantic(recording.raw, rounds=3)
    assert np.array_equal(found[:, ::997], raw[:, ::997])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="whole file, digital values")
def test_whole_edfio(benchmark, folders, name):
    import edfio

    def read():
        file = (edfio.read_edf if name == "edf" else edfio.read_bdf)(folders[name] / f"x.{name}")
        return np.array([signal.digital for signal in file.signals])

    assert benchmark.pedantic(read, rounds=3).shape == (N_CHANNELS, N_SAMPLES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="whole file, digital values")
def test_whole_pyedflib(benchmark, folders, name):
    import pyedflib

    def read():
        with pyedflib.EdfReader(str(folders[name] / f"x.{name}")) as file:
            return np.array([file.readSignal(k, digital=True) for k in range(N_CHANNELS)])

    assert benchmark.pedantic(read, rounds=2).shape == (N_CHANNELS, N_SAMPLES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="200 random windows of 1000 x 64, digital values")
def test_windows(benchmark, folders, name, starts):
    recording = open_dataset(folders[name], "edf")[0]
    found = benchmark(lambda: [recording.raw(start, start + WINDOW) for start in starts])
    assert found[0].shape == (N_CHANNELS, WINDOW)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="200 random windows of 1000 x 64, digital values")
def test_windows_edfio(benchmark, folders, name, starts):
    import edfio

    file = (edfio.read_edf if name == "edf" else edfio.read_bdf)(folders[name] / f"x.{name}")

    def read(start):
        begin, end = start / SFREQ, (start + WINDOW) / SFREQ
        return np.array([signal.get_digital_slice(begin, end) for signal in file.signals])

    found = benchmark.pedantic(lambda: [read(start) for start in starts], rounds=2)
    assert found[0].shape == (N_CHANNELS, WINDOW)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="200 random windows of 1000 x 64, digital values")
def test_windows_pyedflib(benchmark, folders, name, starts):
    import pyedflib

    with pyedflib.EdfReader(str(folders[name] / f"x.{name}")) as file:

        def read(start):
            return np.array([file.readSignal(k, start, WINDOW, digital=True) for k in range(N_CHANNELS)])

        found = benchmark.pedantic(lambda: [read(start) for start in starts], rounds=1)
    assert found[0].shape == (N_CHANNELS, WINDOW)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="opening")
def test_open(benchmark, folders, name):
    assert len(benchmark(lambda: open_dataset(folders[name], "edf"))) == 1


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="opening")
def test_open_edfio(benchmark, folders, name):
    import edfio

    read = edfio.read_edf if name == "edf" else edfio.read_bdf
    found = benchmark.pedantic(lambda: read(folders[name] / f"x.{name}"), rounds=2)
    assert len(found.signals) == N_CHANNELS


@pytest.mark.parametrize("name", FILES)
@pytest.mark.benchmark(group="writing")
def test_write(benchmark, raw, name, tmp_path):
    ranges = ranges_for(0.5, 0.0, -30_000, 30_000, RANGE[FILES[name]])
    channels = [Channel(f"EMG {k}", "uV", ranges) for k in range(N_CHANNELS)]
    path = tmp_path / f"x.{name}"
    benchmark.pedantic(lambda: write_edf(path, raw, SFREQ, channels, sample_bytes=FILES[name]), rounds=2)
    assert path.stat().st_size > N_CHANNELS * N_SAMPLES * FILES[name]
