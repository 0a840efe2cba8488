"""Range checks of single values, shared by every configuration (no torch here)."""

from ._errors import EmgModelsError

__all__ = ["require_choice", "require_count", "require_flag", "require_positive", "require_rate"]

_DEPTHS = frozenset({"n_blocks", "n_layers", "stage_blocks"})


def require_count(name: str, value: object, least: int = 1, most: int = 2**20) -> None:
    """Raise unless `value` is an integer in [least, most]; no folder can ask for a network that fits no machine.

    Layers upon layers cost time before any weight is drawn: fields that count them end at 1024.
    """
    if name in _DEPTHS:
        most = min(most, 2**10)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise EmgModelsError(f"{name}={value!r}: an integer >= {least} is required, at most {most}")


def require_rate(name: str, value: object) -> None:
    """Raise unless `value` is a number in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:  # type: ignore[operator]
        raise EmgModelsError(f"{name}={value!r}: a rate in [0, 1) is required")


def require_positive(name: str, value: object, unit: str) -> None:
    """Raise unless `value` is a finite number > 0."""
    if not _is_number(value) or not 0 < value < float("inf"):  # type: ignore[operator]
        raise EmgModelsError(f"{name}={value!r}: a finite number > 0 in {unit} is required")


def require_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise EmgModelsError(f"{name}={value!r}: one of {', '.join(choices)} is required")


def require_flag(name: str, value: object) -> None:
    """Raise unless `value` is True or False."""
    if not isinstance(value, bool):
        raise EmgModelsError(f"{name}={value!r}: True or False is required")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
