"""The page about the operators says what the code says, and leaves no cell empty."""

from __future__ import annotations

import edge_operator_table as table
import pytest

from emg_edge.kernels import OPERATORS


def test_the_page_is_what_the_code_says():
    assert table.PAGE.read_text() == table.page(), "run python tests/edge_operator_table.py"


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_no_cell_is_empty(kind):
    assert table.meaning(kind)
    assert table.bound(kind)
    assert table.kernel(kind)
    assert table.cost(kind)
