"""What a model may declare and what the codes may be: everything is honoured or refused with a way out."""

from __future__ import annotations

import json
import math

import edge_frontend as fronts
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_edge import EmgEdgeError, FrontEnd, RawInput, Tensor
from emg_edge.frontend._cascade import LIMIT, _prove, design_cascade
from emg_edge.frontend._declaration import KEY, read_declaration
from emg_edge.frontend._design import design_frontend
from emg_edge.frontend._frontend import from_dict
from emg_edge.frontend._raw import read_raw
from emg_edge.frontend._state import FrontEndState

SOS = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def read(**changed):
    return read_declaration({KEY: json.dumps(fronts.record(**changed))})


def tensor(shape=(4, 10), dtype="int8", scale=0.05, zero=0):
    return Tensor(name="emg", shape=shape, dtype=dtype, scale=scale, zero_point=zero)


def design(raw=None, shape=(4, 10), scale=0.05, **changed):
    return design_frontend(read(**changed), raw or RawInput(scale=1e-6), tensor(shape, scale=scale))


def filtered(*rows, causal=True):
    return {"kind": "sos", "causal": causal, "sos": list(rows)}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rectify": True}, r"declares unknown stages \['rectify'\]; .* are known, None where nothing is done"),
        ({"sfreq": 0}, "sfreq=0: a rate in Hz above 0"),
        ({"unit": None}, "unit=None: a text is required"),
        ({"note": 3}, "note=3: a text is required"),
        ({"channels": []}, r"channels=\[\]: a list of names"),
        ({"resample": {"method": "linear", "sfreq": 1000.0}}, "method 'hold' or 'polyphase' to sfreq 1000"),
        ({"resample": {"method": "hold", "sfreq": 200.0}}, "method 'hold' or 'polyphase' to sfreq 1000"),
        ({"filter": {"kind": "fir", "taps": [1]}}, "exactly kind 'sos', sos and causal are required; no other filter"),
        ({"filter": filtered(SOS, causal=False)}, "zero-phase filter needs the future; train with the causal one"),
        ({"filter": filtered()}, "1 to 64 second-order sections of six numbers"),
        ({"filter": filtered(SOS[:5])}, "1 to 64 second-order sections of six numbers"),
        (
            {"filter": filtered(SOS, [1.0, 0, 0, 1.0, -2.0, 1.0])},
            "filter section 1=.*unstable: a0 = 1 and poles inside",
        ),
        ({"filter": filtered([1.0, 0, 0, 2.0, 0, 0])}, "filter section 0=.*unstable: a0 = 1"),
        ({"normalisation": {"kind": "zscore-recording", "ddof": 1}}, "a whole recording, which no device knows; train"),
        ({"normalisation": {"kind": "quantile"}}, "a kind of .* with exactly its own numbers"),
        ({"normalisation": {"kind": "scale", "factor": 1.0, "eps": 1.0}}, "with exactly its own numbers"),
        ({"normalisation": {"kind": "zscore", "mean": [0.0], "std": [1.0]}}, "a std > 0 for each of 4 channels"),
        ({"normalisation": {"kind": "zscore", "mean": [0.0] * 4, "std": [1.0, 1, 1, 0]}}, "a std > 0 for each of 4"),
        ({"normalisation": {"kind": "scale", "factor": 0}}, r"finite numbers, eps >= 0, ddof 0 or 1, over"),
        (
            {"normalisation": {"kind": "minmax", "low": 1, "high": 1, "eps": 0, "over": "window"}},
            "low must be below high",
        ),
        (
            {"normalisation": {"kind": "zscore-window", "ddof": 0, "eps": 0, "over": "time"}},
            "over 'channel' or 'window'",
        ),
        ({"window": {"length": 10, "hop": 3, "unit": "s"}}, "length, hop and unit 'samples' are required"),
        ({"window": {"length": 10.5, "hop": 3, "unit": "samples"}}, "must be whole numbers"),
        ({"window": {"length": 10, "hop": 0, "unit": "samples"}}, "hop >= 1 are required"),
        ({"window": {"length": 1 << 19, "hop": 1, "unit": "samples"}}, "at most 1048576 samples of all channels"),
        ({"grid": {"rows": 2, "cols": 2, "places": []}}, "windows of one sample, are required"),
    ],
)
def test_declarations_that_are_refused(changed, message):
    with pytest.raises(EmgEdgeError, match=rf"emg\.preprocessing: .*{message}"):
        read(**changed)


def test_metadata_that_holds_no_declaration():
    with pytest.raises(EmgEdgeError, match=r"declares no preprocessing .* compile without a raw input"):
        read_declaration({})
    with pytest.raises(EmgEdgeError, match="not JSON"):
        read_declaration({KEY: "{"})
    with pytest.raises(EmgEdgeError, match="an object is required"):
        read_declaration({KEY: "[]"})
    with pytest.raises(EmgEdgeError, match=r"lacks \['sfreq', 'unit'"):
        read_declaration({KEY: "{}"})


def test_grids_lay_channels_out():
    one = {"window": {"length": 1, "hop": 5, "unit": "samples"}}
    places = [[1, 1], [0, 0], [1, 0], [0, 1]]
    front = design(shape=(1, 2, 2), grid={"rows": 2, "cols": 2, "places": places}, **one)
    assert front.place == (3, 0, 2, 1)
    for wrong in ([[0, 0]] * 4, 3, [[0]] * 4):
        with pytest.raises(EmgEdgeError, match="a place of its own for each of 4 channels"):
            read(grid={"rows": 2, "cols": 2, "places": wrong}, **one)
    with pytest.raises(EmgEdgeError, match=r"declares windows \(2, 2\) and its input 'emg' is \(4, 1\)"):
        design(shape=(4, 1), grid={"rows": 2, "cols": 2, "places": places}, **one)
    assert design(shape=(10, 4)).step == 4
    assert design(shape=(1, 4, 10)).step == 1
    with pytest.raises(EmgEdgeError, match=r"declares windows \(4, 10\) and its input 'emg' is \(4, 11\); export"):
        design(shape=(4, 11))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"scale": 0}, "scale=0; finite numbers > 0 required"),
        ({"scale": math.nan}, "scale=nan; finite numbers > 0"),
        ({"scale": [1.0, -1.0]}, "scale=.*finite numbers > 0"),
        ({"scale": 1, "offset": "x"}, "offset=x; finite numbers"),
        ({"scale": 1, "dtype": "uint8"}, "dtype=uint8; int16 or int32"),
        ({"scale": 1, "bits": 24}, "bits=24; 2 to 16"),
        ({"scale": 1, "bits": 32, "dtype": "int32"}, "bits=32; 2 to 30"),
        ({"scale": 1, "sfreq": -1}, "sfreq=-1; a rate in Hz > 0"),
        ({"scale": 1, "unit": 3}, "unit=3; a text"),
    ],
)
def test_raw_inputs_that_are_refused(raw, message):
    with pytest.raises(EmgEdgeError, match=f"raw input: {message}"):
        RawInput(**raw)


@pytest.mark.parametrize(
    ("raw", "changed", "message"),
    [
        ({"scale": 1.0, "unit": "uV"}, {}, "unit 'uV', the model declares 'V'"),
        ({"scale": (1.0, 2.0)}, {}, "2 values of scale, the model reads 4 channels; give one, or one each"),
        ({"scale": 1.0, "sfreq": 2000.0}, {}, "2000 Hz, .* at 1000 Hz and it declares no resampling; sample at 1000"),
        (
            {"scale": 1.0, "sfreq": 2000.0},
            {"resample": {"method": "polyphase", "sfreq": 1000.0}},
            "declares resampling by 'polyphase'",
        ),
        (
            {"scale": 1.0, "sfreq": 1500.0},
            {"resample": {"method": "hold", "sfreq": 1000.0}},
            "a whole multiple of it where 'hold' is declared",
        ),
        ({"scale": 1.0, "bits": 30, "dtype": "int32", "offset": 1e9}, {}, r"reach .*, above 2\*\*30; give fewer bits"),
        ({"scale": 1e-30}, {}, "normalisation: results reach"),
        (
            {"scale": (1e-3, 1e-3, 1e-3, 1e-25)},
            {},
            "normalisation: one step of the filter is .* check scale and offset",
        ),
        ({"scale": 1e30}, {}, "normalisation: results reach"),
        (
            {"scale": (1.0, 2.0, 1.0, 1.0)},
            {"normalisation": {"kind": "minmax", "low": 0, "high": 1, "eps": 0, "over": "window"}},
            "channels have scales of their own .* give one scale, or train with over='channel'",
        ),
        (
            {"scale": 1e-9},
            {"normalisation": {"kind": "minmax", "low": 0, "high": 1, "eps": 1e6, "over": "window"}},
            "normalisation eps: 1e[+]06 is",
        ),
    ],
)
def test_codes_that_do_not_fit_the_declaration(raw, changed, message):
    with pytest.raises(EmgEdgeError, match=message):
        design(RawInput(**raw), **changed)


def test_what_no_stage_does_is_a_warning():
    hold = {"method": "hold", "sfreq": 1000.0}
    note, rate = design(note="3 x 3 spatial median", resample=hold).facts["warnings"]
    assert note == "front end: the model notes '3 x 3 spatial median', which no stage of push does"
    assert rate == "front end: the model saw recordings resampled by 'hold' to 1000 Hz; sample at 1000 Hz"
    assert design(RawInput(scale=1e-6, sfreq=4000.0), resample=hold).facts["warnings"] == []


def test_one_value_has_no_deviation():
    rule = {"kind": "zscore-window", "ddof": 1, "eps": 0.0, "over": "channel"}
    with pytest.raises(EmgEdgeError, match="one value has no deviation; give ddof 0, or over='window'"):
        design(shape=(4, 1), normalisation=rule, window={"length": 1, "hop": 1, "unit": "samples"})


def test_filters_that_fixed_point_cannot_hold():
    with pytest.raises(
        EmgEdgeError, match=r"section 1: a pole of radius 0\.99999\d+ rings for more than 1048576 samples"
    ):
        design_cascade([SOS, fronts.notch(50, 1e5, q=1e4)], 32768.0)
    for gain in (0.0, 1e-70, 1e305):
        with pytest.raises(EmgEdgeError, match=r"section 0: its output reaches .* codes, .* leave it out or scale it"):
            design_cascade([[gain, gain, gain, 1.0, 0.0, 0.0]], 32768.0)
    with pytest.raises(
        EmgEdgeError, match=r"section 3: its output may reach 1073741825 steps .* scale the section down"
    ):
        _prove(([1, 1, 1], [0, 0], 0), 1, LIMIT + 1, 3)


def test_raw_files(tmp_path):
    path = tmp_path / "raw.json"
    path.write_text('{"scale": 1e-6, "offset": [1, 2], "dtype": "int32"}')
    assert read_raw(path) == RawInput(scale=1e-6, offset=(1, 2), dtype="int32")
    assert RawInput(**json.loads(json.dumps(read_raw(path).to_dict()))) == read_raw(path)
    for content, message in (
        ("{", "cannot be read as JSON"),
        ("[]", "need an object with scale"),
        ('{"scale": 1, "gain": 2}', "no other keys"),
        ('{"scale": -1}', r"raw\.json: raw input: scale=-1"),
    ):
        path.write_text(content)
        with pytest.raises(EmgEdgeError, match=message):
            read_raw(path)
    with pytest.raises(EmgEdgeError, match=r"nothing\.json: cannot be read"):
        read_raw(tmp_path / "nothing.json")


def test_every_node_is_bounded_for_the_worst_input():
    """The input that an impulse response's signs make is the worst: it reaches the bound to one part in a thousand."""
    sections = (fronts.butter(20, 2000, high=True), fronts.notch(50, 2000), fronts.butter(450, 2000, high=False))
    cascade = design_cascade(sections, 32768.0)
    assert all(bound <= LIMIT for bound in cascade.bound)
    declared = fronts.declare(sections, None, n_chans=1, length=2, hop=2)
    front = design_frontend(declared, RawInput(scale=1e-6), tensor((1, 2), scale=1e-4))
    impulse = np.zeros((1, 4000), np.int16)
    impulse[0, 0] = 1000
    nodes = FrontEndState(front).push(impulse, trace=True).trace
    for index in range(3):
        signs = np.sign(nodes[f"section {index}"][0][::-1])
        worst = np.where(signs < 0, -32768, 32767).astype(np.int16)[None]
        reached = np.abs(FrontEndState(front).push(worst, trace=True).trace[f"section {index}"]).max()
        assert 0.99 * front.bound[index + 1] < reached <= front.bound[index + 1]


def test_constant_offset_vanishes_and_limit_cycles_stay_below_the_grid():
    sections = (fronts.butter(20, 2000, high=True), fronts.notch(50, 2000))
    front = design_frontend(
        fronts.declare(sections, None, n_chans=2, length=2, hop=2), RawInput(scale=1.0), tensor((2, 2), "int16", 1.0)
    )
    codes = np.array([np.full(20000, 32767), np.where(np.arange(20000) < 300, 32767, 0)], np.int16)
    trace = FrontEndState(front).push(codes, trace=True).trace
    assert np.abs(trace["section 1"][:, -1000:]).max() * 2.0**-front.shift_in < 2 * front.facts["noise"]
    assert not trace["scaled"][:, -1000:].any()


def test_descriptions_survive_json_and_hostile_ones_are_refused():
    front = fronts.random_front(np.random.default_rng(3), 3)[0]
    described = json.loads(json.dumps(front.to_dict()))
    assert from_dict(described).to_dict() == front.to_dict()
    for changed in ({"format": 2}, {"hop": 1.5}, {"mul": ["a"]}):
        with pytest.raises(EmgEdgeError, match="front end: its types or its format are not legal"):
            from_dict(described | changed)
    for changed in ({"surprise": 1}, {"bound": 3}):
        with pytest.raises(EmgEdgeError, match=r"not of format 1 .*; compile the model again"):
            from_dict(described | changed)
    with pytest.raises(EmgEdgeError, match="not of format 1"):
        from_dict([])
    for key, value, what in (
        ("hop", 0, "sizes"),
        ("place", [0] * front.n_chans, "layout"),
        ("bits", 17 if front.dtype == "int16" else 31, "bits"),
        ("out", "int32", "dtypes"),
        ("over", "time", "statistics"),
        ("shift", 0, "grid"),
        ("gain", 1 << 62, "bounds"),
        ("bound", [1 << 31] * len(front.bound), "bounds"),
    ):
        with pytest.raises(EmgEdgeError, match=f"front end: its {what} are not legal"):
            from_dict(described | {key: value})


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((4, 5)), r"codes are float64 \(4, 5\); need integers \(4 channels, frames\)"),
        (np.zeros((5, 4), int), r"codes are int64 \(5, 4\); need integers \(4 channels"),
        (np.zeros(4, int), "need integers"),
        (np.full((4, 1), 40000), "codes reach 40000 to 40000, beyond int16; give codes, not volts"),
    ],
)
def test_codes_that_are_refused_leave_the_state_alone(codes, message):
    state = FrontEndState(design())
    state.push(np.ones((4, 9), np.int16))
    with pytest.raises(EmgEdgeError, match=message):
        state.push(codes)
    assert state.push(np.ones((4, 1), np.int16)).sample.tolist() == [9]


def test_windows_scaled_by_themselves_follow_the_real_formula():
    rng = np.random.default_rng(5)
    codes = rng.normal(0, 900, (4, 40)).astype(np.int16)
    codes[3] = 17  # a channel that never changes
    window = codes[:, 30:40] * 1e-6
    for over in ("channel", "window"):
        axis = 1 if over == "channel" else None
        rule = {"kind": "minmax", "low": -1.0, "high": 1.0, "eps": 1e-8, "over": over}
        spread = window.max(axis, keepdims=True) - window.min(axis, keepdims=True)
        wanted = 2 * (window - window.min(axis, keepdims=True)) / (spread + 1e-8) - 1
        check_window(rule, codes, wanted)
        for ddof in (0, 1):
            rule = {"kind": "zscore-window", "ddof": ddof, "eps": 1e-9, "over": over}
            deviation = window.std(axis, keepdims=True, ddof=ddof)
            check_window(rule, codes, (window - window.mean(axis, keepdims=True)) / (deviation + 1e-9))


def check_window(rule, codes, wanted):
    declared = read(normalisation=rule)
    front = design_frontend(declared, RawInput(scale=1e-6), tensor(dtype="int16", scale=2.0**-12, zero=3))
    found = FrontEndState(front).push(codes)
    assert found.sample[-1] == 39
    steps = (found.x[-1].reshape(4, 10) - 3.0) - wanted * 2**12
    assert np.abs(steps).max() < 0.51


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 1e99, -1e99, 1e-99, 10**400, 2**31, 0.5, "x", "", [], {}, [[]], [1.0] * 4, [0, 0, 0, 1, 0, 0]]
    ),
    st.floats(),
    st.integers(-3, 40),
)
RULES = (
    {"kind": "zscore", "mean": [0.0] * 4, "std": [2e-4] * 4},
    {"kind": "minmax", "low": -1.0, "high": 1.0, "eps": 1e-8, "over": "channel"},
    {"kind": "zscore-window", "ddof": 0, "eps": 1e-8, "over": "window"},
    {"kind": "scale", "factor": 100.0},
)


def leaves(value, path=()):
    """Every place of a record."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*path, key)
        yield from leaves(part, (*path, key))


@given(data=st.data(), rule=st.sampled_from(RULES), scale=st.sampled_from([1e-6, 1e-90, 1e90]))
def test_whatever_is_declared_gives_a_front_end_or_a_message(data, rule, scale):
    record = json.loads(json.dumps(fronts.record((fronts.notch(50, 1000), fronts.butter(20, 1000, high=True)), rule)))
    for _ in range(data.draw(st.integers(0, 2))):
        *path, last = data.draw(st.sampled_from(sorted(leaves(record), key=repr)))
        at = record
        for key in path:
            at = at[key] if isinstance(at, dict) or key < len(at) else record
        if isinstance(at, dict) or (isinstance(at, list) and isinstance(last, int) and last < len(at)):
            at[last] = data.draw(ODD)
    try:
        declared = read_declaration({KEY: json.dumps(record)})
        front = design_frontend(declared, RawInput(scale=scale), tensor((declared.n_chans, declared.length)))
    except EmgEdgeError:
        return
    assert isinstance(front, FrontEnd)
    codes = np.full((front.n_chans, 3 * front.n_times), -32768, np.int16)
    codes[:, ::2] = 32767
    trace = FrontEndState(front).push(codes, trace=True).trace
    for index, bound in enumerate(front.bound[1:]):
        assert np.abs(trace[f"section {index}"]).max(initial=0) <= bound
