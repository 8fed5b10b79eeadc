# ---
# part: Understand
# question: Why do plain networks forget, and what does each gate do?
# proved: gradients over distance, measured; one step equals `nn.LSTMCell`
# minutes: 0.2
# ---

# %% [markdown]
r"""
# 1. Theory: a memory that can be kept

**What you will build.** One time step of a long short-term memory network (LSTM), first
by hand with numbers you can follow on paper, then as one short function that equals
`torch.nn.LSTMCell`.

**What you will learn.** Why a plain recurrent network forgets, measured and not only
told. What each of the three gates, the candidate, the cell and the hidden state does.
Why the cell can grow and the hidden state cannot. And what an LSTM does *not* do by
itself.

**What you need.** Matrix products, the chain rule, and a little PyTorch. No recurrent
networks yet.
"""

# %%
import math

import torch
from torch import nn
from torch.nn.functional import linear
from torch.testing import assert_close

import lstm
from lstm import figures
from lstm.figures import plt

# %% [markdown]
r"""
## 1.1 A network with a state

Words, sounds and prices come in sequence, and what comes later often depends on what
came long before. In "the keys that I left on the kitchen table **are** gone", the verb
agrees with a word eight places back.

A **recurrent** network reads one input $\mathbf{X}_t$ at a time and keeps a summary of
the past, the **hidden state** $\mathbf{H}_t$. The same weights serve at every step:

$$\mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh} + \mathbf{H}_{t-1} \mathbf{W}_{hh}
  + \mathbf{b}_h). \tag{1.1}$$

For a minibatch of $n$ sequences, $d$ inputs and $h$ hidden units, the shapes are
$\mathbf{X}_t \in \mathbb{R}^{n \times d}$, $\mathbf{H}_t \in \mathbb{R}^{n \times h}$,
$\mathbf{W}_{xh} \in \mathbb{R}^{d \times h}$,
$\mathbf{W}_{hh} \in \mathbb{R}^{h \times h}$ and
$\mathbf{b}_h \in \mathbb{R}^{1 \times h}$. This is the plain recurrent network (RNN),
also called Elman network after [Elman
(1990)](https://doi.org/10.1207/s15516709cog1402_1).

Unroll it over time and you see one long chain. The first input can reach the loss only
through every state between.
"""

# %%
#| fig-alt: >-
#|   Five states in a row, H1 to H5, joined by arrows from left to right; each has an
#|   arrow from its input below, X1 to X5, and H5 one up to the loss. In orange: the
#|   way from X1 along the whole chain.
figures.unrolled(steps=5)
plt.show()

# %% [markdown]
r"""
## 1.2 Why it forgets: one number

Take one unit, one input, $W_{xh} = 1$, $W_{hh} = 0.5$ and no bias. Show it a single 1,
then silence, and watch the state.
"""

# %%
h, states = 0.0, []
for x in [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]:
    h = math.tanh(x * 1.0 + h * 0.5)
    states.append(h)
assert all(states[t] < states[t - 1] / 2 for t in range(1, 6))
[round(h, 3) for h in states]

# %% [markdown]
r"""
Every step more than halves what is left of the 1. Now ask the question that training
asks: if the state after step 1 had been a little larger, how much would the state at
step $T$ change? The chain rule multiplies one factor for each step between,

$$\frac{\partial H_T}{\partial H_1} = \prod_{t=2}^{T} (1 - H_t^2)\, W_{hh}, \tag{1.2}$$

because the derivative of $\tanh$ is $1 - \tanh^2$. No factor here exceeds 0.5, so five
steps leave less than $0.5^5$. We compute the product by hand, and let autograd check
it.
"""

# %%
first = torch.tensor(1.0, requires_grad=True)
h = torch.tanh(first)
start, factors = h, []
for _ in range(5):
    h = torch.tanh(0.5 * h)
    factors.append((1 - h**2).item() * 0.5)
by_hand = torch.tensor(factors).prod()
(by_autograd,) = torch.autograd.grad(h, start)
assert_close(by_hand, by_autograd)
assert by_hand < 0.5**5
print([round(f, 3) for f in factors], "product", round(by_hand.item(), 4))

# %% [markdown]
r"""
With many units the factor is a matrix,
$\operatorname{diag}(1 - \mathbf{H}_t^2)\,\mathbf{W}_{hh}^\top$. If every factor shrinks
every vector, the product vanishes exponentially. For it to explode, some vectors must
be stretched. A little more or less in the weights is raised to the power of the
distance. This is the finding of Hochreiter (1991) and of [Bengio et al.
(1994)](https://doi.org/10.1109/72.279181); [Pascanu et al.
(2013)](https://arxiv.org/abs/1211.5063) give the conditions.

## 1.3 Why it forgets: measured on a real network

Now a real RNN, `torch.nn.RNN` with 128 units, on real text. We feed it 100 letters,
each as 28 numbers with a single 1 at the letter's index (**one-hot**; chapter 2
explains). We form a scalar from its last output, and ask autograd how strongly each of
the 100 inputs still moves that scalar. First the text. With no network and no copy at
hand, a short story that ships with the book stands in for *The Time Machine*.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()
vocab = lstm.data.Vocab(text)
print(len(text), "symbols; it begins:", text[:60])

# %%
assert len(vocab) == 28  # a to z, the space, and <unk>, which the text never uses
symbols = vocab.encode(text)

# %% [markdown]
r"""
The measurement is one function. It draws 32 passages, runs the layer, and returns the
size of the gradient for every distance: entry 0 is the last input itself, entry 99 the
input 99 steps before it.
"""


# %%
def gradient_by_distance(layer, length=100, passages=32, seed=0):
    """Mean norm of d(last output)/d(input), by distance from the end: (length)."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(symbols) - length, (passages,), generator=generator)
    indices = torch.stack([symbols[s : s + length] for s in starts], dim=1)  # (L, N)
    inputs = nn.functional.one_hot(indices, len(vocab)).float().requires_grad_()
    output, _ = layer(inputs)
    direction = torch.randn(output[-1].shape, generator=generator)
    (output[-1] * direction).sum().backward()
    return inputs.grad.double().norm(dim=-1).mean(dim=1).flip(0)


# %% [markdown]
r"""
We measure three networks: one as PyTorch initialises it, the same after it has learned
to predict the next letter for 300 steps, and one whose recurrent weights are three
times as large.
"""


# %%
def new(kind, seed=1):
    torch.manual_seed(seed)
    return kind(len(vocab), 128)


fresh, trained, large = new(nn.RNN), new(nn.RNN), new(nn.RNN)
with torch.no_grad():
    large.weight_hh_l0 *= 3

# %% [markdown]
r"""
The training data are windows of 50 symbols; the target is the same window, one symbol
later. `lstm.fit` is a plain training loop (Adam, gradients clipped to norm 1).
"""

# %%
inputs, targets = lstm.data.windows(symbols, 50)
pairs = torch.utils.data.TensorDataset(inputs, targets)
order = torch.Generator().manual_seed(0)
batches = torch.utils.data.DataLoader(
    pairs, 32, shuffle=True, generator=order, drop_last=True
)

torch.manual_seed(2)
losses = lstm.fit(lstm.LanguageModel(trained), batches, lstm.TrainConfig(steps=300))
assert sum(losses[-20:]) < 0.75 * sum(losses[:20])  # it has learned something

# %%
#| fig-alt: >-
#|   Gradient norm on a logarithmic axis against steps back in time. The fresh RNN's
#|   line falls straight and steeply, the trained one's less steeply; with recurrent
#|   weights times three the line rises.
reach = {
    "as initialised": gradient_by_distance(fresh),
    "trained on the text": gradient_by_distance(trained),
    "recurrent weights × 3": gradient_by_distance(large),
}
figures.lines(
    reach,
    "steps back in time",
    "gradient norm (log scale)",
    x=range(100),
    log=True,
    ylim=(1e-25, 1e7),
)
plt.show()

# %% [markdown]
r"""
See the straight lines: on a logarithmic axis, a straight line is an exponential. After
99 steps the fresh network's gradient is 24 orders of magnitude smaller than that of the
last input. Training makes the slope gentler; it stays nearly a straight line. Larger
weights do not cure it; they turn vanishing into exploding. In numbers:
"""

# %%
fresh_reach, trained_reach, large_reach = reach.values()
steps = torch.arange(100.0).double()
for name in ("as initialised", "trained on the text"):
    straightness = torch.corrcoef(torch.stack([steps, reach[name].log()]))[0, 1]
    assert straightness < -0.98, name
assert fresh_reach[99] < 1e-23 * fresh_reach[0]
assert 0.5 < (fresh_reach[80] / fresh_reach[20]) ** (1 / 60) < 0.65  # a step
assert fresh_reach[50] < trained_reach[50] < 1e-4 * trained_reach[0]
assert large_reach[50] > 10 * large_reach[0]  # exploding

# %% [markdown]
r"""
For the expert: 0.57 a step is close to $1/\sqrt{3}$, the spectral radius that random
matrix theory gives for weights from $\mathcal{U}(\pm 1/\sqrt{h})$. Three times that is
above 1, hence the explosion.

So a plain RNN is not *unable* to hold a thing for long. But gradient descent from such
weights can hardly *teach* it to: the lesson arrives too faint. Other initial weights
help (exercise 4); they do not change the law.

## 1.4 The idea: add, do not multiply

The trouble is the repeated factor in (1.2). [Hochreiter and Schmidhuber
(1997)](https://doi.org/10.1162/neco.1997.9.8.1735) removed it. They gave the network a
second state, the **memory cell** $\mathbf{C}_t$, that is carried on by *addition*: new
content is added to what is there, and the derivative of a sum with respect to its old
part is 1. The 1 can be multiplied a thousand times.

Unlimited adding would fill the cell with noise, so valves are put in. A valve is called
a **gate**: a number between 0 (shut) and 1 (open) for every unit, computed from the
present input and the last hidden state. The **forget gate**, added by [Gers et al.
(2000)](https://doi.org/10.1162/089976600300015015), scales the old content; the **input
gate** scales the new; the **output gate** decides what is shown. What we build now is
the form with all three, which is the one in use.

A gate goes through the sigmoid, $\sigma(x) = 1/(1 + e^{-x})$, a content through tanh.
These two curves are all that bends in an LSTM.
"""

# %%
#| fig-alt: >-
#|   Two S-shaped curves. The sigmoid rises from 0 through one half to 1, tanh more
#|   steeply from -1 through 0 to 1; beyond about 4 on either side both are almost
#|   flat.
figures.squashing()
plt.show()

# %% [markdown]
r"""
## 1.5 The three gates

$$
\mathbf{I}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xi} + \mathbf{H}_{t-1} \mathbf{W}_{hi}
  + \mathbf{b}_i), \tag{1.3}
$$

$$
\mathbf{F}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xf} + \mathbf{H}_{t-1} \mathbf{W}_{hf}
  + \mathbf{b}_f), \tag{1.4}
$$

$$
\mathbf{O}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xo} + \mathbf{H}_{t-1} \mathbf{W}_{ho}
  + \mathbf{b}_o). \tag{1.5}
$$

The shapes are those of (1.1): $\mathbf{W}_{x\cdot} \in \mathbb{R}^{d \times h}$,
$\mathbf{W}_{h\cdot} \in \mathbb{R}^{h \times h}$,
$\mathbf{b}_{\cdot} \in \mathbb{R}^{1 \times h}$, and so each gate is in
$(0, 1)^{n \times h}$: one valve for each unit of each sequence. The three formulas are
alike. What makes a gate an input gate is not how it is computed but where it is used.
In the figure $\mathbf{X}_t$ joins the lower line: every box gets both.
"""

# %%
#| fig-alt: >-
#|   The LSTM cell, first stage. Along the bottom a line carries the old hidden state,
#|   which the input joins; arrows lead up into three coloured boxes, forget, input and
#|   output gate, each with a sigmoid. The rest is grey.
figures.lstm_cell("gates")
plt.show()

# %% [markdown]
r"""
Now with numbers: one unit, one input. We choose the weights so that a pencil suffices,
and use the same numbers through the next four sections. Take $X_t = 1$,
$H_{t-1} = 0.5$, $C_{t-1} = 2$.

| | $W_x$ | $W_h$ | $b$ | weighted sum |
|---|---|---|---|---|
| input gate | 1 | −2 | 0 | 1·1 − 2·0.5 + 0 = **0** |
| forget gate | 1 | 2 | 0 | 1·1 + 2·0.5 + 0 = **2** |
| output gate | −1 | −2 | 1 | −1·1 − 2·0.5 + 1 = **−1** |

The sigmoid of 0 is a half: the input gate lets half through. The sigmoid of 2 is 0.88:
most of the old content stays. The sigmoid of −1 is 0.27: little is shown.
"""

# %%
X, H_prev, C_prev = 1.0, 0.5, 2.0
sums = {
    "I": 1 * X - 2 * H_prev + 0,
    "F": 1 * X + 2 * H_prev + 0,
    "O": -1 * X - 2 * H_prev + 1,
}
assert sums == {"I": 0, "F": 2, "O": -1}
I, F, O = (torch.sigmoid(torch.tensor(s)).item() for s in sums.values())
for value, by_pencil in zip((I, F, O), (0.5, 0.88, 0.27), strict=True):
    assert abs(value - by_pencil) < 0.005
print(f"I = {I:.4f}   F = {F:.4f}   O = {O:.4f}")

# %% [markdown]
r"""
## 1.6 The candidate

What might be written is the **candidate**. It looks like a gate but passes through
tanh, since content should be able to be negative:

$$
\tilde{\mathbf{C}}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xc}
  + \mathbf{H}_{t-1} \mathbf{W}_{hc} + \mathbf{b}_c),
\tag{1.6}
$$

with $\tilde{\mathbf{C}}_t \in (-1, 1)^{n \times h}$ and weights shaped as before. The
candidate alone has exactly the form of the plain RNN (1.1): the LSTM keeps it and
builds around it.
"""

# %%
#| fig-alt: >-
#|   The LSTM cell, second stage. One more box stands out in colour: the candidate, a
#|   tanh, between input gate and output gate and fed by the same line as they are. All
#|   that lies above the four boxes is still grey.
figures.lstm_cell("candidate")
plt.show()

# %% [markdown]
r"""
In our example, $W_{xc} = -1$, $W_{hc} = 1$, $b_c = 0$: the sum is $-1 + 0.5 = -0.5$,
and its tanh is $-0.46$.
"""

# %%
C_tilde = torch.tanh(torch.tensor(-1 * X + 1 * H_prev + 0)).item()
assert abs(C_tilde - -0.46) < 0.005
print(f"C~ = {C_tilde:.4f}")

# %% [markdown]
r"""
## 1.7 The cell

Here is the addition. The forget gate scales what was there, the input gate scales what
is offered, unit by unit ($\odot$ is the elementwise product):

$$
\mathbf{C}_t = \mathbf{F}_t \odot \mathbf{C}_{t-1}
  + \mathbf{I}_t \odot \tilde{\mathbf{C}}_t. \tag{1.7}
$$

Its shape is that of a gate, $n \times h$, but its values may be any real numbers. With
$F = 1$ and $I = 0$ the cell is copied, untouched, for as long as the gates stay so.
"""

# %%
#| fig-alt: >-
#|   The LSTM cell, third stage. In the upper line the old cell, times the forget gate,
#|   reaches a plus and leaves as the new cell; from below comes input gate times
#|   candidate. The way to the hidden state is grey.
figures.lstm_cell("cell")
plt.show()

# %% [markdown]
r"""
In our example, 0.88 of the old 2 is kept, and half of the candidate is added:
$1.76 - 0.23 = 1.53$.
"""

# %%
C = F * C_prev + I * C_tilde
assert abs(C - 1.53) < 0.005
print(f"C = {F:.4f} * {C_prev} + {I:.4f} * {C_tilde:.4f} = {C:.4f}")

# %% [markdown]
r"""
## 1.8 The hidden state

The cell is the network's notebook; the hidden state is what it says aloud, to the next
step and to the layers above:

$$
\mathbf{H}_t = \mathbf{O}_t \odot \tanh(\mathbf{C}_t). \tag{1.8}
$$

Its values lie in $(-1, 1)$. With $O = 0$ the network holds a thought and keeps silent.
"""

# %%
#| fig-alt: >-
#|   The LSTM cell, fourth stage, in colour at the right: from the new cell a branch
#|   goes down through a tanh, is multiplied by the output gate and leaves as the new
#|   hidden state. Nothing is grey any more.
figures.lstm_cell("hidden")
plt.show()

# %% [markdown]
r"""
In our example $\tanh(1.53) = 0.91$, and 0.27 of it is shown: 0.24.
"""

# %%
H = O * math.tanh(C)
assert abs(H - 0.24) < 0.005
print(f"H = {O:.4f} * tanh({C:.4f}) = {H:.4f}")

# %% [markdown]
r"""
## 1.9 The whole in one place

\begin{align*}
\mathbf{I}_t &= \sigma(\mathbf{X}_t \mathbf{W}_{xi} + \mathbf{H}_{t-1} \mathbf{W}_{hi}
  + \mathbf{b}_i) \\
\mathbf{F}_t &= \sigma(\mathbf{X}_t \mathbf{W}_{xf} + \mathbf{H}_{t-1} \mathbf{W}_{hf}
  + \mathbf{b}_f) \\
\mathbf{O}_t &= \sigma(\mathbf{X}_t \mathbf{W}_{xo} + \mathbf{H}_{t-1} \mathbf{W}_{ho}
  + \mathbf{b}_o) \\
\tilde{\mathbf{C}}_t &= \tanh(\mathbf{X}_t \mathbf{W}_{xc}
  + \mathbf{H}_{t-1} \mathbf{W}_{hc} + \mathbf{b}_c) \\
\mathbf{C}_t &= \mathbf{F}_t \odot \mathbf{C}_{t-1}
  + \mathbf{I}_t \odot \tilde{\mathbf{C}}_t \\
\mathbf{H}_t &= \mathbf{O}_t \odot \tanh(\mathbf{C}_t)
\end{align*}
"""

# %%
#| fig-alt: >-
#|   The complete LSTM cell. Below, input and old hidden state feed four boxes: forget
#|   gate, input gate, candidate, output gate. Above, the cell passes a times and a
#|   plus; at the right tanh and a times give the hidden state.
figures.lstm_cell("whole")
plt.show()

# %% [markdown]
r"""
The next cell is the package's own code, word for word; a test holds the two together.
It differs from the formulas in bookkeeping only. The four weight matrices are stacked
into one, so that a single product serves all; PyTorch calls the candidate $g$ and
stacks in the order $i, f, g, o$; weights stand transposed, as PyTorch stores them; and
each gate has two biases, which are added. Chapter 3 takes that layout apart. One
function of PyTorch is used: `linear(x, w, b)` is $x w^\top + b$.
"""


# %%
# lstm/steps.py
def lstm_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of the LSTM; the gates are stacked in the order i, f, g, o.

    x: (N, D)   state: (h, c), each (N, H)
    w_ih: (4H, D)   w_hh: (4H, H)   b_ih, b_hh: (4H)
    Source: Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000).
    """
    h, c = state
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h, c


# %% [markdown]
r"""
Our example, given to it, must return the numbers found by hand.
"""

# %%
# i, f, g, o
w_ih, w_hh = (
    torch.tensor([[1.0], [1.0], [-1.0], [-1.0]]),
    torch.tensor([[-2.0], [2.0], [1.0], [-2.0]]),
)
b = torch.tensor([0.0, 0.0, 0.0, 1.0])
state = torch.tensor([[H_prev]]), torch.tensor([[C_prev]])
h, c = lstm_step(torch.tensor([[X]]), state, w_ih, w_hh, b)
assert_close(c.item(), C, atol=1e-6, rtol=0)
assert_close(h.item(), H, atol=1e-6, rtol=0)
print(f"C = {c.item():.4f}   H = {h.item():.4f}")

# %% [markdown]
r"""
And it must equal PyTorch. We compare one random draw, in 64-bit floats, where two
correct programs agree to about 15 digits; the package's tests draw many.
"""

# %%
torch.manual_seed(0)
theirs = nn.LSTMCell(3, 5).double()
x, h, c = (
    torch.randn(2, 3).double(),
    torch.randn(2, 5).double(),
    torch.randn(2, 5).double(),
)
ours = lstm_step(
    x, (h, c), theirs.weight_ih, theirs.weight_hh, theirs.bias_ih, theirs.bias_hh
)
assert_close(ours, theirs(x, (h, c)))
print("lstm_step equals torch.nn.LSTMCell: shapes", [tuple(s.shape) for s in ours])

# %% [markdown]
r"""
## 1.10 The cell can grow, the hidden state cannot

Equation (1.8) squeezes $\mathbf{C}_t$ through tanh and scales it by less than 1, so
$\mathbf{H}_t$ always lies in $(-1, 1)$. Nothing squeezes $\mathbf{C}_t$ itself. Each
step can add almost 1, so after $t$ steps from zero $|C_t| \le t$, and it can come
close. We open the input and forget gates with large biases, hold the candidate near 1,
and count to 20.
"""


# %%
#| fig-alt: >-
#|   Over 20 time steps the cell C climbs in a straight line from 1 to nearly 20. The
#|   hidden state H levels off just below 1 within the first few steps and stays there.
def drive(steps, biases, c=0.0):
    """Run one unit with constant gates, set by biases i, f, g, o; C and H over time."""
    zero, state = torch.zeros(1, 1), (torch.zeros(1, 1), torch.full((1, 1), c))
    cells, hiddens = [], []
    for _ in range(steps):
        state = lstm_step(
            zero, state, torch.zeros(4, 1), torch.zeros(4, 1), torch.tensor(biases)
        )
        hiddens.append(state[0].item())
        cells.append(state[1].item())
    return {"C": cells, "H": hiddens}


counter = drive(20, biases=[10.0, 10.0, 5.0, 10.0])
figures.states({"input and forget gates open, candidate near 1": counter})
plt.show()

# %%
assert 19 < counter["C"][-1] < 20  # it counts
assert all(abs(c) <= t for t, c in enumerate(counter["C"], start=1))
assert all(abs(h) < 1 for h in counter["H"])

# %% [markdown]
r"""
So a cell can **count**, which a state confined to $(-1, 1)$ can do only by ever finer
fractions. The GRU of section 1.14 is confined in that way. (In 32-bit floats the bound
can be reached: tanh(10) is rounded to 1.)

The tanh of (1.8) is often praised as good for gradients. It is a mixed blessing. It
bounds the output, but it also hides the cell when the cell is large:
$\partial H / \partial C = O\,(1 - \tanh^2 C)$, and at $C = 5$ hardly anything passes.
The content is safe in the cell, yet the loss cannot feel it through *this* step's
output.
"""

# %%
c = torch.tensor([0.0, 1.0, 2.0, 5.0], requires_grad=True)
c.tanh().sum().backward()
print(
    {
        value: round(slope, 4)
        for value, slope in zip(c.tolist(), c.grad.tolist(), strict=True)
    }
)
assert c.grad[0] == 1
assert c.grad[-1] < 2e-4

# %% [markdown]
r"""
## 1.11 Experiments: what if a gate is stuck?

We force the gates to fixed values, one at a time and then together. The input is a
wave; the cell starts at 1, so that there is something to forget. `force` replaces a
gate's value in the equations of section 1.9, for one unit with weights chosen by hand.
"""

# %%
wave = torch.sin(torch.arange(40) * 0.4)


def run(force, c=1.0, h=0.0):
    """One unit on the wave: gates sigmoid(x + h) unless set, candidate tanh(2x + h)."""
    cells, hiddens = [], []
    for x in wave.tolist():
        gate = 1 / (1 + math.exp(-(x + h)))
        I, F, O = (force.get(name, gate) for name in "IFO")
        c = F * c + I * math.tanh(2 * x + h)
        h = O * math.tanh(c)
        cells.append(c)
        hiddens.append(h)
    return {"C": cells, "H": hiddens}


# %%
#| fig-alt: >-
#|   Six panels of cell C and hidden state H. C swings beyond 1 with all gates working,
#|   within 1 for F = 0; for I = 0 it dies away, for O = 0 only C swings. With all
#|   gates at 1 C climbs in waves; for F = 1, I = 0 it stays 1.
cases = {"all gates work": {}, "F = 0": {"F": 0}, "I = 0": {"I": 0}, "O = 0": {"O": 0}}
cases |= {"I = F = O = 1": dict.fromkeys("IFO", 1), "F = 1, I = 0": {"F": 1, "I": 0}}
results = {title: run(force) for title, force in cases.items()}
figures.states(results)
plt.show()

# %% [markdown]
r"""
Read the panels one by one; the next cell asserts each sentence.

- **F = 0**: the old cell is dropped. The cell is this step's candidate, scaled by the
  input gate, and never leaves $(-1, 1)$. What is left of the past comes through $H$, as
  in a plain RNN.
- **I = 0**: nothing new. The cell only fades from its first value.
- **O = 0**: silence. The hidden state is 0 at every step, while the cell goes on
  working. But the gates then hear only the input, for they listen to $H$, not to $C$.
- **All at 1**: the cell is the running sum of all candidates since the start, plus its
  first value; it leaves $(-1, 1)$.
- **F = 1, I = 0**: perfect memory: the first value, unchanged, for ever.
"""

# %%
assert max(map(abs, results["F = 0"]["C"])) < 1
assert run({"F": 0}, c=9.0) == results["F = 0"]  # the old cell does not matter
assert run({"F": 0}, h=0.9) != results["F = 0"]  # the old hidden state still does

faded = torch.tensor(results["I = 0"]["C"])
assert (faded.diff() < 0).all()
assert (faded > 0).all()

assert set(results["O = 0"]["H"]) == {0.0}
cells = [1.0]
for x in wave.tolist():  # gates and candidate of the input alone
    gate = 1 / (1 + math.exp(-x))
    cells.append(gate * cells[-1] + gate * math.tanh(2 * x))
assert results["O = 0"]["C"] == cells[1:]

# %%
ones = results["I = F = O = 1"]
said_before = torch.tensor([0.0, *ones["H"][:-1]])
candidates = torch.tanh(2 * wave + said_before)
assert_close(torch.tensor(ones["C"]), 1 + candidates.cumsum(0), atol=1e-4, rtol=0)
assert max(ones["C"]) > 1
assert set(results["F = 1, I = 0"]["C"]) == {1.0}

# %% [markdown]
r"""
## 1.12 The cure, measured

Along the cell alone, one step back multiplies the gradient by the forget gate, unit by
unit, and nothing else:

$$\left.\frac{\partial \mathbf{C}_t}{\partial \mathbf{C}_{t-1}}\right|_{\text{direct}} =
\operatorname{diag}(\mathbf{F}_t). \tag{1.9}$$

To check it, we cut all other paths (the hidden state is detached at every step) and
compare autograd with the product of the forget gates.
"""

# %%
torch.manual_seed(0)
weights = list(theirs.parameters())
c_0 = torch.randn(2, 5).double().requires_grad_()
h, c, product = torch.zeros(2, 5).double(), c_0, 1.0
for x in torch.randn(20, 2, 3).double():
    h = h.detach()  # leaves the cell's path alone
    w_ih, w_hh, b_ih, b_hh = weights
    sums = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    product = product * sums.chunk(4, dim=-1)[1].sigmoid()  # i, f, g, o
    h, c = lstm_step(x, (h, c), *weights)
(slope,) = torch.autograd.grad(c.sum(), c_0)
assert_close(slope, product)

# %% [markdown]
r"""
So everything depends on how far the forget gates are open. A fresh `nn.LSTM` has small
weights, hence $\mathbf{F} \approx \sigma(0) = 0.5$, and half of a half of a half is
soon nothing. We repeat the measurement of section 1.3 for an LSTM as PyTorch
initialises it, and with 1 and 2 added to the bias of the forget gate.
"""


# %%
#| fig-alt: >-
#|   Four gradient curves on a logarithmic axis. The plain RNN's falls most steeply,
#|   then that of the LSTM with nothing added to its forget bias; with 1 added the fall
#|   is gentle, and with 2 the curve is nearly level.
def lstm_with_forget_bias(bias):
    layer = new(nn.LSTM)
    with torch.no_grad():
        layer.bias_ih_l0[128:256] += bias  # the second quarter: i, f, g, o
    return layer


cure = {"plain RNN": fresh_reach}
for bias in (0.0, 1.0, 2.0):
    layer = lstm_with_forget_bias(bias)
    cure[f"LSTM, forget bias + {bias:.0f}"] = gradient_by_distance(layer)
figures.lines(
    cure,
    "steps back in time",
    "gradient norm (log scale)",
    x=range(100),
    log=True,
    ylim=(1e-20, 1e2),
)
plt.show()

# %%
_, zero, one, two = cure.values()
assert zero[50] < 1e-6 * zero[0]  # a fresh LSTM forgets too
assert one[50] > 1e4 * zero[50]
assert two[99] > 1e-3 * two[0]  # a hundred steps away, and still there

# %% [markdown]
r"""
Is it the cell alone that carries the gradient so far? We measure once more, with every
path from step to step cut except the one along the cell.
"""


# %%
#| fig-alt: >-
#|   Two curves on a logarithmic axis, both with 2 added to the forget bias. They start
#|   together; with all paths the gradient flattens out, along the path of the cell
#|   alone it keeps falling in a nearly straight line.
def cell_path_only(layer):
    """The layer with all paths from step to step cut, except the one along the cell."""

    def step(x, state, *weights):
        h, c = state
        return lstm_step(x, (h.detach(), c), *weights)

    def run_layer(inputs):
        zeros = torch.zeros(inputs.shape[1], layer.hidden_size)
        return lstm.scan(step, inputs, (zeros, zeros), layer.all_weights[0])

    return run_layer


cell_only = gradient_by_distance(cell_path_only(lstm_with_forget_bias(2.0)))
figures.lines(
    {
        "forget bias + 2, all paths": two,
        "forget bias + 2, the cell's path alone": cell_only,
    },
    "steps back in time",
    "gradient norm (log scale)",
    x=range(100),
    log=True,
)
plt.show()

# %%
opened = torch.sigmoid(torch.tensor(2.0)).item()
assert 1 / 3 < cell_only[50] / cell_only[0] / opened**50 < 3  # (1.9) predicts the slope
assert cell_only[99] < 0.01 * two[99]  # and most of what arrives came by other roads

# %% [markdown]
r"""
The cell's own road decays by just what (1.9) says, 0.88 a step. The roads through the
hidden state come on top. While the forget gates are half shut they decay too; with the
gates open they add to the cell's, and after a hundred steps they carry most of what
arrives. Equation (1.9) describes the one road that is safe, not the whole traffic.
(These networks are fresh. Chapter 7 measures trained ones, and there the cell's road
carries much more.)

The two figures correct a sentence found in many introductions, that the LSTM "solves"
the vanishing gradient. The architecture gives a road that *can* be kept open; whether
it *is* open depends on the forget gate, and PyTorch's default opens it only half-way. A
bias of 1 or 2 is an old remedy (Gers et al. 2000; [Jozefowicz et al.
2015](https://proceedings.mlr.press/v37/jozefowicz15.html)).

## 1.13 One network, three notations

The literature writes the same equations in three ways. The table is a dictionary; rows
are the same thing.

| this book, and the notes on *Dive into Deep Learning* | notation with $U$ and $V$ | PyTorch's documentation |
|---|---|---|
| $\mathbf{X}_t \mathbf{W}_{xi}$, row vectors, weight on the right | $U^{(i)} x_t$ | $W_{ii} x_t$, column vectors, weight on the left |
| $\mathbf{H}_{t-1} \mathbf{W}_{hi}$ | $V^{(i)} h_{t-1}$ | $W_{hi} h_{t-1}$ |
| $\mathbf{b}_i$, one bias a gate | one, or not written | $b_{ii} + b_{hi}$, two biases a gate |
| $\mathbf{I}_t, \mathbf{F}_t, \mathbf{O}_t$ | $i_t, f_t, o_t$ | $i_t, f_t, o_t$ |
| $\tilde{\mathbf{C}}_t$, the candidate | $g_t$ | $g_t$ |
| $\mathbf{C}_t, \mathbf{H}_t$ | $c_t, h_t$ | $c_t, h_t$ |

Beware of $W_{ii}$: the first letter is *input*, the second is the *i* gate. The two
biases of PyTorch are one in disguise, since only their sum is ever used. (They are
there because NVIDIA's cuDNN library has both.) We merge them and nothing changes:
"""

# %%
merged = nn.LSTMCell(3, 5).double()
merged.load_state_dict(theirs.state_dict())
with torch.no_grad():
    merged.bias_ih += merged.bias_hh
    merged.bias_hh.zero_()
x, state = (
    torch.randn(2, 3).double(),
    (torch.randn(2, 5).double(), torch.randn(2, 5).double()),
)
assert_close(merged(x, state), theirs(x, state))

# %% [markdown]
r"""
## 1.14 A cousin: the GRU

The **gated recurrent unit** of [Cho et al. (2014)](https://arxiv.org/abs/1406.1078)
came seventeen years later and is simpler. It has one state, $\mathbf{H}_t$, and two
gates. An *update* gate $\mathbf{Z}_t$ mixes old and new,
$\mathbf{H}_t = \mathbf{Z}_t \odot \mathbf{H}_{t-1} +
(1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t$:
it writes as much as it gives up. A *reset* gate hides the past from the candidate
$\tilde{\mathbf{H}}_t$. As an average of numbers in $(-1, 1)$ the state stays in
$(-1, 1)$: a GRU cannot count as section 1.10 did. Chapter 6 is about it. The package
has it as `lstm.gru_step`; here is the claim about its range, on large random weights.
"""

# %%
torch.manual_seed(0)
weights = [10 * torch.randn(15, 3), 10 * torch.randn(15, 5)]
outputs, _ = lstm.scan(
    lstm.gru_step, torch.randn(200, 2, 3), (torch.zeros(2, 5),), weights
)
assert outputs.abs().max() <= 1  # equal to 1 by rounding only
assert outputs.abs().max() > 0.9

# %% [markdown]
r"""
## 1.15 What this chapter does not show

- That a gradient which reaches far means good learning. It is necessary for long
  dependencies, not sufficient.
- That text needs a memory of 100 letters: the measurements say how far a gradient
  reaches, not how far it should.
- That gates "decide" in a human sense. They are numbers, found by gradient descent, and
  often hard to interpret.
- The measured slopes are for these sizes and initialisations. The law, exponential in
  the distance, is general; the rate is not.

## Summary

- A plain RNN multiplies by a factor at every step, so gradients vanish or explode
  exponentially with distance.
- The LSTM carries a cell by addition. Three sigmoid gates rule it: input (what is
  written), forget (what is kept), output (what is shown); a tanh candidate is the
  content.
- The cell can grow up to $t$ after $t$ steps; the hidden state stays in $(-1, 1)$.
- Along the cell the gradient is multiplied by the forget gate only. Open it, by a bias,
  and gradients reach far; the default opens it half-way.

## Exercises

1. *(easy)* With the numbers of section 1.5, what must $b_i$ be for the input gate to be
   0.99? Check with one line.
2. *(easy)* Which gate values turn the LSTM into the plain RNN of (1.1), up to one more
   tanh? Change `run` and see.
3. *(medium)* Two biases of PyTorch are trained as one sum. Show that under gradient
   descent the *sum* then moves twice as fast as a single bias would, at the same
   learning rate.
4. *(medium)* Give the fresh RNN an orthogonal recurrent matrix (`nn.init.orthogonal_`)
   and measure it as in section 1.3. How far does the gradient reach, and why does it
   still fall?
5. *(medium)* Prove $|C_t| \le t$ for $C_0 = 0$ from (1.6) and (1.7). When is it nearly
   reached?
6. *(hard)* For one unit, write out the whole $\partial C_t / \partial C_{t-1}$, with
   the path through $H_{t-1}$, and check it by autograd.
7. *(hard)* Suppose that the forget gate depended on its bias alone and that (1.9) were
   the only path. Which bias leaves half of the gradient after 50 steps? Set it (and the
   forget part of `bias_hh_l0` to 0), measure as in section 1.12 at 50 and at 99 steps,
   and explain the difference.

## Further reading

- S. Hochreiter, J. Schmidhuber, [Long short-term
  memory](https://doi.org/10.1162/neco.1997.9.8.1735), 1997: the source, without a
  forget gate.
- F. Gers, J. Schmidhuber, F. Cummins, [Learning to
  forget](https://doi.org/10.1162/089976600300015015), 2000.
- C. Olah, [Understanding LSTM
  networks](https://colah.github.io/posts/2015-08-Understanding-LSTMs/), 2015: the
  picture that taught a generation.
- A. Zhang et al., [Dive into Deep Learning](https://d2l.ai), the chapter on modern
  recurrent networks.
- K. Greff et al., [LSTM: a search space odyssey](https://arxiv.org/abs/1503.04069),
  2017: which parts matter.
"""
