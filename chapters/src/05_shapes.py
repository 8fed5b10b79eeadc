# ---
# part: Understand
# question: Which axis is which?
# proved: every shape, over 80 combinations of arguments
# minutes: 0.2
# ---

# %% [markdown]
r"""
# 5. Every shape of `nn.LSTM`

**What you will build.** A calculator that gives the shape of every tensor of
`torch.nn.LSTM` by arithmetic, and agrees with PyTorch over 80 combinations of its
arguments.

**What you will learn.** What each constructor argument does. What the axes mean, and
which label is easily wrong. How sequences of different lengths share a batch, and where
their last valid output lies. What dropout and projection do, exactly. And, in the last
section, the tensor operations that hand-written models use.

**What you need.** Chapters 1 to 4. Nothing is trained here; the chapter runs in
seconds. Its first section, the cheat sheet, can be used without the rest.
"""

# %%
import textwrap
import warnings
from inspect import signature
from itertools import product

import torch
from torch import nn
from torch.nn.functional import dropout, linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.testing import assert_close

import lstm
from lstm import figures
from lstm.steps import lstm_step
from lstm.figures import plt
from lstm.shapes import GATES, both, check, shape  # for the quoted cell of 5.3


def gap(one, two):
    """The largest difference between two tensors."""
    return (one - two).abs().max().item()


# %% [markdown]
r"""
## 5.1 The cheat sheet

**Letters.** $L$ steps, $N$ sequences in a batch, $D$ input features, $H$ hidden units,
$P$ projection, $K$ = layers × directions. (PyTorch's documentation says $H_{in}$ for
$D$, $H_{cell}$ for $H$, and `D*num_layers` for $K$; its $D$ is the number of
directions.)

| argument | default | what it does |
|---|---|---|
| `input_size` | | $D$ |
| `hidden_size` | | $H$ |
| `num_layers` | 1 | layers above one another; each reads the hidden states of the one below |
| `bias` | True | whether `bias_ih` and `bias_hh` exist |
| `batch_first` | False | input and output as $(N, L, \cdot)$; the states do not change |
| `dropout` | 0.0 | probability with which each feature is set to zero between layers, in training |
| `bidirectional` | False | a second LSTM in each layer, from the end to the start |
| `proj_size` | 0 | $P$: the hidden state is projected to fewer features; 0 for no projection |
| `device`, `dtype` | None | where the parameters live, and in which number format |

`output, (h_n, c_n) = layer(input, (h_0, c_0))`. The state may be left out: zeros.

| tensor | default | `batch_first=True` | without a batch | what it holds |
|---|---|---|---|---|
| `input` | $(L, N, D)$ | $(N, L, D)$ | $(L, D)$ | |
| `output` | $(L, N, H)$ | $(N, L, H)$ | $(L, H)$ | $\mathbf{H}_t$ of the last layer, every step; two directions: $2H$, forward then reverse |
| `h_0`, `h_n` | $(K, N, H)$ | $(K, N, H)$ | $(K, H)$ | $\mathbf{H}_t$ of every layer, before the first step, after the last |
| `c_0`, `c_n` | $(K, N, H)$ | $(K, N, H)$ | $(K, H)$ | $\mathbf{C}_t$, likewise |

With a projection, $P$ stands for $H$ in `output`, `h_0` and `h_n`. The parameters:
`weight_ih_l0` $(4H, D)$ (in higher layers: $(4H, H)$, or $2H$ columns), `weight_hh_l0`
$(4H, H)$, `bias_ih_l0` and `bias_hh_l0` $(4H)$; the $4H$ rows are the gates $i, f, g,
o$. `_l1` is the second layer, `_reverse` the second direction.

| trap | what happens | instead | section |
|---|---|---|---|
| an input of two axes, $(N, D)$ | taken for one sequence, $(L, D)$; no error | give it a time axis: `x[None]` | 5.5 |
| `batch_first=True` and a state $(N, K, H)$ | refused, or accepted where $N = K$ | states are $(K, N, H)$ always | 5.5 |
| `reshape` to swap two axes | mixes the sequences; no error | `transpose(0, 1)` | 5.5 |
| `output[-1]` with two directions | the reverse half has read one step only; no error | `h_n[-2]` and `h_n[-1]` | 5.6 |
| padding without packing | the layer reads it; `h_n` is the state behind it; no error | pack, or index `lengths - 1` | 5.9 |
| `dropout` with one layer | a warning, and no dropout | `nn.Dropout` behind it | 5.7 |
| forget bias 1 in `bias_ih` and `bias_hh` | they add: it is 2 | set one, leave 0 in the other | 5.2 |
| a carried state without `detach` | the second `backward` is refused | detach between passages | 5.2 |
"""

# %%
#| check: >-
#|   The arguments with their defaults, and the parameters, are as the sheet says.
_, *arguments = signature(nn.RNNBase).parameters.values()  # the first: LSTM or GRU
defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
defaults |= {"bidirectional": False, "proj_size": 0}
names = ["input_size", "hidden_size", *defaults, "device", "dtype"]
assert [a.name for a in arguments] == names
assert {a.name: a.default for a in arguments if a.name in defaults} == defaults
plain = nn.LSTM(10, 20, device="cpu", dtype=torch.float64)
assert {name: getattr(plain, name) for name in defaults} == defaults
formats = {(p.dtype, p.device.type) for p in plain.parameters()}
assert formats == {(torch.float64, "cpu")}

two = nn.LSTM(10, 20, num_layers=2, bidirectional=True)
sizes = {name: tuple(p.shape) for name, p in two.named_parameters()}
assert sizes["weight_ih_l0"] == (80, 10)
assert sizes["weight_hh_l0"] == (80, 20)
assert sizes["bias_ih_l0"] == sizes["bias_hh_l0"] == (80,)
assert sizes["weight_ih_l1"] == sizes["weight_ih_l1_reverse"] == (80, 40)
assert nn.LSTM(10, 20, num_layers=2).weight_ih_l1.shape == (80, 20)


# %%
#| check: >-
#|   The shapes are as the sheet says, in three layouts, with two directions, projected.
def shapes_are(axes, K, features, shown, **arguments):
    """axes: of the input, before its features; K: states; shown: h's features."""
    N = axes[1:] if not arguments.get("batch_first") else axes[:1]
    output, (h, c) = nn.LSTM(10, 20, **arguments)(torch.zeros(*axes, 10))
    assert output.shape == (*axes, features)
    assert h.shape == (K, *N, shown)
    assert c.shape == (K, *N, 20)


warnings.filterwarnings(
    "ignore", message="LSTM with projections is not supported with oneDNN"
)
shapes_are((5, 8), 1, 20, 20)
shapes_are((8, 5), 1, 20, 20, batch_first=True)
shapes_are((5,), 1, 20, 20)
shapes_are((5, 8), 6, 40, 20, num_layers=3, bidirectional=True)
shapes_are((5, 8), 1, 3, 3, proj_size=3)

# %% [markdown]
r"""
## 5.2 Recipes

**Initialise**, and open the forget gates. Any function of `nn.init` will do for the
weights. The forget gate's rows are the second block of $H$.
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(10, 20, num_layers=2)
with torch.no_grad():
    for name, p in layer.named_parameters():
        p.zero_() if "bias" in name else nn.init.orthogonal_(p)
        if "bias_ih" in name:  # bias_hh stays 0: the two are added
            p[layer.hidden_size : 2 * layer.hidden_size] = 1
b = (layer.bias_ih_l0 + layer.bias_hh_l0).detach()
print("bias of unit 0 in i, f, g, o:", b.view(4, 20)[:, 0].tolist())

# %% [markdown]
r"""
**Carry** the state from passage to passage, **detach** it so that gradients end at the
passage, **clip** the gradient before the optimiser's step.
"""

# %%
text = torch.randn(15, 8, 10)  # (L, N, D): three passages of 5 steps
optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
state = None  # zeros
for passage in text.split(5):
    output, state = layer(passage, state)  # carry
    state = tuple(s.detach() for s in state)  # values go on, gradients end here
    optimizer.zero_grad()
    output.square().sum().backward()
    norm = nn.utils.clip_grad_norm_(layer.parameters(), max_norm=1.0)
    optimizer.step()
    print(f"norm of the gradient: {norm:.1f}, clipped to 1")

# %% [markdown]
r"""
**Reset**: `None` for the whole batch. For single sequences, where one text has ended
and another begins, fill their part with zeros. Here those are sequences 0 and 3.
"""

# %%
begins = torch.zeros(8, dtype=torch.bool)
begins[[0, 3]] = True
state = tuple(s.masked_fill(begins[:, None], 0.0) for s in state)  # (K, N, H)
largest = state[0].abs().amax(dim=(0, 2))
print("largest |h| of each sequence:", *(f"{value:.2f}" for value in largest))

# %% [markdown]
r"""
**Pack** sequences of different lengths, in any order, and unpack the output.
"""

# %%
sequences = [torch.randn(length, 10) for length in (2, 5, 3)]
lengths = torch.tensor([len(s) for s in sequences])  # stays on the CPU
padded = pad_sequence(sequences)  # (L, N, D)
packed = pack_padded_sequence(padded, lengths, enforce_sorted=False)
packed_output, (h_n, c_n) = layer(packed)
output, _ = pad_packed_sequence(packed_output)  # (L, N, H), zeros behind the ends

# %% [markdown]
r"""
**The last state**, for a classifier: of the last layer, for one direction and for two.
"""

# %%
last = h_n[-1]  # (N, H)
last_valid = output[lengths - 1, torch.arange(3)]  # the same, from the output
two = nn.LSTM(10, 20, bidirectional=True)
h_two = two(text)[1][0]
last_of_both = torch.cat([h_two[-2], h_two[-1]], dim=-1)  # (N, 2H)
print(tuple(last.shape), tuple(last_valid.shape), tuple(last_of_both.shape))

# %%
#| check: >-
#|   The recipes: the gradient is clipped, the state carried and reset, padding unread.
assert norm > 1
clipped = torch.stack([p.grad.norm() for p in layer.parameters()]).norm()
assert_close(clipped, torch.tensor(1.0), rtol=1e-4, atol=0)
by_parts, carried = [], None
for passage in text.split(5):
    out, carried = layer(passage, carried)
    by_parts.append(out)
assert_close((torch.cat(by_parts), carried), layer(text))
assert torch.equal(layer(text, None)[0], layer(text)[0])
assert all((s[:, begins] == 0).all() and (s[:, ~begins] != 0).all() for s in state)
for n, sequence in enumerate(sequences):
    assert_close(last[n], layer(sequence)[1][0][-1])
assert_close(last_valid, last)
output_two = two(text)[0]
assert torch.equal(last_of_both[:, :20], output_two[-1, :, :20])
assert torch.equal(last_of_both[:, 20:], output_two[0, :, 20:])

# %%
#| check: >-
#|   The traps that have no section of their own, one by one.
square = nn.LSTM(10, 20, num_layers=2, batch_first=True)  # K = 2
for N, wanted in ((8, "refused"), (2, "accepted")):
    try:
        square(torch.zeros(N, 5, 10), 2 * (torch.zeros(N, 2, 20),))
        assert wanted == "accepted"
    except RuntimeError:
        assert wanted == "refused"

last_step_alone = two(text[-1:])[0][0, :, 20:]  # the reverse half, at the last step,
assert_close(output_two[-1, :, 20:], last_step_alone)  # has read that step only

fresh = nn.LSTM(1, 1)
with torch.no_grad():
    for p in fresh.parameters():
        p.zero_()
    fresh.bias_ih_l0[1] = fresh.bias_hh_l0[1] = 1
one = torch.ones(1, 1, 1)
_, (_, kept) = fresh(one, (one, one))
assert_close(kept, (2 * one).sigmoid())  # the forget gate of a bias of 2

refusal, carried = "", None
try:
    for passage in text.split(5):  # no detach
        out, carried = layer(passage, carried)
        out.sum().backward()
except RuntimeError as error:
    refusal = str(error)
assert "backward through the graph a second time" in refusal

# %% [markdown]
r"""
## 5.3 One table

For any arguments, `lstm.shapes.table` lists every tensor: its axes in letters, its
shape, its number of elements. Here a layer with two layers and two directions, on 8
sequences of 5 steps:
"""

# %%
lstm.shapes.table(10, 20, num_layers=2, bidirectional=True, length=5, batch=8)

# %% [markdown]
r"""
(In a terminal,
`python -m lstm shapes LSTM --input-size 10 --hidden-size 20 --num-layers 2` with
`--bidirectional` prints the same.) PyTorch counts layers from 0, so `_l1` is the
second. Read its `weight_ih_l1`: its input is both directions of the layer below, hence
$2H$ columns. `4H` rows are the four gates of chapter 3. $K = 2 \cdot 2$ states are
stacked.

On the book's pages the same for arguments of your choice:

<div class="interactive" data-figure="shapes"></div>

How does it know? By arithmetic only; there is no tensor in this function. (`kind` is
for chapter 6: a GRU has three blocks of $H$ rows where an LSTM has four.)
"""


# %%
# lstm/shapes.py
def parameters(
    input_size,
    hidden_size,
    num_layers=1,
    bias=True,
    batch_first=False,
    dropout=0.0,
    bidirectional=False,
    proj_size=0,
    *,
    kind="LSTM",
):
    """Return the `Shape` of every parameter, in torch's order; errors are torch's, too.

    batch_first and dropout change no parameter: one set of arguments fits everywhere.
    kind: "LSTM", "GRU" or "RNN"; only an LSTM takes proj_size.
    """
    sizes = input_size, hidden_size, num_layers
    check(kind, *sizes, bias, batch_first, dropout, proj_size)
    gates = (f"{GATES[kind]}H" if GATES[kind] > 1 else "H", GATES[kind] * hidden_size)
    recurrent = ("P", proj_size) if proj_size else ("H", hidden_size)
    shapes = []
    for layer in range(num_layers):
        columns = ("D", input_size) if layer == 0 else both(recurrent, bidirectional)
        for suffix in ("", "_reverse") if bidirectional else ("",):
            end = f"_l{layer}{suffix}"
            shapes.append(shape("weight_ih" + end, gates, columns))
            shapes.append(shape("weight_hh" + end, gates, recurrent))
            if bias:
                shapes.append(shape("bias_ih" + end, gates))
                shapes.append(shape("bias_hh" + end, gates))
            if proj_size:
                shapes.append(shape("weight_hr" + end, recurrent, ("H", hidden_size)))
    return shapes


# %% [markdown]
r"""
Now the proof. We build every combination of these arguments, with and without a batch
axis, run PyTorch's layer, and compare names, order, shapes and the parameter count.
(Section 5.7 says why one layer is not combined with dropout. PyTorch also says once
that projections do not use Intel's fast library; the checks switch that message off.)
"""

# %%
options = {
    "num_layers": (1, 2, 3),
    "bias": (True, False),
    "batch_first": (True, False),
    "dropout": (0.0, 0.5),
    "bidirectional": (True, False),
    "proj_size": (0, 3),
}
combinations = [
    dict(zip(options, values, strict=True)) for values in product(*options.values())
]
combinations = [c for c in combinations if not (c["dropout"] and c["num_layers"] == 1)]
print(len(combinations), "combinations, each with a batch axis and without")


# %%
#| check: >-
#|   For all of them the table agrees with PyTorch: names, order, shapes, numbers of
#|   parameters.
def agrees(batch, **arguments):
    layer = nn.LSTM(10, 20, **arguments)
    predicted = {
        s.name: s.sizes
        for s in lstm.shapes.tensors(10, 20, **arguments, length=5, batch=batch)
    }
    output, (h_n, c_n) = layer(torch.zeros(predicted["input"]))
    found = {"output": output.shape, "h_n": h_n.shape, "c_n": c_n.shape}
    assert found.items() <= predicted.items()
    start = torch.zeros(predicted["h_0"]), torch.zeros(predicted["c_0"])
    layer(torch.zeros(predicted["input"]), start)
    expected = [(s.name, s.sizes) for s in parameters(10, 20, **arguments)]
    assert expected == [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
    numbers = sum(p.numel() for p in layer.parameters())
    assert lstm.shapes.count(10, 20, **arguments) == numbers


for batch in (8, None):
    for arguments in combinations:
        agrees(batch, **arguments)
print(2 * len(combinations), "layers, all as predicted")

# %% [markdown]
r"""
## 5.4 What the axes mean: two examples, and a slip

The first of the notes' examples: input `(5, 8, 10)` into `nn.LSTM(10, 20, 1)`.
"""

# %%
output, (h_n, c_n) = nn.LSTM(10, 20, 1)(torch.randn(5, 8, 10))
assert output.shape == (5, 8, 20)
shapes = (tuple(tensor.shape) for tensor in (output, h_n, c_n))
print("output {}   h_n {}   c_n {}".format(*shapes))

# %% [markdown]
r"""
The second: input `(5, 10, 20)` into four layers, an LSTM with 40 units and a GRU with
25, in two directions and in one.
"""

# %%
x = torch.randn(5, 10, 20)
for kind, hidden in ((nn.LSTM, 40), (nn.GRU, 25)):
    for bidirectional in (True, False):
        output, _ = kind(20, hidden, num_layers=4, bidirectional=bidirectional)(x)
        name, size = kind.__name__, tuple(output.shape)
        print(f"{name:4}  bidirectional={bidirectional!s:5}  output {size}")
        assert output.shape == (5, 10, hidden * (2 if bidirectional else 1))

# %% [markdown]
r"""
The shapes are right. But the notes label the axes of that input *batch, length,
features*, while `batch_first` is False. It is an easy slip to make, since no error
follows. The truth is *length, batch, features*: 10 sequences of 5 steps each. Two
experiments tell the axes apart. Sequences of a batch do not touch one another; steps
do, forward in time. We change one entry of the second axis, then one of the first, and
list the entries along that axis whose output changes.
"""

# %%
layer = nn.LSTM(20, 40)
before, _ = layer(x)
other, later = x.clone(), x.clone()
other[:, 3] += 1  # entry 3 of the second axis
later[2] += 1  # entry 2 of the first axis
in_second = (layer(other)[0] - before).abs().amax(dim=(0, 2)) > 0
in_first = (layer(later)[0] - before).abs().amax(dim=(1, 2)) > 0
print("second axis, 3 changed:", in_second.nonzero().flatten().tolist(), "of 0 to 9")
print("first axis, 2 changed: ", in_first.nonzero().flatten().tolist(), "of 0 to 4")

# %%
#| check: >-
#|   The second axis is the batch, where nothing else is touched; the first is time,
#|   where every later step is.
assert in_second.tolist() == [n == 3 for n in range(10)]
assert in_first.tolist() == [t >= 2 for t in range(5)]

# %% [markdown]
r"""
What are the axes in practice?

| | $L$ | $N$ | $D$ |
|---|---|---|---|
| text | words (or letters) of a sentence | sentences in the batch | size of a word's embedding |
| a time series, such as stocks | time stamps in a window | windows in the batch | values at each time stamp: prices, volume |
| an image by rows (chapter 4) | rows | images | pixels of a row |

Text: look each word up in a table of vectors. Below, 8 sentences of 5 words become
$(L, N, D) = (5, 8, 10)$.
"""

# %%
words = torch.randint(1000, (5, 8))  # word numbers: L words of N sentences
embedded = nn.Embedding(1000, 10)(words)
assert embedded.shape == (5, 8, 10)
print("words", tuple(words.shape), "  embedded", tuple(embedded.shape))

# %% [markdown]
r"""
A time series: 250 days with 4 prices each, cut into overlapping windows of 20 days.
`unfold` makes the windows; the window axis becomes the batch, the days within a window
become time. To see what it does, the days are numbered, and every price is its day.
"""

# %%
prices = torch.arange(250.0)[:, None].expand(250, 4)  # days, values
cut = prices.unfold(0, 20, 1)  # windows, values, days of the window
windows = cut.permute(2, 0, 1)
assert windows.shape == (20, 231, 4)  # L, N, D
assert torch.equal(windows[:, 7], prices[7 : 7 + 20])
print("series", tuple(prices.shape), "  windows", tuple(windows.shape))
print("days in window 7:", *windows[:, 7, 0].int().tolist())

# %% [markdown]
r"""
## 5.5 `batch_first`, and what it does not change

With `batch_first=True`, input and output have the batch in front. The states do not:
`h_0`, `c_0`, `h_n` and `c_n` keep $(K, N, \cdot)$. The weights do not change either, so
the same parameters serve both.
"""

# %%
torch.manual_seed(0)
time_first, batch_first = nn.LSTM(10, 20), nn.LSTM(10, 20, batch_first=True)
batch_first.load_state_dict(time_first.state_dict())
x = torch.randn(5, 8, 10)
output, (h_n, c_n) = time_first(x)
output_b, (h_n_b, c_n_b) = batch_first(x.transpose(0, 1))
assert_close(output_b, output.transpose(0, 1))
assert_close((h_n_b, c_n_b), (h_n, c_n))
print("output", tuple(output_b.shape), "  h_n", tuple(h_n_b.shape))

# %% [markdown]
r"""
The same input in both layouts. A sequence has a colour, the numbers are its steps, and
the features of a step go into depth:
"""

# %%
#| fig-alt: >-
#|   Two boxes of the same fifteen steps. Left, (L, N, D): five rows, one for each step,
#|   three columns, one for each sequence. Right, batch_first: three rows, one for each
#|   sequence, five columns. The features go into depth in both.
figures.layouts(L=5, N=3, D=4)
plt.show()

# %% [markdown]
r"""
An input may also have no batch axis at all: one sequence, $(L, D)$. Then output and
states have none either. The three layouts in one table, by the arithmetic of section
5.3:
"""

# %%
#| fold: >-
#|   The table of the three layouts
layouts = {
    "(L, N, D)": {"batch": 8},
    "(N, L, D), batch_first": {"batch": 8, "batch_first": True},
    "(L, D)": {},
}
rows = []
for name, arguments in layouts.items():
    found = {
        s.name: s.sizes for s in lstm.shapes.tensors(10, 20, length=5, **arguments)
    }
    rows.append((name, found["input"], found["output"], found["h_n"], found["c_n"]))
lstm.Table(("layout", "input", "output", "h_0, h_n", "c_0, c_n"), rows)

# %% [markdown]
r"""
A second silent trap: an input of *two* axes is taken for one sequence without a batch,
$(L, D)$. If you meant a batch of single steps, $(N, D)$, nothing complains: the samples
of your batch become the steps of one sequence, and leak into each other.
"""

# %%
batch_of_steps = torch.randn(8, 10)
output, (h_n, _) = time_first(batch_of_steps)  # L = 8: one sequence
output_meant, (h_n_meant, _) = time_first(batch_of_steps[None])  # L = 1, N = 8
print("h_n", tuple(h_n.shape), "  meant:", tuple(h_n_meant.shape))
leaked = (output - output_meant[0]).abs().amax(dim=-1)
print("error of each sample:", *(f"{e:.2f}" for e in leaked))

# %%
#| check: >-
#|   Only the first sample, which has none before it, comes out as it was meant.
assert h_n.shape == (1, 20)
assert_close(output[0], output_meant[0, 0])
assert (leaked[1:] > 0.05).all()

# %% [markdown]
r"""
And a third: to change the order of two axes, `transpose` them. `reshape` to the same
shape mixes the sequences. Two sequences of three steps; at step 0 there should be one
number of each, 0 and 10:
"""

# %%
small = torch.tensor([[0, 1, 2], [10, 11, 12]])  # (N, L)
print("transposed, step 0:", small.transpose(0, 1)[0].tolist())
print("reshaped,   step 0:", small.reshape(3, 2)[0].tolist())

# %%
#| check: >-
#|   The same on three axes: equal shapes, and only transpose keeps a sequence together.
batch = torch.randn(8, 5, 10)  # (N, L, D)
right, wrong = batch.transpose(0, 1), batch.reshape(5, 8, 10)
assert right.shape == wrong.shape
assert torch.equal(right[:, 3], batch[3])
assert not torch.equal(wrong[:, 3], batch[3])

# %% [markdown]
r"""
What does not fit at all is refused, with a message that names what was expected:
"""

# %% tags=["nbval-ignore-output"]
refusals = []
state_of_another_batch = torch.zeros(1, 5, 20), torch.zeros(1, 5, 20)
for wrong in (
    lambda: time_first(torch.randn(5, 8, 11)),
    lambda: time_first(torch.randn(5, 8, 10), state_of_another_batch),
):
    try:
        wrong()
    except RuntimeError as error:
        refusals.append(str(error))
        print(error)

# %%
#| check: >-
#|   Both are refused, and the messages name the sizes.
assert len(refusals) == 2
assert "11" in refusals[0]
assert "10" in refusals[0]
assert "hidden[0]" in refusals[1]

# %% [markdown]
r"""
The package's own layer raises the same types of error in the same places, and names
both shapes:
"""

# %%
try:
    lstm.LSTM(10, 20)(torch.randn(5, 8, 10), state_of_another_batch)
except RuntimeError as error:
    print(error)

# %% [markdown]
r"""
## 5.6 Several layers, and the order of `h_n`

Layer $l \ge 2$ takes as its input the hidden states of the layer below:
$\mathbf{X}^{(l)}_t = \mathbf{H}^{(l-1)}_t$. `output` shows the last layer only, at all
steps; `h_n` and `c_n` show all layers, at the last step only. Their first axis goes
layer by layer, forward then reverse, so that a `view` separates the two. In the picture
a box is a hidden state; the filled ones are what `h_n` keeps. (`c_n` keeps the cells of
the same places, which `output` never shows.)
"""

# %%
#| fig-alt: >-
#|   Two layers of four steps, two directions each. Grey frames around the upper layer's
#|   states are output[0] to output[3]. Filled are the last step of each forward chain,
#|   h_n[0] and h_n[2], and the first step of each reverse chain, h_n[1] and h_n[3].
figures.returned(num_layers=2, steps=4)
plt.show()

# %% [markdown]
r"""
Is it so? We look for each row of `h_n` in `output`, with three layers and five steps:
"""

# %%
layer = nn.LSTM(10, 20, num_layers=3, bidirectional=True)
output, (h_n, c_n) = layer(x)
by_layer = h_n.view(3, 2, 8, 20)  # layer, direction, N, H
halves = {"forward": output[..., :20], "reverse": output[..., 20:]}
for k, row in enumerate(h_n):
    places = [
        f"{half} half of step {t}"
        for half, values in halves.items()
        for t in range(5)
        if torch.equal(values[t], row)
    ]
    print(f"h_n[{k}], layer {k // 2 + 1}:", *places or ["not in output"])

# %%
#| check: >-
#|   The last layer's states stand in output: forward at the last step, reverse at the
#|   first.
assert torch.equal(by_layer[2, 0], output[-1, :, :20])
assert torch.equal(by_layer[2, 1], output[0, :, 20:])

# %% [markdown]
r"""
And three layers are three LSTMs, one after the other. We take the parameters of the
layers apart, run them one by one, and compare the last states of each.
"""

# %% tags=["nbval-ignore-output"]
below, gaps = x, []
for k in range(3):
    single = nn.LSTM(below.shape[-1], 20, bidirectional=True)
    own = {
        name.replace(f"_l{k}", "_l0"): p
        for name, p in layer.state_dict().items()
        if f"_l{k}" in name
    }
    single.load_state_dict(own)
    below, (h_k, _) = single(below)
    gaps.append(gap(h_k, by_layer[k]))
print("largest difference, layer by layer:", *(f"{g:.0e}" for g in gaps))

# %%
#| check: >-
#|   Three layers equal the three LSTMs; and no state at all equals a state of zeros.
assert max(gaps) < 1e-6
assert_close(below, output)
zeros = torch.zeros(6, 8, 20)
assert_close(layer(x, (zeros, zeros))[0], output)

# %% [markdown]
r"""
## 5.7 Dropout: between layers, in training

`dropout=p` multiplies the features that one layer hands to the next by a mask
$\delta^{(l-1)}_t$: 0 with probability $p$, else $1/(1-p)$, so that the mean is kept. It
acts in training mode only, and only *between* layers: not on the input, not on the
output of the last layer, not from step to step.
"""

# %%
torch.manual_seed(0)
dropping = nn.LSTM(10, 20, num_layers=2, dropout=0.5)
in_training = gap(dropping(x)[0], dropping(x)[0])  # each call draws a new mask
dropping.eval()
in_evaluation = gap(dropping(x)[0], dropping(x)[0])  # no mask
print(
    f"two calls differ by {in_training:.2f} in training, {in_evaluation} after eval()"
)

# %% [markdown]
r"""
To show the mask itself, we take the two layers apart and put a dropout between them.
With the same seed the result is the same: it is the only mask there is, and it is drawn
anew for every step. Below, what layer 2 received divided by what layer 1 gave, for one
sequence, the first ten features, at the first two steps.
"""

# %%
first, second = nn.LSTM(10, 20), nn.LSTM(20, 20)
for k, single in enumerate((first, second)):
    weights = dropping.state_dict().items()
    own = {n.replace(f"_l{k}", "_l0"): p for n, p in weights if f"_l{k}" in n}
    single.load_state_dict(own)
dropping.train()
torch.manual_seed(1)
want, _ = dropping(x)
torch.manual_seed(1)
handed_on = dropout(first(x)[0], 0.5)
mask = (handed_on / first(x)[0]).round().int()
print(*(f"step {t}: {mask[t, 0, :10].tolist()}" for t in (0, 1)), sep="\n")

# %%
#| check: >-
#|   Training draws masks and evaluation none; dropout between two layers is all of it;
#|   the mask is 0 or 1 / (1 - 0.5), and another one at the next step.
assert in_training > 0.05
assert in_evaluation == 0
assert_close(second(handed_on)[0], want)
kept = handed_on != 0
assert_close(handed_on[kept], 2 * first(x)[0][kept])
assert not torch.equal(kept[0], kept[1])

# %% [markdown]
r"""
An extreme tells where it acts. With $p = 1$ nothing gets from layer 1 to layer 2. So in
training the output no longer depends on the input at all, while layer 1's own final
state still does.
"""

# %%
blocked = nn.LSTM(10, 20, num_layers=2, dropout=1.0)
output_1, (h_1, _) = blocked(x)
output_2, (h_2, _) = blocked(torch.randn(5, 8, 10))
print("two inputs; largest difference in the output:", gap(output_1, output_2))
for k in (0, 1):
    print(f"in the final state of layer {k + 1}: {gap(h_1[k], h_2[k]):.2f}")

# %%
#| check: >-
#|   With p = 1 the output and layer 2 do not see the input; layer 1 does.
assert torch.equal(output_1, output_2)
assert torch.equal(h_1[1], h_2[1])
assert gap(h_1[0], h_2[0]) > 0.1

# %% [markdown]
r"""
With one layer there is no "between", so dropout does nothing, and PyTorch says so:
"""

# %% tags=["nbval-ignore-output"]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    one_layer = nn.LSTM(10, 20, dropout=0.5)
print(textwrap.fill(str(caught[0].message), 88))
print("two calls in training differ by", gap(one_layer(x)[0], one_layer(x)[0]))

# %%
#| check: >-
#|   PyTorch warns, and draws no mask.
assert "non-zero dropout expects num_layers greater than 1" in str(caught[0].message)
assert torch.equal(one_layer(x)[0], one_layer(x)[0])

# %% [markdown]
r"""
## 5.8 Projection

With many units and a narrower input, most parameters sit in `weight_hh`, $4H \times H$.
[Sak et al. (2014)](https://arxiv.org/abs/1402.1128) project the hidden state to $P < H$
features before it goes anywhere, with one matrix more, `weight_hr`:

$$
\mathbf{H}_t = (\mathbf{O}_t \odot \tanh \mathbf{C}_t) \, \mathbf{W}_{hr}^\top,
  \qquad \mathbf{W}_{hr} \in \mathbb{R}^{P \times H}. \tag{5.1}
$$

So `weight_hh` becomes $4H \times P$, and output, `h_0` and `h_n` have $P$ features. The
cell keeps $H$. In code it is chapter 1's step and one product more:
"""


# %%
# lstm/steps.py
def projected_lstm_step(x, state, w_ih, w_hh, b_ih, b_hh, w_hr):
    """One step of the LSTM with a projection: w_hr shortens h, the cell keeps its size.

    x: (N, D)   state: (h, c), h: (N, P), c: (N, H)
    w_ih: (4H, D)   w_hh: (4H, P)   b_ih, b_hh: (4H) or None   w_hr: (P, H)
    Source: Sak et al. (2014), in the form of torch.nn.LSTM with proj_size.
    """
    h, c = lstm_step(x, state, w_ih, w_hh, b_ih, b_hh)
    return linear(h, w_hr), c


# %% [markdown]
r"""
`lstm.LSTM` is `scan` over that step. It takes PyTorch's parameters as they are, and
gives the same output and states:
"""

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
projected = nn.LSTM(10, 20, proj_size=3).double()
ours = lstm.LSTM(10, 20, proj_size=3).double()
ours.load_state_dict(projected.state_dict())
x64 = torch.randn(5, 8, 10).double()
start = torch.randn(1, 8, 3).double(), torch.randn(1, 8, 20).double()
output, (h_n, c_n) = projected(x64, start)
shapes = (tuple(tensor.shape) for tensor in (output, h_n, c_n))
print("output {}   h_n {}   c_n {}".format(*shapes))
print(f"largest difference of ours: {gap(ours(x64, start)[0], output):.0e}")

# %%
#| check: >-
#|   The layer, and scan over the quoted step, give PyTorch's output and states.
assert_close(ours(x64, start), (output, (h_n, c_n)))
by_step, last = lstm.scan(
    projected_lstm_step, x64, (start[0][0], start[1][0]), projected.all_weights[0]
)
assert_close((by_step, last), (output, (h_n[0], c_n[0])))

# %% [markdown]
r"""
The hidden state is now a sum of many numbers from $(-1, 1)$, and no longer confined to
that range itself. Larger weights of the projection show it:
"""

# %%
with torch.no_grad():
    projected.weight_hr_l0 *= 50
largest = projected(x64)[0].abs().max().item()
print(f"largest |h| with weight_hr times 50: {largest:.1f}")
assert largest > 1

# %% [markdown]
r"""
What it saves: with 1,024 units and 256 inputs, three quarters of the parameters and
more are in `weight_hh`, and projecting to 256 features leaves less than half of all.
"""

# %%
full, small = lstm.shapes.count(256, 1024), lstm.shapes.count(256, 1024, proj_size=256)
print(f"1,024 units: {full:,} parameters, {4 * 1024 * 1024 / full:.0%} in weight_hh")
print(f"projected to 256 features: {small:,}, {small / full:.0%} of them")
assert small < 0.5 * full

# %%
lstm.shapes.table(10, 20, proj_size=3, length=5, batch=8)

# %% [markdown]
r"""
## 5.9 Sequences of different lengths

A batch is one tensor, so shorter sequences are filled up with **padding**. Three
sequences of 5, 3 and 2 steps; a ring marks the last valid step of each.
"""

# %%
#| fig-alt: >-
#|   Three rows of five cells, one column for each time step. Sequence 0 fills all
#|   five, sequence 1 the first three, sequence 2 the first two, and the others are
#|   empty. A ring marks the last filled cell of each row.
figures.padded_batch([5, 3, 2], marked="last")
plt.show()

# %%
torch.manual_seed(0)
sequences = [torch.randn(length, 10) for length in (5, 3, 2)]
lengths = torch.tensor([len(s) for s in sequences])
padded = pad_sequence(sequences)  # (L, N, D), zeros behind the shorter ones
print("padded", tuple(padded.shape))
print("feature 0 of sequence 1:", *(f"{v:.2f}" for v in padded[:, 1, 0]))

# %% [markdown]
r"""
The layer cannot know what is padding. It runs on over the zeros, and the final state of
a short sequence is not what that sequence alone would give:
"""

# %%
layer = nn.LSTM(10, 20, bidirectional=True)
alone = [layer(s) for s in sequences]  # each by itself, without a batch axis
h_alone = torch.stack([h for _, (h, _) in alone], dim=1)
_, (h_padded, _) = layer(padded)
wrong = (h_padded - h_alone).abs().amax(dim=(0, 2))
print("error of the final state, for lengths 5, 3, 2:", *(f"{e:.2f}" for e in wrong))

# %%
#| check: >-
#|   The longest has no padding and is right; the others are wrong by more than 0.05.
assert padded.shape == (5, 3, 10)
assert (padded[3:, 1] == 0).all()
assert_close(h_padded[:, 0], h_alone[:, 0])
assert (wrong[1:] > 0.05).all()

# %% [markdown]
r"""
**Packing** tells it. `pack_padded_sequence` keeps the valid steps only, time step by
time step, with the number of sequences still running at each (`batch_sizes`). The layer
takes it and returns the output packed in the same way; `pad_packed_sequence` unpacks
it.
"""

# %%
#| fig-alt: >-
#|   The ten valid steps of three sequences in five columns, one for each time step, of
#|   3, 3, 2, 1 and 1 boxes. The boxes are numbered down the columns from 0 to 9, the
#|   rows of the packed data; the heights of the columns are batch_sizes.
figures.packed([5, 3, 2])
plt.show()

# %%
packed = pack_padded_sequence(padded, lengths)
print("padded steps:", padded.shape[0] * padded.shape[1], "  packed:", len(packed.data))
print("batch sizes, step by step:", packed.batch_sizes.tolist())
output_packed, (h_n, c_n) = layer(packed)
output, output_lengths = pad_packed_sequence(output_packed)
print("largest |output|, a row for each sequence, a column for each step:")
print(output.detach().abs().amax(dim=-1).T.round(decimals=2))

# %%
#| check: >-
#|   Now every sequence has the states and outputs that it has alone, and zeros behind.
assert packed.data.shape == (5 + 3 + 2, 10)
assert torch.equal(output_lengths, lengths)
assert_close(h_n, h_alone)
for n, (output_alone, _) in enumerate(alone):
    assert_close(output[: lengths[n], n], output_alone)
    assert (output[lengths[n] :, n] == 0).all()

# %% [markdown]
r"""
Both directions are right: packing lets the reverse one start at each sequence's own
end, where in a padded batch it starts in the padding. So what is "the last output"? Not
`output[-1]`, which is zero for the shorter sequences. It is the last *valid* step, and
the forward half of it is in `h_n` already:
"""

# %%
last_valid = output[lengths - 1, torch.arange(3)]
for name, tensor in (("output[-1]", output[-1]), ("last valid", last_valid)):
    forward = tensor[:, :20]
    errors = (f"{gap(forward[n], h_n[0, n]):.2f}" for n in range(3))
    print(f"{name}: distance from the forward h_n", *errors)

# %%
#| check: >-
#|   The last valid step holds h_n of the forward direction, step 0 that of the reverse.
assert_close(last_valid[:, :20], h_n[0])
assert_close(output[0, :, 20:], h_n[1])
assert (output[-1, 1:] == 0).all()

# %% [markdown]
r"""
In the forward direction alone, padding behind the end does no harm to the valid steps:
take `lengths - 1`, and no packing is needed. Two details trip people up. Packing has a
`batch_first` of its own, about the tensor that *it* is given; the layer's does not
matter for a packed input. And `lengths` stays on the CPU, even when the data are on a
GPU. PyTorch looks at where `lengths` lies, so that any other device shows it; we take
"meta", which every machine has (its tensors have a shape and no numbers).
"""

# %% tags=["nbval-ignore-output"]
unpacked, _ = layer(padded)
forward = unpacked[lengths - 1, torch.arange(3), :20]
reverse_error = gap(unpacked[0, :, 20:], h_alone[1])
print(f"no packing, forward half at lengths - 1: error {gap(forward, h_alone[0]):.0e}")
print(f"no packing, reverse half at step 0: error {reverse_error:.2f}")
packed_b = pack_padded_sequence(padded.transpose(0, 1), lengths, batch_first=True)
print("packed from (N, L, D):", bool(torch.equal(packed_b.data, packed.data)))
refusal = ""
try:
    pack_padded_sequence(padded, lengths.to("meta"))
except RuntimeError as error:
    refusal = str(error)
print(refusal)

# %%
#| check: >-
#|   The forward half needs no packing; batch_first of packing is its own; lengths is
#|   refused on another device.
assert_close(forward, h_alone[0])
assert reverse_error > 0.005  # the reverse half does
assert_close(layer(packed_b)[1], (h_n, c_n))
assert "CPU" in refusal

# %% [markdown]
r"""
Packing wants the longest sequence first. If yours are in another order, either sort
them or say `enforce_sorted=False`: they are then sorted inside, and *put back* at the
end; states that you give are sorted along. Say nothing, and packing refuses:
"""

# %% tags=["nbval-ignore-output"]
mixed = [sequences[n] for n in (2, 0, 1)]
mixed_lengths = torch.tensor([len(s) for s in mixed])
refusal = ""
try:
    pack_padded_sequence(pad_sequence(mixed), mixed_lengths)
except RuntimeError as error:
    refusal = str(error)
print(refusal.split(". ")[0])

# %%
packed = pack_padded_sequence(pad_sequence(mixed), mixed_lengths, enforce_sorted=False)
print("lengths given:", mixed_lengths.tolist())
print("sorted inside, by index:", packed.sorted_indices.tolist())
print("unpacked again:", pad_packed_sequence(packed)[1].tolist())

# %%
#| check: >-
#|   Unsorted lengths are refused unless allowed; then states go in and come out in the
#|   order of the batch as it was given.
assert "must be sorted in decreasing order" in refusal
h_0, c_0 = torch.randn(2, 3, 20), torch.randn(2, 3, 20)
_, (h, c) = layer(packed, (h_0, c_0))
for n, sequence in enumerate(mixed):  # our order, not the sorted one
    _, state = layer(sequence, (h_0[:, n], c_0[:, n]))
    assert_close((h[:, n], c[:, n]), state)

# %% [markdown]
r"""
How does a layer run a packed batch? The quoted function is all there is to it. At step
$t$ only the first `batch_sizes[t]` sequences are running; the states of the others are
left alone. Forward, those are sequences that have ended, and keep their last state. In
reverse, they have not begun, and keep their first one.
"""


# %%
# lstm/steps.py
def scan_packed(step, inputs, state, weights, batch_sizes, reverse=False):
    """Apply one step along a packed batch: at step t, batch_sizes[t] sequences run.

    inputs: (sum of batch_sizes, D), all of step 0, then all of step 1, and so on
    batch_sizes: a list of numbers that never rise; the first sequences run longest
    ->   outputs, likewise; and the last state of every sequence
    One that has ended keeps its last state; in reverse, one not begun its first.
    """
    outputs, steps, ended = [], inputs.split(batch_sizes), []
    running = tuple(s[: batch_sizes[-1] if reverse else None] for s in state)
    for x in reversed(steps) if reverse else steps:
        n, before = len(x), len(running[0])
        if n > before:  # in reverse: those that begin here, from their first state
            begun = zip(running, state, strict=True)
            running = tuple(torch.cat([now, s[before:n]]) for now, s in begun)
        elif n < before:
            parts = (now.split([n, before - n]) for now in running)
            running, those = zip(*parts, strict=True)
            ended.append(those)
        running = step(x, running, *weights)
        outputs.append(running[0])
    if ended:  # those that ended last lie first
        running = tuple(map(torch.cat, zip(running, *ended[::-1], strict=True)))
    return torch.cat(outputs[::-1] if reverse else outputs), running


# %% [markdown]
r"""
With it `lstm.LSTM` takes packed sequences like PyTorch's layer, sorted or not, and
gives the same packed output:
"""

# %% tags=["nbval-ignore-output"]
theirs = nn.LSTM(10, 20, num_layers=2, bidirectional=True)
ours = lstm.LSTM(10, 20, num_layers=2, bidirectional=True)
ours.load_state_dict(theirs.state_dict())
got, want = ours(packed), theirs(packed)
print("packed output", tuple(got[0].data.shape), got[0].batch_sizes.tolist())
print(f"largest difference: {gap(got[0].data, want[0].data):.0e}")

# %%
#| check: >-
#|   Packed outputs and states equal PyTorch's, in the order of the batch as given.
assert_close(got[0].data, want[0].data)
assert torch.equal(got[0].batch_sizes, want[0].batch_sizes)
assert_close(got[1], want[1])

# %% [markdown]
r"""
## 5.10 The tensor operations of hand-written models

The notes explain these one by one, each with a small printed example, since their
hand-written LSTMs use them. Here are ours.

**`nn.Parameter`** is a tensor that a module registers: it appears in `parameters()`,
moves with `.to(...)`, is saved in the `state_dict`, and gathers gradients. A plain
tensor as an attribute is overlooked by all of these. (`register_buffer` is for tensors
to keep but not to train.)
"""


# %%
class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = nn.Parameter(torch.zeros(2))
        self.forgotten = torch.zeros(2)
        self.register_buffer("noted", torch.zeros(2))


holder = Holder().double()
print("parameters:", [name for name, _ in holder.named_parameters()])
print("state_dict:", list(holder.state_dict()))
for name in ("kept", "forgotten", "noted"):
    tensor = getattr(holder, name)
    print(f"{name:9}  {tensor.dtype}  requires_grad={tensor.requires_grad}")

# %%
#| check: >-
#|   The parameter is trained, saved and converted; the buffer saved and converted; the
#|   plain tensor none of these.
assert [name for name, _ in holder.named_parameters()] == ["kept"]
assert list(holder.state_dict()) == ["kept", "noted"]
assert holder.kept.requires_grad
assert not holder.noted.requires_grad
assert holder.kept.dtype == holder.noted.dtype == torch.float64
assert holder.forgotten.dtype == torch.float32

# %% [markdown]
r"""
**`torch.Tensor(2, 1)`** and `torch.empty` reserve memory and leave in it whatever was
there. One of the notes says that they are filled with zeros, and prints other numbers
beside it. Below, what this machine happened to have there; your numbers will be others,
and may even be zeros. But when deterministic algorithms are asked for, PyTorch fills
uninitialised floating-point memory with NaN, and both get it.
"""

# %% tags=["nbval-ignore-output"]
used = [torch.randn(2, 1) for _ in range(100)]
del used  # memory given back, not wiped
print("torch.Tensor(2, 1):", torch.Tensor(2, 1).flatten().tolist())
print("torch.empty(2, 1): ", torch.empty(2, 1).flatten().tolist())

# %%
torch.use_deterministic_algorithms(True)
print("torch.Tensor(2, 1):", torch.Tensor(2, 1).flatten().tolist())
print("torch.empty(2, 1): ", torch.empty(2, 1).flatten().tolist())
print("torch.zeros(2, 1): ", torch.zeros(2, 1).flatten().tolist())
torch.use_deterministic_algorithms(False)

# %% [markdown]
r"""
**`uniform_`** fills a tensor in place (the underscore says so) with random numbers from
a range. Hand-written LSTMs use $\pm 1/\sqrt{H}$.
"""

# %%
torch.manual_seed(0)
weight = nn.Parameter(torch.zeros(4 * 128, 28))
bound = 1 / 128**0.5
with torch.no_grad():
    same = weight.uniform_(-bound, bound)
print(f"bound {bound:.4f}   from {weight.min():.4f} to {weight.max():.4f}")
print("the same tensor:", same is weight)

# %% [markdown]
r"""
**`unsqueeze`** adds an axis of size 1, **`transpose`** swaps two axes.
"""

# %%
matrix = torch.tensor([[1, 2, 3], [4, 5, 6]])
print(matrix, "transposed:", matrix.transpose(0, 1), sep="\n")
for axis in (0, 1, -1):
    print(f"unsqueeze({axis:2}): (2, 3) -> {tuple(matrix.unsqueeze(axis).shape)}")

# %% [markdown]
r"""
**`torch.cat`** joins along an axis that exists, **`torch.stack`** makes a new one.
"""

# %%
row = torch.tensor([[7, 8, 9]])
print("cat, dim=0:", torch.cat([matrix, row], dim=0), sep="\n")
print("cat, dim=1:", torch.cat([matrix, 10 * matrix], dim=1), sep="\n")
print("stack:", tuple(torch.stack([matrix, 10 * matrix]).shape))

# %% [markdown]
r"""
A loop over time collects one $(1, N, H)$ a step and joins them; that is all there is to
the end of a hand-written forward pass. Below, the hidden state of step $t$ is filled
with $t$.
"""

# %%
steps = [torch.full((2, 3), float(t)) for t in range(4)]  # four hidden states (N, H)
joined = torch.cat([h.unsqueeze(0) for h in steps], dim=0)
print(
    "joined", tuple(joined.shape), "  batch first", tuple(joined.transpose(0, 1).shape)
)
print("sequence 0, unit 0:", joined[:, 0, 0].tolist())

# %%
#| check: >-
#|   The bound holds; joined steps equal stacked ones; directions join along features.
assert same is weight
assert weight.abs().max() <= bound
assert torch.equal(joined, torch.stack(steps))
assert joined.transpose(0, 1).shape == (2, 4, 3)  # (N, L, H)
assert torch.cat(steps[:2], dim=-1).shape == (2, 6)  # (N, 2H)

# %% [markdown]
r"""
**`model.train()`** and **`model.eval()`** switch the layers that behave differently in
the two modes, above all dropout and batch normalisation. Dropout first:
"""

# %%
torch.manual_seed(0)
drop = nn.Dropout(0.5)
print("train:", drop(torch.ones(8)).tolist())
print("again:", drop(torch.ones(8)).tolist())
print("eval: ", drop.eval()(torch.ones(8)).tolist())

# %% [markdown]
r"""
Batch normalisation subtracts each feature's mean and divides by its standard deviation.
In training these are the batch's own, and running averages of them are updated; in
evaluation the running averages are used. So the same row comes out different:
"""

# %%
norm = nn.BatchNorm1d(3)
numbers = torch.tensor([[0.0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
print("train, row 0:", [round(v, 2) for v in norm(numbers)[0].tolist()])
norm.eval()
print("eval, row 0: ", [round(v, 2) for v in norm(numbers)[0].tolist()])
print("running mean:", [round(v, 2) for v in norm.running_mean.tolist()])

# %% [markdown]
r"""
A batch of one sample has a mean, itself, and no spread. In training mode PyTorch
refuses it, often at the end of an epoch, when the last batch happens to hold one sample
only:
"""

# %% tags=["nbval-ignore-output"]
norm.train()
refusal = ""
try:
    norm(numbers[:1])
except ValueError as error:
    refusal = str(error)
print(refusal)

# %% [markdown]
r"""
There are two cures. To *use* the model, switch to evaluation mode, where the running
averages take the batch's place. To *train* it, never give it a batch of one:
`drop_last=True` of the `DataLoader` leaves out an incomplete last batch.
"""

# %%
norm.eval()
print("eval, one sample:", [round(v, 2) for v in norm(numbers[:1])[0].tolist()])
norm.train()
whole = torch.randn(9, 3)  # batches of 4: the last holds one sample
for drop_last in (False, True):
    batches = torch.utils.data.DataLoader(whole, batch_size=4, drop_last=drop_last)
    print(f"drop_last={drop_last!s:5}  batches of", [len(batch) for batch in batches])

# %%
#| check: >-
#|   One sample is refused in training and accepted in evaluation; with drop_last every
#|   batch is accepted; neither mode switches gradients off.
assert "more than 1 value per channel" in refusal
assert all(norm(batch).isfinite().all() for batch in batches)
norm.eval()
tracked = norm.num_batches_tracked.item()
assert torch.equal(norm(numbers), norm(numbers))
assert norm.num_batches_tracked == tracked  # evaluation: used, not updated
assert norm(numbers).requires_grad
assert norm(numbers[:1]).isfinite().all()
assert torch.equal(drop(numbers), numbers)

# %% [markdown]
r"""
The two modes do not switch gradients; `torch.no_grad()` does that.
"""

# %%
model = nn.Linear(3, 1).eval()
print("after eval():     requires_grad =", model(numbers).requires_grad)
with torch.no_grad():
    print("within no_grad(): requires_grad =", model(numbers).requires_grad)

# %% [markdown]
r"""
**`Variable`** was, before PyTorch 0.4 (2018), the wrapper that made a tensor remember
its gradients. One of the notes still says that tensors cannot be backpropagated
through. They can: the derivative of $x^3$ at 2 is 12. The name still exists, and gives
back a plain tensor.
"""

# %%
tensor = torch.tensor(2.0, requires_grad=True)
(tensor**3).backward()
print("gradient:", tensor.grad.item())
print("Variable gives a", type(torch.autograd.Variable(torch.ones(2))).__name__)
assert tensor.grad.item() == 12.0
assert type(torch.autograd.Variable(torch.ones(2))) is torch.Tensor

# %% [markdown]
r"""
## 5.11 What this chapter does not show

- What is *fast*. No time is measured here.
- What only a GPU shows: there `nn.LSTM` runs by NVIDIA's cuDNN, which [refuses the
  backward pass in evaluation
  mode](https://github.com/pytorch/pytorch/issues/5878). On a CPU it is allowed.
- The shapes of `nn.GRU`: as above without `c_0`, `c_n` and projection, with $3H$ in
  place of $4H$. `lstm.shapes` lists them with `kind="GRU"`; chapter 6 is about it.
- That a program whose shapes fit is right: several of the traps above passed without an
  error.

## Summary

- $(L, N, D)$ in, $(L, N, H)$ out, states $(K, N, H)$ with $K$ = layers × directions.
  `batch_first` changes the first two only.
- `h_n` goes layer by layer, forward then reverse; `h_n.view(layers, directions, N, H)`
  takes it apart.
- Dropout acts between layers in training; projection shortens $\mathbf{H}_t$, not
  $\mathbf{C}_t$.
- Pad to make a batch, pack to keep the padding out. The last valid output is at
  `lengths - 1`, or in `h_n`.
- Batch normalisation cannot train on a single sample; evaluation mode can use one.

## Exercises

1. *(easy)* Give all shapes of `nn.LSTM(7, 11, num_layers=2, batch_first=True)` for an
   input `(4, 9, 7)` on paper; then print the table.
   ([solution](solutions/05_shapes.ipynb#Exercise-1))
2. *(easy)* How many parameters does a bias-free LSTM save? Say it as a formula, and
   check it with `lstm.shapes.count`. ([solution](solutions/05_shapes.ipynb#Exercise-2))
3. *(easy)* Write `summary(h_n, layers, bidirectional)`, which gives the last layer's
   final states side by side for any layer.
   ([solution](solutions/05_shapes.ipynb#Exercise-3))
4. *(medium)* Average the outputs over the *valid* steps of each sequence in a padded
   batch, without a loop. ([solution](solutions/05_shapes.ipynb#Exercise-4))
5. *(medium)* A batch of streams runs side by side, and in each a new text may begin at
   any step. Write a loop over steps that resets single sequences by the recipe of
   section 5.2, and show that every text gets the outputs that it gets alone.
   ([solution](solutions/05_shapes.ipynb#Exercise-5))
6. *(medium)* Take a two-layer LSTM apart as in section 5.7. Estimate by many draws that
   the mean of what layer 2 receives is what it receives in evaluation mode. Is the mean
   of its *output* the same, too? Why not?
   ([solution](solutions/05_shapes.ipynb#Exercise-6))
7. *(hard)* Show by gradients that in a packed batch no output depends on any padding,
   and that in a padded one some do. ([solution](solutions/05_shapes.ipynb#Exercise-7))
8. *(hard)* For which $P$ does a one-layer projected LSTM have fewer parameters than a
   plain one of the same $H$? Derive the bound and test it around the boundary.
   ([solution](solutions/05_shapes.ipynb#Exercise-8))

## Further reading

- PyTorch's documentation of
  [torch.nn.LSTM](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html) and
  [pack_padded_sequence](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html).
- H. Sak, A. Senior, F. Beaufays, [Long short-term memory based recurrent neural network
  architectures for large vocabulary speech
  recognition](https://arxiv.org/abs/1402.1128), 2014: projection.
- W. Zaremba, I. Sutskever, O. Vinyals, [Recurrent neural network
  regularization](https://arxiv.org/abs/1409.2329), 2014: why dropout goes between
  layers and not through time. Y. Gal, Z. Ghahramani, [A theoretically grounded
  application of dropout in recurrent neural
  networks](https://arxiv.org/abs/1512.05287), 2016: how it can go through time after
  all.
"""
