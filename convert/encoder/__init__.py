"""The sentence encoder: from a checkpoint or packed weights to ONNX."""
