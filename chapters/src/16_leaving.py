# ---
# part: Practice
# question: How does a trained LSTM leave PyTorch, for Keras or for ONNX Runtime?
# proved: >-
#   Keras's equations with our weights and torch's with Keras's; what exports to ONNX,
#   what then fails, what is the same; a file that writes letter by letter; 8 bits
# minutes: 1.5
# ---

# %% [markdown]
r"""
# 16. Leaving PyTorch

**What you will build.** Two ways out. The weights as Keras wants them, and back, both
forms of the GRU included. And an ONNX file of eight nodes that you can read, made by
hand where the exporters fail, which runs without PyTorch, for one letter at a time or
for a whole book at once.

**What you will learn.** That three libraries compute the same LSTM, with their default
activations, from weights that each lays out in its own way, and how to find out which
layout you hold. What no layout tells: a fresh layer's forget bias, and the activations.
Which recurrent layers PyTorch's two exporters can write, which of those files then
fail, and which are the same to a millionth. What half and a quarter of the bytes cost
in bits per letter.

**What you need.** Chapters 3 and 6; section 9.9 on bits helps. The training takes less
than half a minute on one processor core. Half of the chapter needs the packages onnx,
onnxscript and onnxruntime. Colab does not bring them, and the set-up cell does not
install them: without them the cells that need them say so and do nothing, and the
pictures of them are on the book's page. This line, in a cell of its own before all
others, installs the versions that made the page:

```text
%pip install onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
```

Of what is there already, pip then exchanges only what is too old for them, such as
protobuf before 6.31.1 and ml_dtypes before 0.5.4.
"""

# %%
import json
import statistics
import tempfile
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

import lstm
from lstm import LanguageModel, figures, outside, studies
from lstm.convert import ORDERS, to_onnx
from lstm.data import RandomWindows, Vocab
from lstm.figures import plt
from lstm.steps import gru_step_reset_before, scan
from lstm.studies import exporting as study

device = lstm.pick_device()
lstm.full_precision()
folder = Path(tempfile.mkdtemp())
lacking = outside.missing(study.NEEDED)
ready = not lacking  # whether the cells on ONNX can run

# %% tags=["nbval-ignore-output"]
if ready:
    print(", ".join(f"{name} {v}" for name, v in study.versions().items()))
else:
    print(f"not installed: {', '.join(lacking)}; what needs them is left out below")

# %% [markdown]
r"""
## 16.1 Three layouts

Somebody has trained an LSTM in Keras and sends you three arrays; somebody else wants
yours on a phone. Nothing needs to be trained again. The equations (1.1) to (1.8) are
the same in all three libraries by default; what differs is where the numbers lie. There
are three questions to ask of a layout: is a gate a block of **rows** or of **columns**?
In which **order** do the gates come? And has a gate one **bias** or two?

Small numbers first: one input, one unit, and the gates' input weights are 1 for $i$, 2
for $f$, 3 for the candidate ($g$ in torch, $c$ elsewhere), 4 for $o$.
"""

# %%
tiny = nn.LSTM(1, 1)
with torch.no_grad():
    tiny.weight_ih_l0[:, 0] = torch.tensor([1.0, 2, 3, 4])
kernel, *_ = lstm.to_keras(tiny.state_dict())
W, *_ = to_onnx(tiny.state_dict())
print(
    "torch, weight_ih", tuple(tiny.weight_ih_l0.shape), tiny.weight_ih_l0[:, 0].tolist()
)
print("Keras, kernel   ", kernel.shape, kernel[0].tolist())
print("ONNX,  W        ", tuple(W[0].shape), W[0, :, 0].tolist())

# %% [markdown]
r"""
Keras has torch's order and lays it on its side. ONNX keeps torch's rows and puts $o$
second. In a GRU it is the other way round: Keras and ONNX agree, $z, r, h$, and torch
begins with $r$. Colours are those of the cell's figures; the fine lines in a block run
as its rows or its columns do.
"""

# %%
#| fig-alt: >-
#|   Three rows of coloured blocks, for Keras, torch and ONNX, of an LSTM on the left
#|   and a GRU on the right. LSTM: Keras i f c o, torch i f g o, ONNX i o f c. GRU:
#|   Keras z r h, torch r z n, ONNX z r h. Lines join the same gate from row to row;
#|   they cross below torch in the LSTM, and above and below torch in the GRU.
figures.gate_orders()
plt.show()

# %% [markdown]
r"""
All that carries weights from one to the other is a change of order, and a transpose
where the blocks are columns. This is the whole of it:
"""


# %%
# lstm/convert.py
def reorder(tensor, old, new):
    """Put the blocks that are stacked on the first axis into another order: a copy.

    old, new: a letter for each block, the same letters
    """
    blocks = dict(zip(old, tensor.chunk(len(old)), strict=True))
    return torch.cat([blocks[gate] for gate in new])


# %% [markdown]
r"""
A mistake here raises no error. Every shape fits whatever the order, the network runs,
and its numbers are wrong. How wrong? We give torch's layer ONNX's order and look.
"""

# %%
torch.manual_seed(0)
layer, mixed_up = nn.LSTM(3, 5), nn.LSTM(3, 5)
wrong = {
    name: reorder(tensor, ORDERS["torch"]["LSTM"], ORDERS["ONNX"]["LSTM"])
    for name, tensor in layer.state_dict().items()
}
mixed_up.load_state_dict(wrong)
x = torch.randn(7, 2, 3)
apart = (layer(x)[0] - mixed_up(x)[0]).abs().max().item()
print(f"no error; outputs differ by up to {apart:.1f}")

# %%
#| check: >-
#|   The orders are as printed, there and back is the same, and the mixed-up layer is
#|   visibly another.
assert kernel.tolist() == [[1, 2, 3, 4]]
assert W[0, :, 0].tolist() == [1, 4, 2, 3]
back = reorder(wrong["weight_hh_l0"], ORDERS["ONNX"]["LSTM"], ORDERS["torch"]["LSTM"])
assert torch.equal(back, layer.weight_hh_l0)
assert apart > 0.05

# %% [markdown]
r"""
So a layout is never believed, it is tested: a few steps with a state, compared with
equations that are written out. That is what the rest of this chapter does.

## 16.2 Keras's LSTM, in NumPy

There is no Keras here, and none is needed. Its documentation and its source give the
equations; we write them in NumPy, gate by gate, with Keras's arrays: `kernel` $(D,
4H)$, `recurrent_kernel` $(H, 4H)$ and one `bias` $(4H)$, all in the order $i, f, c, o$.
"""


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def keras_lstm_step(x, h, c, kernel, recurrent_kernel, bias):
    """x: (N, D)   h, c: (N, H)"""
    sums = x @ kernel + h @ recurrent_kernel + bias  # (N, 4H)
    i, f, candidate, o = np.split(sums, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
    return sigmoid(o) * np.tanh(c), c


# %% [markdown]
r"""
`lstm.to_keras` takes a layer's `state_dict` and gives the list that a Keras layer's
`set_weights` takes. PyTorch adds two biases to each gate (section 3.3); Keras
has one, so the two become their sum. `lstm.from_keras` goes the other way, from
`get_weights()`, and puts zeros where the second bias would be. Both ways, in 64-bit
floats, two sequences with a state:
"""

# %%
D, H, N, L = 3, 5, 2, 7
draws = np.random.default_rng(0)


def through(step, x, state, weights):
    """Run a step of NumPy along x: (L, N, D)   ->   (L, N, H)"""
    outputs = []
    for x_t in x:
        state = step(x_t, *state, *weights)
        outputs.append(state[0])
    return np.stack(outputs)


x = draws.normal(size=(L, N, D))
h, c = draws.normal(size=(2, N, H))
start = tuple(torch.from_numpy(s)[None] for s in (h, c))

ours = nn.LSTM(D, H).double()
sent = lstm.to_keras(ours.state_dict())
with torch.no_grad():
    in_torch, _ = ours(torch.from_numpy(x), start)
sent_apart = np.abs(through(keras_lstm_step, x, (h, c), sent) - in_torch.numpy()).max()

theirs = [draws.normal(size=size) for size in ((D, 4 * H), (H, 4 * H), (4 * H,))]
received = nn.LSTM(D, H).double()
received.load_state_dict(lstm.from_keras(theirs))
with torch.no_grad():
    got, _ = received(torch.from_numpy(x), start)
got_apart = np.abs(through(keras_lstm_step, x, (h, c), theirs) - got.numpy()).max()
print("torch's weights in Keras's equations: below 1e-12", sent_apart < 1e-12)
print("Keras's weights in torch's layer:     below 1e-12", got_apart < 1e-12)

# %%
#| check: >-
#|   Both ways the outputs are the same within 1e-12, and Keras's arrays come back as
#|   they were.
assert sent_apart < 1e-12
assert got_apart < 1e-12
for a, b in zip(theirs, lstm.to_keras(received.state_dict()), strict=True):
    assert np.array_equal(a, b)

# %% [markdown]
r"""
What does *not* come back is torch's pair of biases: only their sum has a meaning, and
only it travels. A fresh Keras LSTM differs in one more thing: its forget bias is 1
(`unit_forget_bias=True`), where torch draws all biases around 0. Section 7.12 shows
what that is worth. A network that trains well in Keras and badly in torch, "with the
same settings", may differ in just that.

Layers and directions are separate in Keras, and named by a suffix in torch:
`from_keras(first) | from_keras(second, suffix="_l1")` is a `state_dict` of two layers,
and `suffix="_l0_reverse"` the other direction. `to_keras` takes one of them by its
suffix, and refuses to choose where there are several and none is named.

## 16.3 Keras's GRU, in its two forms

Section 6.3 told of the two GRUs. In one the reset gate acts after the matrix product,
in the other before it:

\begin{align*}
\text{after: } \tilde{\mathbf{H}}_t & = \tanh(\mathbf{X}_t \mathbf{W}_{xh} +
\mathbf{b}_{xh} \\
& \qquad + \mathbf{R}_t \odot (\mathbf{H}_{t-1} \mathbf{W}_{hh} +
\mathbf{b}_{hh})), \\
\text{before: } \tilde{\mathbf{H}}_t & = \tanh(\mathbf{X}_t \mathbf{W}_{xh} +
(\mathbf{R}_t \odot \mathbf{H}_{t-1}) \mathbf{W}_{hh} + \mathbf{b}_h).
\tag{16.1}
\end{align*}

`torch.nn.GRU` is the first. Keras has both: the first is its default,
`reset_after=True`, and the second is `reset_after=False`, which was the default of
Keras in TensorFlow 1. The bias tells them apart. In the first form $\mathbf{b}_{hh}$
stands inside the bracket and cannot be merged with the other, so there are two, and
Keras's `bias` is $(2, 3H)$; in the second one is enough, $(3H)$. The update gate has
the same meaning in both libraries: the new state is $\mathbf{Z}_t \odot
\mathbf{H}_{t-1} + (1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t$.
"""


# %%
def keras_gru_step(x, h, kernel, recurrent_kernel, bias):
    """x: (N, D)   h: (N, H)   bias: (2, 3H), reset after; or (3H), reset before"""
    after = bias.ndim == 2
    b_x, b_h = bias if after else (bias, 0 * bias)
    x_z, x_r, x_h = np.split(x @ kernel + b_x, 3, axis=-1)
    h_z, h_r, h_h = np.split(h @ recurrent_kernel + b_h, 3, axis=-1)
    z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
    if after:
        candidate = np.tanh(x_h + r * h_h)
    else:
        candidate = np.tanh(x_h + (r * h) @ recurrent_kernel[:, 2 * len(h[0]) :])
    return (z * h + (1 - z) * candidate,)


shapes = {True: (2, 3 * H), False: (3 * H,)}
grus = {
    after: [draws.normal(size=size) for size in ((D, 3 * H), (H, 3 * H), shape)]
    for after, shape in shapes.items()
}
wanted = {a: through(keras_gru_step, x, (h,), weights) for a, weights in grus.items()}

# %% [markdown]
r"""
The default goes into `nn.GRU`. The other form has no place in torch, and is refused,
with the way out: this package's `gru_step_reset_before` takes it.
"""

# %%
state = lstm.from_keras(grus[True])
in_torch = nn.GRU(D, H).double()
in_torch.load_state_dict(state)
with torch.no_grad():
    after, _ = in_torch(torch.from_numpy(x), start[0])

try:
    lstm.from_keras(grus[False])
except ValueError as error:
    refusal = str(error)
for line in refusal.replace(": ", ":\n").replace("; ", ";\n").split("\n"):
    print(line)

state = lstm.from_keras(grus[False], reset_after=False)
before, _ = scan(
    gru_step_reset_before, torch.from_numpy(x), start[0].unbind(), list(state.values())
)
in_torch.load_state_dict(state)  # the shapes fit: torch cannot know
with torch.no_grad():
    mistaken, _ = in_torch(torch.from_numpy(x), start[0])
for name, got, want in (
    ("reset after, nn.GRU", after, wanted[True]),
    ("reset before, our step", before, wanted[False]),
    ("reset before, nn.GRU", mistaken, wanted[False]),
):
    print(f"{name:23} within 1e-12: {np.abs(got.numpy() - want).max() < 1e-12}")

# %%
#| check: >-
#|   Each form is met within 1e-12 by its step; nn.GRU with weights of the other form is
#|   off by more than 0.05; there and back is the same.
assert_close(after, torch.from_numpy(wanted[True]), rtol=0, atol=1e-12)
assert_close(before, torch.from_numpy(wanted[False]), rtol=0, atol=1e-12)
assert np.abs(mistaken.numpy() - wanted[False]).max() > 0.05
assert "gru_step_reset_before" in refusal
for form, weights in grus.items():
    there = lstm.to_keras(lstm.from_keras(weights, form), form)
    assert all(np.array_equal(a, b) for a, b in zip(weights, there, strict=True))

# %% [markdown]
r"""
Weights of another size are refused, too, with what was given and what was expected. The
kind of layer is read off the shapes: $4H$ columns are an LSTM's, $3H$ a GRU's.
"""

# %%
kernel, recurrent, bias = theirs
for given in ([kernel, recurrent[:4], bias], [kernel, recurrent, bias[:15]], [kernel]):
    try:
        lstm.from_keras(given)
    except ValueError as error:
        print(textwrap.fill(str(error), 80))

# %% [markdown]
r"""
One thing no shape tells: the activations. All this holds for `tanh` and `sigmoid`,
Keras's defaults. In the Keras of TensorFlow 1 the gates' default was `hard_sigmoid`, a
broken line in place of the curve. Weights trained with it load without an error and
give other numbers (exercise 4 measures them).

## 16.4 What exports to ONNX

ONNX is a format for computations: a graph of nodes such as MatMul, Tanh, and also
**LSTM** and **GRU**, with the weights in it. ONNX Runtime runs such a file, from
Python, C++, Java, JavaScript, on a phone, without PyTorch.

PyTorch writes it by one of two exporters. The newer one (`dynamo=True`, the default
since 2.9) records the model by `torch.export`; the older one (`dynamo=False`) traces it
by TorchScript, and is deprecated. Whether one of them can write a recurrent layer, and
what the file then does, is a question for an experiment and not for belief. `measure`
exports a small layer with its state as an input, loads the file in ONNX Runtime, runs
it, and compares with the layer. Where the file is to take any length or any batch, it
is run at two other sizes as well.

A few of all pairs run here, live:
"""

# %%
cut_off = partial(textwrap.shorten, width=68, placeholder=" …")
live, slow = [], "torch's, dynamo"
pairs = [("LSTM", slow), ("projection", slow), ("any length", slow)]
pairs.append(("projection", "ours, dynamo"))
quick = "torch's, TorchScript", "export_onnx"
pairs += [(case, way) for way in quick for case in study.CASES]
for case, way in pairs if ready else ():
    live.append({"case": case, "way": way} | study.measure(case, way))

# %% tags=["nbval-ignore-output"]
for row in live[:4]:
    outcome = study.OUTCOMES[row["outcome"]]
    print(f"{row['case']}; {row['way']}: {outcome}; {row['nodes']} nodes")
    if row["why"]:
        why = textwrap.shorten(row["why"], 165, placeholder=" …")
        print(textwrap.indent(textwrap.fill(why, 84), "    "))

# %%
#| fold: >-
#|   The whole grid: the committed study, and what ran here.
committed = studies.load("exporting")
print(studies.about("exporting"))
about = committed[0]["versions"]
print(", ".join(f"{name} {about[name]}" for name in study.NEEDED))
grid = {(row["case"], row["way"]): row["outcome"] for row in committed}

# %%
#| fig-alt: >-
#|   A grid of ten cases by five ways. torch's layer by dynamo: green, the same, but for
#|   projection and three cases of any length, orange, written and then failing. By
#|   TorchScript: all green but projection, grey, not written. Our layer, by both:
#|   green, with projection, but for any length, orange. export_onnx: all green but
#|   projection, which is grey.
figures.verdicts(list(study.CASES), list(study.WAYS), grid, study.OUTCOMES)
plt.show()

# %%
#| check: >-
#|   What ran here came out as in the study, where the versions are the study's; and
#|   export_onnx is the same as torch in every case but projection, which it refuses.
for row in live:
    if row["versions"] == about:
        assert row["outcome"] == grid[row["case"], row["way"]], row
        if (row["case"], row["way"]) == ("any length", "torch's, dynamo"):
            assert "Reshape node" in row["why"] or "Expected: 3" in row["why"], row
    if row["way"] == "export_onnx":
        assert row["outcome"] == ("refused" if row["case"] == "projection" else "same")

# %%
#| check: >-
#|   All fifty outcomes of the study are as the picture's columns are read below, and
#|   what is the same is within 1e-6; the nodes are as many as is said there.
columns = {
    "torch's, dynamo": {"projection": "fails", "any length": "fails"},
    "torch's, TorchScript": {"projection": "refused"},
    "ours, dynamo": {"any length": "fails"},
    "ours, TorchScript": {"any length": "fails"},
    "export_onnx": {"projection": "refused"},
}
assert len(committed) == len(grid) == len(study.CASES) * len(study.WAYS) == 50
for row in committed:
    kind = row["case"].split(",")[0]  # "any length" of whatever layer
    assert row["outcome"] == columns[row["way"]].get(kind, "same"), row
    assert (row["apart"] is not None) == (row["outcome"] == "same"), row
    assert row["apart"] is None or row["apart"] < 1e-6, row
nodes = {(row["case"], row["way"]): row["nodes"] for row in committed}
assert [nodes["LSTM", way] for way in columns] == [5, 3, 52, 120, 8]
assert [nodes["one step", way] for way in columns] == [5, 3, 20, 48, 8]
dynamo = [row for row in committed if row["way"] == "torch's, dynamo"]
failing = [row for row in dynamo if row["case"].startswith("any length")]
assert len(failing) == 3
assert all("Reshape node" in row["why"] for row in failing)

# %% [markdown]
r"""
Read it by columns.

- **torch's layer by dynamo** becomes real LSTM and GRU nodes, one for each layer, and
  is the same wherever lengths are fixed, with any batch, too. A projection is written
  as an LSTM node that does not know it, and fails at its first step: the node wants the
  cell as short as the hidden state. And where any length was asked for, the export
  ends well, and the file fails when the first sequence of 7 steps comes. In the study
  it was a Reshape node inside that failed; above, where other exports came before in
  the same process, the input itself is fixed at the example's 3 steps. That is the
  dangerous kind: at the example's own length all is well.
- **torch's layer by TorchScript** is right everywhere but for the projection, which it
  refuses in plain words. Of the two, the deprecated one can do more.
- **Ours** is Python, so either exporter unrolls it, step after step: 52 nodes for 3
  steps and 20 for one by dynamo, 120 and 48 by TorchScript. It needs no LSTM node, and
  so the projection works, at the length at which it was exported. No other length is
  taken: it fails, but at once and loudly.
- **`export_onnx`** is ours, and the subject of the next section.

For one step with a state every column is green. Whoever streams needs no free length at
all (section 16.6).

It follows that an export is not done when it is written. It is done when the file has
been loaded, run at a length, a batch and a state other than the example's, and
compared.

## 16.5 Eight nodes by hand

Now that we know ONNX's layout, we need no exporter. The LSTM node takes a sequence of
any length and a batch of any size, the weights W, R and B as `to_onnx` lays them out,
and the state; it gives all hidden states and the last $\mathbf{H}$ and $\mathbf{C}$.
Its output has one axis more than torch's, for the directions, so a transpose and a
reshape follow. This is the method that adds one layer to a graph; `add` adds a node and
returns the name of its output, `weight` adds a tensor and returns its name.
"""


# %%
# lstm/outside/graphs.py, class Graph
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


# %% [markdown]
r"""
(The empty name between the weights and the state is where lengths of a padded batch
could go. `linear_before_reset` is ONNX's word for the reset after the product, and it
has the other form, too: the notes' GRU, which torch cannot hold, goes out by this way.)

`lstm.export_onnx` makes the whole graph of a layer, or of a language model with its
one-hot vectors in front and its linear layer behind. It writes the file under another
name, runs it in ONNX Runtime, on a passage (in which every symbol of the model occurs,
if they are 576 at most) and then on one step more with the state that came out,
compares with the model, and only then puts the file in its place. It returns the
largest difference.
"""

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
path = folder / "layer.onnx"
two_layers = nn.LSTM(3, 5, num_layers=2)
if ready:
    difference = lstm.export_onnx(two_layers, path)
    running = outside.session(path)
    print(f"within {difference:.0e} of torch; the file takes and gives")
    for described in (*running.get_inputs(), *running.get_outputs()):
        print(f"    {described.name:8}{described.shape}")

# %%
#| check: >-
#|   The one file is right at every length and batch that is tried, within 1e-6.
for length, batch in ((1, 1), (7, 2), (50, 3)) if ready else ():
    inputs, states = torch.randn(length, batch, 3), torch.randn(2, 2, batch, 5)
    with torch.no_grad():
        output, (h_n, c_n) = two_layers(inputs, tuple(states))
    found = outside.call(running, inputs, *states)
    for got, want in zip(found, (output, h_n, c_n), strict=True):
        assert (got - want).abs().max() < 1e-6

# %% [markdown]
r"""
Letters in the shapes are what the file leaves free. What cannot be done is said before
anything is written:
"""

# %% tags=["nbval-ignore-output"]
attempts = [
    (two_layers, folder / "nowhere" / "layer.onnx"),
    (two_layers, folder),
    (nn.LSTM(3, 5, proj_size=2), path),
    (nn.Linear(3, 5), path),
]
said = []
for model, place in attempts if ready else ():
    try:
        lstm.export_onnx(model, place)
    except (OSError, ValueError, TypeError) as error:
        said.append(str(error).replace(str(folder), "FOLDER"))
        print(f"{type(error).__name__}: {cut_off(said[-1])}")

# %%
#| check: >-
#|   All four are refused, and the folder holds nothing but the one good file.
if ready:
    assert len(said) == 4
    assert "nowhere is no folder" in said[0]
    assert [file.name for file in folder.iterdir()] == ["layer.onnx"]

# %% [markdown]
r"""
## 16.6 Letter by letter

For a keyboard that suggests the next letter, no sequence is there beforehand. One
letter comes, and the state is all that is left of the others. The same file does that
at $L = 1$: what came out as `h_n` and `c_n` goes in again as `h_0` and `c_0`. We train
a small language model, LSTM of 128 units, for 500 updates on the first nine tenths of
the book, and keep the last tenth to measure on.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()
real = lstm.data.find_text() != lstm.data.text.EMBEDDED
vocab, cut = Vocab(text), int(0.9 * len(text))
symbols = vocab.encode(text)
torch.manual_seed(0)
writer = LanguageModel(nn.LSTM(len(vocab), 128)).to(device)
batches = RandomWindows(symbols[:cut], size=32, length=64)
_ = lstm.fit(writer, batches, lstm.TrainConfig(steps=500, lr=1e-2))
writer = writer.cpu().eval()
held_out = symbols[cut:][:, None]  # (L, 1): a batch of one

# %%
path = folder / "writer.onnx"
zeros = [torch.zeros(1, 1, 128)] * 2
if ready:
    about_it = {"symbols": json.dumps(vocab.symbols)}
    difference = lstm.export_onnx(writer, path, about=about_it)
    running = outside.session(path)
    at_once, *last = outside.call(running, held_out[:2_000], *zeros)
    state, one_by_one = zeros, []
    for symbol in held_out[:2_000]:
        scores, *state = outside.call(running, symbol[None], *state)
        one_by_one.append(scores)
    one_by_one = torch.cat(one_by_one)

# %% [markdown]
r"""
Then it writes. The vocabulary travels in the file's metadata, so the loop needs nothing
of ours but `call`, which turns tensors into arrays and back:
"""


# %%
def write(running, prefix, length):
    """Continue a text by a file alone, with the likeliest letter each time."""
    kept = running.get_modelmeta().custom_metadata_map
    letters, text, state = json.loads(kept["symbols"]), prefix, zeros
    for n in range(len(prefix) + length - 1):
        symbol = torch.tensor([[letters.index(text[n])]])
        scores, *state = outside.call(running, symbol, *state)
        if n >= len(prefix) - 1:
            text += letters[1 + int(scores[0, 0, 1:].argmax())]  # 0: unknown
    return text


# %% tags=["nbval-ignore-output"]
if ready:
    written = write(running, "the time ", 60)
    print(f"file   {written}")
    print(f"torch  {lstm.generate(writer, vocab, 'the time ', 60)}")
    print(f"letter by letter, 2,000 letters: {(at_once - one_by_one).abs().max():.0e}")

# %%
#| check: >-
#|   2,000 letters one by one give the scores and the state of all at once, within 1e-4
#|   of scores that go beyond 2; both are the model's; file and model write the same.
if ready:
    with torch.no_grad():
        wanted_scores, _ = writer.step(held_out[:2_000].T)
    assert at_once.abs().max() > 2
    assert (at_once - one_by_one).abs().max() < 1e-4
    assert (at_once.transpose(0, 1) - wanted_scores).abs().max() < 1e-4
    assert all((a - b).abs().max() < 1e-4 for a, b in zip(state, last, strict=True))
    assert written == lstm.generate(writer, vocab, "the time ", 60)

# %% [markdown]
r"""
The state is all there is: cut anywhere, the run goes on as if nothing had been, within
1e-4 of scores that go beyond 2. In a terminal, for a run of `lstm train text`, it is
one line: `lstm export-onnx RUN --output model.onnx`.

## 16.7 Fewer bits

Nearly all of the file is weights, 4 bytes each. Two ways to save bytes are common.
**Half**: 16-bit floats, about three decimal digits; `half=True` writes them, with a
node that makes 32 bits of them again when the file is loaded. **8 bits**: whole numbers
from −127 to 127 and a scale,

$$
q = \operatorname{round}(w / s), \qquad s = \max |w| / 127, \tag{16.2}
$$

so that $w$ comes back as $qs$, off by at most $s/2$. That is called quantization. By
hand: of the weights 1.27, −0.5 and 0.004 the scale is 0.01, the numbers are 127, −50
and 0, and what comes back is 1.27, −0.5 and 0. Large weights survive and small ones
vanish. Does that matter? We round the trained weights to $b$ bits, $2^{b-1} - 1$ in
place of 127, one scale for each tensor, and measure the held-out tenth in bits per
letter.
"""


# %%
def round_to(weights, bits):
    """By (16.2), with one scale: what comes back."""
    most = 2 ** (bits - 1) - 1
    scale = weights.abs().max() / most
    return (weights / scale).round() * scale


@torch.no_grad()
def bits_per_letter(model):
    """Of the held-out letters, read as one stream."""
    scores, _ = model.step(held_out[:-1].T)
    loss = cross_entropy(scores[0], held_out[1:, 0])
    return loss.item() / np.log(2)


print([round(v, 3) for v in round_to(torch.tensor([1.27, -0.5, 0.004]), 8).tolist()])
whole = bits_per_letter(writer)
widths, kept = range(2, 11), {n: p.clone() for n, p in writer.state_dict().items()}
rounded = []
for bits in widths:
    writer.load_state_dict({n: round_to(p, bits) for n, p in kept.items()})
    rounded.append(bits_per_letter(writer))
_ = writer.load_state_dict(kept)

# %%
#| fig-alt: >-
#|   Bits per letter on held-out text against the bits of a weight, 2 to 10, with a
#|   level for 32-bit weights. From 10 down to 6 bits the curve lies on the level; at 4
#|   it has left it, and at 2 and 3 it stands far above.
axes = "bits of a weight", "bits per letter, held out"
levels = {"32-bit weights": whole}
figures.lines({"LSTM": rounded}, *axes, x=list(widths), levels=levels, height=3.2)
plt.show()

# %% tags=["nbval-ignore-output"]
print(f"32 bits: {whole:.3f} bits per letter")
pairs = zip(widths, rounded, strict=True)
told = ", ".join(f"{b}: {value - whole:+.3f}" for b, value in pairs)
print(textwrap.fill(told, 80))

# %%
#| check: >-
#|   At 8 bits a weight and more, rounding costs less than 0.02 bits per letter; at 2
#|   bits more than half a bit.
assert all(v - whole < 0.02 for b, v in zip(widths, rounded, strict=True) if b >= 8)
assert rounded[0] - whole > 0.5

# %% [markdown]
r"""
Eight bits are enough here, with room to spare. That is arithmetic on rounded weights;
to save time as well, a runtime must *calculate* in 8 bits. ONNX Runtime's
`quantize_dynamic` rewrites a file so: weights are rounded once, the inputs of each
product at every step, by a scale found on the fly, and the products are of whole
numbers. Our LSTM node becomes a `DynamicQuantizeLSTM`, ONNX Runtime's own.
"""

# %% tags=["nbval-ignore-output"]
files = {"32 bits": path}
if ready:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    files |= {"16 bits": folder / "half.onnx", "8 bits": folder / "eight.onnx"}
    lstm.export_onnx(writer, files["16 bits"], half=True)
    with study.quiet():
        quantize_dynamic(path, files["8 bits"], weight_type=QuantType.QInt8)

# %% [markdown]
r"""
Three files of the same model, each measured on all held-out letters in ONNX Runtime,
and at one step of one letter, in turns, on one thread:
"""


# %%
def measured(file, steps=300):
    """Bytes, bits per letter, and the time of each of some single steps."""
    running = outside.session(file)
    scores, *_ = outside.call(running, held_out[:-1], *zeros)
    loss = cross_entropy(scores[:, 0], held_out[1:, 0]).item()
    state, times = zeros, []
    for symbol in held_out[:steps]:
        start = time.perf_counter()
        _, *state = outside.call(running, symbol[None], *state)
        times.append(time.perf_counter() - start)
    return file.stat().st_size, loss / np.log(2), statistics.median(times)


found = {}
if ready:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what ONNX Runtime is given, too
    turns = [{name: measured(file) for name, file in files.items()} for _ in range(3)]
    torch.set_num_threads(threads)
    for name in files:
        sizes, losses, times = zip(*(turn[name] for turn in turns), strict=True)
        found[name] = sizes[0], losses[0], statistics.median(times)

# %% tags=["nbval-ignore-output"]
rows = []
for name, (size, loss, seconds) in found.items():
    cost, speed = loss - found["32 bits"][1], found["32 bits"][2] / seconds
    rows.append(
        (name, f"{size / 1000:.0f}", f"{loss:.3f}", f"{cost:+.4f}", f"{speed:.1f}")
    )
lstm.Table(("weights", "kB", "bits per letter", "cost", "speed of a step"), rows)

# %%
#| check: >-
#|   16 bits are 0.51 of the bytes and cost less than 0.001 bits per letter; 8 bits are
#|   under 0.29 of the bytes and cost less than 0.03.
if ready:
    size, loss, _ = found["32 bits"]
    assert abs(loss - whole) < 1e-3
    assert 0.50 < found["16 bits"][0] / size < 0.52
    assert abs(found["16 bits"][1] - loss) < 0.001
    assert found["8 bits"][0] / size < 0.29
    assert found["8 bits"][1] - loss < 0.03

# %% [markdown]
r"""
Half the bytes cost nothing that can be measured here, a quarter very little. (The
speeds are of this machine, this size and a batch of one, where calling ONNX Runtime
costs a good part of the time. They are shown, and nothing is concluded.) A GRU is left
as it is by `quantize_dynamic`: there is no such node for it (exercise 5).

## 16.8 What this chapter does not show

- **Other versions.** The grid is of the versions above it. Exporters change from
  release to release, in both directions. The cells are there to be run again.
- **Keras itself.** No Keras ran here. The equations are those of its documentation and
  its source, with its default activations. Masking, `recurrent_dropout` and
  `stateful` are no matter of weights, and must be set again by hand.
- **Padded batches.** ONNX's node takes lengths; `export_onnx` does not pass them on.
- **Other runtimes.** The file has been run by ONNX Runtime on a CPU. Browsers and
  phones have their own builds, and not every build has every node.
- **That 8 bits are always enough.** One model, one text, 500 updates, no seeds. A model
  with a few very large weights rounds worse, since they set the scale.

## Summary

- A layout is three answers: rows or columns, which order, one bias or two. LSTM: torch
  $i, f, g, o$, Keras $i, f, c, o$ on its side, ONNX $i, o, f, c$. GRU: torch $r, z, n$,
  Keras and ONNX $z, r, h$. The wrong one raises nothing.
- `lstm.from_keras` and `lstm.to_keras` carry weights both ways, equal to Keras's
  equations within $10^{-12}$. A bias of $(3H)$ is the GRU that resets before the
  product: torch has no place for it, `gru_step_reset_before` has.
- Of torch's exporters the new one is right at fixed lengths and writes files that then
  fail for any length and for projections; the deprecated one takes any length and
  refuses projections. Our layer unrolls, projection included. A file is to be run at
  another size than it was made at before it is believed.
- The graph by hand takes every length and batch, and the state in and out. So one file
  reads a book at once or letter by letter, and writes what the model writes.
- 16-bit weights halve the file for nothing; 8 bits quarter it for little.

## Exercises

1. *(easy)* In Keras's `recurrent_kernel` of a GRU with $H = 5$, which columns are the
   reset gate's? Which rows of torch's `weight_hh_l0`, and of ONNX's R? Check it.
   ([solution](solutions/16_leaving.ipynb#Exercise-1))
2. *(easy)* How many bytes of weights has an `nn.LSTM(28, 256)` in 32, 16 and 8 bits?
   Give the formula; then export the layer and see what is not weights.
   ([solution](solutions/16_leaving.ipynb#Exercise-2))
3. *(medium)* Two Keras layers above one another, of 4 and 5 units: why can no
   `nn.LSTM(..., num_layers=2)` hold them? And two of 5 units? Load those, and compare
   with NumPy. ([solution](solutions/16_leaving.ipynb#Exercise-3))
4. *(medium)* The `hard_sigmoid` of TensorFlow 1 is $\min(1, \max(0, 0.2a + 0.5))$. By
   how much do an LSTM's outputs change if it stands in for the sigmoid? Try weights of
   several sizes. ([solution](solutions/16_leaving.ipynb#Exercise-4))
5. *(medium)* Quantize a GRU's file by `quantize_dynamic`, and list the nodes of the
   result. What was rounded, and what was not?
   ([solution](solutions/16_leaving.ipynb#Exercise-5))
6. *(hard)* ONNX's LSTM node has no projection. Write the graph of *one step* of a
   projected LSTM, from MatMul, Split, Sigmoid, Tanh and Mul, with `outside.Graph`. Run
   it letter by letter: you have any length, where both exporters gave up.
   ([solution](solutions/16_leaving.ipynb#Exercise-6))

## Further reading

- ONNX's [operators](https://onnx.ai/onnx/operators/), LSTM and GRU: equations, inputs,
  the order of the gates.
- Keras's documentation of
  [LSTM](https://keras.io/api/layers/recurrent_layers/lstm/) and
  [GRU](https://keras.io/api/layers/recurrent_layers/gru/).
- PyTorch's [torch.onnx](https://docs.pytorch.org/docs/stable/onnx.html), and ONNX
  Runtime on
  [quantization](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""
