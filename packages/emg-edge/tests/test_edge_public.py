"""The public face, the compiled model end to end from ONNX, import cost, and the README's example."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import edge_programs as programs
import numpy as np
import pytest
from edge_tools import needs

import emg_edge
from emg_edge import BudgetError, EmgEdgeError, UnsupportedError, compile_model, emit, kernels, load_compiled, targets
from emg_edge._lazy import MODULES
from emg_edge.execute._evaluate import score, wilson
from emg_edge.execute._execute import BACKENDS

pytestmark = needs("gcc")


@pytest.mark.parametrize("module", [emg_edge, emit, kernels, targets], ids=lambda m: m.__name__)
def test_face(module):
    assert list(module.__all__) == sorted(module.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    for name in module.__all__:
        thing = getattr(module, name)
        assert not callable(thing) or thing.__doc__, name


def test_import_is_light():
    heavy = {"numpy", "onnx", "jinja2", "typer", "rich", "torch", "scipy", "numba"}
    code = f"import emg_edge, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_resolved_late():
    assert sorted(MODULES) == sorted(emg_edge.__all__) == dir(emg_edge)
    with pytest.raises(AttributeError, match="module 'emg_edge' has no attribute 'nothing'"):
        emg_edge.nothing  # noqa: B018


def test_readme_example_runs(tmp_path, monkeypatch):
    readme = Path(__file__).parents[1] / "README.md"
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, str(readme), "exec"), {"__name__": "readme"})  # noqa: S102


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    arrays = programs.write_onnx(folder / "gesture.onnx")
    x = np.random.default_rng(1).normal(size=(256, 4, 10)).astype(np.float32)
    return compile_model(folder / "gesture.onnx", x, target="gap9", out=folder / "out"), arrays, x


def test_compiled_c_computes_what_the_float_model_does(compiled):
    model, arrays, x = compiled
    wanted = programs.float_perceptron(arrays, x)
    found = model.run(x, backend="c")
    assert found.shape == (256, 4)
    assert found.dtype == np.float32
    assert np.square(wanted).sum() > 1000 * np.square(found - wanted).sum()  # 30 dB
    np.testing.assert_array_equal(found, model.run(x, backend="reference"))
    np.testing.assert_array_equal(found, load_compiled(model.folder).run({"emg": x}))
    np.testing.assert_array_equal(found[:2], model.run(x[:2, None]))  # a batch axis of one


def test_compare_sees_every_layer_and_names_the_first_difference(compiled):
    model, _, x = compiled
    report = model.compare(x[:5])
    assert report.equal
    assert (report.layers, report.samples) == (len(model.program.ops), 5)
    expected = model.run_integers(model.quantise(x[:5]), "reference")
    name = model.program.outputs[0]
    wrong = {name: expected[name].copy()}
    wrong[name][3, 2] += 1
    found = emg_edge.execute._compare.compare(model.program, expected, wrong).difference
    assert (found.layer, found.sample, found.element) == (model.program.ops[-1].name, 3, 2)
    assert found.found == found.expected + 1
    assert re.search(
        r"differs first: sample 3, element 2 of .* is -?\d+, expected -?\d+ \(1 elements differ\)", str(found)
    )
    shorter = emg_edge.execute._compare.compare(model.program, expected, {name: expected[name][:2]})
    assert not shorter.equal
    with pytest.raises(EmgEdgeError, match="nothing to compare"):
        emg_edge.execute._compare.compare(model.program, expected, {})


def test_evaluate_counts(compiled):
    model, arrays, x = compiled
    labels = programs.float_perceptron(arrays, x).argmax(1)
    found = model.evaluate(x, labels)
    assert found["n"] == 256
    assert found["accuracy"] == found["correct"] / 256 > 0.97
    assert found["interval"][0] < found["accuracy"] < found["interval"][1]
    assert found["backend"] == "c"
    with pytest.raises(EmgEdgeError, match=r"labels are float64 \(256,\); need integers \(256,\)"):
        model.evaluate(x, labels.astype(float))
    with pytest.raises(EmgEdgeError, match=r"must lie in 0\.\.3"):
        model.evaluate(x, labels + 1)


def test_wilson_interval_and_macro_f1_by_hand():
    assert wilson(5, 10) == pytest.approx((0.236593, 0.763407), abs=1e-5)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == pytest.approx(1.0)
    logits = np.eye(3)[[0, 0, 1, 2]]
    found = score(logits, np.array([0, 1, 1, 2]))
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_summary_has_the_promised_keys(compiled):
    model, _, _ = compiled
    assert set(model.memory) == {"l1", "l2", "l3", "stack"}
    for row in model.layers:
        assert {"name", "op", "macs", "cycles", "energy_uj", "sqnr_db"} <= set(row)
        assert row["sqnr_db"] > 25
    assert {"latency_ms", "energy_mj", "warnings"} <= set(model.summary)
    assert model.simulate()["latency_ms"] == model.summary["latency_ms"]
    assert any("modelled" in warning for warning in model.warnings)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 4, 11)), r"'emg' is float64 \(2, 4, 11\); need real numbers \(samples, 4, 10\)"),
        (np.zeros((0, 4, 10)), "at least one sample"),
        (np.zeros((2, 4, 10), complex), "need real numbers"),
        (np.full((2, 4, 10), np.nan), "sample 0 of 'emg' holds NaN or infinity"),
        ({"a": np.zeros(1), "b": np.zeros(1)}, r"arrays named \['emg'\] are needed"),
    ],
)
def test_wrong_samples_are_refused(compiled, samples, message):
    with pytest.raises(EmgEdgeError, match=message):
        compiled[0].run(samples)


def test_wrong_feeds_and_backends_are_refused(compiled):
    model, _, x = compiled
    assert BACKENDS == ("reference", "c", "rv32")
    with pytest.raises(EmgEdgeError, match="backend 'gpu' is not known; choose one of reference, c, rv32"):
        model.run(x, backend="gpu")
    with pytest.raises(EmgEdgeError, match="every input of"):
        model.run_integers({})
    with pytest.raises(EmgEdgeError, match=r"need int(8|16) \(samples, 4, 10\), quantised"):
        model.run_integers({"emg": x}, "reference")


def test_missing_compiler_says_how_to_get_it(compiled, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmgEdgeError, match="needs gcc, which is not on PATH; install gcc"):
        compiled[0].run(compiled[2][:1])
    with pytest.raises(EmgEdgeError, match=r"needs riscv64-unknown-elf-gcc.*apt-get install gcc-riscv64"):
        compiled[0].run(compiled[2][:1], backend="rv32")


def test_a_runner_that_fails_is_reported(compiled):
    from emg_edge.execute._build import Toolchain
    from emg_edge.execute._process import ProcessExecutor
    from emg_edge.execute._samples import unpack

    class Failing(ProcessExecutor):
        toolchain = Toolchain(name="plain", compiler="gcc", flags=())

        def command(self, binary):
            return ["false", str(binary)], 5.0

    class Slow(Failing):
        def command(self, binary):
            return ["sleep", "5" if binary else "1"], 0.05

    model, _, x = compiled
    feeds = model.quantise(x[:1])
    with pytest.raises(EmgEdgeError, match="ended with status 1"):
        Failing(model.program, model.folder / "c").run(feeds)
    with pytest.raises(EmgEdgeError, match=r"did not finish in 0\.05 s"):
        Slow(model.program, model.folder / "c").run(feeds)
    with pytest.raises(EmgEdgeError, match=r"wrote 3 bytes, not a multiple of 8"):
        unpack(model.program, model.program.outputs, b"abc")


def test_compiler_errors_are_shown(compiled, tmp_path):
    from emg_edge.execute._build import build
    from emg_edge.execute._library import HostExecutor

    (tmp_path / "c").mkdir()
    with pytest.raises(EmgEdgeError, match=r"holds no main\.c"):
        build(tmp_path / "c", HostExecutor.toolchain, "main.c")
    (tmp_path / "c" / "main.c").write_text("int main(void) { return 1.5; }\n")
    with pytest.raises(EmgEdgeError, match=r"gcc failed: .*error"):
        build(tmp_path / "c", HostExecutor.toolchain, "main.c")
    assert not list((tmp_path / "build").glob("c-*"))


def test_names_targets_and_budgets_of_compile(compiled, tmp_path):
    model, _, x = compiled
    source = model.folder.parent / "gesture.onnx"
    named = compile_model(source, {"anything": x}, target="host", out=tmp_path / "o", name="mine")
    assert (tmp_path / "o" / "c" / "mine.h").is_file()
    assert named.summary["cycles"] is None
    assert named.memory["l1"] == 0
    with pytest.raises(BudgetError, match=r"raise the L2 budget|shorter window|L3"):
        compile_model(source, x, target="gap9", out=tmp_path / "p", budgets={"l2": 64})
    assert not (tmp_path / "p").exists()
    small = compile_model(source, x[:9], target="gap9", out=tmp_path / "q")
    assert "only 9 calibration samples" in small.warnings[0]


def test_compiling_twice_gives_the_same_bytes(compiled, tmp_path):
    model, _, x = compiled
    compile_model(model.folder.parent / "gesture.onnx", x, target="gap9", out=tmp_path / "again")
    for path in sorted((tmp_path / "again").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (model.folder / path.relative_to(tmp_path / "again")).read_bytes(), path.name


def test_unsupported_operator_is_listed(tmp_path):
    programs.write_onnx(tmp_path / "m.onnx", op="Hardmax")
    with pytest.raises(UnsupportedError, match="act"):
        compile_model(tmp_path / "m.onnx", np.zeros((4, 4, 10), np.float32), out=tmp_path / "o")


def test_calibration_from_a_file_is_named_in_messages(tmp_path):
    path = tmp_path / "gesture.onnx"
    programs.write_onnx(path)
    x = np.random.default_rng(1).normal(size=(64, 1, 4, 10)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    by_path = compile_model(path, tmp_path / "x.npy", target="host", out=tmp_path / "a")
    by_array = compile_model(path, x[:, 0], target="host", out=tmp_path / "b")
    assert by_path.summary["hash"] == by_array.summary["hash"]
    for name, bad, message in (
        (
            "nan.npy",
            np.where(np.arange(4)[:, None, None] == 2, np.nan, x[:4, 0]),
            r"nan\.npy: sample 2 of 'emg' holds NaN",
        ),
        ("zero.npy", np.zeros((4, 4, 10)), r"zero\.npy: \['emg'\] are all zero"),
        ("short.npy", x[:, 0, :3], r"short\.npy: 'emg' is float32 \(64, 3, 10\)"),
    ):
        np.save(tmp_path / name, bad)
        with pytest.raises(EmgEdgeError, match=message):
            compile_model(path, tmp_path / name, target="host", out=tmp_path / "c")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "gesture.onnx"
    programs.write_onnx(path)
    (tmp_path / "file").touch()
    x = np.ones((4, 4, 10))
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EmgEdgeError, match=r"file/.*cannot be written \(Not a directory\)"):
            compile_model(path, x, target="host", out=out)
