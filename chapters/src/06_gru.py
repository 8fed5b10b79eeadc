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
form is PyTorch's. What `torch/nn/modules/rnn.py` does, step by step, from the names of
the parameters to the call into C++, and what it does not check.

**What you need.** Chapters 1 to 5. The training takes about a minute on two processor
cores.
"""

# %%
import math

import torch
from torch import nn
from torch.nn.functional import dropout, linear, one_hot
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.testing import assert_close

import lstm
from lstm import bench, figures, parity
from lstm.figures import plt

device = lstm.pick_device()
# a GPU's nn.LSTM would round its factors to 10 bits; code by hand does not
lstm.full_precision()

# %% [markdown]
r"""
## 6.1 One state, two gates

An LSTM keeps two states and guards them with three gates. The **gated recurrent unit**
of [Cho et al. (2014)](https://arxiv.org/abs/1406.1078) makes do with one state,
$\mathbf{H}_t$, and two gates. The **reset gate** $\mathbf{R}_t$ decides how much of the
old state the candidate may see. The **update gate** $\mathbf{Z}_t$ decides how much of
the old state is kept. With the shapes of chapter 1,

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
biases, and section 6.3 shows why they are not one in disguise, as an LSTM's are. This
is the form that PyTorch computes; there is another, also in section 6.3.
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
the new state. That is the LSTM's cell line, with two differences. One gate does both
jobs, $\mathbf{Z}_t$ for the old and $1 - \mathbf{Z}_t$ for the new: what is written is
what was given up, as fractions. And the line is not hidden behind an output gate.
(Beware when reading on: Chung et al. (2014) exchange the two parts of (6.4), so that
their $z$ is our $1 - z$.)

Numbers for a pencil: one unit, $X_t = 1$, $H_{t-1} = 0.5$.

| | $W_x$ | $W_h$ | $b$ | weighted sum |
|---|---|---|---|---|
| reset gate | 1 | −2 | 0 | 1·1 − 2·0.5 + 0 = **0** |
| update gate | 1 | 2 | 0 | 1·1 + 2·0.5 + 0 = **2** |
| candidate | −1 | 2 | 0, 0 | −1·1 + R·(2·0.5) |

The reset gate is 0.5: the candidate sees half, $-1 + 0.5 \cdot 1 = -0.5$, and its tanh
is −0.46. The update gate is 0.88: the state becomes
$0.88 \cdot 0.5 - 0.12 \cdot 0.46 = 0.39$.
"""

# %%
X, H_prev = 1.0, 0.5
R, Z = (1 / (1 + math.exp(-weighted)) for weighted in (X - 2 * H_prev, X + 2 * H_prev))
H_tilde = math.tanh(-X + R * (2 * H_prev))
H = Z * H_prev + (1 - Z) * H_tilde
for value, by_pencil in zip((R, Z, H_tilde, H), (0.5, 0.88, -0.46, 0.39), strict=True):
    assert abs(value - by_pencil) < 0.005
print(f"R = {R:.4f}   Z = {Z:.4f}   H~ = {H_tilde:.4f}   H = {H:.4f}")

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
With the pencil's numbers it gives the pencil's result, and so does `torch.nn.GRUCell`.
"""

# %%
weights = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[-2.0], [2.0], [2.0]])
zeros = torch.zeros(3), torch.zeros(3)
x, h = torch.tensor([[X]]), torch.tensor([[H_prev]])
(new,) = gru_step(x, (h,), *weights, *zeros)
assert_close(new.item(), H, rtol=1e-6, atol=1e-6)

cell = nn.GRUCell(1, 1)
names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
_ = cell.load_state_dict(dict(zip(names, (*weights, *zeros), strict=True)))
assert_close(cell(x, h), new)

# %% [markdown]
r"""
## 6.2 Beside the LSTM

| | LSTM | GRU |
|---|---|---|
| states | hidden state and cell | hidden state |
| keeps the old | $\mathbf{F}_t \odot \mathbf{C}_{t-1}$ | $\mathbf{Z}_t \odot \mathbf{H}_{t-1}$ |
| adds the new | $\mathbf{I}_t \odot \tilde{\mathbf{C}}_t$ | $(1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t$ |
| range of what is kept | unbounded | $(-1, 1)$ |
| shows | $\mathbf{O}_t \odot \tanh \mathbf{C}_t$ | the state itself |
| the candidate sees | the shown state | the state, reset |
| blocks of weights | 4 | 3 |

How near are they? Tie an LSTM's gates together, $\mathbf{I}_t = 1 - \mathbf{F}_t$, and
let it show its cell as it is. Then it is a GRU whose reset gate is open. We write that
LSTM down and compare, over a whole sequence.
"""


# %%
def tied_step(x, state, w_ih, w_hh):
    """An LSTM's step with I = 1 - F and H = C; w_ih, w_hh: the rows of f, then of g."""
    (c,) = state
    f, g = (linear(x, w_ih) + linear(c, w_hh)).chunk(2, dim=-1)
    f = f.sigmoid()
    return (f * c + (1 - f) * g.tanh(),)


torch.manual_seed(0)
w_ih, w_hh = torch.randn(10, 3).double(), torch.randn(10, 5).double()
x, start = torch.randn(7, 2, 3).double(), (torch.randn(2, 5).double(),)
tied, _ = lstm.scan(tied_step, x, start, (w_ih, w_hh))

# the GRU: z has f's rows, n has g's, and a bias of 1000 opens r
no_rows = torch.zeros(5, 3).double(), torch.zeros(5, 5).double()
gru_weights = torch.cat([no_rows[0], w_ih]), torch.cat([no_rows[1], w_hh])
open_reset = torch.cat([torch.full((5,), 1e3), torch.zeros(10)]).double()
outputs, _ = lstm.scan(gru_step, x, start, (*gru_weights, open_reset))
assert_close(outputs, tied)
# an average never exceeds its parts
assert outputs.abs().max() <= max(1, start[0].abs().max())

# %% [markdown]
r"""
So the GRU is the smaller sibling: it cannot grow a number step by step, as the cell did
in section 1.10, and it has no way to keep something and be silent about it. The last
line of (6.4) is an average, and an average stays within its parts.

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
the original.

Why is (6.3) faster? All three products with $\mathbf{H}_{t-1}$ can be made at once,
before any gate is known. In (6.5) the third must wait for the reset gate. The package
has this form, too, named for what it is:
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
is open. PyTorch's cell is the first.
"""

# %%
torch.manual_seed(0)
cell = nn.GRUCell(3, 5).double()
weights = [p.detach().clone() for p in cell.parameters()]
x, h = torch.randn(2, 3).double(), torch.randn(2, 5).double()
(after,), (before,) = (
    gru_step(x, (h,), *weights),
    gru_step_reset_before(x, (h,), *weights),
)
assert_close(after, cell(x, h))
assert (before - after).abs().max() > 0.01

weights[2][:5] = 1e3  # the bias of r
assert_close(gru_step(x, (h,), *weights), gru_step_reset_before(x, (h,), *weights))

# %% [markdown]
r"""
What follows? Weights trained in one form must not be run in the other. And in PyTorch's
form the candidate's two biases are *not* interchangeable: $\mathbf{b}_{hn}$ stands
inside the reset gate's bracket, $\mathbf{b}_{xn}$ outside. We move the second bias into
the first, for the gates and then for the candidate.
"""

# %%
merged = nn.GRUCell(3, 5).double()
_ = merged.load_state_dict(cell.state_dict())
with torch.no_grad():
    merged.bias_ih[:10] += merged.bias_hh[:10]  # r and z
    merged.bias_hh[:10] = 0
assert_close(merged(x, h), cell(x, h))  # one in disguise, as in section 1.13
with torch.no_grad():
    merged.bias_ih[10:] += merged.bias_hh[10:]  # n
    merged.bias_hh[10:] = 0
assert (merged(x, h) - cell(x, h)).abs().max() > 1e-3  # two in earnest

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
assert scores.shape == (9 * 2, 28)
print(len(params), "tensors; scores", tuple(scores.shape), "  H", tuple(last.shape))

# %% [markdown]
r"""
`lstm.gru_to_torch` stacks and transposes the eleven into PyTorch's layout. With them
the step of (6.5) gives the same states. `nn.GRU` takes the same weights without
complaint, and gives other states.
"""

# %%
layout, _ = lstm.gru_to_torch(params)
states, (end,) = lstm.scan(gru_step_reset_before, inputs, (start,), layout.values())
assert_close(end, last)
assert_close((states @ params[-2] + params[-1]).flatten(0, 1), scores)

concise = nn.GRU(28, 16).double()
_ = concise.load_state_dict(layout)
difference = (concise(inputs)[0] - states).abs().max()
assert difference > 0.1

# %% [markdown]
r"""
## 6.5 The layer

`lstm.GRU` is `scan` over `gru_step`, with PyTorch's names: layers, directions, dropout,
packed sequences, as for the LSTM. The proof is the usual one, here with three layers
and two directions, over one packed batch of four sequences: outputs, last state, all
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
assert_close(*results)
print(
    len(results[0]), "tensors agree: output, h_n and", len(results[0]) - 2, "gradients"
)

# %% [markdown]
r"""
The state is one tensor, not a pair. Beware: `output, (h, c) = gru(x)` raises no error
when there are just two stacked states, since a tensor of two rows unpacks, too.
"""

# %%
_, (h, c) = nn.GRU(3, 5, num_layers=2)(torch.zeros(7, 4, 3))
assert h.shape == c.shape == (4, 5)  # the states of two layers; there is no cell

# %% [markdown]
r"""
Every tensor of one layer, with 20 inputs and 25 units:
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
count = lstm.shapes.count
assert count(28, 256) == 4 * 256 * (28 + 256 + 2)
assert 4 * count(28, 256, kind="GRU") == 3 * count(28, 256)
assert abs(count(28, 298, kind="GRU") / count(28, 256) - 1) < 0.002
sizes = [("RNN", 256), ("GRU", 256), ("GRU", 298), ("LSTM", 256)]
rows = [(name, size, f"{count(28, size, kind=name):,}") for name, size in sizes]
lstm.Table(("layer", "units", "parameters"), rows)

# %% [markdown]
r"""
Are they faster? Speeds from `make bench`, training steps of the shape of chapter 2,
measured side by side:
"""

# %% tags=["nbval-ignore-output"]
rows = []
for report in bench.results():
    machine, speeds = report["machine"], report["tasks"]["gru"]["speeds"]
    against = speeds["torch.nn.LSTM, 256 units"]
    for name, speed in speeds.items():
        ratio = f"{speed / against:.2f} ×"
        rows.append((name, f"{speed:,}", ratio, machine["device"]))
lstm.Table(("layer", "tokens/s", "against the LSTM", "device"), rows)

# %% [markdown]
r"""
On this processor the network with fewer parameters is the slower one. That is not
arithmetic: on a CPU, PyTorch hands an LSTM to Intel's oneDNN library and has no such
kernel for a GRU. In the last row oneDNN is switched off, and the LSTM runs in the same
plain loop as the GRU. Now the GRU leads at equal size, as three blocks against four
promise; at equal parameters the two are about as fast. A speed belongs to an
implementation, not to a set of equations.
"""

# %%
speeds = bench.committed()["tasks"]["gru"]["speeds"]
with_onednn, gru_256, gru_298, ours, without_onednn = speeds.values()
assert gru_256 < 0.8 * with_onednn
assert gru_256 > 1.1 * without_onednn
assert 0.8 < gru_298 / without_onednn < 1.2
assert ours > 0.7 * gru_256  # our loop in Python is not far behind PyTorch's in C++

# %% [markdown]
r"""
And do they learn as well? We train three models to predict the next letter: an LSTM of
128 units, a GRU of 128, and a GRU of 150, which has the LSTM's number of parameters.
Each is trained from three different first weights, on the same minibatches; the last
tenth of the text is held out.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()
vocab = lstm.data.Vocab(text)
symbols = vocab.encode(text)
print(len(text), "symbols")

# %%
contestants = {
    "LSTM, 128 units": (nn.LSTM, 128),
    "GRU, 128 units": (nn.GRU, 128),
    "GRU, 150 units": (nn.GRU, 150),
}
assert abs(count(28, 150, kind="GRU") / count(28, 128) - 1) < 0.002
assert len(vocab) == 28
cut = int(0.9 * len(symbols))
training, held_out = (
    lstm.data.windows(part, 50) for part in (symbols[:cut], symbols[cut:])
)


# %% tags=["nbval-ignore-output"]
def batches(windows, shuffle):
    pairs = torch.utils.data.TensorDataset(*windows)
    order = torch.Generator().manual_seed(0)
    return torch.utils.data.DataLoader(pairs, 32, shuffle=shuffle, generator=order)


losses, perplexity = {}, {}
for name, (kind, size) in contestants.items():
    for seed in range(3):
        torch.manual_seed(seed)
        model = lstm.LanguageModel(kind(len(vocab), size)).to(device)
        config = lstm.TrainConfig(steps=600, lr=4e-3)
        losses[name, seed] = lstm.fit(
            model, batches(training, True), config, label=name
        )
        result = lstm.evaluate(model, batches(held_out, False))
        perplexity[name, seed] = result.perplexity
    print(f"{name:16}", *(f"{perplexity[name, seed]:.2f}" for seed in range(3)))

# %%
#| fig-alt: >-
#|   Training loss over 600 steps. The two GRUs, of 128 and 150 units, fall close
#|   together, the larger one slightly lower; the LSTM of 128 units falls as well, but
#|   stays above both almost from the start.
curves = {
    name: torch.tensor([losses[name, seed] for seed in range(3)]).mean(dim=0)
    for name in contestants
}
smooth = {name: curve.view(-1, 20).mean(dim=1) for name, curve in curves.items()}
figures.lines(
    smooth, "step", "training loss, mean of 3 seeds and 20 steps", x=range(20, 601, 20)
)
plt.show()

# %% [markdown]
r"""
Here the GRUs learn faster than the LSTM. At the end of these 600 steps the loss of
every GRU is below that of every LSTM: of the GRU of 128 units with three quarters of
the layer's parameters, of the one of 150 with as many. All of them predict the held-out
letters far better than letter frequencies do. Do not read a ranking into it. It is one
task, one learning rate and one small budget. [Jozefowicz et al.
(2015)](https://proceedings.mlr.press/v37/jozefowicz15.html) saw such a gap on several
tasks, and saw a forget bias of 1 close it (exercise 6).
"""

# %%
last = {key: sum(values[-50:]) / 50 for key, values in losses.items()}
of_lstm = [last["LSTM, 128 units", seed] for seed in range(3)]
of_grus = [last[name, seed] for name in list(contestants)[1:] for seed in range(3)]
assert max(of_grus) < min(of_lstm)
shares = torch.bincount(symbols)[1:].double() / len(symbols)
by_frequency = math.exp(-(shares * shares.log()).sum())
assert max(perplexity.values()) < 0.65 * by_frequency

# %% [markdown]
r"""
## 6.7 A reading of PyTorch's source

`torch.nn.LSTM` and `torch.nn.GRU` live in `torch/nn/modules/rnn.py`. Open it beside
this page: `inspect.getsourcefile(nn.LSTM)` says where it lies on your machine; this is
a reading of version 2.13. It is long for what it does. Most of it is book-keeping; the
arithmetic is elsewhere. We go through it in the order in which things happen, and name
beside each step what the package does in its place.

| step | PyTorch, `rnn.py` | the package |
|---|---|---|
| 1. make and name the parameters | `RNNBase.__init__`, `_flat_weights_names` | `shapes.parameters` |
| 2. keep them as one flat list | `_flat_weights`, `flatten_parameters` | `all_weights`, on demand |
| 3. check what is given | `check_forward_args` | `checks.layer_call` |
| 4. put a packed batch's states in order | `permute_hidden` | `permute` |
| 5. compute | `_VF.lstm`, `_VF.gru`, in C++ | `run_layers`, `scan`, `scan_packed` |
| 6. hand back | `forward`, at its end: packed, unbatched or batched, as it came | `forward`, likewise |

**Steps 1 and 2.** The constructor makes the parameters layer by layer, direction by
direction, and sets each as an attribute. Beside them it keeps `_flat_weights`, the same
parameters in one list, since that is what the C++ function takes. Two copies of one
fact have to be kept alike, and much of the file does just that: `__setattr__` watches
for a weight that is replaced, `_apply` rebuilds the list after `.to(...)`.
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(3, 5, num_layers=2)
assert layer._flat_weights_names == [s.name for s in lstm.shapes.parameters(3, 5, 2)]
assert [id(w) for w in layer._flat_weights] == [id(p) for p in layer.parameters()]
layer.weight_hh_l1 = nn.Parameter(torch.zeros(20, 5))
assert layer._flat_weights[5] is layer.weight_hh_l1  # the list was told

# %% [markdown]
r"""
`flatten_parameters` moves all weights into one block of memory, for cuDNN, NVIDIA's
library for GPUs; on a CPU it does nothing. Our layer keeps no list: it asks for the
attributes by their names, `weight_names`, whenever it runs. So a replaced weight, or
one lent by `torch.func.functional_call`, is used at once. (PyTorch gets there, too: the
first line of its `forward` looks whether a weight has been exchanged, and makes the
list anew.)
"""


# %%
# lstm/layers.py, class RNNBase
@property
def all_weights(self):
    """A list [w_ih, w_hh(, b_ih, b_hh)(, w_hr)] for each layer and direction."""
    return [[getattr(self, name) for name in names] for names in self.weight_names]


# %%
ours = lstm.LSTM(3, 5, num_layers=2)
replaced = {name: 0.5 * p.detach() for name, p in ours.named_parameters()}
x = torch.randn(7, 2, 3)
lent = torch.func.functional_call(ours, replaced, x)[0]
theirs = nn.LSTM(3, 5, num_layers=2)
assert_close(lent, torch.func.functional_call(theirs, replaced, x)[0])
assert not torch.allclose(ours(x)[0], lent)  # lent, not kept

# %% [markdown]
r"""
**Step 3.** `check_forward_args` compares number type, axes and last axis of the input,
and the states' shapes, with what is expected; for a wrong number type it raises
`ValueError`, for a wrong shape `RuntimeError`. Ours raises the same type in the same
order, begins with PyTorch's own sentence, and names both shapes. PyTorch's own tests of
bad input, run on our layers by our tests, find what they look for. Here are the states:
"""


# %%
# lstm/checks.py
def layer_state(state, sizes):
    """Check the shapes of a layer's state; sizes: one for each of its tensors."""
    for n, (tensor, size) in enumerate(zip(state, sizes, strict=False)):
        name = f"hidden[{n}]" if len(sizes) == 2 else "hidden"
        shape, note = tuple(tensor.shape), ""
        if shape != size:
            if len(size) == 2:  # torch adds the batch axis before it looks
                note = f": without a batch, expected {size}, got {shape}"
                size, shape = ((s[0], 1, s[1]) for s in (size, shape))
            raise RuntimeError(f"Expected {name} size {size}, got {[*shape]}{note}")


# %%
refusals = []
for package in (nn, lstm):
    try:
        package.GRU(3, 5)(torch.zeros(7, 2, 3), torch.zeros(1, 3, 5))
    except RuntimeError as error:
        refusals.append(str(error))
assert len(refusals) == 2
print(refusals[1])

# %% [markdown]
r"""
**Step 4.** A packed batch is sorted by length, longest first. The states that you give
are in *your* order, so they are permuted before the computation and back after it.
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
(If you sorted the sequences yourself, there is nothing to permute: `sorted_indices` is
`None`.)

Now look closely. For a packed input `LSTM.forward` does not call `check_forward_args`
at all, and `GRU.forward` calls it after the permutation. So, as of PyTorch 2.13, both
overlook a mistake: with states for three sequences and an unsorted batch of two, the
permutation picks the two it needs, and the third is dropped without a word. The C++
code complains about some other mistakes of this kind, not about all. Ours checks before
it permutes, and refuses.
"""

# %%
torch.manual_seed(0)
packed = pack_padded_sequence(torch.randn(7, 2, 3), [5, 7], enforce_sorted=False)
three = torch.randn(1, 3, 5), torch.randn(1, 3, 5)
two = tuple(state[:, :2] for state in three)
theirs, gru_layer = nn.LSTM(3, 5), nn.GRU(3, 5)
try:
    h_n = theirs(packed, three)[1], gru_layer(packed, three[0])[1]
    overlooked = True
except RuntimeError:
    overlooked = False  # a later PyTorch that looks closer
else:  # accepted, and the third was never used
    assert_close(h_n, (theirs(packed, two)[1], gru_layer(packed, two[0])[1]))
assert overlooked or torch.__version__ >= "2.14"

refusals = []
for layer, state in ((lstm.LSTM(3, 5), three), (lstm.GRU(3, 5), three[0])):
    try:
        layer(packed, state)
    except RuntimeError as error:
        refusals.append(str(error))
assert len(refusals) == 2
print(*refusals, sep="\n")

# %% [markdown]
r"""
**Step 5.** All arithmetic is in one call: `_VF.lstm(...)`, or `_VF.gru(...)`. We can
make it ourselves. It takes the flat list and everything that the function must know.
"""

# %%
x, h_0, c_0 = torch.randn(7, 2, 3), torch.randn(1, 2, 5), torch.randn(1, 2, 5)
arguments = theirs.bias, theirs.num_layers, theirs.dropout
arguments += theirs.training, theirs.bidirectional, theirs.batch_first
by_call = torch._VF.lstm(x, (h_0, c_0), theirs._flat_weights, *arguments)
output, (h_n, c_n) = theirs(x, (h_0, c_0))
assert_close(by_call, (output, h_n, c_n))

# %% [markdown]
r"""
For a packed batch the function has a second form. It takes the valid steps and
`batch_sizes`; the order of the batch is `forward`'s business, before the call and after
it.
"""

# %%
data, batch_sizes, order, back = packed
start = theirs.permute_hidden((h_0, c_0), order)
valid, *last = torch._VF.lstm(
    data, batch_sizes, start, theirs._flat_weights, *arguments[:-1]
)
want, state = theirs(packed, (h_0, c_0))
assert_close(valid, want.data)
assert_close(theirs.permute_hidden(last, back), state)

# %% [markdown]
r"""
Behind that call there is a choice, made anew at each run. On an NVIDIA GPU it is cuDNN.
On a CPU it is oneDNN, but only for an LSTM in 32 bits or fewer, not packed and without
projection. In all other cases it is a plain loop in C++, much like ours. With oneDNN
switched off, the CPU takes the loop for this LSTM, too. The function is the same; the
last digits need not be.
"""

# %%
torch.backends.mkldnn.enabled = False
plain_loop, _ = theirs(x, (h_0, c_0))
torch.backends.mkldnn.enabled = True
assert_close(plain_loop, output)

# %% [markdown]
r"""
**Step 6.** What came in without a batch axis goes out without one, and what came in
packed goes out packed, with the batch sizes and the order it came with. And this is
ours, steps 3 to 6 in one screen: three forms of input, one computation. (Its last line
is where LSTM and GRU differ: a pair, or one tensor.)
"""

# %%
from functools import partial

from lstm import checks, scan, scan_packed


# %%
# lstm/layers.py, class RNNBase
def forward(self, input, hx=None):
    """input: (L, N, D), or (N, L, D) if batch_first, or (L, D), or a PackedSequence
    hx: the state before the first step, as the class says; zeros if it is not given

    ->   output: (L, N, directions * P), or with the input's axes; the last state
    Raises what torch raises, naming what was given and expected: see `lstm.checks`.
    """
    checks.layer_call(self, input, hx)
    if isinstance(input, PackedSequence):
        data, batch_sizes, order, back = input
        batch_sizes = batch_sizes.tolist()
        state = permute(self.first_state(hx, data, batch_sizes[0]), order)
        output, state = self.run_layers(data, state, batch_sizes)
        output, state = PackedSequence(output, *input[1:]), permute(state, back)
    elif input.dim() == 2:
        state = tuple(s.unsqueeze(1) for s in self.first_state(hx, input))
        output, state = self.run_layers(input.unsqueeze(1), state)
        output, state = output.squeeze(1), tuple(s.squeeze(1) for s in state)
    else:
        inputs = input.transpose(0, 1) if self.batch_first else input
        state = self.first_state(hx, inputs, inputs.shape[1])
        output, state = self.run_layers(inputs, state)
        output = output.transpose(0, 1) if self.batch_first else output
    return output, state if len(state) == 2 else state[0]


# %% [markdown]
r"""
The layers from below to above, in each the directions; dropout between layers. Where
there are no biases, `None` stands in their place.
"""


# %%
# lstm/layers.py, class RNNBase
def run_layers(self, inputs, state, batch_sizes=None):
    """inputs: (L, N, D), or packed, with batch_sizes   ->   output; last state"""
    run = partial(scan_packed, batch_sizes=batch_sizes) if batch_sizes else scan
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
            output, end = run(self.step, inputs, start, weights, reverse=reverse)
            outputs.append(output)
            ends.append(end)
        inputs = torch.cat(outputs, dim=-1)  # (L, N, directions * P)
    return inputs, tuple(torch.stack(s) for s in zip(*ends, strict=True))


# %% [markdown]
r"""
We put the two quoted cells in the place of the package's methods. From here on the
package runs *them*: change one, run the rest of the chapter again, and see what
notices.
"""

# %%
lstm.layers.RNNBase.forward = forward
lstm.layers.RNNBase.run_layers = run_layers
torch.manual_seed(0)
arguments = {"num_layers": 3, "bidirectional": True, "proj_size": 4}
theirs = nn.LSTM(10, 20, **arguments).double()
ours = lstm.LSTM(10, 20, **arguments).double()
_ = ours.load_state_dict(theirs.state_dict())
x = torch.randn(7, 2, 10).double()
assert_close(ours(x), theirs(x))
ours.reset_parameters()
assert not torch.allclose(ours(x)[0], theirs(x)[0])
_ = theirs.load_state_dict(ours.state_dict())  # and back
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
parity.table(measured)

# %% [markdown]
r"""
Rounding in 64-bit floats starts at $10^{-16}$, and sums of many terms collect some of
it. The largest difference is of the order of $10^{-15}$; the assertion asks for less
than $10^{-12}$. Dropout is among the rows: with the same seed, ours draws the very
masks that PyTorch draws on a CPU.
"""

# %%
assert parity.worst(measured) < parity.BOUND == 1e-12
assert len(measured) == 40
print(sum(len(forms) for forms in measured.values()), "combinations agree")

# %% [markdown]
r"""
## 6.9 What this chapter does not show

- That one of the two learns better. Three seeds of one task at one budget are an
  example. Larger comparisons ([Chung et al., 2014](https://arxiv.org/abs/1412.3555);
  [Jozefowicz et al., 2015](https://proceedings.mlr.press/v37/jozefowicz15.html)) found
  no general winner, either.
- That the place of the reset gate matters for *learning*. It matters for the numbers,
  and so for every weight that is carried over.
- What cuDNN and oneDNN do inside. The proofs in 64-bit floats run against PyTorch's
  plain loop. oneDNN is compared in section 6.7 only, in 32 bits; cuDNN by
  `python -m lstm parity --device cuda`.
- Speeds on a GPU: there cuDNN has kernels for both.
- Under automatic mixed precision our layer and PyTorch's agree to the low precision's
  rounding only, and may return different number formats: which one PyTorch returns
  depends on the library behind it.

## Summary

- A GRU has one state and two gates; its update gate does the work of an LSTM's forget
  and input gates. Three blocks of weights instead of four.
- The reset gate after the product (PyTorch) or before it (the published paper, *Dive
  into Deep Learning*): two functions. In PyTorch's form the candidate's two biases are
  two parameters in earnest.
- `rnn.py` names, checks, permutes and calls; C++ computes. The states of a packed batch
  are checked too late (GRU) or not at all (LSTM).
- `lstm.LSTM`, `lstm.GRU` and their cells equal PyTorch's to rounding, for every
  combination of the options.

## Exercises

1. *(easy)* With the numbers of section 6.1, what is $H_t$ in the form (6.5)? Why is it
   the same here, and when would it not be?
2. *(easy)* How many parameters has `nn.GRU(28, 128, num_layers=2, bidirectional=True)`?
   Check with `python -m lstm shapes`.
3. *(medium)* Plant a fault in the quoted `run_layers` (turn a direction round, leave
   the dropout out), and find the first cell that notices.
4. *(medium)* Convert weights from form (6.3) to (6.5) for a GRU whose reset gate is a
   constant $r$ for all units. Why is it impossible in general?
5. *(medium)* A GRU of one unit has only zero weights and biases, but for the update
   gate's bias. Which bias keeps half of the state over 50 steps? Check with `scan`.
6. *(medium)* Give the LSTM of section 6.6 a forget bias of 1, then twice the learning
   rate, then 3,000 steps. Does it catch up with the GRU, in training and on the
   held-out text?
7. *(hard)* Write `fit_form(weights, data)`: train a GRU of form (6.5) to imitate one of
   form (6.3) with 5 units, on random sequences. How close does it come?
8. *(hard)* Read `pack_padded_sequence` in PyTorch's `rnn.py` (`torch/nn/utils`) and
   write the packing of a list of sequences yourself, `batch_sizes` included. Compare
   with `pack_sequence`.

## Further reading

- K. Cho et al., [Learning phrase representations using RNN
  encoder–decoder](https://arxiv.org/abs/1406.1078), 2014: the source.
- J. Chung et al., [Empirical evaluation of gated recurrent neural networks on sequence
  modeling](https://arxiv.org/abs/1412.3555), 2014: LSTM and GRU compared.
- R. Jozefowicz et al., [An empirical exploration of recurrent network
  architectures](https://proceedings.mlr.press/v37/jozefowicz15.html), 2015: thousands
  of relatives of the two.
- PyTorch's documentation of
  [torch.nn.GRU](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html), and
  its source, `torch/nn/modules/rnn.py`.
"""
