"""Recipes from TOML: typed, nothing unknown let through, single values changed from the command line."""

import dataclasses
import math
import sys
import tomllib
import typing
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from emg_distill._errors import EmgDistillError, unknown_name
from emg_distill._recipe.schema import Recipe


def list_recipes() -> list[str]:
    """Return the names of the recipes that ship with the package, sorted."""
    folder = resources.files("emg_distill.recipes")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, from a TOML file or by the name of a shipped one.

    Parameters
    ----------
    path_or_name
        A path that ends in ``.toml``, or a name of `list_recipes`.
    overrides
        Changes such as ``"train.epochs=3"``, in order. The value is read as TOML, or as a plain string.

    Returns
    -------
    Recipe
        Checked: types, ranges, objective and its options.

    Raises
    ------
    EmgDistillError
        When the file is absent or not TOML, a key is unknown (the nearest ones are named), a value has the wrong
        type or range, or the objective does not serve the task.

    Examples
    --------
    >>> load_recipe("uci-finetune", ["train.epochs=3"]).train.epochs
    3
    """
    name, text = _read(path_or_name)
    place = f"recipe {name!r}"
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EmgDistillError(f"{place} is not valid TOML: {error}") from None
    for override in overrides:
        _apply(table, override)
    return recipe_from_dict(table, name)


def recipe_from_dict(table: Mapping[str, Any], name: str = "stored") -> Recipe:
    """Build a recipe from nested values, as TOML holds them or `Recipe.to_dict` returns them."""
    from emg_distill.objectives import get_objective

    place = f"recipe {name!r}"
    if "name" in table:
        raise EmgDistillError(f"{place}: the key 'name' is taken from the file name; delete it")
    recipe: Recipe = _build(Recipe, {"name": name, **table}, place)
    for part in recipe.objective:
        objective = get_objective(part.name)
        objective.bind(part.options)
        if recipe.task not in objective.tasks:
            served = ", ".join(map(repr, objective.tasks))
            raise EmgDistillError(f"{place}: objective {objective.name!r} serves {served}, not {recipe.task!r}")
    return recipe


def _read(path_or_name: str | Path) -> tuple[str, str]:
    if str(path_or_name).endswith(".toml"):
        path = Path(path_or_name)
        if not path.is_file():
            raise EmgDistillError(f"recipe file {path} does not exist; shipped recipes: {', '.join(list_recipes())}")
        try:
            return path.stem, path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise EmgDistillError(f"recipe file {path} is not UTF-8 text: {error}") from None
    name = str(path_or_name)
    if name not in list_recipes():
        raise unknown_name("recipe", name, list_recipes())
    return name, resources.files("emg_distill.recipes").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _apply(table: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path.strip():
        raise EmgDistillError(f"override {override!r}: write it as key=value, e.g. train.epochs=3")
    *parents, key = path.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise EmgDistillError(f"override {override!r}: {parent!r} is a value, not a table")
    try:
        table[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[key] = text.strip()


def _build(cls: type[Any], table: object, place: str) -> Any:  # noqa: ANN401  one dataclass of a recipe
    table = _table(table, place)
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for key, value in table.items():
        if "options" in hints and (key not in hints or key == "options"):
            options |= _table(value, f"{place}, options") if key == "options" else {key: value}
        elif key not in hints:
            raise unknown_name("key", key, hints, place=place)
        else:
            values[key] = _convert(hints[key], value, f"{place}, {key}")
    if "options" in hints:
        values["options"] = _options(options, place)
    missing = [f.name for f in dataclasses.fields(cls) if f.name not in values and _required(f)]
    if missing:
        raise EmgDistillError(f"{place} lacks {', '.join(missing)}")
    try:
        return cls(**values)
    except EmgDistillError as error:
        if str(error).startswith("recipe "):
            raise
        recipe = place.partition(",")[0]
        raise EmgDistillError(f"{recipe}: {error}") from None


def _table(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise EmgDistillError(f"{place} must be a table, got {value!r}")
    return dict(value)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _options(options: Mapping[str, Any], place: str) -> dict[str, Any]:
    for key, value in options.items():
        if not isinstance(value, bool | int | float | str):
            raise EmgDistillError(f"{place}, {key}={value!r}: a number, a string or a boolean is required")
        if isinstance(value, float) and not math.isfinite(value):
            raise EmgDistillError(f"{place}, {key}={value!r}: a finite number is required")
    return dict(options)


def _convert(hint: Any, value: Any, place: str) -> Any:  # noqa: ANN401  any value of a TOML file
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast("type[Any]", hint), value, place)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise EmgDistillError(f"{place}={value!r}: choose one of {', '.join(map(repr, choices))}")
        return value
    if origin is tuple:
        kinds = typing.get_args(hint)
        if kinds[-1] is Ellipsis:
            items = value if isinstance(value, list | tuple) else [value]
            return tuple(_convert(kinds[0], item, place) for item in items)
        if not isinstance(value, list | tuple) or len(value) != len(kinds):
            raise EmgDistillError(f"{place}={value!r}: a list of {len(kinds)} values is required")
        return tuple(_convert(kind, item, place) for kind, item in zip(kinds, value, strict=True))
    if hint is str and type(value) is int:  # a fold called 1, given without quotes
        value = str(value)
    accepted = (int, float) if hint is float else hint
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise EmgDistillError(f"{place}={value!r}: a value of type {hint.__name__} is required")
    if hint is float and not abs(value) <= sys.float_info.max:
        raise EmgDistillError(f"{place}={value!r}: a finite number is required")
    return hint(value)
