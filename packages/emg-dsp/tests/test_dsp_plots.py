"""Pictures: what is drawn is what was given, labels carry units, and nothing global is touched."""

import subprocess
import sys

import dsp_oracles
import numpy as np
import pytest
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError, plot_bode, plot_features, plot_map, plot_signal
from emg_dsp._plots.signals import thin
from emg_dsp._plots.space import principal_plane

figures = pytest.importorskip("matplotlib.figure")

X = dsp_oracles.emg(3, 600).astype(np.float64)
BAND = emg_dsp.bandpass(20, 450, 2000)
NOTCH = emg_dsp.notch(50, 2000)


def axes():
    return figures.Figure().add_subplot()


class TestSignal:
    def test_lines_are_the_samples_one_channel_below_the_other(self):
        filtered, envelope = emg_dsp.highpass(20, 2048)(X), np.abs(X)
        ax = plot_signal(X, filtered, envelope, sfreq=2048, unit="mV", start=1.5, spacing=4.0)
        assert len(ax.lines) == 9
        for kind, trace in enumerate((X - np.median(X, axis=1, keepdims=True), filtered, envelope)):
            for channel in range(3):
                line = ax.lines[3 * kind + channel]
                np.testing.assert_allclose(line.get_xdata(), 1.5 + np.arange(600) / 2048)
                np.testing.assert_allclose(line.get_ydata(), trace[channel] - 4.0 * channel, atol=1e-12)
        assert ax.get_xlabel() == "time (s)"
        assert ax.get_ylabel() == "channel, 4 apart (mV)"
        assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1", "2"]
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["raw", "filtered", "envelope"]

    def test_raw_alone_with_names_and_the_default_spacing(self):
        ax = plot_signal(X, sfreq=2048, names=["FCR", "ECR", "BIC"])
        reach = np.percentile(np.abs(X - np.median(X, axis=1, keepdims=True)), 99.5)
        np.testing.assert_allclose(ax.get_yticks(), [0, -2 * reach, -4 * reach])
        assert [text.get_text() for text in ax.get_yticklabels()] == ["FCR", "ECR", "BIC"]

    def test_missing_samples_are_gaps(self):
        x = X.copy()
        x[1, 5:9], x[1, 20], x[2] = np.nan, np.inf, np.nan
        ax = plot_signal(x, sfreq=2048)
        assert np.flatnonzero(np.isnan(ax.lines[1].get_ydata())).tolist() == [5, 6, 7, 8, 20]
        assert np.isnan(ax.lines[2].get_ydata()).all()
        assert np.isinf(x[1, 20])

    def test_a_flat_signal_has_channels_apart(self):
        assert plot_signal(np.full((2, 50), 7, dtype=np.int16), sfreq=100).get_yticks().tolist() == [0, -1]

    def test_long_signals_keep_every_extreme(self):
        x = X[:2].repeat(40, axis=1)
        x[0, 12_345], x[1, 777] = 50.0, -60.0
        ax = plot_signal(x, sfreq=1000, spacing=1.0)
        assert len(ax.lines[0].get_xdata()) <= 8_002
        assert ax.lines[0].get_ydata().max() == 50.0 - np.median(x[0])
        assert ax.lines[1].get_ydata().min() == -60.0 - np.median(x[1]) - 1.0
        assert abs(ax.lines[0].get_xdata()[ax.lines[0].get_ydata().argmax()] - 12.345) < 0.01

    def test_thinning_ignores_what_is_missing(self):
        positions, values = thin(np.array([[1.0, np.nan, 3.0, 2.0, np.nan, np.nan, 5.0]]), 4)
        assert positions.tolist() == [0, 0, 4, 4]
        assert values.tolist() == [[1, 3, 5, 5]]
        assert np.isnan(thin(np.full((1, 9), np.nan), 4)[1]).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"raw": X[0]}, r"raw has shape \(600,\); required is \(..., channels, time\)"),
            ({"raw": X[None]}, r"raw has shape \(1, 3, 600\); required is \(channels, time\)"),
            ({"raw": X[:, :0]}, r"raw has shape \(3, 0\); .* at least one of each"),
            ({"filtered": X[:2]}, r"filtered has shape \(2, 600\), raw \(3, 600\); required are equal"),
            ({"envelope": X[:, 1:]}, r"envelope has shape \(3, 599\), raw"),
            ({"names": ["a"]}, "names has 1 entries, the signal 3 channels"),
            ({"sfreq": 0}, "sfreq=0; required is a finite number above 0 Hz"),
            ({"spacing": -1, "unit": "mV"}, "spacing=-1; required is a finite number above 0 mV"),
            ({"ax": 1, "figure": 2}, "both ax and figure are given"),
        ],
    )
    def test_bad_arguments_are_named(self, arguments, message):
        with pytest.raises(EmgDspError, match=message):
            plot_signal(**{"raw": X, "sfreq": 1000, **arguments})


class TestBode:
    def test_exactly_one_filter(self):
        """LibEMG's visualize_filters raises IndexError for one filter (case 11)."""
        figure = plot_bode(NOTCH, low=1, high=900, n_freqs=500)
        gain, phase, delay = (ax.lines[0] for ax in figure.axes)
        freqs = gain.get_xdata()
        np.testing.assert_allclose(freqs, np.geomspace(1, 900, 500))
        _, expected = signal.freqz_sos(NOTCH.sos, freqs, fs=2000)
        np.testing.assert_allclose(gain.get_ydata(), 20 * np.log10(np.abs(expected)), atol=1e-6)
        np.testing.assert_allclose(phase.get_ydata(), np.degrees(np.unwrap(np.angle(expected))), atol=1e-6)
        b, a = signal.sos2tf(NOTCH.sos)
        np.testing.assert_allclose(delay.get_ydata(), signal.group_delay((b, a), freqs, fs=2000)[1] / 2, atol=1e-6)
        assert [len(ax.lines) for ax in figure.axes] == [1, 1, 1]
        assert [ax.get_ylabel() for ax in figure.axes] == ["gain (dB)", "phase (degrees)", "group delay (ms)"]
        assert figure.axes[2].get_xlabel() == "frequency (Hz)"
        assert figure.axes[0].get_xscale() == "log"

    def test_a_chain_draws_each_filter_and_all_of_them(self):
        parts = plot_bode(BAND | NOTCH, n_freqs=64)
        whole = plot_bode(BAND + NOTCH, n_freqs=64)
        for ax, other in zip(parts.axes, whole.axes, strict=True):
            np.testing.assert_array_equal(ax.lines[2].get_ydata(), other.lines[0].get_ydata())
        first, second, total = (line.get_ydata() for line in parts.axes[0].lines)
        np.testing.assert_allclose(first + second, total, atol=1e-9)
        labels = [text.get_text() for text in parts.axes[0].get_legend().get_texts()]
        assert labels == [BAND.label, NOTCH.label, "all"]

    def test_a_zero_on_the_unit_circle_has_a_floor(self):
        exact = emg_dsp.Filter(((1.0, 0.0, 1.0, 1.0, 0.0, 0.5),), 1000.0)
        gain = plot_bode(exact, low=125.0, high=250.0, n_freqs=2).axes[0].lines[0]
        assert gain.get_ydata()[1] == pytest.approx(-240.0)

    def test_draws_on_the_figure_given(self):
        figure = figures.Figure()
        assert plot_bode(NOTCH, figure=figure) is figure
        part = figures.Figure().subfigures(1, 2)[1]
        assert len(plot_bode(NOTCH, figure=part).axes) == 3

    @pytest.mark.parametrize(
        ("stage", "options", "message"),
        [
            (BAND | emg_dsp.MovingRMS(5), {}, "filter_ holds MovingRMS.*; required is a Filter, or a chain of filters"),
            ("notch", {}, "filter_ holds 'notch'; required is a Filter"),
            (BAND, {"high": 1000}, "high=1000 Hz is not below half of sfreq=2000 Hz"),
            (BAND, {"low": 90, "high": 80}, "low=90 Hz, high=80 Hz; required is low < high"),
            (BAND, {"n_freqs": 1}, "n_freqs=1; required is a whole number of at least 2"),
        ],
    )
    def test_bad_arguments_are_named(self, stage, options, message):
        with pytest.raises(EmgDspError, match=message):
            plot_bode(stage, **options)


class TestMap:
    def test_an_image_is_drawn_as_it_is(self):
        image = np.arange(12.0).reshape(3, 4)
        image[1, 2] = np.nan
        ax = plot_map(image, unit="mV", low=0, high=20)
        (drawn,) = ax.images
        np.testing.assert_array_equal(np.ma.getmaskarray(drawn.get_array()), np.isnan(image))
        np.testing.assert_array_equal(drawn.get_array().compressed(), image[np.isfinite(image)])
        assert drawn.get_clim() == (0, 20)
        assert drawn.colorbar.ax.get_ylabel() == "mV"
        places = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in ax.lines}
        assert places["no electrode"] == [(2, 1)]
        assert len(places["electrode"]) == 11
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")

    def test_a_grid_places_channels_and_numbers(self):
        grid = emg_dsp.Grid.custom([[[3, 0], [-1, 1]], [[2, 4], [6, 5]]], pitch_mm=(8.0, 4.0))
        values = np.array([10.0, 11, np.nan, 13, 14, 15, 16])
        ax = plot_map(values, grid, numbers=True)
        expected = [[13, 10, np.nan, np.nan, 14], [np.nan, 11, np.nan, 16, 15]]
        np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), expected)
        places = {line.get_label(): set(zip(*line.get_data(), strict=True)) for line in ax.lines}
        assert places["no electrode"] == {(0, 1)}
        assert (3, 0) in places["electrode"]
        numbers = {(int(text.xy[0]), int(text.xy[1])): text.get_text() for text in ax.texts}
        assert numbers == {(0, 0): "3", (1, 0): "0", (1, 1): "1", (3, 0): "2", (4, 0): "4", (3, 1): "6", (4, 1): "5"}
        assert ax.get_xticks().tolist() == [0, 1, 3, 4]
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "0", "1"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("column (4 mm apart)", "row (8 mm apart)")
        assert ax.get_aspect() == 2.0

    def test_every_channel_of_capgmyo_has_its_place(self):
        grid = emg_dsp.Grid.capgmyo()
        drawn = plot_map(np.arange(128), grid).images[0].get_array()
        np.testing.assert_array_equal(drawn, grid.map)

    def test_dropped_channels_have_no_place(self):
        grid = emg_dsp.Grid.csl()
        drawn = plot_map(np.arange(192), grid).images[0].get_array()
        np.testing.assert_array_equal(drawn, grid.map)

    @pytest.mark.parametrize(
        ("values", "options", "message"),
        [
            (np.zeros(4), {}, r"values has shape \(4,\); required without a grid is an image"),
            (np.zeros((0, 4)), {}, r"values has shape \(0, 4\)"),
            (
                np.zeros(168),
                {"grid": emg_dsp.Grid.csl()},
                r"values has shape \(168,\); required is \(192,\), one for each",
            ),
            (np.zeros((2, 96)), {"grid": emg_dsp.Grid.csl()}, r"values has shape \(2, 96\); required is \(192,\)"),
            (np.zeros((2, 2)), {"numbers": True}, "numbers=True without a grid"),
        ],
    )
    def test_bad_arguments_are_named(self, values, options, message):
        with pytest.raises(EmgDspError, match=message):
            plot_map(values, **options)


class TestFeatures:
    rng = np.random.default_rng(0)
    table = rng.normal(0, [5.0, 0.1, 2.0], (30, 3)) + np.array([100.0, 0, 0])

    def test_points_are_the_principal_components(self):
        points, shares = principal_plane(self.table)
        scaled = (self.table - self.table.mean(0)) / self.table.std(0)
        values, vectors = np.linalg.eigh(np.cov(scaled.T))
        np.testing.assert_allclose(np.abs(points), np.abs(scaled @ vectors[:, :-3:-1]), atol=1e-9)
        np.testing.assert_allclose(shares, values[:-3:-1] / values.sum())

    def test_draws_a_cloud_for_each_label(self):
        labels = np.array(["fist", "rest", "open"] * 10)
        ax = plot_features(self.table.reshape(30, 1, 3), labels)
        points, shares = principal_plane(self.table)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["fist", "open", "rest"]
        for cloud, name in zip(ax.collections, ["fist", "open", "rest"], strict=True):
            np.testing.assert_array_equal(cloud.get_offsets(), points[labels == name])
        assert ax.get_xlabel() == f"component 1 ({shares[0]:.0%} of variance, standard deviations)"

    def test_without_labels_there_is_one_cloud_and_no_legend(self):
        ax = plot_features(self.table)
        assert len(ax.collections) == 1
        assert ax.get_legend() is None

    def test_the_order_of_columns_and_units_do_not_matter(self):
        points, _ = principal_plane(self.table)
        np.testing.assert_allclose(principal_plane(self.table * [1e3, 1e-3, 1])[0], points)
        np.testing.assert_allclose(principal_plane(self.table[:, ::-1])[0], points)

    def test_features_that_never_change_weigh_nothing(self):
        flat = np.column_stack([self.table, np.full(30, 0.1)])
        np.testing.assert_allclose(principal_plane(flat)[0], principal_plane(self.table)[0])
        points, shares = principal_plane(np.full((4, 3), 0.1))
        assert not points.any()
        assert not shares.any()

    @pytest.mark.parametrize(
        ("features", "labels", "message"),
        [
            (np.zeros((1, 5)), None, r"features has shape \(1, 5\), 1 windows of 5 values"),
            (np.zeros((5, 1)), None, "5 windows of 1 values; required are at least two"),
            (np.zeros(5), None, r"features has shape \(5,\)"),
            ([[0.0, 1], [np.nan, 1]], None, "features of window 1 are not finite"),
            (np.zeros((5, 2)), np.zeros(4), r"labels has shape \(4,\); required is \(5,\)"),
        ],
    )
    def test_bad_arguments_are_named(self, features, labels, message):
        with pytest.raises(EmgDspError, match=message):
            plot_features(features, labels)


DRAWN = {
    "signal": lambda **where: plot_signal(X, sfreq=1000, **where),
    "map": lambda **where: plot_map(np.ones((2, 2)), **where),
    "features": lambda **where: plot_features(np.eye(4), **where),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_where_it_is_told(name):
    mine = axes()
    assert DRAWN[name](ax=mine) is mine
    figure = figures.Figure()
    assert DRAWN[name](figure=figure).figure is figure


def test_without_matplotlib_the_hint_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(EmgDspError, match=r"pictures need matplotlib.*pip install 'emg-dsp\[plot\]'"):
        plot_signal(X, sfreq=1000)


def test_touches_no_global_state():
    code = (
        "import io, sys, matplotlib, numpy as np, emg_dsp\n"
        "settings = lambda: {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != 'backend'}\n"
        "before = settings()\n"
        "emg_dsp.plot_signal(np.ones((2, 9)), sfreq=9).figure.savefig(io.BytesIO())\n"
        "emg_dsp.plot_bode(emg_dsp.notch(50, 1000)).savefig(io.BytesIO())\n"
        "emg_dsp.plot_map(np.eye(3)).figure.savefig(io.BytesIO())\n"
        "emg_dsp.plot_features(np.eye(3), [0, 1, 1]).figure.savefig(io.BytesIO())\n"
        "print('matplotlib.pyplot' in sys.modules, before == settings())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("draw", [plot_map, plot_features, lambda x: plot_signal(x, sfreq=1000)])
def test_values_that_no_picture_holds_raise(draw, tmp_path):
    drawn = draw(X[:, :50] / np.abs(X).max() * 1e99)
    drawn.figure.savefig(tmp_path / "large.png")
    for largest in (1e101, 1e308):
        with pytest.raises(EmgDspError, match=r"reaches .*; required is at most 1e\+100 to be drawn. Scale it down"):
            draw(X[:, :50] / np.abs(X).max() * largest)
