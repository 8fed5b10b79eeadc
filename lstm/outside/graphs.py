"""The graph of a layer, or of a model of symbols, in ONNX, made by hand.

L sequence length   N batch   D input size   H hidden size   C number of classes
K num_layers * directions

ONNX has a node for each of the three recurrent layers, of any length and batch, with
the state going in and coming out. All that is to be known are the names and the order
of the gates, which `lstm.convert` knows.
Source: onnx.ai/onnx/operators, LSTM, GRU and RNN.
"""

import torch

from lstm.convert import gru_to_torch, to_onnx, to_torch
from lstm.models import ScratchModel, SequenceTagger

OPSET, IR = 17, 8  # of 2022, so that what is not of today can read it, too
MODES = {"LSTM": "LSTM", "GRU": "GRU", "RNN": "RNN", "RNN_TANH": "RNN"}


def graph(model, half=False):
    """The model as an onnx.ModelProto; arguments and errors as in `export_onnx`."""
    from onnx import checker, helper

    (mode, layers, directions), weights, after, linear = parts(model)
    made, states = Graph(half), ("h", "c") if mode == "LSTM" else ("h",)
    D, H = weights["weight_ih_l0"].shape[1], weights["weight_hh_l0"].shape[1]
    x = made.start(D, linear is not None)
    olds = {s: made.state(s, layers, directions, H) for s in states}
    lasts = []
    for n in range(layers):
        ends = [f"_l{n}{end}" for end in ("", "_reverse")[:directions]]
        initial = [olds[s][n] for s in states]
        x, *last = made.layer(mode, x, initial, to_onnx(weights, ends), after)
        lasts.append(last)
    made.finish(x, directions * H, linear)
    for s, names in zip(states, zip(*lasts, strict=True), strict=True):
        made.add("Concat", names, [f"{s}_n"], axis=0)
        made.outputs.append(made.value(f"{s}_n", layers * directions, "N", H))
    whole = helper.make_graph(
        made.nodes, "lstm", made.inputs, made.outputs, made.weights
    )
    opsets = [helper.make_opsetid("", OPSET)]
    found = helper.make_model(whole, opset_imports=opsets, ir_version=IR)
    checker.check_model(found)
    return found


def parts(model):
    """What a model consists of.

    ->   (mode, layers, directions); the state_dict of its recurrent layer; whether the
    reset comes after the product; the state_dict of its linear layer, or None
    Raises TypeError for another kind of model; ValueError for a projection.
    """
    if isinstance(model, ScratchModel):
        params, lstm = list(model.params), len(model.params) == 14
        weights, linear = to_torch(params) if lstm else gru_to_torch(params)
        return ("LSTM" if lstm else "GRU", 1, 1), weights, False, linear
    layer = model.layer if isinstance(model, SequenceTagger) else model
    mode = getattr(layer, "mode", None)
    if mode not in MODES:
        wanted = "an LSTM, GRU or RNN of tanh, or a model of symbols on one"
        raise TypeError(f"expected {wanted}, got {mode or type(model).__name__}")
    if size := getattr(layer, "proj_size", 0):
        raise ValueError(
            f"ONNX's LSTM node has no projection, got proj_size={size}: let "
            "torch.onnx.export(..., dynamo=True) unroll an lstm.LSTM, at a fixed length"
        )
    linear = None if layer is model else model.linear.state_dict()
    sizes = MODES[mode], layer.num_layers, 2 if layer.bidirectional else 1
    return sizes, layer.state_dict(), True, linear


class Graph:
    """Nodes and weights as they are put together, each with a name of its own.

    half: whether weights lie in 16 bits, each with a node that makes 32 of them
    """

    def __init__(self, half=False):
        self.nodes, self.weights, self.half = [], [], half
        self.inputs, self.outputs = [], []

    def add(self, kind, inputs, outputs=None, **attributes):
        """Add a node; return the name of its only output, or the names."""
        from onnx import helper

        outputs = outputs or [f"{kind}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0] if len(outputs) == 1 else outputs

    def constant(self, name, tensor):
        """Add numbers as they are; return their name."""
        from onnx import numpy_helper

        array = tensor.detach().cpu().contiguous().numpy()
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, name, tensor):
        """Add a weight; return the name of it in 32 bits."""
        if not self.half:
            return self.constant(name, tensor.float())
        short = self.constant(f"{name}_16", tensor.half())
        return self.add("Cast", [short], [name], to=1)  # 1: TensorProto.FLOAT

    def value(self, name, *shape, kind=1):
        """What goes in or comes out: its name, its shape, its type."""
        from onnx import helper

        return helper.make_tensor_value_info(name, kind, shape)

    def start(self, size, symbols):
        """The input, x (L, N, D), or one-hot vectors of symbols (L, N)."""
        if not symbols:
            self.inputs.append(self.value("x", "L", "N", size))
            return "x"
        self.inputs.append(self.value("symbols", "L", "N", kind=7))  # INT64
        depth = self.constant("size", torch.tensor(size))
        off_on = self.constant("off_on", torch.tensor([0.0, 1.0]))
        return self.add("OneHot", ["symbols", depth, off_on], axis=-1)

    def state(self, name, layers, directions, hidden):
        """A part of the state, (K, N, H)   ->   (directions, N, H) for each layer"""
        whole = f"{name}_0"
        self.inputs.append(self.value(whole, layers * directions, "N", hidden))
        sizes = self.constant(f"{whole}_sizes", torch.tensor([directions] * layers))
        names = [f"{whole}_l{n}" for n in range(layers)]
        self.add("Split", [whole, sizes], names, axis=0)
        return names

    def layer(self, mode, x, initial, tensors, after):
        """A layer's node: x, the states before   ->   output, the states after

        tensors: W, R and, if it has biases, B, as `lstm.convert.to_onnx` gives them
        """
        n = len(self.nodes)
        given = zip("WRB", tensors, strict=False)
        given = [self.weight(f"{letter}_{n}", t) for letter, t in given]
        given += [""] * (3 - len(given))
        outputs = [f"y_{n}", *(f"{s}_{n}" for s in "hc"[: len(initial)])]
        about = {"hidden_size": tensors[1].shape[2]}
        about["direction"] = "bidirectional" if len(tensors[0]) == 2 else "forward"
        if mode == "GRU":
            about["linear_before_reset"] = int(after)
        self.add(mode, [x, *given, "", *initial], outputs, **about)
        # (L, directions, N, H) -> (L, N, directions, H) -> (L, N, directions * H)
        turned = self.add("Transpose", [outputs[0]], perm=[0, 2, 1, 3])
        flat = self.constant(f"flat_{n}", torch.tensor([0, 0, -1]))
        return self.add("Reshape", [turned, flat]), *outputs[1:]

    def finish(self, x, features, linear):
        """The output, (L, N, features), or the scores of a linear layer, (L, N, C)."""
        if linear is None:
            self.add("Identity", [x], ["output"])
            self.outputs.append(self.value("output", "L", "N", features))
            return
        matrix = self.weight("linear", linear["weight"].T)
        bias = self.weight("bias", linear["bias"])
        self.add("Add", [self.add("MatMul", [x, matrix]), bias], ["scores"])
        self.outputs.append(self.value("scores", "L", "N", len(linear["bias"])))
