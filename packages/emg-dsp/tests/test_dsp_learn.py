"""`FeatureTransformer`: a scikit-learn estimator in all that applies to windows, and light until one is made."""

import builtins
import copy
import inspect
import pickle
import subprocess
import sys

import dsp_oracles
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_regressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from emg_dsp import EmgDspError, FeatureTransformer, feature_columns, features, windows

SFREQ = 1000
SIGNAL = dsp_oracles.emg(3, 1200)
WINDOWS = windows(SIGNAL, 100, 100)
NAMES = ["RMS", "AR(order=2)", "ZC"]
CHECKS = [  # `check_estimator` itself tests nothing that takes other than a table (samples, features)
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_set_params",
    "check_valid_tag_types",
]


def fitted(**parameters):
    return FeatureTransformer(NAMES, SFREQ, **parameters).fit(SIGNAL if parameters else WINDOWS)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("parameters", [{}, {"length": 0.1, "hop": 0.05}])
def test_scikit_learn_checks_that_need_no_table_of_samples(check, parameters):
    getattr(estimator_checks, check)("FeatureTransformer", FeatureTransformer(NAMES, SFREQ, **parameters))


def test_it_is_an_ordinary_estimator():
    made = FeatureTransformer(NAMES, SFREQ)
    assert isinstance(made, FeatureTransformer)
    assert isinstance(made, BaseEstimator)
    assert isinstance(made, TransformerMixin)
    assert not is_regressor(made)
    assert list(inspect.signature(FeatureTransformer).parameters) == ["names", "sfreq", "length", "hop"]
    assert made.get_params() == {"names": NAMES, "sfreq": SFREQ, "length": None, "hop": None}
    assert made.set_params(sfreq=200).sfreq == 200
    assert repr(made) == f"FeatureTransformer(names={NAMES!r}, sfreq=200)"
    assert made.__sklearn_tags__().input_tags.three_d_array
    with pytest.raises(ValueError, match="Invalid parameter 'rate'"):
        made.set_params(rate=3)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'sfreq'"):
        FeatureTransformer(NAMES)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
def test_rows_are_windows_and_columns_are_channels_of_features(dtype):
    w = (WINDOWS * 20).astype(dtype)
    table = FeatureTransformer(NAMES, SFREQ).fit_transform(w)
    assert table.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_array_equal(table, features(w, NAMES, SFREQ).reshape(len(w), -1))
    names = fitted().get_feature_names_out()
    assert names.dtype == object
    assert names.tolist() == [f"{column}_ch{c}" for c in range(3) for column in feature_columns(NAMES, SFREQ)]
    assert names[:2].tolist() == ["RMS_ch0", "AR(order=2)[1]_ch0"]
    assert table.shape == (12, len(names))


def test_features_that_compare_channels_have_names_too():
    ring = FeatureTransformer(["RMSPHASOR"], SFREQ).fit(WINDOWS)
    assert ring.transform(WINDOWS).shape == (12, len(ring.get_feature_names_out())) == (12, 12)
    assert len(set(ring.get_feature_names_out())) == 12


def test_recordings_are_cut_into_windows():
    table = FeatureTransformer(NAMES, SFREQ, length=0.1, hop=0.05).fit_transform(SIGNAL)
    np.testing.assert_array_equal(table, features(windows(SIGNAL, 100, 50), NAMES, SFREQ).reshape(23, -1))
    side_by_side = fitted(length=0.1).transform(SIGNAL)
    np.testing.assert_array_equal(side_by_side, fitted().transform(WINDOWS))
    several = fitted(length=0.1).transform(np.stack([SIGNAL, SIGNAL[::-1]]))
    np.testing.assert_array_equal(several[:12], side_by_side)
    assert several.shape == (24, 12)


def test_a_table_names_the_channels():
    frame = pd.DataFrame(SIGNAL.T, columns=["flexor", "extensor", "thumb"])
    cut = FeatureTransformer(["RMS"], SFREQ, length=0.1).fit(frame)
    assert cut.feature_names_in_.tolist() == ["flexor", "extensor", "thumb"]
    assert cut.get_feature_names_out().tolist() == ["RMS_flexor", "RMS_extensor", "RMS_thumb"]
    np.testing.assert_array_equal(cut.transform(frame), FeatureTransformer(["RMS"], SFREQ).fit_transform(WINDOWS))
    with pytest.raises(EmgDspError, match=r"X has the channels \['thumb'.*required are \['flexor'.* in this order"):
        cut.transform(frame[["thumb", "extensor", "flexor"]])
    with pytest.raises(EmgDspError, match=r"input_features=\['a', 'b', 'c'\]; required are the names seen in fit"):
        cut.get_feature_names_out(["a", "b", "c"])
    assert not hasattr(cut.fit(SIGNAL), "feature_names_in_")
    assert not hasattr(cut.fit(pd.DataFrame(SIGNAL.T)), "feature_names_in_")
    with pytest.raises(EmgDspError, match="X is a table with a column for each channel; required is length="):
        FeatureTransformer(["RMS"], SFREQ).fit(frame)


def test_names_may_be_given_to_the_channels():
    assert fitted().get_feature_names_out(["a", "b", "c"])[0] == "RMS_a"
    with pytest.raises(EmgDspError, match=r"input_features=\['a'\]; required are 3 names"):
        fitted().get_feature_names_out(["a"])


def test_output_container():
    frame = fitted().set_output(transform="pandas").transform(WINDOWS)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == fitted().get_feature_names_out().tolist()
    assert isinstance(fitted().set_output(transform="default").transform(WINDOWS), np.ndarray)


def test_copies_keep_what_they_are():
    before = fitted()
    for twin in (pickle.loads(pickle.dumps(before)), copy.deepcopy(before), copy.copy(before)):  # noqa: S301  our own
        assert type(twin) is type(before)
        np.testing.assert_array_equal(twin.transform(WINDOWS), before.transform(WINDOWS))
    unfitted = clone(before)
    assert unfitted.get_params() == before.get_params()
    for call in (lambda: unfitted.transform(WINDOWS), unfitted.get_feature_names_out):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            call()


def test_a_pipeline_is_searched():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    x = rng.standard_normal((40, 2, 64)) * (1 + labels[:, None, None])
    steps = make_pipeline(FeatureTransformer(["ZC"], SFREQ), StandardScaler(), LinearDiscriminantAnalysis())
    grid = {"featuretransformer__names": [["ZC"], ["RMS"], ["HTD"]]}
    search = GridSearchCV(steps, grid, cv=4, error_score="raise").fit(x, labels)
    assert search.best_score_ > 0.9
    assert search.best_params_ != {"featuretransformer__names": ["ZC"]}
    assert search.best_estimator_[:-1].get_feature_names_out()[0].endswith("_ch0")


def test_no_window_is_no_row_but_nothing_to_fit_on():
    assert fitted().transform(WINDOWS[:0]).shape == (0, 12)
    assert fitted(length=0.1).transform(SIGNAL[:, :50]).shape == (0, 12)
    for call in (lambda: fitted().fit(WINDOWS[:0]), lambda: fitted(length=0.1).fit(SIGNAL[:, :50])):
        with pytest.raises(EmgDspError, match=r"X gives windows of shape \(0, 3, 100\); required is at least one"):
            call()


BAD = {
    "recording without length": (lambda: FeatureTransformer(NAMES, SFREQ).fit(SIGNAL), r"X has shape \(3, 1200\)"),
    "one channel": (lambda: fitted(length=0.1).transform(SIGNAL[0]), r"X has shape \(1200,\)"),
    "hop alone": (lambda: FeatureTransformer(NAMES, SFREQ, hop=0.1).fit(WINDOWS), "hop=0.1 without length"),
    "channels": (lambda: fitted().transform(WINDOWS[:, :2]), "X has 2 channels; required are 3, as FeatureTransformer"),
    "name": (lambda: FeatureTransformer(["AR9"], SFREQ).fit(WINDOWS), "unknown feature 'AR9'"),
    "rate": (lambda: FeatureTransformer(NAMES, -1).fit(WINDOWS), "sfreq=-1; required"),
    "not finite": (lambda: fitted().transform(WINDOWS * np.nan), "has nan in channel 0"),
    "text": (lambda: fitted().transform([[["a"]]]), "X has dtype <U1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        call()


def test_importing_the_name_brings_no_scikit_learn():
    code = "import sys; from emg_dsp import FeatureTransformer; print('sklearn' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("missing", "error", "message"),
    [
        ("sklearn", EmgDspError, r"needs scikit-learn, which is not installed; run: pip install 'emg-dsp\[sklearn\]'"),
        ("joblib", ModuleNotFoundError, "joblib"),
    ],
)
def test_without_scikit_learn_it_says_what_to_install(monkeypatch, missing, error, message):
    real = builtins.__import__

    def refuse(name, *args, **options):
        if name == "estimator":
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(error, match=message):
        FeatureTransformer(NAMES, SFREQ)
