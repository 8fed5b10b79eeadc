"""The verb that takes what was trained out of PyTorch: export-onnx."""

import json

from lstm import outside, runs
from lstm.command.verbs import add_verb


def export(args):
    """Write a trained language model as an ONNX file that computes the same."""
    model, vocab = runs.writer(args.folder)
    about = {"symbols": json.dumps(vocab.symbols, ensure_ascii=False)}
    apart = outside.export_onnx(model, args.output, args.half, about)
    print(f"written: {args.output}, within {apart:.0e} of the model in ONNX Runtime")


def add(verbs):
    """Add the verb of this module."""
    example = """\
lstm export-onnx run --output model.onnx
lstm export-onnx run --output model.onnx --half      weights in 16 bits
"""
    more = """ It takes
symbols and the state, and gives scores and the next state, for one symbol or for many.
Its metadata hold the vocabulary, "symbols", as a list in JSON.
"""
    verb = add_verb(verbs, "export-onnx", export, more, example)
    verb.add_argument("folder", metavar="DIR", help="the folder of a run")
    text = "the file to write"
    verb.add_argument("--output", required=True, metavar="FILE", help=text)
    text = "keep the weights in 16 bits: half the bytes"
    verb.add_argument("--half", action="store_true", help=text)
