"""Coverage-guided fuzzing of one reader (needs ``pip install atheris``).

    python packages/emg-io/fuzz/atheris_readers.py FORMAT FOUND packages/emg-io/fuzz/corpus/FORMAT -max_total_time=60

libFuzzer keeps what it finds in the folder FOUND. Inputs are a byte that chooses a file of a small forged data set, and
the bytes that take its place.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["emg_io"]):
    import emg_io

    for _module in pkgutil.walk_packages(emg_io.__path__, "emg_io."):
        if not _module.name.startswith(("emg_io.cli", "emg_io.store", "emg_io.downloads")):
            importlib.import_module(_module.name)  # readers import late: all that shall be measured is imported here
    from readers import read, specimen


def main() -> None:
    """Fuzz the format named first; everything after it goes to libFuzzer."""
    name, rest = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        sound = specimen(name, Path(scratch), keep=1)
        files = list(sound.files)

        @atheris.instrument_func
        def target(data: bytes) -> None:
            if data:
                path = files[data[0] % len(files)]
                path.write_bytes(data[1:])
                read(sound.name, sound.folder)
                path.write_bytes(sound.files[path])

        atheris.Setup([sys.argv[0], *rest], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
