"""The console script: keys of the JSON, exit codes, one document on stdout."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import emg_io
from emg_io import open_dataset
from emg_io.cli import app


class Result(NamedTuple):
    stdout: str
    stderr: str


def run(*arguments, code=0):
    """Run the console script in this process; what it raises but SystemExit is a failure."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        app([str(argument) for argument in arguments])
    assert (ended.value.code or 0) == code, out.getvalue() + err.getvalue()
    return Result(out.getvalue(), err.getvalue())


def document(*arguments, code=0):
    return json.loads(run(*arguments, "--json", code=code).stdout)


def test_formats():
    rows = document("formats")
    assert [row["name"] for row in rows] == [info.name for info in emg_io.formats()]
    assert all(set(row) == {"name", "licence", "doi", "verified_on_real_files", "writes"} for row in rows)
    assert "ninapro-db1" in run("formats").stdout


def test_info(forged):
    rows = document("info", forged("uci"))
    assert len(rows) == 12
    assert list(rows[0]) == [
        "subject", "session", "task", "repetition", "channels", "n_samples", "sfreq", "unit", "labels",
    ]  # fmt: skip
    assert (rows[0]["subject"], rows[0]["session"], rows[0]["channels"], rows[0]["unit"]) == ("01", "1", 8, "V")
    assert sum(rows[0]["labels"].values()) == rows[0]["n_samples"]
    assert rows[0]["labels"]["fist"] > 0
    assert "01" in run("info", forged("uci"), "--format", "uci").stdout


def test_check_lists_every_error_and_exits_3(forged, tmp_path):
    import shutil

    folder = tmp_path / "set"
    shutil.copytree(forged("uci"), folder)
    assert document("check", folder) == {"files": 12, "errors": []}
    for recording in open_dataset(folder):
        recording.raw()  # what was read before does not hide what is broken now
    files = sorted(folder.rglob("*.txt"))
    files[0].write_bytes(files[0].read_bytes()[:5000])
    files[3].write_bytes(files[3].read_bytes().replace(b"e-05", b"e-06", 1))
    report = document("check", folder, code=3)
    assert report["files"] == 12
    assert [error["file"] for error in report["errors"]] == [str(files[0]), str(files[3])]
    assert all(set(error) == {"problem", "file", "place", "expected", "found"} for error in report["errors"])
    assert "line" in report["errors"][0]["place"]
    assert "2 errors" in run("check", folder, code=3).stdout
    assert document("check", tmp_path / "set" / "EMG_data_for_gestures-master" / "01", code=3)["files"] == 1


def test_check_counts_files_and_names_a_broken_one_once(forged, tmp_path):
    """EPN-612 has two recordings a file."""
    import shutil

    folder = tmp_path / "set"
    shutil.copytree(forged("epn-612"), folder)
    files = sorted(folder.rglob("*.json"))
    assert document("check", folder)["files"] == len(files) == len(open_dataset(folder)) // 2
    files[0].write_bytes(files[0].read_bytes()[:999])
    report = document("check", folder, code=3)
    assert [error["file"] for error in report["errors"]] == [str(files[0])]


def test_paths_of_a_cluster_are_absolute(forged, tmp_path, monkeypatch):
    """Its workers run in other folders."""
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import contextmanager

    asked, sources = [], []

    @contextmanager
    def cluster(address):
        asked.append(address)
        with ThreadPoolExecutor(1) as pool:
            yield pool

    monkeypatch.setattr("emg_io.store.dask_executor", cluster)
    monkeypatch.setattr("emg_io.store.prepare", partial(_spied, emg_io.store.prepare, sources))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").symlink_to(forged("ninapro-db1"))
    document("convert", "set", "one", "--dask", "tcp://x:1")
    document("prepare", "set", "two", "--protocol", "db1/community", "--partial", "--dask", "tcp://x:2")
    assert asked == ["tcp://x:1", "tcp://x:2"]
    assert len(sources) == 8
    assert all(path.is_absolute() for path in sources)


def _spied(prepare, sources, dataset, out, **options):
    """Note the paths that a conversion gets."""
    sources.extend([out, *(Path(recording.source) for recording in dataset)])
    return prepare(dataset, out, **options)


def test_synth_convert_and_check_the_store(tmp_path):
    made = document("synth", tmp_path / "set", "--format", "uci", "--subjects", "1", "--seed", "5")
    assert (made["recordings"], made["format"], made["seed"]) == (2, "uci", 5)
    stored = document("convert", tmp_path / "set", tmp_path / "store")
    assert (stored["recordings"], stored["sfreq"], stored["unit"]) == (2, 100.0, "V")
    assert document("convert", tmp_path / "set", tmp_path / "fast", "--sfreq", "200")["sfreq"] == 200.0
    assert document("check", tmp_path / "store") == {"files": 2, "errors": []}
    shard = tmp_path / "store" / "shard-00000.samples"
    shard.write_bytes(bytes(shard.stat().st_size))
    report = document("check", tmp_path / "store", code=3)
    assert report["errors"][0]["place"] == "sha256"


def test_bad_data_exits_3_with_one_document(tmp_path):
    problem = document("info", tmp_path, code=3)["error"]
    assert problem["problem"] == "no recordings found"
    assert problem["file"] == str(tmp_path)
    result = run("info", tmp_path, code=3)
    assert result.stdout == ""
    assert "no recordings found" in result.stderr
    assert document("synth", tmp_path / "a", "--subjects", "1")["recordings"] == 2
    assert "output exists" in document("synth", tmp_path / "a", code=3)["error"]["problem"]


@pytest.mark.parametrize("arguments", [
    ("info", ".", "--format", "nonsense"), ("synth", "x", "--format", "nonsense"),
    ("synth", "x", "--subjects", "0"), ("nonsense",), ("check",), ("get", "nonsense", "--to", "x"), ("get", "uci"),
    ("prepare", "x", "y"), ("protocols", "--format", "nonsense"), ("--nonsense",),
])  # fmt: skip
def test_usage_errors_exit_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments, code=2).stdout == ""
    error = document(*arguments, code=2)["error"]
    assert set(error) == {"problem", "file", "place", "expected", "found"}
    assert error["problem"]
    assert error["found"] == " ".join([*arguments, "--json"])
    assert not list(tmp_path.iterdir())


def test_a_path_that_is_not_there_is_bad_data(tmp_path):
    for command in ("info", "check"):
        run(command, tmp_path / "absent", code=3)
    assert document("info", tmp_path / "absent", code=3)["error"]["problem"] == "no such folder or archive"


def test_protocols():
    rows = document("protocols")
    assert [row["name"] for row in rows] == emg_io.protocols()
    assert all(set(row) == {"name", "format", "unit", "source", "flaw"} for row in rows)
    assert [row["name"] for row in document("protocols", "--format", "uci")] == ["uci/tinymyo"]
    assert "db5/tinymyo" in run("protocols").stdout


def test_split_and_prepare_by_a_published_protocol(forged, tmp_path):
    body = document("split", forged("ninapro-db1"), "--protocol", "db1/community", "--partial")
    assert (body["protocol"], body["unit"], len(body["hash"])) == ("db1/community", "repetition", 64)
    assert body["parts"]["test"]["subjects"] == ["1", "2", "3"]
    assert sum(body["parts"]["test"]["labels"].values()) == body["parts"]["test"]["samples"]
    assert body["hash"] in run("split", forged("ninapro-db1"), "--protocol", "db1/community", "--partial").stdout
    made = document("prepare", forged("ninapro-db1"), tmp_path / "store", "--protocol", "db1/community", "--partial")
    assert (made["recordings"], made["split"]) == (3, body["hash"])
    again = document("prepare", forged("ninapro-db1"), tmp_path / "store", "--protocol", "db1/community", "--partial")
    assert again == made
    other = document(
        "prepare", forged("ninapro-db1"), tmp_path / "store", "--protocol", "db1/geng", "--fold", "1", code=3
    )
    assert "another store" in other["error"]["problem"]
    assert document("check", tmp_path / "store")["errors"] == []
    problem = document("split", forged("uci"), "--protocol", "uci/tinymyo", code=3)["error"]
    assert "not whole" in problem["problem"]
    assert "no such protocol" in document("split", forged("uci"), "--protocol", "x", code=3)["error"]["problem"]


def test_bids(forged, tmp_path):
    made = document("bids", forged("uci"), tmp_path / "bids")
    assert (made["format"], made["recordings"]) == ("uci", 12)
    rows = document("info", tmp_path / "bids")
    assert {row["sfreq"] for row in rows} == {100.0}
    assert rows[0]["labels"]["fist"] > 0
    assert "output exists" in document("bids", forged("uci"), tmp_path / "bids", code=3)["error"]["problem"]


def test_get_shows_the_licence_and_asks(tmp_path):
    rows = document("get")
    assert {"name", "files", "homepage"} == set(rows[0])
    assert "epn-612" in run("get").stdout
    result = run("get", "uci", "--to", tmp_path / "x", "--json", code=3)
    assert "licence is not accepted" in json.loads(result.stdout)["error"]["problem"]
    assert "cite: Lobov" in result.stderr
    problem = document("get", "uci", "--to", tmp_path / "x", "--accept-licence", "--offline", code=3)["error"]
    assert problem["problem"] == "offline, and files are missing or damaged"


def test_get_downloads(tmp_path, monkeypatch):
    def download(name, to, *, accept_licence, offline, progress):
        progress("a", 1, 3)
        progress("a", 3, 3)
        to.mkdir()
        (to / "a").write_bytes(b"abc")
        assert (name, accept_licence, offline) == ("uci", True, None)
        return [to / "a"]

    monkeypatch.setattr("emg_io.downloads.get", download)
    made = document("get", "uci", "--to", tmp_path / "x", "--accept-licence")
    assert (made["files"], made["bytes"]) == (1, 3)


def test_console_script_keeps_stdout_clean(forged):
    command = [sys.executable, "-c", "from emg_io.cli import main; main()"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "convert" in done.stdout
    done = subprocess.run([*command, "info", str(forged("uci")), "--json"], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)) == 12


@pytest.mark.parametrize("command", [("synth",), ("convert", "set")])
@pytest.mark.parametrize("out", ["file/inside", "/proc/nowhere"])
def test_output_that_cannot_be_written_exits_3(command, out, forged, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").symlink_to(forged("uci"))
    (tmp_path / "file").write_bytes(b"")
    assert document(*command, out, code=3)["error"]["problem"] == "cannot be written: name another place"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "set"]


@pytest.mark.parametrize("command", ["info", "check"])
def test_a_file_that_cannot_be_read_exits_3(command, forged, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "some/file")

    monkeypatch.setattr("emg_io._container.Folder.members", refuse)
    problem = document(command, forged("uci"), code=3)["error"]
    assert (problem["file"], problem["found"]) == ("some/file", "Permission denied")


def test_a_conversion_that_fails_leaves_nothing(forged, tmp_path):
    import shutil

    folder = tmp_path / "set"
    shutil.copytree(forged("uci"), folder)
    last = sorted(folder.rglob("*.txt"))[-1]
    last.write_bytes(last.read_bytes()[:-1])
    for _ in range(2):
        assert "cut off" in document("convert", folder, tmp_path / "store", code=3)["error"]["problem"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    run("convert", forged("uci"), tmp_path / "slow", "--sfreq", "-5", code=2)


@pytest.mark.parametrize("name", ["a[b]c", "a[/b]", ":cat:", "ünï", os.fsdecode(b"bad\xff")])
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii"])
def test_any_file_name_can_be_shown(name, encoding, forged, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(forged("uci"))
    command = [sys.executable, "-c", "from emg_io.cli import main; main()"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "300"}
    done = subprocess.run([*command, "info", path], capture_output=True, env=environment, check=True)
    assert name.encode(encoding.partition(":")[0], "backslashreplace") in done.stdout.splitlines()[0]
    done = subprocess.run([*command, "synth", path, "--json"], capture_output=True, env=environment, check=False)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["file"] == str(path)
