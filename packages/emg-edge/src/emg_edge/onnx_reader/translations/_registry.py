"""From ONNX operators to IR nodes: attributes, defaults and what changed between opsets, one file a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError, Unsupported
from emg_edge.onnx_reader._importer import Dropped, Importer, RefusedError, Source

from . import (
    _attention,
    _classic,
    _codes,
    _constants,
    _convolution,
    _einsum,
    _elementwise,
    _logic,
    _loop,
    _movement,
    _normalise,
    _pool,
    _products,
    _quantised,
    _recurrent,
    _resize,
    _rotary,
)

if TYPE_CHECKING:
    from collections.abc import Callable


_FAMILIES = (
    _attention,
    _classic,
    _codes,
    _constants,
    _convolution,
    _einsum,
    _elementwise,
    _logic,
    _loop,
    _movement,
    _normalise,
    _pool,
    _products,
    _quantised,
    _recurrent,
    _resize,
    _rotary,
)

TRANSLATIONS: dict[str, Callable[[Importer], None]] = {
    name: translate for family in _FAMILIES for name, translate in family.TRANSLATIONS.items()
}
_COPIES = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose"}


def add_node(importer: Importer, source: Source) -> None:
    """Translate one node, or note why not; nodes behind a refused one are skipped, not blamed."""
    if any(name in importer.lost for name in source.inputs) and source.op in TRANSLATIONS:
        importer.lost.update(source.outputs)
        return
    clash = [name for name in source.outputs if name in importer.values or name in importer.constants]
    if clash:
        raise EmgEdgeError(f"{source.op} {source.name!r} writes {clash} a second time; every value has one writer")
    importer.source = source
    reasons = [importer.dropped[name] for name in source.inputs if name in importer.dropped]
    if reasons:
        optional = reasons[0].optional and source.op in _COPIES
        importer.dropped.update(dict.fromkeys(source.outputs, Dropped(reasons[0].what, optional)))
        return
    try:
        codes = _codes.reads_codes(importer, source.op, source.inputs)
        (_codes.pass_codes if codes else TRANSLATIONS.get(source.op, _unknown))(importer)
    except RefusedError as refused:
        importer.unsupported.append(Unsupported(source.name, source.op, refused.why, refused.change))
        importer.lost.update(source.outputs)


def _unknown(i: Importer) -> None:
    raise RefusedError("the operator is not known to emg-edge", _advice(i.source.op))


_CONTROL = "export without control flow: trace the model on one window instead of scripting it"
_DIALECT = "it belongs to another compiler's integer dialect: give the float model, or one in QDQ form"
_ADVICE = {
    "Erfc": "write GELU with Erf or as Gelu (Keras: activation 'gelu' with approximate=True)",
    "If": _CONTROL,
    "NonZero": "choose elements by constant positions",
    "RNN": "use GRU or LSTM",
    "Scan": _CONTROL,
    "TopK": "take the scores as the model's output and sort behind it",
}


def _advice(op: str) -> str:
    name = op.rpartition(".")[2]
    if name.endswith("RequantShift") or name[:2] in {"iS", "iH", "iR", "iL", "iG", "iN"} or name.startswith("Integer"):
        return _DIALECT
    return _ADVICE.get(
        op,
        "rewrite it with convolutions, products, sums, normalisation, softmax, attention, pooling, LSTM or GRU, and "
        "functions of one variable",
    )
