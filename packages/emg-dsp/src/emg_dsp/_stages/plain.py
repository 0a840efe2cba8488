"""Stages as plain data: what JSON can hold, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .stage import Stage

S = TypeVar("S", bound="Stage")


def kind_of(fields: Any) -> str:  # noqa: ANN401  anything may come out of a file
    """Return the kind that plain data name, or raise."""
    kind = fields.get("kind") if isinstance(fields, Mapping) else None
    if not isinstance(kind, str):
        raise EmgDspError(f"{type(fields).__name__} does not describe a stage; required is an object with a 'kind'.")
    return kind


def describe(stage: Stage) -> dict[str, Any]:
    """Return kind and parameters of a stage that is a dataclass of plain values; tuples become lists."""
    fields = dataclasses.fields(stage)  # type: ignore[arg-type]
    return {"kind": stage.kind, **{field.name: _listed(getattr(stage, field.name)) for field in fields}}


def build(target: type[S], fields: Mapping[str, Any]) -> S:
    """Build a dataclass stage from what `describe` gave; missing and unknown keys raise."""
    required = sorted(field.name for field in dataclasses.fields(target))  # type: ignore[arg-type]
    given = sorted(name for name in fields if name != "kind")
    if given != required:
        raise EmgDspError(f"stage of kind {target.kind!r} has the parameters {given}; required are {required}.")
    return target(**{name: fields[name] for name in given})


@contextmanager
def told(kind: str) -> Iterator[None]:
    """Turn what a constructor raises on values of a wrong type into an error that names the kind."""
    try:
        yield
    except EmgDspError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise EmgDspError(
            f"a stage of kind {kind!r} cannot be built from these values ({error!r}); required is what to_dict() gives."
        ) from error


def _listed(value: Any) -> Any:  # noqa: ANN401
    """Turn tuples into lists, so that the description equals what comes back from JSON."""
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
