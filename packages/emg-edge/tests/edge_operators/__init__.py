"""Every integer operator for the tests: a generator of random instances, an oracle in plain Python, its real meaning.

One file a family. ``GENERATORS[kind](rng, i)`` returns ``(op, input tensors, output tensor)``, extremes included;
``ORACLES[kind](op, arrays, tensors, out)`` computes one sample element by element from the docstring's formula alone,
in Python integers, and returns a flat list; ``REALS[kind](op, arrays, tensors, out)`` returns what the operator means
for one sample, in output steps with the zero point, unsaturated and rounded nowhere, as float64.
"""

from edge_operators import (
    attention,
    convolution,
    elementwise,
    layernorm,
    linear,
    matmul,
    movement,
    pairwise,
    pool,
    recurrent,
    reduce,
    softmax,
)

_FAMILIES = (
    attention,
    convolution,
    elementwise,
    layernorm,
    linear,
    matmul,
    movement,
    pairwise,
    pool,
    recurrent,
    reduce,
    softmax,
)


def _merged(name):
    return {kind: entry for family in _FAMILIES for kind, entry in getattr(family, name).items()}


GENERATORS, ORACLES, REALS = (_merged(name) for name in ("GENERATORS", "ORACLES", "REALS"))
