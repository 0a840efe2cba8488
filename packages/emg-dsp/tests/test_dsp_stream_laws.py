"""The contract of streams, held over every stage: any chunking gives the bits of the whole signal, state travels."""

import contextlib
import itertools
import json
import pickle
import tracemalloc

import dsp_oracles
import dsp_oracles_stages
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emg_dsp
from emg_dsp import EmgDspError, Stage, Stream

LAW = settings(derandomize=True, deadline=None, max_examples=8)
EXAMPLES = dsp_oracles_stages.EXAMPLES
STAGES = {name: example.make() for name, example in EXAMPLES.items()}
TYPES = ["float32", "float64", "int16", "int32", "float16", ">f4", ">f8"]
every = pytest.mark.parametrize("name", EXAMPLES)
cuts_of = st.lists(st.integers(0, 60), max_size=12)


def signal(name, samples=200, dtype="float32", seed=0):
    """Return a signal that suits the stage, in units that integers can hold."""
    x = dsp_oracles.emg(EXAMPLES[name].n_chans, samples, seed)
    return (x * 100).astype(dtype) if np.dtype(dtype).kind == "i" else x.astype(dtype)


def pieces(x, sizes):
    """Cut a signal into chunks of these sizes and the rest."""
    cuts = [0, *np.minimum(np.cumsum(sizes, dtype=int), x.shape[1]), x.shape[1]]
    return [x[:, int(a) : int(b)] for a, b in itertools.pairwise(cuts)]


def joined(name, parts):
    """Concatenate what a stream gave."""
    return np.concatenate(parts, axis=0 if STAGES[name].frames else -1)


def pickled(stage):
    """Send a stage to a worker and back."""
    return pickle.loads(pickle.dumps(stage))  # noqa: S301  our own bytes


def equal(a, b):
    np.testing.assert_array_equal(a, b, strict=True)


def test_every_kind_has_an_example():
    ours = {kind for kind, stage in Stage._kinds.items() if stage.__module__.startswith("emg_dsp")}
    assert {stage.kind for stage in STAGES.values()} == ours


@every
@LAW
@given(st.integers(0, 300), cuts_of, st.sampled_from(TYPES), st.booleans())
def test_stream_equals_batch_for_any_chunking(name, samples, sizes, dtype, copy):
    x = signal(name, samples, dtype, seed=samples)
    stream = STAGES[name].stream(x.shape[0])
    got = joined(name, [stream.push(chunk, copy=copy).copy() for chunk in pieces(x, sizes)])
    equal(got, STAGES[name](x))
    assert stream.n_seen == samples


@every
@LAW
@given(cuts_of, st.integers(0, 199), st.sampled_from([np.nan, np.inf]))
def test_stream_equals_batch_where_nan_spreads(name, sizes, place, bad):
    x = signal(name).copy()
    x[1, place] = bad
    stream = STAGES[name].stream(x.shape[0], nan="propagate")
    with np.errstate(invalid="ignore"):
        got = joined(name, [stream.push(chunk) for chunk in pieces(x, sizes)])
        equal(got, STAGES[name](x, nan="propagate"))
    with pytest.raises(EmgDspError, match=rf"has {bad} in channel 1 at sample {place}"):
        STAGES[name](x)


@every
@LAW
@given(cuts_of, st.integers(0, 200))
def test_forks_and_restored_streams_continue_alone(name, sizes, cut):
    x, stage = signal(name), STAGES[name]
    stream = stage.stream(x.shape[0])
    first = stream.push(x[:, :cut])
    twin, other = stream.fork(), stage.stream(x.shape[0])
    other.state = stream.state
    twin.push(-signal(name, 77, seed=1))
    for follower in (stream, other):
        rest = [follower.push(chunk) for chunk in pieces(x[:, cut:], sizes)]
        equal(joined(name, [first, *rest]), stage(x))
    assert (stream.n_seen, twin.n_seen, other.n_seen) == (200, cut + 77, 200)
    stream.reset()
    equal(stream.push(x), stage(x))


@every
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_file_continues_the_stream(name, dtype, tmp_path):
    x, stage = signal(name, dtype=dtype), STAGES[name]
    stream = stage.stream(x.shape[0])
    first = stream.push(x[:, :83])
    stream.save(tmp_path / "state.npz")
    again = Stream.restore(tmp_path / "state.npz")
    assert again.stage.to_dict() == stage.to_dict()
    assert (again.n_seen, again.dtype) == (83, np.dtype(dtype))
    equal(joined(name, [first, again.push(x[:, 83:])]), stage(x))
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


@every
def test_plain_data_and_pickles_give_the_same_stage(name):
    stage, x = STAGES[name], signal(name)
    fields = stage.to_dict()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    for again in (Stage.from_dict(fields), type(stage).from_dict(fields), pickled(stage)):
        assert type(again) is type(stage)
        assert again.to_dict() == fields
        equal(again(x), stage(x))
    assert repr(stage)


@every
def test_plain_data_with_wrong_keys_are_refused(name):
    fields = STAGES[name].to_dict()
    for wrong in ({**fields, "surplus": 1}, {"kind": fields["kind"]}):
        if wrong.keys() != fields.keys():
            with pytest.raises(EmgDspError, match="required"):
                Stage.from_dict(wrong)
    for key in set(fields) - {"kind"}:
        for value in ({"a": 1}, "word", [["x"]]):
            with contextlib.suppress(EmgDspError):
                assert Stage.from_dict({**fields, key: value}).kind == fields["kind"]


@every
def test_a_refused_chunk_leaves_the_stream_as_it_was(name):
    x, stage = signal(name), STAGES[name]
    stream = stage.stream(x.shape[0])
    parts = []
    for chunk in pieces(x, [0, 50, 1]):
        bad = np.concatenate([x[:, :9], np.full((x.shape[0], 1), np.nan, x.dtype)], axis=1)
        for wrong in (bad, x[:-1], x[None], np.full(x.shape, "a"), x.astype("complex64")):
            with pytest.raises(EmgDspError, match="required"):
                stream.push(wrong)
        parts.append(stream.push(chunk))
        with pytest.raises(EmgDspError, match="would round"):
            stream.push(x.astype(np.float64))
    equal(joined(name, parts), stage(x))


@every
def test_memory_layout_changes_nothing_and_nothing_is_altered(name):
    x, stage = signal(name), STAGES[name]
    memory = np.zeros(x.nbytes + 1, dtype=np.uint8)
    unaligned = memory[1:].view(x.dtype).reshape(x.shape)
    unaligned[:] = x
    reverse = x[::-1, ::-1].copy()[::-1, ::-1]
    frozen = x.copy()
    frozen.flags.writeable = False
    for layout in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], reverse, frozen, unaligned, x.astype(">f4")):
        before = layout.copy()
        stream = stage.stream(x.shape[0])
        equal(joined(name, [stream.push(chunk) for chunk in pieces(layout, [30, 1, 90])]), stage(x))
        equal(stage(layout), stage(x))
        equal(np.asarray(layout), before)


@every
def test_leading_axes_are_separate_signals(name):
    n = EXAMPLES[name].n_chans
    x = dsp_oracles.emg(6 * n, 200).reshape(2, 3, n, 200)
    together = STAGES[name](x)
    assert together.shape[:2] == (2, 3)
    for place in np.ndindex(2, 3):
        equal(together[place], STAGES[name](x[place]))
    assert STAGES[name](x[:0]).shape == (0, *together.shape[1:])


@every
def test_a_memory_that_does_not_fit_is_refused_and_changes_nothing(name):
    x, stage = signal(name), STAGES[name]
    stream = stage.stream(x.shape[0])
    first = stream.push(x[:, :83])
    state = stream.state
    for wrong in wrong_arrays(state["arrays"]):
        with pytest.raises(EmgDspError, match=r"required|no stage has it"):
            stream.state = {**state, "arrays": wrong}
    equal(joined(name, [first, stream.push(x[:, 83:])]), stage(x))


def wrong_arrays(arrays):
    """Yield memories that must not be taken: names, shapes, types, and positions below 0."""
    yield {**arrays, "surplus": np.zeros(1)}
    for name, value in arrays.items():
        yield {key: array for key, array in arrays.items() if key != name}
        yield {**arrays, name: np.zeros((*value.shape, 2), value.dtype)}
        yield {**arrays, name: value.astype("complex64")}
        if value.dtype.kind == "i" and value.size:
            yield {**arrays, name: np.full_like(value, -1)}


@every
def test_a_position_out_of_range_is_refused_or_harmless(name):
    """A kernel that indexes by what a damaged file says would crash the process, or read what is not there."""
    x = signal(name)
    stream = STAGES[name].stream(x.shape[0])
    stream.push(x[:, :83])
    state = stream.state
    for key, value in state["arrays"].items():
        if value.dtype.kind == "i":
            with contextlib.suppress(EmgDspError):
                stream.state = {**state, "arrays": {**state["arrays"], key: np.full_like(value, 2**40)}}
            assert stream.push(x).size


@every
@pytest.mark.parametrize("size", [256, 4096])
def test_nothing_of_the_size_of_a_chunk_is_allocated_in_the_loop(name, size):
    x = signal(name, 4 * size)
    chunks = [np.ascontiguousarray(chunk) for chunk in pieces(x, [size] * 3)]
    stream = STAGES[name].stream(x.shape[0])
    for chunk in chunks * 3:
        stream.push(chunk, copy=False)
    tracemalloc.start()
    try:
        for chunk in chunks:
            stream.push(chunk, copy=False)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for chunk in chunks * 3:
            stream.push(chunk, copy=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < EXAMPLES[name].spare_bytes


@every
def test_shapes_and_rates_are_told(name):
    x, stage = signal(name), STAGES[name]
    stream = stage.stream(x.shape[0])
    assert stream.n_chans == x.shape[0]
    if not stage.frames:
        assert stream.push(x).shape[0] == stream.n_chans_out
    assert stage.sfreq is None or stage.sfreq > 0
    assert stage.sfreq_out is None or stage.sfreq_out > 0


@every
def test_behind_another_stage_it_is_the_same(name):
    x, stage = signal(name), STAGES[name]
    before = emg_dsp.lowpass(300, 1000, order=2)
    chain = before | stage
    equal(chain(x), stage(before(x)))
    stream = chain.stream(x.shape[0])
    equal(joined(name, [stream.push(chunk) for chunk in pieces(x, [1, 64, 7])]), chain(x))
