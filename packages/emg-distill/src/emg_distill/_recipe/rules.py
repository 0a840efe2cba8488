"""One way to refuse a value of a recipe."""

from emg_distill._errors import EmgDistillError


def require(valid: bool, name: str, value: object, rule: str) -> None:
    """Raise `EmgDistillError` ("name=value: rule") unless `valid`."""
    if not valid:
        raise EmgDistillError(f"{name}={value!r}: {rule}")
