"""Write the committed corpus: a forged file of each kind of every reader, with the byte that chooses it in front.

python packages/emg-io/fuzz/make_corpus.py packages/emg-io/fuzz/corpus
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from readers import specimen

from emg_io.formats._registry import MODULES

MAX_BYTES = 90_000  # larger ones are left out: whoever fuzzes finds them in the specimen itself


def main() -> None:
    """Write one folder a reader."""
    out = Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    readers = {module: name for name, module in reversed(MODULES.items())}  # one format of each reader
    for name in sorted(readers.values()):
        with tempfile.TemporaryDirectory() as scratch:
            seen = set()
            for number, (path, data) in enumerate(specimen(name, Path(scratch), keep=1).files.items()):
                if len(data) <= MAX_BYTES and path.suffix not in seen:
                    seen.add(path.suffix)
                    file = out / name / f"{number}{path.suffix}"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(bytes([number % 256]) + data)


if __name__ == "__main__":
    main()
