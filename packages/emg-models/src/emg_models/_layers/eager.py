"""Whether kernels of our own may stand in for torch's."""

import torch
from torch.autograd import forward_ad

__all__ = ["runs_eagerly"]


def runs_eagerly() -> bool:
    """Whether operators run one by one and backwards at most: nothing traced, no `torch.func`, no forward derivative.

    Everything else is left to torch's own operators, which know all of these.
    """
    if torch.compiler.is_compiling():
        return False
    transformed = getattr(torch._C, "_are_functorch_transforms_active", None)  # noqa: SLF001  no public name tells
    return not (transformed is not None and transformed()) and getattr(forward_ad, "_current_level", -1) < 0
