"""emx-onnx-cgen and Deeploy's Generic target beside ours, on int8 layers that all of them take.

Run with ``nox -s "bench(emg-edge)" -- -k peers``, which makes an environment with emx-onnx-cgen 1.0.0 and deeploy-pulp
0.2.1 and names its interpreter in EMG_EDGE_PEERS. Deeploy's wheel lacks its C kernels: name the folder
``TargetLibraries/Generic`` of its repository (tag v0.2.1) in EMG_DEEPLOY_KERNELS. What is absent is skipped.

Every row holds host time, RV32IMC instructions (QEMU, exact), bytes of code and of data (constants, activations and
heap, without input and output), all built with ``-O2`` and one harness; the outputs are checked against numpy. emx
requantises in float or 64 bits (its QLinearMatMul wraps instead of saturating, so no sample here saturates), Deeploy in
32 bits, ours in 64 bits, with the transposes that channel-last convolutions need at both ends.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import edge_map
import numpy as np
import pytest

from emg_edge import QuantiseOptions, compile_model
from emg_edge.execute._execute import ReferenceExecutor, Rv32Executor

CASES = {
    "linear-64": ("linear", (32, 64), (64, 64)),
    "linear-192": ("linear", (64, 192), (192, 192)),
    "conv-3x3": ("conv", (1, 16, 16, 16), (32, 16, 3, 3)),
    "conv-1x5": ("conv", (1, 16, 1, 100), (32, 16, 1, 5)),
}
PEERS = ("emx", "deeploy")
SHIFT = 16
RV32 = Rv32Executor.toolchain
WRAP = ("-Wl,--wrap=malloc", "-Wl,--wrap=free")
HARNESS = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "input.h"
#include "run.h"
#ifdef __riscv
#define TICKS "instructions"
static uint64_t now(void)
{
    uint32_t high, low;
    __asm__ volatile("csrr %0, instreth" : "=r"(high));
    __asm__ volatile("csrr %0, instret" : "=r"(low));
    return (uint64_t)high << 32 | low;
}
#else
#include <time.h>
#define TICKS "ns"
static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif
void *__real_malloc(size_t size);
void __real_free(void *block);
static size_t held, peak;
void *__wrap_malloc(size_t size)
{
    size_t *block = __real_malloc(size + 16);
    block[0] = size;
    held += size;
    peak = held > peak ? held : peak;
    return (char *)block + 16;
}
void __wrap_free(void *block)
{
    if (block != NULL) {
        held -= *(size_t *)((char *)block - 16);
        __real_free((char *)block - 16);
    }
}
int main(int argc, char **argv)
{
    int repeats = argc > 1 ? atoi(argv[1]) : 1;
    peer_setup(sample);
    uint64_t start = now();
    for (int i = 0; i < repeats; i++) {
        peer_run();
    }
    uint64_t spent = (now() - start) / (uint64_t)repeats;
    const int8_t *y = peer_output();
    printf("heap %lu\n" TICKS " %lu\noutput ", (unsigned long)peak, (unsigned long)spent);
    for (int i = 0; i < OUTPUTS; i++) {
        printf("%02x", y[i] & 255);
    }
    printf("\n");
    return 0;
}
"""


def make_case(name):
    """Weights, a sample and a requantisation that all can express: 16 bits of shift, no zero points."""
    kind, x_shape, w_shape = CASES[name]
    rng = np.random.default_rng(1)
    outputs, depth = w_shape[0], int(np.prod(w_shape[1:]))
    mul = np.full(outputs, 2**SHIFT // int(320 * np.sqrt(depth)))
    if kind == "conv":
        mul = mul + rng.integers(-2, 3, outputs)
    return {
        "kind": kind,
        "x": rng.integers(-128, 128, x_shape).astype(np.int8),
        "weight": rng.integers(-127, 128, w_shape).astype(np.int8),
        "bias": (rng.integers(-1000, 1000, outputs) if kind == "conv" else np.zeros(outputs)).astype(np.int32),
        "mul": mul.astype(np.int32),
    }


def accumulators(case):
    """The exact sums, in ONNX's layout."""
    x, w = case["x"].astype(np.int64), case["weight"].astype(np.int64)
    if case["kind"] == "linear":
        return x @ w.T
    rows, columns = w.shape[2:]
    patches = np.lib.stride_tricks.sliding_window_view(x[0], (rows, columns), axis=(1, 2))
    return (np.einsum("cijrs,fcrs->fij", patches, w) + case["bias"][:, None, None])[None]


def expected(case, peer):
    acc = accumulators(case)
    mul = case["mul"] if case["kind"] == "linear" else case["mul"][:, None, None]
    if peer == "emx":
        floats = np.float64 if case["kind"] == "linear" else np.float32
        return np.clip(np.rint(acc.astype(floats) * (mul.astype(floats) / floats(2**SHIFT))), -128, 127)
    return np.clip((acc * mul + 2 ** (SHIFT - 1)) >> SHIFT, -128, 127)


def peer_project(case, peer, folder):
    """Ask the peer for its C."""
    python, kernels = os.environ.get("EMG_EDGE_PEERS"), os.environ.get("EMG_DEEPLOY_KERNELS")
    if not python or not Path(python).exists():
        pytest.skip("EMG_EDGE_PEERS names no interpreter that has emx-onnx-cgen and deeploy-pulp")
    if peer == "deeploy" and not (kernels and Path(kernels, "src", "Gemm_s8.c").exists()):
        pytest.skip("EMG_DEEPLOY_KERNELS names no TargetLibraries/Generic of Deeploy's repository")
    np.savez(folder / "case.npz", **case)
    script = Path(__file__).with_name("edge_peers.py")
    command = [python, str(script), peer, str(folder / "case.npz"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    if peer == "emx":
        return [folder / "net.c"], [], expected(case, peer).astype(np.int8)
    sources = [Path(kernels, "src", f"{stem}.c") for stem in ("Gemm_s8", "Convolution_s8", "RequantShift_s8", "Util")]
    return (
        [folder / "net.c", *sources],
        [f"-I{kernels}/inc", "-DDEEPLOY_GENERIC_PLATFORM"],
        expected(case, peer).astype(np.int8),
    )


def our_project(case, folder):
    """The same layer as a float ONNX file through the whole compiler, int8 in and out."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    linear = case["kind"] == "linear"
    arrays = {"w": case["weight"].astype(np.float32) / 100, "b": case["bias"].astype(np.float32) / 2000}
    node = helper.make_node("Gemm" if linear else "Conv", ["x", "w", "b"], ["y"], **({"transB": 1} if linear else {}))
    graph = helper.make_graph(
        [node],
        "ours",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, case["x"].shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, accumulators(case).shape)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    samples = np.random.default_rng(2).normal(size=(64, *case["x"].shape[int(not linear) :])).astype(np.float32)
    options = QuantiseOptions(input_dtype="int8", residual_dtype="int8")
    model = compile_model(folder / "m.onnx", samples, target="rv32", out=folder, name="ours", options=options)
    program = model.program
    (x_name,), (y_name,) = program.inputs, program.outputs
    assert program.tensors[x_name].dtype == "int8"
    wanted = ReferenceExecutor(program).run({x_name: case["x"].reshape(1, *program.tensors[x_name].shape)})[y_name]
    (folder / "run.h").write_text(
        '#include "ours.h"\n'
        f"static int8_t in[OURS_INPUT0_SIZE];\nstatic {program.tensors[y_name].dtype}_t out[OURS_OUTPUT0_SIZE];\n"
        "static void peer_setup(const int8_t *x) { ours_init(); memcpy(in, x, sizeof in); }\n"
        "static void peer_run(void) { ours_run(in, out); }\n"
        "static const int8_t *peer_output(void) { return (const int8_t *)out; }\n"
    )
    left_out = {"main.c", "test_main.c", "vectors.c"}
    sources = [path for path in sorted((folder / "c").glob("*.c")) if path.name not in left_out]
    return sources, [f"-I{folder / 'c'}"], wanted


def build(folder, sources, includes, compiler, flags, name):
    """Link the harness with a project, sections that nothing uses left out."""
    strip = ["-std=gnu99", "-fno-strict-aliasing", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    mapped = f"-Wl,-Map={folder / name}.map"
    command = [compiler, *strip, *flags, *WRAP, mapped, f"-I{folder}", *includes]
    command += [str(folder / "harness.c"), *map(str, sources), "-o", str(folder / name), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / name


def facts(text):
    found = dict(re.findall(r"^(heap|ns|instructions|output) (\S+)$", text.replace("\r", ""), re.MULTILINE))
    return found, np.frombuffer(bytes.fromhex(found["output"]), np.int8)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return make_case(request.param)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("who", ["ours", *PEERS])
def test_int8_layer(benchmark, case, who, tmp_path):
    if shutil.which(RV32.compiler) is None or shutil.which(Rv32Executor.simulator) is None:
        pytest.skip(Rv32Executor.install)
    sources, includes, wanted = our_project(case, tmp_path) if who == "ours" else peer_project(case, who, tmp_path)
    values = ", ".join(map(str, case["x"].ravel()))
    (tmp_path / "input.h").write_text(
        f"#define OUTPUTS {wanted.nbytes}\nstatic const int8_t sample[{case['x'].size}] = {{{values}}};\n"
    )
    (tmp_path / "harness.c").write_text(HARNESS)
    host = build(tmp_path, sources, includes, "gcc", ["-O2"], "host")
    rv32 = build(tmp_path, sources, includes, RV32.compiler, [*RV32.flags, *RV32.link], "rv32")
    sizes = edge_map.totals(edge_map.read_map((tmp_path / "rv32.map").read_text()))
    command, limit = Rv32Executor(None, tmp_path).command(rv32)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit)
    found, output = facts(done.stdout + done.stderr)
    np.testing.assert_array_equal(output, wanted.ravel().view(np.int8))
    benchmark.pedantic(subprocess.run, args=([host, "1000"],), kwargs={"capture_output": True}, rounds=1)
    timed, output = facts(subprocess.run([host, "1000"], capture_output=True, text=True, check=True).stdout)
    np.testing.assert_array_equal(output, wanted.ravel().view(np.int8))
    macs = int(np.prod(case["weight"].shape[1:])) * wanted.size
    ports = case["x"].size + wanted.nbytes
    benchmark.extra_info |= {
        "host_us": int(timed["ns"]) / 1000,
        "rv32_instructions": int(found["instructions"]),
        "instructions_per_mac": int(found["instructions"]) / macs,
        "code_bytes": sizes["code"] - harness_bytes(tmp_path)["code"],
        "data_bytes": sizes["constants"] + sizes["data"] - harness_bytes(tmp_path)["all"] + int(found["heap"]) - ports,
    }
    print("\n", who, benchmark.extra_info)


def harness_bytes(folder):
    """What the harness and the library need without a layer."""
    empty = folder / "empty"
    if not empty.exists():
        empty.mkdir()
        (empty / "input.h").write_text((folder / "input.h").read_text())
        (empty / "harness.c").write_text(HARNESS)
        (empty / "run.h").write_text(
            "static void peer_setup(const int8_t *x) { (void)x; }\nstatic void peer_run(void) {}\n"
            "static const int8_t *peer_output(void) { return sample; }\n"
        )
        build(empty, [], [], RV32.compiler, [*RV32.flags, *RV32.link], "rv32")
    sums = edge_map.totals(edge_map.read_map((empty / "rv32.map").read_text()))
    return {"code": sums["code"], "all": sums["constants"] + sums["data"]}
