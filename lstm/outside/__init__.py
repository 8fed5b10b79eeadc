"""Out of PyTorch: a model as an ONNX file, and how it runs there."""

from lstm.outside.onnx_file import call, export_onnx, missing, session

__all__ = ["call", "export_onnx", "missing", "session"]
