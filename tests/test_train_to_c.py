"""One path through all five packages on forged recordings: read, filter, train, export, compile, run, compare."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import emg_distill
import emg_edge
import emg_io
import emg_models

PROTOCOL = "uci/subject-disjoint"
RV32_TOOLS = ("riscv64-unknown-elf-gcc", "qemu-system-riscv32")


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Five forged subjects, cut by the protocol."""
    folder = emg_io.synthesize(tmp_path_factory.mktemp("uci"), format="uci", n_subjects=5, seed=3)
    return folder, emg_distill.load_protocol(PROTOCOL, folder)


@pytest.fixture(scope="session")
def student(data, tmp_path_factory):
    """A student trained for a few steps: enough to leave the initial weights."""
    recipe = emg_distill.load_recipe(
        "uci-finetune", ["train.epochs=2", "model.n_blocks=1", "model.embed_dim=32", "model.n_heads=2"]
    )
    return emg_distill.finetune(recipe, data[1], tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def compiled(data, student, tmp_path_factory):
    out = tmp_path_factory.mktemp("compiled")
    path = emg_models.export_onnx(
        emg_models.from_pretrained(student.folder),
        out / "student.onnx",
        preprocessing=emg_models.load_preprocessing(student.folder),
        labels=emg_models.load_labels(student.folder),
    )
    return emg_edge.compile_model(path, data[1].train.x[:128], target="gap9", out=out)


def test_subjects_are_disjoint(data):
    parts = [set(part.subject) for part in (data[1].train, data[1].val, data[1].test)]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_stored_number_is_found_again(data, student):
    again = emg_distill.evaluate(student.folder, data[0], PROTOCOL, part="test")
    assert again["accuracy"] == pytest.approx(student.metrics["test"]["accuracy"], abs=1e-9)
    assert again["split_hash"] == data[1].split_hash
    assert emg_distill.verify(student.folder, data[0]).holds


def test_preprocessing_travels_from_protocol_to_program(data, compiled):
    travelled = json.loads(compiled.program.metadata["emg.preprocessing"])
    assert travelled["window"].pop("seconds") == data[1].n_times / data[1].sfreq
    assert travelled == data[1].preprocessing
    assert json.loads(compiled.program.metadata["emg.labels"]) == data[1].labels


def test_c_equals_the_reference_in_every_layer(data, compiled):
    comparison = compiled.compare(data[1].test.x[:32])
    assert comparison.equal, str(comparison.difference)
    assert comparison.layers == len(compiled.program.ops)


def test_integer_accuracy_is_near_float(data, student, compiled):
    test = data[1].test
    integer = compiled.evaluate(test.x, test.y, backend="c")
    assert integer == {**compiled.evaluate(test.x, test.y, backend="reference"), "backend": "c"}
    assert integer["accuracy"] == pytest.approx(student.metrics["test"]["accuracy"], abs=0.03)


@pytest.mark.rv32
def test_rv32_equals_the_reference(data, compiled):
    missing = [tool for tool in RV32_TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"{missing} not installed: the Debian packages are named in the README")
    comparison = compiled.compare(data[1].test.x[:2], backend="rv32")
    assert comparison.equal, str(comparison.difference)


@pytest.mark.real
def test_real_recordings_through_the_student(student):
    if "EMG_DATA" not in os.environ:
        pytest.skip("EMG_DATA is not set: real UCI recordings are not tested")
    real = emg_distill.load_protocol(PROTOCOL, Path(os.environ["EMG_DATA"]))
    assert len({*real.train.subject, *real.val.subject, *real.test.subject}) == 27
    assert np.isfinite(real.train.x).all()
    spread = real.train.x.std(axis=(0, 2))
    np.testing.assert_allclose(spread, 1.0, atol=1e-2)
    assert student.model(torch.from_numpy(real.test.x[:4])).shape == (4, 6)
