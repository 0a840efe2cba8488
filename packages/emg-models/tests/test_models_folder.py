"""Model folders: what is written, that it is written whole, and everything that is refused on loading."""

import contextlib
import dataclasses
import json
import os

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    TinyMyoEncoder,
    TinyMyoPretrainer,
    from_pretrained,
    load_evaluation,
    load_labels,
    load_preprocessing,
    save_pretrained,
)
from emg_models import _files as files


@pytest.fixture
def folder(small_model, tmp_path, describe, labels):
    record = describe(small_model.config)
    return save_pretrained(small_model, tmp_path / "deep" / "model", preprocessing=record, labels=labels)


@pytest.fixture
def rewrite(folder):
    """Change the weights file through a function of its tensors."""

    def apply(change):
        path = folder / "model.safetensors"
        state = safetensors.torch.load_file(path)
        change(state)
        safetensors.torch.save_file(state, path)

    return apply


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folder_holds_what_is_needed(folder, small_model, describe, labels):
    assert sorted(content(folder)) == ["README.md", "config.json", "model.safetensors", "preprocessing.json"]
    assert load_labels(folder) == labels
    assert load_preprocessing(folder) == describe(small_model.config)
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == "TinyMyoClassifier"
    assert config["labels"] == labels
    assert config["config"] == small_model.config.to_dict()
    assert safetensors.torch.load_file(folder / "model.safetensors").keys() == small_model.state_dict().keys()


def test_evaluation_is_stored_and_shown(folder, small_model, describe, labels):
    evaluation = {"accuracy": 0.875, "n": 40, "split_hash": "ab", "per_subject": {"1": 0.9}}
    record = describe(small_model.config)
    save_pretrained(small_model, folder, preprocessing=record, labels=labels, evaluation=evaluation)
    assert json.loads((folder / "eval.json").read_text()) == evaluation == load_evaluation(folder)
    card = (folder / "README.md").read_text()
    assert card.startswith('---\nlibrary_name: emg-models\ntags:\n- emg\n- semg\nmetrics:\n- "accuracy"\n- "n"\n---\n')
    for part in (
        "- accuracy: 0.875",
        "- 0: rest",
        "100 samples at 100 Hz (1 s)",
        "recorded in V",
        "resample, filter, norm",
    ):
        assert part in card
    save_pretrained(small_model, folder, preprocessing=record, labels=labels)
    assert not (folder / "eval.json").exists()
    assert load_evaluation(folder) is None
    assert "Measured" not in (folder / "README.md").read_text()


@pytest.mark.parametrize("kind", [TinyMyoPretrainer, TinyMyoEncoder])
def test_models_without_classes(kind, small_config, tmp_path, describe):
    model = kind(dataclasses.replace(small_config, n_outputs=None)).eval()
    save_pretrained(model, tmp_path, preprocessing=describe(small_config), labels=[])
    loaded = from_pretrained(tmp_path)
    x = torch.randn(2, 8, 100)
    assert type(loaded) is kind
    assert not loaded.training
    assert torch.equal(loaded(x), model(x))
    assert load_labels(tmp_path) == []


def test_loading_leaves_the_random_generator_alone(folder):
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    from_pretrained(folder)
    assert torch.equal(torch.randn(4), expected)


def test_bytes_are_the_same_every_time(folder, small_model, describe, labels, tmp_path):
    again = save_pretrained(small_model, tmp_path / "b", preprocessing=describe(small_model.config), labels=labels)
    assert content(again) == content(folder)


@pytest.mark.parametrize("failing", ["model.safetensors", "config.json"])
def test_a_failed_save_leaves_the_old_folder(failing, folder, small_model, describe, labels, monkeypatch, stir):
    before = content(folder)
    stage = files._stage

    def full_disk(place, name, data):
        if name == failing:
            raise OSError(28, "No space left on device")
        return stage(place, name, data)

    monkeypatch.setattr(files, "_stage", full_disk)
    with pytest.raises(EmgModelsError, match=r"cannot write model.safetensors, .*No space left on device"):
        save_pretrained(stir(small_model, 1), folder, preprocessing=describe(small_model.config), labels=labels)
    assert content(folder) == before


def test_a_failed_write_removes_its_temporary_file(tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(EmgModelsError, match="Input/output error"):
        files.write_files(tmp_path, {"a": b"1"})
    assert list(tmp_path.iterdir()) == []


def test_missing_unexpected_and_misshaped_keys_are_named(folder, rewrite):
    rewrite(lambda state: state.pop("head.bias"))
    with pytest.raises(EmgModelsError, match=r"model.safetensors: 31 of 32 keys match by name; missing 'head.bias'"):
        from_pretrained(folder)


def test_unexpected_key_is_named(folder, rewrite):
    rewrite(lambda state: state.update(surplus=torch.zeros(2)))
    with pytest.raises(EmgModelsError, match="unexpected 'surplus'"):
        from_pretrained(folder)


def test_misshaped_key_is_named(folder, rewrite):
    rewrite(lambda state: state.update({"head.bias": torch.zeros(7)}))
    with pytest.raises(EmgModelsError, match=r"shape of 'head.bias' is \(7,\), required \(6,\)"):
        from_pretrained(folder)


def test_files_of_two_saves_are_noticed(folder, rewrite):
    rewrite(lambda state: state["head.bias"].add_(1))
    with pytest.raises(EmgModelsError, match=r"model.safetensors: SHA-256 .* not written together, save again"):
        from_pretrained(folder)
    record = json.loads((folder / "preprocessing.json").read_text())
    (folder / "preprocessing.json").write_text(json.dumps(record | {"unit": "mV"}))
    with pytest.raises(EmgModelsError, match=r"preprocessing.json: SHA-256 .* not written together"):
        load_preprocessing(folder)


def test_a_stale_evaluation_is_noticed(folder, small_model, describe, labels):
    record = describe(small_model.config)
    save_pretrained(small_model, folder, preprocessing=record, labels=labels, evaluation={"accuracy": 0.5})
    (folder / "eval.json").write_text('{"accuracy": 0.9}')
    with pytest.raises(EmgModelsError, match=r"eval.json: SHA-256 .* not written together"):
        load_evaluation(folder)


@settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["model.safetensors", "preprocessing.json"]), st.floats(0, 1, exclude_max=True), st.integers(1, 255)
)
def test_one_changed_byte_is_always_noticed(folder, name, where, flip):
    path = folder / name
    data = path.read_bytes()
    place = int(where * len(data))
    path.write_bytes(data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :])
    load = from_pretrained if name == "model.safetensors" else load_preprocessing
    with pytest.raises(EmgModelsError):
        load(folder)
    path.write_bytes(data)


@settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.sampled_from(b'0a"{}[],:-.\xff'))
def test_one_changed_byte_of_the_config_loads_or_is_refused(folder, where, byte):
    path = folder / "config.json"
    data = path.read_bytes()
    place = int(where * len(data))
    path.write_bytes(data[:place] + bytes([byte]) + data[place + 1 :])
    with contextlib.suppress(EmgModelsError):
        assert from_pretrained(folder).head.out_features == 6
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_blocks": 10**9}, "32 keys cannot fill n_blocks=1000000000"),
        ({"embed_dim": 10**6}, r"shape of 'encoder.mask_token' is \(1, 1, 32\), required \(1, 1, 1000000\)"),
    ],
)
def test_a_config_that_asks_for_the_moon_allocates_nothing(folder, change, message):
    path = folder / "config.json"
    header = json.loads(path.read_text())
    header["config"] |= change
    path.write_text(json.dumps(header))
    with pytest.raises(EmgModelsError, match=message):
        from_pretrained(folder)


def test_duplicate_keys_are_refused(folder):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].rstrip()
    entry = json.dumps(json.loads(header)["head.bias"])
    header = header[:-1] + f',"head.bias":{entry}}}'.encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    with pytest.raises(EmgModelsError, match=r"model.safetensors, header at byte 8: .*duplicate key 'head.bias'"):
        from_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:5], "bytes 0-7 announce a header of .* the file has 5"),
        (lambda data: (2**40).to_bytes(8, "little") + data[8:], "announce a header of 1099511627776 bytes"),
        (lambda data: data[:-4], "no valid safetensors file"),
        (lambda data: data[:8] + b"x" + data[9:], "header at byte 8: a JSON object is required"),
        (lambda data: b"PK\x03\x04" + data[4:], "a pickle or a zip archive, which can run code"),
        (lambda data: b"\x80\x04" + data[2:], "a pickle or a zip archive"),
    ],
)
def test_damaged_weights(folder, damage, message):
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(EmgModelsError, match=rf"model.safetensors.*{message}"):
        from_pretrained(folder)


def test_oversized_header_is_refused(folder):
    size = 17 * 2**20
    (folder / "model.safetensors").write_bytes(size.to_bytes(8, "little") + b" " * size)
    with pytest.raises(EmgModelsError, match="at most 16777216 are accepted"):
        from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("model.safetensors", from_pretrained),
        ("preprocessing.json", load_preprocessing),
        ("config.json", from_pretrained),
        ("config.json", load_labels),
    ],
)
def test_paths_out_of_the_folder_are_refused(folder, tmp_path, name, load):
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmgModelsError, match=rf"{name}: leads outside the folder"):
        load(folder)


def test_absent_files(folder, tmp_path):
    with pytest.raises(EmgModelsError, match=r"config.json: no such file; a folder written by save_pretrained"):
        from_pretrained(tmp_path / "nothing")
    (folder / "model.safetensors").rename(folder / "model.bin")
    with pytest.raises(EmgModelsError, match=r"pickles such as model.bin are never opened"):
        from_pretrained(folder)
    (folder / "preprocessing.json").unlink()
    with pytest.raises(EmgModelsError, match=r"preprocessing.json: no such file"):
        load_preprocessing(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format 'other'"),
        ({"model": "os.system"}, "model 'os.system'; required are keys"),
        ({"model": ["TinyMyoClassifier"]}, "model "),
        ({"config": []}, "required are keys"),
        ({"extra": 1}, "found keys .*'extra'"),
        ({"config": {"n_chans": 8}}, "missing keys"),
    ],
)
def test_malformed_config(folder, change, message):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(EmgModelsError, match=message):
        from_pretrained(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config.json: a JSON object is required"),
        ("[1]", "found list"),
        ('{"a": 1, "a": 2}', "duplicate key 'a'"),
        ('{"a": NaN}', "NaN, which is no JSON number"),
        ("[" * 100_000, "config.json: a JSON object is required"),
    ],
)
def test_unreadable_config(folder, text, message):
    (folder / "config.json").write_text(text)
    with pytest.raises(EmgModelsError, match=message):
        from_pretrained(folder)


def test_saving_refuses_what_loading_would(small_model, tmp_path, describe, labels):
    record = describe(small_model.config)
    with pytest.raises(
        EmgModelsError, match="type Linear: one of TinyMyoEncoder, TinyMyoPretrainer, TinyMyoClassifier"
    ):
        save_pretrained(torch.nn.Linear(1, 1), tmp_path / "m", preprocessing=record, labels=labels)
    with pytest.raises(EmgModelsError, match="7 labels given, the model has 6 outputs"):
        save_pretrained(small_model, tmp_path / "m", preprocessing=record, labels=[*labels, "x"])
    with pytest.raises(EmgModelsError, match="distinct strings"):
        save_pretrained(small_model, tmp_path / "m", preprocessing=record, labels=["a"] * 6)
    with pytest.raises(EmgModelsError, match=r"evaluation cannot be written as JSON .*finite numbers"):
        save_pretrained(
            small_model, tmp_path / "m", preprocessing=record, labels=labels, evaluation={"a": float("nan")}
        )
    with torch.no_grad():
        small_model.head.bias[2] = float("nan")
    with pytest.raises(EmgModelsError, match=r"NaN or infinity in \['head.bias'\]; training diverged"):
        save_pretrained(small_model, tmp_path / "m", preprocessing=record, labels=labels)
    assert not (tmp_path / "m").exists()


def test_folder_that_cannot_be_made(small_model, tmp_path, describe, labels):
    (tmp_path / "file").write_text("")
    record = describe(small_model.config)
    with pytest.raises(EmgModelsError, match=r"file.m: cannot make this folder"):
        save_pretrained(small_model, tmp_path / "file" / "m", preprocessing=record, labels=labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sfreq": 200.0}, "sfreq is 200.0, the model was built for 100.0"),
        ({"channels": ["a"]}, "number of channels is 1, the model was built for 8"),
        ({"channels": "abcdefgh"}, "a list of names is required"),
        ({"channels": ["a"] * 8}, "names occur twice"),
        ({"resample": {"method": "hold", "sfreq": 50.0}}, "sfreq after resampling is 50.0"),
        ({"resample": "hold"}, "resample='hold': an object or None"),
        ({"filter": {"kind": "sos", "sos": [[1, 2, 3]]}}, "sections of six numbers"),
        ({"filter": {"kind": "ba", "sos": [[1, 0, 0, 1, 0, 0]]}}, "kind 'sos'"),
        ({"filter": {"kind": "sos", "sos": []}}, "sections of six numbers"),
        ({"normalisation": {"kind": "zscore", "mean": [0.0] * 8, "std": [1.0] * 7}}, "for each of 8 channels"),
        ({"normalisation": {"kind": "zscore", "mean": [0.0] * 8, "std": [0.0] * 8}}, "std > 0"),
        ({"window": {"length": 100, "hop": 25, "unit": "s"}}, "unit 'samples'"),
        ({"window": {"length": 99, "hop": 25, "unit": "samples"}}, "window length is 99"),
        ({"window": None}, "window=None"),
    ],
)
def test_preprocessing_must_fit_the_model(change, message, small_model, tmp_path, describe, labels):
    with pytest.raises(EmgModelsError, match=message):
        save_pretrained(
            small_model, tmp_path / "m", preprocessing=describe(small_model.config, **change), labels=labels
        )
    assert not (tmp_path / "m").exists()


def test_preprocessing_may_do_nothing_and_say_more(small_model, tmp_path, describe, labels):
    record = describe(small_model.config, resample=None, filter=None, normalisation={"kind": "minmax"}, note="as is")
    save_pretrained(small_model, tmp_path, preprocessing=record, labels=labels)
    assert load_preprocessing(tmp_path) == record
    del record["filter"]
    with pytest.raises(EmgModelsError, match=r"preprocessing lacks \['filter'\].*None where nothing is done"):
        save_pretrained(small_model, tmp_path, preprocessing=record, labels=labels)
