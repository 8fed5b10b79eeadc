# ---
# part: Look closer
# question: What can be left out, and what does PyTorch's source do?
# proved: >-
#   `lstm.LSTM`, `lstm.GRU` and their cells equal PyTorch's, for every combination of
#   arguments
# minutes: 1
# ---

# %% [markdown]
r"""
# 6. The GRU, and a reading of PyTorch's source

**What you will build.** A gated recurrent unit (GRU), by hand with numbers for a
pencil, from bare tensors, and as a layer that equals `torch.nn.GRU` in outputs, states
and every gradient.

**What you will learn.** What a GRU leaves out of an LSTM and what that costs. Why two
libraries that both say "GRU" can give different numbers for the same weights, and which
form is PyTorch's. Whether one of the two learns better, once each has its own learning
rate. What PyTorch overlooks in a packed batch, and where in its source that happens.
And which gates came after.

**What you need.** Chapters 1 to 5.
"""

# %%
import math
from unittest.mock import patch

import torch
from torch import nn
from torch.nn.functional import dropout, linear, one_hot
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

import lstm
from lstm import bench, figures, parity, studies
from lstm.figures import plt
from lstm.studies import gated

device = lstm.pick_device()
# a GPU's nn.LSTM would round its factors to 10 bits; code by hand does not
lstm.full_precision()

# %% [markdown]
r"""
## 6.1 Two gates and one state

At every step an LSTM decides three things: what to write, what to keep and what to show
(section 1.4). Do they need three gates? The first two decide about the same place. If a
unit keeps 0.88 of its number, then 0.12 of the place is free, and one gate $z$ could
answer both questions: the new state is $z$ times the old one plus $1 - z$ times the
candidate. With an old state of 0.5 and a candidate of −0.46,

$$0.88 \cdot 0.5 + 0.12 \cdot (-0.46) \approx 0.385.$$

That is a weighted average, and an average lies between its parts. The cell of section
1.10 can grow from step to step, and so needs a tanh on its way out. An average cannot
grow: a state that starts within $(-1, 1)$ stays there, since the candidate lies there,
too. So it can be shown as it is, and there need be no second state behind it.

One thing would be lost. A state that is always shown always takes part in the next
candidate, even where it is kept for later. So there is a second gate, $r$, that decides
how much of the old state the candidate may see. At $r = 0$ the candidate is made of the
input alone, whatever the unit remembers.

This is the **gated recurrent unit** (GRU) of
[Cho et al. (2014)](https://arxiv.org/abs/1406.1078), seventeen years younger than the
LSTM: one state $\mathbf{H}_t$ and two gates, the **update gate** $\mathbf{Z}_t$ and the
**reset gate** $\mathbf{R}_t$.
"""

# %%
#| fig-alt: >-
#|   The GRU cell. Above, the old state is scaled by the update gate Z and added to the
#|   candidate times 1 minus Z. At the right it first passes its matrix, then the reset
#|   gate R, and joins the input in the candidate's tanh.
figures.gru_cell("after")
plt.show()

# %% [markdown]
r"""
Follow the upper line: the old state is scaled, something is added, and what arrives is
the new state. That is the LSTM's cell line, without an output gate at its end. With
$\mathbf{X}_t \in \mathbb{R}^{N \times D}$ and states, gates and candidate in
$\mathbb{R}^{N \times H}$, as in chapter 1,

$$
\mathbf{R}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xr} + \mathbf{H}_{t-1} \mathbf{W}_{hr}
  + \mathbf{b}_r), \tag{6.1}
$$

$$
\mathbf{Z}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xz} + \mathbf{H}_{t-1} \mathbf{W}_{hz}
  + \mathbf{b}_z), \tag{6.2}
$$

$$
\tilde{\mathbf{H}}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xn} + \mathbf{b}_{xn}
  + \mathbf{R}_t \odot (\mathbf{H}_{t-1} \mathbf{W}_{hn} + \mathbf{b}_{hn})), \tag{6.3}
$$

$$
\mathbf{H}_t = \mathbf{Z}_t \odot \mathbf{H}_{t-1}
  + (1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t. \tag{6.4}
$$

PyTorch calls the candidate $n$, for *new*; hence the index. The candidate has two
biases, and section 6.3 shows why they cannot be added into one, as an LSTM's can. This
is the form that PyTorch computes; there is another, also in section 6.3. (Beware when
reading on: Chung et al. (2014) exchange the two parts of (6.4), so that their $z$ is
our $1 - z$.)

Numbers for a pencil: one unit, $X_t = 1$, $H_{t-1} = 0.5$.

| | $W_x$ | $W_h$ | $b$ | weighted sum |
|---|---|---|---|---|
| reset gate | 1 | −2 | 0 | 1·1 − 2·0.5 + 0 = **0** |
| update gate | 1 | 2 | 0 | 1·1 + 2·0.5 + 0 = **2** |
| candidate | −1 | 2 | 0, 0 | −1·1 + R·(2·0.5) |

The reset gate is 0.5: the candidate sees half, $-1 + 0.5 \cdot 1 = -0.5$, and its tanh
is −0.46. The update gate is 0.88, and the state becomes the 0.385 from above.
"""

# %%
x, h = 1.0, 0.5
r, z = (1 / (1 + math.exp(-weighted)) for weighted in (x - 2 * h, x + 2 * h))
n = math.tanh(-x + r * (2 * h))
pencil = z * h + (1 - z) * n
print(f"r = {r:.4f}   z = {z:.4f}   n = {n:.4f}   new h = {pencil:.4f}")

# %% [markdown]
r"""
The package's step, quoted. Weights stand as PyTorch stores them, transposed and stacked
in the order $r, z, n$.
"""


# %%
# lstm/steps.py
def gru_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the GRU as torch computes it; the gates are stacked as r, z, n.

    x: (N, D)   state: (h,), h: (N, H)
    w_ih: (3H, D)   w_hh: (3H, H)   b_ih, b_hh: (3H)
    Source: Cho et al. (2014), the first preprint: the reset gate after the product.
    """
    (h,) = state
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, dim=-1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    # the reset gate comes after the product; the published paper puts it before
    n = (n_x + r * n_h).tanh()
    return ((1 - z) * n + z * h,)


# %% [markdown]
r"""
The same numbers by the step, and by PyTorch's cell:
"""

# %%
weights = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[-2.0], [2.0], [2.0]])
zeros = torch.zeros(3), torch.zeros(3)
(by_step,) = gru_step(torch.tensor([[x]]), (torch.tensor([[h]]),), *weights, *zeros)

cell = nn.GRUCell(1, 1)
names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
_ = cell.load_state_dict(dict(zip(names, (*weights, *zeros), strict=True)))
by_torch = cell(torch.tensor([[x]]), torch.tensor([[h]]))
print(f"pencil {pencil:.6f}   step {by_step.item():.6f}   torch {by_torch.item():.6f}")

# %%
#| check: >-
#|   Pencil, step and torch.nn.GRUCell agree, and the text has rounded rightly.
for value, in_text in zip((r, z, n, pencil), (0.5, 0.88, -0.46, 0.385), strict=True):
    assert abs(value - in_text) < 0.005
assert abs(by_step.item() - pencil) < 1e-6
assert_close(by_torch, by_step)

# %% [markdown]
r"""
A sequence takes one step after another, and the state is handed on. That loop is the
same for every step in this book:
"""


# %%
# lstm/steps.py
def scan(step, inputs, state, weights, reverse=False):
    """Apply one step along a sequence, or from its end, carrying the state.

    inputs: (L, N, D)
    ->   outputs: (L, N, H), the hidden state after every step; and the last state
    """
    outputs = []
    for x in inputs.flip(0) if reverse else inputs:
        state = step(x, state, *weights)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if reverse else outputs), state


# %% [markdown]
r"""
And the range? We run 200 steps on random inputs, with weights of size 1, from a state
of 0 and from a state of 3, and look at the largest number in the state.
"""

# %%
torch.manual_seed(0)
weights = torch.randn(15, 3), torch.randn(15, 5)
inputs = torch.randn(200, 2, 3)
largest = {}
for start in (0.0, 3.0):
    first = (torch.full((2, 5), start),)
    largest[start] = scan(gru_step, inputs, first, weights)[0].abs().amax((1, 2))
    shown = [f"{largest[start][t - 1]:.3f}" for t in (1, 2, 5, 20, 200)]
    print(f"from {start:.0f}: after 1, 2, 5, 20, 200 steps", *shown)

# %% [markdown]
r"""
From 0 the state stays within $(-1, 1)$. From 3 it does not start there, and is only
drawn inwards: from step to step no number grows beyond the larger of its own old size
and 1.
"""

# %%
#| check: >-
#|   From 0 the state stays below 1 for 200 steps; from 3 it is above 1 at first and
#|   below 1 in the end, and never larger than 3.
assert largest[0.0].max() < 1
assert largest[3.0].max() <= 3
assert largest[3.0][1] > 1 > largest[3.0][-1]

# %% [markdown]
r"""
## 6.2 Beside the LSTM

| | LSTM | GRU |
|---|---|---|
| states | hidden state and cell | hidden state |
| keeps the old | $\mathbf{F}_t \odot \mathbf{C}_{t-1}$ | $\mathbf{Z}_t \odot \mathbf{H}_{t-1}$ |
| adds the new | $\mathbf{I}_t \odot \tilde{\mathbf{C}}_t$ | $(1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t$ |
| range of what is kept | unbounded | $(-1, 1)$, if $\mathbf{H}_0$ lies there |
| shows | $\mathbf{O}_t \odot \tanh \mathbf{C}_t$ | the state itself |
| the candidate sees | the shown state | the state, reset |
| blocks of weights | 4 | 3 |

How near are they? Tie an LSTM's gates together, $\mathbf{I}_t = 1 - \mathbf{F}_t$, and
let it show its cell as it is. Then it is a GRU whose reset gate is open. We write that
LSTM down and compare, over a whole sequence.
"""


# %%
def tied_step(x, state, w_ih, w_hh):
    """An LSTM's step with i = 1 - f and h = c; w_ih, w_hh: the rows of f, then of g."""
    (c,) = state
    f, g = (linear(x, w_ih) + linear(c, w_hh)).chunk(2, dim=-1)
    f = f.sigmoid()
    return (f * c + (1 - f) * g.tanh(),)


torch.manual_seed(0)
w_ih, w_hh = torch.randn(10, 3).double(), torch.randn(10, 5).double()
x, start = torch.randn(7, 2, 3).double(), (torch.randn(2, 5).double(),)
tied, _ = scan(tied_step, x, start, (w_ih, w_hh))

# the GRU: z has f's rows, n has g's, and a bias of 1000 opens r
no_rows = torch.zeros(5, 3).double(), torch.zeros(5, 5).double()
gru_weights = torch.cat([no_rows[0], w_ih]), torch.cat([no_rows[1], w_hh])
open_reset = torch.cat([torch.full((5,), 1e3), torch.zeros(10)]).double()
outputs, _ = scan(gru_step, x, start, (*gru_weights, open_reset))
apart = (outputs - tied).abs().max().item()
print(outputs.numel(), "numbers; largest difference below 1e-12:", apart < 1e-12)

# %%
#| check: >-
#|   The tied LSTM and the GRU with an open reset gate have the same states.
assert_close(outputs, tied)

# %% [markdown]
r"""
So the GRU is the smaller sibling: it cannot grow a number step by step, as the cell did
in section 1.10, and it can hide what it keeps from its own candidate, but not from what
comes after.

## 6.3 Two forms of one gate

The reset gate can stand in two places. In (6.3) it comes *after* the product of state
and matrix. It can come *before*:

$$
\tilde{\mathbf{H}}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xn}
  + (\mathbf{R}_t \odot \mathbf{H}_{t-1}) \mathbf{W}_{hn} + \mathbf{b}_n). \tag{6.5}
$$
"""

# %%
#| fig-alt: >-
#|   The GRU cell again, changed in its right-hand column only: there the old state is
#|   multiplied by the reset gate R first, and what comes out goes through the matrix
#|   and on to the candidate's tanh.
figures.gru_cell("before")
plt.show()

# %% [markdown]
r"""
Compare the right-hand columns of the two figures: box and circle have changed places.
*Dive into Deep Learning* and the published paper have (6.5). PyTorch has (6.3), and its
[documentation](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html) says
so in a note: for efficiency. The note speaks of "the original paper"; according to
[TensorFlow's
documentation](https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/keras/layers/GRU),
the paper's first preprint had (6.3) and its third (6.5), so that each side can claim
the original. The package has (6.5), too, named for what it is:
"""


# %%
# lstm/steps.py
def gru_step_reset_before(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the GRU that resets the state before the product.

    Shapes and the order of the gates are those of `gru_step`; the function is another.
    Source: Cho et al. (2014), as published.
    """
    (h,) = state
    sizes = [2 * h.shape[-1], h.shape[-1]]
    w_rz, w_n = w_hh.split(sizes)
    b_rz, b_n = (None, None) if b_hh is None else b_hh.split(sizes)
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h = linear(h, w_rz, b_rz).chunk(2, dim=-1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = (n_x + linear(r * h, w_n, b_n)).tanh()
    return ((1 - z) * n + z * h,)


# %% [markdown]
r"""
On the same weights the two differ, and not by rounding. They agree where the reset gate
is open. We also count the matrix products of a step, by putting a `linear` that keeps a
list into the place of the one that both functions call.
"""

# %%
torch.manual_seed(0)
cell = nn.GRUCell(3, 5).double()
weights = [p.detach().clone() for p in cell.parameters()]
x, h = torch.randn(2, 3).double(), torch.randn(2, 5).double()
forms = {"after, (6.3)": gru_step, "before, (6.5)": gru_step_reset_before}


def counted(x, weight, bias=None):
    """Linear, with a list of the matrices that it was called with."""
    products.append(tuple(weight.shape))
    return nn.functional.linear(x, weight, bias)


by_form = {}
for name, step in forms.items():
    products = []
    with patch.dict(globals(), linear=counted):
        (by_form[name],) = step(x, (h,), *weights)
    print(f"{name:14} products with matrices", *products)

after, before = by_form.values()
weights[2][:5] = 1e3  # the bias of r
opened = [step(x, (h,), *weights)[0] for step in forms.values()]
print(f"they differ by up to {(before - after).abs().max():.3f}", end="; ")
print(f"with the reset gate open by {(opened[0] - opened[1]).abs().max():.0f}")

# %% [markdown]
r"""
Here is the efficiency that the note speaks of. In (6.3) all three products with the
state are one, with a matrix of 15 rows, made before any gate is known. In (6.5) the
third has to wait for the reset gate, and a step has one product more, after the others.
"""

# %%
#| check: >-
#|   The two forms differ by more than 0.01 on the same weights, agree where the reset
#|   gate is open, and PyTorch's cell is the first.
assert (before - after).abs().max() > 0.01
assert_close(*opened)
assert_close(after, cell(x, h))

# %% [markdown]
r"""
What follows? Weights trained in one form must not be run in the other. And in PyTorch's
form the candidate's two biases are *not* interchangeable: $\mathbf{b}_{hn}$ stands
inside the reset gate's bracket, $\mathbf{b}_{xn}$ outside. We move the second bias into
the first, for the gates and then for the candidate, too, and see what the cell says.
"""

# %%
merged, changes = nn.GRUCell(3, 5).double(), {}
_ = merged.load_state_dict(cell.state_dict())
for part, rows in {"r and z": slice(0, 10), "n": slice(10, 15)}.items():
    with torch.no_grad():
        merged.bias_ih[rows] += merged.bias_hh[rows]
        merged.bias_hh[rows] = 0
    changes[part] = (merged(x, h) - cell(x, h)).abs().max().item()
    print(f"biases of {part:7} merged: the new state changes by {changes[part]:.3f}")

# %%
#| check: >-
#|   Merging the gates' biases changes nothing beyond rounding, as in an LSTM (chapter
#|   3); merging the candidate's changes the state.
assert changes["r and z"] < 1e-15
assert changes["n"] > 1e-3

# %% [markdown]
r"""
## 6.4 From bare tensors

Chapter 2's manner, for the GRU: eleven tensors, a state, a loop. The form is (6.5), as
in *Dive into Deep Learning*, and so are the names: there the candidate's index is $h$.
"""


# %%
# lstm/scratch.py
def get_gru_params(vocab_size, num_hiddens, device=None):
    """The 11 parameters: a triple each for the gates z, r and the candidate h; output.

    Returns [W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q].
    Shapes, scale and errors are those of `get_lstm_params`, with one triple less.
    """
    return get_lstm_params(vocab_size, num_hiddens, device)[3:]


def init_gru_state(batch_size, num_hiddens, device=None):
    """The state before the first step, (h,): zeros, (N, H)."""
    return (torch.zeros(batch_size, num_hiddens, device=device),)


def scratch_gru(inputs, state, params):
    """Run the GRU along a sequence and score the next symbol at every step.

    inputs: (L, N, V), one-hot   state: (h,), (N, H)
    ->   scores: (L*N, V), step after step; and the last (h,)
    Source: Cho et al. (2014), the reset before the product, as in Dive into Deep
    Learning.
    """
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (h,) = state
    scores = []
    for x in inputs:
        z = torch.sigmoid(x @ W_xz + h @ W_hz + b_z)  # (N, H), as r and n
        r = torch.sigmoid(x @ W_xr + h @ W_hr + b_r)
        n = torch.tanh(x @ W_xh + (r * h) @ W_hh + b_h)  # the candidate
        h = z * h + (1 - z) * n
        scores.append(h @ W_hq + b_q)  # (N, V)
    return torch.cat(scores), (h,)


# %%
from lstm import get_lstm_params

torch.manual_seed(0)
params = [torch.randn_like(p).double() for p in get_gru_params(28, 16)]
symbols = torch.randint(28, (9, 2))
inputs = one_hot(symbols, 28).double()
(start,) = (state.double() for state in init_gru_state(2, 16))
scores, (last,) = scratch_gru(inputs, (start,), params)
print(len(params), "tensors; scores", tuple(scores.shape), "  h", tuple(last.shape))

# %% [markdown]
r"""
`lstm.gru_to_torch` stacks and transposes the eleven into PyTorch's layout. With them
the step of (6.5) gives the same states. `nn.GRU` takes the same weights without
complaint, and gives other states.
"""

# %%
layout, _ = lstm.gru_to_torch(params)
states, (end,) = scan(gru_step_reset_before, inputs, (start,), layout.values())
concise = nn.GRU(28, 16).double()
_ = concise.load_state_dict(layout)
difference = (concise(inputs)[0] - states).abs().max().item()
print(f"nn.GRU's states differ from ours by up to {difference:.2f}")

# %%
#| check: >-
#|   The eleven tensors and the step of (6.5) give one last state and the same scores;
#|   nn.GRU's states differ by more than 0.1.
assert_close(end, last)
assert_close((states @ params[-2] + params[-1]).flatten(0, 1), scores)
assert difference > 0.1

# %% [markdown]
r"""
## 6.5 The layer

`lstm.GRU` is `scan` over `gru_step`, with PyTorch's names: layers, directions, dropout,
packed sequences, as for the LSTM. The test is the usual one, here with three layers and
two directions, over one packed batch of four sequences: outputs, last state, all
gradients, in 64-bit floats.
"""

# %%
torch.manual_seed(0)
theirs = nn.GRU(3, 5, num_layers=3, bidirectional=True).double()
ours = lstm.GRU(3, 5, num_layers=3, bidirectional=True).double()
_ = ours.load_state_dict(theirs.state_dict())
x = torch.randn(6, 4, 3).double().requires_grad_()
h_0 = torch.randn(6, 4, 5).double().requires_grad_()
results = []
for layer in (ours, theirs):
    packed = pack_padded_sequence(x, [2, 6, 1, 5], enforce_sorted=False)
    output, h_n = layer(packed, h_0)
    torch.manual_seed(1)
    tensors = output.data, h_n
    scalar = sum((torch.randn_like(t) * t).sum() for t in tensors)
    gradients = torch.autograd.grad(scalar, [x, h_0, *layer.parameters()])
    results.append([*tensors, *gradients])
apart = max((a - b).abs().max().item() for a, b in zip(*results, strict=True))
print(len(results[0]), "tensors: output, h_n and", len(results[0]) - 2, "gradients")
print("largest difference below 1e-12:", apart < 1e-12)

# %%
#| check: >-
#|   Outputs, last state and all 26 gradients agree.
assert_close(*results)
assert len(results[0]) == 28

# %% [markdown]
r"""
The state is one tensor, not a pair. Beware: `output, (h, c) = gru(x)` raises no error
when there are just two stacked states, since a tensor of two rows unpacks, too.
"""

# %%
_, (h, c) = nn.GRU(3, 5, num_layers=2)(torch.zeros(7, 4, 3))
print("called h:", tuple(h.shape), "  called c:", tuple(c.shape), "  but no cell")

# %% [markdown]
r"""
What stands there as `h` and `c` are the states of the two layers. Every tensor of one
layer, with 20 inputs and 25 units:
"""

# %%
lstm.shapes.table(20, 25, length=5, batch=10, kind="GRU")

# %% [markdown]
r"""
The notes' example: input `(5, 10, 20)`, that is 5 steps of 10 sequences, into four
layers: an LSTM of 40 units and a GRU of 25, in two directions and in one, by PyTorch's
layers and by ours. (`python -m lstm shapes GRU --help` says how to ask for others.)
"""

# %%
x = torch.randn(5, 10, 20)
for name, hidden in (("LSTM", 40), ("GRU", 25)):
    for two in (True, False):
        arguments = {"num_layers": 4, "bidirectional": two}
        shapes = [
            tuple(getattr(package, name)(20, hidden, **arguments)(x)[0].shape)
            for package in (nn, lstm)
        ]
        assert shapes == [(5, 10, 2 * hidden if two else hidden)] * 2
        print(f"{name:4}  bidirectional={two!s:5}  output {shapes[0]}")

# %% [markdown]
r"""
## 6.6 LSTM and GRU at equal size, and at equal parameters

A block of weights and biases has $H(D + H + 2)$ numbers. A GRU has three, an LSTM four:
at equal size, a quarter fewer. For as many parameters as an LSTM of 256 units (28
inputs), a GRU gets 298.
"""

# %%
#| fold: >-
#|   The parameters of four layers, by the package's arithmetic of shapes.
count = lstm.shapes.count
sizes = [("RNN", 256), ("GRU", 256), ("GRU", 298), ("LSTM", 256)]
rows = [(name, size, f"{count(28, size, kind=name):,}") for name, size in sizes]
lstm.Table(("layer", "units", "parameters"), rows)

# %%
#| check: >-
#|   The formula gives the LSTM's number; the GRU of equal size has three quarters of
#|   it, the one of 298 units the same within 0.2 %.
assert count(28, 256) == 4 * 256 * (28 + 256 + 2)
assert 4 * count(28, 256, kind="GRU") == 3 * count(28, 256)
assert abs(count(28, 298, kind="GRU") / count(28, 256) - 1) < 0.002

# %% [markdown]
r"""
Is fewer also faster? These are speeds from `make bench`, training steps of the shape of
chapter 2, measured side by side on the machine that the first line names:
"""

# %% tags=["nbval-ignore-output"]
#| fold: >-
#|   Reading the committed benchmark.
rows, machines = [], []
for report in bench.results():
    speeds = report["tasks"]["gru"]["speeds"]
    against = speeds["torch.nn.LSTM, 256 units"]
    for name, speed in speeds.items():
        rows.append((name, f"{speed:,}", f"{speed / against:.2f} ×"))
    about = report["machine"]
    machines.append(f"{about['device']}, torch {about['torch']}, {about['date']}")
print("make bench;", "; ".join(machines))
lstm.Table(("layer", "tokens/s", "against the LSTM"), rows)

# %% [markdown]
r"""
On this processor the network with fewer parameters is the slower one. That is not
arithmetic: on a CPU, PyTorch hands an LSTM to Intel's oneDNN library and has no such
kernel for a GRU. In the last row oneDNN is switched off, and nothing else is changed:
the LSTM runs in the same plain loop as the GRU. Now the GRU leads at equal size, by a
fifth (three blocks against four would give a third), and at equal parameters it is 7
per cent behind. A speed belongs to an implementation, not to a set of equations.

### Which learns better?

We train four models to predict the next letter of *The Time Machine*: an LSTM, the same
with a forget bias of 1, a GRU of the same size, and a GRU with as many parameters as
the LSTM; each with one layer and with two.
"""

# %%
#| fold: >-
#|   The sizes of the four models.
rows = []
for layers in (1, 2):
    for name, units in gated.UNITS.items():
        kind = name.partition(",")[0]
        parameters = count(28, units[layers], num_layers=layers, kind=kind)
        rows.append((name, layers, units[layers], f"{parameters:,}"))
lstm.Table(("model", "layers", "units", "parameters"), rows)

# %% [markdown]
r"""
This chapter once trained them at one learning rate, 0.004, and said that the GRUs learn
faster. That was our own mistake: it is true of that rate, not of the models. A fair
comparison gives each model the rate that suits it. So we train each at six rates, a
factor of two apart, from three seeds (with two layers the outermost rates from one,
only to see that the best lies between them): 600 updates of 32 windows of 50 letters,
with Adam, gradients clipped to norm 1. The last tenth of the text is held out; training
perplexity is that of the last 50 updates, from their mean loss. That is more than a
chapter can train while you read, so the runs were made beforehand.
"""

# %%
#| fold: >-
#|   Sorting the study's rows by model and learning rate.
rows = studies.load("gated")


def by_rate(measure, layers):
    """{model: {learning rate: [a value for each seed]}}"""
    found = {model: {lr: [] for lr in gated.RATES} for model in gated.UNITS}
    for row in studies.select(rows, layers=layers):
        found[row["model"]][row["lr"]].append(row[measure])
    return found


results = {
    (measure, layers): by_rate(measure, layers)
    for measure in ("training", "held_out")
    for layers in (1, 2)
}

# %%
#| fig-alt: >-
#|   Four panels, training and held-out, of one and of two layers: perplexity against
#|   the learning rate. Every curve falls and rises again. At the low rates the GRUs
#|   lie below the LSTMs, at 0.032 above.
names = {"training": "training", "held_out": "held-out", 1: "1 layer", 2: "2 layers"}
titles = {
    f"{names[measure]}, {names[layers]}": found
    for (measure, layers), found in results.items()
}
figures.sweep(titles, "learning rate", "perplexity", ylim=(3.5, 7.5))
plt.show()

# %%
print(len(rows), "runs;", studies.about("gated"))

# %% [markdown]
r"""
Each mark is a run, each line joins the means over the seeds, and what lies above 7.5 is
drawn at the upper edge. Nearly every curve falls and rises again, but not at the same
place. With one layer the GRUs are at their best at rates at which the LSTMs are still
on their way down: at 0.004 both GRUs are ahead of both LSTMs, at 0.032 both are behind,
and by as wide a margin. A comparison at one rate measures the rate.

What is left of a ranking? Here is the best rate of each model, by the mean over the
seeds, and the least and largest value of the three seeds there:
"""

# %%
#| fold: >-
#|   Each model's best rate, for training and for held-out text.
table = []
for layers in (1, 2):
    for model in gated.UNITS:
        row = [model, layers]
        for measure in ("training", "held_out"):
            found = results[measure, layers][model]
            means = {lr: sum(values) / len(values) for lr, values in found.items()}
            lr = min(means, key=means.get)
            spread = f"{min(found[lr]):.2f} to {max(found[lr]):.2f}"
            row += [f"{lr:g}", f"{means[lr]:.2f} ({spread})"]
        table.append(row)
header = "model", "layers", "rate", "training perplexity", "rate", "held-out perplexity"
lstm.Table(header, table)

# %% [markdown]
r"""
With one layer each seed of the LSTM is ahead of every seed of the GRUs, though in
training by little. With two layers both GRUs are ahead of it by the mean, but on the
held-out text the seeds overlap: two of the LSTM's three lie within the range of the
GRUs'. So neither kind of network is the better one on this text: the order hangs on the
depth, and on the held-out text the LSTM and the GRUs, each at its best rate, lie 1 to 3
per cent apart. At the LSTM's best rate a GRU loses 6 to 19 %; at a GRU's best
rate the LSTM loses 6 at most. What the GRUs have is that a lower rate serves them; what
the LSTM has is that it bears a higher one. By the mean, in training and held-out, with
one layer and with two, the larger GRU is a little ahead of the smaller, and an LSTM
with a forget bias of 1 behind the same LSTM without it. ([Jozefowicz et al.
(2015)](https://proceedings.mlr.press/v37/jozefowicz15.html) recommend that bias after
larger experiments, so do not read too much into this, either.)

The study's first hundred updates can be repeated here, for one layer at the rate of the
old mistake.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()
vocab = lstm.data.Vocab(text)
symbols = vocab.encode(text)
training = lstm.data.windows(symbols[: int(0.9 * len(symbols))], gated.LENGTH)


def first_updates(name, lr, seed, steps=100):
    """The loss at each of the first updates of one point of the study."""
    order = torch.Generator().manual_seed(seed)
    windows = TensorDataset(*training)
    batches = DataLoader(windows, gated.BATCH, shuffle=True, generator=order)
    torch.manual_seed(seed)
    model = lstm.LanguageModel(gated.make(name, len(vocab))).to(device)
    return lstm.fit(model, batches, lstm.TrainConfig(steps=steps, lr=lr)).losses


live, kept = {}, {}
print("mean loss of updates 51 to 100        here   in the study")
for name in gated.UNITS:
    live[name] = sum(first_updates(name, 4e-3, seed=0)[50:]) / 50
    row = studies.select(rows, model=name, layers=1, lr=4e-3, seed=0)[0]
    kept[name] = row["early"]
    print(f"{name:34} {live[name]:7.3f} {kept[name]:14.3f}")

# %%
#| check: >-
#|   On the study's text the losses here are the study's within 0.02; on any text both
#|   GRUs are ahead of both LSTMs after 100 updates at this rate.
if lstm.data.find_text().name == "timemachine.txt":
    assert all(abs(live[name] - kept[name]) < 0.02 for name in live)
assert max(live["GRU"], live["GRU, larger"]) < min(list(live.values())[:2])

# %% [markdown]
r"""
### And a task that needs memory?

On letters, then, little separates the two once each has its rate. Chapter 1's task told
them apart by far: name, after 20 symbols, the key that came first. Here are its rows
for networks of 32 units, at four learning rates and three seeds each, with 3,000
updates at most.
"""

# %%
#| fold: >-
#|   Counting the study of chapter 1.
recalled = studies.select(studies.load("recall"), length=20, units=32)
table = []
for layer in ("LSTM", "LSTM, forget bias 1", "LSTM, forget bias 3", "GRU"):
    found = [row["updates"] for row in studies.select(recalled, layer=layer)]
    needed = [n for n in found if n is not None]
    learned = f"{len(needed)} of {len(found)}"
    table.append((layer, learned, f"{min(needed):,} to {max(needed):,}"))
print(studies.about("recall"))
lstm.Table(("model", "runs that learned it", "after this many updates"), table)

# %% [markdown]
r"""
The GRU learned it in every run, the LSTM as PyTorch starts it in two of twelve. So what
a network can be trained to remember and what it is worth on letters are two questions,
and a ranking in one is none in the other. The forget bias shows that most clearly: a
bias of 1 brings the LSTM through in eleven runs of twelve on the task of memory, and on
letters it brought nothing.
"""

# %% [markdown]
r"""
## 6.7 What PyTorch overlooks, and where

Suppose that you carry a network's state from one batch to the next, and that the last
batch of the epoch is smaller: two sequences instead of three. With an ordinary input
PyTorch notices. With a packed one it may not. We give `nn.LSTM` and `nn.GRU` states for
*three* sequences and a packed batch of *two*; then we put 1,000 into the third state
and look what changes.
"""

# %%
torch.manual_seed(0)
packed = pack_padded_sequence(torch.randn(7, 2, 3), [5, 7], enforce_sorted=False)
three = torch.randn(1, 3, 5)
spoiled = three.clone()
spoiled[:, 2] = 1000


def run(layer, inputs, state):
    """The layer's output from a state: for an LSTM the same for h and c."""
    output, _ = layer(inputs, (state, state) if layer.mode == "LSTM" else state)
    return output.data if isinstance(inputs, PackedSequence) else output


overlooked = {}
theirs = {"LSTM": nn.LSTM(3, 5), "GRU": nn.GRU(3, 5)}
for name, layer in theirs.items():
    try:
        change = run(layer, packed, spoiled) - run(layer, packed, three)
        overlooked[name] = change.abs().max().item()
        print(f"nn.{name}: accepted; the outputs change by {overlooked[name]:.0f}")
    except RuntimeError as error:  # a later PyTorch that looks closer
        print(f"nn.{name}: refused. {error}")

# %% [markdown]
r"""
Both accept it, and the third state takes part in nothing: it was dropped without a
word. Which two of the three were meant, nobody asked. The same states with the same two
sequences as an ordinary batch, and then the package's layers with the packed one:
"""

# %%
refusals = {}
attempts = {
    "nn.LSTM, not packed": (theirs["LSTM"], torch.zeros(7, 2, 3)),
    "nn.GRU, not packed": (theirs["GRU"], torch.zeros(7, 2, 3)),
    "lstm.LSTM, packed": (lstm.LSTM(3, 5), packed),
    "lstm.GRU, packed": (lstm.GRU(3, 5), packed),
}
for name, (layer, inputs) in attempts.items():
    try:
        run(layer, inputs, three)
    except RuntimeError as error:
        refusals[name] = str(error)
        print(f"{name:20} {error}")

# %%
#| check: >-
#|   As of PyTorch 2.13 the packed batch is accepted and the third state unused; the
#|   other four attempts are refused.
assert list(overlooked.values()) == [0, 0] or torch.__version__ >= "2.14"
assert refusals.keys() == attempts.keys()

# %% [markdown]
r"""
Where does it come from? `torch.nn.LSTM` and `torch.nn.GRU` live in
`torch/nn/modules/rnn.py`; `inspect.getsourcefile(nn.LSTM)` says where that lies on your
machine, and this is a reading of version 2.13. A packed batch is sorted by length,
longest first, and the states that you give are in *your* order. So `forward` permutes
them before the computation and back after it. For a packed input `LSTM.forward` checks
no state at all, and `GRU.forward` checks after the permutation. But the permutation
picks as many states as there are sequences:
"""

# %%
order = packed.sorted_indices
picked = theirs["GRU"].permute_hidden(three, order)
print("order", order.tolist(), "  before", tuple(three.shape), "  after", end=" ")
print(tuple(picked.shape))

# %% [markdown]
r"""
What the check sees afterwards is right in shape. If you sorted the sequences yourself,
there is nothing to permute, `sorted_indices` is `None`, and the mistake is found: by
the check in a GRU, by C++ in an LSTM. C++ finds other mistakes of this kind, too, but
in its own words. Our layers check first and permute afterwards.

Now the whole of the file, in our layers' order (for a packed batch PyTorch does step 4
before step 3, or without it). It is long for what it does: most of it is book-keeping,
and the arithmetic is elsewhere.

| step | PyTorch, `rnn.py` | the package |
|---|---|---|
| 1. make and name the parameters | `RNNBase.__init__`, `_flat_weights_names` | `shapes.parameters` |
| 2. keep them as one flat list | `_flat_weights`, `flatten_parameters` | `all_weights`, on demand |
| 3. check what is given | `forward`, `check_forward_args` | `checks.layer_call` |
| 4. put a packed batch's states in order | `permute_hidden` | `permute` |
| 5. compute | `_VF.lstm`, `_VF.gru`, in C++ | `along`, `run_layers`, `scan`, `scan_packed`, `scan_reset` |
| 6. hand back | `forward`, at its end: packed, unbatched or batched, as it came | `forward`, likewise |

**Steps 1 and 2.** The constructor makes the parameters layer by layer, direction by
direction, and sets each as an attribute. Beside them it keeps `_flat_weights`, the same
parameters in one list, since that is what the C++ function takes. Two copies of one
fact have to be kept alike, and much of the file does just that: `__setattr__` watches
for a weight that is replaced, `_apply` rebuilds the list after `.to(...)`.
(`flatten_parameters` moves all weights into one block of memory, for cuDNN, NVIDIA's
library for GPUs; on a CPU it does nothing.) Our layer keeps no list: it asks for the
attributes by their names whenever it runs. Either way a weight that is replaced is used
at once, and so is one that is only lent, by `torch.func.functional_call`:
"""

# %%
torch.manual_seed(0)
x = torch.randn(7, 2, 3)
layers = {"torch": nn.LSTM(3, 5, num_layers=2), "ours": lstm.LSTM(3, 5, num_layers=2)}
_ = layers["ours"].load_state_dict(layers["torch"].state_dict())
halves = {name: 0.5 * p.detach() for name, p in layers["ours"].named_parameters()}
lent = {}
for name, layer in layers.items():
    own = layer(x)[0]
    lent[name] = torch.func.functional_call(layer, halves, x)[0]
    change = (lent[name] - own).abs().max().item()
    kept = torch.equal(layer(x)[0], own)
    print(f"{name:5}  lent weights change outputs by {change:.2f}, own kept: {kept}")

# %%
#| check: >-
#|   The flat list holds the parameters by the package's names and is told of a new
#|   weight; lent weights give both layers the same outputs.
layer = layers["torch"]
assert layer._flat_weights_names == [s.name for s in lstm.shapes.parameters(3, 5, 2)]
assert [id(w) for w in layer._flat_weights] == [id(p) for p in layer.parameters()]
layer.weight_hh_l1 = nn.Parameter(torch.zeros(20, 5))
assert layer._flat_weights[5] is layer.weight_hh_l1
assert_close(lent["torch"], lent["ours"])

# %% [markdown]
r"""
**Step 3.** Two places check. `forward` itself looks at the number of axes: an input
with one axis or four is a `ValueError`, a state with the wrong number a `RuntimeError`.
Then `check_forward_args` compares number type, last axis and the states' shapes. What
is not a state at all is checked nowhere, and stumbles: `forward` asks a single tensor
for its first and second entry, and a pair for its axes. Here is what is raised, by
PyTorch and by the package:
"""

# %%
mistakes = {
    "input with 1 axis": ("LSTM", torch.zeros(3), None),
    "input with 4 axes": ("GRU", torch.zeros(1, 7, 2, 3), None),
    "input in 64 bits": ("LSTM", x.double(), None),
    "input with last axis 4": ("LSTM", torch.zeros(7, 2, 4), None),
    "state for 3 of 2 sequences": ("GRU", x, three),
    "LSTM: a tensor as its state": ("LSTM", x, torch.zeros(1, 2, 5)),
    "GRU: a pair as its state": ("GRU", x, (torch.zeros(1, 2, 5),) * 2),
}


def raised(layer, *arguments):
    """The name of the error that a layer raises."""
    try:
        layer(*arguments)
    except Exception as error:
        return type(error).__name__


errors = {
    name: [raised(getattr(package, kind)(3, 5), *given) for package in (nn, lstm)]
    for name, (kind, *given) in mistakes.items()
}
rows = [(name, *both) for name, both in errors.items()]
lstm.Table(("mistake", "torch.nn", "lstm"), rows)

# %% [markdown]
r"""
Where PyTorch has a sentence, ours raises the same type and begins with that sentence,
then names both shapes. Where it stumbles, ours raises `TypeError` and says what was
expected. (A single tensor for a *deep* LSTM has a second entry. Then PyTorch complains
about 2-D tensors, which nobody gave.) PyTorch's own tests of bad input pass on our
layers, too.
"""

# %%
#| check: >-
#|   The errors are these, in this order.
named = ["ValueError"] * 3 + ["RuntimeError"] * 2
assert [both[0] for both in errors.values()] == [*named, "IndexError", "AttributeError"]
assert [both[1] for both in errors.values()] == [*named, "TypeError", "TypeError"]

# %% [markdown]
r"""
**Step 4** is the one that we began with. Ours:
"""


# %%
# lstm/layers.py
def permute(state, order):
    """Put the batch axis of a state into another order; None leaves it."""
    if order is None:
        return state
    return tuple(tensor.index_select(1, order) for tensor in state)


# %% [markdown]
r"""
**Step 5.** All arithmetic is in one call: `_VF.lstm(...)`, or `_VF.gru(...)`. We can
make it ourselves. It takes the flat list and everything that the function must know.
For a packed batch it has a second form, which takes the valid steps and `batch_sizes`;
the order of the batch is `forward`'s business, before the call and after it.
"""

# %%
layer = theirs["LSTM"]
h_0, c_0 = torch.randn(1, 2, 5), torch.randn(1, 2, 5)
arguments = layer.bias, layer.num_layers, layer.dropout
arguments += layer.training, layer.bidirectional, layer.batch_first
by_call = torch._VF.lstm(x, (h_0, c_0), layer._flat_weights, *arguments)
output, state = layer(x, (h_0, c_0))
print("equal:", torch.equal(by_call[0], output))

data, batch_sizes, order, back = packed
start = layer.permute_hidden((h_0, c_0), order)
valid, *last = torch._VF.lstm(
    data, batch_sizes, start, layer._flat_weights, *arguments[:-1]
)
print("equal, packed:", torch.equal(valid, layer(packed, (h_0, c_0))[0].data))

# %%
#| check: >-
#|   Both forms of the call give outputs and last states as the layer does.
assert_close(by_call, (output, *state))
want, state = layer(packed, (h_0, c_0))
assert_close(valid, want.data)
assert_close(layer.permute_hidden(last, back), state)

# %% [markdown]
r"""
Behind that call there is a choice, made anew at each run:

- on an NVIDIA GPU cuDNN; on an AMD GPU MIOpen, in 16 or 32 bits and, for an LSTM,
  without projection;
- on an Apple GPU a kernel of its own for an LSTM (not for a GRU, not packed);
- on a CPU oneDNN, but only for an LSTM in 32 bits or fewer, not packed and without
  projection;
- in all other cases a plain loop in C++, much like ours.

Two switches lead to the loop: `torch.backends.cudnn.enabled = False`, for cuDNN and
MIOpen alike, and `torch.backends.mkldnn.enabled = False`, for oneDNN. The function is
the same either way; the last digits need not be.
"""

# %%
layer, inputs = nn.LSTM(3, 5).to(device), x.to(device)
by_library, _ = layer(inputs)
torch.backends.mkldnn.enabled = torch.backends.cudnn.enabled = False
by_loop, _ = layer(inputs)
torch.backends.mkldnn.enabled = torch.backends.cudnn.enabled = True
loop_apart = (by_loop - by_library).abs().max().item()
print("largest difference below 1e-5:", loop_apart < 1e-5)

# %% [markdown]
r"""
**Step 6.** What came in without a batch axis goes out without one, and what came in
packed goes out packed, with the batch sizes and the order it came with. And this is
ours, steps 3 to 6 in one screen: three forms of input, one computation. (Its last line
is where LSTM and GRU differ: a pair, or one tensor. `reset` is ours alone; chapter 15
is about it.)
"""

# %%
from lstm import checks, scan_packed, scan_reset


# %%
# lstm/layers.py, class RNNBase
def forward(self, input, hx=None, reset=None):
    """input: (L, N, D), or (N, L, D) if batch_first, or (L, D), or a PackedSequence
    hx: the state before the first step, as the class says; zeros if it is not given
    reset: bool, with the input's axes but the last; true where a sequence begins,
    which it does with zeros: before that step the state is forgotten (chapter 15)

    ->   output: (L, N, directions * P), or with the input's axes; the last state
    Raises what torch raises, naming what was given and expected: see `lstm.checks`.
    """
    checks.layer_call(self, input, hx)
    return self.along(input, hx, self.begins(input, reset))


def begins(self, input, reset):
    """Check a reset and bring it into the order (L, N); None if nothing is true."""
    if reset is not None:
        checks.layer_reset(self, input, reset)
    if reset is None or not reset.any():
        return None
    turned = self.batch_first and reset.dim() == 2
    return reset.T if turned else reset.view(len(reset), -1)


def along(self, input, hx, begins):
    """Bring every form of input into one, run the layers, and bring it back."""
    if isinstance(input, PackedSequence):
        data, batch_sizes, order, back = input
        batch_sizes = batch_sizes.tolist()
        state = permute(self.first_state(hx, data, batch_sizes[0]), order)
        output, state = self.run_layers(data, state, batch_sizes)
        output, state = PackedSequence(output, *input[1:]), permute(state, back)
    elif input.dim() == 2:
        state = tuple(s.unsqueeze(1) for s in self.first_state(hx, input))
        output, state = self.run_layers(input.unsqueeze(1), state, None, begins)
        output, state = output.squeeze(1), tuple(s.squeeze(1) for s in state)
    else:
        inputs = input.transpose(0, 1) if self.batch_first else input
        state = self.first_state(hx, inputs, inputs.shape[1])
        output, state = self.run_layers(inputs, state, None, begins)
        output = output.transpose(0, 1) if self.batch_first else output
    return output, state if len(state) == 2 else state[0]


# %% [markdown]
r"""
The layers from below to above, in each the directions; dropout between layers. Where
there are no biases, `None` stands in their place.
"""


# %%
# lstm/layers.py, class RNNBase
def run_layers(self, inputs, state, batch_sizes=None, begins=None):
    """inputs: (L, N, D), or packed, with batch_sizes   ->   output; last state"""
    all_weights, ends = self.all_weights, []
    for layer in range(self.num_layers):
        if layer > 0:
            inputs = dropout(inputs, self.dropout, self.training)
        outputs = []
        for reverse in (False, True)[: self.directions]:
            k = len(ends)
            start = tuple(s[k] for s in state)
            w_ih, w_hh, *others = all_weights[k]
            biases = [] if self.bias else [None, None]
            weights = [w_ih, w_hh, *biases, *others]
            how = batch_sizes, reverse, begins
            output, end = self.run(inputs, start, weights, *how)
            outputs.append(output)
            ends.append(end)
        # (L, N, directions * P)
        inputs = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
    return inputs, tuple(torch.stack(s) for s in zip(*ends, strict=True))


def run(self, inputs, state, weights, batch_sizes, reverse, begins):
    """One layer in one direction: `lstm.scan`, or packed, or begun anew."""
    if batch_sizes is not None:
        return scan_packed(self.step, inputs, state, weights, batch_sizes, reverse)
    if begins is not None:
        return scan_reset(self.step, inputs, state, weights, begins)
    return scan(self.step, inputs, state, weights, reverse)


# %% [markdown]
r"""
We put the two quoted cells in the place of the package's methods. From here on the
package runs *them*: change one, run the rest of the chapter again, and see what
notices.
"""

# %%
lstm.layers.RNNBase.forward, lstm.layers.RNNBase.begins = forward, begins
lstm.layers.RNNBase.along = along
lstm.layers.RNNBase.run_layers, lstm.layers.RNNBase.run = run_layers, run
torch.manual_seed(0)
arguments = {"num_layers": 3, "bidirectional": True, "proj_size": 4}
theirs = nn.LSTM(10, 20, **arguments).double()
ours = lstm.LSTM(10, 20, **arguments).double()
x = torch.randn(7, 2, 10).double()


def difference():
    """The largest difference of the two layers' outputs."""
    return (ours(x)[0] - theirs(x)[0]).abs().max().item()


differences = {"weights of their own": difference()}
_ = ours.load_state_dict(theirs.state_dict())
differences["theirs loaded into ours"] = difference()
ours.reset_parameters()
differences["ours drawn anew"] = difference()
_ = theirs.load_state_dict(ours.state_dict())
differences["ours loaded into theirs"] = difference()
for name, value in differences.items():
    print(f"{name:24}", f"{value:.2f}" if value > 1e-12 else "below 1e-12")

# %%
#| check: >-
#|   The layers agree whenever they share their weights, and only then.
assert [value < 1e-12 for value in differences.values()] == [False, True, False, True]
assert_close(ours(x), theirs(x))

# %% [markdown]
r"""
## 6.8 Every combination

One table for all of it: every combination of the options, for one and for three layers,
in five forms of input, with and without a first state. Each number is the largest
difference, over outputs, last states and all gradients, between the package's layer and
PyTorch's, in 64-bit floats. `python -m lstm parity` prints it for your machine.
"""

# %% tags=["nbval-ignore-output"]
measured = parity.measure("cpu")
print(f"largest difference of all: {parity.worst(measured):.0e}")
parity.table(measured)

# %% [markdown]
r"""
Rounding in 64-bit floats starts at $10^{-16}$, and sums of many terms collect some of
it. The largest difference is of the order of $10^{-15}$; the check asks for less than
$10^{-12}$. Dropout is among the rows: with the same seed, ours draws the very masks
that PyTorch draws on a CPU.
"""

# %%
#| check: >-
#|   Every difference is below 1e-12, in all 40 rows of the table.
assert parity.worst(measured) < parity.BOUND == 1e-12
assert len(measured) == 40
print(sum(len(forms) for forms in measured.values()), "combinations agree")

# %% [markdown]
r"""
## 6.9 Gates since

An LSTM's gate is a number from $(0, 1)$, read from $\mathbf{X}_t$ and
$\mathbf{H}_{t-1}$, that multiplies something. Later networks kept the product and
changed the rest: what is gated, and above all what the gate may read.

| | what is gated | what the gate reads | what it gains, what it costs, by its paper |
|---|---|---|---|
| LSTM, GRU | the state, what is written, what is shown | $\mathbf{X}_t$ and $\mathbf{H}_{t-1}$ | a step must wait for the one before |
| [Highway networks](https://arxiv.org/abs/1505.00387) (Srivastava et al., 2015) | a layer's result against its own input, $T(x)\,H(x) + (1 - T(x))\,x$: a GRU's average, along depth instead of time | the layer's input | hundreds of layers can be trained by gradient descent; one more matrix a layer, for $T$ |
| [SwiGLU](https://arxiv.org/abs/2002.05202) (Shazeer, 2020) | the features inside a Transformer's feed-forward layer, $\mathrm{Swish}(xW) \odot xV$ (no sigmoid: $\mathrm{Swish}(a) = a\,\sigma(a)$ is not confined to $(0, 1)$) | the same position | better quality than with ReLU or GELU; a third matrix, so at equal size two thirds of the hidden units |
| [minGRU, minLSTM](https://arxiv.org/abs/2410.01201) (Feng et al., 2024) | the state, as in (6.4) | $\mathbf{X}_t$ only | all steps at once in training, fewer parameters; the minGRU 175 times as fast at 512 steps, in the authors' measurement |
| [Mamba](https://arxiv.org/abs/2312.00752) (Gu and Dao, 2023) | the state, several numbers for each feature, kept by $e^{-\Delta_t \lvert A \rvert}$ with $\Delta_t = \mathrm{softplus}(\cdot)$; with $A = -1$ that is a gate, since $e^{-\mathrm{softplus}(s)} = 1 - \sigma(s)$ | the inputs only, the last few | training by a scan, time linear in $L$ |
| [xLSTM](https://arxiv.org/abs/2405.04517) (Beck et al., 2024) | the cell; the input gate is an exponential, kept in bounds by a normaliser | sLSTM: $\mathbf{X}_t$ and $\mathbf{H}_{t-1}$; mLSTM: the inputs only | mLSTM: a matrix for a cell, all steps at once; sLSTM: its states mix, and its steps must wait |

The third column divides the table. Take (6.4), let its gate and its candidate read the
input only, and leave out the candidate's tanh. That is the minGRU, with this chapter's
$\mathbf{Z}_t$, which keeps (the paper's $z$ is our $1 - z$):

\begin{align*}
\mathbf{H}_t &= \mathbf{A}_t \odot \mathbf{H}_{t-1} + \mathbf{B}_t,
  \qquad \mathbf{A}_t = \mathbf{Z}_t, \\
\mathbf{B}_t &= (1 - \mathbf{Z}_t) \odot (\mathbf{X}_t \mathbf{W}_{xn} + \mathbf{b}_n),
  \tag{6.6}
\end{align*}

with $\mathbf{Z}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xz} + \mathbf{b}_z)$.

**With gates that read the input only, the recurrence is linear in the state, and a
parallel scan equals the loop.** The first half is (6.6): all $\mathbf{A}_t$ and
$\mathbf{B}_t$ are known before any state is. For the second, put one step into the
next:
$\mathbf{A}_2 \odot (\mathbf{A}_1 \odot \mathbf{H} + \mathbf{B}_1) + \mathbf{B}_2$ is
again a product and a sum. So two steps are one step, whose pair is

$$
(\mathbf{A}_1, \mathbf{B}_1) \bullet (\mathbf{A}_2, \mathbf{B}_2)
  = (\mathbf{A}_2 \odot \mathbf{A}_1,\;
  \mathbf{A}_2 \odot \mathbf{B}_1 + \mathbf{B}_2). \tag{6.7}
$$

Three steps may be joined from the left or from the right. Both give, as the product,
$\mathbf{A}_3 \odot \mathbf{A}_2 \odot \mathbf{A}_1$ and, as the sum,

$$
\mathbf{A}_3 \odot \mathbf{A}_2 \odot \mathbf{B}_1
  + \mathbf{A}_3 \odot \mathbf{B}_2 + \mathbf{B}_3.
$$

So $\bullet$ is associative, and neighbours may be joined in any
grouping, many at a time. In each round below, every pair is joined with the one that
ends just before its own steps begin, 1 back, then 2, then 4; its reach doubles each
time.
"""


# %%
def compose(earlier, later):
    """(6.7): the pair (a, b) of two stretches of steps, one after the other."""
    (a_1, b_1), (a_2, b_2) = earlier, later
    return a_2 * a_1, a_2 * b_1 + b_2


def parallel_scan(a, b, h):
    """a, b: (L, N, H)   h: (N, H)   ->   all states, (L, N, H); rounds; compositions"""
    reach, rounds, compositions = 1, 0, 0
    while reach < len(a):  # each pair spans `reach` steps, or begins at the first
        joined = compose((a[:-reach], b[:-reach]), (a[reach:], b[reach:]))
        a, b = (
            torch.cat([old[:reach], new])
            for old, new in zip((a, b), joined, strict=True)
        )
        compositions += len(joined[0])
        reach, rounds = 2 * reach, rounds + 1
    return a * h + b, rounds, compositions


# %%
#| fig-alt: >-
#|   Four rows of eight boxes, one column for each step. In the first row each box names
#|   its own step. Arrows join each box with the one 1, then 2, then 4 columns to its
#|   left. In the last row every box names all steps from the first to its own.
fig, axis = figures.canvas(5.6, 3.5, 10.0, 6.2)
pen = figures.Pen(axis, fontsize=9)
for row in range(4):
    y = 5.4 - 1.5 * row
    pen.label(0.65, y, "start" if row == 0 else f"round {row}")
    for t in range(1, 9):
        first = max(1, t - 2**row + 1)
        span = f"{t}" if first == t else f"{first}–{t}"
        pen.box(t + 0.9, y, span, width=0.82, height=0.6)
        if row and t > 2 ** (row - 1):
            for back in (0, 2 ** (row - 1)):
                pen.path((t + 0.9 - back, y + 1.2), (t + 0.9, y + 0.3))
plt.show()

# %% [markdown]
r"""
Eight steps take three rounds. Now 1,024 steps: the loop, by `scan` over the step (6.6),
and the parallel scan, in outputs and in the gradient of every weight, the input and
the first state.
"""


# %% tags=["nbval-ignore-output"]
def min_gru_pairs(x, w_z, b_z, w_n, b_n):
    """(6.6): a and b for any number of steps; they read x and nothing else."""
    z = linear(x, w_z, b_z).sigmoid()
    return z, (1 - z) * linear(x, w_n, b_n)


def min_gru_step(x, state, *weights):
    a, b = min_gru_pairs(x, *weights)
    return (a * state[0] + b,)


generator = torch.Generator().manual_seed(0)


def random(*size):
    return torch.randn(size, generator=generator, dtype=torch.float64)


sizes = (1024, 2, 3), (2, 5), (5, 3), (5,), (5, 3), (5,)  # L, N, D, H: 1024, 2, 3, 5
leaves = [random(*size).requires_grad_() for size in sizes]
x, h_0, *weights = leaves
by_loop, _ = scan(min_gru_step, x, (h_0,), weights)
a, b = min_gru_pairs(x, *weights)
by_scan, rounds, compositions = parallel_scan(a, b, h_0)
pull = random(*by_loop.shape)
want = torch.autograd.grad((by_loop * pull).sum(), leaves)
got = torch.autograd.grad((by_scan * pull).sum(), leaves)
print(f"{len(x):,} steps: {rounds} rounds, {compositions:,} compositions")
pairs = zip((by_scan, *got), (by_loop, *want), strict=True)
worst = max(((one - two).abs() / two.abs().max()).max().item() for one, two in pairs)
print(f"largest difference, as a share of the largest value: {worst:.0e}")

# %%
#| check: >-
#|   The scan's states and six gradients equal the loop's; 1,024 steps take 10 rounds.
assert_close(by_scan, by_loop)
assert_close(got, want)
assert worst < 1e-14
assert rounds == math.ceil(math.log2(len(x))) == 10
assert compositions == 9217 == sum(len(x) - 2**k for k in range(rounds))

# %% [markdown]
r"""
The scan does nine times the work, 9,217 compositions where the loop has 1,024 steps,
but only 10 rounds wait for one another. It pays on a machine that computes a whole
round at once.

There is a shorter formula. Let
$\mathbf{P}_t = \mathbf{A}_t \odot \dots \odot \mathbf{A}_1$; then

$$
\mathbf{H}_t = \mathbf{P}_t \odot \Big(\mathbf{H}_0
  + \sum_{s \le t} \mathbf{B}_s / \mathbf{P}_s\Big),
$$

a cumulative product and a cumulative sum. But it divides by numbers that shrink to
nothing: at a factor of 0.5 a step, $\mathbf{P}_t$ leaves the range of 32-bit floats
after 149 steps and that of 64-bit floats after 1,074. (The paper adds logarithms
instead, which needs positive candidates.) The scan never divides; where one of its
products underflows, what it multiplies has faded to nothing in the loop, too. In 32
bits, with the gates of above:
"""

# %% tags=["nbval-ignore-output"]
a, b, h = (tensor.detach().float() for tensor in (a, b, h_0))  # 32 bits
products = a.cumprod(dim=0)
by_formula = products * (h + (b / products).cumsum(dim=0))
broken = (~by_formula.isfinite()).any(dim=(1, 2)).nonzero()[0].item()
error = (parallel_scan(a, b, h)[0] - by_loop).abs().max().item()
print(f"the formula breaks at step {broken + 1}; the scan's error is {error:.0e}")

# %% [markdown]
r"""
And a gate that reads the state? The GRU's step can be *written* as
$\mathbf{A}_t \odot \mathbf{H}_{t-1} + \mathbf{B}_t$, too, but its $\mathbf{A}_t$ and
$\mathbf{B}_t$ are functions of $\mathbf{H}_{t-1}$: two steps joined hold a sigmoid
within a sigmoid, and no pair of numbers that are known beforehand is equal to that. We
give the scan a GRU's gates, read first from a wrong state, zero at every step, and then
from the true states, which only the loop can tell.
"""


# %%
def gru_pairs(x, h, w_ih, w_hh):
    """A GRU's a and b if the states before its steps were h: (L, N, H)."""
    r_x, z_x, n_x = linear(x, w_ih).chunk(3, dim=-1)
    r_h, z_h, n_h = linear(h, w_hh).chunk(3, dim=-1)
    z = (z_x + z_h).sigmoid()
    return z, (1 - z) * (n_x + (r_x + r_h).sigmoid() * n_h).tanh()


x, h_0 = x.detach(), h_0.detach()
w_ih, w_hh = random(15, 3), random(15, 5)
true, _ = scan(gru_step, x, (h_0,), (w_ih, w_hh))
before = torch.cat([h_0[None], true[:-1]])  # the state that each step reads
errors = {}
for name, read in (("zero", torch.zeros_like(before)), ("the true states", before)):
    states, _, _ = parallel_scan(*gru_pairs(x, read, w_ih, w_hh), h_0)
    errors[name] = (states - true).abs().max().item()
    shown = f"{errors[name]:.2f}" if errors[name] > 1e-12 else "below 1e-12"
    print(f"gates read from {name}: largest error {shown}")

# %%
#| check: >-
#|   With the gates of a wrong state the scan is not the GRU; with those of the true
#|   states, which need the loop first, it is.
assert errors["zero"] > 1
assert errors["the true states"] < 1e-12

# %% [markdown]
r"""
So speed was bought by giving up that reading. What is lost with it is a question of
ability, not of rounding: [Merrill et al. (2024)](https://arxiv.org/abs/2404.08819) show
that models such as Mamba cannot, under a common conjecture of complexity theory, track
a state as simple as the order of five things that change places, for sequences of every
length.
"""

# %% [markdown]
r"""
## 6.10 What this chapter does not show

- That one of the two learns better in general. The sweep is one text, 600 updates, two
  sizes and rates a factor of two apart, and each best rate was chosen by the numbers
  that are reported for it. Larger comparisons ([Chung et al.,
  2014](https://arxiv.org/abs/1412.3555); [Jozefowicz et al.,
  2015](https://proceedings.mlr.press/v37/jozefowicz15.html)) found no general winner,
  either.
- Why the GRU learns chapter 1's task and the default LSTM hardly does. Chapter 7 takes
  up what the forget bias changes.
- That the place of the reset gate matters for *learning*. It matters for the numbers,
  and so for every weight that is carried over.
- What cuDNN and oneDNN do inside. The comparisons in 64-bit floats run against
  PyTorch's plain loop. oneDNN is compared in section 6.7 only, in 32 bits; cuDNN by
  `python -m lstm parity --device cuda`. The choice on AMD's and Apple's GPUs is read in
  the source, not run.
- Speeds on a GPU: there cuDNN has kernels for both.
- Under automatic mixed precision our layer and PyTorch's agree to the low precision's
  rounding only, and may return different number formats: which one PyTorch returns
  depends on the library behind it.

## Summary

- A GRU has one state and two gates; its update gate does the work of an LSTM's forget
  and input gates. Three blocks of weights instead of four.
- The reset gate after the product (PyTorch) or before it (the published paper, *Dive
  into Deep Learning*): two functions. In PyTorch's form the candidate's two biases are
  two parameters that cannot be added into one.
- On letters neither is better throughout once each has its own learning rate: on
  held-out text the LSTM is ahead by 2 to 3 % with one layer, the GRUs by about 1
  with two, by the mean. With 32 units the GRU learned the task of memory in 12 runs of
  12, a fresh LSTM in 2, within 3,000 updates (with 16 and 128 units in 5 and 6).
- `rnn.py` names, checks, permutes and calls; C++ computes. The states of a packed batch
  are checked too late (GRU) or not at all (LSTM).
- `lstm.LSTM`, `lstm.GRU` and their cells equal PyTorch's to rounding, for every
  combination of the options.
- Gates that read the input only make the recurrence linear in the state, and a parallel
  scan computes it in $\log_2 L$ rounds. The GRU's gates read the state.

## Exercises

1. *(easy)* With the numbers of section 6.1, what is $H_t$ in the form (6.5)? Why is it
   the same here, and when would it not be?
   ([solution](solutions/06_gru.ipynb#Exercise-1))
2. *(easy)* How many parameters has `nn.GRU(28, 128, num_layers=2, bidirectional=True)`?
   Check with `python -m lstm shapes`. ([solution](solutions/06_gru.ipynb#Exercise-2))
3. *(medium)* Plant two faults in `run_layers`, one after the other: turn the directions
   round, leave the dropout out. Which of this chapter's comparisons notice which?
   ([solution](solutions/06_gru.ipynb#Exercise-3))
4. *(medium)* Convert weights from form (6.3) to (6.5) for a GRU whose reset gate is a
   constant $r$ for all units. Why is it impossible in general?
   ([solution](solutions/06_gru.ipynb#Exercise-4))
5. *(medium)* A GRU of one unit has only zero weights and biases, but for the update
   gate's bias. Which bias keeps half of the state over 50 steps? Check with `scan`.
   ([solution](solutions/06_gru.ipynb#Exercise-5))
6. *(medium)* Suppose that the study of section 6.6 had one learning rate only. For each
   of the six, which of the four models with one layer would you have called the winner
   on the held-out text, and would the three seeds have warned you?
   ([solution](solutions/06_gru.ipynb#Exercise-6))
7. *(hard)* Read `pack_padded_sequence` in PyTorch's `rnn.py` (`torch/nn/utils`) and
   write the packing of a list of sequences yourself, `batch_sizes` included. Compare
   with `pack_sequence`. ([solution](solutions/06_gru.ipynb#Exercise-7))
8. *(hard)* Section 6.9 gives the scan a GRU's gates as read from a wrong state. Do it
   again and again, each pass with the gates read from the states that the pass before
   gave. Show that $k$ passes make the first $k$ steps exact. How many passes do 256
   steps need until every state is within $10^{-10}$ of the loop's, with PyTorch's
   initial weights? ([solution](solutions/06_gru.ipynb#Exercise-8))

## Further reading

- K. Cho et al., [Learning phrase representations using RNN
  encoder–decoder](https://arxiv.org/abs/1406.1078), 2014: the source.
- J. Chung et al., [Empirical evaluation of gated recurrent neural networks on sequence
  modeling](https://arxiv.org/abs/1412.3555), 2014: LSTM and GRU compared.
- R. Jozefowicz et al., [An empirical exploration of recurrent network
  architectures](https://proceedings.mlr.press/v37/jozefowicz15.html), 2015: thousands
  of relatives of the two.
- L. Feng et al., [Were RNNs all we needed?](https://arxiv.org/abs/2410.01201), 2024:
  the minGRU and the minLSTM.
- PyTorch's documentation of
  [torch.nn.GRU](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html), and
  its source, `torch/nn/modules/rnn.py`.
"""
