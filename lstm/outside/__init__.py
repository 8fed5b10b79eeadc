"""Out of PyTorch: a model as an ONNX file, and how it runs there."""

from lstm.outside.graphs import Graph
from lstm.outside.onnx_file import call, export_onnx, missing, session

__all__ = ["Graph", "call", "export_onnx", "missing", "session"]
