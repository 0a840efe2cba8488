"""What the command line says when the system refuses a path."""

from pathlib import Path

import pytest
import typer

from emg_distill.cli._show import own_errors


def test_the_systems_errors_name_path_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(typer.Exit) as caught, own_errors():
        file.mkdir()
    assert caught.value.exit_code == 3
    assert capsys.readouterr().err == (
        f"error: {file}: cannot be read or written (file exists); give another path, or its rights\n"
    )


def test_what_has_no_path_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), own_errors():
        raise OSError("no space")
    assert capsys.readouterr().err == "error: no space\n"
