"""An exponential average of the weights, free of the weights that a run starts with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from emg_distill._distributed.shards import place_like
from emg_distill._errors import EmgDistillError


class Ema:
    r"""Average of the trained parameters after steps 1 .. t.

    .. math:: s_t = \frac{(1 - d) \sum_{i=1}^{t} d^{t-i} \theta_i}{1 - d^t}

    computed as :math:`s_t = s_{t-1} + (1 - d_t) (\theta_t - s_{t-1})` with
    :math:`d_t = d (1 - d^{t-1}) / (1 - d^t)`: the bias-corrected form (as in Adam), whose weights sum to one at any t,
    so :math:`s_1 = \theta_1` and initial weights do not count.

    Parameters
    ----------
    module
        Its parameters that take a gradient are averaged, by name; buffers (batch statistics) and frozen parameters are
        not: they are used as they are.
    decay
        d, in ``(0, 1)``.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self._live = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self._average = {name: p.detach().clone() for name, p in self._live.items()}

    def update(self, step: int) -> None:
        """Take in the weights after optimiser step `step`, counted from 1."""
        kept = self._decay * (1.0 - self._decay ** (step - 1)) / (1.0 - self._decay**step)
        with torch.no_grad():
            torch._foreach_lerp_(list(self._average.values()), list(self._live.values()), 1.0 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the module the average for a while; its own weights come back bit for bit."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def hand_over(self) -> None:
        """Give the module the average for good."""
        with torch.no_grad():
            torch._foreach_copy_(list(self._live.values()), list(self._average.values()))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the average by names of parameters; no copy."""
        return self._average

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Put back what `tensors` returned; names that do not fit raise `EmgDistillError`."""
        if tensors.keys() != self._live.keys():
            odd = sorted(tensors.keys() ^ self._live.keys())
            raise EmgDistillError(f"averaged weights of a checkpoint do not fit the module: {odd[:3]} differ")
        for name, mine in self._average.items():
            mine.copy_(place_like(tensors[name], mine))

    def _exchange(self) -> None:
        with torch.no_grad():
            for name, live in self._live.items():
                average = self._average[name].clone()
                self._average[name].copy_(live)
                live.copy_(average)
