"""The windows of a block side by side, for kernels that need each of them whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .block import Block
    from .feature import Values


def dense(block: Block) -> Values:
    """Copy the windows to float64 (n, length), once for all features; read-only.

    Rows are picked from a view of all windows that there could be, which needs no index for every single sample.
    """
    return block.product("dense", _copy)


def _copy(block: Block) -> Values:
    flat, step = block.flat, block.flat.itemsize
    shape = (flat.size - block.length + 1, block.length)
    view = np.lib.stride_tricks.as_strided(flat, shape, (step, step), writeable=False)
    rows: Values = view[block.starts].astype(np.float64, copy=False)
    rows.flags.writeable = False
    return rows
