# ---
# minutes: 0.3
# ---

# %% [markdown]
r"""
# Solutions to chapter 16

Try the [exercises](../16_leaving.ipynb#Exercises) first; the first one needs a pencil
only. Exercises 2, 5 and 6 run where onnx and onnxruntime are installed.
"""

# %%
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import outside
from lstm.convert import to_onnx
from lstm.studies.exporting import quiet

folder = Path(tempfile.mkdtemp())
ready = not outside.missing()
warnings.filterwarnings(
    "ignore", message="LSTM with projections is not supported with oneDNN"
)

# %% [markdown]
r"""
## Exercise 1

Keras has $z, r, h$: the reset gate's columns are the second block, 5 to 9. torch has
$r, z, n$: rows 0 to 4. ONNX has $z, r, h$: rows 5 to 9. We mark torch's reset gate with
ones and look for them.
"""

# %%
gru = nn.GRU(3, 5)
with torch.no_grad():
    gru.weight_hh_l0.zero_()
    gru.weight_hh_l0[:5] = 1
_, recurrent, _ = lstm.to_keras(gru.state_dict())
_, R, _ = to_onnx(gru.state_dict())
columns = np.flatnonzero(recurrent.all(axis=0))
rows = np.flatnonzero(R[0].numpy().all(axis=1))
print("Keras, columns", columns.tolist(), " ONNX, rows", rows.tolist())
assert columns.tolist() == rows.tolist() == [5, 6, 7, 8, 9]

# %% [markdown]
r"""
## Exercise 2

$4H(D + H + 2)$ numbers: $1024 \cdot (28 + 256 + 2) = 292{,}864$. In 32 bits 1,171,456
bytes, in 16 bits half, in 8 bits a quarter, and a few scales. What is left of the file
is the graph: names, shapes and nodes, less than 2 kB.
"""

# %%
layer = nn.LSTM(28, 256)
numbers = sum(p.numel() for p in layer.parameters())
print(f"{numbers:,} numbers; bytes:", *(f"{numbers * b // 8:,}" for b in (32, 16, 8)))
assert numbers == 4 * 256 * (28 + 256 + 2)
for half in (False, True) if ready else ():
    lstm.export_onnx(layer, folder / "layer.onnx", half)
    size = (folder / "layer.onnx").stat().st_size
    assert 0 < size - numbers * (2 if half else 4) < 2_000

# %% [markdown]
r"""
## Exercise 3

All layers of an `nn.LSTM` have the same hidden size, so 4 and 5 units need two
`nn.LSTM` in a row. Two of 5 units fit into one, by suffix.
"""


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def keras_lstm(x, weights, gate=sigmoid):
    """Keras's LSTM from a zero state.   x: (L, N, D)   ->   (L, N, H)"""
    kernel, recurrent, bias = weights
    h = c = np.zeros((x.shape[1], len(recurrent)))
    outputs = []
    for x_t in x:
        i, f, new, o = np.split(x_t @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = gate(f) * c + gate(i) * np.tanh(new)
        h = gate(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


draws = np.random.default_rng(0)
H, x = 5, draws.normal(size=(7, 2, 3))
first = [draws.normal(size=size) for size in ((3, 4 * H), (H, 4 * H), (4 * H,))]
second = [draws.normal(size=size) for size in ((H, 4 * H), (H, 4 * H), (4 * H,))]
stacked = nn.LSTM(3, H, num_layers=2).double()
state = lstm.from_keras(first) | lstm.from_keras(second, suffix="_l1")
stacked.load_state_dict(state)
wanted = keras_lstm(keras_lstm(x, first), second)
got = stacked(torch.from_numpy(x))[0].detach()
print("within 1e-12:", bool(np.abs(got.numpy() - wanted).max() < 1e-12))
assert_close(got, torch.from_numpy(wanted), rtol=0, atol=1e-12)

# %% [markdown]
r"""
## Exercise 4

The broken line meets the curve at 0, has slope 0.2 there in place of 0.25, and is quite
shut below −2.5 and quite open above 2.5, where the curve is at 0.08 and 0.92. Small
weights stay near 0, where the two are alike; larger ones do not.
"""


# %%
def hard_sigmoid(a):
    return np.clip(0.2 * a + 0.5, 0, 1)


apart = {}
for size in (0.1, 0.3, 1.0):
    weights = [size * w for w in first]
    soft, hard = (keras_lstm(x, weights, gate) for gate in (sigmoid, hard_sigmoid))
    apart[size] = np.abs(soft - hard).max()
    print(f"weights times {size}: outputs differ by up to {apart[size]:.3f}")
assert apart[0.1] < 0.01 < 0.03 < apart[1.0]

# %% [markdown]
r"""
## Exercise 5

`DynamicQuantizeLSTM` has no sister: the GRU node stays, in 32 bits, and only the linear
layer behind it is rounded. The file is hardly smaller.
"""

# %%
kinds, sizes = [], []
if ready:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model, files = lstm.LanguageModel(nn.GRU(28, 128)), [folder / n for n in "ab"]
    lstm.export_onnx(model, files[0])
    with quiet():
        quantize_dynamic(*files, weight_type=QuantType.QInt8)
    kinds = [node.op_type for node in onnx.load(files[1]).graph.node]
    sizes = [file.stat().st_size for file in files]

# %% tags=["nbval-ignore-output"]
print(*kinds, sep="\n")
print("bytes before and after:", *sizes)

# %%
#| check: >-
#|   The GRU is still there, a product of whole numbers beside it, and more than 0.9 of
#|   the bytes.
if ready:
    assert "GRU" in kinds
    assert "MatMulInteger" in kinds
    assert sizes[1] > 0.9 * sizes[0]

# %% [markdown]
r"""
## Exercise 6

The equations of `projected_lstm_step`, node by node. Without an LSTM node nothing has
to change its order: the sums are split as torch stacks them.
"""


# %%
def projected_step(layer):
    """One step of a projected LSTM: x (N, D), h (N, P), c (N, H)   ->   h, c"""
    from onnx import helper

    made, H, P = outside.Graph(), layer.hidden_size, layer.proj_size
    w = {
        name: made.weight(name, p.T if p.dim() == 2 else p)
        for name, p in layer.state_dict().items()
    }
    for name, size in (("x", layer.input_size), ("h", P), ("c", H)):
        made.inputs.append(made.value(name, "N", size))
    of_x = made.add("MatMul", ["x", w["weight_ih_l0"]])
    of_h = made.add("MatMul", ["h", w["weight_hh_l0"]])
    sums = made.add("Sum", [of_x, of_h, w["bias_ih_l0"], w["bias_hh_l0"]])
    each = made.constant("each", torch.tensor([H] * 4))
    gates = made.add("Split", [sums, each], list("ifgo"), axis=1)
    i, f, o = (made.add("Sigmoid", [gates[n]]) for n in (0, 1, 3))
    new = made.add("Mul", [i, made.add("Tanh", [gates[2]])])
    c = made.add("Add", [made.add("Mul", [f, "c"]), new], ["c_new"])
    shown = made.add("Mul", [o, made.add("Tanh", [c])])
    made.add("MatMul", [shown, w["weight_hr_l0"]], ["h_new"])
    for name, size in (("h_new", P), ("c_new", H)):
        made.outputs.append(made.value(name, "N", size))
    ends = made.inputs, made.outputs, made.weights
    graph = helper.make_graph(made.nodes, "step", *ends)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


torch.manual_seed(0)
layer, apart = nn.LSTM(3, 5, proj_size=2), None
inputs = torch.randn(30, 2, 3)
if ready:
    path = folder / "step.onnx"
    path.write_bytes(projected_step(layer).SerializeToString())
    running, h, c = outside.session(path), torch.zeros(2, 2), torch.zeros(2, 5)
    outputs = []
    for x_t in inputs:
        h, c = outside.call(running, x_t, h, c)
        outputs.append(h)
    apart = (torch.stack(outputs) - layer(inputs)[0]).abs().max().item()

# %%
#| check: >-
#|   30 steps of the file are those of nn.LSTM with a projection, within 1e-6.
assert not ready or apart < 1e-6
