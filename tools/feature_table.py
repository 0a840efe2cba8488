"""Write every feature of emg-dsp as a Markdown table: names, unit, formula, source.

python tools/feature_table.py > packages/emg-dsp/docs/features.md
"""

from __future__ import annotations

import emg_dsp


def main() -> str:
    """Return the page: groups, then features by name."""
    lines = [
        "# Features",
        "",
        "Written by `python tools/feature_table.py`. Options and their defaults stand in brackets.",
        "",
    ]
    lines += ["| group | features |", "|---|---|"]
    lines += [f"| {name} | {', '.join(members)} |" for name, members in emg_dsp.feature_groups().items()]
    lines += ["", "| name | unit | formula | source |", "|---|---|---|---|"]
    return "\n".join([*lines, *(row(name, others) for name, others in own_names().items())]) + "\n"


def own_names() -> dict[str, list[str]]:
    """Return the first name of every feature, and its other names."""
    names: dict[str, list[str]] = {}
    for name in emg_dsp.feature_names():
        first = str(emg_dsp.describe_feature(name)["same_as"])
        names.setdefault(first, []).extend([] if name == first else [name])
    return dict(sorted(names.items()))


def row(name: str, others: list[str]) -> str:
    """Return one line of the table."""
    entry = emg_dsp.describe_feature(name)
    options = ", ".join(f"{key}={value}" for key, value in entry["options"].items())
    title = ", ".join([f"`{name}({options})`" if options else f"`{name}`", *others])
    cells = (title, entry["unit"], entry["formula"], entry["source"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    print(main(), end="")
