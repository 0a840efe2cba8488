"""Small ONNX models of attention and of what stands beside it, as other tools write them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONTRIBUTED = "com.microsoft"


def model(path, nodes, arrays, shapes, opset=20, kinds=None):
    """Save nodes ``(op, inputs, output, attrs)``; the last one writes ``y``; inputs are named by ``shapes``."""
    kinds = kinds or {}
    made = []
    for index, (op, inputs, output, *attrs) in enumerate(nodes):
        settings = dict(attrs[0]) if attrs else {}
        domain = CONTRIBUTED if settings.pop("contributed", False) else ""
        outputs = output if isinstance(output, list) else [output]
        made.append(helper.make_node(op, inputs, outputs, name=f"n{index}", domain=domain, **settings))
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(CONTRIBUTED, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
    return path


def run(path, feeds):
    """Outputs of onnxruntime, sample by sample, ``(n, -1)``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    count = len(next(iter(feeds.values())))
    rows = [session.run(None, {n: a[k : k + 1] for n, a in feeds.items()})[0] for k in range(count)]
    return np.stack(rows).reshape(count, -1)
