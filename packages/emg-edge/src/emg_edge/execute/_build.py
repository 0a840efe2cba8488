"""Calls a C compiler on a project, once per distinct (sources, flags, compiler, processor)."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from emg_edge._errors import EmgEdgeError

STRICT = ("-std=c99", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror", "-Wconversion")
TIMEOUT_S = 600


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A compiler and its flags.

    Parameters
    ----------
    name
        Short, part of the cache's file names.
    compiler
        Command.
    flags
        For compiling and linking.
    link
        For linking alone.
    install
        How to get the compiler.
    """

    name: str
    compiler: str
    flags: tuple[str, ...]
    link: tuple[str, ...] = ()
    install: str = "install a C compiler"

    def require(self) -> str:
        """Return the compiler's path, or raise `EmgEdgeError` saying how to install it."""
        path = shutil.which(self.compiler)
        if path is None:
            raise EmgEdgeError(f"the {self.name} executor needs {self.compiler}, which is not on PATH; {self.install}")
        return path


def build(
    folder: Path,
    toolchain: Toolchain,
    main: str | None,
    defines: tuple[str, ...] = (),
    extra: tuple[Path, ...] = (),
) -> Path:
    """Compile a project's network, with one main file or as a library; return what was linked.

    Parameters
    ----------
    folder
        The C project.
    toolchain
        Compiler and flags.
    main
        ``"main.c"`` or ``"test_main.c"``; None for the network alone.
    defines
        Preprocessor symbols.
    extra
        More source files.

    Returns
    -------
    Path
        In ``../build`` beside the project when that can be written, else in the user's temporary folder.

    Raises
    ------
    EmgEdgeError
        With the compiler's first complaint.
    """
    compiler = toolchain.require()
    sources = [*_sources(folder, main), *extra]
    flags = [*STRICT, *toolchain.flags, *(f"-D{symbol}" for symbol in defines), f"-I{folder}"]
    words = [*flags, *toolchain.link, main or "library", *(path.read_text("ascii") for path in extra)]
    binary = _cache(folder) / f"{toolchain.name}-{_key(folder, compiler, words)}"
    if not binary.exists():
        with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".build-") as scratch:
            objects = _compile_all(compiler, flags, sources, Path(scratch))
            linked = Path(scratch) / "program"
            _call([compiler, *flags, *map(str, objects), *toolchain.link, "-o", str(linked)])
            linked.replace(binary)
    return binary


def _sources(folder: Path, main: str | None) -> list[Path]:
    """Return the files to compile: everything but the other mains, vectors only where they are tested."""
    left_out = {"main.c", "test_main.c", "test_stream.c", "vectors.c"} - {main}
    if main == "test_main.c":
        left_out -= {"vectors.c"}
    sources = sorted(path for path in folder.glob("*.c") if path.name not in left_out)
    if not sources or (main and not any(path.name == main for path in sources)):
        raise EmgEdgeError(f"{folder} holds no {main or 'C sources'}; compile the model again")
    return sources


def _cache(folder: Path) -> Path:
    """Return a folder for executables."""
    beside = folder.parent / "build"
    if os.access(folder.parent, os.W_OK):
        beside.mkdir(exist_ok=True)
        return beside
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"emg-edge-{os.getuid()}-{place}"
    cache.mkdir(mode=0o700, exist_ok=True)
    if cache.stat().st_uid != os.getuid():
        raise EmgEdgeError(f"{cache} belongs to another user; make {folder.parent} writable or set TMPDIR")
    return cache


def _key(folder: Path, compiler: str, words: list[str]) -> str:
    """Return a hash of everything that decides the executable."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    version = _call([compiler, "--version"])
    digest.update(version.encode() + "\0".join(words).encode() + _processor())
    return digest.hexdigest()[:20]


def _processor() -> bytes:
    """Return what distinguishes this machine's instruction set."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8", "replace").splitlines() if info.exists() else []
    return (platform.machine() + next((line for line in lines if line.startswith(("flags", "Features"))), "")).encode()


def _compile_all(compiler: str, flags: list[str], sources: list[Path], scratch: Path) -> list[Path]:
    """Compile every source, a few at a time."""
    objects = [scratch / f"{source.stem}.o" for source in sources]
    commands = [
        [compiler, *flags, "-c", str(source), "-o", str(target)]
        for source, target in zip(sources, objects, strict=True)
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        list(pool.map(_call, commands))
    return objects


def _call(command: list[str]) -> str:
    """Run a compiler command; return what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)  # noqa: S603  no shell, own arguments
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmgEdgeError(f"{command[0]} cannot be run ({error}); repair or replace the compiler") from error
    if done.returncode:
        complaint = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:300])
        raise EmgEdgeError(f"{Path(command[0]).name} failed: {complaint}; the generated C and the compiler disagree")
    return done.stdout
