"""Speed of reading batches, from memory and from a store; nothing is asserted about time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emg_distill._data.load import load_protocol
from emg_distill._data.store import prepare_protocol

emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from emg_io.formats import REGISTRY

    root = tmp_path_factory.mktemp("sets")
    emg_io.synthesize(root / "uci", format="uci", n_subjects=5, seed=1)
    (root / "capgmyo-a").mkdir()
    REGISTRY["capgmyo-a"].forge(root / "capgmyo-a", 4, 0, n_trials=10, segment_s=1.0)
    return {"uci/subject-disjoint": root / "uci", "capgmyo-a/universal": root / "capgmyo-a"}


@pytest.mark.parametrize("where", ["memory", "store"])
@pytest.mark.parametrize(("name", "batch"), [("uci/subject-disjoint", 64), ("capgmyo-a/universal", 1000)])
def test_read(name: str, batch: int, where: str, folders: dict[str, Path], tmp_path: Path, benchmark: Any) -> None:
    make = load_protocol if where == "memory" else prepare_protocol
    arguments = (name, folders[name]) if where == "memory" else (name, folders[name], tmp_path / "store")
    data = make(*arguments)
    rows = np.random.default_rng(0).permutation(len(data.train))[:batch]
    benchmark(data.train.read, rows)


def test_load(folders: dict[str, Path], benchmark: Any) -> None:
    benchmark(load_protocol, "uci/subject-disjoint", folders["uci/subject-disjoint"])
