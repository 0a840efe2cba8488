"""The rows of the contract: every (name, task) of the registry in the small form that models_small.py gives it."""

import json
from dataclasses import dataclass, field

import torch

from emg_models import EmgModelsError, create_model
from emg_models._registry import REGISTRY


@dataclass(frozen=True)
class Row:
    """One model of the registry for one task."""

    name: str
    task: str
    small: dict = field(compare=False)
    live: dict | None = field(compare=False)
    leads: bool = field(compare=False)  # whether it is the first row of its class
    brings: bool = field(compare=False)  # whether it is the first row of its class or of its name

    def __str__(self):
        return f"{self.name}-{self.task}"

    @property
    def entry(self):
        return REGISTRY[self.name]

    @property
    def kind(self):
        return self.entry.tasks[self.task]

    def build(self, seed=0, **changes):
        """A fresh model in training mode."""
        torch.manual_seed(seed)
        return create_model(self.name, task=self.task, **self.small | changes).train()

    @property
    def trained(self):
        """A model in evaluation mode, as after training: no two parameters alike, statistics moved. Leave it as it is.

        Rows that come to the same network share it, and what is kept by it.
        """
        model = self.build()
        return _keep(model, json.dumps([type(model).__name__, model.config.to_dict()]))

    @property
    def is_image(self):
        """Whether an example is one image of the electrodes instead of a stretch of time."""
        config = self.trained.config
        return config.input_shape != (config.n_chans, config.n_times)

    def x(self, batch=4, n_times=None, seed=5):
        """Examples of noise."""
        shape = self.trained.config.input_shape
        shape = shape if n_times is None else (*shape[:-1], n_times)
        return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(seed))

    def frames(self, n_times):
        """Frames of `n_times` samples, 0 where they are too few."""
        try:
            return self.trained.frames(n_times)
        except EmgModelsError:
            return 0


_KEPT = {}


def _keep(model, key):
    if key not in _KEPT:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
        _KEPT[key] = settle(model, torch.randn(4, *model.config.input_shape))
    return _KEPT[key]


def settle(model, x):
    """Bring running statistics to where training would take them; return the model in evaluation mode.

    At their first values every layer of a fresh network scales the signal down, until nothing but biases is left.
    """
    if any("running_mean" in key for key, _ in model.named_buffers()):
        with torch.no_grad():
            for _ in range(30):
                model.train()(x)
    return model.eval()


def rows(small, stream):
    """All rows, in the order of the table."""
    kinds = [REGISTRY[name].tasks[task] for name, task in small]
    names = [name for name, _ in small]
    leads = [kinds.index(kind) == place for place, kind in enumerate(kinds)]
    brings = [lead or names.index(name) == place for place, (lead, name) in enumerate(zip(leads, names, strict=True))]
    return [
        Row(*key, settings, stream.get(key), lead, brought)
        for (key, settings), lead, brought in zip(small.items(), leads, brings, strict=True)
    ]


def loss(y, seed=11):
    """A loss that every output takes part in: distance from a target drawn at random."""
    return (y - torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))).square().mean()


def distance(a, b):
    """Distance of two tensors relative to the second."""
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).norm() / b.norm())


_MADE = {}


def once(model, what, make):
    """What `make` gives for this network, made once for all rows that share the network; errors are not kept."""
    key = id(model), what
    if key not in _MADE:
        _MADE[key] = make()
    return _MADE[key]
