"""From the names that a caller writes to features with options: ``"RMS"``, ``"AR(order=9)"``, a group's name."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emg_dsp._checks import among, positive
from emg_dsp._errors import EmgDspError

from .groups import GROUPS
from .registry import REGISTRY, primary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .feature import Feature, Options

_CALL = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\((.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """One feature as it was asked for: ``label`` is how its columns are named."""

    feature: Feature
    options: Options
    label: str

    def columns(self, n_chans: int, sfreq: float) -> list[str]:
        """Name the columns: the label, followed by an index in brackets where there are several."""
        if self.feature.columns is None:
            return [self.label]
        return [f"{self.label}[{suffix}]" for suffix in self.feature.columns(self.options, n_chans, sfreq)]


def select(names: Sequence[str], sfreq: float) -> list[Choice]:
    """Look names up, expand groups, read and check options; nothing may be asked for twice."""
    rate = positive(sfreq, "sfreq")
    wanted = _listed(names)
    if not wanted:
        raise EmgDspError(f"names={names!r}; required is a list of feature names, e.g. ['RMS', 'ZC'].")
    choices = [_choice(name, rate) for given in wanted for name in GROUPS.get(str(given), (given,))]
    seen: dict[tuple[str, tuple[tuple[str, float], ...]], str] = {}
    for choice in choices:
        key = (choice.feature.name, tuple(sorted(choice.options.items())))
        if key in seen:
            same = "" if seen[key] == choice.label else f" (as {seen[key]} and as {choice.label})"
            raise EmgDspError(f"names has {choice.feature.name} more than once{same}; required is each feature once.")
        seen[key] = choice.label
    return choices


def _listed(names: Any) -> list[Any]:  # noqa: ANN401  anything may come from a caller
    """Return the names as a list; empty where they are none."""
    try:
        return [] if isinstance(names, str) else list(names)
    except TypeError:
        return []


def _choice(name: str, sfreq: float) -> Choice:
    match = _CALL.fullmatch(str(name))
    if match is None:
        raise EmgDspError(f"feature {str(name)!r} cannot be read; required is e.g. 'RMS' or 'AR(order=9)'.")
    feature = lookup(match[1])
    given = _read_options(str(name), match[2] or "")
    unknown = sorted(set(given) - set(feature.options))
    if unknown:
        known = ", ".join(f"{key}={value:g}" for key, value in feature.options.items()) or "none"
        raise EmgDspError(f"{match[1]} has no option {', '.join(unknown)}; its options and defaults are: {known}.")
    options = {
        key: _number(given[key], key, default) if key in given else default for key, default in feature.options.items()
    }
    if feature.check is not None:
        feature.check(options, sfreq)
    label = match[1] + (f"({', '.join(f'{key}={options[key]:g}' for key in given)})" if given else "")
    return Choice(feature, options, label)


def lookup(name: Any) -> Feature:  # noqa: ANN401  anything may come from a caller
    """Return the feature of this name or alias; an unknown name raises and lists near ones."""
    if among(name, GROUPS):
        raise EmgDspError(f"{name} is a group of features, {', '.join(GROUPS[name])}; required is one feature.")
    first = primary(name) if isinstance(name, str) else None
    if first is None:
        known = [*REGISTRY, *GROUPS, *(alias for feature in REGISTRY.values() for alias in feature.aliases)]
        near = difflib.get_close_matches(str(name).upper(), known, n=3, cutoff=0.3) or sorted(REGISTRY)
        raise EmgDspError(f"unknown feature {name!r}; near names are {', '.join(near)}; feature_names() lists all.")
    return REGISTRY[first]


def _read_options(name: str, text: str) -> dict[str, str]:
    """Read ``order=4, threshold=0.1``."""
    pairs = [part.split("=") for part in text.split(",")] if text.strip() else []
    if any(len(pair) != 2 or not pair[0].strip() for pair in pairs):
        raise EmgDspError(f"feature {name!r} cannot be read; required are options like in 'AR(order=9)'.")
    options = {key.strip(): value.strip() for key, value in pairs}
    if len(options) < len(pairs):
        raise EmgDspError(f"feature {name!r} gives an option twice; required is each option once.")
    return options


def _number(text: str, key: str, default: float) -> float:
    """Read one option: whole where its default is."""
    try:
        value: float = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        kind = "whole" if isinstance(default, int) else "finite"
        raise EmgDspError(f"option {key}={text}; required is a {kind} number, e.g. {default:g}.")
    return value
