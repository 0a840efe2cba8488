"""Quantised ONNX files: what onnxruntime's quantizer makes of a float model, and the spellings of other exporters."""

import logging

import numpy as np


def onnxruntime_quantised(source, target, windows, *, operators=False, activations="QInt8", weights="QInt8", **options):
    """Quantise a file statically with onnxruntime, in QOperator form where ``operators``, else in QDQ form."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        rows = iter([{"emg": row[None]} for row in windows])

        def get_next(self):
            return next(self.rows, None)

    logging.disable(logging.WARNING)
    try:
        quantize_static(
            str(source),
            str(target),
            Reader(),
            quant_format=QuantFormat.QOperator if operators else QuantFormat.QDQ,
            activation_type=getattr(QuantType, activations),
            weight_type=getattr(QuantType, weights),
            **options,
        )
    finally:
        logging.disable(logging.NOTSET)
    return target


def onnxruntime_results(path, windows):
    """Outputs of a file on windows, computed by onnxruntime node by node as they stand."""
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"emg": row[None]})[0] for row in windows])


def perceptron(builders, opset=21):
    b = builders.Builder(1)
    y = b.op("Relu", b.op("Gemm", "emg", b.random(16, 6, scale=0.4), b.random(16, scale=0.1), transB=1))
    y = b.op("Sigmoid", b.op("Gemm", y, b.random(16, 16, scale=0.3), b.random(16, scale=0.1), transB=1))
    y = b.op("Gemm", y, b.random(3, 16, scale=0.4), b.random(3, scale=0.1), transB=1)
    return b.model(y, (1, 6), (1, 3), opset=opset)


def convolutions(builders, opset=21):
    """Padding, stride, a residual sum, pools and a head."""
    b = builders.Builder(3)
    first = b.op("Relu", b.op("Conv", "emg", b.random(8, 4, 3, scale=0.3), b.random(8, scale=0.1), pads=[1, 1]))
    y = b.op("Relu", b.op("Conv", first, b.random(8, 8, 3, scale=0.2), b.random(8, scale=0.1), pads=[1, 1]))
    y = b.op("MaxPool", b.op("Add", y, first), kernel_shape=[2], strides=[2])
    y = b.op("Conv", y, b.random(8, 8, 3, scale=0.3), b.random(8, scale=0.1), strides=[2], pads=[1, 1])
    y = b.op("Flatten", b.op("GlobalAveragePool", b.op("LeakyRelu", y, alpha=0.125)))
    y = b.op("Gemm", y, b.random(3, 8, scale=0.4), b.random(3, scale=0.1), transB=1)
    return b.model(y, (1, 4, 16), (1, 3), opset=opset)


def _pair(b, x, scale, zero, kind):
    """QuantizeLinear and DequantizeLinear with scalars, as torch's exporters write them."""
    ends = b.constant(np.float32(scale)), b.constant(kind(zero))
    codes = b.op("QuantizeLinear", x, *ends)
    return codes, ends


def torchao(builders):
    """A PT2E export: weights dequantised first, per channel with zero points; biases float; one scalar pair a value."""
    b, rng = builders.Builder(5), np.random.default_rng(5)

    def weight(*shape):
        codes = b.constant(rng.integers(-127, 128, shape).astype(np.int8))
        steps = b.constant(rng.uniform(0.001, 0.004, shape[0]).astype(np.float32))
        return b.op("DequantizeLinear", codes, steps, b.constant(np.zeros(shape[0], np.int8)), axis=0)

    def marked(x, scale, zero):
        codes, ends = _pair(b, x, scale, zero, np.int8)
        return b.op("DequantizeLinear", codes, *ends, axis=1)

    weights = weight(8, 4, 3), weight(8, 8, 3), weight(3, 8)
    y = b.op("Conv", marked("emg", 0.03, -14), weights[0], b.random(8, scale=0.1), pads=[1, 1], auto_pad="NOTSET")
    y = marked(b.op("Relu", y), 0.01, -128)
    y = b.op("Conv", y, weights[1], b.random(8, scale=0.1), strides=[2], auto_pad="NOTSET")
    y = marked(b.op("Relu", y), 0.012, -128)
    y = b.op("ReduceMean", y, b.ints(-1), keepdims=0, noop_with_empty_axes=0)
    y = b.op("Gemm", marked(y, 0.012, -128), weights[2], b.random(3, scale=0.1), alpha=1.0, beta=1.0, transB=1)
    return b.model(marked(y, 0.002, 12), (1, 4, 16), (1, 3), opset=21)


def brevitas(builders):
    """A QCDQ export: codes clipped to their bits, int32 biases, a second grid where a layer quantises its input."""
    b, rng = builders.Builder(6), np.random.default_rng(6)
    low, high = b.constant(np.int8(-7)), b.constant(np.int8(7))

    def weight(step, *shape):
        codes = b.op("Clip", b.constant(rng.integers(-8, 8, shape).astype(np.int8)), low, high)
        return b.op("DequantizeLinear", codes, b.constant(np.float32(step)), b.constant(np.int8(0)))

    def bias(step, count):
        codes, zero = b.constant(rng.integers(-200, 200, count).astype(np.int32)), b.constant(np.int32(0))
        return b.op("DequantizeLinear", codes, b.constant(np.float32(step)), zero)

    codes, ends = _pair(b, "emg", 0.02, 0, np.int8)
    y = b.op("Gemm", b.op("DequantizeLinear", codes, *ends), weight(0.06, 8, 6), bias(0.0012, 8), transB=1)
    codes, ends = _pair(b, b.op("Relu", y), 0.02, 0, np.uint8)
    codes = b.op("Clip", codes, b.constant(np.uint8(0)), b.constant(np.uint8(63)))
    codes, ends = _pair(b, b.op("DequantizeLinear", codes, *ends), 0.011, 0, np.int8)
    y = b.op("Gemm", b.op("DequantizeLinear", codes, *ends), weight(0.05, 3, 8), b.random(3, scale=0.2), transB=1)
    codes, ends = _pair(b, y, 0.02, 0, np.int8)
    return b.model(b.op("DequantizeLinear", codes, *ends), (1, 6), (1, 3), opset=17)
