"""How deep the emitted C goes on its stack: exact sums of frames, since nothing recurses and no pointer is called.

Measured with gcc 12.2 for RV32IMC at ``-O2`` from its call graph; a test builds every operator and compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emg_edge.program._program import Program
    from emg_edge.targets import Target

COMPILER = "12.2.0"
UNMEASURED = 1024  # for an operator that the test has not seen yet
RUN = 64  # the network's own function, and a word for each input of a kernel that takes many
KERNELS = {  # deepest path from each operator's function, itself included
    "add": 160,
    "affine": 64,
    "attention": 192,
    "average_pool": 160,
    "concat": 80,
    "conv": 544,
    "div": 160,
    "gather": 64,
    "gru": 352,
    "layernorm": 112,
    "linear": 416,
    "log_softmax": 144,
    "lstm": 352,
    "matmul": 160,
    "max_pool": 144,
    "maximum": 144,
    "mean": 48,
    "minimum": 144,
    "move": 96,
    "mul": 144,
    "reduce_max": 48,
    "requantise": 16,
    "rmsnorm": 64,
    "softmax": 128,
    "table": 0,
}


def stack_bytes(program: Program, target: Target) -> int:
    """Return the deepest stack of one run on a 32-bit core; the target's estimate where it is another machine."""
    if target.stack_bytes is not None:
        return target.stack_bytes
    most = max(len(op.inputs) for op in program.ops)
    return RUN + 4 * most + max(KERNELS.get(op.kind, UNMEASURED) for op in program.ops)
