"""Factors per channel: the float function stays, products come out better, and nothing moves where it must not."""

from dataclasses import replace

import numpy as np
import pytest

from emg_edge.graph._float import run_float
from emg_edge.graph._graph import Graph, Node, Value
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.quantiser._calibrate import KEPT, Sample, check_calibration
from emg_edge.quantiser._options import QuantiseOptions
from emg_edge.quantiser._quantise import quantised
from emg_edge.quantiser._ranges import choose_range, entropy_threshold
from emg_edge.quantiser._sqnr import layer_sqnr
from emg_edge.quantiser.rescale import apply, balanced, find_sites, rescaled


@pytest.fixture(scope="module")
def graph(builders, tmp_path_factory):
    return canonicalise(load_onnx(builders.save(builders.tiny_myo(), tmp_path_factory.mktemp("m") / "m.onnx")))


@pytest.fixture(scope="module")
def windows(builders):
    return builders.windows(builders.tiny_myo(), 48, seed=3)


def function(name):
    nodes = {
        "Relu": (Node(op="Relu", name="f", inputs=("v",), output="w"),),
        "Tanh": (Node(op="Tanh", name="f", inputs=("v",), output="w"),),
    }[name]
    values = {n: Value(name=n, shape=(1,)) for n in "vw"}
    return Graph(name="body", nodes=nodes, values=values, constants={}, inputs=("v",), outputs=("w",))


def network(middle="Relu", groups=1, seed=0, outputs=5):
    """A convolution, a function, a convolution, a linear layer over all pixels."""
    rng = np.random.default_rng(seed)
    geometry = {"strides": (1, 1), "dilations": (1, 1), "pads": (1, 1, 1, 1), "size": (4, 5)}
    c = {
        "w1": rng.normal(size=(6, 3, 3, 3)) * np.geomspace(0.1, 10.0, 6).reshape(6, 1, 1, 1), "b1": rng.normal(size=6),
        "w2": rng.normal(size=(4, 3, 3, 6 // groups)), "b2": rng.normal(size=4),
        "w3": rng.normal(size=(outputs, 80)), "b3": rng.normal(size=outputs),
    }  # fmt: skip
    body = {"body": function(middle), "function": middle.lower()}
    nodes = (
        Node(op="conv", name="c1", inputs=("x", "w1", "b1"), output="c1",
             attrs={**geometry, "group": 1, "shape": (1, 4, 5, 6), **body}),
        Node(op="conv", name="c2", inputs=("c1", "w2", "b2"), output="c2",
             attrs={**geometry, "group": groups, "shape": (1, 4, 5, 4)}),
        Node(op="linear", name="y", inputs=("c2", "w3", "b3"), output="y", attrs={"shape": (1, outputs)}),
    )  # fmt: skip
    shapes = {"x": (1, 4, 5, 3), "c1": (1, 4, 5, 6), "c2": (1, 4, 5, 4), "y": (1, outputs)}
    graph = Graph(
        name="net", nodes=nodes, values={n: Value(name=n, shape=s) for n, s in shapes.items()},
        constants={n: a.astype(np.float32) for n, a in c.items()}, inputs=("x",), outputs=("y",),
    )  # fmt: skip
    graph.verify()
    return graph


def check_same(before, after, x):
    after.verify()
    for a, b in zip(before.outputs, after.outputs, strict=True):
        wanted, found = run_float(before, x)[a], run_float(after, x)[b]
        np.testing.assert_allclose(found, wanted, atol=3e-4 * np.abs(wanted).max())


def test_places_of_a_transformer(graph):
    sites = {site.value: (site.family, site.width) for site in find_sites(graph)}
    assert sites == {
        "blocks_0_norm1": ("migration", 16),
        "attn": ("migration", 16),
        "blocks_0_norm2": ("migration", 16),
    }


def test_any_factor_at_every_place_keeps_the_function(graph, windows):
    rng, changed = np.random.default_rng(0), graph
    for site in find_sites(graph):
        changed = apply(changed, site, np.exp(rng.normal(size=site.width)))
    assert set(changed.constants) != set(graph.constants)
    check_same(graph, changed, windows)


@pytest.mark.parametrize("groups", [1, 2])
def test_equalisation_keeps_the_function(groups):
    graph, x = network(groups=groups), np.random.default_rng(1).normal(size=(6, 4, 5, 3)).astype(np.float32)
    sites = find_sites(graph)
    assert [site.value for site in sites] == ["c1", "c2"]
    for site in sites:
        graph = apply(graph, site, np.geomspace(0.1, 8.0, site.width))
    check_same(network(groups=groups), graph, x)


def test_nothing_moves_through_a_bent_function_or_a_given_grid():
    assert [site.value for site in find_sites(network("Tanh"))] == ["c2"]
    graph = network()
    given = replace(graph, given={"c1": ("a grid",)})
    assert [site.value for site in find_sites(given)] == ["c2"]
    stepped = tuple(replace(n, attrs={**n.attrs, "steps": (1.0,) * 4}) if n.name == "c2" else n for n in graph.nodes)
    assert find_sites(replace(graph, nodes=stepped)) == []


def test_outlier_channels_cost_nothing_after_migration(graph, windows):
    """Three channels of a LayerNorm 40 times louder than the others, their columns 40 times smaller."""
    norm = next(n for n in graph.nodes if n.name == "blocks_0_norm2")
    reader = graph.consumers[norm.output][0]
    gamma, beta = (graph.constants[n].copy() for n in norm.inputs[1:])
    weight = graph.constants[reader.inputs[1]].copy()
    loud = [2, 7, 11]
    gamma[loud] *= 40
    beta[loud] *= 40
    weight[:, loud] /= 40
    constants = {**graph.constants, norm.inputs[1]: gamma, norm.inputs[2]: beta, reader.inputs[1]: weight}
    hard = replace(graph, constants=constants)
    check_same(graph, hard, windows)
    ratio = {}
    for on in (False, True):
        result = quantised(hard, windows, QuantiseOptions(migration=on))
        ratio[on] = layer_sqnr(hard, result.program, windows)[reader.name]
        assert ("blocks_0_norm2" in result.program.rescaled) == on
    assert ratio[True] > ratio[False] + 8


def test_equalisation_pays_between_convolutions():
    graph, x = network(), np.random.default_rng(1).normal(size=(32, 4, 5, 3)).astype(np.float32)
    ratio = {
        on: layer_sqnr(graph, quantised(graph, x, QuantiseOptions(equalisation=on)).program, x)["c2"]
        for on in (False, True)
    }
    assert ratio[True] > ratio[False]


def test_options_choose_the_families(graph, windows):
    feeds = check_calibration(graph, windows)
    off, moved = rescaled(graph, feeds, QuantiseOptions(migration=False, equalisation=False))
    assert off is graph
    assert moved == ()


def test_factors_balance():
    peaks, weights = np.array([100.0, 1.0, 0.0, 4.0]), np.array([1.0, 1.0, 2.0, 0.0])
    factor = balanced(peaks, weights, 0.5)
    assert factor.tolist() == pytest.approx([np.sqrt(10), 1 / np.sqrt(10), 1, 1])
    assert np.ptp((peaks / balanced(peaks, weights, 1.0))[:2]) == pytest.approx(0)
    extreme = balanced(np.array([1e12, 1.0]), np.ones(2), 1.0)
    assert extreme.max() == pytest.approx(2.0**7)


def slow_threshold(values, bins=2048, levels=128):
    """The divergence written down with loops."""
    magnitudes = [abs(float(v)) for v in values if v != 0]
    peak = max(magnitudes)
    counts = [0] * bins
    for m in magnitudes:
        counts[min(int(m / peak * bins), bins - 1)] += 1
    best = (np.inf, bins)
    for kept in range(bins, levels - 1, -16):
        p = counts[:kept]
        p[-1] += sum(counts[kept:])
        q = [0.0] * kept
        bins_of = [[] for _ in range(levels)]
        for i in range(kept):
            bins_of[i * levels // kept].append(i)
        for inside in bins_of:
            occupied = [i for i in inside if p[i]]
            for i in occupied:
                q[i] = max(sum(counts[j] for j in inside) / len(occupied), 1e-4)
        total = sum(p)
        scale = sum(q)
        divergence = sum(a / total * np.log(a / total * scale / b) for a, b in zip(p, q, strict=True) if a)
        if divergence < best[0] - 1e-12:
            best = (divergence, kept)
    return peak * best[1] / bins


@pytest.mark.parametrize("seed", range(2))
def test_entropy_equals_the_slow_one(seed):
    values = np.random.default_rng(seed).standard_t(3, size=3000).astype(np.float64)
    assert entropy_threshold(values) == pytest.approx(slow_threshold(values))
    assert entropy_threshold(np.zeros(4)) == 0.0


def test_entropy_clips_outliers_and_holds_zero():
    sample = Sample()
    values = np.append(np.random.default_rng(0).normal(size=30000), 60.0).astype(np.float32)
    sample.add(values, KEPT, np.random.default_rng(0))
    low, high = choose_range(sample, "entropy", symmetric=False)
    assert -5 < low < -2
    assert 2 < high < 8


@pytest.mark.parametrize("percentile", [99.0, 99.9])
def test_percentile_equals_the_sorted_values(percentile):
    sample, values = Sample(), np.random.default_rng(0).normal(size=2001).astype(np.float32)
    sample.add(values, KEPT, np.random.default_rng(0))
    ordered = np.sort(values)
    place = percentile / 100 * 2000
    wanted = ordered[int(place)] + (place % 1) * (ordered[min(int(place) + 1, 2000)] - ordered[int(place)])
    assert choose_range(sample, "percentile", symmetric=False, percentile=percentile)[1] == pytest.approx(wanted)
