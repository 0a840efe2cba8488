"""Compiled models that somebody changed, manifest included: `load_compiled` says what is wrong, or the model works."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from mutations import mutate
from specimens import specimen

from emg_edge import EmgEdgeError, compile_model, load_compiled
from emg_edge._arrays import load_npz
from emg_edge._serialise import from_dict, program_hash
from emg_edge.execute._execute import get_executor

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DOCUMENTS = ("program.json", "layers.json", "manifest.json")
VALUES: tuple[Any, ...] = (
    None, True, 0, 1, -1, 2**15, 2**31, -(2**31), 2**40, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "x",
    "int8", "int16", "../x", "\0", '"; system("x"); //', [], [0], [[]], [-1, 2], [2**40, 2**40], {},
    {"array": "0000.weight"}, {"array": 3}, "a" * 10**5, "linear", "conv", "attention", "gap9", "host",
)  # fmt: skip


def forge(folder: Path) -> dict[str, bytes]:
    """Compile a small model into ``folder``; return the files that are read when it is loaded."""
    (folder / "m.onnx").write_bytes(specimen("encoder"))
    x = np.random.default_rng(0).normal(size=(64, 2, 12)).astype(np.float32)
    compile_model(folder / "m.onnx", x, target="gap9", out=folder / "out")
    return {name: (folder / "out" / name).read_bytes() for name in (*DOCUMENTS, "program.npz")}


def damage(folder: Path, files: dict[str, bytes], rng: np.random.Generator) -> None:
    """Change one file below ``folder`` and, most of the time, sign it anew."""
    name = str(rng.choice([*DOCUMENTS, "program.json", "layers.json", "program.npz"]))
    if name == "program.npz":
        content = _arrays(files[name], rng) if rng.random() < 0.7 else mutate(files[name], rng)
    else:
        content = _document(files[name], rng) if rng.random() < 0.9 else mutate(files[name], rng)
    (folder / name).write_bytes(content)
    if name != "manifest.json" and rng.random() < 0.95:
        _sign(folder, files, "layers.json" if name == "layers.json" else "")


def _sign(folder: Path, files: dict[str, bytes], kept: str) -> None:
    """Let summary and manifest fit the files that lie there."""
    try:
        program = from_dict(json.loads((folder / "program.json").read_bytes()), load_npz(folder / "program.npz"))
    except (EmgEdgeError, ValueError, RecursionError):
        program = None
    if program is not None and kept != "layers.json":
        summary = {**json.loads(files["layers.json"]), "hash": program_hash(program)}
        (folder / "layers.json").write_text(json.dumps(summary))
    manifest = json.loads(files["manifest.json"])
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _document(data: bytes, rng: np.random.Generator) -> bytes:
    """Replace, drop or double values anywhere in a JSON document."""
    if rng.random() < 0.02:
        return b"[" * 100_000
    document = json.loads(data)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        holder, key = _place(document, rng)
        how = rng.random()
        if holder is None:
            continue
        if how < 0.15:
            del holder[key]
        elif how < 0.25 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif how < 0.5 and type(holder[key]) is int:
            holder[key] = int(holder[key] + rng.choice([-2, -1, 1, 2, 100]))
        else:
            holder[key] = VALUES[int(rng.integers(0, len(VALUES)))]
    return json.dumps(document).encode()


def _place(document: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Walk down to a random entry."""
    holder: Any = None
    key: Any = None
    value = document
    while isinstance(value, (dict, list)) and len(value):
        if holder is not None and rng.random() < 0.15:
            break
        holder = value
        key = (
            list(value)[int(rng.integers(0, len(value)))]
            if isinstance(value, dict)
            else int(rng.integers(0, len(value)))
        )
        value = value[key]
    return holder, key


def _arrays(data: bytes, rng: np.random.Generator) -> bytes:
    """Change an array's shape, type or numbers, or take it out."""
    with np.load(io.BytesIO(data)) as archive:
        arrays: dict[str, NDArray[Any]] = dict(archive)
    name = str(rng.choice(sorted(arrays)))
    array = arrays.pop(name)
    changes = (
        array[..., :1], array.reshape(-1), array[None],
        array.astype(np.int64), array.astype(np.float32),
        np.full_like(array, np.iinfo(array.dtype).max), np.full_like(array, np.iinfo(array.dtype).min),
        np.zeros(0, array.dtype), array.T.copy(),
        np.array(["text"]), array * 0,
    )  # fmt: skip
    if rng.random() < 0.9:
        arrays[name] = changes[int(rng.integers(0, len(changes)))]
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def use(folder: Path) -> str:
    """Load a folder and do with it what the commands do; return ``"refused"`` or ``"works"``."""
    try:
        compiled = load_compiled(folder)
        program = compiled.program
        compiled.simulate()
        assert compiled.layers
        assert compiled.memory
        x = {name: np.zeros((1, *program.tensors[name].shape), program.tensors[name].dtype) for name in program.inputs}
        get_executor("reference", program, folder / "c").run(x)
    except EmgEdgeError:
        return "refused"
    return "works"
