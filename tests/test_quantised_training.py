"""What trains through rounded numbers in emg-distill is what emg-edge compiles from the exported file, code by code."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import emg_edge
import emg_models
from emg_distill._quantise.prepare import calibrate, exportable, integer_codes, prepare, scheme
from emg_distill._recipe.quantise import QuantiseRecipe
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.program._program import run_reference
from emg_edge.quantiser._quantise import quantise

RECIPE = QuantiseRecipe(on=True)
GEOMETRY = {"n_chans": 4, "n_times": 60, "n_outputs": 5, "sfreq": 100.0}
PREPROCESSING = {
    "sfreq": 100.0,
    "unit": "V",
    "channels": [f"ch{i + 1}" for i in range(4)],
    "resample": None,
    "filter": None,
    "normalisation": None,
    "window": {"length": 60, "hop": 60, "unit": "samples"},
}


def sequence(seed):
    """A network of products and activations of random sizes, the shape of its input, and a size of its values."""
    rng = np.random.default_rng(seed)
    width, hidden, places = (int(v) for v in rng.integers(1, 9, 3))
    kernel = int(rng.integers(1, 5))
    activations = [nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid]
    first, second, third = (activations[i]() for i in rng.integers(0, 5, 3))
    torch.manual_seed(seed)
    if seed % 2:
        model = nn.Sequential(nn.Flatten(), nn.Linear(3 * kernel * places, width), first, nn.Linear(width, hidden))
        model.extend([second, nn.Linear(hidden, 3, bias=False)])
    else:
        model = nn.Sequential(nn.Conv1d(3, width, kernel, kernel), first, nn.Conv1d(width, hidden, 1), second)
        model.extend([nn.Conv1d(hidden, 4, places), third, nn.Flatten(), nn.Linear(4, 2)])
    return model.eval(), (3, kernel * places), float(10.0 ** rng.uniform(-4, 2))


def written(model, shape, path):
    """The file that torch's exporter writes."""
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    program = torch.onnx.export(
        exportable(model), (torch.zeros(1, *shape),), dynamo=True, opset_version=21, external_data=False, verbose=False
    )
    onnx.save(program.model_proto, path)
    return path


class Writer:
    """A quantised sequence of layers as QDQ nodes: the same file without the exporter's seconds."""

    def __init__(self):
        self.nodes, self.arrays, self.last = [], [], "emg"

    def array(self, values, dtype):
        self.arrays.append(onnx.numpy_helper.from_array(np.asarray(values, dtype), f"a{len(self.arrays)}"))
        return self.arrays[-1].name

    def op(self, kind, *inputs, **attrs):
        name = f"v{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, [*inputs], [name], name=f"n{len(self.nodes)}", **attrs))
        return name

    def marked(self, name, scale, zero, dtype, **attrs):
        parameters = self.array(scale, np.float32), self.array(zero, dtype)
        return self.op("DequantizeLinear", self.op("QuantizeLinear", name, *parameters, **attrs), *parameters, **attrs)

    def on_grid(self, grid):
        self.last = self.marked(self.last, grid["scale"][0], grid["zero_point"][0], grid["dtype"])

    def layer(self, layer, grids, name):
        source = layer.reads["x"]
        step = layer.scales(source.narrow or source).numpy()
        weight = self.array(layer.weight.detach(), np.float32)
        weight = self.marked(weight, step, np.zeros(len(step)), "int8", axis=0)
        inputs = self.last, weight, self.array(layer.offsets().detach(), np.float32)
        if layer.weight.ndim == 2:
            self.last = self.op("Gemm", *inputs, transB=1)
        else:
            self.last = self.op("Conv", *inputs, kernel_shape=layer.kernel_size, strides=layer.stride)
        if layer.function is None:
            self.on_grid(grids[f"{name}.out"])
        else:
            self.on_grid(grids[f"{name}.before"])

    def model(self, network, shape):
        grids = scheme(network)["grids"]
        first = next(name for name in grids if name.endswith("source"))
        self.on_grid(grids[first])
        for name, module in network.named_children():
            kind = type(module).__name__
            if kind == "Flatten":
                self.last = self.op("Flatten", self.last)
            elif kind == "Activation":
                self.activation(module)
                self.on_grid(grids[f"{int(name) - 1}.out"])
            else:
                self.layer(module, grids, name)
        ports = [("emg", (1, *shape)), (self.last, None)]
        infos = [onnx.helper.make_tensor_value_info(port, onnx.TensorProto.FLOAT, size) for port, size in ports]
        graph = onnx.helper.make_graph(self.nodes, "net", infos[:1], infos[1:], self.arrays)
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])

    def activation(self, module):
        kinds = {torch.relu: "Relu", nn.functional.relu: "Relu", torch.tanh: "Tanh", torch.sigmoid: "Sigmoid"}
        if module.function is nn.functional.silu:
            self.last = self.op("Mul", self.last, self.op("Sigmoid", self.last))
        else:
            self.last = self.op(kinds.get(module.function, "Gelu"), self.last)


def compared(model, program, x):
    """Compare every tensor of the program with the grid of the same numbers; return the names of the grids that met."""
    stored = run_reference(program, {name: program.tensors[name].quantise(x.numpy()) for name in program.inputs})
    codes, grids = integer_codes(model, x), scheme(model)["grids"]
    met = set()
    for name, tensor in program.tensors.items():
        fused = [key for key, grid in grids.items() if len(grid["scale"]) > 1 and key not in met]
        plain = [
            key
            for key, grid in grids.items()
            if (grid["dtype"], grid["scale"], grid["zero_point"]) == (tensor.dtype, [tensor.scale], [tensor.zero_point])
            and key not in met
        ]
        found = next(iter(plain or fused), None)
        if found is None:  # a transposed copy of a value that was met
            continue
        flat = codes[found].numpy()
        mine = stored[name].reshape(len(x), -1)
        orders = [flat, np.moveaxis(flat, 1, -1)]  # what a convolution writes is rows of channels there
        assert any(np.array_equal(mine, order.reshape(len(x), -1)) for order in orders), f"{name} against {found}"
        met.add(found)
    return met


def expected_grids(model):
    """Grids that are tensors of the program; those before a table live inside an operator, or in front of one."""
    return {name for name in scheme(model)["grids"] if not name.endswith("before")}


def sorted_rows(weight):
    """The codes of every output channel, whichever order the program gives the taps of a window."""
    return np.sort(weight.reshape(len(weight), -1), axis=1).tobytes()


def linear_weights(program):
    return {sorted_rows(op.weight) for op in program.ops if op.kind in {"conv", "linear"}}


def rounded_weights(model):
    """int8 rows of every layer as training uses them."""
    layers = [module for module in model.modules() if hasattr(module, "scales")]
    found = set()
    for layer in layers:
        source = layer.reads["x"]
        step = layer.scales(source.narrow or source).reshape(-1, *[1] * (layer.weight.ndim - 1))
        found.add(sorted_rows((layer.weight.double() / step).round().to(torch.int8).numpy()))
    return found


@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")
@pytest.mark.parametrize(("seed", "exporter"), [(0, True), *((seed, False) for seed in range(1, 31))])
def test_products_and_activations(seed, exporter, tmp_path):
    model, shape, gain = sequence(seed)
    x = gain * torch.randn(24, *shape)
    calibrate(prepare(model, x[:1], RECIPE), [x])
    path = tmp_path / "model.onnx"
    if exporter:
        written(model, shape, path)
    else:
        onnx.save(Writer().model(model, shape), path)
    program = quantise(load_onnx(path), x.numpy())
    loud = torch.cat([x[:8], 50 * x[:8], 0 * x[:1]])  # the middle saturates
    assert compared(model, program, loud) >= expected_grids(model)
    assert linear_weights(program) == rounded_weights(model)


@pytest.fixture(scope="module", params=["tinymyo", "tinymyo-released"])
def exported(request, tmp_path_factory):
    """A trained-looking TinyMyo through emg-models' own exporter."""
    torch.manual_seed(0)
    sizes = {"n_blocks": 1, "embed_dim": 32, "n_heads": 2}
    model = emg_models.create_model(request.param, task="classification", **GEOMETRY, **sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    x = torch.randn(48, 4, 60) * torch.rand(48, 4, 1) * 2
    calibrate(prepare(model, x[:1], RECIPE), x.split(16))
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    labels = [f"gesture {i}" for i in range(5)]
    emg_models.export_onnx(exportable(model), path, preprocessing=PREPROCESSING, labels=labels, opset=21)
    return model, x, path


def test_every_code_of_tinymyo(exported):
    model, x, path = exported
    program = quantise(load_onnx(path), x.numpy())
    loud = torch.cat([x[:4], 30 * x[:2], 0 * x[:1]])
    assert compared(model, program, loud) == expected_grids(model)
    assert linear_weights(program) == rounded_weights(model)


@pytest.mark.parametrize("exported", ["tinymyo"], indirect=True)
def test_compiled_logits_are_those_of_training(exported, tmp_path):
    model, x, path = exported
    compiled = emg_edge.compile_model(path, x.numpy(), target="gap9", out=tmp_path / "compiled")
    with torch.no_grad():
        wanted = model(x).numpy()
    np.testing.assert_array_equal(compiled.run(x.numpy()), wanted)
    assert compiled.compare(x.numpy()[:2]).equal


@pytest.mark.parametrize("exported", ["tinymyo"], indirect=True)
def test_calibration_windows_do_not_move_a_given_grid(exported):
    _, x, path = exported
    graph = load_onnx(path)
    first, second = (quantise(graph, gain * x.numpy()) for gain in (1.0, 7.0))
    assert first.tensors == second.tensors
    for a, b in zip(first.ops, second.ops, strict=True):
        assert all(np.array_equal(v, b.constants()[key]) for key, v in a.constants().items())
