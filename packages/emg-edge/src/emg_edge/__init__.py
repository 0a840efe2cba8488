"""From an ONNX file to integer C for GAP9 and friends, bit-exact, without a vendor SDK."""
