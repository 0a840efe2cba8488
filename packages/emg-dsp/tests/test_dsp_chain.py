"""Chains: what may be joined, what is said when it may not, and where in the chain an error occurred."""

from dataclasses import dataclass

import dsp_oracles
import numpy as np
import pytest

import emg_dsp
from emg_dsp import Chain, EmgDspError, Stage
from emg_dsp._stages import Run

HIGH, NOTCH = emg_dsp.highpass(20, 1000), emg_dsp.notch(50, 1000)
ANY_RATE = emg_dsp.Standardizer([0.5, -1.0, 3.0], [2.0, 0.7, 30.0])
X = dsp_oracles.emg(3, 500)


@dataclass(frozen=True)
class Halve(Stage):
    """Every second sample: half the rate."""

    kind = "test halve"
    sfreq: float = 1000.0

    @property
    def sfreq_out(self):
        return self.sfreq / 2

    def start(self, n_chans, dtype):  # noqa: ARG002  nothing is computed
        return HalveRun(n_chans)


class HalveRun(Run):
    def __init__(self, n_chans):
        self._n_chans, self._odd = n_chans, 0

    @property
    def n_chans_out(self):
        return self._n_chans

    def step(self, chunk):
        out = chunk[:, self._odd :: 2]
        self._odd = (self._odd + chunk.shape[1]) % 2
        return out

    def dump(self):
        return {"odd": np.array(self._odd)}

    def load(self, state):
        self._odd = int(emg_dsp._stages.checked_state(state, self.dump(), "halving", {"odd": 1})["odd"])


class Frames(Halve):
    """A stage of frames, as far as a chain looks."""

    kind = "test frames"
    frames = True


def test_a_chain_is_flat_and_runs_in_order():
    chain = (HIGH | NOTCH) | ANY_RATE
    assert chain.stages == (HIGH, NOTCH, ANY_RATE)
    assert chain == HIGH | (NOTCH | ANY_RATE)
    assert hash(HIGH | (NOTCH | ANY_RATE)) == hash(chain)
    assert chain != HIGH | NOTCH
    assert chain != HIGH
    np.testing.assert_array_equal(chain(X), ANY_RATE(NOTCH(HIGH(X))))
    assert repr(HIGH | NOTCH) == f"{HIGH!r} | {NOTCH!r}"


def test_rates_are_followed_through_the_chain():
    chain = ANY_RATE | HIGH | Halve() | emg_dsp.notch(50, 500)
    assert (chain.sfreq, chain.sfreq_out) == (1000, 500)
    assert (Chain([ANY_RATE]).sfreq, Chain([ANY_RATE]).sfreq_out) == (None, None)
    assert (HIGH | NOTCH).sfreq_out is None
    message = r"stage 3 \(sos\) is made for sfreq=1000 Hz, but stage 2 \(test halve\) gives 500 Hz; .*resample"
    with pytest.raises(EmgDspError, match=message):
        HIGH | Halve() | NOTCH
    with pytest.raises(EmgDspError, match=r"stage 3 \(sos\) is made for sfreq=200 Hz, but stage 1 \(sos\) gives 1000"):
        HIGH | ANY_RATE | emg_dsp.notch(50, 200)


@pytest.mark.parametrize("size", [1, 3, 250])
def test_a_stage_that_changes_the_rate_streams(size):
    chain = HIGH | Halve() | emg_dsp.notch(50, 500)
    stream = chain.stream(3)
    parts = [stream.push(X[:, start : start + size]) for start in range(0, 500, size)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), chain(X))
    again = Stage.from_dict(chain.to_dict())
    assert again == chain


def test_frames_end_a_chain():
    assert (HIGH | Frames()).frames
    assert not (HIGH | NOTCH).frames
    message = r"stage 3 \(sos\) follows stage 2 \(test frames\), which gives frames, not samples"
    with pytest.raises(EmgDspError, match=message):
        HIGH | Frames() | emg_dsp.notch(50, 500)


def test_errors_say_in_which_stage_they_occurred():
    chain = HIGH | ANY_RATE
    with pytest.raises(EmgDspError, match=r"^stage 2 of 2 \(zscore\): the signal has 4 channels; required are 3"):
        chain.stream(4)
    with pytest.raises(EmgDspError, match=r"^stage 2 of 2 \(zscore\): x has shape \(4, 9\), 4 channels"):
        chain(np.zeros((4, 9)))
    with pytest.raises(EmgDspError, match=r"^stage 1 of 2 \(sos\): x has nan in channel 1 at sample 7"):
        chain(np.where(np.arange(1500).reshape(3, 500) == 507, np.nan, X))
    stream = chain.stream(3)
    state = stream.state
    with pytest.raises(EmgDspError, match=r"stage 1 of 2 \(sos\): state of a filter: sections has shape"):
        stream.state = {**state, "arrays": {"0.sections": np.zeros((1, 3, 2))}}
    with pytest.raises(EmgDspError, match=r"a chain of 2 stages has the array '7\.x'; no stage has it"):
        stream.state = {**state, "arrays": {**state["arrays"], "7.x": np.zeros(1)}}


def test_a_chain_that_cannot_be_restored_keeps_its_memory():
    run = (HIGH | NOTCH).start(3, np.dtype(np.float32))
    run.step(X)
    before = run.dump()
    wrong = {"0.sections": np.zeros_like(before["0.sections"]), "1.sections": np.zeros(3)}
    with pytest.raises(EmgDspError, match="stage 2 of 2"):
        run.load(wrong)
    for name, value in before.items():
        np.testing.assert_array_equal(run.dump()[name], value)


def test_integers_that_float32_cannot_hold_stay_exact_between_stages():
    counts = (X * 1e7).astype(np.int32)
    expected = ANY_RATE(NOTCH(HIGH(counts.astype(np.float64)))).astype(np.float32)
    np.testing.assert_array_equal((HIGH | NOTCH | ANY_RATE)(counts), expected, strict=True)


def test_what_is_no_stage_cannot_be_joined():
    with pytest.raises(EmgDspError, match="a chain of no stages"):
        Chain([])
    with pytest.raises(EmgDspError, match="stage 2 of a chain is 7; required is a Stage"):
        Chain([HIGH, 7])
    with pytest.raises(TypeError, match="unsupported operand"):
        HIGH | 7


def test_plain_data_that_describe_no_stage_are_refused():
    wrong = {
        r"unknown stage kind 'magic'; required is one of .*chain.*sos": {"kind": "magic"},
        "list does not describe a stage": [],
        "dict does not describe a stage; required is an object with a 'kind'": {"kind": []},
        "not a chain: keys": {"kind": "chain", "stages": 7},
        r"stage of kind 'test halve' has the parameters \['speed'\]; required are \['sfreq'\]": {
            "kind": "test halve",
            "speed": 1,
        },
    }
    for message, fields in wrong.items():
        with pytest.raises(EmgDspError, match=message):
            Stage.from_dict(fields)
    with pytest.raises(EmgDspError, match="a stage of kind 'sos' is a Filter; required is a Halve"):
        Halve.from_dict(HIGH.to_dict())


@dataclass(frozen=True)
class Careless(Halve):
    """A stage that does not look at what it is given."""

    kind = "test careless"

    def __post_init__(self):
        assert self.sfreq in {1000.0}


def test_values_of_a_wrong_type_are_refused_by_kind():
    message = r"a stage of kind 'test careless' cannot be built from these values \(TypeError\(.*to_dict\(\) gives"
    with pytest.raises(EmgDspError, match=message):
        Stage.from_dict({"kind": "test careless", "sfreq": [1]})
    assert Careless.from_dict({"kind": "test careless", "sfreq": 1000.0}) == Careless()


def test_a_kind_belongs_to_one_class():
    with pytest.raises(TypeError, match=r"kind 'sos' of .*Impostor is taken by Filter"):

        class Impostor(Halve):
            kind = "sos"

    class Nameless(Halve):
        pass

    assert Stage._kinds["test halve"] is Halve
