"""Makes the oracle table importable by name, without touching ``sys.path``."""

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).with_name("dsp_oracles.py")
_SPEC = importlib.util.spec_from_file_location("dsp_oracles", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules["dsp_oracles"] = _MODULE
_SPEC.loader.exec_module(_MODULE)
