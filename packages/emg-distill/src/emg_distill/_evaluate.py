"""Run a stored model on a protocol again, and hold its stored number against the new one."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emg_models

from ._data.load import load_protocol
from ._errors import EmgDistillError
from ._examples.protocol_data import check_part
from ._integers import as_stored, export
from ._models import as_model, model_folder
from ._recipe.read import recipe_from_dict
from ._recipe.schema import Recipe
from ._tasks.adapting import AdaBN, adapt
from ._text.arpa import read_arpa
from ._text.ngram import NGram
from ._training import measure_part

_ABOUT = ("protocol", "part", "split_hash")  # what `evaluate` returns besides metrics
_REQUIRED = {
    "protocol": str, "part": str, "split_hash": str, "split_seed": int, "metrics": dict, "recipe": dict,
    "recipe_hash": str, "seed": int, "fold": str, "partial": bool,
}  # fmt: skip


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`.

    Attributes
    ----------
    holds
        True when the split and the recipe are the stored ones and every number agrees.
    differences
        One sentence for each thing that does not agree.
    stored, found
        Metrics as stored and as measured now.
    split_hash
        Hash of the split that was measured.
    """

    holds: bool
    differences: list[str]
    stored: dict[str, Any]
    found: dict[str, Any]
    split_hash: str


def evaluate(
    folder: str | Path,
    data_dir: str | Path,
    protocol: str,
    part: str = "test",
    *,
    fold: str | None = None,
    lists: str | Path | None = None,
    partial: bool = False,
    store: str | Path | None = None,
    beam: int | None = None,
    lm: str | Path | None = None,
    adabn: AdaBN | None = None,
) -> dict[str, Any]:
    """Measure a stored model on one part of a protocol, through the signal path stored with it.

    Parameters
    ----------
    folder
        Model folder, or the run folder that holds it.
    data_dir
        Where the recordings are, as for `load_protocol`.
    protocol
        Name of the protocol.
    part
        ``"train"``, ``"val"`` or ``"test"``.
    fold
        Fold of the protocol; None takes the stored one where the protocol is the stored one.
    lists, partial, store
        As for `load_protocol`.
    beam
        Prefixes that text is decoded with; None takes the recipe's number.
    lm
        ARPA file of a character language model for the decoder, plain or ``.gz``; it needs a beam.
    adabn
        Moves batch statistics to unlabelled examples first: ``"transductive"``, as published, to all of the part, which
        the number has then seen; ``"calibration"`` to the first trial of each class of each person, which is not
        measured. None leaves them.

    Returns
    -------
    dict
        The metrics of the protocol's kind (``loss`` and ``n`` for a pre-training model), with protocol, part and
        split_hash; with a language model also its sha256, ``lm``; with `adabn` what it did, ``adabn``.

    Raises
    ------
    EmgDistillError
        When the folder is no model folder of a run, its labels are not the protocol's, or the decoder's settings do
        not fit.
    """
    check_part(part)
    path = model_folder(folder)
    stored = read_evaluation(path)
    recipe = recipe_from_dict(stored["recipe"])
    if beam is not None:
        recipe = dataclasses.replace(recipe, decode=dataclasses.replace(recipe.decode, beam=beam))
    data = load_protocol(
        protocol,
        data_dir,
        fold=stored["fold"] or None if fold is None and protocol == stored["protocol"] else fold,
        lists=lists,
        partial=partial,
        store=store,
        split_seed=stored["split_seed"],
        preprocessing=emg_models.load_preprocessing(path),
    )
    _check_labels(path, data.labels, recipe)
    model = _read_arpa(lm)
    measured = as_stored(as_model(path).eval(), recipe.quantise, stored.get("grids"))
    about: dict[str, Any] = {"protocol": protocol, "part": part, "split_hash": data.split_hash}
    if model is not None:
        about["lm"] = model.digest
    if adabn is not None:
        measured, data, about["adabn"] = adapt(measured, data, part, adabn, recipe.seed)
    return {**measure_part(measured, data, part, recipe, model), **about}


def export_onnx(folder: str | Path, out: str | Path) -> Path:
    """Write the ONNX file of a model folder, with ``emg.*`` metadata.

    Of a model that was trained in integers, the grids travel as QuantizeLinear and DequantizeLinear pairs, so that an
    integer compiler takes them as they are.

    Parameters
    ----------
    folder
        Model folder, or the run folder that holds it.
    out
        File to write.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    EmgDistillError
        When the folder has no evaluation or its grids are not those of the model.
    """
    path = model_folder(folder)
    stored = read_evaluation(path)
    recipe = recipe_from_dict(stored["recipe"])
    return export(as_stored(as_model(path).eval(), recipe.quantise, stored.get("grids")), path, Path(out))


def verify(
    folder: str | Path,
    data_dir: str | Path,
    *,
    lists: str | Path | None = None,
    store: str | Path | None = None,
    tolerance: float = 1e-6,
) -> Verification:
    """Measure a model folder again as it was measured when it was written, and compare.

    Parameters
    ----------
    folder
        Model folder, or the run folder that holds it.
    data_dir
        Where the recordings are.
    lists, store
        As for `load_protocol`. A store made by another rule or of another split is refused.
    tolerance
        Largest difference of a number that still agrees, ``>= 0``.

    Returns
    -------
    Verification
        ``holds`` is False when split, recipe or any number differs, or a number is stored that is not measured, or
        measured and not stored; ``differences`` says which.

    Raises
    ------
    EmgDistillError
        When the folder has no evaluation, or the tolerance is negative.
    """
    if not tolerance >= 0.0:
        raise EmgDistillError(f"tolerance={tolerance}: it must be >= 0")
    stored = read_evaluation(model_folder(folder))
    partial = stored["partial"]
    found = evaluate(folder, data_dir, stored["protocol"], stored["part"], lists=lists, store=store, partial=partial)
    differences = []
    if found["split_hash"] != stored["split_hash"]:
        differences.append(f"split_hash: stored {stored['split_hash']}, found {found['split_hash']}")
    recipe = recipe_from_dict(stored["recipe"])
    differences += _differences("recipe_hash", stored["recipe_hash"], recipe.hash, 0.0)
    differences += _differences("seed", stored["seed"], recipe.seed, 0.0)
    metrics = {key: value for key, value in found.items() if key not in _ABOUT}
    differences += _differences("", stored["metrics"], metrics, tolerance)
    return Verification(not differences, differences, stored["metrics"], metrics, found["split_hash"])


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Return the evaluation that a run stored in its model folder; an absent, partial or mistyped one raises."""
    path = folder / "eval.json"
    if not path.is_file():
        raise EmgDistillError(f"{folder} has no eval.json: it was not written by a training run and proves no number")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EmgDistillError(f"{path} is not JSON: {error}") from None
    stored: dict[str, Any] = content if isinstance(content, dict) else {}
    missing = [key for key, kind in _REQUIRED.items() if not isinstance(stored.get(key), kind)]
    if missing:
        raise EmgDistillError(
            f"{path} lacks {', '.join(missing)}, or holds another type there: it was not written by a training run"
        )
    return stored


def _read_arpa(path: str | Path | None) -> NGram | None:
    """Return a language model, None where there is none."""
    return None if path is None else read_arpa(path)


def _check_labels(folder: Path, labels: list[str], recipe: Recipe) -> None:
    own = emg_models.load_labels(folder)
    if recipe.task != "pretrain" and list(own) != labels:
        raise EmgDistillError(f"{folder} has labels {list(own)}, the protocol has {labels}")


def _differences(place: str, stored: Any, found: Any, tolerance: float) -> list[str]:  # noqa: ANN401  JSON values
    """Walk two JSON values and name every place where they differ."""
    if isinstance(stored, dict) and isinstance(found, dict):
        keys = sorted(stored.keys() | found.keys())
        pairs = [(f"{place}.{key}".lstrip("."), stored.get(key), found.get(key)) for key in keys]
    elif isinstance(stored, list) and isinstance(found, list) and len(stored) == len(found):
        pairs = [(f"{place}[{index}]", *pair) for index, pair in enumerate(zip(stored, found, strict=True))]
    else:
        numbers = isinstance(stored, int | float) and isinstance(found, int | float)
        same = abs(stored - found) <= tolerance if numbers else stored == found
        return [] if same else [f"{place}: stored {stored}, found {found}"]
    return [difference for pair in pairs for difference in _differences(*pair, tolerance)]
