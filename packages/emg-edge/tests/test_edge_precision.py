"""Mixed precision: the harmed layer comes first, budgets hold, and the console script writes what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_edge_rescale import network
from typer.testing import CliRunner

from emg_edge._cli import app
from emg_edge._errors import BudgetError, EmgEdgeError
from emg_edge._quantize import compile_quantized
from emg_edge.quantiser._options import QuantiseOptions
from emg_edge.quantiser._quantise import quantised
from emg_edge.quantiser._sqnr import layer_sqnr
from emg_edge.quantiser.precision import Price
from emg_edge.quantiser.precision._choose import choose_precision


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(32, 4, 5, 3)).astype(np.float32)


def harmed():
    """The first layer writes one channel hundreds of times larger than the others, which nothing reads."""
    graph = network()
    c = {name: array.copy() for name, array in graph.constants.items()}
    c["b1"][5] = 3000.0
    c["w2"][..., 5] = 0.0
    return replace(graph, constants=c)


PLAIN = QuantiseOptions(migration=False, equalisation=False)


def test_the_harmed_layer_is_ranked_first(x):
    result = quantised(harmed(), x, PLAIN, ranked=True)
    worst = result.rows[0]
    assert (worst.value, worst.what, worst.then, worst.possible) == ("c1", "activation", "int16", True)
    assert worst.gain_db > 10
    assert worst.nbytes == 120
    assert "int16 input of c2 gains" in worst.advice
    assert [row.removed for row in result.rows] == sorted((row.removed for row in result.rows), reverse=True)
    assert json.dumps([row.to_dict() for row in result.rows])


def test_auto_widens_what_hurts_until_the_goal(x):
    result = quantised(harmed(), x, replace(PLAIN, wide="auto", goal_db=25.0))
    assert "c1" in result.options.named
    assert (result.program.tensors["c1"].dtype, result.program.tensors["c1"].zero_point) == ("int16", -(2**15))
    before = layer_sqnr(harmed(), quantised(harmed(), x, PLAIN).program, x)["y"]
    assert layer_sqnr(harmed(), result.program, x)["y"] > max(before + 10, 25)
    easy = quantised(network(), x, replace(PLAIN, wide="auto", goal_db=1.0))
    assert easy.options.named == ()


def test_what_cannot_be_widened_is_said(x):
    graph = network("Tanh")
    row = next(r for r in quantised(graph, x, PLAIN, ranked=True).rows if (r.value, r.what) == ("c1", "activation"))
    assert not row.possible
    assert "the table of its tanh writes int8 alone" in row.advice
    with pytest.raises(EmgEdgeError, match=r"wide names \['c1', 'nobody'\], which cannot be int16"):
        quantised(graph, x, replace(PLAIN, wide=("c1", "nobody")))


@pytest.mark.parametrize("share", [1.0, 0.8, 0.65])
def test_bytes_stay_within_the_budget(x, share):
    price = Price()
    graph = network(outputs=300)
    budget = int(price.nbytes(quantised(graph, x, PLAIN).program) * share)
    result = quantised(graph, x, replace(PLAIN, budget_bytes=budget, wide="auto"))
    assert price.nbytes(result.program) <= budget
    assert (result.options.weight_bits == 8) == (share == 1.0)


def test_cycles_stay_within_the_budget(x):
    price = Price(
        cycles=lambda program: 100 + 50 * sum(t.dtype == "int16" for t in program.tensors.values()),
        op_cycles=lambda _op, _tensors, out: 50.0 * (out.dtype == "int16"),
    )
    free = quantised(harmed(), x, replace(PLAIN, wide="auto", goal_db=100.0), price)
    tight = price.cycles(free.program) - 1
    held = quantised(harmed(), x, replace(PLAIN, wide="auto", goal_db=100.0, budget_cycles=tight), price)
    assert price.cycles(held.program) <= tight
    assert set(held.options.named) < set(free.options.named)
    with pytest.raises(BudgetError, match=r"needs \d+ modelled cycles .* budget_cycles is 10"):
        quantised(harmed(), x, replace(PLAIN, budget_cycles=10), price)


def test_impossible_budgets_are_refused(x):
    with pytest.raises(BudgetError, match=r"needs \d+ bytes .* budget_bytes is 100; allow \d+ more"):
        quantised(network(), x, replace(PLAIN, budget_bytes=100))
    with pytest.raises(EmgEdgeError, match="budget_cycles needs a target with a cycle model"):
        choose_precision([], 0.0, QuantiseOptions(budget_cycles=1), lambda _: None, Price())


def test_weight_bits_by_layer(x):
    result = quantised(network(), x, replace(PLAIN, weight_bits={"c2": 4}))
    weights = {op.name: np.abs(op.weight.astype(int)).max() for op in result.program.ops if hasattr(op, "weight")}
    assert weights["c2"] <= 7 < weights["c1"]
    with pytest.raises(EmgEdgeError, match=r"weight_bits names \['c9'\]; layers with weights of their own are"):
        quantised(network(), x, replace(PLAIN, weight_bits={"c9": 4}))


@pytest.mark.parametrize(
    "bad", [{"wide": "all"}, {"goal_db": 0.0}, {"budget_bytes": 0}, {"budget_cycles": -1}, {"weight_bits": 3}]
)
def test_choices_are_checked(bad):
    with pytest.raises(EmgEdgeError, match=f"{next(iter(bad))}=.* is not allowed"):
        QuantiseOptions(**bad)


@pytest.fixture(scope="module")
def files(builders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    model = builders.tiny_myo()
    builders.save(model, folder / "m.onnx")
    np.savez(folder / "x.npz", emg=builders.windows(model, 64))
    return folder


def invoke(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_quantize_writes_what_compile_takes(files):
    model, x, out = files / "m.onnx", files / "x.npz", files / "q"
    code, found = invoke("quantize", model, "--calibration", x, "--out", out, "--wide", "auto", "--goal-db", 60)
    assert code == 0
    gains = [row["removed"] for row in found["layers"]]
    assert gains == sorted(gains, reverse=True)
    assert found["chosen"]["wide"]
    assert found["outputs"]["logits"] > 25
    assert found["cycles"] > 0
    code, compiled = invoke("compile", out, "--target", "gap9", "--out", files / "c1")
    assert code == 0
    wide = ",".join(found["chosen"]["wide"])
    code, direct = invoke("compile", model, "--calibration", x, "--out", files / "c2", "--wide", wide)
    assert (code, direct["hash"]) == (0, compiled["hash"])
    assert compiled["cycles"] == found["cycles"]


def test_quantize_and_compile_say_what_is_wrong(files):
    model, x = files / "m.onnx", files / "x.npz"
    code, found = invoke("quantize", model, "--calibration", x, "--out", files / "no", "--budget-bytes", 10)
    assert (code, "budget_bytes is 10" in found["error"]) == (4, True)
    code, found = invoke("compile", model, "--out", files / "no")
    assert (code, "needs --calibration" in found["error"]) == (3, True)
    code, found = invoke("compile", files / "q", "--out", files / "no", "--weight-bits", 4)
    assert (code, "is quantised already; give ['weight_bits']" in found["error"]) == (3, True)
    with pytest.raises(EmgEdgeError, match=r"holds no quantised.json"):
        compile_quantized(files / "c1", out=files / "no")
