"""The C project of a program, as a dictionary from file name to bytes: equal programs give equal bytes."""

from __future__ import annotations

from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from emg_edge._serialise import program_hash
from emg_edge.plan._constants import Placement

from ._layers import layers, ports, signature
from ._names import check_name
from ._stream import stream_facts
from ._tables import TablePrinter
from ._vectors import vector_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jinja2
    from numpy.typing import NDArray

    from emg_edge.frontend._frontend import FrontEnd
    from emg_edge.plan._plan import ArenaPlan
    from emg_edge.program._program import Program

PRINTED = ("main.c", "test_main.c", "vectors.c", "vectors.h", "Makefile", "CMakeLists.txt")


def emit_project(
    program: Program,
    plan: ArenaPlan,
    feeds: Mapping[str, NDArray[Any]],
    front: FrontEnd | None = None,
    placement: Placement | None = None,
) -> dict[str, bytes]:
    """Print the project.

    Parameters
    ----------
    program
        A verified program.
    plan
        Its arena.
    feeds
        Quantised inputs of the test vectors, ``(n, *shape)`` per input name, n >= 1.
    front
        What ``<name>_push`` does in front of the network; None for a project without it.
    placement
        Memories of constants; None where there is only one.

    Returns
    -------
    dict
        Content by file name, all in one folder; sorted.
    """
    name = check_name(program.name)
    sources = kernel_sources(streaming=front is not None)
    tables = TablePrinter(f"{name}_c", placement or Placement())
    facts = _facts(program, plan, feeds, sources, front, tables)
    environment = _environment()
    templates = {
        f"{name}.h": "network.h",
        f"{name}.c": "network.c",
        f"{name}_weights.h": "weights.h",
        f"{name}_weights.c": "weights.c",
        **{file: file for file in (*PRINTED, *(["test_stream.c"] if front else []))},
    }
    printed = {
        file: environment.get_template(f"{template}.j2").render(facts).encode("ascii")
        for file, template in templates.items()
    }
    return dict(sorted((sources | printed).items()))


def kernel_sources(*, streaming: bool = False) -> dict[str, bytes]:
    """Return the kernels' files by name, those of the streaming front end only where they are asked for."""
    folder = resources.files("emg_edge") / "csrc"
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith((".c", ".h")) and (streaming or not entry.name.startswith("emg_frontend."))
    }


def constant_bytes(program: Program, plan: ArenaPlan) -> int:
    """Return the bytes of all printed tables, equal ones counted once."""
    tables = TablePrinter(f"{program.name}_c")
    layers(program, plan, tables)
    return tables.nbytes


def _facts(
    program: Program,
    plan: ArenaPlan,
    feeds: Mapping[str, NDArray[Any]],
    sources: Mapping[str, bytes],
    front: FrontEnd | None,
    tables: TablePrinter,
) -> dict[str, Any]:
    """Return everything that the templates mention."""
    calls = layers(program, plan, tables)
    inputs, outputs = ports(program, program.inputs, "input"), ports(program, program.outputs, "output")
    stream = None if front is None else stream_facts(program, front, tables)
    n_vectors, vectors = vector_tables(program, feeds)
    network = [f"{program.name}.c", f"{program.name}_weights.c"]
    return {
        "name": program.name,
        "upper": program.name.upper(),
        "version": metadata.version("emg-edge"),
        "hash": program_hash(program),
        "inputs": inputs,
        "outputs": outputs,
        "signature": signature(inputs, outputs),
        "layers": calls,
        "stream": stream,
        "tables": tables.tables,
        "default_level": tables.placement.default.upper(),
        "arena_bytes": plan.nbytes,
        "constant_bytes": tables.nbytes,
        "n_vectors": n_vectors,
        "vectors": vectors,
        "sources": network + [file for file in sources if file.endswith(".c")],
    }


def _environment() -> jinja2.Environment:
    """Return a strict environment over the shipped templates."""
    import jinja2

    folder = resources.files("emg_edge.emit") / "templates"
    loader = jinja2.FunctionLoader(lambda name: (folder / name).read_text("ascii"))
    return jinja2.Environment(  # noqa: S701  C source, not HTML; names are whitelisted
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
