"""The contract of every command: one JSON document, its exit code, one line for people; failures touch nothing."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper
from pathlib import Path
from unittest import mock

import edge_frontend as fronts
import edge_programs as programs
import numpy as np
import onnx
import pytest
from edge_commands import FAILURES, SUCCESSES
from edge_tools import console, needs
from onnx import TensorProto, helper, numpy_helper

from emg_edge import CompiledModel, EmgEdgeError, commands, load_compiled
from emg_edge._artifact import write_artifact
from emg_edge._cli import app, main
from emg_edge._files import put, remove

pytestmark = needs("gcc")
SECTIONS = (fronts.butter(20, 1000, high=True),)
CALIBRATE = ("--calibration", "x.npz")
ROW = {"name", "op", "macs", "cycles", "energy_uj", "sqnr_db"}


def write_two(path, rng):
    """Two inputs, two outputs."""
    weights = {name: rng.normal(size=(6, n)).astype(np.float32) for name, n in (("u", 4), ("v", 3), ("w", 6))}
    nodes = [
        helper.make_node("Gemm", ["a", "u"], ["p"], transB=1),
        helper.make_node("Gemm", ["b", "v"], ["q"], transB=1),
        helper.make_node("Add", ["p", "q"], ["s"]),
        helper.make_node("Gemm", ["s", "w"], ["z"], transB=1),
    ]
    ports = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, n)) for name, n in SIZES.items()}
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "two", [ports["a"], ports["b"]], [ports["z"], ports["s"]], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


SIZES = {"a": 4, "b": 3, "z": 6, "s": 6}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """A folder in which every command has succeeded, and what each answered."""
    place, rng = tmp_path_factory.mktemp("commands"), np.random.default_rng(0)
    arrays = fronts.write_model(
        place / "m.onnx", fronts.record(SECTIONS, {"kind": "zscore", "mean": [0.0] * 4, "std": [1e-4] * 4})
    )
    write_two(place / "two.onnx", rng)
    programs.write_onnx(place / "odd.onnx", op="Bernoulli")
    x = rng.normal(size=(64, 4, 10)).astype(np.float32)
    two = {name: rng.normal(size=(64, SIZES[name])).astype(np.float32) for name in "ab"}
    samples = {"x": {"any": x}, "two": two, "uneven": {**two, "b": two["b"][1:]}, "shape": {"x": x[:, 1:]}}
    samples |= {"nan": {"x": x * np.nan}, "text": {"x": np.array(["a"])}}
    samples |= {"codes": {"codes": rng.normal(0, 300, (4, 100)).astype(np.int16)}}
    for name, content in samples.items():
        np.savez(place / f"{name}.npz", **content)
    y = programs.float_perceptron(arrays, x).argmax(1)
    for name, labels in {"y": y, "far": np.full(64, 9), "long": np.zeros(65, int)}.items():
        np.save(place / f"{name}.npy", labels)
    (place / "raw.json").write_text(json.dumps({"scale": 1e-6, "unit": "V"}))
    (place / "empty").touch()
    (place / "d").mkdir()
    found = {}
    for command in SUCCESSES:
        done = console(*command.split(), "--json", cwd=place)
        assert (done.returncode, done.stderr) == (0, ""), (command, done)
        assert done.stdout.count("\n") == 1
        found[command] = json.loads(done.stdout)
    scores = [answer for command, answer in found.items() if command.startswith("evaluate")]
    variants = {"c": {}, "other": {"hash": "0"}, "worse": {"accuracy": 0.0}}
    for name, change in variants.items():
        (place / f"{name}.json").write_text(json.dumps({**scores[0], **change}))
    (place / "few.json").write_text(json.dumps({**scores[1], "n": 3}))
    (place / "reference.json").write_text(json.dumps(scores[1]))
    return place, found


def contents(place):
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in place.rglob("*")
        if "__pycache__" not in path.parts
    }


def test_every_command_succeeds_with_what_it_promises(answers):
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert {command.split()[0] for command in SUCCESSES} == names
    assert {name.removesuffix("_") for name in commands.__all__} == names | {"show", "waiting"}
    for command, keys in SUCCESSES.items():
        assert keys <= set(answers[1][command]), command
    for command, answer in answers[1].items():
        if command.startswith("compile"):
            assert set(answer["memory"]) == {"l1", "l2", "l3", "stack"}
            assert all(set(row) >= ROW for row in answer["layers"])
        assert answer.get("equal", True) is True
    assert "odd.onnx" not in str(answers[1])


def test_every_failure_is_one_line_with_its_code_and_touches_nothing(answers):
    place, _ = answers
    assert {command.split()[0] for command, _, _ in FAILURES} == {command.split()[0] for command in SUCCESSES}
    before = contents(place)
    wrong = {
        command: found for command, code, message in FAILURES if (found := complaint(place, command, code, message))
    }
    assert wrong == {}
    assert contents(place) == before


def complaint(place, command, code, message):
    """What is wrong with how a command fails; nothing where all is well."""
    done = console(*command.split(), "--json", cwd=place)
    if done.returncode != code or (code == 2):
        return "" if (done.returncode, done.stdout, "Usage: " in done.stderr) == (code, "", True) else done
    answer = json.loads(done.stdout)
    listed = [set(row) for row in answer.get("unsupported", [])]
    lines = answer["error"].count("\n") + 1
    sound = (done.stdout.count("\n"), done.stderr) == (1, "") and message in answer["error"]
    wanted = ([{"node", "op", "why", "change"}], 2) if "unsupported" in message else ([], 1)
    return "" if sound and (listed, lines) == wanted else answer


def test_people_read_one_line(answers):
    place, _ = answers
    for command in ("simulate nope", "run out --input nan.npz --output w.npz"):
        done = console(*command.split(), cwd=place)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        assert done.stderr.startswith("emg-edge: ")
    for command in ("evaluate out --data x.npz --labels y.npy --model m.onnx", "simulate out", "inspect m.onnx"):
        assert console(*command.split(), cwd=place).stdout.count("\n") > 3


def test_several_evaluations_stand_in_one_table_with_front_end_ranking_and_tiles(answers, tmp_path):
    place, found = answers
    evaluations = ("--evaluation", "c.json", "--evaluation", "reference.json")
    done = console("report", "out", "--output", tmp_path / "r.html", *evaluations, cwd=place)
    assert done.returncode == 0, done
    page = (tmp_path / "r.html").read_text()
    assert [page.index(f"<td>{by}</td>") for by in ("float", "reference", "c")] == sorted(
        page.index(f"<td>{by}</td>") for by in ("float", "reference", "c")
    )
    front = found["simulate out"]["frontend"]
    assert f"{front['cycles_per_frame']:,} cycles" in page
    assert f"{front['real_time_factor']:,.1f} times faster" in page
    assert ">tiles</th>" in page
    assert "Layers that hurt" not in page  # nobody measured them
    page = (place / "page.html").read_text()
    worst = next(row for row in found["compile q --out from_q --raw raw.json"]["ranking"] if row["removed"] > 0)
    assert "Layers that hurt" in page
    assert worst["advice"].split(":")[0] in page
    assert (place / "page.csv").is_file()


def test_the_float_model_is_evaluated_on_the_same_samples(answers):
    answer = answers[1]["evaluate out --data x.npz --labels y.npy --model m.onnx"]
    assert answer["float"]["accuracy"] == 1.0  # its own labels
    assert answer["points_lost"] == pytest.approx(100 * (1 - answer["accuracy"]))
    assert answer["float"]["n"] == answer["n"] == 64


def test_a_full_disk_leaves_the_earlier_model_whole(answers, tmp_path, monkeypatch):
    place, _ = answers
    shutil.copytree(place / "out", tmp_path / "out")
    before, left = contents(tmp_path), [4]

    def fsync(descriptor):
        del descriptor
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    for out in (tmp_path / "out", tmp_path / "new" / "deep"):
        left[0] = 4
        done = console("compile", "m.onnx", *CALIBRATE, "--out", out, "--target", "rv32", "--json", cwd=place)
        assert (done.returncode, "No space left on device" in json.loads(done.stdout)["error"]) == (3, True)
    assert contents(tmp_path) == before
    load_compiled(tmp_path / "out")


def test_an_interrupted_command_exits_130_and_leaves_the_earlier_model_whole(answers, tmp_path, monkeypatch):
    place, _ = answers
    shutil.copytree(place / "out", tmp_path / "out")
    before = contents(tmp_path)

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    done = console("compile", "m.onnx", *CALIBRATE, "--out", tmp_path / "out", "--json", cwd=place)
    assert (done.returncode, json.loads(done.stdout)["error"]) == (130, "interrupted; what was written before is whole")
    assert contents(tmp_path) == before


def test_what_does_not_fit_into_memory_is_said(answers, monkeypatch):
    place, _ = answers
    monkeypatch.setattr(CompiledModel, "quantise", mock.Mock(side_effect=MemoryError))
    done = console("run", "out", "--input", "x.npz", "--output", "w.npz", "--json", cwd=place)
    assert (done.returncode, "give fewer samples" in json.loads(done.stdout)["error"]) == (3, True)


def test_two_writers_of_one_folder_take_turns(answers, tmp_path):
    place, _ = answers
    models = [load_compiled(place / name) for name in ("out", "both")]
    big = {"c/filler": b"x" * 10**6}
    with ThreadPoolExecutor(4) as pool:
        writers = [
            pool.submit(write_artifact, tmp_path / "o", m.program, {"layers.json": m.summary}, big) for m in models * 4
        ]
        assert [writer.result() for writer in writers] == [None] * 8
    assert load_compiled(tmp_path / "o").program.name in {m.program.name for m in models}


def test_a_foreign_manifest_removes_nothing(answers, tmp_path):
    place, _ = answers
    (tmp_path / "precious.txt").write_text("mine")
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {"precious.txt": "0", "../x": "1", "c": 3}}))
    model = load_compiled(place / "both")
    write_artifact(tmp_path, model.program, {"layers.json": model.summary}, {})
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_odd_names_are_printed_as_they_are(answers):
    place, _ = answers
    odd = "ö [red]x[/red] $x"
    shutil.copytree(place / "out", place / odd)
    done = console("run", odd, "--input", "x.npz", "--output", f"{odd}.npz", "--backend", "reference", cwd=place)
    assert (done.returncode, f"{odd}.npz" in done.stdout.replace("\n", " ")) == (0, True)
    done = console("report", odd, cwd=place)
    assert (done.returncode, "[red]" in done.stdout) == (0, True)


class Full(io.StringIO):
    """A stdout on a full disk."""

    def flush(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("words", [["simulate", "out"], ["simulate", "out", "--json"]])
def test_an_answer_that_cannot_be_written_is_a_failure(answers, monkeypatch, capsys, words):
    monkeypatch.chdir(answers[0])
    monkeypatch.setattr("sys.argv", ["emg-edge", *words])
    monkeypatch.setattr("sys.stdout", Full())
    with pytest.raises(SystemExit) as left:
        main()
    sys.stdout.close()
    assert left.value.code == 3
    assert capsys.readouterr().err == (
        "emg-edge: the answer cannot be written (No space left on device); what was computed is done\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_plain_terminal_gets_plain_characters_and_a_closed_one_nothing(answers, monkeypatch, encoding):
    monkeypatch.chdir(answers[0])
    monkeypatch.setattr("sys.argv", ["emg-edge", "inspect", "µ–.onnx"])
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", TextIOWrapper(io.BytesIO(), encoding=encoding))
    with pytest.raises(SystemExit) as left:
        main()
    sys.stdout.close()
    sys.stderr.flush()
    written = sys.stderr.buffer.getvalue().decode(encoding)
    assert (left.value.code, "\\u2013.onnx: no such file" in written, written.count("\n")) == (3, True, 1)


def test_what_may_not_be_read_is_named(answers, monkeypatch):
    refuse = mock.Mock(side_effect=PermissionError(errno.EACCES, os.strerror(errno.EACCES), "out/manifest.json"))
    monkeypatch.setattr("emg_edge._model.read_program", refuse)
    done = console("simulate", "out", cwd=answers[0])
    assert (done.returncode, done.stderr) == (
        3,
        "emg-edge: out/manifest.json: Permission denied; give a path that can be read and written\n",
    )


def test_errors_that_nobody_expects_are_not_hidden(answers, monkeypatch):
    monkeypatch.setattr("emg_edge._model.read_program", mock.Mock(side_effect=ValueError("a mistake of ours")))
    with pytest.raises(ValueError, match="a mistake of ours"):
        console("simulate", "out", cwd=answers[0])


@pytest.mark.parametrize("method", ["replace", "unlink"])
def test_a_place_that_changes_its_mind_is_named(tmp_path, monkeypatch, method):
    monkeypatch.setattr(Path, method, mock.Mock(side_effect=PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(EmgEdgeError, match=r"f: cannot be written \(Permission denied\); give a path in a folder"):
        remove(tmp_path / "f") if method == "unlink" else put({tmp_path / "f": tmp_path / "t"})
