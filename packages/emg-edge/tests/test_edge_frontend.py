"""The streaming front end: integer reference against plain integers, C and rv32, chunks of any size, bounds."""

from __future__ import annotations

import os
from pathlib import Path

import edge_frontend as fronts
import numpy as np
import pytest
from edge_tools import needs, require_rv32
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_edge.execute._process import Rv32Executor
from emg_edge.frontend._design import design_frontend
from emg_edge.frontend._raw import RawInput
from emg_edge.frontend._state import FrontEndState
from emg_edge.program._tensor import Tensor


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(7)
    return [fronts.random_front(rng, i) for i in range(60)]


def test_reference_equals_plain_integers(cases):
    for front, codes in cases:
        windows = FrontEndState(front).push(codes, trace=True)
        wanted = fronts.oracle(front, codes)
        assert windows.sample.tolist() == [sample for sample, _ in wanted]
        assert windows.x.tolist() == [x for _, x in wanted]
    assert sum(len(FrontEndState(front).push(codes).x) for front, codes in cases) > 100


@given(seed=st.integers(0, 2**16), cuts=st.lists(st.integers(0, 120), max_size=8))
@settings(max_examples=40)
def test_chunks_of_any_size_give_the_same_bits(seed, cuts):
    rng = np.random.default_rng(seed)
    front, codes = fronts.random_front(rng, seed)
    whole = FrontEndState(front).push(codes, trace=True)
    state = FrontEndState(front)
    state.push(codes[:, :5])
    state.reset()
    parts = [state.push(part, trace=True) for part in np.split(codes, sorted(cuts), axis=1)]
    assert np.concatenate([part.sample for part in parts]).tolist() == whole.sample.tolist()
    for name, array in whole.trace.items():
        axis = 0 if name == "window" else 1
        np.testing.assert_array_equal(np.concatenate([part.trace[name] for part in parts], axis), array, err_msg=name)


def test_compiled_loops_are_their_python_bodies(cases):
    from emg_edge.frontend import _jit

    for front, codes in cases[:6]:
        b, a, shift, keep = front.sections()
        x = codes[:, :40].astype(np.int64)
        results = []
        for run in (_jit._cascade, _jit.compiled("cascade")):
            nodes, rows = (front.n_sections + 1, front.n_chans), (front.n_sections, front.n_chans)
            state = (np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(rows, np.int64))
            out = np.zeros((front.n_sections + 1, *x.shape), np.int64)
            run(x, b, a, shift, keep, *state, out)
            results.append([out, *state])
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)
    sections = np.array([fronts.notch(50, 1000)])
    found = [np.eye(1, 30)[0].copy() for _ in range(2)]
    for run, out in zip((_jit._response, _jit.compiled("response")), found, strict=True):
        run(sections[:, :3].copy(), sections[:, 4:].copy(), out)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-14)


@pytest.mark.parametrize("message", ["cannot cache function", "something else"])
def test_a_place_without_a_cache_compiles_for_itself(monkeypatch, message):
    import numba

    from emg_edge.frontend import _jit

    def njit(signatures, *, cache=False, **_):
        if cache:
            raise RuntimeError(message)
        return lambda body: body

    monkeypatch.setattr(numba, "njit", njit)
    if message == "something else":
        with pytest.raises(RuntimeError, match="something else"):
            _jit.compiled.__wrapped__("response")
    else:
        assert _jit.compiled.__wrapped__("response") is _jit._response


def assert_same(cases, found):
    for (front, codes), stages in zip(cases, found, strict=True):
        wanted = fronts.stage_bytes(front, FrontEndState(front).push(codes, trace=True))
        for name in (*front.stages, "sample"):
            assert stages[name] == wanted[name], (front, name)


@needs("gcc")
@pytest.mark.compiles
def test_c_equals_the_reference_stage_by_stage_under_sanitizers(cases, tmp_path):
    strict = ["-Wall", "-Wextra", "-Wconversion", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    driver = fronts.build_driver(tmp_path, "gcc", strict)
    assert_same(cases, fronts.run_driver([str(driver)], tmp_path, cases))


@pytest.mark.rv32
def test_rv32_equals_the_reference_stage_by_stage(cases, tmp_path):
    require_rv32()
    chain = Rv32Executor.toolchain
    driver = fronts.build_driver(tmp_path, chain.compiler, [*chain.flags, *chain.link])
    command, _ = Rv32Executor.command(Rv32Executor, driver)
    assert_same(cases[:25], fronts.run_driver(command, tmp_path, cases[:25]))


@needs("gcc")
@pytest.mark.compiles
@pytest.mark.real
def test_c_equals_the_reference_on_real_recordings(tmp_path):
    if "EMG_DATA" not in os.environ:
        pytest.skip("EMG_DATA is not set: real recordings are not pushed")
    data = Path(os.environ["EMG_DATA"])
    biosppy = np.loadtxt(data / "biosppy_emg" / "emg.txt", comments="#")[None, :12000].astype(np.int16)
    myo = np.fromfile(sorted((data / "myo_armband_dataset").rglob("classe_3.dat"))[0], "<i2").reshape(-1, 8).T
    rules = [
        {"kind": "minmax", "low": -1.0, "high": 1.0, "eps": 1e-8, "over": "channel"},
        {"kind": "zscore-window", "ddof": 1, "eps": 1e-8, "over": "window"},
        {"kind": "scale", "factor": 1.0},
    ]
    cases = []
    for codes, sfreq, offset in ((biosppy, 1000.0, 2050.0), (myo, 200.0, 0.0)):
        sections = (fronts.butter(20, sfreq, high=True), fronts.notch(50, sfreq), fronts.butter(5, sfreq, high=False))
        for rule in rules:
            declared = fronts.declare(sections, rule, n_chans=len(codes), sfreq=sfreq, length=100, hop=25)
            tensor = Tensor(name="emg", shape=(len(codes), 100), dtype="int8", scale=0.03)
            cases.append((design_frontend(declared, RawInput(scale=0.05, offset=offset), tensor), codes))
    driver = fronts.build_driver(tmp_path, "gcc", ["-O2"])
    assert_same(cases, fronts.run_driver([str(driver)], tmp_path, cases))
