"""The Hub behind a fake: which files are asked for, at which commit, where they go, and what is refused."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from emg_models import EmgModelsError, download_folder, from_hub, push_to_hub, save_pretrained
from emg_models import load_evaluation as evaluation_of

huggingface_hub = pytest.importorskip("huggingface_hub")

COMMITS = ["a" * 40, "b" * 40]
NAME = "owner/model-1"


class FakeHub:
    """Repositories in memory: what is there, and what was asked for."""

    def __init__(self):
        self.repositories = {}
        self.asked = []
        self.down = False

    def HfApi(self, token=None):  # noqa: N802  the Hub's name
        self.token = token
        return self

    def model_info(self, repo_id, revision=None):
        self.asked.append(("info", revision))
        if self.down:
            raise ConnectionError("no network")
        commits = self.repositories[repo_id]
        commit = list(commits)[-1] if revision in {None, "main"} else revision
        return SimpleNamespace(sha=commit, siblings=[SimpleNamespace(rfilename=name) for name in commits[commit]])

    def hf_hub_download(self, repo_id, filename, *, revision, local_dir, **_):
        self.asked.append((filename, revision))
        path = Path(local_dir) / filename
        path.write_bytes(self.repositories[repo_id][revision][filename])
        return str(path)

    def create_repo(self, repo_id, *, private, exist_ok):
        self.asked.append(("create", private, exist_ok))
        self.repositories.setdefault(repo_id, {})

    def CommitOperationAdd(self, path_in_repo, path_or_fileobj):  # noqa: N802  the Hub's name
        return path_in_repo, Path(path_or_fileobj).read_bytes()

    def create_commit(self, repo_id, operations, *, commit_message):
        self.asked.append(("commit", commit_message))
        commit = COMMITS[len(self.repositories[repo_id])]
        self.repositories[repo_id][commit] = dict(operations)
        return SimpleNamespace(oid=commit)


@pytest.fixture
def hub(monkeypatch):
    fake = FakeHub()
    for name in ("HfApi", "hf_hub_download", "CommitOperationAdd"):
        monkeypatch.setattr(huggingface_hub, name, getattr(fake, name))
    return fake


@pytest.fixture
def folder(small_model, tmp_path, describe, labels):
    record = describe(small_model.config)
    save_pretrained(
        small_model, tmp_path / "m", preprocessing=record, labels=labels, evaluation={"metrics": {"accuracy": 0.5}}
    )
    (tmp_path / "m" / "optimiser.pt").write_bytes(b"\x80\x02")
    return tmp_path / "m"


def test_what_is_pushed_is_what_is_loaded(hub, folder, small_model, tmp_path):
    commit = push_to_hub(folder, NAME, message="first", token="t")  # noqa: S106  no secret
    assert commit == COMMITS[0]
    assert hub.token == "t"  # noqa: S105  no secret
    assert ("create", True, True) in hub.asked
    assert ("commit", "first") in hub.asked
    sent = hub.repositories[NAME][commit]
    assert sorted(sent) == ["README.md", "config.json", "eval.json", "model.safetensors", "preprocessing.json"]
    x = torch.randn(1, 8, 100)
    loaded = from_hub(NAME, revision=commit, cache_dir=tmp_path / "cache")
    with torch.no_grad():
        assert torch.equal(loaded(x), small_model(x))
    place = download_folder(NAME, revision=commit, cache_dir=tmp_path / "cache")
    assert evaluation_of(place) == {"metrics": {"accuracy": 0.5}}


def test_only_known_files_are_fetched_and_only_once(hub, folder, tmp_path):
    commit = push_to_hub(folder, NAME)
    hub.repositories[NAME][commit] |= {"evil.pt": b"\x80\x02", "../../up": b"x", "sub/config.json": b"{}"}
    hub.asked.clear()
    place = download_folder(NAME, cache_dir=tmp_path / "cache")
    assert hub.asked[0] == ("info", None)
    assert {name for name, _ in hub.asked[1:]} == {path.name for path in folder.iterdir()} - {"optimiser.pt"}
    assert {revision for _, revision in hub.asked[1:]} == {commit}
    assert place == tmp_path / "cache" / "emg-models" / "owner--model-1" / commit
    hub.asked.clear()
    assert download_folder(NAME, cache_dir=tmp_path / "cache") == place
    assert hub.asked == [("info", None)]


def test_a_pinned_commit_needs_no_network_twice(hub, folder, tmp_path):
    first = push_to_hub(folder, NAME)
    second = push_to_hub(folder, NAME)
    place = download_folder(NAME, revision=first, cache_dir=tmp_path)
    assert download_folder(NAME, cache_dir=tmp_path).name == second
    hub.down = True
    hub.asked.clear()
    assert download_folder(NAME, revision=first, cache_dir=tmp_path) == place
    assert hub.asked == []
    with pytest.raises(EmgModelsError, match=r"owner/model-1: the Hub cannot serve this .ConnectionError: no network."):
        download_folder(NAME, cache_dir=tmp_path)


def test_an_interrupted_download_is_taken_up_again(hub, folder, tmp_path, monkeypatch):
    commit = push_to_hub(folder, NAME)
    fetch = hub.hf_hub_download

    def interrupted(repo_id, filename, **options):
        if filename == "preprocessing.json":
            raise OSError("line dropped")
        return fetch(repo_id, filename, **options)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", interrupted)
    with pytest.raises(EmgModelsError, match="OSError: line dropped"):
        from_hub(NAME, revision=commit, cache_dir=tmp_path)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    assert from_hub(NAME, revision=commit, cache_dir=tmp_path).config.n_outputs == 6


def test_what_comes_is_read_as_strictly_as_a_folder(hub, folder, tmp_path):
    commit = push_to_hub(folder, NAME)
    files = hub.repositories[NAME][commit]
    files["model.safetensors"] = b"\x80\x04\x95" + bytes(20)
    with pytest.raises(EmgModelsError, match="a pickle or a zip archive"):
        from_hub(NAME, cache_dir=tmp_path / "cache")
    del files["preprocessing.json"]
    with pytest.raises(EmgModelsError, match=r"lacks \['preprocessing.json'\]; a repository with a folder of save_pre"):
        from_hub(NAME, cache_dir=tmp_path / "other")


def test_a_link_that_leads_out_is_refused(hub, folder, tmp_path, monkeypatch):
    push_to_hub(folder, NAME)

    def link(repo_id, filename, *, local_dir, **_):
        (Path(local_dir) / filename).symlink_to(folder / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", link)
    with pytest.raises(EmgModelsError, match=r"config\.json: leads outside the folder"):
        download_folder(NAME, cache_dir=tmp_path / "cache")


def test_a_commit_that_is_no_hash_never_becomes_a_path(hub, folder, tmp_path):
    commit = push_to_hub(folder, NAME)
    hub.repositories[NAME]["../../up"] = hub.repositories[NAME].pop(commit)
    with pytest.raises(EmgModelsError, match=r"at \.\./\.\./up: lacks"):
        download_folder(NAME, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("name", ["model", "a/b/c", "../x", "a/..", "/etc/passwd", "a/b\n", "", "ä/b", "a b/c"])
def test_names(name, hub, folder):
    with pytest.raises(EmgModelsError, match="'owner/name' is required"):
        download_folder(name)
    with pytest.raises(EmgModelsError, match="'owner/name' is required"):
        push_to_hub(folder, name)
    assert hub.asked == []


def test_a_broken_folder_is_not_pushed(hub, folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(EmgModelsError, match="not written together"):
        push_to_hub(folder, NAME)
    assert hub.asked == []


def test_a_folder_without_evaluation_is_pushed_without(hub, folder, small_model, describe, labels):
    save_pretrained(small_model, folder, preprocessing=describe(small_model.config), labels=labels)
    assert "eval.json" not in hub.repositories.get(NAME, {})
    commit = push_to_hub(folder, NAME)
    assert "eval.json" not in hub.repositories[NAME][commit]


def test_the_default_cache_is_the_hubs(hub, folder, tmp_path, monkeypatch):
    push_to_hub(folder, NAME)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert download_folder(NAME).is_relative_to(tmp_path / "hub" / "emg-models")


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(EmgModelsError, match=r"run: pip install 'emg-models\[hub\]'"):
        from_hub(NAME)


def test_the_real_library_takes_our_arguments():
    """The fake could drift: every argument we pass is one the installed library knows."""
    import inspect

    api = huggingface_hub.HfApi
    known = inspect.signature(huggingface_hub.hf_hub_download).parameters
    assert {"repo_id", "filename", "revision", "local_dir", "token"} <= set(known)
    assert "revision" in inspect.signature(api.model_info).parameters
    assert {"repo_id", "operations", "commit_message"} <= set(inspect.signature(api.create_commit).parameters)
    assert {"repo_id", "private", "exist_ok"} <= set(inspect.signature(api.create_repo).parameters)
    operation = huggingface_hub.CommitOperationAdd("a", b"x")
    assert operation.path_in_repo == "a"
