"""A program that does not fit is told what would: each advice is followed here, and then it fits."""

from __future__ import annotations

import re
from dataclasses import replace

import edge_programs as programs
import numpy as np
import pytest

from emg_edge import BudgetError, get_target
from emg_edge.kernels import Linear
from emg_edge.plan._memory import plan_memory


def complaint(program, target, **budgets):
    with pytest.raises(BudgetError) as caught:
        plan_memory(program, get_target(target).with_budgets(budgets))
    return str(caught.value)


def network(**changes):
    return programs.small_network(**{"tokens": 60, "width": 48, "heads": 3, "hidden": 96, "blocks": 2} | changes)


def test_the_stated_budget_is_the_smallest_for_the_activations():
    program = network()
    text = complaint(program, "host", l2=9_000)
    stated = int(re.search(r"raise the L2 budget to (\d+)", text)[1])
    assert "activations need" in complaint(program, "host", l2=stated - 1)
    assert "constants need" in complaint(program, "host", l2=stated)
    excess = int(re.search(r": (\d+) too many at layer '\w+' \(\w+\); the largest there is tensor '\w+'", text)[1])
    assert stated - 9_000 == excess


def test_a_window_of_the_stated_length_fits():
    program = network()
    budget = plan_memory(program, get_target("rv32")).used["l2"] * 2 // 3
    samples = int(re.search(r"window of about (\d+) samples instead of 300", complaint(program, "rv32", l2=budget))[1])
    assert 150 < samples < 300
    shorter = network(tokens=samples // 10 * 2)
    assert shorter.tensors["emg"].shape[-1] <= samples
    assert plan_memory(shorter, get_target("rv32").with_budgets({"l2": budget})).used["l2"] <= budget


def test_a_window_is_not_advised_where_none_would_fit():
    assert "use narrower layers" in complaint(programs.small_network(tokens=2, width=48, heads=3), "rv32", l2=8)


def test_int8_tensors_save_what_is_stated():
    program = network(hidden=24)
    need = plan_memory(program, get_target("rv32")).used["l2"]
    text = complaint(program, "rv32", l2=need - 8)
    found = re.search(r"int8 instead of int16 for (.*?) saves (\d+) bytes, which is enough", text)
    names = re.findall(r"'(\w+)'", found[1])
    narrow = {name: replace(program.tensors[name], dtype="int8", zero_point=0) for name in names}
    other = plan_memory(replace(program, tensors=program.tensors | narrow), get_target("rv32"))
    assert need - other.used["l2"] == int(found[2]) >= 8
    text = complaint(program, "rv32", l2=need // 4)
    assert re.search(r"int8 instead of int16 for .* saves \d+ bytes of \d+", text)


def packed(program):
    """The same layers with 4-bit weights."""
    ops = (
        replace(op, weight=np.clip(op.weight, -7, 7), weight_bits=4) if isinstance(op, Linear) else op
        for op in program.ops
    )
    return replace(program, ops=tuple(ops))


def test_four_bit_weights_need_what_is_stated():
    program = network()
    budget = plan_memory(program, get_target("host")).used["l2"] - 4_000
    text = complaint(program, "host", l2=budget)
    stated = int(re.search(r"with weight_bits=4 they need (\d+), which would fit", text)[1])
    light = plan_memory(packed(program), get_target("host"))
    held = sum(constant.held for constant in light.constants if constant.key)
    assert held == pytest.approx(stated, abs=8 * len(program.ops))
    assert "would still be" in complaint(program, "host", l2=budget - 16_000)
    assert "weight_bits" not in complaint(packed(program), "host", l2=light.used["l2"] - 1_000)


def test_rows_of_the_stated_size_fit_l1():
    program = network()
    text = complaint(program, "gap9", l1=700)
    assert re.search(r"layer '\w+' \(\w+\) needs \d+ bytes of L1 .* raise the L1 budget by \d+", text)
    raised = 700
    for _ in program.ops:
        try:
            plan_memory(program, get_target("gap9").with_budgets({"l1": raised}))
            break
        except BudgetError as error:
            raised += int(re.search(r"raise the L1 budget by (\d+)", str(error))[1])
    assert plan_memory(program, get_target("gap9").with_budgets({"l1": raised})).used["l1"] <= raised
