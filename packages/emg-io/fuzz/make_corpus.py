"""Write the committed corpus: the forged files of every format, each with the byte that chooses it in front.

python packages/emg-io/fuzz/make_corpus.py packages/emg-io/fuzz/corpus
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from readers import specimen

from emg_io.formats import REGISTRY

MAX_BYTES = 24_000  # larger ones are left out: whoever fuzzes finds them in the specimen itself


def main() -> None:
    """Write one folder a format."""
    out = Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    for name in sorted(REGISTRY):
        with tempfile.TemporaryDirectory() as scratch:
            for number, (path, data) in enumerate(specimen(name, Path(scratch), keep=1).files.items()):
                if len(data) <= MAX_BYTES:
                    file = out / name / f"{number}{path.suffix}"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(bytes([number % 256]) + data)


if __name__ == "__main__":
    main()
