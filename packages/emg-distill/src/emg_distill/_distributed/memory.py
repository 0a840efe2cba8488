"""Bytes on each device while a model trains, part by part."""

from dataclasses import dataclass, fields
from typing import Literal

from .anatomy import Anatomy
from .workload import Workload

Strategy = Literal["ddp", "fsdp"]
FLOAT, HALF = 4, 2
RUNTIME = 1.5e9


@dataclass(frozen=True)
class Memory:
    """Bytes on each device at the peak of a step.

    Attributes
    ----------
    weights, gradients, optimizer
        Float32; a share of each with FSDP.
    casts
        Bfloat16 copies of the weights that autocast makes and autograd keeps.
    activations
        What autograd keeps of a piece of the batch.
    working
        Gradients of activations in flight, and with recomputed blocks the block at work.
    communication
        DDP: a copy of the gradients in buckets. FSDP: what is outside the blocks, two gathered blocks and two of their
        gradients.
    runtime
        Context, kernels and workspaces of the libraries: 1.5 GB, assumed.
    """

    weights: float
    gradients: float
    optimizer: float
    casts: float
    activations: float
    working: float
    communication: float
    runtime: float

    @property
    def total(self) -> float:
        """Sum of all parts."""
        return float(sum(getattr(self, part.name) for part in fields(self)))


@dataclass(frozen=True)
class Kept:
    """What autograd keeps in a Transformer block, by device and precision.

    Attributes
    ----------
    stream
        Bytes a value of the inputs of both norms.
    value
        Bytes a value of the results of linears and norms.
    mask
        Bytes a value of dropout masks.
    copies
        Width-sized tensors that attention's output is kept in.
    scores
        Bytes a value of the causal masks that a CPU keeps for up to 512 frames.
    """

    stream: int
    value: int
    mask: int
    copies: int = 1
    scores: int = 0


GPU_KEEPS = {"32-true": Kept(FLOAT, FLOAT, 1), "bf16-mixed": Kept(FLOAT, HALF, 1)}  # CUDA's norms take float32 copies
CPU_KEEPS = {"32-true": Kept(FLOAT, FLOAT, 2, 2, FLOAT), "bf16-mixed": Kept(HALF, HALF, 2, 2, HALF)}
_CHUNK = 128


def block_bytes(anatomy: Anatomy, kept: Kept) -> int:
    r"""Return the bytes that autograd keeps of a window in one pre-norm block of width d and hidden width h.

    Per token: the inputs of two norms, 2d, and their statistics, 4 float32; the inputs of the linears that follow them,
    2d; queries, keys and values, 3d, and rotated copies of the first two, 2d; attention's output, d per copy, and its
    logarithm of sums, one float32 a head; the inputs of GELU and of the last linear, 2h; dropout masks, 2d + h.
    """
    d, h = anatomy.width, anatomy.hidden
    values = 2 * d + (5 if anatomy.rotary else 3) * d + kept.copies * d + 2 * h
    token = kept.stream * 2 * d + kept.value * values + kept.mask * (2 * d + h) + FLOAT * (4 + anatomy.heads)
    return anatomy.tokens * token


def causal_masks(anatomy: Anatomy, kept: Kept) -> int:
    """Return the bytes of a block's causal masks, one for all windows; none on GPUs."""
    rows = range(0, anatomy.tokens, _CHUNK)
    ends = [min(row + _CHUNK, anatomy.tokens) for row in rows]
    return kept.scores * sum((end - row) * end for row, end in zip(rows, ends, strict=True))


def activation_bytes(anatomy: Anatomy, kept: Kept, piece: int, *, checkpoint_blocks: bool = False) -> int:
    """Return the bytes that autograd keeps of `piece` windows; what is outside the blocks counts as float32."""
    outer = anatomy.outer_bytes + kept.mask * anatomy.outer_masks
    if checkpoint_blocks:
        return piece * (outer + anatomy.blocks * anatomy.tokens * anatomy.width * kept.value)
    return piece * (outer + anatomy.blocks * block_bytes(anatomy, kept)) + anatomy.blocks * causal_masks(anatomy, kept)


def training_memory(anatomy: Anatomy, work: Workload, gpus: int, strategy: Strategy) -> Memory:
    """Return the bytes on each of `gpus` devices."""
    piece, half = work.piece(gpus), work.precision == "bf16-mixed"
    kept = GPU_KEEPS[work.precision]
    weights = FLOAT * anatomy.parameters
    share = weights / gpus if strategy == "fsdp" else float(weights)
    block = block_bytes(anatomy, kept) if work.checkpoint_blocks and anatomy.blocks else 0
    return Memory(
        weights=share,
        gradients=share,
        optimizer=work.slots * share,
        casts=float(HALF * anatomy.parameters if half else 0),
        activations=float(activation_bytes(anatomy, kept, piece, checkpoint_blocks=work.checkpoint_blocks)),
        working=float(piece * (block + 3 * kept.value * anatomy.tokens * anatomy.hidden)),
        communication=_communication(anatomy, gpus, strategy),
        runtime=RUNTIME,
    )


def _communication(anatomy: Anatomy, gpus: int, strategy: Strategy) -> float:
    if gpus == 1:
        return 0.0
    if strategy == "ddp":
        return float(FLOAT * anatomy.parameters)
    outside = anatomy.parameters - anatomy.blocks * anatomy.block_parameters
    return float(FLOAT * (outside + 4 * anatomy.block_parameters))
