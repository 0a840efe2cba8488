"""Classical models as scikit-learn's converter writes them, against onnxruntime."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from emg_edge import EmgEdgeError, UnsupportedError, load_onnx
from emg_edge.graph._float import run_float
from emg_edge.quantiser._quantise import quantise

RNG = np.random.default_rng(4)
FEATURES, CLASSES = 12, 3


def ml(op, inputs, outputs, **attrs):
    return helper.make_node(op, inputs, outputs, name=op.lower(), domain="ai.onnx.ml", **attrs)


def write(path, nodes, outputs, weights=()):
    graph = helper.make_graph(
        nodes,
        "classic",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (None, FEATURES))],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        list(weights),
    )
    opsets = [helper.make_opsetid(d, v) for d, v in (("", 17), ("ai.onnx", 17), ("ai.onnx.ml", 3))]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    return path


def linear(post="NONE", **attrs):
    given = {
        "coefficients": RNG.normal(size=CLASSES * FEATURES),
        "intercepts": RNG.normal(size=CLASSES),
        "classlabels_ints": range(CLASSES),
        "post_transform": post,
    }
    return ml("LinearClassifier", ["s"], ["label", "p"], **(given | attrs))


def scaler():
    return ml("Scaler", ["x"], ["s"], offset=RNG.normal(size=FEATURES), scale=RNG.uniform(0.5, 2, FEATURES))


LABELLED = [("label", TensorProto.INT64), ("p", TensorProto.FLOAT)]
PIPELINES = {
    "scaled logistic": [scaler(), linear("LOGISTIC")],
    "one offset": [ml("Scaler", ["x"], ["s"], offset=[0.5], scale=[2.0]), linear()],
    "imputer": [ml("Imputer", ["x"], ["s"], imputed_value_floats=np.zeros(FEATURES)), linear()],
    "vectorised": [
        ml("FeatureVectorizer", ["x", "x"], ["s"], inputdimensions=[FEATURES, FEATURES]),
        linear(coefficients=RNG.normal(size=2 * CLASSES * FEATURES)),
    ],
    "score picked": [
        scaler(),
        ml("LinearClassifier", ["s"], ["label", "q"], coefficients=RNG.normal(size=CLASSES * FEATURES),
           intercepts=RNG.normal(size=CLASSES), classlabels_ints=range(CLASSES)),
        ml("ArrayFeatureExtractor", ["q", "one"], ["p"]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_scores_equal_onnxruntime_and_integers_follow(name, tmp_path):
    one = numpy_helper.from_array(np.array([1]), "one")
    path = write(tmp_path / "m.onnx", PIPELINES[name], LABELLED, [one])
    x = RNG.normal(size=(80, FEATURES)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = session.run(["p"], {"x": x})[0]
    graph = load_onnx(path)
    assert graph.output_names == ("p",)
    assert any("output 'label' is not compiled: ai.onnx.ml.LinearClassifier" in note for note in graph.notes)
    np.testing.assert_allclose(run_float(graph, x)[graph.outputs[0]], wanted, atol=2e-5)
    program = quantise(graph, x)
    assert {op.kind for op in program.ops} <= {"linear", "move", "concat", "affine", "gather"}


def test_a_regressor_and_its_targets(tmp_path):
    node = ml(
        "LinearRegressor", ["x"], ["y"], coefficients=RNG.normal(size=2 * FEATURES), intercepts=[1.0, -1.0], targets=2
    )
    path = write(tmp_path / "m.onnx", [node], [("y", TensorProto.FLOAT)])
    x = RNG.normal(size=(8, FEATURES)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(run_float(load_onnx(path), x)["y"], session.run(["y"], {"x": x})[0], atol=1e-5)


def test_probabilities_that_sum_to_one_are_not_normalised_again(tmp_path):
    nodes = [scaler(), linear("SOFTMAX"), ml("Normalizer", ["p"], ["q"], norm="L1"), ml("ZipMap", ["q"], ["map"])]
    graph = load_onnx(write(tmp_path / "m.onnx", nodes, [("map", TensorProto.FLOAT)]))
    assert graph.nodes[-1].op == "Softmax"
    assert graph.notes == ("ZipMap 'zipmap': the scores come as one array, in the order of the model's classes",)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (ml("TreeEnsembleClassifier", ["x"], ["label", "p"]), "ensemble of decision trees.*a linear model or a small"),
        (ml("SVMClassifier", ["x"], ["label", "p"]), "compares with support vectors.*use LinearSVC"),
        (ml("Binarizer", ["x"], ["p"], threshold=0.5), "jumps at a threshold"),
        (ml("Normalizer", ["x"], ["p"], norm="MAX"), "norm='MAX'.*use norm L2 or L1"),
        (ml("Imputer", ["x"], ["p"], replaced_value_float=-1.0, imputed_value_floats=[0.0]), "replaces -1 by other"),
        (
            ml("LinearClassifier", ["x"], ["label", "p"], coefficients=[1.0] * FEATURES * CLASSES,
               intercepts=[0.0] * CLASSES, classlabels_strings=["a", "b", "c"], post_transform="PROBIT"),
            "post_transform='PROBIT'.*use NONE, LOGISTIC or SOFTMAX",
        ),
        (
            ml("LinearClassifier", ["x"], ["label", "p"], coefficients=[1.0] * FEATURES, intercepts=[0.0],
               classlabels_ints=[0, 1]),
            "one row of coefficients for two classes",
        ),
    ],
)  # fmt: skip
def test_what_has_no_integer_form_is_refused_with_advice(node, message, tmp_path):
    with pytest.raises(UnsupportedError, match=message):
        load_onnx(write(tmp_path / "m.onnx", [node], LABELLED[-1:]))


def test_numbers_that_do_not_fit_are_refused(tmp_path):
    nodes = [scaler(), linear(coefficients=[1.0] * 5)]
    with pytest.raises(EmgEdgeError, match="5 coefficients for 3 outputs of 12 features"):
        load_onnx(write(tmp_path / "m.onnx", nodes, LABELLED))
    nodes = [ml("ArrayFeatureExtractor", ["x", "half"], ["p"])]
    half = numpy_helper.from_array(np.array([0.5], np.float32), "half")
    with pytest.raises(EmgEdgeError, match="ArrayFeatureExtractor 'arrayfeatureextractor' needs integer positions"):
        load_onnx(write(tmp_path / "m.onnx", nodes, LABELLED[-1:], [half]))
