"""Runs in the peers' own environment: ``python edge_peers.py PEER CASE.npz OUT`` writes the peer's C of one int8 layer.

The case file holds ``x`` int8 (1, ...), ``weight`` int8 as ONNX lays it out, ``bias`` int32, ``mul`` int32 and ``kind``
(``linear`` or ``conv``). OUT gets the C files and ``run.h`` with ``peer_setup``, ``peer_run`` and ``peer_output``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SHIFT = 16


def save(path, nodes, x, y, y_type, arrays, x_type=TensorProto.INT8):
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("input_0", x_type, x)],
        [helper.make_tensor_value_info("output_0", y_type, y)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        value_info=[helper.make_tensor_value_info("acc", y_type, y)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return model


def y_shape(case):
    x, w = case["x"].shape, case["weight"].shape
    if case["kind"] == "linear":
        return [x[0], w[0]]
    return [1, w[0], *(n - k + 1 for n, k in zip(x[2:], w[2:], strict=True))]


def emx(case, out):
    """QLinearMatMul with one scale, QLinearConv with one scale a channel; it requantises in float."""
    linear = case["kind"] == "linear"
    weight = case["weight"].T.copy() if linear else case["weight"]
    scale = case["mul"].astype(np.float32) / np.float32(2**SHIFT)
    arrays = {
        "xs": np.float32(1),
        "zero": np.int8(0),
        "w": weight,
        "ws": scale[0] if linear else scale,
        "wz": np.int8(0) if linear else np.zeros(len(scale), np.int8),
        "ys": np.float32(1),
        "b": case["bias"],
    }
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    names = ["input_0", "xs", "zero", "w", "ws", "wz", "ys", "zero"]
    if linear:
        del arrays["b"]
        node = helper.make_node("QLinearMatMul", names, ["output_0"])
    else:
        node = helper.make_node("QLinearConv", [*names, "b"], ["output_0"], kernel_shape=list(weight.shape[2:]))
    save(out / "peer.onnx", [node], case["x"].shape, y_shape(case), TensorProto.INT8, arrays)
    from emx_onnx_cgen.cli import main

    sys.argv = ["emx-onnx-cgen", "compile", "--large-weight-threshold", "0", str(out / "peer.onnx"), str(out / "net.c")]
    code = main()
    if code:
        raise SystemExit(code)
    x, y = "".join(f"[{n}]" for n in case["x"].shape), "".join(f"[{n}]" for n in y_shape(case))
    (out / "run.h").write_text(
        f"void model(const int8_t input_0{x}, int8_t output_0{y});\n"
        f"static int8_t peer_in{x}, peer_out{y};\n"
        "static void peer_setup(const int8_t *x) { memcpy(peer_in, x, sizeof peer_in); }\n"
        "static void peer_run(void) { model((const void *)peer_in, peer_out); }\n"
        "static const int8_t *peer_output(void) { return (const int8_t *)peer_out; }\n"
    )


def deeploy(case, out):
    """Gemm or Conv followed by RequantShift, in 32 bits, with the bias in its addend."""
    import onnx_graphsurgeon as gs
    from Deeploy.AbstractDataTypes import PointerClass
    from Deeploy.CommonExtensions.DataTypes import int8_t
    from Deeploy.DeeployTypes import _NoVerbosity
    from Deeploy.Targets.Generic.Deployer import GenericDeployer
    from Deeploy.Targets.Generic.Platform import GenericOptimizer, GenericPlatform

    linear = case["kind"] == "linear"
    rows = y_shape(case)[0]
    mul, add = case["mul"], case["bias"] * case["mul"]
    form = (-1,) if linear else (1, -1) + (1,) * (len(y_shape(case)) - 2)
    arrays = {"w": case["weight"].astype(np.float32), "mul": mul.reshape(form), "add": add.reshape(form)}
    if linear:  # its requantisation counts channels along axis 1, so rows are batches
        arrays["c"] = np.zeros((rows, len(mul)), np.float32)
        node = helper.make_node("Gemm", ["input_0", "w", "c"], ["acc"], alpha=1.0, beta=1.0, transA=0, transB=1)
    else:
        kernel = list(case["weight"].shape[2:])
        ones = [1] * len(kernel)
        pads = [0] * (2 * len(kernel))
        node = helper.make_node(
            "Conv", ["input_0", "w"], ["acc"], dilations=ones, group=1, kernel_shape=kernel, pads=pads, strides=ones
        )
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    requant = helper.make_node("RequantShift", ["acc", "mul", "add"], ["output_0"])
    for name, value in {"div": 2.0**SHIFT, "n_levels": 256.0, "signed": 1.0}.items():
        tensor = numpy_helper.from_array(np.array([value], np.float32))
        requant.attribute.append(helper.make_attribute(name, tensor))
    float32 = TensorProto.FLOAT
    model = save(out / "peer.onnx", [node, requant], case["x"].shape, y_shape(case), float32, arrays, float32)
    deployer = GenericDeployer(
        gs.import_onnx(model),
        GenericPlatform(),
        {"input_0": PointerClass(int8_t)},
        GenericOptimizer,
        lambda graph: graph.nodes,
        name="DeeployNetwork",
        default_channels_first=True,
        deeployStateDir=str(out / "states"),
        inputOffsets={"input_0": 0},
    )
    deployer.prepare(_NoVerbosity)
    write_deeploy(deployer, out, _NoVerbosity)


def write_deeploy(deployer, out, verbosity):
    includes = deployer.generateIncludeString()
    head = "#include <stdio.h>\n#include <stdint.h>\n#include <stdlib.h>\n" + includes
    (out / "Network.h").write_text(
        "#pragma once\n"
        + head
        + "void RunNetwork(void);\nvoid InitNetwork(void);\n"
        + deployer.generateIOBufferInitializationCode()
    )
    (out / "net.c").write_text(
        head
        + '#include <math.h>\n#include "Network.h"\n'
        + deployer.generateBufferInitializationCode()
        + deployer.generateGlobalDefinitionCode()
        + "\nvoid RunNetwork(void) {\n"
        + deployer.generateInferenceInitializationCode()
        + deployer.generateFunction(verbosity)
        + "\n}\nvoid InitNetwork(void) {\n"
        + deployer.generateEngineInitializationCode()
        + deployer.generateBufferAllocationCode()
        + "\n}\n"
    )
    (out / "run.h").write_text(
        '#include "Network.h"\n'
        "static void peer_setup(const int8_t *x)\n"
        "{ InitNetwork(); memcpy(DeeployNetwork_inputs[0], x, DeeployNetwork_inputs_bytes[0]); }\n"
        "static void peer_run(void) { RunNetwork(); }\n"
        "static const int8_t *peer_output(void) { return (const int8_t *)DeeployNetwork_outputs[0]; }\n"
    )


if __name__ == "__main__":
    peer, source, folder = sys.argv[1:]
    with np.load(source) as loaded:
        case = {name: loaded[name] for name in loaded.files}
    case["kind"] = str(case["kind"])
    {"emx": emx, "deeploy": deeploy}[peer](case, Path(folder))
