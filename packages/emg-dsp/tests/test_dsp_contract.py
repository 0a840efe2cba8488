"""One contract over everything public that takes samples, and over the scalar arguments of the rooms beside filters."""

import copy
import inspect
import pickle
import re
import threading

import numpy as np
import pytest
from dsp_oracles_contract import CASES, CHANNELS, FILTER, FINER, GRID, MEAN, SAMPLES, SCALER

import emg_dsp
from emg_dsp import EmgDspError

TAKES_SAMPLES = {"x", "X", "windows", "spectrum", "labels", "raw", "values", "features", "images", "chunk"}
ELSEWHERE = {"FeatureTransformer.fit", "FeatureTransformer.fit_transform", "TimedChunk", "Stage"}
X = np.random.default_rng(0).integers(-100, 101, (CHANNELS, SAMPLES))
X[:, :150] //= 10
IDS = [case.name for case in CASES]
RULE = r"required|requires|near names|reads files|lies? beyond|is no bijection|pass mains=None"
FLOATS = [case for case in CASES if case.dtypes == "real"]
DRAWN = [case for case in CASES if not case.name.startswith("plot_")]


def plain(result):
    """Return what a call gave as arrays that can be compared."""
    if isinstance(result, np.ndarray):
        return result
    if isinstance(result, emg_dsp.Activity):
        return result.state
    if isinstance(result, emg_dsp.Standardizer):
        return np.stack([result.mean, result.std])
    return np.array(repr(result) if isinstance(result, dict | tuple) else type(result).__name__)


def base_type(case):
    return np.int32 if case.dtypes == "labels" else np.float32


def layouts(x):
    """Yield the same values laid out in other ways."""
    wide = np.zeros((2 * CHANNELS, 2 * SAMPLES), x.dtype)
    wide[::2, ::2] = x
    yield "every second", wide[::2, ::2]
    yield "reversed", x[::-1, ::-1].copy()[::-1, ::-1]
    yield "Fortran order", np.asfortranarray(x)
    yield "big-endian", x.astype(x.dtype.newbyteorder(">"))
    yield "unaligned", np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape)
    read_only = x.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only


def takers():
    """Return the names of all public callables whose first argument is samples."""
    found = set()
    for name in emg_dsp.__all__:
        value = getattr(emg_dsp, name)
        if inspect.isfunction(value):
            found |= {name} & takes(name, value)
        elif inspect.isclass(value) and not issubclass(value, Exception):
            for method, member in inspect.getmembers(value, callable):
                if method == "__call__" and issubclass(value, emg_dsp.Stage):
                    found |= {name} & takes(name, member)
                elif not method.startswith("_"):
                    found |= takes(f"{name}.{method}", member)
    return found - ELSEWHERE


def takes(name, function):
    parameters = [p for p in inspect.signature(function).parameters if p not in {"self", "cls"}]
    return {name} if parameters and parameters[0] in TAKES_SAMPLES else set()


def test_everything_that_takes_samples_is_in_the_table():
    assert takers() - set(IDS) == set()
    assert len(IDS) == len(set(IDS))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_layout_changes_nothing_and_input_stays(case):
    types = (np.float32, np.float64) if case.dtypes != "labels" and case in DRAWN else (base_type(case),)
    for dtype in types:
        x = X.astype(dtype)
        expected = plain(case.call(x, "raise"))
        for name, laid in layouts(x):
            given = laid.copy()
            got = plain(case.call(laid, "raise"))
            np.testing.assert_array_equal(got, expected, err_msg=name)
            np.testing.assert_array_equal(laid, given, err_msg=name)
            assert got.dtype == expected.dtype or case.result == "same", name


@pytest.mark.parametrize("case", FLOATS, ids=[case.name for case in FLOATS])
def test_type_of_the_result_and_values_of_narrow_types(case):
    single, double = plain(case.call(X.astype("f4"), "raise")), plain(case.call(X.astype("f8"), "raise"))
    narrow = {"float": ("f4", "f8"), "complex": ("c8", "c16")}.get(case.result)
    if narrow:
        assert (single.dtype, double.dtype) == narrow
    for dtype in ("i1", "i2", "f2", "i4", "i8"):
        got = plain(case.call(X.astype(dtype), "raise"))
        if case.result == "same":
            assert got.dtype == dtype
        elif narrow:
            assert got.dtype == narrow[0]
            np.testing.assert_array_equal(got, single if dtype not in {"i4", "i8"} else double.astype(narrow[0]))
    if narrow:
        unsigned = np.abs(X).astype("u1")
        np.testing.assert_array_equal(
            plain(case.call(unsigned, "raise")), plain(case.call(unsigned.astype("f4"), "raise"))
        )


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_few_samples_give_a_result_or_raise_by_rule(case):
    for length in {0, 1, 2, case.least - 1, case.least} - {-1}:
        x = X[:, 150 : 150 + length].astype(base_type(case))
        if length < case.least:
            with pytest.raises(EmgDspError, match=RULE):
                case.call(x, "raise")
        else:
            case.call(x, "raise")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_one_channel_gives_a_result_or_raises(case):
    x = X[:1].astype(base_type(case))
    if case.one_channel:
        case.call(x, "raise")
    else:
        with pytest.raises(EmgDspError, match=RULE):
            case.call(x, "raise")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_leading_axes_are_independent_or_raise(case):
    parts = [np.roll(X, k, axis=1).astype(base_type(case)) for k in range(2)]
    stacked = np.stack(parts).reshape(1, 2, CHANNELS, SAMPLES)
    if case.name in {"plot_features", "FeatureTransformer.transform", "Standardizer.fit"}:
        return
    if not case.batch:
        with pytest.raises(EmgDspError, match=RULE):
            case.call(stacked, "raise")
        return
    together = case.call(stacked, "raise")
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(together[0, k], case.call(part, "raise"))
    case.call(stacked[:0], "raise")


@pytest.mark.parametrize("case", FLOATS, ids=[case.name for case in FLOATS])
def test_what_is_no_real_signal_raises(case):
    wrong = [X.astype(t) for t in (complex, "c8", str, object, "m8[s]", np.longdouble)]
    for x in [*wrong, X > 0, None, 3.0, "abc", [[1, 2], [3]], np.array(3.0), {}]:
        with pytest.raises(EmgDspError, match=RULE):
            case.call(x, "raise")


@pytest.mark.parametrize("case", [case for case in CASES if case.policy], ids=[c.name for c in CASES if c.policy])
def test_samples_that_are_not_finite(case):
    for dtype, value, channel, sample in (("f4", np.nan, 2, 201), ("f8", np.inf, 0, 120), ("f2", -np.inf, 11, 399)):
        x = X.astype(dtype)
        x[channel, sample] = value
        with pytest.raises(
            EmgDspError, match=rf"{value}.*channel {channel} at sample {sample}" if case.named else "finite"
        ):
            case.call(x, "raise")
    x = X.astype("f4")
    x[2, 201] = np.nan
    case.call(x, "propagate")
    for nan in ("ignore", None, [], 1):
        with pytest.raises(EmgDspError, match="required is 'raise' or 'propagate'"):
            case.call(X.astype("f4"), nan)


@pytest.mark.parametrize("case", [case for case in CASES if case.ignores], ids=lambda case: case.name)
def test_channels_without_influence_may_hold_anything(case):
    x = X.astype("f4")
    expected = case.call(x, "raise")
    x[case.ignores[0]] = np.nan
    np.testing.assert_array_equal(case.call(x, "raise"), expected)


LOUD = ("centre", "detrend", "CommonReference", "TeagerKaiser", "MovingRMS", "Standardizer.fit", "onset_aglr")


@pytest.mark.parametrize("case", [case for case in CASES if case.name in LOUD], ids=lambda case: case.name)
def test_finite_samples_that_overflow_warn_of_nothing(case):
    loud = X * 1.7e306
    assert np.isfinite(loud).all()
    try:
        case.call(loud, "raise")
    except EmgDspError as error:
        said = str(error)
    else:
        said = "scale the signal down"
    assert re.search("scale the signal down|power at rest", said)


WORDS = [[], {}, None, 3, "other", b"raise", np.array([1, 2])]
NUMBERS = ["1", None, 1j, [], float("nan"), True, 10**400]
COUNTS = ["1", None, 1.5, [], float("nan"), True, -(10**30), 10**30]
X4 = X.astype("f4")
REST = (0, 0.1)
SCALARS = {
    "features names": (lambda v: emg_dsp.features(X4, v, 1000), [*WORDS, ["RMS", None], "RMS", [[]]]),
    "feature_columns names": (lambda v: emg_dsp.feature_columns(v, 1000), WORDS),
    "describe_feature": (emg_dsp.describe_feature, WORDS),
    "filter_bank low": (lambda v: emg_dsp.filter_bank(4, v, 450, 1000, 256), [*NUMBERS, -1, 500]),
    "filter_bank high": (lambda v: emg_dsp.filter_bank(4, 20, v, 1000, 256), [*NUMBERS, 20, 501]),
    "filter_bank scale": (lambda v: emg_dsp.filter_bank(4, 20, 450, 1000, 256, scale=v), WORDS),
    "filter_bank n_bands": (lambda v: emg_dsp.filter_bank(v, 20, 450, 1000, 256), [*COUNTS, 0, 1025, 10**9]),
    "filter_bank n_fft": (lambda v: emg_dsp.filter_bank(4, 20, 450, 1000, v), [*COUNTS, 1, 10**9]),
    "mpf n_fft": (lambda v: emg_dsp.mpf(X4, n_fft=v), [*COUNTS, 0, 65_537, 10**9]),
    "mpf bands": (lambda v: emg_dsp.mpf(X4, bands=v), ["x", None, 5, [], [1], [[0, 10**400]], [[0, float("nan")]]]),
    "spectrogram length": (emg_dsp.LogSpectrogram, [*COUNTS, 0, 65_537, 10**9]),
    "spectrogram floor": (lambda v: emg_dsp.LogSpectrogram(floor=v), [*NUMBERS, 0, -1, 1e300]),
    "stft length": (lambda v: emg_dsp.stft(X4, v, 16), [*COUNTS, 0, 65_537, 10**9]),
    "stft n_fft": (lambda v: emg_dsp.stft(X4, 64, 16, n_fft=v), ["1", 63, 64.0, True, 10**9, 10**30]),
    "stft window": (lambda v: emg_dsp.stft(X4, 64, 16, window=v), [*WORDS, 10**400, 1j, [0.0] * 64]),
    "power_spectrum detrend": (lambda v: emg_dsp.power_spectrum(X4, 1000, 0.1, detrend=v), [*WORDS, 1]),
    "Activity stage": (lambda v: emg_dsp.Activity(X > 0, 1000, v), [v for v in WORDS if v is not None]),
    "window_times n_times": (lambda v: emg_dsp.window_times(v, 1, 1), [*COUNTS, -1, 10**9, 10**12]),
    "LslSource name": (emg_dsp.LslSource, [5, [], {}, b"raise", "it's"]),
    "LslSource recover": (lambda v: emg_dsp.LslSource("armband", recover=v), WORDS),
    "plot_map cmap": (lambda v: emg_dsp.plot_map(X4, cmap=v), ["x", *WORDS]),
    "plot_map numbers": (lambda v: emg_dsp.plot_map(X4, numbers=v), [*WORDS, 1]),
    "plot_map high": (lambda v: emg_dsp.plot_map(X4, high=v), ["1", 1j, [], 1e308]),
    "plot_map ends": (lambda v: emg_dsp.plot_map(X4, low=v, high=1), [1.5, 1e99]),
    "rectify wave": (lambda v: emg_dsp.rectify(X4, v), WORDS),
    "windows pad": (lambda v: emg_dsp.windows(X4, 5, 5, pad=v), [v for v in WORDS if v is not None]),
    "windows length": (lambda v: emg_dsp.windows(X4, v, 5), [*COUNTS, 0, -1]),
    "windows hop": (lambda v: emg_dsp.windows(X4, 5, v), [*COUNTS, 0, -1]),
    "windows seconds": (lambda v: emg_dsp.windows(X4, v, 0.1, sfreq=1000), [*NUMBERS, 0, -1, 1e300, 1e-9]),
    "windows sfreq": (lambda v: emg_dsp.windows(X4, 0.1, 0.1, sfreq=v), [v for v in NUMBERS if v is not None]),
    "window_times at": (lambda v: emg_dsp.window_times(400, 5, 5, at=v), WORDS),
    "window_labels rule": (lambda v: emg_dsp.window_labels(X, 5, 5, rule=v), WORDS),
    "overlap_mean hop": (lambda v: emg_dsp.overlap_mean(X4[None], v), [*COUNTS, 0, SAMPLES + 1]),
    "MovingMean length": (emg_dsp.MovingMean, [*COUNTS, 0, -1]),
    "threads": (lambda v: MEAN(X4, threads=v), [*COUNTS, 0, -1]),
    "onset at": (lambda v: emg_dsp.onset_tkeo(X4, 1000, rest=REST, at=v), WORDS),
    "onset h": (lambda v: emg_dsp.onset_tkeo(X4, 1000, rest=REST, h=v), [*NUMBERS, 0, -1]),
    "onset min_active": (lambda v: emg_dsp.onset_tkeo(X4, 1000, min_active=v), [*NUMBERS, -1, 1e300]),
    "onset rest": (lambda v: emg_dsp.onset_tkeo(X4, 1000, rest=v), ["ab", 5, (0.1, 0), (0, 9), (0, float("nan"))]),
    "onset baseline": (lambda v: emg_dsp.onset_tkeo(X4, 1000, rest=emg_dsp.Baseline(1.0, v)), ["x", None, 0, 10**400]),
    "onset sfreq": (lambda v: emg_dsp.onset_aglr(X4, v), [*NUMBERS, 0, -1]),
    "pairs": (lambda v: emg_dsp.onset_double_threshold(X4, 1000, m=v), [*COUNTS, 0, 1001, 10**9]),
    "levels": (emg_dsp.Threshold, ["12", b"12", 5, None, [float("nan")], ["1"], [None], [10**400]]),
    "settle": (lambda v: emg_dsp.Threshold([1], v), [*COUNTS, -1]),
    "Activity state": (lambda v: emg_dsp.Activity(v, 1000), [None, "x", X4, [[True], [True, False]]]),
    "Activity sfreq": (lambda v: emg_dsp.Activity(X > 0, v), [*NUMBERS, 0, -1]),
    "Standardizer": (lambda v: emg_dsp.Standardizer([0.0], v), ["x", None, [0], [-1], [[1]], [10**400]]),
    "seconds": (lambda v: emg_dsp.RunningStandardizer(v, 1000), [*NUMBERS, 0, -1, 1e-9]),
    "map": (emg_dsp.Grid.custom, ["x", None, 5, [[0.5]], [[0, 0]], [[1]], [[-2, 0]], [[1], [1, 2]]]),
    "map of 64 bits": (lambda v: emg_dsp.Grid.custom(np.array([[v]], dtype=np.uint64)), [2**63, 2**64 - 1, 1 << 16]),
    "n_chans": (lambda v: emg_dsp.Grid.custom([[0]], n_chans=v), [0, 2, 10**12, "1", 1.0, True]),
    "dropped": (lambda v: emg_dsp.Grid.custom([[0]], dropped=v), [5, [0], [2], ["1"], None]),
    "pitch": (lambda v: emg_dsp.Grid.custom([[0]], pitch_mm=v), ["1", 0, -1, (1,), (1, 2, 3), float("nan")]),
    "closed": (lambda v: emg_dsp.Grid.custom([[0]], closed=v), [v for v in WORDS if v is not None]),
    "grid's kind": (lambda v: emg_dsp.Grid.custom([[0]], kind=v), WORDS),
    "grid's name": (lambda v: emg_dsp.Grid.custom([[0]], name=v), [None, 5, []]),
    "named": (emg_dsp.Grid.named, WORDS),
    "otb": (emg_dsp.Grid.otb, WORDS),
    "orientation": (lambda v: emg_dsp.Grid.otb("GR08MM1305", v), [90, "0", [], None, np.array([0, 1])]),
    "ring": (emg_dsp.Grid.ring, [*COUNTS, 1, 10**9]),
    "bands": (lambda v: emg_dsp.Grid.ring(1 << 15, v), [*COUNTS, 0, 3]),
    "stack": (emg_dsp.Grid.stack, [5, None, [], "ab", [GRID, 1], GRID]),
    "from_dict": (emg_dsp.Grid.from_dict, [None, 5, {}, {1: 2}]),
    "image fill": (lambda v: GRID.image(X4, fill=v), ["1", None, 1j, [], True]),
    "spread fill": (lambda v: GRID.spread(X4[:, 0], fill=v), ["1", None, 1j, []]),
    "grey fill": (lambda v: GRID.grey(X4, 200.0, fill=v), ["1", None, 2, -1, float("nan")]),
    "grey outside": (lambda v: GRID.grey(X4, 200.0, outside=v), WORDS),
    "activation": (lambda v: GRID.activation(X4, v), WORDS),
    "roll": (lambda v: GRID.roll(X4, v), COUNTS),
    "repair": (lambda v: GRID.repair(X4, v), [5, "1", None, [99], [-1], [1.5], range(12)]),
    "repair method": (lambda v: GRID.repair(X4, (1,), v), WORDS),
    "interpolate": (lambda v: GRID.interpolate(X4, v), [None, 5, "csl", emg_dsp.Grid.csl()]),
    "interpolate method": (lambda v: GRID.interpolate(X4, FINER, v), WORDS),
    "outside": (lambda v: GRID.interpolate(X4, FINER, outside=v), WORDS),
    "mains": (lambda v: GRID.bad_channels(X4, 1000, mains=v), ["50", 0, -50, 1e-9, 500, 600, float("nan")]),
    "bad_channels sfreq": (lambda v: GRID.bad_channels(X4, v), [*NUMBERS, 0, -1, 1e300]),
    "limits": (lambda v: GRID.bad_channels(X4, 1000, limits=v), [5, {}, "x"]),
    "ChannelLimits": (lambda v: emg_dsp.ChannelLimits(hum=v), ["1", None, -1, float("nan"), True]),
    "how": (emg_dsp.CommonReference, WORDS),
    "leave_out": (lambda v: emg_dsp.CommonReference("mean", v)(X4), [5, [12], [-1], "1", range(12)]),
    "spatial": (lambda v: emg_dsp.SpatialFilter(GRID, v), WORDS),
    "along": (lambda v: emg_dsp.SpatialFilter(GRID, "LSD", v), [v for v in WORDS if v is not None]),
    "stage's grid": (emg_dsp.SpatialMedian, [None, "csl", 5]),
    "frames fill": (lambda v: emg_dsp.GridFrames(GRID, v), ["1", None, 1j, float("nan"), float("inf")]),
    "ring buffer": (lambda v: emg_dsp.RingBuffer(v, 10), [*COUNTS, 0, 10**15]),
    "ring dtype": (lambda v: emg_dsp.RingBuffer(1, 10, dtype=v), ["no", complex, object, "f16", [1]]),
    "latest": (lambda v: emg_dsp.RingBuffer(1, 10).latest(v), [11, -1, 1.5, "1"]),
    "queue": (emg_dsp.ChunkQueue, [*COUNTS, 0]),
    "when_full": (lambda v: emg_dsp.ChunkQueue(1, v), WORDS),
    "put time": (lambda v: emg_dsp.ChunkQueue(1).put(X4, v), ["1", 1j, [], True]),
    "on_gap": (lambda v: emg_dsp.Live([], FILTER, print, on_gap=v), WORDS),
    "live nan": (lambda v: emg_dsp.Live([], FILTER.stream(2), print, nan=v), WORDS),
    "live seconds": (lambda v: emg_dsp.run_live([], FILTER, print, seconds=v), ["1", 0, -1, float("nan"), True]),
    "stream channels": (FILTER.stream, [*COUNTS, 0, 10**15]),
    "stream state": (lambda v: setattr(FILTER.stream(2), "state", v), [None, 5, {}, {"n_seen": 0}]),
    "chain": (emg_dsp.Chain, [[], [1], [None], "ab", None, 5]),
    "plot_bode n_freqs": (lambda v: emg_dsp.plot_bode(FILTER, n_freqs=v), [*COUNTS, 1, 10**12]),
    "plot_map grid": (lambda v: emg_dsp.plot_map(X4[:, 0], v), [5, "csl"]),
    "plot_map low": (lambda v: emg_dsp.plot_map(X4, low=v), ["1", 1j, []]),
    "plot_signal start": (lambda v: emg_dsp.plot_signal(X4, sfreq=1000, start=v), ["1", None, []]),
}


@pytest.mark.parametrize("name", SCALARS)
def test_bad_arguments_raise_with_the_rule(name):
    call, values = SCALARS[name]
    for value in values:
        with pytest.raises(EmgDspError, match=RULE):
            call(value)


def test_windows_longer_than_memory_need_none():
    for stage in (emg_dsp.MovingMean(10**15), emg_dsp.MovingRMS(1e9, sfreq=1e6)):
        assert stage(X4).shape == X4.shape
        np.testing.assert_array_equal(stage(X4), type(stage)(SAMPLES)(X4))
        np.testing.assert_array_equal(stage.centred(X4), type(stage)(2 * SAMPLES)(np.tile(X4, 2))[:, -1:] + 0 * X4)
        with pytest.raises(EmgDspError, match="more memory than there is"):
            stage.stream(CHANNELS)
    with pytest.raises(EmgDspError, match="more than memory holds"):
        emg_dsp.windows(X4, 10**17, 1, pad="zero")
    assert emg_dsp.windows(X4, 10**17, 1).shape == (0, CHANNELS, 10**17)


def test_a_time_axis_that_is_not_last_is_told_where_channels_are_known():
    for call in (GRID.image, SCALER, emg_dsp.SpatialMedian(GRID), FILTER.stream(CHANNELS).push):
        with pytest.raises(EmgDspError, match=r"400 channels|\(400, 12\)"):
            call(X4.T)


STAGES = [
    FILTER,
    FILTER | emg_dsp.Rectify() | MEAN,
    SCALER,
    emg_dsp.Repair(GRID, [3]),
    emg_dsp.SpatialMedian(GRID),
    emg_dsp.Interpolation(GRID, FINER),
    emg_dsp.GridFrames(GRID),
    emg_dsp.CommonReference("median"),
    emg_dsp.Resampler(1000, 800),
    emg_dsp.LogSpectrogram(),
    emg_dsp.Features(0.1, 0.05, ("RMS",), 1000),
    emg_dsp.RunningStandardizer(0.1, 1000),
    emg_dsp.TeagerKaiser(),
    emg_dsp.DoubleThreshold([30.0]),
]


def restored(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301  our own bytes


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.kind)
def test_stages_are_values(stage):
    expected = stage(X4)
    for twin in (restored(stage), copy.deepcopy(stage), copy.copy(stage)):
        assert twin == stage
        assert hash(twin) == hash(stage)
        np.testing.assert_array_equal(twin(X4), expected)
    assert stage != object()
    for name in ("sfreq", "kind"):
        with pytest.raises(AttributeError, match="cannot assign"):
            setattr(stage, name, 5)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.kind)
def test_one_stage_serves_two_threads(stage):
    stage = copy.deepcopy(stage)
    signals = [np.roll(X4, k, axis=1) for k in range(2)]
    expected = [stage(signal) for signal in signals]
    wrong = []

    def work(k):
        stream = stage.stream(CHANNELS)
        for _ in range(3):
            parts = [stream.push(part) for part in np.array_split(signals[k], 3, axis=1)]
            whole = np.concatenate(parts, axis=0 if stage.frames else -1)
            if not np.array_equal(whole, expected[k]) or not np.array_equal(stage(signals[k]), expected[k]):
                wrong.append(k)
            stream.reset()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.kind)
def test_copies_of_streams_share_no_memory(stage):
    stream = stage.stream(CHANNELS)
    first = stream.push(X4[:, :123])
    kept = first.copy()
    for twin in (stream.fork(), copy.deepcopy(stream), restored(stream)):
        twin.push(-X4[:, :77])
    rest = stream.push(X4[:, 123:])
    np.testing.assert_array_equal(first, kept)
    whole = np.concatenate([first, rest], axis=0 if stage.frames else -1)
    np.testing.assert_array_equal(whole, stage(X4))


def test_copies_are_as_immutable():
    activity = emg_dsp.onset_tkeo(X4, 1000, rest=REST)
    for twin in (restored(activity), copy.deepcopy(activity)):
        np.testing.assert_array_equal(twin.state, activity.state)
        assert not twin.state.flags.writeable
        assert twin.stage == activity.stage
    assert not copy.deepcopy(SCALER).mean.flags.writeable
