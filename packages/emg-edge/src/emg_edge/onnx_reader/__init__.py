"""From an ONNX file to the float graph: the only folder that knows onnx."""
