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
matrices, so we take its rate there as the limit. (PyTorch brings two libraries that
multiply, MKL and oneDNN. Which is faster depends on who made the processor; the faster
counts.) The next cell measures the rate where you are, and the time that (11.1) would
take at it: the *floor*. On the same machine no clever code gets below it, unless it
computes something else, or with fewer digits. (The committed measurements of the next
sections may be from another processor, which has a floor of its own.)
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
computes. So the usual suspect is Python, and what there is to do around each call. Let
us look before we accuse. First we count the calls where PyTorch hands them out, in a
forward and backward pass: those that compute something or move it, and those that only
say where numbers lie, as slices and transposes do. Beside the notes' loop stand the
rungs that follow, so that you see where we are going.
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
#|   Up to hoisted every rung makes fewer calls of both kinds; by hand hardly any is
#|   left that does not compute; in C++ there are fewer than a hundred in all.
notes, stacked_calls, hoisted_calls, hand, last = counted.values()
for before, after in pairwise((notes, stacked_calls, hoisted_calls)):
    assert after[0] < before[0]
    assert after[1] < before[1]
assert hand[1] < hoisted_calls[1] / 5
assert sum(last) < 100 or not engine

# %% [markdown]
r"""
Then PyTorch's profiler, which writes down when each call begins and ends. From its
notes we add up, for one forward and backward pass, the time inside products, the time
inside all other operations, and the rest: Python, autograd's book-keeping, the way into
PyTorch and back. (Measured on the machine of section 11.8, and kept with the package.
The profiler takes time for its own notes, so the sums are larger than the times there.
In the last rung gates and derivatives are computed within the products.)
"""

# %%
#| fig-alt: >-
#|   Horizontal bars of milliseconds in three pieces: products, other operations, and
#|   between them. For the notes' loop, gate by gate, the products are by far the
#|   longest piece; from rung to rung all three shrink, and by operator hardly anything
#|   but products is left.
figures.shares(parts["profile"], "ms, forward and backward, with the profiler on")
plt.show()

# %%
Table(
    ("", *parts["profile"]["by operator"]),
    [(n, *(f"{t:.1f} ms" for t in p.values())) for n, p in parts["profile"].items()],
)

# %% [markdown]
r"""
So it is not Python first of all. More than half of the notes' time is spent inside
products, and they are the same multiplications and additions as in the last row, where
they take a third of the time or less, with all the gates in it. What makes a product
slow is that it is small: a product of 32 rows and 256 columns hardly begins before it
ends, and uses each weight it fetches only 32 times. What follows takes away all three
pieces, one after the other.

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
forward fills one buffer with the gates, $(L N, 4H)$; its way back overwrites them, step
by step, with the derivatives by the sums. And then (7.5) is a single product for all
steps: the gradient of $\mathbf{W}_\mathrm{h}$ is that buffer, transposed, times all
states. Here is what is left for each step, forward and back.
"""


# %%
from lstm.fast.eager import sigmoid_back, tanh_back


# %%
# lstm/fast/eager.py
def tanh(x, out):
    """tanh(x) = 2 sigmoid(2x) - 1: exact to a rounding of 1, faster than torch.tanh."""
    return torch.mul(x, 2, out=out).sigmoid_().mul_(2).sub_(1)


def lstm_gates(sums, i, f, g, o, c_old, c, h):
    """From a step's sums (N, 4H) to its gates, cell and hidden state, each (N, H)."""
    s_i, s_f, s_g, s_o = sums.chunk(4, dim=-1)
    torch.sigmoid(s_i, out=i)
    torch.sigmoid(s_f, out=f)
    tanh(s_g, out=g)
    torch.sigmoid(s_o, out=o)
    torch.mul(f, c_old, out=c).addcmul_(i, g)
    tanh(c, out=h).mul_(o)


# %%
# lstm/fast/eager.py
def lstm_slopes(d_h, d_c, i, f, g, o, c_old, c):
    """One step back: from its gates, in place, to the derivatives by its sums.

    d_h, d_c: (N, H), all that reaches the step's h and c; d_c becomes the old cell's
    """
    shown = tanh(c, out=torch.empty_like(c))
    through = d_h * o
    d_c.add_(tanh_back(through, shown, grad_input=through))
    sigmoid_back(d_h.mul_(shown), o, grad_input=o)
    d_i, d_f, d_g = d_c * g, d_c * c_old, d_c * i
    d_c.mul_(f)
    sigmoid_back(d_i, i, grad_input=i)
    sigmoid_back(d_f, f, grad_input=f)
    tanh_back(d_g, g, grad_input=g)


# %% [markdown]
r"""
`sigmoid_back` and `tanh_back` are PyTorch's own derivatives, told where to write. And
the products are oneDNN's, with the weights laid out once a pass in the order in which
it reads them. What else is in the function (first states, packed batches, gradients
that are themselves differentiated) you find in `lstm/fast/through_time.py`.

The calls that are left can be compiled: `torch.compile` makes one loop over the numbers
out of all of `lstm_gates`, and one out of all of `lstm_slopes`. That is the rung *by
compiler*. Whether it pays is a question for the clock: there are still 70 calls, and
each first asks whether what was compiled fits what is given.

## 11.6 The loop in C++

What is left of Python is a few calls at each of 35 steps, forward and back. The last
rung moves the loop itself into C++, some six hundred lines, and there one more thing
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
print(source[begin : source.index("// The same from weights (P")].rstrip())

# %% [markdown]
r"""
That is the heart of it, the product of a tile; the compiler keeps `s` in registers. For
this the weights are laid out anew once a call, in the order in which tiles read them.
The cores share the work by sequences while all weights fit well into the cache that
each has for itself: then none ever waits for another within the 35 steps. Where they do
not fit, each core keeps to its part of the units, whose weights stay with it, and all
wait for one another after each step.

The same tile makes the gradients of the weights, and, where the inputs are few, their
products within the loop. And for a program that takes one step at a time there is a
call of its own, which checks and computes everything at once.

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
the next, to PyTorch's own kernel and a little beyond. Compiling the pointwise work,
with 35 steps and back, costs more than it gives. TorchScript comes to where stacking
is, and the same loop in JAX, compiled by XLA, between hoisting and by hand.

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
`nn.LSTM` needs several times as long as its one product. The operator has a call of its
own for this case: it looks at the tensors in C++, and where all are as they should be
and nobody asks for gradients, it computes the step right there, through all layers.
Where anything is different it answers nothing, and the usual way is gone, with its
checks and its messages. `nn.LSTMCell`, and ONNX Runtime, which is made for this, take
longer. For a whole minibatch without gradients it is the other way round: `nn.LSTM` is
the fastest, and ours less than a tenth behind.

## 11.9 How the cost grows

By (11.1) the arithmetic grows in proportion to the length, to the batch, and nearly to
the square of the units. On two logarithmic axes a power is a straight line, and its
slope is the power.
"""

# %%
#| fig-alt: >-
#|   Three panels on logarithmic axes, times against length, batch and hidden size. In
#|   each the curves of torch.nn.LSTM and lstm.fast.LSTM rise side by side and nearly
#|   straight; at 1,024 steps torch's lies visibly higher.
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
Over length and batch ours stays near to proportion. `nn.LSTM` takes more than that from
256 to 1,024 steps. Why was not examined here.

## 11.10 What each idea is worth

Which of the ideas in the operator pay? The experiment is to take one away and leave the
rest: the same code, run without room behind the rows, with the input's products before
the loop as in section 11.4, with PyTorch's product for the weights' gradients in place
of its own tile. Beside them the rung by hand, with and without oneDNN.
"""

# %%
table("ways")

# %% [markdown]
r"""
Its own product for the weights' gradients is worth a quarter of the time: PyTorch's
product is MKL's, the slower of the two libraries on this processor, as the last two
rows show. The input's product in the loop is worth a few hundredths at most, and the
room behind the rows nothing that could be told from noise: that idea was wrong, at
least here.

Before the work began it was written down what was wanted. What became of it:
"""


# %%
def times_as_fast(part, name, than):
    """How many times as fast one is than another, in the report."""
    return parts[part][than]["median"] / parts[part][name]["median"]


own, nn_lstm, cell = "lstm.fast.LSTM", "torch.nn.LSTM", "torch.nn.LSTMCell"
aims = [
    ("by hand, as nn.LSTM", 0.7, times_as_fast("layer", "by hand", nn_lstm)),
    ("by compiler, as nn.LSTM", 0.85, times_as_fast("layer", "by compiler", nn_lstm)),
    ("vectors, as nn.LSTM", 1.05, times_as_fast("layer", own, nn_lstm)),
    ("letters, as nn.LSTM", 1.15, times_as_fast("tokens", own, nn_lstm)),
    ("GRU, as nn.GRU", 1.5, times_as_fast("GRU", "lstm.fast.GRU", "torch.nn.GRU")),
    (
        "a training step, as d2l's concise",
        1.3,
        times_as_fast("step", "lstm.fit, lstm.fast.LSTM", "d2l, nn.LSTM"),
    ),
    (
        "a training step, as d2l's scratch",
        2.5,
        times_as_fast("step", "lstm.fit, lstm.fast.LSTM", "d2l, scratch"),
    ),
    ("one step, as nn.LSTM", 4, times_as_fast("one step", own, nn_lstm)),
    ("one step, as nn.LSTMCell", 1, times_as_fast("one step", own, cell)),
]
Table(
    ("times as fast", "wanted", "reached"),
    [(name, f"{wanted:g}", f"{reached:.2f}") for name, wanted, reached in aims],
)

# %% [markdown]
r"""
Four are missed, two of them by far, and why can be read above. *By hand*: the profile
of 11.2 shows that the products alone take as long as the whole of `nn.LSTM`, and 35
times two dozen small calls come on top. oneDNN's products in place of MKL's, a tanh
made from the quicker sigmoid, slopes over the gates in place of a buffer of their own
were tried; the first stands in the table above, and together they were not enough. *By
compiler*: the pointwise work compiled alone, the layer compiled whole by
`torch.compile` (less than half as fast as `nn.LSTM`), TorchScript and JAX were
measured, and none comes near. *Letters* and *a training step*: `nn.LSTM` runs at more
than half of the machine's best rate, and in a training step a quarter of the time is
not the layer's at all.

## 11.11 Why it ends here

Ask not for the time but for the rate, multiplications and additions a second, and
against what limits it: how often a number that was fetched is used. In the loop each
weight, four bytes, makes two operations for each sequence of the minibatch. With a
single sequence each is used once, with many it is used often. The slanted line is the
rate at which PyTorch's product of the weights with a single vector gets them; the flat
one is the rate of a large product.
"""

# %%
#| fig-alt: >-
#|   A roofline on logarithmic axes: a line that rises and then is flat, and two curves,
#|   torch.nn.LSTM and lstm.fast.LSTM, from batch 1 on the left to 256 on the right.
#|   Both begin above the rising line and bend below the flat one from batch 8 on.
roofs = parts["roofline"]
points = {
    name: [(batch / 2, rate) for batch, rate in curve]
    for name, curve in roofs["points"].items()
}
figures.roofline(points, roofs["rate"], roofs["bytes"])
plt.show()

# %%
#| check: >-
#|   At batch 1 the fast layer is far from the flat line, and above the slanted one;
#|   from batch 32 on it reaches more than half of the flat one.
curve = dict(map(tuple, roofs["points"]["lstm.fast.LSTM"]))
assert 0.5 * roofs["bytes"] < curve[1] < 0.4 * roofs["rate"]
assert all(rate > 0.5 * roofs["rate"] for batch, rate in curve.items() if batch >= 32)

# %% [markdown]
r"""
So the slanted line is no roof: both layers get their weights faster than that product
does. The flat one has held. A forward pass of 32 sequences stands below it, not far,
and what could still be won is the distance to it: gates, which need an exponential for
every sum, and the traffic of gates and states between the caches. No rung above this
one is left but to multiply faster than the best product does.

A GPU multiplies many times as fast, and there the limit is another one: the 35
steps depend on one another, each has to wait until the one before is written and seen
by all, and most of the machine stands idle meanwhile. How long that waiting takes
decides there; no figure of it is given here, since none was measured.

## 11.12 What this chapter does not show

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
- A loop of small calls spends its time in small products first, then in the other
  calls, then between them. Stacking the gates, hoisting the input's products, going
  back by hand: each leaves fewer calls or larger ones, and the same numbers.
- For letters, a product with a one-hot vector is the choice of a row.
- In C++, sums stay in registers from the product to the gates. The operator comes to
  the speed of PyTorch's own kernel and a little beyond, by a half at 1,024 steps; for
  the GRU, which has no kernel, to three times PyTorch's; and for a single step to
  several times `nn.LSTM`'s.
- Equality first, time second; a time is a ratio, side by side, with its spread.

## Exercises

1. *(easy)* How many operations does (11.1) give for a layer of 512 units on 28 letters,
   and by what factor is that more than with 256? Why is it not four?
   ([solution](solutions/11_fast.ipynb#Exercise-1))
2. *(easy)* Write the row lookup of section 11.4 with the notes' orientation of the
   weights, $\mathbf{W}_\mathrm{x} \in \mathbb{R}^{D \times 4H}$, and compare it with
   the product. ([solution](solutions/11_fast.ipynb#Exercise-2))
3. *(medium)* Hoist the input's products out of the plain RNN's loop, and show by
   autograd that all its gradients stay the same.
   ([solution](solutions/11_fast.ipynb#Exercise-3))
4. *(medium)* How many times is a weight used by a tile of $m$ sequences, and how many
   loads does a tile need for each multiply-and-add? Which $m$ is the best for four
   products, if 32 registers must hold the sums, the weights and one number of the
   state? ([solution](solutions/11_fast.ipynb#Exercise-4))
5. *(hard)* Write the GRU's `hoisted`. One of its three products with the state must not
   be added to the input's before a gate is applied: which, and what happens to the
   gradients if you do? ([solution](solutions/11_fast.ipynb#Exercise-5))

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
