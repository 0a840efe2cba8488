"""Arena, memories and tiles: no overlap on random programs, near the lower bound, and budgets that say what to do."""

from __future__ import annotations

from dataclasses import replace

import edge_programs as programs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_edge import BudgetError, EmgEdgeError, Program, Tensor, get_target, plan_arena
from emg_edge.kernels import OPERATORS, Add
from emg_edge.plan._memory import plan_memory
from emg_edge.plan._pack import Buffer, best_fit, extent, pack, search
from emg_edge.plan._plan import ArenaPlan, lifetimes
from emg_edge.plan._tiles import tile
from emg_edge.targets import TARGETS, MemoryLevel

buffers = st.lists(
    st.tuples(st.integers(1, 4000), st.integers(0, 30), st.integers(0, 8)).map(
        lambda t: Buffer(name=f"{t}", kind="activation", nbytes=t[0], first=t[1], last=t[1] + t[2])
    ),
    max_size=25,
)


def as_plan(placed, nbytes):
    return ArenaPlan(buffers=tuple(placed), nbytes=nbytes, lower_bound=0, live=(0,))


def lower_bound(found):
    return max((sum(b.end for b in found if b.first <= i <= b.last) for i in range(40)), default=0)


@given(buffers)
def test_packing_never_overlaps_and_respects_the_bounds(found):
    bound = lower_bound(found)
    placed = pack(found, bound)
    assert sorted((b.name, b.nbytes, b.first, b.last) for b in placed) == sorted(
        (b.name, b.nbytes, b.first, b.last) for b in found
    )
    as_plan(placed, extent(placed)).verify()
    assert bound <= extent(placed) <= extent(best_fit(found))
    assert placed == pack(found, bound)


@given(buffers, st.integers(0, 20000))
def test_search_either_fits_the_capacity_or_gives_up(found, capacity):
    placed = search(found, capacity)
    if placed is not None:
        assert sorted(b.name for b in placed) == sorted(b.name for b in found)
        as_plan(placed, capacity).verify()


@given(buffers)
def test_search_gives_up_only_below_twice_the_sum(found):
    placed = search(found, 2 * sum(b.end for b in found))
    assert placed is not None
    as_plan(placed, extent(placed)).verify()


def test_search_meets_the_bound_where_best_fit_does_not():
    network = programs.small_network(tokens=40, width=48, heads=3, hidden=192, blocks=4)
    plan = plan_arena(network)
    assert extent(best_fit([b for b in lifetimes(network) if b.in_arena])) > plan.nbytes == plan.lower_bound


def test_verifier_names_both_buffers_that_overlap():
    one = Buffer(name="one", kind="activation", nbytes=10, first=0, last=2, offset=0)
    two = Buffer(name="two", kind="scratch", nbytes=10, first=2, last=3, offset=8)
    with pytest.raises(EmgEdgeError, match="'one' and 'two' are live together and share byte 8"):
        as_plan([one, two], 100).verify()
    as_plan([one, replace(two, first=3)], 100).verify()
    with pytest.raises(EmgEdgeError, match="leaves the arena of 16 bytes"):
        as_plan([one, replace(two, offset=12)], 16).verify()
    with pytest.raises(EmgEdgeError, match="not 4-aligned"):
        as_plan([replace(one, offset=2)], 16).verify()


def chain(shapes, *, skip):
    """Additions in a row, each of the last two tensors when sizes agree, else of one with itself."""
    names = [f"t{i}" for i in range(len(shapes))]
    tensors = {n: Tensor(name=n, shape=(s,), dtype="int8", scale=1.0) for n, s in zip(names, shapes, strict=True)}
    ops = []
    for i in range(1, len(names)):
        back = max(i - 1 - skip[i - 1], 0)
        other = names[back] if shapes[back] == shapes[i] else names[i - 1]
        ops.append(Add(name=f"op{i}", inputs=(names[i - 1], other), output=names[i], mul_a=1, mul_b=1, shift=1))
    return Program(name="chain", tensors=tensors, ops=tuple(ops), inputs=("t0",), outputs=(names[-1],))


@given(st.lists(st.sampled_from([3, 64, 64, 64, 500]), min_size=2, max_size=20), st.data())
def test_every_tensor_lives_from_its_writer_to_its_last_reader(shapes, data):
    skip = data.draw(st.lists(st.integers(0, 6), min_size=len(shapes), max_size=len(shapes)))
    program = chain(shapes, skip=skip)
    plan = plan_arena(program)
    for index, op in enumerate(program.ops):
        for name in (*op.inputs, op.output):
            assert plan.buffer(name).first <= index <= plan.buffer(name).last
    assert plan.nbytes >= plan.lower_bound == max(plan.live)
    assert plan.caller_bytes == program.tensors["t0"].nbytes + program.tensors[program.outputs[0]].nbytes


def test_a_program_that_computes_nothing_is_refused():
    program = chain([3, 3], skip=[0, 0])
    with pytest.raises(EmgEdgeError, match=r"computes nothing for .*t0"):
        plan_arena(replace(program, outputs=("t0",)))
    with pytest.raises(EmgEdgeError, match="computes nothing"):
        plan_arena(replace(program, ops=(), outputs=()))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_target_contract(target):
    device = get_target(target)
    assert device.name == target
    assert device.title
    assert device.n_cores >= 1
    assert plan_memory(programs.small_network(), device).stack > 0
    assert device.level("l2") is not None
    assert device.level(device.constants) is not None
    assert all(0 < level.budget <= level.nbytes for level in device.levels)
    assert 0 < device.latency_error[0] <= 1 <= device.latency_error[1]
    assert (device.transfers is None) == (device.level("l1") is None)
    plan = plan_memory(programs.small_network(), device)
    assert set(plan.used) == {"l1", "l2", "l3"}
    assert all(plan.used[name] <= plan.budget[name] for name in plan.used)


def test_targets_are_found_by_name_alone():
    with pytest.raises(EmgEdgeError, match="'gap8' is not known; choose one of host, rv32, pulp-open, gap9"):
        get_target("gap8")
    assert all(get_target(name) is target for name, target in TARGETS.items())


def test_budgets_are_checked():
    assert get_target("gap9").with_budgets({"l2": 5}).level("l2").budget == 5
    with pytest.raises(EmgEdgeError, match="budget l1=5 is not possible on host, which has l2"):
        get_target("host").with_budgets({"l1": 5})
    with pytest.raises(EmgEdgeError, match="budget l2=9999999999 is not possible"):
        get_target("gap9").with_budgets({"l2": 9999999999})


def test_all_bytes_are_accounted_for():
    program = programs.small_network(blocks=2)
    plan = plan_memory(program, get_target("gap9"))
    assert sum(c.nbytes for c in plan.constants if c.key) <= program.constant_bytes  # equal tables once
    assert {c.field for c in plan.constants if not c.key} == {"structure"}
    assert plan.used["l3"] == 0
    constants = sum(c.held for c in plan.constants)
    assert plan.used["l2"] == plan.arena.held + plan.arena.caller_bytes + constants
    described = plan.to_dict(program)
    assert described["arena"]["peak_layer"] in {op.name for op in program.ops}


def test_large_constants_move_to_l3_and_leave_room_for_staging():
    program = programs.small_network(width=192, heads=3, hidden=768, blocks=2)
    device = get_target("gap9").with_budgets({"l2": 400_000})
    plan = plan_memory(program, device)
    assert plan.used["l3"] >= program.constant_bytes - 400_000 > 0
    assert plan.used["l2"] <= 400_000
    kept = [c.nbytes for c in plan.constants if c.level == "l2" and c.key]
    assert max(kept) <= min(c.nbytes for c in plan.constants if c.level == "l3")
    assert sum(plan.streamed(op.name) for op in program.ops) == sum(
        c.nbytes * len(c.users) for c in plan.constants if c.level == "l3"
    )


def test_budget_errors_name_layer_tensor_bytes_and_a_way_out():
    program = programs.small_network(width=192, heads=3, hidden=768, blocks=2)
    gap9, host = get_target("gap9"), get_target("host")
    with pytest.raises(
        BudgetError, match=r"\d+ too many at layer 'fc.*largest there is tensor 'fc.*raise the L2 budget to \d+"
    ):
        plan_memory(program, gap9.with_budgets({"l2": 10_000}))
    with pytest.raises(BudgetError, match=r"weight of layer 'fc.* staging for it exceed L2 of gap9 by \d+"):
        plan_memory(program, gap9.with_budgets({"l2": 60_000}))
    with pytest.raises(BudgetError, match=r"largest is weight of layer 'fc\d+' with 147456; .*target with L3"):
        plan_memory(program, host.with_budgets({"l2": 100_000}))
    with pytest.raises(BudgetError, match=r"L3 of gap9 offers 1000; the largest is weight of layer 'fc"):
        plan_memory(program, gap9.with_budgets({"l2": 400_000, "l3": 1000}))
    with pytest.raises(BudgetError, match=r"layer '.*' \(.*\) needs \d+ bytes of L1 for its smallest tile"):
        plan_memory(program, gap9.with_budgets({"l1": 700}))


def covers_once(cut):
    """Every place of the extent lies in exactly one of as many pieces as there are tiles, none above the tile."""
    pieces = list(cut.pieces())
    seen = np.zeros(cut.extent, np.uint8)
    for piece in pieces:
        assert all(0 < len(part) <= size for part, size in zip(piece, cut.tile, strict=True))
        seen[tuple(slice(part.start, part.stop) for part in piece)] += 1
    assert len(cut.axes) == len(cut.extent) == len(cut.tile)
    return len(pieces) == cut.tiles and seen.min() == seen.max() == 1


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_tiles_fit_l1_and_move_every_byte_once(kind):
    program = programs.sweep(kind, seed=31, count=20)
    for op in program.ops:
        tensors, out = program.operands(op)
        for budget in (20_000, 30_000, 100_000):
            cut = tile(op, tensors, out, MemoryLevel(name="l1", nbytes=budget, budget=budget))
            assert 0 < cut.l1_bytes <= budget
            assert 1 <= cut.tiles <= cut.transfers
            assert covers_once(cut)
            assert cut.nbytes >= (out.nbytes if kind == "attention" else sum(t.nbytes for t in tensors) + out.nbytes)


def test_smaller_l1_means_more_tiles():
    program = programs.small_network(tokens=64, width=96, heads=3, hidden=384)
    for op in program.ops:
        operands = program.operands(op)
        counts = [
            tile(op, *operands, MemoryLevel(name="l1", nbytes=b, budget=b)).tiles for b in (100_000, 25_000, 12_500)
        ]
        assert counts == sorted(counts)


def test_tinymyo_with_sixteen_channels_fits_gap9():
    program = programs.small_network(tokens=800, width=192, heads=3, hidden=768, blocks=8, name="tinymyo")
    plan = plan_memory(program, get_target("gap9"))
    assert plan.arena.nbytes == plan.arena.lower_bound == 1_075_200
    rest = plan.arena.nbytes + plan.arena.caller_bytes + get_target("gap9").staging_bytes
    assert plan.used["l2"] + plan.used["l3"] == rest + sum(c.held for c in plan.constants)
