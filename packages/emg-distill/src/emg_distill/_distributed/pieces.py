"""Tables of tensors on disk: one safetensors file a table, or one a process where processes hold different rows."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric
from safetensors import SafetensorError
from safetensors.torch import load, save

from emg_distill._errors import EmgDistillError
from emg_distill._files import write_file

from .shards import holders, is_cut, own_piece

Table = Mapping[str, torch.Tensor]
_NAME = re.compile(r"(?P<table>.+?)(?:-(?P<rank>\d{5})-of-\d{5})?\.safetensors")
_NO_FILE = bytes(32)


@dataclass(frozen=True)
class Layout:
    """What was written.

    Attributes
    ----------
    files
        Sha256 (hex) of every file, by name.
    shapes
        Shapes of the whole tensors that are cut, by table and name; their rows lie in the order of the processes.
    """

    files: dict[str, str]
    shapes: dict[str, dict[str, list[int]]]


def write_pieces(folder: Path, tables: Mapping[str, Table], fabric: Fabric | None) -> Layout:
    """Write this process's share of all tables, and tell every process what all of them wrote.

    Parameters
    ----------
    folder
        Where to write; it is being made by the first process.
    tables
        The same names on every process.
    fabric
        Must be given where several processes run; the call is then collective. Where one process cannot write, it
        raises and the others wait: torchrun ends them.

    Raises
    ------
    EmgDistillError
        When tensors are cut and `fabric` is absent.
    """
    rank, size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
    names: dict[tuple[int, str], str] = {}
    hashes: dict[str, bytes] = {}
    if fabric is not None:
        fabric.barrier()
    for table, tensors in tables.items():
        cut = size > 1 and any(is_cut(tensor) for tensor in tensors.values())
        for writer in range(size if cut else 1):
            names[writer, table] = f"{table}-{writer:05d}-of-{size:05d}.safetensors" if cut else f"{table}.safetensors"
        if (rank, table) in names:
            hashes[table] = _write(folder / names[rank, table], _share(tensors, rank, size))
    everyone = _gathered(hashes, list(tables), fabric)
    files = {name: everyone[writer][table].hex() for (writer, table), name in names.items()}
    return Layout(files, {table: shapes for table, tensors in tables.items() if (shapes := _shapes(tensors))})


def join_pieces(folder: Path, layout: Layout) -> dict[str, dict[str, torch.Tensor]]:
    """Read what `write_pieces` wrote, check every hash, and return whole tensors on the CPU.

    Raises
    ------
    EmgDistillError
        When a file is absent, damaged or not what was written; the message names it.
    """
    tables: dict[str, dict[str, torch.Tensor]] = {}
    cut: dict[tuple[str, str], list[torch.Tensor]] = {}
    for name, digest in sorted(layout.files.items()):
        table = cast("re.Match[str]", _NAME.fullmatch(name))["table"]
        whole = tables.setdefault(table, {})
        for key, tensor in _read(folder / name, digest).items():
            if key in layout.shapes.get(table, {}):
                cut.setdefault((table, key), []).append(tensor)
            else:
                whole[key] = tensor
    for (table, key), pieces in cut.items():
        tables[table][key] = torch.cat(pieces)
    for table, shapes in layout.shapes.items():
        for key, shape in shapes.items():
            found = tables.get(table, {}).get(key)
            if found is None or list(found.shape) != shape:
                raise EmgDistillError(
                    f"{folder}: rows of {table} {key} are missing: whole shape {shape}, "
                    f"found {None if found is None else list(found.shape)}"
                )
    return tables


def _share(tensors: Table, rank: int, size: int) -> dict[str, torch.Tensor]:
    """Return what this process has to write: its rows of what is cut, and on the first process everything else."""
    for name, tensor in tensors.items():
        if holders(tensor) not in {1, size}:
            raise EmgDistillError(
                f"{name} is cut among {holders(tensor)} processes, {size} write: pass the Fabric of all of them"
            )
    kept = {name: tensor for name, tensor in tensors.items() if rank == 0 or is_cut(tensor)}
    return {name: own_piece(tensor).cpu().contiguous() for name, tensor in kept.items()}


def _write(path: Path, tensors: dict[str, torch.Tensor]) -> bytes:
    content = save(tensors)
    write_file(path, content)
    return hashlib.sha256(content).digest()


def _gathered(hashes: dict[str, bytes], tables: list[str], fabric: Fabric | None) -> list[dict[str, bytes]]:
    """Return the hashes of all processes by table; no pickle travels."""
    mine = b"".join(hashes.get(table, _NO_FILE) for table in tables)
    if fabric is None or fabric.world_size == 1:
        everyone = [mine]
    else:
        sent = torch.tensor(list(mine), dtype=torch.uint8, device=fabric.device)
        rows = [torch.empty_like(sent) for _ in range(fabric.world_size)]
        torch.distributed.all_gather(rows, sent)
        everyone = [bytes(row.tolist()) for row in rows]
    return [{table: row[32 * i : 32 * i + 32] for i, table in enumerate(tables)} for row in everyone]


def _shapes(tensors: Table) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in tensors.items() if is_cut(tensor)}


def _read(path: Path, expected: str) -> dict[str, torch.Tensor]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EmgDistillError(f"{path} cannot be read: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise EmgDistillError(f"{path} is damaged: sha256 {found}, written was {expected}")
    try:
        return load(content)
    except SafetensorError as error:
        raise EmgDistillError(f"{path} is not a safetensors file: {error}") from None
