"""Model folders: what is written, that it is written whole, and everything that is refused on loading."""

import contextlib
import copy
import dataclasses
import hashlib
import json
import os
import random
import threading

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    TinyMyoClassifier,
    TinyMyoEncoder,
    TinyMyoPretrainer,
    create_model,
    from_pretrained,
    load_evaluation,
    load_labels,
    load_preprocessing,
    save_pretrained,
)
from emg_models import _files as files
from emg_models import _state as state


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


def with_seconds(record, config):
    return record | {"window": record["window"] | {"seconds": config.n_times / config.sfreq}}


def edit_config(folder, change):
    path = folder / "config.json"
    header = json.loads(path.read_text())
    header["config"] |= change
    path.write_text(json.dumps(header))


def sign(folder):
    """Let config.json vouch for the files as they are now, as somebody who means harm would."""
    path = folder / "config.json"
    header = json.loads(path.read_text())
    header["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in header["sha256"]}
    path.write_text(json.dumps(header))


def test_device_and_dtype(folder, small_model):
    loaded = from_pretrained(folder, dtype=torch.bfloat16)
    assert {value.dtype for value in loaded.parameters()} == {torch.bfloat16}
    torch.testing.assert_close(loaded.head.weight.float(), small_model.head.weight, atol=1e-3, rtol=1e-2)
    assert from_pretrained(folder, device="meta").head.weight.is_meta


def test_a_loaded_model_trains(folder):
    model = from_pretrained(folder).train()
    model(torch.randn(2, 8, 100)).square().mean().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert not torch.equal(model.head.weight, from_pretrained(folder).head.weight)


def test_folder_holds_what_is_needed(folder, small_model, describe, labels):
    assert sorted(content(folder)) == ["README.md", "config.json", "model.safetensors", "preprocessing.json"]
    assert load_labels(folder) == labels
    assert load_preprocessing(folder) == with_seconds(describe(small_model.config), small_model.config)
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == "TinyMyoClassifier"
    assert config["labels"] == labels
    assert config["config"] == small_model.config.to_dict()
    assert safetensors.torch.load_file(folder / "model.safetensors").keys() == small_model.state_dict().keys()


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
    rewrite(lambda tensors: tensors.pop("head.bias"))
    with pytest.raises(EmgModelsError, match=r"model.safetensors: 31 of 32 keys match by name; missing 'head.bias'"):
        from_pretrained(folder)


def test_unexpected_key_is_named(folder, rewrite):
    rewrite(lambda tensors: tensors.update(surplus=torch.zeros(2)))
    with pytest.raises(EmgModelsError, match="unexpected 'surplus'"):
        from_pretrained(folder)


def test_misshaped_key_is_named(folder, rewrite):
    rewrite(lambda tensors: tensors.update({"head.bias": torch.zeros(7)}))
    with pytest.raises(EmgModelsError, match=r"shape of 'head.bias' is \(7,\), required \(6,\)"):
        from_pretrained(folder)


def test_another_kind_of_number_is_named(folder, rewrite):
    rewrite(lambda tensors: tensors.update({"head.bias": torch.zeros(6, dtype=torch.float64)}))
    with pytest.raises(EmgModelsError, match=r"dtype of 'head.bias' is torch.float64, required torch.float32"):
        from_pretrained(folder)


def test_a_long_list_of_differences_is_cut(folder, rewrite):
    rewrite(lambda tensors: tensors.update({f"surplus{index}": torch.zeros(1) for index in range(300)}))
    with pytest.raises(EmgModelsError, match=r"unexpected 'surplus0'.* and 100 more") as caught:
        from_pretrained(folder)
    assert len(str(caught.value)) < 10_000


def test_weights_that_are_not_finite_are_refused_even_when_signed(folder, rewrite):
    rewrite(lambda tensors: tensors["head.bias"][1].fill_(float("inf")))
    sign(folder)
    with pytest.raises(EmgModelsError, match=r"model.safetensors: NaN or infinity in \['head.bias'\]"):
        from_pretrained(folder)


def test_files_of_two_saves_are_noticed(folder, rewrite):
    rewrite(lambda tensors: tensors["head.bias"].add_(1))
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


def test_random_damage_is_refused_or_harmless(tmp_path, describe):
    """Three hundred random edits of any file, signed or not: an error of ours, or a model that computes."""
    model = create_model("sconvnet", rows=2, cols=2, width=2, hidden=2, n_outputs=2)
    folder = save_pretrained(model, tmp_path, preprocessing=describe(model.config), labels=["a", "b"])
    chance = random.Random(0)  # noqa: S311  no secret
    before, outcomes = content(folder), []
    for _ in range(300):
        name = chance.choice(["config.json", "preprocessing.json", "model.safetensors"])
        (folder / name).write_bytes(damaged(before[name], chance))
        if name != "config.json" and chance.random() < 0.5:
            sign(folder)
        outcomes.append(outcome(folder))
        for file, data in before.items():
            (folder / file).write_bytes(data)
    assert set(outcomes) == {"refused", "loaded"}
    assert outcome(folder) == "loaded"


def damaged(data, chance):
    """Change, drop, repeat or insert a few bytes; two times in three near the start, where headers are."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        at = chance.randrange(min(len(data), chance.choice([64, 3000, len(data)])))
        size = chance.choice([1, 1, 4, 64])
        piece = bytes(chance.choices(b'0123456789{}[]",:-. \x00\xff\x80eE', k=size))
        data[at : at + chance.choice([0, size, size])] = chance.choice([piece, data[at : at + 2 * size]])
    return bytes(data)


def outcome(folder):
    try:
        model = from_pretrained(folder)
        load_preprocessing(folder)
        load_labels(folder)
    except EmgModelsError:
        return "refused"
    return "loaded" if model(torch.ones(1, *model.config.input_shape)).isfinite().all() else "broken"


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
        ({"model": "os.system"}, "model class 'os.system' is unknown; one of .*TinyMyoClassifier"),
        ({"model": "TinyMyoEncoder"}, "n_outputs=6: TinyMyoEncoder .tokens. has no outputs"),
        ({"model": "GengNet"}, r"config.json: GengNetConfig: unknown keys \['attn_dropout'"),
        ({"model": ["TinyMyoClassifier"]}, r"unfitting \['model'\]"),
        ({"config": []}, r"unfitting \['config'\]"),
        ({"extra": 1}, "found keys .*'extra'"),
        ({"config": {"n_chans": 8}}, "missing keys"),
        ({"sha256": {"../model.safetensors": "0"}}, r"sha256 of \['../model.safetensors'\]; only"),
        ({"sha256": {}}, "SHA-256 .* not written together"),
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
        ('{"a": 1e999}', "1e999, which no float64 can hold"),
        ('{"a": 100000000000000000000}', "an integer beyond 64 bits"),
        ("[" * 100_000, "config.json: a JSON object is required"),
        ('{"a":' * 100_000, "config.json: a JSON object is required"),
        (" " * 2**24 + "{}", "larger than 16777216 bytes"),
        ("\ud800", "a JSON object is required"),
    ],
)
def test_unreadable_config(folder, text, message):
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    for load in (from_pretrained, load_labels, load_preprocessing, load_evaluation):
        with pytest.raises(EmgModelsError, match=message):
            load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_blocks": 10**9}, "config.json: n_blocks=1000000000: an integer >= 1 is required, at most 1024"),
        (
            {"n_blocks": 1000},
            "32 keys cannot fill the network that the configuration describes, .*more than 1640 parts",
        ),
        ({"embed_dim": 10**6}, r"shape of 'encoder.mask_token' is \(1, 1, 32\), required \(1, 1, 1000000\)"),
        ({"n_chans": 2**17, "max_chans": 2**17}, r"shape of 'encoder.channel_embed' .*; shape of 'head.weight'"),
    ],
)
def test_a_config_that_asks_for_the_moon_allocates_nothing(folder, change, message):
    edit_config(folder, change)
    with pytest.raises(EmgModelsError, match=message):
        from_pretrained(folder)


def test_huge_tables_are_refused(folder, monkeypatch):
    monkeypatch.setattr(state, "MAX_BUFFERS", 100)
    with pytest.raises(EmgModelsError, match=r"asks for \d+ bytes of tables beside the weights, at most 100"):
        from_pretrained(folder)


def test_a_family_that_trusts_its_configuration_gives_no_other_error(folder, monkeypatch):
    def careless(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(TinyMyoClassifier, "__init__", careless)
    with pytest.raises(EmgModelsError, match=r"no network can be built .*\(division by zero\); save again"):
        from_pretrained(folder)
    monkeypatch.setattr(TinyMyoClassifier.Config, "__post_init__", careless)
    with pytest.raises(EmgModelsError, match=r"config.json: no TinyMyoConfig \(division by zero\)"):
        from_pretrained(folder)


def test_other_threads_may_build_models_meanwhile(folder, small_config, monkeypatch):
    """The hooks that bound and hollow a network are torch's, for all threads; ours look at their own thread alone."""
    original, built = TinyMyoClassifier.__init__, []

    def build_another(self, config):
        if threading.current_thread() is threading.main_thread():
            aside = threading.Thread(target=lambda: built.append(TinyMyoClassifier(small_config)))
            aside.start()
            aside.join()
        original(self, config)

    monkeypatch.setattr(TinyMyoClassifier, "__init__", build_another)
    loaded = from_pretrained(folder)
    assert len(built) == 2
    assert not any(value.is_meta for model in (loaded, *built) for value in model.state_dict().values())


def test_saving_refuses_what_loading_would(small_model, tmp_path, describe, labels):
    record = describe(small_model.config)
    with pytest.raises(EmgModelsError, match="type Linear: a model of this package is required"):
        save_pretrained(torch.nn.Linear(1, 1), tmp_path / "m", preprocessing=record, labels=labels)
    lookalike = type("TinyMyoClassifier", (TinyMyoClassifier,), {})(small_model.config)
    with pytest.raises(EmgModelsError, match=r"is not the registered .*only that can be read again"):
        save_pretrained(lookalike, tmp_path / "m", preprocessing=record, labels=labels)
    with pytest.raises(EmgModelsError, match="7 labels given, the model has 6 outputs"):
        save_pretrained(small_model, tmp_path / "m", preprocessing=record, labels=[*labels, "x"])
    with pytest.raises(EmgModelsError, match="distinct strings"):
        save_pretrained(small_model, tmp_path / "m", preprocessing=record, labels=["a"] * 6)
    with pytest.raises(EmgModelsError, match=r"evaluation cannot be written as JSON .*finite numbers"):
        save_pretrained(
            small_model, tmp_path / "m", preprocessing=record, labels=labels, evaluation={"a": float("nan")}
        )
    with pytest.raises(EmgModelsError, match=r"to save: .*dtype of 'head.bias' is torch.float16, req"):
        save_pretrained(copy.deepcopy(small_model).half(), tmp_path / "m", preprocessing=record, labels=labels)
    with pytest.raises(EmgModelsError, match=r"labels=\['a', 'b', .*distinct strings"):
        save_pretrained(small_model, tmp_path / "m", preprocessing=record, labels="abcdef")
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
