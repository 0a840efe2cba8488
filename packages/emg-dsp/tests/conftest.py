"""Makes the shared tables of this folder importable by name (``dsp_oracles*``, ``dsp_bench*``), in any order."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

_FOLDER = Path(__file__).parent
_PREFIXES = ("dsp_oracles", "dsp_bench")


class _SharedTables:
    """Finds the modules when they are first asked for, so that they may import each other."""

    @staticmethod
    def find_spec(name: str, *_: object) -> ModuleSpec | None:
        place = _FOLDER / f"{name}.py"
        if not name.startswith(_PREFIXES) or not place.is_file():
            return None
        return importlib.util.spec_from_file_location(name, place)


sys.meta_path.append(_SharedTables)
