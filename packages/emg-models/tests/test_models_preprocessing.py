"""The preprocessing record: what fits a model is kept as it is, everything else is refused by name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import AllConvNetConfig, EmgModelsError, TinyMyoConfig, check_preprocessing

CONFIG = TinyMyoConfig(n_chans=8, n_times=100, n_outputs=6, sfreq=100.0)
MINMAX = {"kind": "minmax", "low": -1.0, "high": 1.0, "eps": 1e-10, "over": "channel"}
STABLE = [0.5, 0.5, 0.0, 1.0, 0.0, 0.0]


def section(a1, a2, a0=1.0):
    return {"kind": "sos", "causal": True, "sos": [STABLE, [1.0, 0.0, 0.0, a0, a1, a2]]}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"resample": None, "filter": None, "normalisation": None},
        {"resample": {"method": "polyphase", "sfreq": 100}},
        {"filter": {"kind": "sos", "causal": False, "sos": [STABLE, (1, -2, 1, 1, -1.9, 0.95)]}},
        {"normalisation": MINMAX},
        {"normalisation": {"kind": "zscore-recording", "ddof": 1}},
        {"normalisation": {"kind": "zscore-window", "ddof": 0, "eps": 0, "over": "window"}},
        {"normalisation": {"kind": "scale", "factor": 1 / 128}},
        {"window": {"length": 100, "hop": 1, "unit": "samples", "seconds": 1.0}},
        {"note": "as recorded"},
    ],
)
def test_records_that_fit(change, describe):
    record = describe(CONFIG, **change)
    assert check_preprocessing(record, CONFIG) == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sfreq": 200.0}, "sfreq is 200.0, the model was built for 100.0"),
        ({"sfreq": True}, "sfreq is True"),
        ({"unit": 3}, "unit=3: the unit of the recording's samples is required"),
        ({"unit": " "}, "unit=' '"),
        ({"note": 3}, "note=3: a text"),
        ({"filters": None}, r"unknown keys \['filters'\]"),
        ({"channels": ["a"]}, "number of channels is 1, the model was built for 8"),
        ({"channels": "abcdefgh"}, "a list of names is required"),
        ({"channels": [*"abcdefg", ""]}, "a list of names is required"),
        ({"channels": ["a"] * 8}, "names occur twice"),
        ({"resample": {"method": "hold", "sfreq": 50.0}}, "sfreq after resampling is 50.0"),
        ({"resample": {"method": "magic", "sfreq": 100.0}}, "method must be one of hold, polyphase"),
        ({"resample": {"method": "hold"}}, r"exactly the keys \['method', 'sfreq'\]"),
        ({"resample": "hold"}, "resample='hold': an object or None"),
        ({"filter": {"kind": "sos", "sos": [[1, 2, 3]]}}, "sections of six numbers"),
        ({"filter": {"kind": "ba", "sos": [STABLE]}}, "kind 'sos'"),
        ({"filter": {"kind": "sos", "sos": []}}, "sections of six numbers"),
        ({"filter": {"kind": "sos", "sos": [[1, 0, 0, 1, 0, float("nan")]]}}, "sections of six numbers"),
        ({"filter": {"kind": "sos", "sos": [[1, 0, 0, 1, 0, 10**400]]}}, "sections of six numbers"),
        ({"filter": {"kind": "sos", "sos": [STABLE]}}, r"exactly the keys \['causal', 'kind', 'sos'\]"),
        ({"filter": {"kind": "sos", "sos": [STABLE], "causal": 1}}, "causal must be True .* or False .zero phase"),
        ({"filter": section(0.0, 1.0)}, "filter section 1=.*poles inside the unit circle"),
        ({"filter": section(-1.8, 0.8)}, "poles inside the unit circle"),
        ({"filter": section(0.0, 0.0, a0=2.0)}, "a0 = 1"),
        ({"normalisation": {"kind": "zscore", "mean": [0.0] * 8, "std": [1.0] * 7}}, "for each of 8 channels"),
        ({"normalisation": {"kind": "zscore", "mean": [0.0] * 8, "std": [0.0] * 8}}, "std > 0"),
        ({"normalisation": {"kind": "zscore"}}, r"exactly the keys \['kind', 'mean', 'std'\]"),
        ({"normalisation": {"kind": "rank"}}, "a kind out of zscore, zscore-recording, zscore-window, minmax, scale"),
        ({"normalisation": {"kind": ["zscore"]}}, "a kind out of"),
        ({"normalisation": {"kind": "zscore-recording", "ddof": 2}}, "ddof must be 0 or 1"),
        ({"normalisation": MINMAX | {"over": "all"}}, "over must be one of channel, window"),
        ({"normalisation": MINMAX | {"eps": -1}}, "eps >= 0"),
        ({"normalisation": MINMAX | {"low": "a"}}, "finite numbers"),
        ({"normalisation": MINMAX | {"low": 1}}, "low must be below high"),
        ({"normalisation": {"kind": "scale", "factor": 0}}, "a factor other than 0"),
        ({"window": {"length": 100, "hop": 25, "unit": "s"}}, "unit 'samples'"),
        ({"window": {"length": 100, "hop": 0, "unit": "samples"}}, "hop >= 1"),
        ({"window": {"length": 100, "hop": 1.5, "unit": "samples"}}, "hop >= 1"),
        ({"window": {"length": 99, "hop": 25, "unit": "samples"}}, "window length is 99"),
        (
            {"window": {"length": 100, "hop": 25, "unit": "samples", "seconds": 2.0}},
            "100 samples at 100 Hz last another",
        ),
        ({"window": {"length": 100, "hop": 25, "unit": "samples", "stride": 2}}, "exactly the keys"),
        ({"window": None}, "window=None"),
        ({"grid": {"rows": 2, "cols": 4, "places": []}}, "no image but channels in a row is required"),
    ],
)
def test_records_that_do_not_fit(change, message, describe):
    with pytest.raises(EmgModelsError, match=message):
        check_preprocessing(describe(CONFIG, **change), CONFIG)


def test_a_missing_step_is_named(describe):
    record = describe(CONFIG)
    del record["filter"]
    with pytest.raises(EmgModelsError, match=r"preprocessing lacks \['filter'\].*None where nothing is done"):
        check_preprocessing(record, CONFIG)


def test_a_grid_gives_every_channel_its_place(describe):
    config = AllConvNetConfig(rows=2, cols=3)
    places = [[1, 0], [0, 0], [0, 2], [1, 2], [1, 1], [0, 1]]
    good = {"rows": 2, "cols": 3, "places": places}
    assert check_preprocessing(describe(config, grid=good), config)["grid"] == good
    for change, message in [
        ({"rows": 3}, r"grid .rows, cols. is \(3, 3\), the model was built for \(2, 3\)"),
        ({"places": places[:5]}, "of each of 6 channels, each place once"),
        ({"places": [*places[:5], [0, 0]]}, "each place once"),
        ({"places": [*places[:5], [0, 3]]}, "each place once"),
        ({"places": [*places[:5], [0, -1]]}, "each place once"),
        ({"places": [*places[:5], [0, 1.0]]}, "each place once"),
        ({"places": [*places[:5], [0]]}, "each place once"),
        ({"places": [*places[:5], 1]}, "each place once"),
        ({"places": None}, "each place once"),
        ({"pitch": 10}, "exactly the keys"),
    ]:
        with pytest.raises(EmgModelsError, match=message):
            check_preprocessing(describe(config, grid=good | change), config)
    with pytest.raises(EmgModelsError, match=r"grid=None: rows, cols and places of an image \(2, 3\) are required"):
        check_preprocessing(describe(config, grid=None), config)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.floats(-2.5, 2.5), st.floats(-1.5, 1.5))
def test_stability_is_that_of_the_roots(a1, a2):
    """Law: a section passes exactly where both roots of z² + a1·z + a2 lie inside the unit circle."""
    import numpy as np

    radius = float(np.abs(np.roots([1.0, a1, a2])).max())
    if abs(radius - 1) < 1e-6:
        return
    record = {"sfreq": 100.0, "unit": "V", "channels": [f"c{index}" for index in range(8)], "resample": None}
    record |= {"filter": section(a1, a2), "normalisation": None}
    record |= {"window": {"length": 100, "hop": 1, "unit": "samples"}}
    if radius < 1:
        check_preprocessing(record, CONFIG)
    else:
        with pytest.raises(EmgModelsError, match="unit circle"):
            check_preprocessing(record, CONFIG)
