"""Which changes to take: four-bit weights until the bytes suffice, int16 inputs until the accuracy does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emg_edge._errors import BudgetError, EmgEdgeError

from ._sensitivity import decibel

if TYPE_CHECKING:
    from collections.abc import Callable

    from emg_edge.program._program import Program
    from emg_edge.quantiser._options import QuantiseOptions

    from ._price import Price
    from ._sensitivity import Row

    Build = Callable[[QuantiseOptions], Program]

_LEAST_GAIN = 0.005  # share of the noise that is left which a change must take away


def choose_precision(
    rows: list[Row],
    base: float,
    options: QuantiseOptions,
    build: Build,
    price: Price,
    named: tuple[str, ...] = (),
) -> QuantiseOptions:
    """Return options that keep the budgets.

    Greedy. While the program exceeds ``budget_bytes``, four bits go to the weights that add the least noise per byte
    saved. Then, with ``wide="auto"``, int16 goes to the values that take away the most noise per added cycle (per byte
    where none are modelled) until ``goal_db`` is reached. Whatever breaks a budget when it is built is taken back.

    Parameters
    ----------
    rows, base
        From `rank`.
    options
        With the budgets and the goal.
    build
        From options to a program.
    price
        Of programs.
    named
        Values that are int16 already.

    Raises
    ------
    BudgetError
        When even the smallest or fastest choice exceeds a budget.
    EmgEdgeError
        When cycles are budgeted on a target that models none.
    """
    if options.budget_cycles is not None and price.cycles is None:
        raise EmgEdgeError("budget_cycles needs a target with a cycle model: rv32, pulp-open or gap9")
    auto = options.wide == "auto"
    options, base = _shrunk(rows, base, replace(options, wide=named), build, price)
    chosen = _paying(rows, base, options) if auto else []
    while chosen and not _fits(build(replace(options, wide=(*named, *chosen))), options, price):
        chosen.pop()
    return replace(options, wide=(*named, *chosen))


def _shrunk(
    rows: list[Row], base: float, options: QuantiseOptions, build: Build, price: Price
) -> tuple[QuantiseOptions, float]:
    """Give weights four bits until the program fits."""
    program = build(options)
    queue = sorted((r for r in rows if r.possible and r.then == "int4"), key=lambda r: r.removed / r.nbytes)
    bits = dict(options.weight_bits) if not isinstance(options.weight_bits, int) else {}
    while not _fits(program, options, price):
        over = 0 if options.budget_bytes is None else price.nbytes(program) - options.budget_bytes
        if over <= 0 or not queue:
            raise BudgetError(_excess(program, options, price))
        batch = [queue.pop(0)]
        while queue and over + sum(row.nbytes for row in batch) > 0:
            batch.append(queue.pop(0))
        trial = replace(options, weight_bits={**bits, **{row.layer: 4 for row in batch}})
        smaller = build(trial)
        if price.nbytes(smaller) < price.nbytes(program):  # unpacking needs room, too
            options, program = trial, smaller
            bits.update({row.layer: 4 for row in batch})
            base -= sum(row.removed for row in batch)
    return options, base


def _paying(rows: list[Row], base: float, options: QuantiseOptions) -> list[str]:
    """Return the values that int16 pays for, the best first, until the goal is reached."""
    chosen: list[str] = []
    useful = [r for r in rows if r.possible and r.then == "int16" and r.removed > _LEAST_GAIN * base]
    for row in sorted(useful, key=lambda r: -r.removed / max(r.cycles or r.nbytes, 1)):
        if decibel(base) >= options.goal_db:
            break
        chosen.append(row.value)
        base = max(base - row.removed, 1e-12)
    return chosen


def _fits(program: Program, options: QuantiseOptions, price: Price) -> bool:
    """Whether a program keeps both budgets."""
    small = options.budget_bytes is None or price.nbytes(program) <= options.budget_bytes
    fast = options.budget_cycles is None or price.cycles is None or price.cycles(program) <= options.budget_cycles
    return small and fast


def _excess(program: Program, options: QuantiseOptions, price: Price) -> str:
    """Say by how much the smallest or fastest choice exceeds a budget."""
    nbytes = price.nbytes(program)
    if options.budget_bytes is not None and nbytes > options.budget_bytes:
        return (
            f"the program needs {nbytes} bytes of constants and activations with every choice made for size, "
            f"budget_bytes is {options.budget_bytes}; allow {nbytes - options.budget_bytes} more or use a smaller model"
        )
    cycles = 0 if price.cycles is None else price.cycles(program)
    return (
        f"the program needs {cycles} modelled cycles with int8 products alone, budget_cycles is "
        f"{options.budget_cycles}; allow {cycles - (options.budget_cycles or 0)} more or use a smaller model"
    )
