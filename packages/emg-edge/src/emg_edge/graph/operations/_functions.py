"""Functions of one variable beyond the usual: those of ONNX with parameters, and what numpy calls by another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge.graph._operation import Operation

from ._elementwise import same_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emg_edge.graph._graph import Node

    Array = NDArray[Any]


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _hard_sigmoid(x: Array, alpha: float, beta: float) -> Array:
    return np.clip(alpha * x + beta, 0.0, 1.0)


def _shrink(x: Array, lambd: float, bias: float) -> Array:
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0.0))


FUNCTIONS: dict[str, tuple[Callable[..., Array], dict[str, float]]] = {  # with the defaults of their attributes
    "Acos": (np.arccos, {}),
    "Acosh": (np.arccosh, {}),
    "Asin": (np.arcsin, {}),
    "Asinh": (np.arcsinh, {}),
    "Atan": (np.arctan, {}),
    "Atanh": (np.arctanh, {}),
    "Ceil": (np.ceil, {}),
    "Celu": (lambda x, alpha: np.maximum(x, 0.0) + np.minimum(alpha * np.expm1(x / alpha), 0.0), {"alpha": 1.0}),
    "Cos": (np.cos, {}),
    "Cosh": (np.cosh, {}),
    "Elu": (lambda x, alpha: np.where(x < 0.0, alpha * np.expm1(x), x), {"alpha": 1.0}),
    "Floor": (np.floor, {}),
    "HardSigmoid": (_hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": (lambda x: x * _hard_sigmoid(x, 1.0 / 6.0, 0.5), {}),
    "LeakyRelu": (lambda x, alpha: np.where(x < 0.0, alpha * x, x), {"alpha": 0.01}),
    "Log": (np.log, {}),
    "Mish": (lambda x: x * np.tanh(_softplus(x)), {}),
    "Round": (np.rint, {}),
    "Selu": (
        lambda x, alpha, gamma: gamma * np.where(x > 0.0, x, alpha * np.expm1(x)),
        {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805},
    ),
    "Shrink": (_shrink, {"lambd": 0.5, "bias": 0.0}),
    "Sign": (np.sign, {}),
    "Sin": (np.sin, {}),
    "Sinh": (np.sinh, {}),
    "Softplus": (_softplus, {}),
    "Softsign": (lambda x: x / (1.0 + np.abs(x)), {}),
    "Swish": (lambda x, alpha: x * _sigmoid(alpha * x), {"alpha": 1.0}),
    "Tan": (np.tan, {}),
    "ThresholdedRelu": (lambda x, alpha: np.where(x > alpha, x, 0.0), {"alpha": 1.0}),
}


def _run(node: Node, arrays: list[Array]) -> Array:
    function, defaults = FUNCTIONS[node.op]
    result: Array = function(arrays[0], **{name: node.attrs.get(name, value) for name, value in defaults.items()})
    return result.astype(arrays[0].dtype)


OPERATIONS = {name: Operation(group="unary", shape=same_shape, run=_run) for name in FUNCTIONS}
