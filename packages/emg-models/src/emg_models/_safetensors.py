"""Reading safetensors with suspicion: size, header and keys are checked before a tensor is made."""

from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from ._errors import EmgModelsError
from ._files import parse_json

__all__ = ["read_safetensors"]

MAX_HEADER = 16 * 2**20
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], bytes]:
    """Return the tensors of a safetensors file, and its bytes.

    Raises
    ------
    EmgModelsError
        The file is absent, a pickle, truncated, has an oversized header, duplicate keys or overlapping tensors.
    """
    if not path.is_file():
        raise EmgModelsError(f"{path}: no such file; a safetensors file is required")
    data = path.read_bytes()
    if data.startswith(_PICKLES):
        raise EmgModelsError(f"{path}: this is a pickle or a zip archive, which can run code; save as safetensors")
    _check_header(data, path)
    try:
        return safetensors.torch.load(data), data
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise EmgModelsError(f"{path}: no valid safetensors file ({error}); restore the file") from None


def _check_header(data: bytes, path: Path) -> dict[str, Any]:
    """Parse the header strictly; the library keeps the last of two equal keys and says nothing."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_HEADER, len(data) - 8):
        raise EmgModelsError(
            f"{path}: bytes 0-7 announce a header of {length} bytes, the file has {len(data)}, at most {MAX_HEADER} "
            "are accepted; the file is truncated or no safetensors file"
        )
    return parse_json(data[8 : 8 + length], f"{path}, header at byte 8")
