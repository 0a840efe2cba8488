"""Strict loading: every key matched by name, shape and kind of number before a network is built around the tensors."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from ._errors import EmgModelsError

__all__ = ["WRONG", "assemble", "check_finite", "check_state", "load_strict"]

MAX_BUFFERS = 2**30
WRONG = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError, MemoryError)
"""What code that trusts its configuration may raise when it is given another one's values."""
_Module = TypeVar("_Module", bound=nn.Module)


class _Sized(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> torch.dtype: ...


def check_state(model: nn.Module, state: Mapping[str, _Sized], place: str) -> None:
    """Compare `state`, tensors or what a file says of them, with what `model` (on any device) holds.

    Raises
    ------
    EmgModelsError
        Names every missing, unexpected and unfitting key.
    """
    wanted = model.state_dict()
    problems = [f"missing {key!r}" for key in wanted if key not in state]
    problems += [f"unexpected {key!r}" for key in state if key not in wanted]
    for key in wanted.keys() & state.keys():
        ours, theirs = wanted[key], state[key]
        if ours.shape != theirs.shape:
            problems.append(f"shape of {key!r} is {tuple(theirs.shape)}, required {tuple(ours.shape)}")
        elif theirs.dtype != ours.dtype:
            problems.append(f"dtype of {key!r} is {theirs.dtype}, required {ours.dtype}")
    if problems:
        matched = sum(key in state for key in wanted)
        raise EmgModelsError(
            f"{place}: {matched} of {len(wanted)} keys match by name; {_listed(sorted(problems))}. "
            "Load weights of the same configuration"
        )


def _listed(problems: list[str], most: int = 200) -> str:
    more = [f"and {len(problems) - most} more"] if len(problems) > most else []
    return "; ".join([*problems[:most], *more])


def check_finite(state: Mapping[str, Tensor], place: str) -> None:
    """Raise where a tensor holds NaN or infinity."""
    broken = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        raise EmgModelsError(f"{place}: NaN or infinity in {broken}; training diverged, save an earlier state")


def load_strict(model: nn.Module, state: Mapping[str, Tensor], place: str) -> None:
    """Copy `state` into `model`, or raise as `check_state` does and leave the model unchanged."""
    check_state(model, state, place)
    model.load_state_dict(dict(state))


def assemble(
    build: Callable[[], _Module],
    declared: Mapping[str, _Sized],
    load: Callable[[], Mapping[str, Tensor]],
    place: str,
) -> _Module:
    """Build a network from a configuration that nobody vouches for, around tensors that are held once.

    First it is built without memory, by no more steps than `declared` can ask for, and compared; only then are the
    tensors loaded. They become the parameters themselves.

    Raises
    ------
    EmgModelsError
        The network is not one of these tensors, or wants huge tables beside them.
    """
    with torch.random.fork_rng(devices=[]):
        plan = _plan(build, len(declared), place)
        check_state(plan, declared, place)
        _check_tables(plan, place)
        state = load()
        with _parameters_without_memory():
            model = build()
    model.load_state_dict(dict(state), assign=True)
    return model


def _plan(build: Callable[[], _Module], n_keys: int, place: str) -> _Module:
    try:
        with torch.device("meta"), _budget(n_keys, place):
            return build()
    except EmgModelsError:
        raise
    except WRONG as error:
        raise EmgModelsError(
            f"{place}: no network can be built from the configuration ({error}); save again"
        ) from error


def _check_tables(plan: nn.Module, place: str) -> None:
    kept = plan.state_dict().keys()
    size = sum(buffer.nbytes for name, buffer in plan.named_buffers() if name not in kept)
    if size > MAX_BUFFERS:
        raise EmgModelsError(
            f"{place}: the configuration asks for {size} bytes of tables beside the weights, at most {MAX_BUFFERS} are "
            "accepted; build this network with create_model and load_state_dict if it is meant"
        )


@contextmanager
def _budget(n_keys: int, place: str) -> Iterator[None]:
    """Stop a construction that makes far more modules than `n_keys` tensors can fill."""
    most, made, thread = 1000 + 20 * n_keys, 0, threading.get_ident()

    def count(module: nn.Module, name: str, child: Any) -> None:  # noqa: ANN401, ARG001  torch's form of a hook
        nonlocal made
        made += thread == threading.get_ident()
        if made > most:
            raise EmgModelsError(
                f"{place}: {n_keys} keys cannot fill the network that the configuration describes, it has more than "
                f"{most} parts; load weights of the same configuration"
            )

    hooks = [
        torch_module.register_module_parameter_registration_hook(count),
        torch_module.register_module_module_registration_hook(count),
        torch_module.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _parameters_without_memory() -> Iterator[None]:
    """Give every parameter that is registered meanwhile in this thread a shape only; buffers are computed as ever."""
    thread = threading.get_ident()

    def hollow(module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter | None:  # noqa: ARG001  as above
        if thread != threading.get_ident():
            return None
        return nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)

    hook = torch_module.register_module_parameter_registration_hook(hollow)  # type: ignore[arg-type]  # it may return
    try:
        yield
    finally:
        hook.remove()
