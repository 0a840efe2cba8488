"""Every public function, stage and method that takes samples, as one table of calls with everything else chosen.

A call takes an array (12, 400) of whole numbers from -100 to 100, which every type of the contract holds exactly (or
their magnitudes), and the NaN policy.
"""

from dataclasses import dataclass

import numpy as np

import emg_dsp

SFREQ = 1000.0
CHANNELS, SAMPLES = 12, 400
REST = (0.0, 0.1)

GRID = emg_dsp.Grid.custom(np.arange(12).reshape(3, 4), pitch_mm=(10.0, None), closed="cols", along="rows")
FINER = emg_dsp.Grid.custom(np.arange(24).reshape(3, 8), pitch_mm=(10.0, None), closed="cols", along="rows")
NAMES = ("MAV", "ZC", "WL", "MNF", "AR")


@dataclass(frozen=True)
class Case:
    """One public callable.

    Parameters
    ----------
    name : str
        As it is reached from ``emg_dsp``: ``"rectify"``, ``"Filter"`` (a call of it) or ``"Grid.image"``.
    call : callable
        From the samples and the NaN policy to the result.
    policy : bool
        Whether the callable has the NaN policy; one without it raises on no value, or always.
    batch : bool
        Whether leading axes are allowed, and independent signals.
    least : int
        Fewest samples of time that give a result; fewer raise.
    one_channel : bool
        Whether a single channel is allowed.
    dtypes : str
        ``"real"``: integers and floats; ``"any"``: every type; ``"labels"``: integers and booleans.
    result : str
        ``"float"``: float64 for float64, else float32; ``"complex"`` likewise; ``"same"``: the type given; ``"other"``.
    named : bool
        Whether the message on a sample that is not finite names channel and sample.
    ignores : tuple of int
        Channels that have no influence: what is not finite there raises nothing.
    """

    name: str
    call: object
    policy: bool = True
    batch: bool = True
    least: int = 0
    one_channel: bool = True
    dtypes: str = "real"
    result: str = "float"
    named: bool = True
    ignores: tuple = ()


def _stage(name, stage, **how):
    return Case(name, lambda x, nan: stage(x, nan=nan), **how)


def _banded(x, nan):
    return emg_dsp.band_power(x, np.ones((3, _length(x))), nan=nan)


def _timed(x, nan):
    return emg_dsp.to_uniform(x, np.arange(_length(x)) / SFREQ, 900, nan=nan)


def _length(x):
    return x.shape[-1] if isinstance(x, np.ndarray) and x.ndim else SAMPLES


def _joined(x):
    return emg_dsp.overlap_mean(x[..., None, :, :] if isinstance(x, np.ndarray) and x.ndim > 1 else x, 1)


def _taken(x):
    return GRID.vector(x.reshape(3, 4, -1) if isinstance(x, np.ndarray) and x.shape[:1] == (12,) else x)


def _spread(x):
    return GRID.spread(np.swapaxes(x, -1, -2) if isinstance(x, np.ndarray) and x.ndim > 1 else x)


def _fitted_transform(x):
    transformer = emg_dsp.FeatureTransformer(["RMS", "ZC"], SFREQ, length=0.1)
    return transformer.fit(np.ones((CHANNELS, SAMPLES))).transform(x)


def _pushed(x):
    ring = emg_dsp.RingBuffer(CHANNELS, 500, dtype=_held(x))
    ring.push(x)
    return ring.latest()


def _held(x):
    kind = x.dtype if isinstance(x, np.ndarray) else np.dtype(np.float64)
    return kind if kind.kind in "iuf" else np.float32


def _queued(x):
    queue = emg_dsp.ChunkQueue(2)
    queue.put(x)
    queue.close()
    return next(iter(queue))


FILTER = emg_dsp.bandpass(20, 450, SFREQ) + emg_dsp.notch(50, SFREQ)
MEAN = emg_dsp.MovingMean(7)
SCALER = emg_dsp.Standardizer(np.linspace(-1, 1, CHANNELS), np.linspace(1, 2, CHANNELS))
GRIDDED = {"one_channel": False}
PICTURE = {"policy": False, "batch": False, "least": 1, "result": "other"}
ONSET = {"batch": False, "least": 100, "result": "other"}

CASES = (
    Case("band_power", _banded, named=False),
    Case("centre", lambda x, nan: emg_dsp.centre(x, nan=nan)),
    Case("detrend", lambda x, nan: emg_dsp.detrend(x, nan=nan)),
    Case("envelope", lambda x, nan: emg_dsp.envelope(x, SFREQ, nan=nan)),
    Case("rectify", lambda x, nan: emg_dsp.rectify(x, nan=nan)),
    Case("teager_kaiser", lambda x, nan: emg_dsp.teager_kaiser(x, nan=nan)),
    Case("features", lambda x, nan: emg_dsp.features(x, NAMES, SFREQ, nan=nan), least=1),
    Case("mav", lambda x, nan: emg_dsp.mav(x, nan=nan), least=1),
    Case("rms", lambda x, nan: emg_dsp.rms(x, nan=nan), least=1),
    Case("log_spectrogram", lambda x, nan: emg_dsp.log_spectrogram(x, nan=nan)),
    Case("mpf", lambda x, nan: emg_dsp.mpf(x, 2000.0, nan=nan)),
    Case("power_spectrum", lambda x, nan: emg_dsp.power_spectrum(x, SFREQ, 0.1, nan=nan)[1], least=100),
    Case("stft", lambda x, nan: emg_dsp.stft(x, 64, 16, nan=nan), result="complex"),
    Case("onset_aglr", lambda x, nan: emg_dsp.onset_aglr(x, SFREQ, rest=REST, nan=nan), **ONSET),
    Case(
        "onset_double_threshold", lambda x, nan: emg_dsp.onset_double_threshold(x, SFREQ, rest=REST, nan=nan), **ONSET
    ),
    Case("onset_hodges_bui", lambda x, nan: emg_dsp.onset_hodges_bui(x, SFREQ, rest=REST, nan=nan), **ONSET),
    Case("onset_tkeo", lambda x, nan: emg_dsp.onset_tkeo(x, SFREQ, rest=REST, nan=nan), **ONSET),
    Case("resample", lambda x, nan: emg_dsp.resample(x, 1000, 800, nan=nan)),
    Case("to_uniform", _timed, least=2),
    Case("windows", lambda x, _nan: emg_dsp.windows(x, 50, 20), policy=False, dtypes="any", result="same"),
    Case("overlap_mean", lambda x, _nan: _joined(x), policy=False, least=1),
    Case(
        "window_labels", lambda x, _nan: emg_dsp.window_labels(x, 50, 20), policy=False, dtypes="labels", result="same"
    ),
    Case("plot_features", lambda x, _nan: emg_dsp.plot_features(x), **PICTURE | {"least": 2, "one_channel": False}),
    Case("plot_map", lambda x, _nan: emg_dsp.plot_map(x), **PICTURE),
    Case("plot_signal", lambda x, _nan: emg_dsp.plot_signal(x, sfreq=SFREQ), **PICTURE),
    _stage("Chain", FILTER | emg_dsp.Rectify() | MEAN),
    _stage("CommonReference", emg_dsp.CommonReference()),
    _stage("DoubleThreshold", emg_dsp.DoubleThreshold((30.0,)), result="other"),
    _stage("Features", emg_dsp.Features(0.1, 0.05, NAMES, SFREQ)),
    _stage("Filter", FILTER),
    Case("Filter.zero_phase", lambda x, nan: FILTER.zero_phase(x, nan=nan), least=34),
    _stage("GridFrames", emg_dsp.GridFrames(GRID), **GRIDDED),
    _stage("Interpolation", emg_dsp.Interpolation(GRID, FINER), **GRIDDED),
    _stage("LogSpectrogram", emg_dsp.LogSpectrogram()),
    _stage("MovingMAV", emg_dsp.MovingMAV(7)),
    _stage("MovingMean", MEAN),
    _stage("MovingRMS", emg_dsp.MovingRMS(7)),
    Case("MovingMean.centred", lambda x, nan: MEAN.centred(x, nan=nan)),
    Case("MovingMAV.centred", lambda x, nan: emg_dsp.MovingMAV(8).centred(x, nan=nan)),
    Case("MovingRMS.centred", lambda x, nan: emg_dsp.MovingRMS(8).centred(x, nan=nan)),
    _stage("MultivariatePower", emg_dsp.MultivariatePower(2000.0)),
    _stage("Rectify", emg_dsp.Rectify("half")),
    _stage("Repair", emg_dsp.Repair(GRID, (5,)), ignores=(5,), **GRIDDED),
    _stage("Resampler", emg_dsp.Resampler(1000, 800)),
    _stage("RunningStandardizer", emg_dsp.RunningStandardizer(0.1, SFREQ)),
    _stage("SpatialFilter", emg_dsp.SpatialFilter(GRID, "NDD"), **GRIDDED),
    _stage("SpatialMedian", emg_dsp.SpatialMedian(GRID), **GRIDDED),
    _stage("Standardizer", SCALER, **GRIDDED),
    Case("Standardizer.transform", lambda x, _nan: SCALER.transform(x), policy=False, **GRIDDED),
    Case("Standardizer.fit", lambda x, _nan: emg_dsp.Standardizer.fit(x), policy=False, least=1, result="other"),
    _stage("TeagerKaiser", emg_dsp.TeagerKaiser()),
    _stage("Threshold", emg_dsp.Threshold((3.0,)), result="other"),
    Case("Stream.push", lambda x, nan: FILTER.stream(CHANNELS, nan=nan).push(x), batch=False, one_channel=False),
    Case("Grid.image", lambda x, nan: GRID.image(x, nan=nan), **GRIDDED),
    Case("Grid.vector", lambda x, _nan: _taken(x), policy=False, batch=False, **GRIDDED),
    Case("Grid.grey", lambda x, nan: GRID.grey(x, 128.0, nan=nan), **GRIDDED),
    Case("Grid.spread", lambda x, _nan: _spread(x), policy=False, **GRIDDED),
    Case("Grid.activation", lambda x, nan: GRID.activation(x, nan=nan), least=1, **GRIDDED),
    Case("Grid.roll", lambda x, _nan: GRID.roll(x, 1), policy=False, result="same", **GRIDDED),
    Case("Grid.repair", lambda x, nan: GRID.repair(x, (5,), nan=nan), ignores=(5,), **GRIDDED),
    Case("Grid.interpolate", lambda x, nan: GRID.interpolate(x, FINER, nan=nan), **GRIDDED),
    Case(
        "Grid.bad_channels",
        lambda x, _nan: GRID.bad_channels(x, SFREQ),
        **{"policy": False, "batch": False, "least": 3, "result": "other", **GRIDDED},
    ),
    Case(
        "Grid.active_segment",
        lambda x, _nan: GRID.active_segment(x, 20),
        **{"policy": False, "batch": False, "least": 40, "result": "other", **GRIDDED},
    ),
    Case("RingBuffer.push", lambda x, _nan: _pushed(x), policy=False, batch=False, result="same", **GRIDDED),
    Case("ChunkQueue.put", lambda x, _nan: _queued(x), policy=False, batch=False, result="same"),
    Case(
        "FeatureTransformer.transform",
        lambda x, _nan: _fitted_transform(x),
        **{"policy": False, "result": "other", **GRIDDED},
    ),
)
