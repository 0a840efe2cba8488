"""Strict loading: every key matched by name, shape and dtype, or nothing is loaded."""

from collections.abc import Mapping

from torch import Tensor, nn

from ._errors import EmgModelsError

__all__ = ["check_state", "load_strict"]


def check_state(model: nn.Module, state: Mapping[str, Tensor], place: str) -> None:
    """Compare `state` with what `model` (on any device) holds.

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
        elif theirs.is_floating_point() != ours.is_floating_point():
            problems.append(f"dtype of {key!r} is {theirs.dtype}, required {ours.dtype}")
    if problems:
        matched = sum(key in state for key in wanted)
        raise EmgModelsError(
            f"{place}: {matched} of {len(wanted)} keys match by name; {'; '.join(sorted(problems))}. "
            "Load weights of the same configuration"
        )


def load_strict(model: nn.Module, state: Mapping[str, Tensor], place: str) -> None:
    """Copy `state` into `model`, or raise as `check_state` does and leave the model unchanged."""
    check_state(model, state, place)
    model.load_state_dict(dict(state))
