"""The README's table of formats says what the registry says."""

from pathlib import Path

from emg_io import formats, protocols

README = Path(__file__).parents[1] / "README.md"


def row(info):
    """One line of the table."""
    rate = f"{info.sfreq:g}" if info.sfreq else "any"
    read = "yes" if info.verified_on_real_files else "no"
    names = ", ".join(f"`{name}`" for name in protocols(info.name))
    return f"| `{info.name}` | {info.title} | {info.n_chans or 'any'} | {rate} | {info.unit} | {read} | {names} |"


def test_every_format_stands_in_the_readme():
    lines = README.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| format |"))
    table = lines[start + 2 : start + 2 + len(formats())]
    assert table == [row(info) for info in formats()]
    assert not lines[start + 2 + len(formats())].startswith("|")
