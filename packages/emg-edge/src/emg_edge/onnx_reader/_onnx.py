"""Reading an ONNX file: the only module that imports onnx, and the first that meets hostile bytes."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._graph import MAX_ELEMENTS, MAX_RANK, Graph

from ._external import Neighbours
from ._importer import Body, Importer, Source
from ._ports import FLOATS, INTEGERS, add_inputs, check_read, find_outputs, kind_name
from .translations import add_node

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_FILE_BYTES = 2**29
MAX_NODES = 5_000
MAX_VALUES = 2**27  # elements of all values together
MAX_MACS = 2**35
MAX_METADATA_BYTES = 2**20
OLDEST_OPSET = 9
_SCOPES = "pkg.torch.onnx.name_scopes"
_MALFORMED = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def load_onnx(path: str | Path) -> Graph:
    """Read an ONNX model, float or with QuantizeLinear and DequantizeLinear pairs, into the float IR.

    Parameters
    ----------
    path
        At most 512 MiB, with its weights inside or in plain files beside it, together as large again. Shapes must be
        static; a symbolic first axis of an input is the batch and becomes 1, as does a later one called batch. Weights
        and inputs of any floating type become float32. Constants are folded; integer outputs (labels) are dropped.

    Returns
    -------
    Graph
        Verified; node and value names are the file's, ``metadata`` holds its ``emg.*`` strings, ``notes`` what was
        dropped or assumed.

    Raises
    ------
    UnsupportedError
        Listing every node that has no counterpart in the IR: node, op, why, what to change.
    EmgEdgeError
        If the file is absent, malformed, too large or refers to data outside its folder.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    path = Path(path)
    data = _read(path)
    try:
        return _translate(data, path)
    except EmgEdgeError:
        raise
    except (*_MALFORMED, DecodeError) as error:
        raise EmgEdgeError(
            f"{path}: not a well-formed ONNX model ({type(error).__name__}: {error}); export it again, or see what "
            "onnx.checker.check_model says"
        ) from error


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            there = " but a folder" if path.is_dir() else ""
            raise EmgEdgeError(f"{path}: no such file{there}; give the path of an .onnx file")
        size = path.stat().st_size
        if not 0 < size <= MAX_FILE_BYTES:
            raise EmgEdgeError(f"{path}: {size} bytes; a model file holds 1 to {MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise EmgEdgeError(f"{path}: cannot be read ({error.strerror}); give an .onnx file that can") from error


def _translate(data: bytes, path: Path) -> Graph:
    import onnx

    model = onnx.load_model_from_string(data)
    proto = model.graph
    _check_model(model, path)
    _check_text(model, path)
    importer = Importer(opset=_opset(model, path))
    beside = Neighbours(path)
    for tensor in proto.initializer:
        importer.add_constant(tensor.name, _array(tensor, path, beside))
        importer.types[tensor.name] = onnx.TensorProto.DataType.Name(tensor.data_type)
    inputs = [value for value in proto.input if value.name not in importer.constants]
    add_inputs(importer, inputs, path)
    for index, node in enumerate(_in_order(list(proto.node))):
        add_node(importer, _source(node, index, path))
    outputs, titles = find_outputs(importer, list(proto.output), path)
    graph = Graph(
        name=proto.name or path.stem,
        nodes=tuple(importer.nodes),
        values=importer.values,
        constants=importer.constants,
        inputs=tuple(value.name for value in inputs),
        outputs=outputs,
        metadata=_metadata(model, path),
        output_names=titles,
        given={name: tuple(dict.fromkeys(grids)) for name, grids in importer.given.items()},
        steps=importer.steps,
        notes=tuple(importer.notes),
    ).pruned()
    graph.verify()
    check_read(graph, path)
    _check_effort(graph, path)
    return graph


def _in_order(nodes: list[Any]) -> list[Any]:
    """Return nodes so that each stands behind those that it reads; files with a cycle stay as they are."""
    writers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = {index: {writers[n] for n in node.input if n in writers} for index, node in enumerate(nodes)}
    if all(before < index for index, found in needs.items() for before in found):
        return nodes
    try:
        return [nodes[index] for index in TopologicalSorter(needs).static_order()]
    except CycleError:
        return nodes


def _check_effort(graph: Graph, path: Path) -> None:
    """Refuse what would take hours or all memory to run once; the largest models meant here stay 10 times below."""
    elements = sum(value.size for value in graph.values.values())
    macs = sum(
        graph.values[node.output].size * graph.shape(node.inputs[0])[-1]
        if node.op == "MatMul"
        else graph.values[node.output].size * int(np.prod(graph.shape(node.inputs[1])[1:]))
        for node in graph.nodes
        if node.op in {"MatMul", "Conv"}
    )
    if elements > MAX_VALUES or macs > MAX_MACS:
        raise EmgEdgeError(
            f"{path}: {elements} activation elements and {macs} multiply-accumulates; at most "
            f"{MAX_VALUES} and {MAX_MACS} are read"
        )


def _check_model(model: Any, path: Path) -> None:  # noqa: ANN401  a protobuf message
    proto = model.graph
    count = len(proto.node) + sum(len(attr.g.node) for node in proto.node for attr in node.attribute)
    if len(proto.node) == 0 or count > MAX_NODES:
        raise EmgEdgeError(f"{path}: {count} nodes; a model holds 1 to {MAX_NODES}")
    if len(proto.sparse_initializer) or len(model.functions):
        raise EmgEdgeError(
            f"{path}: sparse initialisers or model-local functions; inline them (onnx.inliner) and save dense weights"
        )
    names = [tensor.name for tensor in proto.initializer]
    if len(set(names)) != len(names):
        raise EmgEdgeError(f"{path}: two initialisers share a name; export the model again")


def _check_text(model: Any, path: Path) -> None:  # noqa: ANN401
    """Refuse names that are not UTF-8, which the parser hands out as bytes."""
    proto = model.graph
    texts = [proto.name, *(entry.key for entry in model.metadata_props), *(e.value for e in model.metadata_props)]
    texts += [item.name for group in (proto.initializer, proto.input, proto.output) for item in group]
    for node in proto.node:
        texts += [node.name, node.op_type, node.domain, *node.input, *node.output]
        texts += [attribute.name for attribute in node.attribute]
        texts += [text for entry in node.metadata_props for text in (entry.key, entry.value)]
    odd = next((text for text in texts if not isinstance(text, str)), None)
    if odd is not None:
        raise EmgEdgeError(f"{path}: the name {odd!r} is not UTF-8; export the model again")


def _opset(model: Any, path: Path) -> int:  # noqa: ANN401
    versions = sorted({entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}})
    if len(versions) != 1 or versions[0] < OLDEST_OPSET:
        raise EmgEdgeError(f"{path}: opset {versions}; need one ai.onnx opset >= {OLDEST_OPSET}, best 20")
    return int(versions[0])


def _metadata(model: Any, path: Path) -> dict[str, str]:  # noqa: ANN401
    found = {entry.key: entry.value for entry in model.metadata_props if entry.key.startswith("emg.")}
    if sum(len(key) + len(value) for key, value in found.items()) > MAX_METADATA_BYTES:
        raise EmgEdgeError(f"{path}: emg.* metadata above {MAX_METADATA_BYTES} bytes; shorten it")
    return found


def _array(tensor: Any, path: Path, beside: Neighbours | None = None) -> NDArray[Any]:  # noqa: ANN401
    """Return a tensor as float32 or int64, refusing odd types and sizes; other files only through ``beside``."""
    import onnx

    where = f"{path}: tensor {tensor.name!r}"
    dims = tuple(int(dim) for dim in tensor.dims)
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims) or int(np.prod(dims, dtype=object)) > MAX_ELEMENTS:
        raise EmgEdgeError(f"{where} has dimensions {dims}; need at most {MAX_RANK} axes, none negative")
    kind = kind_name(tensor.data_type)
    if kind not in FLOATS | INTEGERS:
        raise EmgEdgeError(f"{where} has type {kind}; need one of {sorted(FLOATS | INTEGERS)}")
    if tensor.data_location == onnx.TensorProto.EXTERNAL or len(tensor.external_data):
        if beside is None:
            raise EmgEdgeError(f"{where}, a node's attribute, keeps its data in another file; save it inside the model")
        beside.fill(tensor, kind)
    array = np.asarray(onnx.numpy_helper.to_array(tensor)).astype(np.float32 if kind in FLOATS else np.int64)
    if array.shape != dims or np.isnan(array).any():
        raise EmgEdgeError(f"{where} is truncated or holds NaN; train or export the model again")
    return array


def _body(graph: Any, path: Path) -> Body:  # noqa: ANN401
    """Turn the graph inside a Loop into plain Python; what nests deeper is left out."""
    if len(graph.node) > MAX_NODES:
        raise EmgEdgeError(f"{path}: {len(graph.node)} nodes in a Loop; at most {MAX_NODES} are read")
    return Body(
        inputs=tuple(value.name for value in graph.input),
        outputs=tuple(value.name for value in graph.output),
        nodes=tuple(_source(node, index, path, inner=True) for index, node in enumerate(graph.node)),
        constants={tensor.name: _array(tensor, path) for tensor in graph.initializer},
    )


def _source(node: Any, index: int, path: Path, *, inner: bool = False) -> Source:  # noqa: ANN401
    """Turn a NodeProto into plain Python."""
    import onnx

    attrs: dict[str, Any] = {}
    for attr in node.attribute:
        if attr.type == onnx.AttributeProto.TENSOR:
            attrs[attr.name] = _array(attr.t, path)
            attrs[f"{attr.name}_type"] = onnx.TensorProto.DataType.Name(attr.t.data_type)
        elif attr.type in {onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS}:
            inside = node.op_type == "Loop" and attr.name == "body" and not inner
            attrs[attr.name] = _body(attr.g, path) if inside else None  # other control flow is refused by its name
        else:
            value = onnx.helper.get_attribute_value(attr)
            attrs[attr.name] = value.decode() if isinstance(value, bytes) else value
    scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")[:4096]
    parts = re.findall(r"'([^']*)'", scopes)
    return Source(
        op=node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}.{node.op_type}",
        name=node.name or f"node_{index}",
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attrs=attrs,
        scope=parts[-2] if len(parts) > 1 else "",
    )
