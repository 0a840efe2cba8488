"""The console script: keys of the JSON, exit codes, one document on stdout."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from emg_io import open_dataset
from emg_io._cli import app


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
    assert [row["name"] for row in rows] == ["uci", "ninapro-db1"]
    assert all(set(row) == {"name", "licence", "doi", "verified_on_real_files", "writes"} for row in rows)
    assert "ninapro-db1" in run("formats").stdout


def test_info(forged):
    rows = document("info", forged("uci"))
    assert len(rows) == 12
    assert set(rows[0]) == {"subject", "session", "repetition", "channels", "n_samples", "sfreq", "unit", "labels"}
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
    ("info", "/nonexistent"), ("info", ".", "--format", "edf"), ("synth", "x", "--format", "edf"),
    ("synth", "x", "--subjects", "0"), ("nonsense",), ("check",),
])  # fmt: skip
def test_usage_errors_exit_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(*arguments, code=2)
    assert not list(tmp_path.iterdir())


def test_console_script_keeps_stdout_clean(forged):
    command = [sys.executable, "-c", "from emg_io._cli import main; main()"]
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
    command = [sys.executable, "-c", "from emg_io._cli import main; main()"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "300"}
    done = subprocess.run([*command, "info", path], capture_output=True, env=environment, check=True)
    assert name.encode(encoding.partition(":")[0], "backslashreplace") in done.stdout.splitlines()[0]
    done = subprocess.run([*command, "synth", path, "--json"], capture_output=True, env=environment, check=False)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["file"] == str(path)
