"""Classical classifiers and regressors (ai.onnx.ml), and the labels that converters put behind scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.onnx_reader._importer import Importer, RefusedError

from ._normalise import divide_by_norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_SCORES = "take the scores as the model's output and choose the largest behind it"
_TREES = "use a linear model or a small network (MLPClassifier, MLPRegressor): trees have no integer kernel here"


def _text(i: Importer, name: str, default: str) -> str:
    value = i.attr(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def _label(i: Importer) -> None:
    for output in filter(None, i.source.outputs):
        i.drop(output, "gives labels or positions, not real numbers", _SCORES)


def _zip_map(i: Importer) -> None:
    i.note(f"ZipMap {i.source.name!r}: the scores come as one array, in the order of the model's classes")
    i.alias(i.require(0))


def _row(i: Importer, name: str, default: float) -> NDArray[np.float32]:
    return np.atleast_1d(np.asarray(i.attr(name, [default]), np.float32))


def _scaler(i: Importer) -> None:
    offset, scale = i.constant("offset", _row(i, "offset", 0.0)), i.constant("scale", _row(i, "scale", 1.0))
    moved = i.emit("Sub", (i.require(0), offset), i.temporary("moved"))
    i.emit("Mul", (moved, scale))


def _imputer(i: Importer) -> None:
    replaced = float(i.attr("replaced_value_float", np.nan))
    if not np.isnan(replaced) or "replaced_value_int64" in i.source.attrs:
        raise RefusedError(f"replaces {replaced:g} by other numbers", "clean the samples before they reach the model")
    i.note(f"Imputer {i.source.name!r} is left out: integers hold no NaN")
    i.alias(i.require(0))


def _normalizer(i: Importer) -> None:
    x, norm = i.require(0), _text(i, "norm", "MAX")
    axes = (len(i.shape(x)) - 1,)
    if norm == "L1" and any(
        node.op == "Softmax" and node.output == x and node.attrs["axis"] == axes[0] for node in i.nodes
    ):
        i.alias(x)  # sums to 1 as it is, and converters normalise it again
        return
    if norm == "L2":
        divide_by_norm(i, x, axes[0])
        return
    if norm != "L1":
        raise RefusedError(f"norm={norm!r}", "use norm L2 or L1")
    size = i.emit("Abs", (x,), i.temporary("abs"))
    total = i.emit("ReduceSum", (size,), i.temporary("sum"), axes=axes, keepdims=True)
    i.emit("Div", (x, total))


def _product(i: Importer, rows: int, output: str) -> str:
    """``x @ coefficients.T + intercepts`` of ``rows`` outputs."""
    x = i.require(0)
    features, weight = i.shape(x)[-1], _row(i, "coefficients", 0.0)
    if weight.size != rows * features:
        raise EmgEdgeError(
            f"{i.source.op} {i.source.name!r}: {weight.size} coefficients for {rows} outputs of {features} features"
        )
    bias = np.broadcast_to(_row(i, "intercepts", 0.0), (rows,))
    product = i.emit("MatMul", (x, i.constant("w", weight.reshape(rows, features).T.copy())), i.temporary("product"))
    return i.emit("Add", (product, i.constant("b", bias.copy())), output)


def _post(i: Importer, names: Callable[[str], str], output: str) -> None:
    """Put the function behind the scores that ``names`` writes under a given name."""
    kind = _text(i, "post_transform", "NONE")
    if kind == "NONE":
        names(output)
    elif kind in {"LOGISTIC", "SOFTMAX"}:
        scores = names(i.temporary("scores"))
        attrs: dict[str, Any] = {} if kind == "LOGISTIC" else {"axis": len(i.shape(scores)) - 1}
        i.emit("Sigmoid" if kind == "LOGISTIC" else "Softmax", (scores,), output, **attrs)
    else:
        raise RefusedError(f"post_transform={kind!r}", "use NONE, LOGISTIC or SOFTMAX")


def _linear_classifier(i: Importer) -> None:
    labels = i.attr("classlabels_ints", None) or i.attr("classlabels_strings", None) or []
    rows = _row(i, "intercepts", 0.0).size if not labels else len(labels)
    if _row(i, "coefficients", 0.0).size == i.shape(i.require(0))[-1] and rows == 2:
        raise RefusedError("has one row of coefficients for two classes", "export it with a row of each class")
    label, scores = (*i.source.outputs, "", "")[:2]
    if label:
        i.drop(label, "gives labels or positions, not real numbers", _SCORES)
    if scores:
        _post(i, lambda name: _product(i, rows, name), scores)


def _linear_regressor(i: Importer) -> None:
    _post(i, lambda name: _product(i, int(i.attr("targets", 1)), name), i.source.outputs[0])


def _vectorizer(i: Importer) -> None:
    names = tuple(i.require(j) for j in range(len(i.source.inputs)))
    i.emit("Concat", names, axis=len(i.shape(names[0])) - 1)


def _extractor(i: Importer) -> None:
    name, indices = i.require(0), i.static(1)
    axis = len(i.shape(name)) - 1
    if indices is None or indices.dtype.kind != "i":
        raise EmgEdgeError(f"ArrayFeatureExtractor {i.source.name!r} needs integer positions")
    i.emit("Gather", (name,), axis=axis, indices=indices.reshape(-1))


def _refused(why: str, change: str) -> Callable[[Importer], None]:
    def translate(i: Importer) -> None:
        del i
        raise RefusedError(why, change)

    return translate


_TREE = _refused("is an ensemble of decision trees", _TREES)
_KERNEL = _refused("compares with support vectors", "use LinearSVC or another linear model, or a small network")
TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    "ArgMax": _label,
    "ArgMin": _label,
    "ai.onnx.ml.ArrayFeatureExtractor": _extractor,
    "ai.onnx.ml.Binarizer": _refused("jumps at a threshold", "leave it out, or use a smooth function"),
    "ai.onnx.ml.FeatureVectorizer": _vectorizer,
    "ai.onnx.ml.Imputer": _imputer,
    "ai.onnx.ml.LabelEncoder": _label,
    "ai.onnx.ml.LinearClassifier": _linear_classifier,
    "ai.onnx.ml.LinearRegressor": _linear_regressor,
    "ai.onnx.ml.Normalizer": _normalizer,
    "ai.onnx.ml.SVMClassifier": _KERNEL,
    "ai.onnx.ml.SVMRegressor": _KERNEL,
    "ai.onnx.ml.Scaler": _scaler,
    "ai.onnx.ml.TreeEnsemble": _TREE,
    "ai.onnx.ml.TreeEnsembleClassifier": _TREE,
    "ai.onnx.ml.TreeEnsembleRegressor": _TREE,
    "ai.onnx.ml.ZipMap": _zip_map,
}
