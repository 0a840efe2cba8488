"""Export to one ONNX file with static shapes, weights inside and `emg.*` metadata."""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ._costs import count_parameters
from ._errors import EmgModelsError
from ._files import write_files
from ._model import EmgModel
from ._preprocessing import check_labels, check_preprocessing

if TYPE_CHECKING:
    import onnx

__all__ = ["export_onnx"]

OPSETS = range(18, 24)
MAX_BYTES = 2**31 - 2**20  # protobuf's limit, less room for the graph
_CHATTY = "torch.onnx._internal.exporter._registration"


def export_onnx(
    model: nn.Module,
    path: str | Path,
    *,
    preprocessing: Mapping[str, Any],
    labels: Sequence[str],
    opset: int = 20,
    batch: int = 1,
    name: str | None = None,
) -> Path:
    """Write a model as ONNX: float32 input ``emg`` (batch, *input_shape), float32 output named ``model.output``.

    What `forward` needs beside the signal (``model.extra_inputs``) follows as inputs of its own names.

    Parameters
    ----------
    model : EmgModel
        Exported as in evaluation; the model itself is left as it is.
    path : str or Path
        File to write, whole or not at all. Existing content is replaced.
    preprocessing : mapping
        What turns a recording into the input; see `check_preprocessing`.
    labels : sequence of str
        One name per output: classes, events, joints, or symbols with the blank last; empty for a model without outputs
        of its own (tokens, reconstruction).
    opset : int
        ONNX operator set, 18 to 23. From 20 on GELU is one node, at 23 attention is one node too.
    batch : int
        Fixed batch size, >= 1.
    name : str, optional
        Stored as ``emg.model``; the class name by default.

    Returns
    -------
    Path
        `path`. Metadata: ``emg.version`` "1", ``emg.model``, ``emg.task``, ``emg.sfreq`` (Hz), ``emg.n_chans``,
        ``emg.n_times``, ``emg.n_outputs`` ("0" where there are none), ``emg.output_shape`` (JSON, without the batch),
        ``emg.labels`` and ``emg.preprocessing`` (JSON), ``emg.parameters``.

    Raises
    ------
    EmgModelsError
        The model is of another kind, has no weights (device ``meta``) or more than one file can hold (2 GiB), an
        argument does not fit, or the extra ``onnx`` is not installed.
    """
    if not isinstance(model, EmgModel):
        raise EmgModelsError(
            f"model of type {type(model).__name__}: a model of this package is required; build one with create_model"
        )
    if opset not in OPSETS or batch < 1:
        raise EmgModelsError(
            f"opset={opset}, batch={batch}: opset {OPSETS.start} to {OPSETS.stop - 1} and batch >= 1 are required"
        )
    _check_size(model)
    metadata = _metadata(model, preprocessing, labels, name or type(model).__name__)
    proto = _translate(model, opset, batch)
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    _checker().check_model(proto, full_check=True)
    path = Path(path)
    write_files(path.parent, {path.name: proto.SerializeToString(deterministic=True)})
    return path


def _check_size(model: EmgModel) -> None:
    tensors = [*model.parameters(), *model.buffers()]
    if any(tensor.is_meta for tensor in tensors):
        raise EmgModelsError(f"{type(model).__name__} lies on the meta device, without weights; build it on the CPU")
    size = 4 * sum(tensor.numel() for tensor in tensors)
    if size > MAX_BYTES:
        raise EmgModelsError(
            f"{type(model).__name__} holds {size:,} bytes in float32, one ONNX file at most {MAX_BYTES:,}; "
            "export a smaller network"
        )


def _metadata(model: EmgModel, preprocessing: Mapping[str, Any], labels: Sequence[str], name: str) -> dict[str, str]:
    config = model.config
    return {
        "emg.version": "1",
        "emg.model": name,
        "emg.task": model.task,
        "emg.sfreq": repr(float(config.sfreq)),
        "emg.n_chans": str(config.n_chans),
        "emg.n_times": str(config.n_times),
        "emg.n_outputs": str(config.n_outputs or 0),
        "emg.output_shape": json.dumps(model.output_shape),
        "emg.labels": json.dumps(check_labels(labels, config.n_outputs), ensure_ascii=False),
        "emg.preprocessing": json.dumps(check_preprocessing(preprocessing, config), allow_nan=False),
        "emg.parameters": str(count_parameters(model)),
    }


def _translate(model: EmgModel, opset: int, batch: int) -> "onnx.ModelProto":
    """Run torch's exporter on a copy of the model and strip what is only of use on this machine."""
    _checker()
    still = copy.deepcopy(model).float().cpu().eval().requires_grad_(requires_grad=False)
    example = torch.zeros(batch, *model.config.input_shape)
    extra = still.extra_inputs(batch)
    with _quiet():
        program = torch.onnx.export(
            still,
            (example,),
            kwargs=extra,
            dynamo=True,
            opset_version=opset,
            input_names=["emg", *extra],
            output_names=[model.output],
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise EmgModelsError("torch's exporter returned no program; torch >= 2.6 is required")
    proto: onnx.ModelProto = program.model_proto
    written = {item.domain: item.version for item in proto.opset_import}
    if written != {"": opset}:
        raise EmgModelsError(f"torch's exporter wrote operator sets {written}, not opset={opset}; ask for one of those")
    for item in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output, proto.graph):
        item.ClearField("metadata_props")
    return proto


def _checker() -> Any:  # noqa: ANN401  the onnx package has no types
    try:
        import onnx
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise EmgModelsError(f"ONNX export needs {error.name}; run: pip install 'emg-models[onnx]'") from None
    return onnx.checker


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter of torch 2.13 says about itself: absent torchvision, an own deprecated call."""
    logger = logging.getLogger(_CHATTY)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=FutureWarning)
            yield
    finally:
        logger.setLevel(level)
