"""Speed of grids on array A (128 channels, 60 s, 2048 Hz, float32) as CapgMyo's 16 x 8.

Run with ``OMP_NUM_THREADS=1 pytest packages/emg-dsp/tests/bench_dsp_grids.py``; `dsp_bench` says what is timed and
stored. Images with time last are one copy; frames are a transpose.
"""

import dsp_bench
import numpy as np
import pytest
from dsp_bench import latency, measure
from scipy import ndimage

import emg_dsp

GRID = emg_dsp.Grid.capgmyo()


@pytest.fixture(scope="module")
def a():
    return dsp_bench.array_a()


def test_images(benchmark, a):
    measure(benchmark, a.size, lambda: GRID.image(a), {"numpy": lambda: a[GRID.map]})


@pytest.mark.parametrize("name", ["GR08MM1305", "csl"])
def test_images_of_a_shuffled_map(benchmark, a, name):
    grid = emg_dsp.Grid.named(name).compact()
    x = np.resize(a, (grid.n_chans, a.shape[1]))
    measure(benchmark, x.size, lambda: grid.image(x), {"numpy": lambda: x[grid.map]})


def test_images_two_threads(benchmark, a):
    measure(benchmark, a.size, lambda: GRID.image(a, threads=2), {"one": lambda: GRID.image(a)})


def test_frames(benchmark, a):
    peers = {"numpy": lambda: np.ascontiguousarray(a.T).reshape(-1, 16, 8)}
    measure(benchmark, a.size, lambda: GRID.image(a, frames=True), peers)


def test_frames_two_threads(benchmark, a):
    peers = {"one": lambda: GRID.image(a, frames=True)}
    measure(benchmark, a.size, lambda: GRID.image(a, frames=True, threads=2), peers)


def test_frames_from_time_major(benchmark, a):
    rows = np.ascontiguousarray(a.T)
    measure(benchmark, a.size, lambda: GRID.image(rows.T, frames=True))


def test_grey(benchmark, a):
    peers = {"numpy": lambda: (np.ascontiguousarray(a.T).reshape(-1, 16, 8) / np.float32(20) + 1) / 2}
    measure(benchmark, a.size, lambda: GRID.grey(a, 20), peers)


def test_vector_of_frames(benchmark, a):
    frames = GRID.image(a, frames=True)
    peers = {"numpy": lambda: np.ascontiguousarray(frames.reshape(-1, 128).T)}
    measure(benchmark, a.size, lambda: GRID.vector(frames, frames=True), peers)


@pytest.mark.parametrize("name", ["LDD", "NDD", "IR"])
def test_spatial_filter(benchmark, a, name):
    filter_ = emg_dsp.SpatialFilter(GRID, name)
    kernel = np.zeros((3, 3, 1), np.float32)
    mask = np.array(emg_dsp._grids.spatial.MASKS[name].weights, np.float32)
    kernel[: mask.shape[0], : mask.shape[1], 0] = mask
    cube = a.reshape(16, 8, -1)
    peers = {
        "dense_matrix": lambda: filter_.weights.astype(np.float32) @ a,
        "ndimage": lambda: ndimage.correlate(cube, kernel, mode="wrap"),
    }
    measure(benchmark, a.size, lambda: filter_(a), peers)


@pytest.mark.parametrize("method", ["idw", "tps"])
def test_repair_of_four_channels(benchmark, a, method):
    stage = emg_dsp.Repair(GRID, (3, 40, 41, 100), method)
    measure(benchmark, a.size, lambda: stage(a), {"dense_matrix": lambda: stage.weights.astype(np.float32) @ a})


def test_spatial_median(benchmark, a):
    short = a[:, :12_288]
    frames = np.ascontiguousarray(short.reshape(16, 8, -1))
    stage = emg_dsp.SpatialMedian(GRID)
    peers = {"ndimage": lambda: ndimage.median_filter(frames, size=(3, 3, 1))}
    measure(benchmark, short.size, lambda: stage(short), peers)


@pytest.mark.parametrize("how", ["mean", "median"])
def test_common_reference(benchmark, a, how):
    stage = emg_dsp.CommonReference(how)
    measure(benchmark, a.size, lambda: stage(a), {"numpy": lambda: a - getattr(np, how)(a, axis=0)})


def test_bad_channels(benchmark, a):
    measure(benchmark, a.size, lambda: GRID.bad_channels(a, 2048))


def test_frames_of_one_millisecond_chunks(benchmark, a):
    filter_ = emg_dsp.SpatialFilter(GRID, "NDD")
    stream = (emg_dsp.Repair(GRID, (3,)) | filter_ | emg_dsp.GridFrames(filter_.output)).stream(128)
    chunk = np.ascontiguousarray(a[:, :2])
    latency(benchmark, lambda: stream.push(chunk))
