"""Model folders on the Hugging Face Hub (extra ``hub``): only a folder's files are fetched, and read as strictly."""

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ._errors import EmgModelsError
from ._files import inside, make_folder
from ._folder import FILES, from_pretrained, load_evaluation, load_labels, load_preprocessing
from ._model import EmgModel

__all__ = ["download_folder", "from_hub", "push_to_hub"]

_REQUIRED = ("config.json", "model.safetensors", "preprocessing.json")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9][\w.\-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def download_folder(
    repo_id: str, *, revision: str | None = None, cache_dir: str | Path | None = None, token: str | None = None
) -> Path:
    """Fetch a model folder, one commit of a repository, and return where it lies.

    Nothing but the known files of a model folder is asked for, whatever else the repository holds. A full commit hash
    that is in the cache already needs no network.

    Parameters
    ----------
    repo_id : str
        "owner/name".
    revision : str, optional
        Branch, tag or commit; by default the newest state of the main branch. A full commit hash pins the weights.
    cache_dir : str or Path, optional
        Where folders are kept; by default beside the Hub's own cache.
    token : str, optional
        Access to a private repository; by default the one huggingface_hub has stored.

    Returns
    -------
    Path
        For `from_pretrained`, `load_preprocessing`, `load_labels` and `load_evaluation`.

    Raises
    ------
    EmgModelsError
        The extra is not installed, the name is malformed, or repository, revision or a file cannot be fetched.
    """
    hub = _hub()
    _check_name(repo_id)
    place = _cache(cache_dir) / "emg-models" / repo_id.replace("/", "--")
    if revision is not None and _COMMIT.fullmatch(revision) and (place / revision / "complete").is_file():
        return place / revision
    commit, names = _listing(hub, repo_id, revision, token)
    folder = make_folder(place / commit)
    if not (folder / "complete").is_file():
        for name in FILES:
            if name in names:
                _call(repo_id, hub.hf_hub_download, repo_id, name, revision=commit, local_dir=folder, token=token)
                inside(folder, name)
        (folder / "complete").touch()
    return folder


def from_hub(repo_id: str, **options: Any) -> EmgModel:  # noqa: ANN401  as of download_folder
    """Fetch a model folder and load it as `from_pretrained` does; options and errors as of `download_folder`."""
    return from_pretrained(download_folder(repo_id, **options))


def push_to_hub(
    folder: str | Path, repo_id: str, *, private: bool = True, message: str = "model folder", token: str | None = None
) -> str:
    """Publish a model folder as one commit, after checking that it loads.

    Parameters
    ----------
    folder : str or Path
        As written by `save_pretrained`; files that do not belong to it are not sent.
    repo_id : str
        "owner/name"; created where it does not exist.
    private : bool
        Whether a repository that is created is private. Published TinyMyo weights, and any derived from them, must not
        be passed on changed (CC BY-ND 4.0).
    message : str
        Of the commit.
    token : str, optional
        As of `download_folder`.

    Returns
    -------
    str
        The commit, to be given as ``revision`` by who wants exactly this.

    Raises
    ------
    EmgModelsError
        The extra is not installed, the folder does not load, or the Hub refuses.
    """
    hub, folder = _hub(), Path(folder)
    _check_name(repo_id)
    from_pretrained(folder)
    load_preprocessing(folder)
    load_labels(folder)
    names = [name for name in FILES if name != "eval.json" or load_evaluation(folder) is not None]
    api = hub.HfApi(token=token)
    _call(repo_id, api.create_repo, repo_id, private=private, exist_ok=True)
    operations = [hub.CommitOperationAdd(name, str(inside(folder, name))) for name in names]
    commit = _call(repo_id, api.create_commit, repo_id, operations, commit_message=message)
    return str(commit.oid)


def _cache(cache_dir: str | Path | None) -> Path:
    if cache_dir is not None:
        return Path(cache_dir)
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _listing(hub: ModuleType, repo_id: str, revision: str | None, token: str | None) -> tuple[str, set[str]]:
    """Return the commit a revision stands for, and the names of its files."""
    info = _call(repo_id, hub.HfApi(token=token).model_info, repo_id, revision=revision)
    commit = str(info.sha)
    names = {file.rfilename for file in info.siblings or ()}
    missing = [name for name in _REQUIRED if name not in names]
    if missing or not _COMMIT.fullmatch(commit):
        raise EmgModelsError(
            f"{repo_id} at {commit}: lacks {missing}; a repository with a folder of save_pretrained is required"
        )
    return commit, names


def _call(repo_id: str, function: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  the Hub's functions
    """Call the Hub and name the repository in what goes wrong."""
    try:
        return function(*arguments, **options)
    except Exception as error:  # what it raises off line differs from version to version of its HTTP client
        raise EmgModelsError(
            f"{repo_id}: the Hub cannot serve this ({type(error).__name__}: {error}); check name, revision, token and "
            "network"
        ) from error


def _check_name(repo_id: str) -> None:
    if not _REPOSITORY.fullmatch(repo_id) or ".." in repo_id:
        raise EmgModelsError(f"repo_id={repo_id!r}: 'owner/name' is required")


def _hub() -> ModuleType:
    try:
        return import_module("huggingface_hub")
    except ImportError:
        raise EmgModelsError("the Hub needs huggingface_hub; run: pip install 'emg-models[hub]'") from None
