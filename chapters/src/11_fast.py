# ---
# part: Fast and far
# question: Why is the loop slow, and how does it come to be faster than `nn.LSTM`?
# proved: >-
#   six ways to compute one layer agree in every gradient; the last, in C++, is
#   `lstm.fast.LSTM`
# minutes: 0.5
# ---

# %% [markdown]
r"""
# 11. Fast: the same mathematics, rung by rung

**What you will build.** One LSTM layer six times over: as the study notes write it,
then with one idea more at each rung, until its loop runs in C++. Every rung computes
the same numbers, gradients included, and the last is `lstm.fast.LSTM`, which you can
put where `nn.LSTM` was.

**What you will learn.** How to count the arithmetic of a layer, and what it tells: how
fast it could be. Where the time of a loop in Python goes instead. Which products do not
belong into the loop at all. What a backward pass by hand saves. What a processor does
while it multiplies, and why a layer of 256 units ends near the speed of one large
matrix product on a CPU.

**What you need.** Section 3.3 for the layout of the weights, sections 7.2 to 7.5 for
the way back. A C++ compiler is welcome and not needed: without one the last rung is
computed by the one before.
"""

# %%
from itertools import pairwise
from math import log

import torch
from torch import nn
from torch.nn.functional import embedding, linear, one_hot
from torch.utils._python_dispatch import TorchDispatchMode

from lstm import bench, figures, steps
from lstm.bench import contestants
from lstm.fast import RUNGS, operator
from lstm.figures import plt
from lstm.tables import Table

report = bench.fast.committed()
parts, machine = report["parts"], report["parts"]["machine"]

# %% [markdown]
r"""
## 11.1 How fast could it be?

Begin with what cannot be avoided: the arithmetic. A step of one sequence takes the
input $\mathbf{X}_t$ with $D$ numbers and the state $\mathbf{H}_{t-1}$ with $H$, and
multiplies them by $4H(D + H)$ weights. Each weight makes one multiplication and one
addition, two operations. On the way back each takes part again, in its own gradient;
and those of the state once more, in the gradient of the state before. Together, for a
minibatch of $N$ sequences of $L$ steps, a forward and backward pass costs

$$2 \cdot 4H \left( 2 (D + H) + H \right) L N \tag{11.1}$$

operations. With $D = 3$, $H = 5$ and a single vector, that is
$2 \cdot 20 \cdot (16 + 5) = 840$. (Nobody asks for the gradient of the input here. And
sigmoids and products of gates grow with $H$ only, not with $H^2$: they are left out.)

The layer of this chapter is that of chapters 2 and 3: 28 letters, 256 units, 32
sequences of 35 steps.
"""

# %%
small = bench.steps.Task(1, 1, 3, 5, "")
record = bench.steps.TEXT
count = bench.limits.operations()
print("D = 3, H = 5, one vector:", bench.limits.operations(small), "operations")
print(f"the layer of chapters 2 and 3: {count / 1e9:.2f} thousand million")

# %%
#| check: >-
#|   The formula gives 840 for the small sizes, and that of its letters for the layer.
assert bench.limits.operations(small) == 840
D, H, L, N = record.input_size, record.hidden_size, record.length, record.batch
assert count == 2 * 4 * H * (2 * (D + H) + H) * L * N

# %% [markdown]
r"""
How long does that take? A processor is at its best in the product of two large square
matrices, so we take its rate there as the limit. The next cell measures it where you
are, and the time that (11.1) would take at this rate: the *floor*. No clever code gets
below it, unless it computes something else, or with fewer digits.
"""

# %% tags=["nbval-ignore-output"]
rate = bench.limits.product_rate()
print(f"here: {rate / 1e9:.0f} thousand million operations a second", end="")
print(f", so at least {1e3 * count / rate:.1f} ms for the layer")

# %% [markdown]
r"""
## 11.2 Where the time goes

The study notes' loop does not come near. This is it, for one layer, with the weights as
PyTorch keeps them: at every step and for every gate a product with the input, and one
with the state.
"""


# %%
# lstm/fast/rungs.py
def gate_by_gate(inputs, state, weights):
    """The notes' loop: eight small products a step."""
    gates = [[part.T for part in w.chunk(4)] for w in weights[:2]]
    biases = [a + b for a, b in zip(*(b.chunk(4) for b in weights[2:]), strict=True)]
    (h, c), outputs = state, []
    for x in inputs:
        i, f, g, o = (
            x @ w_x + h @ w_h + b for w_x, w_h, b in zip(*gates, biases, strict=True)
        )
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)


# %% [markdown]
r"""
Each of these small lines is a call from Python into PyTorch: it checks types and
shapes, finds memory for the result, notes for autograd how to come back, and only then
computes. We count the calls where PyTorch hands them out, in a forward and backward
pass: those that compute something or move it, and those that only say where numbers
lie, as slices and transposes do. Beside the notes' loop stand the rungs that follow, so
that you see where we are going.
"""


# %%
def passes(shape=record):
    """Every rung as a function that goes forward and backward once."""
    _, x, slope = contestants.inputs(shape)
    weights = [*nn.LSTM(shape.input_size, shape.hidden_size).parameters()]
    return {
        name: contestants.one_pass(
            contestants.of_rung(rung, weights, shape), x, weights, slope
        )
        for name, rung in RUNGS.items()
        if name != "by compiler"  # it would take half a minute to compile
    }


VIEWS = "slice as_strided select narrow split chunk unbind view t transpose unsqueeze "
VIEWS += "squeeze expand detach alias permute reshape flatten resolve_conj resolve_neg"


class Count(TorchDispatchMode):
    """Counts the calls that are made meanwhile."""

    def __init__(self):
        super().__init__()
        self.computing = self.views = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        view = function.overloadpacket.__name__ in VIEWS.split()
        self.views += view
        self.computing += not view
        return function(*args, **(kwargs or {}))


def calls(run):
    """How many calls of PyTorch's operators compute something, and how many do not."""
    with Count() as count:
        run()
    return count.computing, count.views


# %% tags=["nbval-ignore-output"]
engine = operator.load()  # built, if that is still to be done
counted = {name: calls(run) for name, run in passes().items()}
rows = [(name, f"{n:,}", f"{views:,}") for name, (n, views) in counted.items()]
Table(("rung", "calls that compute", "that do not"), rows)

# %%
#| check: >-
#|   Every rung makes fewer calls that compute than the one before; by hand less than a
#|   third of the notes', in C++ fewer than a hundred.
numbers = [computing for computing, _ in counted.values()]
assert all(after <= before for before, after in pairwise(numbers))
assert numbers[3] < numbers[0] / 3
assert numbers[4] < 100 or not engine

# %% [markdown]
r"""
## 11.3 Four gates in one product

The eight products of a step share two vectors. So we put the four matrices on top of
one another, multiply once, and cut the result: that is `lstm_step`, our step since
chapter 1, and the reason why PyTorch keeps its weights stacked, as `weight_ih_l0` of
shape $(4H, D)$. One product of four times the size is one call in place of four, and it
keeps the processor busy for longer at a time.
"""


# %%
# lstm/fast/rungs.py
def stacked(inputs, state, weights):
    """Four gates in one product: two products a step."""
    return steps.scan(steps.lstm_step, inputs, state, weights)


# %% [markdown]
r"""
## 11.4 What does not belong into the loop

The loop is there because $\mathbf{H}_{t-1}$ must be known before $\mathbf{H}_t$. The
input is known beforehand, at all steps. So its products need not wait: one product of
all $L N$ vectors at once, before the loop begins, and the two biases with it. In the
loop one product is left, and one addition.
"""


# %%
# lstm/fast/rungs.py
def hoisted(inputs, state, weights):
    """The input's products of all steps as one: one product a step."""
    w_ih, w_hh, b_ih, b_hh = weights
    return from_sums(linear(inputs, w_ih, b_ih + b_hh), state, w_hh)


def from_sums(sums, state, w_hh):
    """The loop that is left.   sums: (L, N, 4H)"""
    (h, c), outputs = state, []
    for own in sums:
        i, f, g, o = torch.addmm(own, h, w_hh.T).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)


# %% [markdown]
r"""
When the inputs are letters, there is more to be had. A one-hot vector times the weights
is a row of them: no product at all, only a choice. (On the way back the gradient of a
row is a sum over the places where its letter stood.)
"""


# %%
# lstm/fast/rungs.py
def looked_up(tokens, state, weights):
    """For tokens no product at all: one-hot times the weights is a row of them."""
    w_ih, w_hh, b_ih, b_hh = weights
    return from_sums(embedding(tokens, w_ih.T + (b_ih + b_hh)), state, w_hh)


# %%
letters = torch.tensor([[2, 0], [1, 2], [2, 2]])  # (L, N): three steps, two sequences
layer, zeros = nn.LSTM(3, 5).double(), torch.zeros(2, 5).double()
weights = [*layer.parameters()]
by_product, _ = layer(one_hot(letters, 3).double())
by_rows, _ = looked_up(letters, (zeros, zeros), weights)
print(
    "largest difference below 1e-15:", (by_product - by_rows).abs().max().item() < 1e-15
)

# %% [markdown]
r"""
`lstm.fast.LSTM` has this as a method, `look_up(tokens)`, and the language models of
`lstm` use it where a layer has it.

## 11.5 Back by hand

Up to here autograd goes back: it noted every one of the calls, keeps what each needs,
and makes some fresh memory for each gradient. Chapter 7 went back by hand, and from
there we know what is needed: the four gates and the cell of every step, nothing else.
So a whole layer becomes *one* operation for autograd, an `autograd.Function`. Its way
forward overwrites the sums with the gates, in place; its way back fills one buffer with
the derivatives by the sums, $(L N, 4H)$. And then (7.5) is a single product for all
steps: the gradient of $\mathbf{W}_\mathrm{h}$ is that buffer, transposed, times all
states. Here is what is left for each step, forward and back.
"""


# %%
# lstm/fast/eager.py
def lstm_gates(sums, c_old, c, h):
    """From the sums of a step, in place, to its gates, cell and hidden state."""
    H = h.shape[-1]
    sums[:, : 2 * H].sigmoid_()
    sums[:, 2 * H : 3 * H].tanh_()
    sums[:, 3 * H :].sigmoid_()
    i, f, g, o = sums.chunk(4, dim=-1)
    torch.mul(f, c_old, out=c).addcmul_(i, g)
    torch.tanh(c, out=h).mul_(o)


# %%
from lstm.fast.eager import sigmoid_back, tanh_back


# %%
# lstm/fast/eager.py
def lstm_slopes(d_h, d_c, gates, c_old, c, d):
    """One step back: the derivatives by its sums, into d; d_c becomes the old cell's.

    d_h, d_c: (N, H), all that reaches the step's h and c   gates, d: (N, 4H)
    """
    i, f, g, o = gates.chunk(4, dim=-1)
    d_i, d_f, d_g, d_o = d.chunk(4, dim=-1)
    shown = c.tanh()
    torch.mul(d_h, shown, out=d_o)
    sigmoid_back(d_o, o, grad_input=d_o)
    d_h.mul_(o)
    d_c.add_(tanh_back(d_h, shown, grad_input=d_h))
    torch.mul(d_c, g, out=d_i)
    torch.mul(d_c, c_old, out=d_f)
    H = d_c.shape[-1]
    sigmoid_back(d[:, : 2 * H], gates[:, : 2 * H], grad_input=d[:, : 2 * H])
    torch.mul(d_c, i, out=d_g)
    tanh_back(d_g, g, grad_input=d_g)
    d_c.mul_(f)


# %% [markdown]
r"""
`sigmoid_back` and `tanh_back` are PyTorch's own derivatives, told where to write. What
else is in the function (first states, packed batches, gradients that are themselves
differentiated) you find in `lstm/fast/through_time.py`.

The calls that are left can be compiled: `torch.compile` makes one loop over the numbers
out of the seven of `lstm_gates`, and one out of the thirteen of `lstm_slopes`. That is
the rung *by compiler*. Whether it pays is a question for the clock: there are still 70
calls, and each first asks whether what was compiled fits what is given.

## 11.6 The loop in C++

What is left of Python is a few calls at each of 35 steps, forward and back. The last
rung moves the loop itself into C++, some four hundred lines, and there one more thing
can be done that no single call of PyTorch can do: *use what is at hand while it is at
hand*.

A processor computes on numbers in its registers. On one with AVX-512 there are 32, each
holding 16 numbers, and it can do two multiply-and-add on whole registers at a time,
64 operations. But a number has to come into a register first, from a cache that
delivers fewer. So a number that was loaded must be used more than once.

A *tile* does that: six sequences times 16 units. The four sums of each of the 16 units
take four registers for each sequence, 24 in all, and they stay there. For each of the
256 numbers $k$ of the state, four registers of weights are loaded, and six single
numbers, one for each sequence; each weight is used six times, each number of the state
64 times. That is ten loads for 24 multiply-and-adds. When $k$ has gone through, the
sums of $i$, $f$, $g$ and $o$ of the same units lie side by side in registers: gates,
cell and state are computed right there, and only then is anything written.
"""

# %%
source = operator.SOURCE.read_text("utf-8")
begin = source.index("// sums[m][p] += ")
print(source[begin : source.index("// The same from weights as they lie")].rstrip())

# %% [markdown]
r"""
That is the heart of it, the product of a tile; the compiler keeps `s` in registers. For
this the weights are laid out anew once a call, in the order in which tiles read them,
and the two cores share the work by sequences, so that neither ever waits for the other
within the 35 steps.

The operator is built by `torch.utils.cpp_extension` when it is first needed, and kept.
Where there is no compiler, one line says so, and the rung *by hand* computes.

## 11.7 All the same

Nothing may be measured that has not been shown to be equal. Six sequences of different
first states, double precision; compared are the outputs, both last states, and the
gradients of the input, of both first states and of the four weights.
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(5, 37).double()
weights = [*layer.parameters()]
x = torch.randn(7, 6, 5).double().requires_grad_()
h, c = (torch.randn(6, 37).double().requires_grad_() for _ in "hc")
slopes = [torch.randn(size).double() for size in ((7, 6, 37), (6, 37), (6, 37))]


def everything(run):
    """Outputs, last states, and all gradients."""
    outputs, last = run(x, (h, c), weights)
    found = outputs, *last
    return *found, *torch.autograd.grad(found, [x, h, c, *weights], slopes)


def furthest(found, wanted):
    """The largest difference of all."""
    pairs = zip(found, wanted, strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


def by_torch(x, state, _):
    outputs, last = layer(x, tuple(s[None] for s in state))
    return outputs, tuple(s[0] for s in last)


wanted = everything(by_torch)
apart = {
    name: furthest(everything(run), wanted)
    for name, run in RUNGS.items()
    if name != "by compiler"
}
for name, difference in apart.items():
    print(f"{name:13} within 1e-12 of nn.LSTM:", difference < 1e-12)

# %%
#| check: >-
#|   Outputs, states and all gradients of every rung are within 1e-12 of nn.LSTM's.
assert max(apart.values()) < 1e-12

# %% [markdown]
r"""
The tests do the same for the compiled rung, and run *every* test of `lstm.LSTM` and
`lstm.GRU` once more on the fast layers, with the operator and without. And a training?
Rounding could add up. A hundred steps of a language model, in double precision, once by
torch's layer and once by ours, from the same weights:
"""

# %%
curves = contestants.curves(100)
torchs, ours = curves.values()
print("largest difference of 100 losses below 1e-12:", end=" ")
print(max(abs(a - b) for a, b in zip(torchs, ours, strict=True)) < 1e-12)

# %% [markdown]
r"""
That this is asked beside the gradients has a reason. The two biases of a gate have the
same gradient, and our first version handed autograd one piece of memory for both. Every
gradient was right. But a training clips gradients in place, and what was clipped for
one bias was clipped a second time for the other. Only the losses showed it.

## 11.8 The race

Times are a matter of the machine. These were measured on another than yours, and are
kept with the package; `make bench` measures yours. In each of several rounds all took
turns; a bar is the median round, the black line spans the middle half of the rounds.
The first figure is the layer alone, forward and backward, on vectors.
"""

# %%
told = report["machine"]
print(f"{told['device']}, torch {told['torch']}, {told['precision']}, {told['date']}")

# %%
#| fig-alt: >-
#|   Horizontal bars of milliseconds for a forward and backward pass. The notes' loop,
#|   gate by gate, is the longest; stacked, hoisted, by compiler and TorchScript are a
#|   little shorter, by hand is half as long; by operator, torch.nn.LSTM and
#|   lstm.fast.LSTM are the shortest. A dashed line on the left marks the floor of the
#|   arithmetic.
order = [*RUNGS, "TorchScript", "torch.nn.LSTM", "lstm.fast.LSTM"]
shown = {name: parts["layer"][name] for name in order if name in parts["layer"]}
levels = {"the arithmetic at the rate of a large product": machine["floor"]}
figures.speeds(shown, "ms, forward and backward, 32 sequences of 35 steps", levels)
plt.show()


# %%
def table(name):
    """A part of the report, with the speed as a multiple of the first row's."""
    head = (name, "ms", "middle half", "times as fast")
    return Table(head, bench.fast.rows(parts[name]))


table("layer")

# %% [markdown]
r"""
The way back by hand takes the largest step of all that stay in Python, and the operator
the next. Compiling the pointwise work, with 35 steps and back, costs more than it
gives, and TorchScript is where hoisting alone is.

Then letters for inputs, where the first line makes one-hot vectors; the GRU, for which
PyTorch has no kernel of its own on a CPU; and whole training steps, sixteen at a time,
by the study notes' own loop from d2l and by `lstm.fit`.
"""

# %%
table("tokens")

# %%
table("GRU")

# %%
table("step")

# %% [markdown]
r"""
Two more without gradients: one step of a single sequence, as a program takes it that
answers letter by letter, on one thread; and a whole minibatch.
"""

# %%
table("one step")

# %%
table("sequence")

# %% [markdown]
r"""
One step shows the other side of things. It has so little arithmetic that most of its
time is spent on the way to it: checking what was given, finding memory, handing back.
`torch.nn.LSTMCell` has the least of it, and for a single step it is the one to take:
ours is faster than `nn.LSTM`, and slower than the cell.

## 11.9 How the cost grows

By (11.1) the arithmetic grows in proportion to the length, to the batch, and nearly to
the square of the units. On two logarithmic axes a power is a straight line, and its
slope is the power.
"""

# %%
#| fig-alt: >-
#|   Three panels on logarithmic axes, times against length, batch and hidden size. In
#|   each the curves of torch.nn.LSTM and lstm.fast.LSTM rise side by side, ours a
#|   little lower, most so from 256 steps on. Over the units they are nearly straight;
#|   over the length they are steeper between 35 and 256 steps than on either side.
panels = {}
for row in parts["growth"]:
    curves = panels.setdefault(row["size"].replace("_", " "), {})
    for name, t in row["times"].items():
        curves.setdefault(name, []).append((row["value"], t["median"]))
figures.growth(panels, "ms, forward and backward")
plt.show()


# %%
def slope(points):
    """The power by which a time grows between its last two sizes."""
    (a, s), (b, t) = points[-2:]
    return log(t / s) / log(b / a)


rows = [
    (size, name, f"{slope(points):.2f}")
    for size, curves in panels.items()
    for name, points in curves.items()
]
Table(("size", "layer", "power, between the two largest"), rows)

# %% [markdown]
r"""
Over length and batch the whole way from the smallest to the largest is near to
proportion, but not every part of it: between 35 and 256 steps both layers take more
than that, and before and after it less. Why was not examined here.

## 11.10 Why it ends here

On a CPU, the weights of this layer, a megabyte, fit into each core's own cache, and 32
sequences use each weight 32 times before the next step needs it again. So the
multiplications are the limit, as in one large product. What lies between our bar and
the dashed line is the rest: gates and their derivatives, which need an exponential for
every sum, and the traffic of sums, gates and slopes, several times as much as those
caches hold.

A GPU multiplies many times as fast, and there the limit is another one: the 35
steps depend on one another, each has to wait until the one before is written and seen
by all, and most of the machine stands idle meanwhile. How long that waiting takes
decides there; no figure of it is given here, since none was measured.

What else was tried: to keep the buffers from call to call, to lay them in large pages
of memory, and to go through the state in blocks that fit into the smallest cache. None
of the three gave a gain above the noise of the machine. Three other things did: rows of
the buffers a few numbers longer than a power of two (rows 4,096 bytes apart compete for
the same places in the cache), fetching the gates of a tile before its product begins,
and an exponential that is computed in place where a library's was called.

## 11.11 What this chapter does not show

- GPUs. On CUDA `lstm.fast` hands over to the plain layer, and `nn.LSTM` is the one to
  take.
- Projection. Layers with `proj_size` are computed by the plain layer, too.
- Other processors. On one without AVX-512 or AVX2 the operator is compiled for what
  there is; it was not measured there.
- A winner. A ratio of 1.05 on one machine may be 0.95 on another. What is proved is
  that all compute the same.
- Fewer digits. With bfloat16 products can be several times as fast; then it is another
  computation, and this chapter compares equals.

## Summary

- The arithmetic of a layer can be counted, and the rate of a large product gives a
  floor for its time.
- A loop of small calls spends its time between them. Stacking the gates, hoisting the
  input's products, going back by hand: each leaves fewer calls, and the same numbers.
- For letters, a product with a one-hot vector is the choice of a row.
- In C++, sums stay in registers from the product to the gates. The operator comes to
  the speed of PyTorch's own kernel and a little beyond, by a third for long sequences;
  and for the GRU, which has none, to more than twice it.
- Equality first, time second; a time is a ratio, side by side, with its spread.

## Exercises

1. *(easy)* How many operations does (11.1) give for a layer of 512 units on 28 letters,
   and by what factor is that more than with 256? Why is it not four?
   ([solution](solutions/11_fast.ipynb#exercise-1))
2. *(easy)* Write the row lookup of 11.4 with the notes' orientation of the weights,
   $\mathbf{W}_\mathrm{x} \in \mathbb{R}^{D \times 4H}$, and compare it with the
   product.
   ([solution](solutions/11_fast.ipynb#exercise-2))
3. *(medium)* Hoist the input's products out of the plain RNN's loop, and show by
   autograd that all its gradients stay the same.
   ([solution](solutions/11_fast.ipynb#exercise-3))
4. *(medium)* How many times is a weight used by a tile of $m$ sequences, and how many
   loads does a tile need for each multiply-and-add? Which $m$ is the best for four
   products, if 32 registers must hold the sums, the weights and one number of the
   state? ([solution](solutions/11_fast.ipynb#exercise-4))
5. *(hard)* Write the GRU's `hoisted`. One of its three products with the state must not
   be added to the input's before a gate is applied: which, and what happens to the
   gradients if you do? ([solution](solutions/11_fast.ipynb#exercise-5))

## Further reading

- J. Appleyard, T. Kočiský, P. Blunsom, [Optimizing performance of recurrent neural
  networks on GPUs](https://arxiv.org/abs/1604.01946), 2016: stacked gates and hoisted
  products, on the other kind of machine.
- K. Goto, R. van de Geijn, [Anatomy of high-performance matrix
  multiplication](https://doi.org/10.1145/1356052.1356053), 2008: tiles and panels.
- S. Williams, A. Waterman, D. Patterson, [Roofline: an insightful visual performance
  model](https://doi.org/10.1145/1498765.1498785), 2009.
- PyTorch's tutorial on [custom C++
  operators](https://docs.pytorch.org/tutorials/advanced/cpp_custom_ops.html).
"""
