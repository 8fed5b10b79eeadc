# ---
# part: Understand
# question: Is `nn.LSTM` the same function?
# proved: >-
#   yes: by algebra, and tested for outputs, states, all gradients; why training curves
#   differ
# minutes: 3.5
# ---

# %% [markdown]
r"""
# 3. The concise LSTM, and the proof that it is the same

**What you will build.** The same recurrent layer in one line, `nn.LSTM(28, 256)`, and a
bridge that carries the parameters of chapter 2 into it.

**What you will learn.** That `torch.nn.LSTM` computes what chapter 2 computes: first
proved, by three lines of algebra, then tested, in 64-bit floats, for outputs, states
and every gradient. How PyTorch lays out its parameters, and how three notations of the
literature name them. And why, if the functions are equal, the two training curves of
the notes differ.

**What you need.** Chapters 1 and 2. The training takes one to two minutes, the
experiment at the end one.
"""

# %%
import random

import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import bench, figures, studies
from lstm.d2l import curve, d2l
from lstm.figures import plt
from lstm.studies import start

device = d2l.try_gpu()
# a GPU's nn.LSTM would round its factors to 10 bits; code by hand does not
lstm.full_precision()

# %% tags=["nbval-ignore-output"]
batch_size, num_steps = 32, 35
train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)

# %% [markdown]
r"""
## 3.1 One line for the layer

`nn.LSTM` is the recurrent layer alone: it maps a sequence of vectors to a sequence of
hidden states, $(L, N, D)$ to $(L, N, H)$. It has no output layer. d2l's `RNNModel` adds
the one-hot encoding in front and a linear layer behind. The last of the outputs is the
last hidden state, `h_n`; the `1` in its shape counts layers, of which we have one.
"""

# %%
num_inputs, num_hiddens = len(vocab), 256
lstm_layer = nn.LSTM(num_inputs, num_hiddens)
inputs = torch.randn(num_steps, batch_size, num_inputs)
output, (h_n, c_n) = lstm_layer(inputs)
print("output", tuple(output.shape), "  h_n and c_n", tuple(h_n.shape))
print("the last output is h_n:", torch.equal(output[-1], h_n[0]))

# %% [markdown]
r"""
## 3.2 Training, as in the notes

The notes' call, whose loop chapter 2 wrote out: plain gradient descent, learning rate
1, 500 epochs.
"""

# %% tags=["nbval-ignore-output"]
#| fig-alt: >-
#|   The training of nn.LSTM, perplexity against epoch: it drops from its highest value
#|   at the left, comes near 1 long before epoch 500, and from there on runs almost
#|   level.
random.seed(0)
torch.manual_seed(0)
model = d2l.RNNModel(nn.LSTM(num_inputs, num_hiddens), len(vocab)).to(device)
num_epochs, lr = 500, 1
d2l.train_ch8(model, train_iter, vocab, lr, num_epochs, device)

# %% [markdown]
r"""
The curve has one point for every tenth epoch. Here is what the notes report for this
run, beside ours.
"""

# %% tags=["nbval-ignore-output"]
#| fold: >-
#|   The table of perplexities
epochs, perplexities = curve()
late = perplexities[-10:]  # of epochs 410, 420, to 500
rows = [
    ("the notes, nn.LSTM", "1.1"),
    ("this run, last epoch", f"{perplexities[-1]:.2f}"),
    ("this run, in the last 100 epochs", f"{min(late):.2f} to {max(late):.2f}"),
]
lstm.Table(("", "perplexity on training pages"), rows)

# %%
#| check: >-
#|   The training reached the 1.1 that the notes report.
assert epochs[-1] == 500
assert min(perplexities) <= 1.1

# %% [markdown]
r"""
The notes report 1.1 here, and 1.3 for the scratch code. (Chapter 2 shows side by side
what their two networks recite and what ours does, and what a perplexity near 1 is worth
when it was measured on the training pages.)

They also report 234,815 tokens a second on a GPU, against 17,736 for the scratch code.
Our speeds were measured side by side by `make bench`, on the machine that is named. Two
things differ in the code. The eight products of a step are stacked into two, which
alone (`lstm.LSTM`, section 3.7, still a loop in Python) gains little; and one call for
the whole sequence replaces dozens at every step.
"""

# %% tags=["nbval-ignore-output"]
#| fold: >-
#|   The table of speeds, from the committed measurements
rows = []
for report in bench.results():
    speeds = report["tasks"]["text"]["speeds"]
    scratch_speed = speeds["scratch (the notes)"]
    where, date = report["machine"]["device"], report["machine"]["date"]
    for name, speed in speeds.items():
        ratio = f"{speed / scratch_speed:.1f} ×"
        rows.append((name, f"{speed:,}", ratio, f"{where}, {date}"))
lstm.Table(("code", "tokens/s", "against scratch", "measured on"), rows)

# %% [markdown]
r"""
Two questions are open. Is it really the *same* function? And if it is, why did the
notes get 1.3 with one and 1.1 with the other?

## 3.3 Three notations, one layout

The literature writes the equations of chapter 1 in three ways. The table is a
dictionary; what stands in one row is the same thing.

| this book, and the notes on *Dive into Deep Learning* | notation with $U$ and $V$ | PyTorch's documentation |
|---|---|---|
| $\mathbf{X}_t \mathbf{W}_{xi}$, row vectors, weight on the right | $U^{(i)} x_t$ | $W_{ii} x_t$, column vectors, weight on the left |
| $\mathbf{H}_{t-1} \mathbf{W}_{hi}$ | $V^{(i)} h_{t-1}$ | $W_{hi} h_{t-1}$ |
| $\mathbf{b}_i$, one bias a gate | one, or not written | $b_{ii} + b_{hi}$, two biases a gate |
| $\mathbf{I}_t, \mathbf{F}_t, \mathbf{O}_t$ | $i_t, f_t, o_t$ | $i_t, f_t, o_t$ |
| $\tilde{\mathbf{C}}_t$, the candidate | $g_t$ | $g_t$ |
| $\mathbf{C}_t, \mathbf{H}_t$ | $c_t, h_t$ | $c_t, h_t$ |

Beware of $W_{ii}$: the first letter is *input*, the second is the *i* gate. And how are
they stored? Ask a small layer, with $D = 3$ inputs and $H = 5$ units:
"""

# %%
torch.manual_seed(0)
small = nn.LSTM(3, 5).double()
for name, parameter in small.named_parameters():
    print(f"{name:14}", tuple(parameter.shape))

# %% [markdown]
r"""
Four tensors instead of twelve. (`_l0` is the first layer; chapter 5 has more of them.)
Three things differ from the notes' list, and only these.

1. **Transposed.** PyTorch stores each weight with a row for every unit:
   $\mathbf{W}_{xi}$ is $(D, H)$, PyTorch's $W_{ii} = \mathbf{W}_{xi}^\top$ is $(H, D)$.
   A layer computes $\mathbf{X} W^\top$, as `torch.nn.functional.linear` does.
2. **Stacked.** The four gates' matrices lie one below the other, along the *rows*:
   `weight_ih_l0` is $(4H, D)$. In the product $\mathbf{X} W^\top$ it stands transposed,
   and there the gates lie side by side, along the *columns*. The order is *input,
   forget, candidate, output*, which PyTorch calls $i, f, g, o$. The notes' list has the
   order *i, f, o, c*: the last two change places.
3. **Two biases.** `bias_ih_l0` and `bias_hh_l0` are added at the same place, and only
   the sum counts. (There are two because NVIDIA's cuDNN library has two.)

We check the second and the third on the small layer. The sums of one step, in one
product and gate by gate; and then all of one bias put into the other.
"""

# %%
x = torch.randn(2, 3).double()
stacked = x @ small.weight_ih_l0.T  # (N, 4H)
by_gate = [x @ small.weight_ih_l0[5 * n : 5 * n + 5].T for n in range(4)]
print("one product", tuple(stacked.shape), " four products", tuple(by_gate[0].shape))

merged = nn.LSTM(3, 5).double()
merged.load_state_dict(small.state_dict())
with torch.no_grad():
    merged.bias_ih_l0 += merged.bias_hh_l0
    merged.bias_hh_l0.zero_()
sequence = torch.randn(7, 2, 3).double()
difference = (merged(sequence)[0] - small(sequence)[0]).abs().max().item()
print("merged biases: outputs differ by less than 1e-14:", difference < 1e-14)

# %%
#| check: >-
#|   Side by side, the four small products are the one large product; and merging the
#|   two biases changes nothing beyond rounding.
assert_close(torch.cat(by_gate, dim=1), stacked)
assert difference < 1e-14

# %% [markdown]
r"""
The package's bridge from the notes' fourteen tensors to PyTorch's four, and to the two
of the linear layer, word for word:
"""

# %%
from lstm.convert import LSTM_NAMES, TORCH_LSTM, named


# %%
# lstm/convert.py
def to_torch(params):
    """Return the state_dicts of the nn.LSTM(V, H) and nn.Linear(H, V) that do the same.

    params: the 14 tensors of `lstm.scratch.get_lstm_params`
    ->   weight_ih_l0: (4H, V), weight_hh_l0: (4H, H), bias_ih_l0, bias_hh_l0: (4H);
         weight: (V, H), bias: (V)
    Raises ValueError if the list has another length, or a tensor another shape.
    """
    p = named(params, LSTM_NAMES)
    return stack(p, TORCH_LSTM), output_layer(p)


def stack(p, gates):
    """Stack the notes' weights, transposed, in PyTorch's order of the gates."""
    biases = torch.cat([p[f"b_{gate}"] for gate in gates])
    return {
        "weight_ih_l0": torch.cat([p[f"W_x{gate}"].T for gate in gates]),
        "weight_hh_l0": torch.cat([p[f"W_h{gate}"].T for gate in gates]),
        "bias_ih_l0": biases,
        "bias_hh_l0": torch.zeros_like(biases),
    }


def output_layer(p):
    """The state_dict of the linear layer that reads the hidden state."""
    return {"weight": p["W_hq"].T.contiguous(), "bias": p["b_q"].clone()}


# %% [markdown]
r"""
In a picture, for $D = 3$ inputs and $H = 4$ units, a small square for each number:
"""

# %%
#| fig-alt: >-
#|   On the left the notes' twelve tensors, a row for each gate in the order i, f, o, c:
#|   a matrix of 3 rows and 4 columns, one of 4 and 4, and a row of 4. On the right
#|   PyTorch's four, the same blocks transposed and stacked in the order i, f, g, o;
#|   the fourth, the second bias, is empty.
figures.gate_blocks(D=3, H=4)
plt.show()

# %% [markdown]
r"""
`named` puts the notes' names to the fourteen tensors and checks their shapes;
`LSTM_NAMES` holds these names, and `TORCH_LSTM` PyTorch's order of the gates in the
notes' letters. A list that does not fit is refused with a reason:
"""

# %%
print("order of the gates:", TORCH_LSTM, "  names:", *LSTM_NAMES[:3], "...")
params = lstm.get_lstm_params(28, 256)
one_missing = params[:-1]
two_exchanged = [*params[:6], params[7], params[6], *params[8:]]
for wrong in (one_missing, two_exchanged):
    try:
        to_torch(wrong)
    except ValueError as error:
        print(error)

# %% [markdown]
r"""
## 3.4 The proof: three lines of algebra

What `to_torch` builds is, with the blocks written out,

\begin{align*}
\mathbf{W}_{ih} = \begin{bmatrix}
\mathbf{W}_{xi}^\top \\[0.3em] \mathbf{W}_{xf}^\top \\[0.3em]
\mathbf{W}_{xc}^\top \\[0.3em] \mathbf{W}_{xo}^\top \end{bmatrix}, \quad
\mathbf{W}_{hh} &= \begin{bmatrix}
\mathbf{W}_{hi}^\top \\[0.3em] \mathbf{W}_{hf}^\top \\[0.3em]
\mathbf{W}_{hc}^\top \\[0.3em] \mathbf{W}_{ho}^\top \end{bmatrix}, \\[0.6em]
\mathbf{b}_{ih} + \mathbf{b}_{hh} &=
\begin{bmatrix} \mathbf{b}_i & \mathbf{b}_f & \mathbf{b}_c & \mathbf{b}_o \end{bmatrix}.
\tag{3.1}
\end{align*}

By its documentation, `nn.LSTM` forms at every step the sums
$\mathbf{X}_t \mathbf{W}_{ih}^\top + \mathbf{b}_{ih} + \mathbf{H}_{t-1}
\mathbf{W}_{hh}^\top + \mathbf{b}_{hh}$, cuts them into four blocks of $H$ columns,
sends these through $\sigma, \sigma, \tanh, \sigma$, and mixes them as (1.7) and (1.8)
do. Write $\mathbf{A}_\cdot = \mathbf{X}_t \mathbf{W}_{x\cdot} + \mathbf{H}_{t-1}
\mathbf{W}_{h\cdot} + \mathbf{b}_\cdot$ for the sum inside the gate that the dot names.
Then, with (3.1) put in,

\begin{align*}
& \mathbf{X}_t \mathbf{W}_{ih}^\top + \mathbf{H}_{t-1} \mathbf{W}_{hh}^\top
  + \mathbf{b}_{ih} + \mathbf{b}_{hh}
  = \begin{bmatrix} \mathbf{A}_i & \mathbf{A}_f & \mathbf{A}_c & \mathbf{A}_o
    \end{bmatrix}, \\
& \sigma(\mathbf{A}_i) = \mathbf{I}_t, \quad \sigma(\mathbf{A}_f) = \mathbf{F}_t, \quad
  \tanh(\mathbf{A}_c) = \tilde{\mathbf{C}}_t, \quad
  \sigma(\mathbf{A}_o) = \mathbf{O}_t, \\
& \mathbf{F}_t \odot \mathbf{C}_{t-1} + \mathbf{I}_t \odot \tilde{\mathbf{C}}_t
  = \mathbf{C}_t, \quad
  \mathbf{O}_t \odot \tanh(\mathbf{C}_t) = \mathbf{H}_t. \tag{3.2}
\end{align*}

The first line holds because a stack of transposed blocks, transposed, is the blocks
side by side, and a product with blocks side by side is the products side by side. The
second line is (1.3), (1.4), (1.6) and (1.5), read from right to left. The third is
(1.7) and (1.8). So from the same state one step leads both to the same state; by
induction so do $L$ steps; and the output layer is the same product. That is the proof:
for *all* inputs, states and parameters, `nn.LSTM` as documented and the LSTM of chapter
1 are one function. Equal functions have equal derivatives, so the gradients agree, too;
each of the two biases gets the gradient of the sum.

## 3.5 The test: outputs, states, every gradient

A proof is about formulas. That our loop, our bridge and PyTorch's compiled code
*compute* these formulas is another claim, and it is tested. How much does a test at one
random point say? Products, sums, $\sigma$ and $\tanh$ make **analytic** functions,
those that are given by their Taylor series. Two different analytic functions (on a
connected domain) can agree only on a set of volume zero ([Mityagin,
2015](https://arxiv.org/abs/1512.07276)). A point drawn from a normal distribution lies
in such a set with probability zero. So if a slip in the code made it another function
of this kind (a gate exchanged, a sign, a bias forgotten), one random point would show
it almost surely. What it would not show is a difference smaller than rounding, or a
branch that other shapes or another device would take.

We draw fourteen parameters of a decent size (at 0.01 every gate would be near 0.5, and
a difference could hide in the last digits), carry them over, and give both the same
sequence and the same starting state. All in 64-bit floats, where rounding errors are of
the order of $10^{-16}$.
"""

# %%
torch.manual_seed(1)
params = [
    (20 * p.detach()).double().requires_grad_() for p in lstm.get_lstm_params(28, 64)
]
with torch.no_grad():
    for bias in (*params[2::3], params[-1]):
        bias.normal_()  # biases are drawn too, or an error in them could hide
for_layer, for_linear = to_torch(params)

layer, linear = nn.LSTM(28, 64).double(), nn.Linear(64, 28).double()
layer.load_state_dict(for_layer)
_ = linear.load_state_dict(for_linear)

# %%
inputs = torch.randn(12, 4, 28).double()
h_0, c_0 = torch.randn(4, 64).double(), torch.randn(4, 64).double()

scores, (h, c) = lstm.scratch_lstm(inputs, (h_0, c_0), params)
output, (h_n, c_n) = layer(inputs, (h_0[None], c_0[None]))
scores_torch = linear(output).flatten(0, 1)
size = scores.abs().mean().item()
difference = (scores - scores_torch).abs().max().item()
print(f"scores are of size {size:.2f}; largest difference below 1e-14:", end=" ")
print(difference < 1e-14)

# %%
#| check: >-
#|   Scores, hidden state and cell agree to rounding.
assert difference < 1e-14
assert_close(h, h_n[0], atol=1e-14, rtol=0)
assert_close(c, c_n[0], atol=1e-14, rtol=0)

# %% [markdown]
r"""
Now the gradients. We take one random weighted sum of all outputs and both states, and
differentiate it with respect to all fourteen tensors, the inputs and the initial state.
By the argument above, one sum suffices.
"""

# %%
leaves = [tensor.clone().requires_grad_() for tensor in (inputs, h_0, c_0)]
directions = [torch.randn_like(tensor) for tensor in (scores, h, c)]


def mix(*tensors):
    return sum((d * t).sum() for d, t in zip(directions, tensors, strict=True))


x, h, c = leaves
scores, state = lstm.scratch_lstm(x, (h, c), params)
by_hand = torch.autograd.grad(mix(scores, *state), [*params, *leaves])

output, (h_n, c_n) = layer(x, (h[None], c[None]))
value = mix(linear(output).flatten(0, 1), h_n[0], c_n[0])
by_torch = torch.autograd.grad(
    value, [*layer.parameters(), *linear.parameters(), *leaves]
)

# %% [markdown]
r"""
PyTorch's gradients come stacked and transposed like its parameters, so `from_torch`,
the bridge's other direction, carries them back into the notes' fourteen. (Both biases
of a gate have the same gradient, so we pass one of them, and zero for the other.)
"""

# %%
names = [name for name, _ in layer.named_parameters()]
of_layer = dict(zip(names, by_torch[:4], strict=True))
same_biases = (of_layer["bias_ih_l0"], of_layer["bias_hh_l0"])
of_layer["bias_hh_l0"] = torch.zeros_like(of_layer["bias_hh_l0"])
of_linear = dict(zip(("weight", "bias"), by_torch[4:6], strict=True))
carried = [*lstm.from_torch(of_layer, of_linear), *by_torch[6:]]

compared = (*LSTM_NAMES, "inputs", "h_0", "c_0")
sizes = {n: ours.abs().max().item() for n, ours in zip(compared, by_hand, strict=True)}
apart = {
    name: (ours - theirs).abs().max().item() / sizes[name]
    for name, ours, theirs in zip(compared, by_hand, carried, strict=True)
}

# %% tags=["nbval-ignore-output"]
#| fold: >-
#|   The table of the gradients: size, and largest difference relative to it
rows = [(name, f"{sizes[name]:.2f}", f"{apart[name]:.0e}") for name in compared]
lstm.Table(("gradient of", "largest entry", "relative difference"), rows)

# %%
#| check: >-
#|   All seventeen gradients agree to rounding, and none of them is zero; both biases
#|   have one gradient.
assert len(apart) == 17
assert max(apart.values()) < 1e-13
assert min(sizes.values()) > 1e-3  # a gradient of zero would test nothing
assert_close(*same_biases)

# %% [markdown]
r"""
So the answer to the first question is yes. And would the test have caught a mistake?
Here is what happens if the notes' order of the gates is kept, with *o* third and *c*
fourth. All shapes fit, nothing complains, and the result is another network.
"""


# %%
def swap_last_two(stacked):
    i, f, g, o = stacked.chunk(4)
    return torch.cat([i, f, o, g])


wrong = nn.LSTM(28, 64).double()
wrong.load_state_dict(
    {name: swap_last_two(tensor) for name, tensor in for_layer.items()}
)
output_wrong, _ = wrong(inputs, (h_0[None], c_0[None]))
difference = (output_wrong - output).abs().max().item()
print(f"outputs differ by up to {difference:.2f}")

# %%
#| check: >-
#|   The shapes are the same, and outputs between -1 and 1 differ by more than 1.
assert output_wrong.shape == output.shape
assert difference > 1

# %% [markdown]
r"""
## 3.6 Why, then, do the curves differ?

Equal functions, unequal curves: something in the *training* must differ. Three
suspects:

- **the batches**: d2l starts every epoch at a random offset;
- **the initial weights**, of the layer and of the linear layer behind it: the notes
  draw $\mathcal{N}(0, 0.01^2)$ with zero biases; `nn.LSTM` and `nn.Linear` draw weights
  and biases from $\mathcal{U}(-1/\sqrt{H}, 1/\sqrt{H})$, here ±0.0625. The standard
  deviation of that is $0.0625/\sqrt{3} = 0.036$, 3.6 times as wide;
- **the second bias**: gradient descent moves both biases, so their sum moves about
  twice as fast (the clipped norm counts both, too).

First a control. Chapter 2's scratch network, and `nn.LSTM` with *its* initial weights,
the same batches, and the second bias held at zero: if sections 3.4 and 3.5 are right,
these two must draw the same curve. Beside them a third network, for which nothing but
the width of the first weights is changed: the same random numbers, times 3.6. The
training loop is that of the study that follows, quoted from the package.
"""


# %%
# lstm/studies/start.py
def train(net, batches, epochs, seed, lr=1, device="cpu"):
    """Train as train_ch8 does, without its drawing; the perplexity of each epoch."""
    random.seed(seed)  # of which d2l draws where an epoch begins
    if isinstance(net, nn.Module):
        trained = [p for p in net.parameters() if p.requires_grad]
        update = torch.optim.SGD(trained, lr)
    else:

        def update(batch_size):
            d2l.sgd(net.params, lr, batch_size)

    loss = nn.CrossEntropyLoss()
    return [
        d2l.train_epoch_ch8(net, batches, loss, update, device, False)[0]
        for _ in range(epochs)
    ]


# %%
torch.manual_seed(0)
first = lstm.get_lstm_params(num_inputs, num_hiddens)
get_params = lambda *_: [p.detach().to(device).requires_grad_() for p in first]
functions = get_params, lstm.init_lstm_state, lstm.scratch_lstm
scratch = d2l.RNNModelScratch(len(vocab), num_hiddens, device, *functions)

same = start.around(*to_torch(first)).to(device)
start.merge_biases(same.rnn)  # the sum into one; the other zero, and not trained
wider = start.make("0.036 everywhere", len(vocab), seed=0).to(device)

E = 60
curves = {
    "scratch, 0.01": train(scratch, train_iter, E, seed=0, device=device),
    "nn.LSTM, the same": train(same, train_iter, E, seed=0, device=device),
    "nn.LSTM, 0.036": train(wider, train_iter, E, seed=0, device=device),
}

# %%
#| fig-alt: >-
#|   Training perplexity over 60 epochs. The crosses of nn.LSTM lie on the line of
#|   scratch, which stays on a plateau for some thirty epochs. The line of the
#|   wider weights, with triangles, bends down earlier and runs below it from then on.
figures.lines(curves, "epoch", "training perplexity", ylim=(8, 26), crosses=1)
plt.show()

# %% tags=["nbval-ignore-output"]
line, crosses, below = map(torch.tensor, curves.values())
gap = (line - crosses).abs() / line
print(f"largest relative difference, scratch and the same: {gap.max():.0e}")
print(f"perplexity at epoch {E}: {line[-1]:.2f}, {crosses[-1]:.2f}, {below[-1]:.2f}")

# %%
#| check: >-
#|   Scratch and nn.LSTM with the same start draw one curve, to a thousandth for 40
#|   epochs and a hundredth for 60; the wider start lies more than 5 % lower.
assert gap[:40].max() < 1e-3
assert gap.max() < 1e-2  # rounding errors of 32-bit floats have had time to grow
assert ((line - below) / line)[20:].mean() > 0.05

# %% [markdown]
r"""
The crosses lie on the line: after 480 updates in 32-bit floats the two perplexities
agree as the line above says. So the code is not the cause, and the width of the first
weights is *a* cause. Is it the whole cause, and the width of which weights? For that we
change one thing at a time, and let five seeds draw the random numbers and the batches
anew. This is more than a chapter should compute while you read, so it was measured
beforehand, for nine starts:

- the notes' weights, and the same random numbers 3.6 times as large in the input
  weights $\mathbf{W}_{x\cdot}$, in the recurrent weights $\mathbf{W}_{h\cdot}$, in both
  (the LSTM), in the output layer, and everywhere; always with biases of zero, of which
  one is trained;
- PyTorch's own start: uniform instead of normal, and its biases drawn, too;
- the notes' start and PyTorch's once more, with the second bias trained as well. The
  last of these is `nn.LSTM` as one gets it.

One of the 45 points we have just measured again, the wider start from seed 0. How near
is it to the committed row?
"""

# %% tags=["nbval-ignore-output"]
rows = studies.load("start")
(row,) = studies.select(rows, start="0.036 everywhere", seed=0)
committed = torch.tensor(row["perplexity"][: E // 2])  # of every second epoch
live = below[start.EVERY - 1 :: start.EVERY]
real = lstm.data.find_text() != lstm.data.text.EMBEDDED
off = ((live - committed).abs() / committed).max()
print("the same text" if real else "another text: the stand-in")
print(f"largest relative difference, live and committed: {off:.0e}")

# %%
#| check: >-
#|   On the real text, live and committed differ by less than 2 % for 60 epochs.
assert len(committed) == len(live)
assert off < 0.02 or not real

# %%
#| fig-alt: >-
#|   Four bands of training perplexity over 100 epochs, one for each start, five seeds
#|   each. The notes' start leaves the plateau last. Wider weights in the LSTM, and in
#|   the output layer, run together between it and the lowest, wider weights everywhere.
shown = (
    start.NOTES,
    "0.036 in the output layer",
    "0.036 in the LSTM",
    "0.036 everywhere",
)


def seeds(name):
    """Perplexities of a start: (seeds, every second epoch)."""
    return torch.tensor([r["perplexity"] for r in studies.select(rows, start=name)])


bands = {name: seeds(name) for name in shown}
epochs = range(start.EVERY, start.EPOCHS + 1, start.EVERY)
figures.bands({"": bands}, "epoch", "training perplexity", epochs, ylim=(8, 20))
plt.show()

# %%
#| fig-alt: >-
#|   Nine rows of five marks each, perplexity at epoch 60. At the right, near 13, stand
#|   the notes' start, the same with a second bias, and wider recurrent weights. The
#|   other six lie far to the left, those with all weights widened and PyTorch's own the
#|   farthest, near 10.6.
epoch = 60
at = {name: seeds(name)[:, epoch // start.EVERY - 1] for name in start.STARTS}
broken = {name.replace(" in the ", "\nin the "): at[name] for name in at}
broken = {name.replace(", ", ",\n"): values for name, values in broken.items()}
figures.marks(broken, f"training perplexity at epoch {epoch}")
plt.show()

# %%
#| fold: >-
#|   The table: mean and range of the five seeds at four epochs
listed = (20, 40, 60, 100)
table = []
for name in start.STARTS:
    columns = seeds(name)[:, [e // start.EVERY - 1 for e in listed]].T
    table.append(
        (name, *(f"{c.mean():.1f} ({c.min():.1f} to {c.max():.1f})" for c in columns))
    )
lstm.Table(("start", *(f"epoch {e}" for e in listed)), table)

# %%
print(studies.about("start"))

# %% [markdown]
r"""
How much of the gap does each change close? For each seed we take the notes' start as 0
and `nn.LSTM` as one gets it as 1.
"""


# %%
def closed(name, epoch):
    """The share of the gap that a start closes, seed by seed."""
    n = epoch // start.EVERY - 1
    notes, own = seeds(start.NOTES)[:, n], seeds(start.PYTORCH + start.SECOND)[:, n]
    return (notes - seeds(name)[:, n]) / (notes - own)


# %%
#| fold: >-
#|   The table: mean and range of the shares
table = []
for name in start.STARTS[1:-1]:
    shares = [closed(name, e) for e in listed]
    table.append(
        (name, *(f"{s.mean():.2f} ({s.min():.2f} to {s.max():.2f})" for s in shares))
    )
lstm.Table(("start", *(f"epoch {e}" for e in listed)), table)

# %% [markdown]
r"""
Four things can be read from this, for this network, this text and this learning rate.

- **Width explains nearly all of the gap.** The notes' own random numbers, 3.6 times as
  large everywhere, train nearly as `nn.LSTM` does: at epochs 20, 40 and 60 the shares
  are 0.96 to 1.09 on average. That PyTorch draws uniformly, and its biases, too, adds
  little.
- **The input weights and the output layer matter about equally.** At epochs 20, 40 and
  60 either alone closes half of the gap or more. Their shares add up to more than that
  of both together: what one has closed, the other cannot close again.
- **Alone, the recurrent weights and the second bias matter little**: on average each
  closes less than a fifth of the gap at any of the four epochs, and about nothing at
  epoch 40. (Beside wide input weights the recurrent ones add up to a tenth until epoch
  60, and a quarter at epoch 100.)
- **The batches do not make it.** Batches and random numbers together, five seeds of one
  start, spread by less than a third of the gap at these four epochs.

An argument that fits: near zero the network is almost a product of its layers. The
hidden states are proportional to the input weights, so the gradient of the output
layer's weights is small while those are; and the gradient of the LSTM's weights is
proportional to the output layer's weights. Each waits for the other, and whichever
starts larger shortens the wait. Exercise 6 measures these gradients. That they, and
nothing else about the width, end the plateau is not shown here.

So the second question is answered as far as we measured. The gap between the two runs,
in their first 100 epochs, does not come from the code. It comes nearly all from the
width of the first weights. That the gap of the notes at epoch 500, 1.3 against 1.1, has
the same cause is not shown. Each of the two is one value of one run, and a single run
varies, too: section 3.2 gives the range of ten looks in its last 100 epochs.

## 3.7 The book's own layer

The package holds an `LSTM` of its own, built on chapter 1's `lstm_step`, with PyTorch's
names. It loads the same `state_dict` and swaps in one line. Chapter 4 uses it.
"""

# %%
ours = lstm.LSTM(28, 64).double()
ours.load_state_dict(layer.state_dict())
output_ours, state_ours = ours(inputs, (h_0[None], c_0[None]))
output, state = layer(inputs, (h_0[None], c_0[None]))
difference = (output_ours - output).abs().max().item()
print("largest difference below 1e-14:", difference < 1e-14)

# %%
#| check: >-
#|   Outputs and both last states of lstm.LSTM are those of nn.LSTM, to rounding.
assert difference < 1e-14
assert_close(state_ours, state)

# %% [markdown]
r"""
## 3.8 What this chapter does not show

- The proof is about the formulas in PyTorch's documentation. That the code computes
  them was tested at random points, in 64-bit floats, for one layer and one direction,
  on one device. The package's tests draw many more shapes and arguments.
- In 32-bit floats, and with other kernels on a GPU, results differ in the last digits.
  Over many training steps such differences can grow; equal curves for 60 epochs are not
  a promise for 500.
- What width does at another learning rate, with Adam, on another text, or in a larger
  network. Nor that wider is always better: 0.036 was one step, not a sweep.
- A lower training perplexity is not a better model of English; chapter 2 shows that on
  pages that were not trained on.

## Summary

- `nn.LSTM` computes what the scratch LSTM computes. Three lines of algebra prove it for
  the formulas; outputs, states and all gradients at random points test it for the code.
- Layout: each weight transposed, the gates stacked along the rows in the order
  $i, f, g, o$, and two biases whose sum counts.
- Same weights, same batches, one bias: one curve. In the first 100 epochs the curve of
  `nn.LSTM` differs from that of scratch mostly because its first weights are wider: up
  to epoch 60 in the input weights and in the output layer about equally. For epoch 500
  that is not shown.

## Exercises

1. *(easy)* How many numbers does `nn.LSTM(28, 256)` hold, and how many of them are
   redundant, because two are only ever added?
   ([solution](solutions/03_concise.ipynb#Exercise-1))
2. *(easy)* Write the rows of `weight_hh_l0` that belong to the output gate as a slice.
   ([solution](solutions/03_concise.ipynb#Exercise-2))
3. *(medium)* Carry a trained `nn.LSTM`, that of section 3.2 or one of a few epochs,
   into chapter 2's fourteen tensors with `from_torch`, and let `d2l.predict_ch8`
   continue a text with both. Do they agree for 50 characters? (Hint:
   `d2l.RNNModelScratch` takes any function for `get_params`, such as
   `lambda *_: params`.) ([solution](solutions/03_concise.ipynb#Exercise-3))
4. *(medium)* Two networks with different parameters can be the same function: let two
   hidden units change places. Which rows and columns of `nn.LSTM` and of the linear
   layer behind it must change places with them?
   ([solution](solutions/03_concise.ipynb#Exercise-4))
5. *(medium)* Halve the learning rate of both biases. Does "two biases" then train as
   "one bias" does? Mind the clipping of the gradient.
   ([solution](solutions/03_concise.ipynb#Exercise-5))
6. *(medium)* On the first minibatch, which gradients grow, and by how much, if the
   output layer's weights are drawn 3.6 times as wide? And if the input weights are?
   ([solution](solutions/03_concise.ipynb#Exercise-6))
7. *(hard)* Repeat the control of section 3.6, scratch against `nn.LSTM` from the same
   start, in 64-bit floats, for a few epochs. How large is the gap now, and what does
   that say about the gap in 32 bits?
   ([solution](solutions/03_concise.ipynb#Exercise-7))

## Further reading

- PyTorch's documentation of
  [torch.nn.LSTM](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html).
- A. Zhang et al., [Dive into Deep Learning](https://d2l.ai), concise implementation of
  the LSTM.
- X. Glorot, Y. Bengio, [Understanding the difficulty of training deep feedforward
  neural networks](https://proceedings.mlr.press/v9/glorot10a.html), 2010: why the scale
  of the first weights matters.
- B. Mityagin, [The zero set of a real analytic
  function](https://arxiv.org/abs/1512.07276), 2015: why one random point tells two such
  functions apart, in two pages.
"""
