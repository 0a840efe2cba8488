"""The contract, third part: every way to execute a model computes what its plain call computes."""

import copy
import inspect
import pickle

import pytest
import torch
from beartype import beartype
from jaxtyping import AbstractArray, Float, TypeCheckError, jaxtyped
from torch import Tensor

# Relative distance (2-norm over a batch) of outputs and gradients between compiled and eager execution in float32.
COMPILED = 1e-5
# Relative distance of outputs under bfloat16 autocast: weights and values keep 8 bits (2^-9 = 0.002 per rounding), and
# errors of tens of layers add up. Rows whose output is a small difference of large values say so here.
BF16 = 0.03
BF16_ROWS: dict[tuple[str, str], float] = {}

# One network of each family that is compiled to machine code, which takes ten times as long.
MACHINE_CODE = {("tinymyo", "classification"), ("allconvnet", "classification")}


def with_gradients(model, call, x, loss):
    """Output, and the gradient of every parameter in one vector."""
    model.zero_grad()
    y = call(x)
    loss(y).backward()
    return y.detach(), torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None])


def compiled_distances(row, backend, distance, loss):
    torch._dynamo.reset()
    model, x = copy.deepcopy(row.trained), row.x()
    plain = with_gradients(model, model, x, loss)
    fast = with_gradients(model, torch.compile(model, fullgraph=True, backend=backend), x, loss)
    torch._dynamo.reset()
    return [distance(ours, theirs) for ours, theirs in zip(fast, plain, strict=True)]


@pytest.mark.untraced
@pytest.mark.compiles
def test_compiles_as_one_graph_forward_and_backward(row, once, distance, loss):
    distances = once(row.trained, "compiled", lambda: compiled_distances(row, "aot_eager", distance, loss))
    assert max(distances) < COMPILED


@pytest.mark.untraced
@pytest.mark.compiles
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch 2.13 calls what it has deprecated
def test_machine_code_computes_the_same(row, distance, loss):
    if (row.name, row.task) not in MACHINE_CODE:
        pytest.skip("compiled to a graph alone")
    assert max(compiled_distances(row, "inductor", distance, loss)) < 10 * COMPILED


def test_bfloat16_autocast_is_near(row, distance):
    x = row.x()
    with torch.no_grad():
        plain = row.trained(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = row.trained(x)
    assert y.isfinite().all()
    assert distance(y, plain) < BF16_ROWS.get((row.name, row.task), BF16)


def test_bfloat16_autocast_trains(row, loss):
    model = row.build()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = model(row.x())
    loss(y.float()).backward()
    assert all(value.grad.isfinite().all() for value in model.parameters() if value.grad is not None)


@pytest.mark.untraced
@pytest.mark.compiles
def test_exports_without_torchscript(row, once):
    """The exported program is a graph of plain operators that computes the same bits, nearly."""

    def export():
        program = torch.export.export(row.trained, (row.x(),))
        names = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
        return program.module()(row.x()), names

    y, names = once(row.trained, "exported", export)
    torch.testing.assert_close(y, row.trained(row.x()), atol=1e-5, rtol=1e-5)
    assert not {name for name in names if name.startswith(("item", "_local_scalar", "nonzero"))}


def test_double_precision(row, distance):
    model, x = copy.deepcopy(row.trained).double(), row.x()
    with torch.no_grad():
        y = model(x.double())
        assert y.dtype == torch.float64
        assert distance(row.trained(x), y) < 1e-4


def test_memory_layout_does_not_matter(row):
    x = row.x()
    strided = x.transpose(1, 2).contiguous().transpose(1, 2)
    sliced = torch.cat([x, x])[::2] if len(x) > 1 else x
    assert not strided.is_contiguous()
    with torch.no_grad():
        y = row.trained(x)
        torch.testing.assert_close(row.trained(strided), y, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(row.trained(sliced), torch.cat([y, y])[::2], atol=1e-5, rtol=1e-5)


def test_copies_and_pickles_compute_the_same_bits(row):
    x = row.x()
    with torch.no_grad():
        y = row.trained(x)
        assert torch.equal(copy.deepcopy(row.trained)(x), y)
        assert torch.equal(pickle.loads(pickle.dumps(row.trained))(x), y)  # noqa: S301  our own bytes


def test_input_is_left_alone_and_takes_gradients(row):
    x = row.x()
    before = x.clone()
    x.requires_grad_()
    row.trained(x).square().mean().backward()
    assert torch.equal(x.detach(), before)
    assert x.grad.isfinite().all()
    assert x.grad.any()
    row.trained.zero_grad()


def own_forwards(model):
    """The classes of this package in a model, by those that define their forward."""
    kinds = {type(module) for module in model.modules()}
    return {next(base for base in kind.__mro__ if "forward" in vars(base)) for kind in kinds if _ours(kind.forward)}


def _ours(function):
    return function.__module__.startswith("emg_models.")


def shapes_of(annotation):
    """The jaxtyping annotations inside an annotation."""
    if inspect.isclass(annotation) and issubclass(annotation, AbstractArray):
        return [annotation]
    return [shape for part in getattr(annotation, "__args__", ()) for shape in shapes_of(part)]


def test_shapes_in_signatures_are_true(row, monkeypatch):
    """Every forward says the shapes of its tensors, and jaxtyping finds them so while the model runs."""
    model = row.trained
    for kind in own_forwards(model):
        hints = inspect.signature(kind.forward, eval_str=True)
        bare = [
            f"{kind.__name__}.forward: {name}"
            for name, hint in [
                *((name, value.annotation) for name, value in hints.parameters.items() if name != "self"),
                ("return", hints.return_annotation),
            ]
            if "Tensor" in str(hint) and not shapes_of(hint)
        ]
        assert not bare, f"no shape is given in {bare}"
        assert shapes_of(hints.return_annotation), f"{kind.__name__}.forward gives no shape for what it returns"
        monkeypatch.setattr(kind, "forward", jaxtyped(kind.forward, typechecker=beartype))
    with torch.no_grad():
        model(row.x())
        if row.kind.masks_channels:
            model(row.x(), channel_mask=torch.ones(4, row.trained.config.n_chans, dtype=torch.bool))


def test_a_wrong_shape_in_a_signature_would_be_found():
    def forward(x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch time"]:
        return x.sum(2)

    with pytest.raises(TypeCheckError, match="batch time"):
        jaxtyped(forward, typechecker=beartype)(torch.zeros(2, 3, 4))
