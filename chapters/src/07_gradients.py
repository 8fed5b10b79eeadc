# ---
# part: Look closer
# question: How do gradients flow through time, and where are they lost?
# proved: the backward pass by hand equals autograd's; the direct path, clipping and
#   truncation, measured
# minutes: 0.5
# ---

# %% [markdown]
r"""
# 7. Gradients: back through time, by hand

**What you will build.** The backward pass of the LSTM, some thirty lines of plain
tensor code without autograd. In 64-bit floats it equals autograd for every parameter,
every input and both initial states.

**What you will learn.** Where the gradient of a shared weight comes from. What one step
of the LSTM does to a gradient on its way back. How much of it takes the direct road
along the cell, and how much the many roads through the hidden state. What clipping does
and what it does not. And what is lost when a training loop detaches the state.

**What you need.** Chapter 1, above all sections 1.9 and 1.12; sections 2.2 and 6.1; the
chain rule. The chapter runs in about half a minute on two processor cores.
"""

# %%
import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear, one_hot
from torch.testing import assert_close

import lstm
from lstm import figures
from lstm.figures import plt

device = lstm.pick_device()
lstm.full_precision()

# %% [markdown]
r"""
## 7.1 One weight, used three times

Calling `loss.backward()` on a recurrent network works, and so it is easy never to look
inside. We look inside, and begin with a network that fits on a napkin: one unit, no
tanh,

$$h_t = w\, h_{t-1} + x_t, \qquad h_0 = 0.$$

Take $w = 0.5$ and the inputs 1, 0, 0. The states are 1, 0.5, 0.25. Let the loss be the
last state, $\mathcal{L} = h_3$. Here $h_3 = w^2$, so we know the answer beforehand:
$\mathrm{d}\mathcal{L}/\mathrm{d}w = 2w = 1$.

Now by a method that also works when there is no such formula. Unroll the network. What
was one weight becomes an arrow at every step, with the same number on each. (The first
arrow, from $h_0 = 0$, is not drawn.)
"""

# %%
#| fig-alt: >-
#|   A chain of three states: an arrow from H1 to H2, one from H2 to H3, both in orange
#|   like the arrow from X1 into H1. X2 and X3 enter from below in black, and from H3
#|   an arrow goes up to the loss.
figures.unrolled(steps=3)
plt.show()

# %% [markdown]
r"""
Write $\delta y$ for the derivative of the loss with respect to $y$; it answers "if $y$
were a little larger, how much would the loss move?". At the end, $\delta h_3 = 1$. A
state acts on the next one through $w$, so going back one step multiplies by $w$. And
$w$ itself acts at every step, each time on the state of the step before. All its
effects add up:

$$\delta h_{t-1} = w\, \delta h_t, \qquad \delta w
  = \sum_{t=1}^{3} \delta h_t\, h_{t-1}. \tag{7.1}$$

| $t$ | $h_{t-1}$ | $\delta h_t$ | $\delta h_t\, h_{t-1}$ |
|---|---|---|---|
| 3 | 0.5 | 1 | 0.5 |
| 2 | 1 | 0.5 | 0.5 |
| 1 | 0 | 0.25 | 0 |
| | | | sum: **1** |

That is **backpropagation through time** (BPTT): go forward and keep the states; go
backward with one $\delta$; at every step collect what the shared weight did there. It
is no new rule, only the chain rule on an unrolled network ([Werbos
1990](https://doi.org/10.1109/5.58337) explains it with many examples). The cell does
what the table does.
"""

# %%
w, states = 0.5, [0.0]
for x in (1.0, 0.0, 0.0):
    states.append(w * states[-1] + x)
d_h, d_w = 1.0, 0.0
for h_before in reversed(states[:-1]):
    d_w += d_h * h_before
    d_h = w * d_h
assert states == [0, 1, 0.5, 0.25]
assert d_w == 2 * w
print("derivative of the loss with respect to w:", d_w)

# %% [markdown]
r"""
## 7.2 One step of the LSTM, backward

The LSTM needs nothing more, only more bookkeeping. A hat marks the weighted sum that
goes into a gate, so that $\mathbf{I}_t = \sigma(\hat{\mathbf{I}}_t)$, and likewise
$\hat{\mathbf{F}}_t$, $\hat{\mathbf{O}}_t$ and, for the candidate,
$\tilde{\mathbf{C}}_t = \tanh(\hat{\mathbf{C}}_t)$. A $\delta$ has the shape of what it
stands before.

Suppose that $\delta\mathbf{H}_t$ and $\delta\mathbf{C}_t$ have arrived: all that later
steps, and the loss at this step, have to say about the two states. We undo section 1.9
line by line, from the bottom. The last line was
$\mathbf{H}_t = \mathbf{O}_t \odot \tanh(\mathbf{C}_t)$. It makes the cell visible, so
the cell gets a second share:

$$
\delta\mathbf{C}_t \leftarrow \delta\mathbf{C}_t
  + \delta\mathbf{H}_t \odot \mathbf{O}_t \odot (1 - \tanh^2 \mathbf{C}_t).
\tag{7.2}
$$

The other lines are
$\mathbf{C}_t = \mathbf{F}_t \odot \mathbf{C}_{t-1} +
\mathbf{I}_t \odot \tilde{\mathbf{C}}_t$
and the four squashings. A factor of a product gets the other factor; the slope of
$\sigma$ is $\sigma (1 - \sigma)$, that of $\tanh$ is $1 - \tanh^2$:

\begin{align*}
\delta\hat{\mathbf{I}}_t &= \delta\mathbf{C}_t \odot \tilde{\mathbf{C}}_t
  \odot \mathbf{I}_t \odot (1 - \mathbf{I}_t) \\
\delta\hat{\mathbf{F}}_t &= \delta\mathbf{C}_t \odot \mathbf{C}_{t-1} \odot \mathbf{F}_t
  \odot (1 - \mathbf{F}_t) \\
\delta\hat{\mathbf{C}}_t &= \delta\mathbf{C}_t \odot \mathbf{I}_t
  \odot (1 - \tilde{\mathbf{C}}_t^2) \\
\delta\hat{\mathbf{O}}_t &= \delta\mathbf{H}_t \odot \tanh(\mathbf{C}_t)
  \odot \mathbf{O}_t \odot (1 - \mathbf{O}_t) \tag{7.3}
\end{align*}

What leaves the step toward the past goes by two roads. One is the cell's own. The other
goes through the weights of all four sums into the hidden state, and into the input:

\begin{align*}
\delta\mathbf{C}_{t-1} &= \delta\mathbf{C}_t \odot \mathbf{F}_t \\
\delta\mathbf{H}_{t-1} &= \delta\hat{\mathbf{I}}_t \mathbf{W}_{hi}^\top
  + \delta\hat{\mathbf{F}}_t \mathbf{W}_{hf}^\top
  + \delta\hat{\mathbf{C}}_t \mathbf{W}_{hc}^\top
  + \delta\hat{\mathbf{O}}_t \mathbf{W}_{ho}^\top \\
\delta\mathbf{X}_t &= \delta\hat{\mathbf{I}}_t \mathbf{W}_{xi}^\top
  + \delta\hat{\mathbf{F}}_t \mathbf{W}_{xf}^\top
  + \delta\hat{\mathbf{C}}_t \mathbf{W}_{xc}^\top + \delta\hat{\mathbf{O}}_t
    \mathbf{W}_{xo}^\top \tag{7.4} \end{align*}

If the loss looks at $\mathbf{H}_{t-1}$ as well, its share is added there. Compare the
first two lines of (7.4). The first has no matrix and no slope of a squashing in it; the
second is all matrices and slopes. That is the whole idea of section 1.4, seen from
behind.

## 7.3 The same with a pencil

We take the step of sections 1.5 to 1.8, whose numbers we know: $I = 0.5$, $F = 0.8808$,
$O = 0.2689$, $\tilde{C} = -0.4621$, $C_{t-1} = 2$, $C_t = 1.5305$,
$\tanh C_t = 0.9105$. Let $\delta H_t = 1$ and $\delta C_t = 0$: we ask what moves this
step's output.

| | | |
|---|---|---|
| (7.2) | $\delta C_t = 0 + 1 \cdot 0.2689 \cdot (1 - 0.9105^2)$ | 0.0460 |
| (7.3) | $\delta\hat{I} = 0.0460 \cdot (-0.4621) \cdot 0.5 \cdot 0.5$ | −0.0053 |
| | $\delta\hat{F} = 0.0460 \cdot 2 \cdot 0.8808 \cdot 0.1192$ | 0.0097 |
| | $\delta\hat{C} = 0.0460 \cdot 0.5 \cdot (1 - 0.4621^2)$ | 0.0181 |
| | $\delta\hat{O} = 1 \cdot 0.9105 \cdot 0.2689 \cdot 0.7311$ | 0.1790 |
| (7.4) | $\delta C_{t-1} = 0.0460 \cdot 0.8808$ | 0.0405 |
| | $\delta H_{t-1} = -2 \cdot (-0.0053) + 2 \cdot 0.0097 + 1 \cdot 0.0181 - 2 \cdot 0.1790$ | −0.310 |

See how unequal they are. The cell is large, so tanh is flat there, with slope 0.17, and
the output gate, 0.27, is little open: only 0.0460 gets in. Most of what this output
feels comes through its own gate, $\hat{O}$.

## 7.4 The step as code

The two cells that follow quote `lstm/backward.py`. The forward step is `lstm_step` of
section 1.9 that also returns what the way back will need. $\tilde{\mathbf{C}}$ is `g`,
as in PyTorch, and $\delta$ is `d_`.
"""


# %%
# lstm/backward.py
def lstm_step_saving(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the LSTM, with what the way back will need.

    x: (N, D)   state: (h, c), each (N, H)
    ->   the new (h, c); saved: the old c, the gates i, f, g, o, tanh of the new c
    Source: Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c_new = f * c + i * g
    shown = c_new.tanh()
    return (o * shown, c_new), (c, i, f, g, o, shown)


# %% [markdown]
r"""
The step back is (7.2) and (7.3), one line each. The four gradients are stacked as
PyTorch stacks the weights, so the sums of (7.4) become one product with `w_hh`, and one
with `w_ih`.
"""


# %%
# lstm/backward.py
def lstm_step_backward(d_h, d_c, saved):
    """One step back: from the state after it to the gates' sums and the old cell.

    d_h, d_c: (N, H), all that reaches h and c from later steps and the step's output
    saved: from `lstm_step_saving`
    ->   d_sums: (N, 4H), in the order i, f, g, o; d_c of the old cell: (N, H)
    Products give the rest: d_x is d_sums @ w_ih, and the old d_h is d_sums @ w_hh.
    """
    c, i, f, g, o, shown = saved
    d_c = d_c + d_h * o * (1 - shown**2)
    d_i = d_c * g * i * (1 - i)
    d_f = d_c * c * f * (1 - f)
    d_g = d_c * i * (1 - g**2)
    d_o = d_h * shown * o * (1 - o)
    return torch.cat([d_i, d_f, d_g, d_o], dim=-1), d_c * f


# %% [markdown]
r"""
Does the code agree with the pencil? The weights are those of section 1.5, in PyTorch's
order $i, f, g, o$.
"""

# %%
w_ih = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
w_hh = torch.tensor([[-2.0], [2.0], [1.0], [-2.0]])
b = torch.tensor([0.0, 0.0, 0.0, 1.0])
x, h, c = torch.tensor([[1.0]]), torch.tensor([[0.5]]), torch.tensor([[2.0]])
_, saved = lstm_step_saving(x, (h, c), w_ih, w_hh, b)
d_sums, d_c = lstm_step_backward(torch.ones(1, 1), torch.zeros(1, 1), saved)
d_h = d_sums @ w_hh
by_pencil = torch.tensor([[-0.0053, 0.0097, 0.0181, 0.1790]])
assert_close(d_sums, by_pencil, atol=6e-5, rtol=0)
assert abs(d_c.item() - 0.0405) < 6e-5
assert abs(d_h.item() - -0.310) < 6e-4
print("by cell", f"{d_c.item():.4f}", "  by hidden state", f"{d_h.item():.3f}")

# %% [markdown]
r"""
## 7.5 The loop

Through time it goes as on the napkin: forward, keep; backward, collect. The weights
collect, as $w$ did in (7.1), here for the input gate; the others are alike:

\begin{align*}
\delta\mathbf{W}_{xi} &= \sum_t \mathbf{X}_t^\top \delta\hat{\mathbf{I}}_t \\
\delta\mathbf{W}_{hi} &= \sum_t \mathbf{H}_{t-1}^\top \delta\hat{\mathbf{I}}_t \\
\delta\mathbf{b}_i &= \sum_t \mathbf{1}^\top \delta\hat{\mathbf{I}}_t \tag{7.5}
\end{align*}

$\mathbf{1}$ is a column of $n$ ones: it sums over the batch. PyTorch has two biases;
both stand in the same sum, so both get the same gradient.
"""


# %%
# lstm/backward.py
@torch.no_grad()
def lstm_forward(inputs, state, weights):
    """Run the LSTM along a sequence and keep what `lstm_backward` will need.

    inputs: (L, N, D)   state: (h, c), each (N, H)   weights: w_ih, w_hh(, b_ih, b_hh)
    ->   outputs: (L, N, H); the last (h, c); saved
    """
    hiddens, steps = [state[0]], []
    for x in inputs:
        state, saved = lstm_step_saving(x, state, *weights)
        hiddens.append(state[0])
        steps.append(saved)
    return torch.stack(hiddens[1:]), state, (inputs, torch.stack(hiddens[:-1]), steps)


# %% [markdown]
r"""
Two things to note in the way back. A hidden state hears from two sides, the next step
and the loss at its own step: `d_h + d_output`. And only one product has to wait for the
step after it, the one that makes $\delta\mathbf{H}_{t-1}$. The sums of (7.5) need not
be taken step by step: with all steps' rows below one another, a sum of products *is* a
product.
"""


# %%
# lstm/backward.py
@torch.no_grad()
def lstm_backward(d_outputs, d_state, saved, weights):
    """Backpropagation through time: the gradients of all that went into `lstm_forward`.

    d_outputs: (L, N, H)
    d_state: (d_h, d_c), each (N, H), of the last state, beside its part in d_outputs
    ->   d_inputs: (L, N, D); (d_h, d_c) of the first state; a list, one for each weight
    Raises ValueError if d_outputs has not the outputs' shape. Source: Werbos (1990).
    """
    inputs, hiddens, steps = saved
    if d_outputs.shape != hiddens.shape:
        raise ValueError(
            f"d_outputs has shape {tuple(d_outputs.shape)}, "
            f"expected that of the outputs, {tuple(hiddens.shape)}"
        )
    w_ih, w_hh = weights[:2]
    (d_h, d_c), d_sums = d_state, []
    for d_output, step in zip(reversed(d_outputs), reversed(steps), strict=True):
        d_sum, d_c = lstm_step_backward(d_h + d_output, d_c, step)
        d_h = d_sum @ w_hh
        d_sums.append(d_sum)
    d_sums = torch.stack(d_sums[::-1])
    # one product for all steps: a sum over steps and sequences
    rows = d_sums.flatten(0, 1)  # (L*N, 4H)
    d_w_ih = rows.T @ inputs.flatten(0, 1)
    d_w_hh = rows.T @ hiddens.flatten(0, 1)
    d_b_ih, d_b_hh = rows.sum(dim=0), rows.sum(dim=0)
    gradients = [d_w_ih, d_w_hh, d_b_ih, d_b_hh][: len(weights)]
    return d_sums @ w_ih, (d_h, d_c), gradients


# %% [markdown]
r"""
`@torch.no_grad()` keeps autograd from recording anything: what these functions return,
they have computed themselves.

## 7.6 The proof

We compare with `torch.nn.LSTM` and autograd in 64-bit floats, on sequences of 7 steps,
with $N = 2$, $D = 3$, $H = 5$ and a first state that is not zero. Gradients arrive
everywhere they can: at every output, at the last hidden state and at the last cell.
"""

# %%
torch.manual_seed(0)
theirs = nn.LSTM(3, 5).double()
weights = theirs.all_weights[0]
x, h, c = (torch.randn(*s).double() for s in ((7, 2, 3), (2, 5), (2, 5)))
d_outputs, d_h, d_c = (torch.randn(*s).double() for s in ((7, 2, 5), (2, 5), (2, 5)))

_, _, saved = lstm_forward(x, (h, c), weights)
d_x, (d_h_0, d_c_0), d_weights = lstm_backward(d_outputs, (d_h, d_c), saved, weights)
names = ["inputs", "h_0", "c_0", *(name for name, _ in theirs.named_parameters())]
by_hand = dict(zip(names, (d_x, d_h_0, d_c_0, *d_weights), strict=True))

# %% [markdown]
r"""
Autograd is asked for the same seven gradients.
"""

# %%
for tensor in (x, h, c):
    tensor.requires_grad_()
outputs, (h_n, c_n) = theirs(x, (h[None], c[None]))
gradients = torch.autograd.grad(
    (outputs, h_n[0], c_n[0]), [x, h, c, *weights], (d_outputs, d_h, d_c)
)
by_autograd = dict(zip(names, gradients, strict=True))
for name in names:
    assert_close(by_hand[name], by_autograd[name])
    print(f"{name:13} {tuple(by_hand[name].shape)!s:10} equal")

# %% [markdown]
r"""
A proof that could not fail would prove nothing. So we plant an error, and tell the way
back that every $\tanh\mathbf{C}_t$ was 1. That shuts the entrance (7.2) from the hidden
state to the cell, and the comparison must notice. The package's tests plant an error in
every line of the step.
"""

# %%
false = [(*step[:5], torch.ones_like(step[5])) for step in saved[2]]
_, _, wrong = lstm_backward(d_outputs, (d_h, d_c), (*saved[:2], false), weights)
for gradient, name in zip(wrong, names[3:], strict=True):
    assert not torch.allclose(gradient, by_autograd[name], rtol=0.1)

# %% [markdown]
r"""
And the price? The way back needs what the way forward saw. For every step of every
sequence the loop keeps the old cell, three gates, the candidate, $\tanh\mathbf{C}_t$
and the old hidden state, $7H$ numbers, and the input, $D$. Memory grows with the length
of the sequence, and the steps must be undone one after the other. Section 7.10 is about
the usual way out.
"""

# %%
kept = saved[0].numel() + saved[1].numel() + sum(t.numel() for s in saved[2] for t in s)
assert kept == 7 * 2 * (7 * 5 + 3)  # L N (7H + D)

# %% [markdown]
r"""
## 7.7 One road or many?

Section 1.12 cut all roads but the cell's and found the product of the forget gates. It
also found that, with open forget gates, most of what arrives from far away came by
other roads. How much, and for which networks? We measure two things over the distance
$T - t$:

\begin{align*}
\text{the whole:} \quad \mathbf{J}_{t} &=
  \frac{\partial \mathbf{C}_T}{\partial \mathbf{C}_t} \\
\text{the direct part:} \quad \mathbf{D}_{t} &=
  \operatorname{diag}\Bigl(\prod_{s=t+1}^{T} \mathbf{F}_s\Bigr) \tag{7.6}
\end{align*}

$\mathbf{J}_t$ is an $h \times h$ matrix for each sequence: it says how every unit of
the last cell moves with every unit of an earlier one, by all roads that there are,
those through $\mathbf{H}_t, \dots, \mathbf{H}_{T-1}$ included. A GRU carries
$\mathbf{H}_t$ in place of the cell, and its update gate $\mathbf{Z}_t$ stands where
$\mathbf{F}_t$ stands (section 6.1). A plain RNN has no direct part.

We need one number for the size of a matrix, and take
$\lVert \mathbf{J}_t \rVert_F / \sqrt{h}$, the root of the sum of all squared entries
over $h$. It is how much a random direction is stretched, as a root mean square. At
distance 0 the matrix is the identity and the number is 1. The average is over eight
passages of the text.

First the text, as in section 1.3.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()
vocab = lstm.data.Vocab(text)
symbols = vocab.encode(text)
print(len(text), "symbols")


# %%
def passages(count, length, seed=0):
    """Random passages: one-hot inputs (L, N, V), and targets (L, N), a symbol later."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(symbols) - length - 1, (count,), generator=generator)
    indices = torch.stack([symbols[s : s + length + 1] for s in starts], dim=1)
    return one_hot(indices[:-1], 28).float().to(device), indices[1:].to(device)


# %% [markdown]
r"""
The whole Jacobian comes exactly, and from a single backward pass, by a small trick:
each passage stands in the batch $h$ times, and copy $j$ asks for the gradient of unit
$j$ alone. `state[-1]` is the cell of an LSTM and the hidden state of the other two.
"""

# %%
STEPS = {nn.RNN: lstm.rnn_step, nn.GRU: lstm.gru_step, nn.LSTM: lstm.lstm_step}


def jacobians(layer, inputs):
    """d(last carried state)/d(carried state), by distance: (L, N, H, H)."""
    count, size = inputs.shape[1], layer.hidden_size
    copies = inputs.repeat_interleave(size, dim=1)  # (L, N*H, D)
    zeros = copies.new_zeros(count * size, size)
    state, carried = (zeros, zeros) if isinstance(layer, nn.LSTM) else (zeros,), []
    for x in copies:
        state = STEPS[type(layer)](x, state, *layer.all_weights[0])
        carried.append(state[-1])
    one_unit_each = torch.eye(size).to(inputs).repeat(count, 1)
    gradients = torch.autograd.grad(carried[-1], carried, one_unit_each)
    return torch.stack(gradients[::-1]).view(-1, count, size, size)


# %% [markdown]
r"""
A check on a small GRU and a small LSTM, in 64-bit floats: what the function gives for
distance 3 is what `torch.autograd.functional` finds by itself. (In an LSTM, a change of
$\mathbf{C}_t$ changes $\mathbf{H}_t$, too.)
"""

# %%
torch.manual_seed(0)
small, x = nn.GRU(3, 5).double(), torch.randn(6, 1, 3).double()
at_three, _ = small(x[:3])


def three_steps_later(h):
    return small(x[3:], h)[1][0, 0]


want = torch.autograd.functional.jacobian(three_steps_later, at_three[-1:])
assert_close(jacobians(small, x)[3, 0], want[:, 0, 0])

# %%
small = nn.LSTM(3, 5).double()
weights, zeros = small.all_weights[0], torch.zeros(1, 5).double()
_, (_, c_three), (_, _, steps) = lstm_forward(x[:3], (zeros, zeros), weights)
o = steps[-1][4]  # the output gate does not depend on its own step's cell


def cell_three_steps_later(c):
    return lstm.scan(lstm.lstm_step, x[3:], (o * c.tanh(), c), weights)[1][1][0]


want = torch.autograd.functional.jacobian(cell_three_steps_later, c_three)
assert_close(jacobians(small, x)[3, 0], want[:, 0])

# %% [markdown]
r"""
The gates need no loop, since all hidden states are known after one forward pass. By a
happy order of PyTorch's, the gate that keeps is the second of the stack in both:
$i, \mathbf{f}, g, o$ and $r, \mathbf{z}, n$. The forget gates must be those that our
hand-written step has saved. The update gates must give the GRU's states by (6.4).
"""


# %%
@torch.no_grad()
def keeping_gates(layer, inputs):
    """Forget gates of an LSTM, update gates of a GRU: (L, N, H)."""
    outputs, _ = layer(inputs)
    before = torch.cat([torch.zeros_like(outputs[:1]), outputs[:-1]])
    w_ih, w_hh, b_ih, b_hh = layer.all_weights[0]
    sums = linear(inputs, w_ih, b_ih) + linear(before, w_hh, b_hh)
    return sums.chunk(len(w_hh) // layer.hidden_size, dim=-1)[1].sigmoid()


_, _, (_, _, saved) = lstm_forward(x, (zeros, zeros), weights)
assert_close(keeping_gates(small, x), torch.stack([step[2] for step in saved]))

gru = nn.GRU(3, 5).double()
h, z = gru(x)[0], keeping_gates(gru, x)
before = torch.cat([zeros[None], h[:-1]])
w_ih, w_hh, b_ih, b_hh = gru.all_weights[0]
r = (linear(x, w_ih, b_ih) + linear(before, w_hh, b_hh)).sigmoid()[..., :5]
n = linear(x, w_ih, b_ih)[..., 10:] + r * linear(before, w_hh, b_hh)[..., 10:]
assert_close(z * before + (1 - z) * n.tanh(), h)  # section 6.1


# %%
def sizes(layer, inputs):
    """Size of the whole and of its direct part (None for a plain RNN), by distance."""
    root = math.sqrt(layer.hidden_size)
    matrices = jacobians(layer, inputs).cpu().double()
    whole = matrices.flatten(2).norm(dim=-1).mean(dim=1) / root
    if isinstance(layer, nn.RNN):
        return whole, None
    gates = keeping_gates(layer, inputs).cpu().double()
    product = torch.cat([torch.ones_like(gates[:1]), gates[1:].flip(0).cumprod(dim=0)])
    return whole, product.norm(dim=-1).mean(dim=1) / root


# %% [markdown]
r"""
Five networks of 64 units: an RNN, a GRU and three LSTMs, as PyTorch initialises them
but for the LSTMs' forget biases: 0, 1 and 2. Here the *sum* of PyTorch's two biases is
set, so that the numbers mean what they say: $\sigma(0) = 0.5$, $\sigma(1) = 0.73$,
$\sigma(2) = 0.88$ of the cell are kept when the gate hears nothing else.
"""


# %%
def new(kind, forget_bias=None, seed=1):
    """A layer of 64 units on the device; an LSTM's forget biases sum to the bias."""
    torch.manual_seed(seed)
    layer = kind(28, 64)
    if forget_bias is not None:
        with torch.no_grad():
            layer.bias_ih_l0[64:128] = forget_bias  # the second quarter: i, f, g, o
            layer.bias_hh_l0[64:128] = 0
    return layer.to(device)


layers = {"GRU": new(nn.GRU)}
layers |= {f"LSTM, forget bias {b}": new(nn.LSTM, b) for b in (0, 1, 2)}
layers["RNN"] = new(nn.RNN)
inputs, _ = passages(8, 100)
measured = {name: sizes(layer, inputs) for name, layer in layers.items()}

# %%
#| fig-alt: >-
#|   A fan of five lines on a logarithmic axis, all from 1. The RNN's falls most
#|   steeply, the GRU's and that of the LSTM with forget bias 0 a little less; forget
#|   bias 1 falls much more gently, and forget bias 2 only slightly.
figures.lines(
    {name: whole for name, (whole, _) in measured.items()},
    "steps back in time",
    "size of the whole (log scale)",
    x=range(100),
    log=True,
    ylim=(1e-25, 1e1),
)
plt.show()

# %% [markdown]
r"""
See the fan of straight lines, as in section 1.12. An LSTM with forget bias 0 and a GRU,
whose update gate starts at one half too, vanish nearly as fast as the plain RNN. Every
unit of bias makes the slope gentler. Now the direct part, as a fraction of the whole:
"""

# %%
#| fig-alt: >-
#|   The ratio of direct part to whole, logarithmic: four nearly straight lines start
#|   at 1 and fall. Forget bias 0 drops fastest, the GRU and forget bias 1 less and
#|   side by side, forget bias 2 most slowly.
shares = {n: direct / whole for n, (whole, direct) in measured.items() if n != "RNN"}
figures.lines(
    shares,
    "steps back in time",
    "direct part / whole (log scale)",
    x=range(100),
    log=True,
)
plt.show()

# %% tags=["nbval-ignore-output"]
rows = []
for name, (whole, direct) in measured.items():
    for d in (1, 10, 50, 99) if direct is not None else ():
        numbers = whole[d], direct[d], direct[d] / whole[d]
        rows.append((name, d, *(f"{number:.1e}" for number in numbers)))
lstm.Table(("network", "distance", "whole", "direct", "direct / whole"), rows)

# %% [markdown]
r"""
One step back, the direct part is nearly the whole, in every network. Ninety-nine steps
back, it is next to nothing of it. The fraction falls exponentially. And yet the forget
gates set the pace for all roads, since each of them runs along the cell for part of the
way: the more the gates are open, the larger the whole.
"""

# %%
steps = torch.arange(100.0).double()
for name, share in shares.items():
    assert 0.9 < share[1] < 1.01, name
    assert share[99] < 0.02, name
    straightness = torch.corrcoef(torch.stack([steps, share.log()]))[0, 1]
    assert straightness < -0.97, name
gru, zero, one, two, rnn = (whole[99] for whole, _ in measured.values())
assert max(rnn, gru, zero) < 1e-15
assert 1e4 * zero < one < 0.01 * two
assert two > 1e-3

# %% [markdown]
r"""
Both are true at once, and a pencil shows why. Let one step back along the cell multiply
by $F$, and let a detour through the hidden state and back multiply by a smaller $r$.
Over $n$ steps there are $2^n$ roads, and together they carry

$$(F + r)^n = \sum_{k=0}^{n} \binom{n}{k} F^{n-k} r^k. \tag{7.7}$$

The direct road is the term $k = 0$. It is the strongest single road; but roads with one
detour are $n$ in number, with two $n(n-1)/2$, and so on. Its fraction is
$(F / (F + r))^n$. If a detour is eight times fainter than the direct step, the fraction
after a hundred steps is $(8/9)^{100}$, less than 1 in 100,000. This is a picture and
not a proof: matrices do not commute, and there are roads from $\mathbf{C}_t$ through
$\mathbf{H}_t$ and $\mathbf{H}_{t+1}$ that leave out $\mathbf{C}_{t+1}$. But it tells
why both curves are straight, and why the whole falls more slowly than $F^n$.

So when a text says that "the gradient flows through the cell", read: the cell's road is
the one that the architecture provides, and it holds up the others. In a fresh network,
over long distances, it is not where most of the traffic is.
"""

# %%
assert (8 / 9) ** 100 < 1e-5
for b in (0, 1, 2):
    whole, _ = measured[f"LSTM, forget bias {b}"]
    slope = (whole[90] / whole[30]) ** (1 / 60)  # the factor of one step
    kept = torch.sigmoid(torch.tensor(float(b)))
    assert kept < slope < kept + 0.2

# %% [markdown]
r"""
## 7.8 The same after training

Does training change the picture? We train the LSTM with forget biases 0 and 2, and the
GRU, for 200 steps to predict the next letter, as in section 1.3, and measure again. The
windows have 140 symbols; we use one of the networks again in section 7.10.
"""

# %%
windows = torch.utils.data.TensorDataset(*lstm.data.windows(symbols, 140))


def train(layer, data, config, seed=0):
    """A language model on the layer, trained; and the loss of every step."""
    torch.manual_seed(seed)
    model = lstm.LanguageModel(layer).to(device)
    order = torch.Generator().manual_seed(seed)
    batches = torch.utils.data.DataLoader(
        data, 32, shuffle=True, generator=order, drop_last=True
    )
    return model, lstm.fit(model, batches, config)


# %%
config = lstm.TrainConfig(steps=200, lr=5e-3)
before = {"GRU": new(nn.GRU), "forget bias 0": new(nn.LSTM, 0)}
before |= {"forget bias 2": new(nn.LSTM, 2)}
models = {}
for name, layer in before.items():
    models[name], losses = train(layer, windows, config)
    assert sum(losses[-20:]) < 0.85 * sum(losses[:20]), name
after = {name: sizes(model.layer, inputs) for name, model in models.items()}

# %%
#| fig-alt: >-
#|   Direct part divided by whole for two LSTMs, fresh and trained, logarithmic. The
#|   lines of the fresh ones fall, forget bias 0 far faster than forget bias 2; those
#|   of the trained ones run level, close to 1.
shares = {
    f"{name}, {when}": direct / whole
    for name in ("forget bias 0", "forget bias 2")
    for when, (whole, direct) in (
        ("fresh", measured[f"LSTM, {name}"]),
        ("trained", after[name]),
    )
}
figures.lines(
    shares,
    "steps back in time",
    "direct part / whole (log scale)",
    x=range(100),
    log=True,
)
plt.show()

# %% [markdown]
r"""
See the two lines that stay near the top. In both trained LSTMs the direct part is now
more than half as large as the whole, at every distance up to 99, although far away it
was almost nothing before. The network that began with its forget gates half shut has
opened some of them: the whole at 99 steps has grown by many orders of magnitude. The
GRU (not drawn) has done nothing of the kind. Its direct part is still next to nothing.
"""

# %%
for name in ("forget bias 0", "forget bias 2"):
    whole, direct = after[name]
    assert (direct / whole).min() > 0.5, name
assert after["forget bias 0"][0][99] > 1e8 * measured["LSTM, forget bias 0"][0][99]
whole, direct = after["GRU"]
assert direct[99] < 0.01 * whole[99]

# %% [markdown]
r"""
A likely reason: opening a *few* gates is enough. If some units learn to keep their
forget gates open, their entries on the diagonal of $\mathbf{D}_t$ outlive all else in
the matrix. Before training, the gates of all units were alike, and the many detours of
(7.7) outnumbered every single road. Look at the network that began with bias 0: its
most persistent unit, and how much of the direct part at distance 99 belongs to the four
units that keep most. (Why the GRU did nothing of the kind, we have not measured.)
"""


# %%
def most_persistent(layer):
    """The largest geometric mean of a unit's forget gate, over time and passages."""
    return keeping_gates(layer, inputs).log().mean(dim=(0, 1)).exp().max().item()


trained = models["forget bias 0"].layer
assert most_persistent(layers["LSTM, forget bias 0"]) < 0.65
assert most_persistent(trained) > 0.75
kept = keeping_gates(trained, inputs)[1:].cpu().double().prod(dim=0)  # (N, H)
squares = kept.square().sort(dim=-1, descending=True).values
assert (squares[:, :4].sum(dim=-1) / squares.sum(dim=-1)).min() > 0.9

# %% [markdown]
r"""
So the textbook picture, the gradient riding along the cell, is wrong for a fresh LSTM,
and nearly right for these trained ones. It is something that training builds on a road
which the architecture provides. A forget bias gives training something to start from.
[Jozefowicz et al. (2015)](https://proceedings.mlr.press/v37/jozefowicz15.html), who
tried thousands of recurrent architectures, found that a bias of 1 closes the gap
between the LSTM and the GRU on their tasks.

## 7.9 Clipping

Where factors can shrink, they can also grow. An exploding gradient is a true answer to
a useless question: it gives the slope at a point where the loss has a cliff, and a step
of that length lands far away. The remedy of [Pascanu et al.
(2013)](https://arxiv.org/abs/1211.5063) is to bound the length of the gradient
$\mathbf{g}$ of all parameters together:

$$\mathbf{g} \leftarrow \min\Bigl(1, \frac{\theta}{\lVert \mathbf{g} \rVert}\Bigr)\,
  \mathbf{g}. \tag{7.8}$$

Take $\mathbf{g} = (3, 4)$, of length 5, and $\theta = 1$: it becomes $(0.6, 0.8)$, with
the same direction. Clipping by *value* is another thing: each number is cut to
$[-1, 1]$ by itself, $(3, 4)$ becomes $(1, 1)$, and the direction has changed.
$(0.9, 10)$ shows that it can change much: the large number is cut, the small one is
not.
"""


# %%
def clipped(g, how):
    parameter = nn.Parameter(torch.zeros(len(g)))
    parameter.grad = torch.tensor(g)
    how([parameter], 1.0)
    return parameter.grad


def turned(g, h):
    """The angle between two vectors, in degrees."""
    cosine = torch.cosine_similarity(torch.tensor(g), h, dim=0).clamp(max=1)
    return math.degrees(cosine.acos())


for g in ([3.0, 4.0], [0.9, 10.0]):
    for how in (nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
        result = clipped(g, how)
        values = [round(v, 2) for v in result.tolist()]
        print(
            f"{g!s:12} {how.__name__:17} {values!s:14} turned {turned(g, result):.0f}°"
        )

# %% [markdown]
r"""
Clipping never makes a gradient longer: a vanished one stays vanished. And within a
gradient all proportions stay, so a distant step's faint contribution is scaled down
together with a near step's loud one.
"""

# %%
faint = [3e-9, 4e-9]
assert clipped(faint, nn.utils.clip_grad_norm_).tolist() == torch.tensor(faint).tolist()
loud_and_faint = clipped([1e3, 1e-3], nn.utils.clip_grad_norm_)
assert_close(
    loud_and_faint[1] / loud_and_faint[0], torch.tensor(1e-6), atol=0, rtol=1e-4
)

# %% [markdown]
r"""
Does it help in training? We take a plain RNN whose recurrent weights are three times as
large as PyTorch's, the exploding case of section 1.3, and train it by plain gradient
descent with learning rate 2. Once without clipping; once clipped to length 0.25, so
that no step is longer than 0.5; and once with a quarter of the learning rate, again
without clipping. Three seeds each.
"""


# %%
def exploding(seed):
    layer = new(nn.RNN, seed=seed)
    with torch.no_grad():
        layer.weight_hh_l0 *= 3
    return layer


short = torch.utils.data.TensorDataset(*lstm.data.windows(symbols, 50))
arms = {"no clipping": (2.0, math.inf), "clipped to 0.25": (2.0, 0.25)}
arms |= {"no clipping, a quarter of the rate": (0.5, math.inf)}
curves = {name: [] for name in arms}
for name, (lr, clip) in arms.items():
    config = lstm.TrainConfig(steps=200, lr=lr, clip=clip, optimizer="sgd")
    for seed in (0, 1, 2):
        curves[name].append(train(exploding(seed), short, config, seed)[1])

# %%
#| fig-alt: >-
#|   Loss over 200 training steps. Without clipping it jumps about far above the dashed
#|   level of guessing among 28; clipped it sinks below that level, and so does, after
#|   a hump at the start, the run at a quarter of the rate.
smooth = {
    name: torch.tensor(runs[0]).unfold(0, 10, 1).mean(dim=-1)
    for name, runs in curves.items()
}
named = {"levels": {"guessing among 28": math.log(28)}, "ylim": (0, None)}
steps = range(10, 201)
figures.lines(smooth, "training step", "loss, mean of 10 steps", x=steps, **named)
plt.show()

# %% [markdown]
r"""
Without clipping the loss climbs far above that of blind guessing, $\ln 28 = 3.3$, and
stays there; the figure shows the first seed. (That it does not reach infinity is partly
due to tanh, which bounds the states.) Clipped, the same network at the same learning
rate falls below what the frequencies of the letters give. So does the unclipped one at
a quarter of the rate. Clipping is best seen as a learning rate that shrinks when it
must, so that one step that is too long does not ruin the rest. It does not cure the
explosion.
"""

# %%
share = torch.bincount(symbols)[1:].double() / len(symbols)
by_frequency = -(share * share.log()).sum().item()
last = {n: torch.tensor(runs)[:, -50:].mean(dim=1) for n, runs in curves.items()}
assert last["no clipping"].min() > 1.5 * math.log(28)
assert last["clipped to 0.25"].max() < by_frequency
assert last["no clipping, a quarter of the rate"].max() < by_frequency

# %% [markdown]
r"""
## 7.10 Truncation: where the gradient is cut

A text has no end, but a backward pass must begin somewhere. So one cuts the text into
windows of $k$ steps, hands the state from window to window, and **detaches** it: its
value goes on, its history does not. This is truncated backpropagation through time;
[Williams and Peng (1990)](https://doi.org/10.1162/neco.1990.2.4.490) study it. Chapters
2 and 3 train so: the state is carried from minibatch to minibatch and detached every 35
steps.

In our hand-written code the cut is easy to see. The backward pass of a window wants to
know what arrives from the window after it, `d_state`. Pass on what that window
returned, and nothing is lost. Put zeros there, and you have detached:
"""

# %%
torch.manual_seed(0)
theirs, x = nn.LSTM(3, 5).double(), torch.randn(6, 2, 3).double()
weights, zeros = theirs.all_weights[0], torch.zeros(2, 5).double()
_, middle, first = lstm_forward(x[:3], (zeros, zeros), weights)
_, _, second = lstm_forward(x[3:], middle, weights)

ones = torch.ones(3, 2, 5).double()  # the loss is the sum of all outputs
_, d_middle, late = lstm_backward(ones, (zeros, zeros), second, weights)
_, _, early = lstm_backward(ones, d_middle, first, weights)
_, _, early_cut = lstm_backward(ones, (zeros, zeros), first, weights)

# %%
want = torch.autograd.grad(theirs(x)[0].sum(), weights)
assert_close([a + b for a, b in zip(early, late, strict=True)], list(want))

output, (h, c) = theirs(x[:3])
rest, _ = theirs(x[3:], (h.detach(), c.detach()))
want = torch.autograd.grad(output.sum() + rest.sum(), weights)
assert_close([a + b for a, b in zip(early_cut, late, strict=True)], list(want))

# %% [markdown]
r"""
How wrong is the truncated gradient? We take 32 passages of 140 symbols, the same loss,
and compare: the full gradient of all parameters, against the one with the state
detached every $k$ steps. The **cosine** of the two says whether they point the same
way, the relative length how much is missing.
"""


# %%
def gradient(model, inputs, targets, window):
    """The gradient of the mean loss, as a vector; the state is detached by windows."""
    state, scores = None, []
    for part in inputs.split(window):
        output, state = model.layer(part, state)
        state = tuple(s.detach() for s in state)
        scores.append(model.linear(output))
    loss = lstm.score(torch.cat(scores), targets)
    pieces = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([p.flatten() for p in pieces]).cpu().double()


# %%
compared = {}
for name, bias in (("forget bias 0", 0), ("forget bias 2", 2)):
    layer = new(nn.LSTM, bias)
    compared[f"{name}, fresh"] = lstm.LanguageModel(layer).to(device)
    compared[f"{name}, trained"] = models[name]
cuts = [1, 2, 5, 10, 20, 35, 70, 140]
data = passages(32, 140)
vectors = {n: [gradient(m, *data, k) for k in cuts] for n, m in compared.items()}

# %%
#| fig-alt: >-
#|   Four curves rise with the length of the window toward a dashed line at 1, the same
#|   direction. Fresh with forget bias 0 is close to it from the start; fresh with
#|   forget bias 2 begins lowest and is the last to arrive.
cosines = {
    name: torch.stack([torch.cosine_similarity(v, full, dim=0) for v in cut])
    for name, (*cut, full) in vectors.items()
}
lengths = {
    name: torch.stack([v.norm() / full.norm() for v in cut])
    for name, (*cut, full) in vectors.items()
}
along = {"x": cuts[:-1], "levels": {"the same direction": 1}}
figures.lines(cosines, "window, in steps", "cosine with the full gradient", **along)
plt.show()

# %% tags=["nbval-ignore-output"]
rows = [(name, *(f"{v:.2f}" for v in values)) for name, values in lengths.items()]
lstm.Table(("network", *(f"k = {k}" for k in cuts[:-1])), rows)

# %% [markdown]
r"""
The figure shows directions, the table relative lengths. With a window of one step much
is lost. With 35, the window of chapters 2 and 3, the direction is nearly that of the
full gradient in all four networks. Not because the method is exact. There are two
reasons, and this figure does not separate them. In a fresh network with half-shut gates
the far gradient has vanished anyway. And the next *letter* depends mostly on the
letters just before it.
"""

# %%
at = dict(zip(cuts, range(len(cuts)), strict=True))
for name, cosine in cosines.items():
    assert cosine[at[1]] < cosine[at[35]], name
    assert cosine[at[35]] > 0.9, name
assert cosines["forget bias 2, fresh"][at[1]] < 0.85
assert cosines["forget bias 0, fresh"][at[5]] > 0.95
assert lengths["forget bias 2, fresh"][at[1]] < 0.85

# %% [markdown]
r"""
For the expert: with windows cut at fixed places, the loss at the first step of a window
reaches back over one step only, at the last over $k$; on average $(k + 1)/2$.
Overlapping windows give every loss its $k$ steps, at a higher price. And the error is a
bias, not a noise: it does not average out over minibatches. [Tallec and Ollivier
(2017)](https://arxiv.org/abs/1705.08209) remove it with windows of random length and
suitable weights, at the price of noise.

## 7.11 A lesson that does not cross the cut

Now a task that is all memory. The first symbol is one of four keys, A to D. Nineteen
symbols of noise follow, drawn from four others. At the end the network must name the
key. Chance is a quarter.
"""


# %%
def keys_and_noise(count, generator):
    """One-hot inputs (20, N, 8): a key, 0 to 3, then noise, 4 to 7; the keys (N)."""
    symbols = torch.randint(4, (20, count), generator=generator)
    keys = symbols[0].clone()
    symbols[1:] += 4
    return one_hot(symbols, 8).float().to(device), keys.to(device)


def read(layer, head, inputs, window, carry=True):
    """Scores (N, 4) after the last step; the state is cut or dropped by windows."""
    state = None
    for part in inputs.split(window):
        output, state = layer(part, state)
        state = tuple(s.detach() for s in state) if carry else None
    return head(output[-1])


# %% [markdown]
r"""
One precaution. A fresh network writes *something* when it sees a key, by the accident
of its random weights, and a trace may last to the end. We want to see what is taught,
not what happens to be there. So the weights that read the keys start at zero: before
training, the network is blind to the keys.
"""


# %%
def learn(window, forget_bias=2, blind=True, seed=0, steps=300):
    """Train on the task with the state detached after every window."""
    torch.manual_seed(seed)
    layer, head = nn.LSTM(8, 32), nn.Linear(32, 4)
    with torch.no_grad():
        layer.bias_ih_l0[32:64], layer.bias_hh_l0[32:64] = forget_bias, 0
        layer.weight_ih_l0[:, :4] *= 0 if blind else 1
    layer, head = layer.to(device), head.to(device)
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-3)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        inputs, keys = keys_and_noise(64, generator)
        loss = cross_entropy(read(layer, head, inputs, window), keys)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return layer, head


# %% [markdown]
r"""
Four ways of training, three seeds each: through all 20 steps; with the state carried
but detached every 5 steps; the same, but starting from PyTorch's own random weights,
not blind; and through all 20 steps with forget bias 0, where the others have 2.
"""

# %%
ways = {"all 20 steps": {"window": 20}, "cut every 5": {"window": 5}}
ways["cut every 5,\nnot blind"] = {"window": 5, "blind": False}
ways["all 20 steps,\nforget bias 0"] = {"window": 20, "forget_bias": 0}
learned = {n: [learn(**w, seed=seed) for seed in (0, 1, 2)] for n, w in ways.items()}


@torch.no_grad()
def accuracy(network, window, carry=True):
    inputs, keys = keys_and_noise(4000, torch.Generator().manual_seed(99))
    scores = read(*network, inputs, window, carry)
    return (scores.argmax(dim=1) == keys).float().mean().item()


results = {
    n: [accuracy(network, 20) for network in nets] for n, nets in learned.items()
}

# %%
#| fig-alt: >-
#|   Four bars. Trained through all 20 steps, nearly every key is named; cut every 5,
#|   only about a quarter. Cut but not blind, the bar is high again; with all 20 steps
#|   and forget bias 0 it is back at a quarter.
means = {name: sum(r) / 3 for name, r in results.items()}
figures.bars(means, "trained through", "share of keys named", ylim=(0, 1))
plt.show()

# %% [markdown]
r"""
With all steps the task is learned, by every seed. Cut every 5 steps it is not: the
network guesses. And that would not change with patience. The loss stands in the last
window, the key in the first, so the weights that read the keys get a gradient of
exactly zero. After 300 steps they are what they were, to the last bit, and the network
is still blind.
"""

# %%
assert min(results["all 20 steps"]) > 0.9
assert max(results["cut every 5"]) < 0.3
for layer, _ in learned["cut every 5"]:
    assert (layer.weight_ih_l0[:, :4] == 0).all()
for layer, _ in learned["all 20 steps"]:
    assert layer.weight_ih_l0[:, :4].abs().max() > 0.1

# %% [markdown]
r"""
Note what the cut does *not* take away. Detaching changes no value of the forward pass.
The network that was taught through all 20 steps can be read in pieces of 5 with the
state carried, and is as good as before. Only dropping the state destroys the memory. A
carried state lets the network **use** a memory; it cannot **teach** one across the cut.
"""

# %%
inputs, _ = keys_and_noise(100, torch.Generator().manual_seed(1))
for network in learned["all 20 steps"]:
    assert_close(
        read(*network, inputs, 5), read(*network, inputs, 20), atol=1e-4, rtol=0
    )
    assert accuracy(network, 5, carry=False) < 0.3

# %% [markdown]
r"""
The third bar is a warning against too simple a rule. Not blind at the start, the
network cut every 5 steps does far better than chance. A likely reading: a trace of the
key is there by accident and is carried over the cuts. The last window learns to read
the trace, and to keep it for 5 steps; and since the same weights serve at every step,
what is kept for 5 steps is then kept for 20. Truncation forbids giving *credit* across
the cut. What was learned within a window may well last longer than the window.

The fourth bar closes the circle with section 7.7. With forget bias 0 nothing is cut,
and nothing is learned in 300 steps: the gradient that reaches the key after 19 steps is
there, but too faint.
"""

# %%
assert sum(results["cut every 5,\nnot blind"]) / 3 > 0.5
assert max(results["all 20 steps,\nforget bias 0"]) < 0.35

# %% [markdown]
r"""
## 7.12 What this chapter does not show

- That a long gradient is a useful one. Sections 7.7 and 7.8 measure how far a change is
  felt, not whether it should be.
- That other trained LSTMs use the direct road as these do. They were small, trained for
  200 steps on letters.
- That a forget bias of 2 is best. It served here; a network that must forget quickly
  pays for it.
- That truncation is harmless for language. For the next letter, 35 steps lose little; a
  model of whole documents is another matter.
- That the fraction in section 7.7 is a share of a flow. The parts of a sum of matrices
  can also cancel; we compare sizes.

## Summary

- Backpropagation through time is the chain rule on the unrolled network: keep the
  states, go back with one $\delta$ for each, and add up what a shared weight did at
  every step. For the LSTM it is six lines a step, equal to autograd.
- Back along the cell a gradient meets only the forget gate. In a fresh network this
  direct road is the strongest single one, yet far away it carries next to nothing of
  the whole; in our trained LSTMs it carries most.
- Clipping by norm bounds the step and keeps the direction. It cannot lengthen a
  vanished gradient.
- Detaching the state keeps its value and cuts its history: memory can be used across
  the cut, but not taught across it.

## Exercises

1. *(easy)* On the napkin of section 7.1 let $x = (1, 1, 0)$. Find $\delta w$ by the
   table, then by differentiating $h_3$.
2. *(easy)* In section 7.3 let $\delta H_t = 0$ and $\delta C_t = 1$. Which of the four
   sums gets nothing, and why?
3. *(medium)* Write the step back of the plain RNN, in two lines, and compare it with
   autograd.
4. *(medium)* Add 2 to the update gate's part of a fresh GRU's `bias_ih_l0`. How do the
   whole and the direct part change? Train it as in section 7.8: does the gate stay
   open?
5. *(medium)* With Adam, multiply every gradient by 1/100 before the step. Does training
   change? What, then, can clipping do for Adam?
6. *(medium)* Train on sequences of 5 steps of section 7.11's task, naming the key at
   *every* step. Then test on sequences of 100 steps. Does the network still know the
   key? What does this say about the windows of 35 steps in chapters 2 and 3?
7. *(hard)* Write `gru_step_backward` and prove it as in section 7.6. Mind where the
   reset gate stands (section 6.3).
8. *(hard)* Keep only every tenth state in the forward pass and compute the others again
   when they are needed. Show that the gradients are the same, and count what is kept.

## Further reading

- P. Werbos, [Backpropagation through time: what it does and how to do
  it](https://doi.org/10.1109/5.58337), 1990.
- R. Williams, J. Peng, [An efficient gradient-based algorithm for on-line training of
  recurrent network trajectories](https://doi.org/10.1162/neco.1990.2.4.490), 1990:
  truncation, with a window longer than the stride.
- R. Pascanu, T. Mikolov, Y. Bengio, [On the difficulty of training recurrent neural
  networks](https://arxiv.org/abs/1211.5063), 2013: vanishing, exploding, clipping, with
  pictures of the cliff.
- F. Gers, J. Schmidhuber, F. Cummins, [Learning to
  forget](https://doi.org/10.1162/089976600300015015), 2000; and R. Jozefowicz et al.,
  [An empirical exploration of recurrent network
  architectures](https://proceedings.mlr.press/v37/jozefowicz15.html), 2015: the forget
  gate and its bias.
- C. Tallec, Y. Ollivier, [Unbiasing truncated backpropagation through
  time](https://arxiv.org/abs/1705.08209), 2017.
"""
