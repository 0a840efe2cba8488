"""Every chore of this repository, one verb a session: ``nox -l`` lists them, ``nox -s NAME`` runs one.

The sessions that ``nox`` runs on its own are the whole check of the repository; ``demo`` is the main job, ``bench`` the
speed comparison. Environments use pip through virtualenv with ``constraints.txt``, so a pinned build of torch found by
pip is taken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
REPORTS = ROOT / ".nox" / "reports"
CONSTRAINTS = ROOT / "constraints.txt"

SIBLINGS = {"emg-io": [], "emg-dsp": [], "emg-models": [], "emg-distill": ["emg-models"], "emg-edge": []}
PACKAGES = list(SIBLINGS)
TORCH_FREE = ["emg-io", "emg-dsp", "emg-edge"]
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}  # spinning threads slow training down many times on a busy machine
EXTRAS = {
    "emg-io": ["dask"],
    "emg-dsp": ["lsl", "plot", "sklearn"],
    "emg-models": ["onnx"],
    "emg-distill": ["data", "speech"],
}
EXTRA_SIBLINGS = {"emg-distill": ["emg-io", "emg-dsp"]}
COVERAGE_FLOOR = {"emg-io": 98, "emg-dsp": 99, "emg-models": 98, "emg-distill": 98, "emg-edge": 96}
TEST_TOOLS = ["pytest", "pytest-cov", "pytest-benchmark", "pytest-xdist", "hypothesis"]
TEST_EXTRAS = {
    "emg-io": ["edfio", "pyedflib", "pyxdf", "wfdb"],
    "emg-dsp": ["pandas"],
    "emg-models": ["beartype", "huggingface_hub", "onnxruntime", "safetensors", "scipy"],
    "emg-distill": ["distributed", "onnx", "onnxscript"],
    "emg-edge": ["onnxruntime"],
}
PEERS = {"emg-dsp": ["numpy<2", "libemg==2.0.3", "neurokit2==0.2.12", "biosppy==2.2.4", "peakutils"]}

PEERS_APART = {"emg-edge": ["emx-onnx-cgen==1.0.0", "deeploy-pulp==0.2.1"]}
"""Peers whose pins exclude ours: an environment of their own, named to the benchmarks in EMG_EDGE_PEERS."""


def newest_python() -> list[str]:
    """Find the newest working Python beside the running one, on PATH or under pyenv; put it on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for minor in range(19, sys.version_info.minor, -1):
        name = f"python3.{minor}"
        kept = sorted(pyenv.glob(f"versions/3.{minor}.*/bin/{name}"))
        for candidate in [*kept[-1:], shutil.which(name)]:
            if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
                folders = [str(Path(found).parent) for found in (sys.executable, candidate)]
                os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"]])
                return [f"3.{minor}"]
    return []


OTHER_PYTHONS = newest_python()

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False

each_package = nox.parametrize("package", PACKAGES, ids=PACKAGES)


def folder(package: str) -> Path:
    """Return the folder of a package."""
    return ROOT / "packages" / package


def module(package: str) -> str:
    """Return the import name of a package."""
    return package.replace("-", "_")


def local(package: str) -> str:
    """Return the requirement that installs a package of this repository with the extras its tests use."""
    extras = ",".join(EXTRAS.get(package, []))
    return f"{folder(package)}[{extras}]" if extras else str(folder(package))


def install(session: nox.Session, *requirements: str) -> None:
    """Install with the repository's constraints."""
    session.install("--quiet", *requirements, env={"PIP_CONSTRAINT": str(CONSTRAINTS)})


def install_all(session: nox.Session, *tools: str) -> None:
    """Install all five packages from this repository."""
    install(session, *(local(package) for package in PACKAGES), *tools)


def install_alone(session: nox.Session, package: str) -> None:
    """Install one package, the siblings that it declares, and what its tests need."""
    siblings = SIBLINGS[package] + EXTRA_SIBLINGS.get(package, [])
    install(session, local(package), *(str(folder(s)) for s in siblings), *TEST_TOOLS, *TEST_EXTRAS.get(package, []))


def in_parallel(session: nox.Session, package: str) -> list[str]:
    """Return the options for a worker a core, a whole file each, after one process has filled the cache of kernels."""
    session.env["OMP_NUM_THREADS"] = "1"
    if package == "emg-dsp":
        session.run("python", "-c", "import emg_dsp; emg_dsp.warmup()")
    return ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", "--benchmark-disable"]


def run_pytest(session: nox.Session, label: str, *arguments: str) -> None:
    """Run pytest and keep its counts for the closing summary."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = f"--junit-xml={REPORTS / label}.xml"
    env = {"COVERAGE_FILE": str(REPORTS / f"{label}.coverage")}
    session.run("python", "-m", "pytest", report, "-p", "no:cacheprovider", *arguments, *session.posargs, env=env)


@nox.session(python=False)
def clean(session: nox.Session) -> None:
    """Forget the counts of earlier runs, so that the summary speaks of this one."""
    shutil.rmtree(REPORTS, ignore_errors=True)
    session.log("reports of earlier runs removed")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, spelling, import direction, honest dependencies, metadata, size ratchets."""
    install(session, "ruff", "codespell", "import-linter", "deptry", "validate-pyproject[all]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", "README.md", "noxfile.py", "packages", "examples", "tests", "tools")
    sources = os.pathsep.join(str(folder(package) / "src") for package in PACKAGES)
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": sources})
    for package in PACKAGES:
        with session.chdir(folder(package)):
            session.run(
                "deptry",
                "src",
                "--known-first-party",
                module(package),
                "--package-module-name-map",
                "protobuf=google,scikit-learn=sklearn",
            )
            session.run("validate-pyproject", "pyproject.toml")
    session.run("python", "tools/ratchet.py")


@nox.session
def typing(session: nox.Session) -> None:
    """Mypy, strict, once per package."""
    install_all(session, "mypy")
    for package in PACKAGES:
        session.run("mypy", "--config-file", "pyproject.toml", str(folder(package) / "src"))


@nox.session
@each_package
def tests(session: nox.Session, package: str) -> None:
    """One package's tests in an environment that holds it and its declared dependencies alone."""
    install_alone(session, package)
    floor = COVERAGE_FLOOR[package]
    coverage = [
        f"--cov={module(package)}",
        "--cov-branch",
        "--cov-report=term:skip-covered",
        f"--cov-fail-under={floor}",
    ]
    run_pytest(session, package, *in_parallel(session, package), *coverage, str(folder(package) / "tests"))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Damaged files for every reader of emg-io and emg-edge: an error or a whole result, never anything else."""
    install(session, local("emg-io"), local("emg-edge"))
    session.run("python", "packages/emg-io/fuzz/campaign.py", "--mutations", "20000", "--seed", "1", "--jobs", "2")
    session.run("python", "packages/emg-edge/fuzz/campaign.py", "--mutations", "3000", "--seed", "1", "--jobs", "2")


@nox.session(python=OTHER_PYTHONS)
@nox.parametrize("package", TORCH_FREE, ids=TORCH_FREE)
def compat(session: nox.Session, package: str) -> None:
    """The torch-free packages' tests on the newest other Python, but for those that a C compiler or QEMU decides."""
    install_alone(session, package)
    label = f"{package}-{session.python}"
    chosen = ["-m", "not compiles and not rv32"]
    run_pytest(session, label, *in_parallel(session, package), *chosen, str(folder(package) / "tests"))


@nox.session
def cross(session: nox.Session) -> None:
    """Tests that need two or more packages, and the rules of the house."""
    install_all(session, "onnxruntime", *TEST_TOOLS)
    run_pytest(session, "cross", *in_parallel(session, "all"), "tests")


@nox.session(python=False)
def build(session: nox.Session) -> None:
    """Build a wheel of every package into dist/."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    for package in PACKAGES:
        session.run(
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", str(folder(package))
        )


@nox.session(requires=["build"], reuse_venv=False)
@each_package
def isolation(session: nox.Session, package: str) -> None:
    """A wheel in an empty environment imports, and brings no sibling and no torch that it did not declare."""
    install(session, "--find-links", str(ROOT / "dist"), str(next((ROOT / "dist").glob(f"{module(package)}-*.whl"))))
    session.run("python", str(ROOT / "tools" / "isolation.py"), package, *SIBLINGS[package])


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example; the end-to-end job last, on forged recordings and, where EMG_DATA is set, on real ones."""
    install_all(session)
    out = Path(session.create_tmp())
    for script in sorted((ROOT / "examples").glob("[0-9]*.py")):
        session.run("python", str(script), "--out", str(out / script.stem))
    job = str(ROOT / "examples" / "end_to_end.py")
    session.run("python", job, "--out", str(out / "forged"), env={**PATIENT, "EMG_DATA": ""})
    if os.environ.get("EMG_DATA"):
        session.run("python", job, "--out", str(out / "real"), env=PATIENT)


@nox.session(python=False)
def summary(session: nox.Session) -> None:
    """Add up the tests that this run executed."""
    session.run(sys.executable, str(ROOT / "tools" / "summary.py"), str(REPORTS))


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """The main job: recordings in, verified C and a report out (``nox -s demo -- --help``)."""
    install_all(session)
    session.run("python", "examples/end_to_end.py", *session.posargs, env=PATIENT)


@nox.session(default=False)
@each_package
def bench(session: nox.Session, package: str) -> None:
    """Speed, with the peers in the same run (``nox -s "bench(emg-dsp)" -- --benchmark-json=out.json``), one thread.

    The peers of emg-dsp need numpy < 2, which ``constraints.txt`` forbids, so its environment is resolved without it;
    those of emg-edge need an old onnx and live in an environment of their own (Deeploy's C kernels are not in its
    wheel: name the folder ``TargetLibraries/Generic`` of its repository in EMG_DEEPLOY_KERNELS).
    """
    if package in PEERS:
        session.install("--quiet", local(package), *TEST_TOOLS, *PEERS[package])
    else:
        install_alone(session, package)
    if package in PEERS_APART:
        peers = Path(session.create_tmp()).resolve() / "peers"
        session.run(sys.executable, "-m", "venv", str(peers), external=True)
        python = str(peers / "bin" / "python")
        session.run(python, "-m", "pip", "install", "--quiet", *PEERS_APART[package], external=True)
        session.env["EMG_EDGE_PEERS"] = python
    session.run(
        "python",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--benchmark-only",
        *map(str, sorted(folder(package).glob("tests/bench_*.py"))),
        *session.posargs,
        env={"OMP_NUM_THREADS": "1"} if package in PEERS else {},
    )
