"""Every integer operator: the table is complete, and the reference equals an oracle in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from edge_operators import GENERATORS, ORACLES, REALS
from edge_programs import random_feeds, sweep

from emg_edge.kernels import OPERATORS
from emg_edge.program._tensor import DTYPES

INSTANCES = 12


def test_every_operator_has_a_generator_an_oracle_and_a_meaning():
    assert sorted(OPERATORS) == sorted(GENERATORS) == sorted(ORACLES) == sorted(REALS)


@pytest.mark.parametrize("kind", sorted(OPERATORS))
@pytest.mark.parametrize("seed", range(3))
def test_reference_equals_the_oracle(kind, seed):
    program = sweep(kind, seed, INSTANCES)
    feeds = random_feeds(program, seed + 100, samples=4)
    for op in program.ops:
        tensors, out = program.operands(op)
        found = op.reference([feeds[name] for name in op.inputs], tensors, out)
        assert found.dtype == out.dtype
        for sample in range(4):
            wanted = ORACLES[kind](op, [feeds[name][sample] for name in op.inputs], tensors, out)
            np.testing.assert_array_equal(found[sample].reshape(-1), wanted, err_msg=f"{op}")


@pytest.mark.parametrize("kind", sorted(REALS))
def test_reference_stays_within_its_stated_error(kind):
    """|y - saturate(exact real result of the stored parameters)| <= error_steps, in output steps."""
    program = sweep(kind, 7, 2 * INSTANCES)
    feeds = random_feeds(program, 107, samples=4)
    for op in program.ops:
        tensors, out = program.operands(op)
        bound = op.error_steps(tensors, out)
        found = op.reference([feeds[name] for name in op.inputs], tensors, out)
        _, low, high = DTYPES[out.dtype]
        for sample in range(4):
            real = REALS[kind](op, [feeds[name][sample] for name in op.inputs], tensors, out)
            error = np.abs(found[sample].reshape(-1) - np.clip(real, low, high)).max()
            assert error <= bound + 1e-6 * (1.0 + bound), f"{error} > {bound} steps: {op}"
