# ---
# part: Understand
# question: Which axis is which?
# proved: every shape, over all combinations of arguments
# minutes: 0.2
# ---

# %% [markdown]
r"""
# 5. Every shape of `nn.LSTM`

**What you will build.** A calculator that gives the shape of every tensor of
`torch.nn.LSTM` by arithmetic, and agrees with PyTorch over all combinations of its
arguments.

**What you will learn.** What each constructor argument does. What the axes mean, and
which label is easily wrong. How sequences of different lengths share a batch, and where
their last valid output lies. What dropout and projection do, exactly. And, in the last
section, the tensor operations that hand-written models use.

**What you need.** Chapters 1 to 4. Nothing is trained here; the chapter runs in
seconds. Keep it at hand to look things up.
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

# %% [markdown]
r"""
## 5.1 Six letters

| letter | what | in the examples |
|---|---|---|
| $L$ | sequence length: number of time steps | 5 |
| $N$ | batch: number of sequences | 8 |
| $D$ | input size: features at each step | 10 |
| $H$ | hidden size: units | 20 |
| $P$ | projection size, if there is a projection | 3 |
| $K$ | number of stacked states: layers × directions | 1 |

PyTorch's documentation calls them $L, N, H_{in}, H_{cell}$, and `D*num_layers` for our
$K$; its $D$ is the number of directions, not the input size.

## 5.2 Ten arguments

| argument | default | what it does |
|---|---|---|
| `input_size` | | $D$ |
| `hidden_size` | | $H$ |
| `num_layers` | 1 | layers above one another; each reads the hidden states of the one below |
| `bias` | True | whether `bias_ih` and `bias_hh` exist |
| `batch_first` | False | input and output as $(N, L, \cdot)$ instead of $(L, N, \cdot)$; the states do not change |
| `dropout` | 0.0 | probability with which each feature is set to zero between layers, in training |
| `bidirectional` | False | a second LSTM in each layer, from the end to the start |
| `proj_size` | 0 | $P$: the hidden state is projected to fewer features; 0 for no projection |
| `device`, `dtype` | None | where the parameters live, and in which number format |
"""

# %%
plain = nn.LSTM(10, 20)
defaults = {
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
    "proj_size": 0,
}
assert {name: getattr(plain, name) for name in defaults} == defaults
_, *arguments = signature(nn.RNNBase).parameters.values()  # the first: LSTM or GRU
names = ["input_size", "hidden_size", *defaults, "device", "dtype"]
assert [a.name for a in arguments] == names
assert {a.name: a.default for a in arguments if a.name in defaults} == defaults
on_request = nn.LSTM(10, 20, device="cpu", dtype=torch.float64)
assert {p.dtype for p in on_request.parameters()} == {torch.float64}

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
Now the proof. We build every combination of the arguments, with and without a batch
axis, run PyTorch's layer, and compare names, order, shapes and the parameter count.
(PyTorch says once that projections do not use Intel's fast library; we switch that
message off.)
"""

# %%
warnings.filterwarnings(
    "ignore", message="LSTM with projections is not supported with oneDNN"
)
options = {
    "num_layers": (1, 2, 3),
    "bias": (True, False),
    "batch_first": (True, False),
    "dropout": (0.0, 0.5),
    "bidirectional": (True, False),
    "proj_size": (0, 3),
}


def agrees(batch, **arguments):
    layer = nn.LSTM(10, 20, **arguments)
    predicted = {
        s.name: s.sizes
        for s in lstm.shapes.tensors(10, 20, **arguments, length=5, batch=batch)
    }
    output, (h_n, c_n) = layer(torch.zeros(predicted["input"]))
    assert {
        "output": output.shape,
        "h_n": h_n.shape,
        "c_n": c_n.shape,
    }.items() <= predicted.items()
    layer(
        torch.zeros(predicted["input"]),
        (torch.zeros(predicted["h_0"]), torch.zeros(predicted["c_0"])),
    )
    expected = [(s.name, s.sizes) for s in parameters(10, 20, **arguments)]
    assert expected == [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
    assert lstm.shapes.count(10, 20, **arguments) == sum(
        p.numel() for p in layer.parameters()
    )


combinations = [
    dict(zip(options, values, strict=True)) for values in product(*options.values())
]
# section 5.7 says why
combinations = [c for c in combinations if not (c["dropout"] and c["num_layers"] == 1)]
for batch in (8, None):
    for arguments in combinations:
        agrees(batch, **arguments)
print(2 * len(combinations), "combinations, all as predicted")

# %% [markdown]
r"""
## 5.4 What the axes mean: two examples, and a slip

The first of the notes' examples: input `(5, 8, 10)` into `nn.LSTM(10, 20, 1)`.
"""

# %%
output, (h_n, c_n) = nn.LSTM(10, 20, 1)(torch.randn(5, 8, 10))
assert output.shape == (5, 8, 20)
print(
    "output", tuple(output.shape), "  h_n", tuple(h_n.shape), "  c_n", tuple(c_n.shape)
)

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
do, forward in time.
"""

# %%
layer = nn.LSTM(20, 40)
before, _ = layer(x)
other = x.clone()
other[:, 3] += 1  # one entry of the second axis
touched = (layer(other)[0] - before).abs().amax(dim=(0, 2)) > 0
# the second axis is the batch: the others are not touched
assert touched.tolist() == [n == 3 for n in range(10)]

later = x.clone()
later[2] += 1  # one entry of the first axis
touched = (layer(later)[0] - before).abs().amax(dim=(1, 2)) > 0
# the first axis is time: from step 2 on, all are
assert touched.tolist() == [False, False, True, True, True]

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
become time.
"""

# %%
prices = torch.randn(250, 4).cumsum(dim=0)  # days, values
cut = prices.unfold(0, 20, 1)  # windows, values, days of the window
windows = cut.permute(2, 0, 1)
assert windows.shape == (20, 231, 4)  # L, N, D
assert torch.equal(windows[:, 7], prices[7 : 7 + 20])
print("series", tuple(prices.shape), "  windows", tuple(windows.shape))

# %% [markdown]
r"""
## 5.5 `batch_first`, and what it does not change

With `batch_first=True`, input and output have the batch in front. The states do not:
`h_0`, `c_0`, `h_n` and `c_n` keep $(K, N, \cdot)$. The weights do not change either, so
the same parameters serve both.
"""

# %%
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
An input may also have no batch axis at all: one sequence, $(L, D)$. Then output and
states have none either. The three layouts in one table, each row asserted by section
5.3:
"""

# %%
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
output, (h_n, _) = time_first(batch_of_steps)
assert h_n.shape == (1, 20)  # one sequence, not eight
output_meant, _ = time_first(batch_of_steps[None])  # L = 1, N = 8
assert_close(output[0], output_meant[0, 0])
assert not torch.allclose(output[1], output_meant[0, 1])

# %% [markdown]
r"""
And a third: to change the order of two axes, `transpose` them. `reshape` to the same
shape mixes the sequences.
"""

# %%
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
layer by layer, forward then reverse, so that a `view` separates the two.
"""

# %%
layer = nn.LSTM(10, 20, num_layers=3, bidirectional=True)
output, (h_n, c_n) = layer(x)
by_layer = h_n.view(3, 2, 8, 20)  # layer, direction, N, H
assert torch.equal(by_layer[2, 0], output[-1, :, :20])
assert torch.equal(by_layer[2, 1], output[0, :, 20:])

# %% [markdown]
r"""
And three layers are three LSTMs, one after the other. We take the parameters of the
layers apart and run them one by one.
"""

# %%
below = x
for k in range(3):
    single = nn.LSTM(below.shape[-1], 20, bidirectional=True)
    own = {
        name.replace(f"_l{k}", "_l0"): p
        for name, p in layer.state_dict().items()
        if f"_l{k}" in name
    }
    single.load_state_dict(own)
    below, (h_k, _) = single(below)
    assert_close(h_k, by_layer[k])
assert_close(below, output)

# %% [markdown]
r"""
With no state given, the states are zeros; to give them explicitly is the same.
"""

# %%
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
# training: each call draws a new mask
assert not torch.equal(dropping(x)[0], dropping(x)[0])
dropping.eval()
assert torch.equal(dropping(x)[0], dropping(x)[0])  # evaluation: no mask

# %% [markdown]
r"""
To show the mask itself, we take the two layers apart and put a dropout between them.
With the same seed the result is the same: it is the only mask there is, and it is drawn
anew for every step.
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
assert_close(second(handed_on)[0], want)
kept = handed_on != 0
assert_close(handed_on[kept], 2 * first(x)[0][kept])  # 1 / (1 - 0.5)
assert not torch.equal(kept[0], kept[1])  # another mask at the next step

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
assert torch.equal(output_1, output_2)
assert torch.equal(h_1[1], h_2[1])
assert not torch.equal(h_1[0], h_2[0])

# %% [markdown]
r"""
With one layer there is no "between", so dropout does nothing, and PyTorch says so:
"""

# %% tags=["nbval-ignore-output"]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    one_layer = nn.LSTM(10, 20, dropout=0.5)
print(textwrap.fill(str(caught[0].message), 88))

# %%
assert "non-zero dropout expects num_layers greater than 1" in str(caught[0].message)
# in training mode, and yet no mask
assert torch.equal(one_layer(x)[0], one_layer(x)[0])

# %% [markdown]
r"""
## 5.8 Projection

With many units and a narrower input, most parameters sit in $\mathbf{W}_{hh}$,
$4H \times H$. [Sak et al. (2014)](https://arxiv.org/abs/1402.1128) project the hidden
state to $P < H$ features before it goes anywhere; in PyTorch's notation, with columns:

$$
\mathbf{h}_t = \mathbf{W}_{hr} \, (\mathbf{o}_t \odot \tanh \mathbf{c}_t),
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

# %%
projected = nn.LSTM(10, 20, proj_size=3).double()
ours = lstm.LSTM(10, 20, proj_size=3).double()
_ = ours.load_state_dict(projected.state_dict())
x64 = torch.randn(5, 8, 10).double()
start = torch.randn(1, 8, 3).double(), torch.randn(1, 8, 20).double()
output, (h_n, c_n) = projected(x64, start)
assert_close(ours(x64, start), (output, (h_n, c_n)))
by_step, last = lstm.scan(
    projected_lstm_step, x64, (start[0][0], start[1][0]), projected.all_weights[0]
)
assert_close((by_step, last), (output, (h_n[0], c_n[0])))
print(
    "output", tuple(output.shape), "  h_n", tuple(h_n.shape), "  c_n", tuple(c_n.shape)
)

# %% [markdown]
r"""
The hidden state is now a sum of many numbers from $(-1, 1)$, and no longer confined to
that range itself:
"""

# %%
with torch.no_grad():
    projected.weight_hr_l0 *= 50
assert projected(x64)[0].abs().max() > 1  # not confined any more

# %% [markdown]
r"""
What it saves: with 1,024 units and 256 inputs, projecting to 256 takes the parameters
to less than half.
"""

# %%
full, small = lstm.shapes.count(256, 1024), lstm.shapes.count(256, 1024, proj_size=256)
assert 0.75 * full < 4 * 1024 * 1024  # W_hh
assert small < 0.5 * full
print(f"1,024 units: {full:,} parameters, projected to 256: {small:,}")

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
assert padded.shape == (5, 3, 10)
assert (padded[3:, 1] == 0).all()

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
assert_close(h_padded[:, 0], h_alone[:, 0])  # the longest has no padding
assert (wrong[1:] > 1e-3).all()

# %% [markdown]
r"""
**Packing** tells it. `pack_padded_sequence` keeps the valid steps only, time step by
time step, with the number of sequences still running at each (`batch_sizes`). The layer
takes it and returns the output packed in the same way; `pad_packed_sequence` unpacks
it.
"""

# %%
packed = pack_padded_sequence(padded, lengths)
assert packed.data.shape == (5 + 3 + 2, 10)
print("batch sizes, step by step:", packed.batch_sizes.tolist())

output_packed, (h_n, c_n) = layer(packed)
output, output_lengths = pad_packed_sequence(output_packed)
assert torch.equal(output_lengths, lengths)
assert_close(h_n, h_alone)  # now every sequence has the state it has alone
for n, (output_alone, _) in enumerate(alone):
    assert_close(output[: lengths[n], n], output_alone)
    assert (output[lengths[n] :, n] == 0).all()  # behind the end there are zeros

# %% [markdown]
r"""
Both directions are right: packing lets the reverse one start at each sequence's own
end, where in a padded batch it starts in the padding. So what is "the last output"? Not
`output[-1]`, which is zero for the shorter sequences. It is the last *valid* step, and
the forward half of it is in `h_n` already:
"""

# %%
last_valid = output[lengths - 1, torch.arange(3)]
assert_close(last_valid[:, :20], h_n[0])
assert_close(output[0, :, 20:], h_n[1])  # the reverse direction ends at step 0
assert (output[-1, 1:] == 0).all()

# %% [markdown]
r"""
In the forward direction alone, padding behind the end does no harm to the valid steps:
take `lengths - 1`, and no packing is needed. Two details trip people up. Packing has a
`batch_first` of its own, about the tensor that *it* is given; the layer's does not
matter for a packed input. And `lengths` stays on the CPU, even when the data are on a
GPU.
"""

# %%
unpacked, _ = layer(padded)
assert_close(unpacked[lengths - 1, torch.arange(3), :20], h_alone[0])
packed_b = pack_padded_sequence(padded.transpose(0, 1), lengths, batch_first=True)
assert_close(layer(packed_b)[1], (h_n, c_n))

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
assert "must be sorted in decreasing order" in refusal
h_0, c_0 = torch.randn(2, 3, 20), torch.randn(2, 3, 20)
packed = pack_padded_sequence(pad_sequence(mixed), mixed_lengths, enforce_sorted=False)
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
    outputs, steps = [], inputs.split(batch_sizes)
    for x in reversed(steps) if reverse else steps:
        n = len(x)
        running = step(x, tuple(old[:n] for old in state), *weights)
        state = tuple(
            torch.cat([new, old[n:]]) for new, old in zip(running, state, strict=True)
        )
        outputs.append(running[0])
    return torch.cat(outputs[::-1] if reverse else outputs), state


# %% [markdown]
r"""
With it `lstm.LSTM` takes packed sequences like PyTorch's layer, sorted or not, and
gives the same packed output:
"""

# %%
theirs = nn.LSTM(10, 20, num_layers=2, bidirectional=True)
ours = lstm.LSTM(10, 20, num_layers=2, bidirectional=True)
_ = ours.load_state_dict(theirs.state_dict())
got, want = ours(packed), theirs(packed)
assert_close(got[0].data, want[0].data)
assert torch.equal(got[0].batch_sizes, want[0].batch_sizes)
assert_close(got[1], want[1])  # in the order in which we gave the sequences
print(packed.batch_sizes.tolist(), tuple(got[0].data.shape))

# %% [markdown]
r"""
## 5.10 The tensor operations of hand-written models

The study notes explain these one by one, since their hand-written LSTMs use them. Here
is each, with what it is for.

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


assert [name for name, _ in Holder().named_parameters()] == ["kept"]
holder = Holder().double()
assert holder.kept.requires_grad
assert list(holder.state_dict()) == ["kept"]
assert (holder.kept.dtype, holder.forgotten.dtype) == (torch.float64, torch.float32)

# %% [markdown]
r"""
**`torch.Tensor(2, 1)`** and `torch.empty` reserve memory and leave in it whatever was
there. One of the notes says that they are filled with zeros, and prints other numbers
beside it: an honest contradiction. We cannot assert what garbage looks like. But when
deterministic algorithms are asked for, PyTorch fills uninitialised floating-point
memory with NaN, and both get it.
"""

# %%
torch.use_deterministic_algorithms(True)
assert torch.empty(2, 1).isnan().all()
assert torch.Tensor(2, 1).isnan().all()
assert torch.zeros(2, 1).eq(0).all()  # ask for zeros if you want zeros
torch.use_deterministic_algorithms(False)

# %% [markdown]
r"""
**`uniform_`** fills a tensor in place (the underscore says so) with random numbers from
a range. Hand-written LSTMs use $\pm 1/\sqrt{H}$.
"""

# %%
weight = nn.Parameter(torch.empty(4 * 128, 28))
bound = 1 / 128**0.5
with torch.no_grad():
    same = weight.uniform_(-bound, bound)
assert same is weight
assert weight.abs().max() <= bound

# %% [markdown]
r"""
**`unsqueeze`** adds an axis of size 1, **`transpose`** swaps two axes, **`torch.cat`**
joins along an axis that exists (`torch.stack` makes a new one). A loop over time
collects one $(1, N, H)$ a step and joins them; that is all there is to the end of a
hand-written forward pass.
"""

# %%
steps = [torch.full((2, 3), float(t)) for t in range(4)]  # four hidden states (N, H)
joined = torch.cat([h.unsqueeze(0) for h in steps], dim=0)
assert joined.shape == (4, 2, 3)  # (L, N, H)
assert torch.equal(joined, torch.stack(steps))
assert joined.transpose(0, 1).shape == (2, 4, 3)  # (N, L, H): batch first
# along the features, as two directions are joined
assert torch.cat(steps, dim=-1).shape == (2, 12)
joined[:, 0, 0]

# %% [markdown]
r"""
**`model.train()`** and **`model.eval()`** switch the layers that behave differently in
the two modes, above all dropout and batch normalisation. They do not switch gradients;
`torch.no_grad()` does that. (One exception: on a GPU, cuDNN's LSTM refuses the backward
pass in evaluation mode.)
"""

# %%
model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
numbers = torch.arange(12.0).reshape(4, 3)
torch.manual_seed(0)
model.train()
assert not torch.equal(model(numbers), model(numbers))
# training: the running mean and variance are updated
assert model[1].num_batches_tracked == 2
model.eval()
assert torch.equal(model(numbers), model(numbers))
assert model[1].num_batches_tracked == 2  # evaluation: they are used
assert model(numbers).requires_grad  # gradients are another matter

# %% [markdown]
r"""
**`Variable`** was, before PyTorch 0.4 (2018), the wrapper that made a tensor remember
its gradients. One of the notes still says that tensors cannot be backpropagated
through. They can. The name still exists, and gives back a plain tensor.
"""

# %%
tensor = torch.tensor([2.0], requires_grad=True)
(tensor**3).backward()
assert tensor.grad.item() == 12.0  # 3 * 2**2, without any wrapper
assert type(torch.autograd.Variable(torch.ones(2))) is torch.Tensor

# %% [markdown]
r"""
## 5.11 What this chapter does not show

- Which shape is *fast*. `batch_first` costs a transpose at most; packing saves work on
  long padding and costs some bookkeeping. Measure in your case.
- The shapes of `nn.GRU`: as above without `c_0`, `c_n` and projection, with $3H$ in
  place of $4H$. `lstm.shapes` lists them with `kind="GRU"`; chapter 6 is about it.
- That a program whose shapes fit is right: several of the traps above passed without an
  error.

## Summary

- $(L, N, D)$ in, $(L, N, H)$ out, states $(K, N, H)$ with $K$ = layers × directions.
  `batch_first` changes the first two only.
- `h_n` goes layer by layer, forward then reverse; `h_n.view(layers, directions, N, H)`
  takes it apart.
- Dropout acts between layers in training; projection shortens $h$, not $c$.
- Pad to make a batch, pack to keep the padding out. The last valid output is at
  `lengths - 1`, or in `h_n`.

## Exercises

1. *(easy)* Give all shapes of `nn.LSTM(7, 11, num_layers=2, batch_first=True)` for an
   input `(4, 9, 7)` on paper; then print the table.
2. *(easy)* How many parameters does a bias-free LSTM save? Say it as a formula, and
   check it with `lstm.shapes.count`.
3. *(medium)* Write `summary(h_n, layers, bidirectional)`, which gives the last layer's
   final states side by side for any layer.
4. *(medium)* Average the outputs over the *valid* steps of each sequence in a padded
   batch, without a loop.
5. *(medium)* Take a two-layer LSTM apart as in section 5.7. Estimate by many draws that
   the mean of what layer 2 receives is what it receives in evaluation mode. Is the mean
   of its *output* the same, too? Why not?
6. *(hard)* Show by gradients that in a packed batch no output depends on any padding.
7. *(hard)* For which $P$ does a one-layer projected LSTM have fewer parameters than a
   plain one of the same $H$? Derive the bound and test it around the boundary.

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
