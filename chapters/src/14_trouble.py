# ---
# part: Practice
# question: What does this error mean, and why does the loss not fall?
# proved: >-
#   messages raised by the mistake and mended; ten planted faults, and which of seven
#   tests finds each; where a NaN begins
# minutes: 2
# ---

# %% [markdown]
r"""
# 14. When it does not work

**What you will build.** A catalogue of what goes wrong with LSTMs: each mistake as
people write it, the message that it brings or the silence, and the mended line with a
check. And a training with ten switches, each of which plants one fault, on which an
ordered list of tests is tried out: which test finds which fault?

**What you will learn.** To read the messages of `nn.LSTM`. To notice the mistakes that
bring no message, above all two axes exchanged. Why a loss does not fall, asked in an
order, cheap questions first. Where a NaN begins. What a seed fixes and what it does
not. And when to take something else than an LSTM.

**What you need.** Section 5.1 is the page to have at hand. The sections can be read in
any order; sections 14.7 to 14.12 belong together and train for one or two minutes.
"""

# %%
import math
import textwrap
import warnings
from functools import cache
from itertools import islice

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing import assert_close

import lstm
from lstm import checkup, figures
from lstm.checkup import evaluating  # for the quoted cell of 14.2
from lstm.data import NGrams, Vocab
from lstm.figures import plt
from lstm.models import open_forget_gate
from lstm.studies import recall


def caught(mistake, words):
    """Make a mistake; print the error's type and its words, if it has said them."""
    try:
        mistake()
    except Exception as error:
        said = words if words in str(error) else f"OTHER WORDS: {error}"
        print(textwrap.fill(f"{type(error).__name__}: {said}", 88))
    else:
        print("NO ERROR")


def gap(one, two):
    """The largest difference between two tensors."""
    return (one - two).abs().max().item()


# %% [markdown]
r"""
## 14.1 The index

If there is a message, look for its words:

| the words | what it means | section |
|---|---|---|
| `Expected hidden[0] size (1, 8, 20), got [8, 1, 20]` | a state has another number of layers or sequences than the input asks for; states never have the batch first | 14.2 |
| `For batched 3-D input, hx and cx should also be 3-D` | a state without the axis of layers | 14.2 |
| `input.size(-1) must be equal to input_size` | the last axis is not the features | 14.2 |
| `input dtype … does not match weight dtype`, `expected … dtype` | integers or 64-bit floats where 32-bit floats are wanted; or the reverse, for classes | 14.2 |
| `linear(): argument 'input' (position 1) must be Tensor, not tuple` | an LSTM in `nn.Sequential` | 14.3 |
| `'tuple' object has no attribute 'shape'` | the layer gives back two things | 14.3 |
| `non-zero dropout expects num_layers greater than 1` | dropout with one layer | 14.3 |
| `Expected target size [8, 28], got [8, 5]` | the classes are not on axis 1 | 14.3 |
| `Trying to backward through the graph a second time` | a state that was carried and not detached | 14.4 |
| `modified by an inplace operation` | the same, after `retain_graph=True` | 14.4 |
| `does not require grad and does not have a grad_fn` | nothing to differentiate: `no_grad`, `detach`, `.item()` | 14.4 |
| `'lengths' argument should be a 1D CPU int64 tensor` | lengths on the wrong device | 14.5 |
| `` `lengths` array must be sorted in decreasing order `` | packing wants the longest first | 14.5 |
| `Length of all samples has to be greater than 0` | a sequence of padding only | 14.5 |
| `index out of range in self` | a symbol that the embedding does not have | 14.5 |
| `weights are not part of single contiguous chunk of memory` | on a GPU: parameters were replaced | 14.6 |
| `cudnn RNN backward can only be called in training mode` | on a GPU: gradients after `eval()` | 14.6 |
| `Input and parameter tensors are not at the same device` | the model or the batch was not moved | 14.6 |
| `device-side assert triggered` | on a GPU: mostly an index out of range | 14.6 |
| `returned nan values in its 0th output` | where a gradient became NaN | 14.13 |

If there is none, look for the symptom:

| the symptom | what it may be | section |
|---|---|---|
| all runs, and learns badly | axes exchanged, `batch_first` forgotten | 14.2, 14.8 |
| `nn.LSTM` or `nn.LSTMCell`? | the layer, unless something happens between two steps | 14.3 |
| two directions are no better than one | `output[:, -1]` read of both | 14.3 |
| good within a batch, bad from batch to batch | a state that belongs to other sequences | 14.4 |
| a sequence ends in the middle of a batch | `reset=` in our layers; pieces, packed, in PyTorch's | 15.2 |
| short sequences come out worse than long ones | the last step lies in the padding | 14.5 |
| the loss is lower than it ought to be | padding is counted; the answer is in the input | 14.5, 14.10 |
| the loss does not fall | the checklist | 14.7 |
| it falls to the loss of letter frequencies and stays | inputs and targets do not belong together | 14.10 |
| nothing is learned over long distances | the forget bias | 14.12 |
| the loss is NaN, or infinite | rate, log of 0, data, nothing to average | 14.13 |
| the same answer for every input | inputs that are not scaled | 14.14 |
| a forecast with an $R^2$ of 0.97 that is of no use | it repeats the last value | 13.4 |
| good scores, and bad forecasts afterwards | windows or scaling that saw the future | 13.5 |
| another result at every run | seeds, threads, the GPU | 14.15 |
| `torch.compile` makes it no faster | on a CPU, with 35 steps, it did not do so here either | 11.5, 11.8, 11.10 |
| it has to run without PyTorch | ONNX, or Keras's layout of the weights | 16.2, 16.4 |

Every message of the first table that a processor can give is raised below, by the
mistake that people make. Those of a GPU are described, and raised only where there is
one.

## 14.2 Shapes and types

Batches of $N = 8$ sequences, $L = 5$ steps, $D = 10$ features, $H = 20$ units; the
batch first.

### Expected hidden[0] size

The state was given the batch first, like the input. States are $(K, N, H)$, layers
first, whatever `batch_first` says (section 5.5). The same message comes when the last
batch of a pass is smaller, or when a state of the training is handed to a validation
with another batch size:
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(10, 20, batch_first=True)
x = torch.randn(8, 5, 10)


def zeros(*size):
    """A state (h, c) of zeros."""
    return torch.zeros(size), torch.zeros(size)


got = "Expected hidden[0] size (1, 8, 20), got "
caught(lambda: layer(x, zeros(8, 1, 20)), got + "[8, 1, 20]")
caught(lambda: layer(x, zeros(1, 6, 20)), got + "[1, 6, 20]")
output, state = layer(x, zeros(1, 8, 20))  # mended

# %% [markdown]
r"""
For the smaller last batch: `drop_last=True` if the state is to be carried, `None` if it
is not.

### hx and cx should also be 3-D

A state $(N, H)$, without its axis of layers. `state[0][None]` adds it. The twin of this
message is about an input of two axes, which is one sequence without a batch: its state
is $(K, H)$.
"""

# %%
words = "For batched 3-D input, hx and cx should also be 3-D"
caught(lambda: layer(x, zeros(8, 20)), words)
words = "For unbatched 2-D input, hx and cx should also be 2-D"
caught(lambda: layer(x[0], zeros(1, 1, 20)), words)
h, c = zeros(8, 20)
again, _ = layer(x, (h[None], c[None]))  # mended
alone, _ = layer(x[0], zeros(1, 20))  # mended

# %% [markdown]
r"""
### input.size(-1) must be equal to input_size

The features are not on the last axis. Here a series of 5 steps with 10 values each is
given as $(N, D, L)$, as convolutions want it. `transpose`, not `reshape`: the latter
makes the shape right and the contents wrong (section 5.5).
"""

# %%
channels_first = x.transpose(1, 2)  # (N, D, L)
words = "input.size(-1) must be equal to input_size. Expected 10, got 5"
caught(lambda: layer(channels_first), words)
mended, _ = layer(channels_first.transpose(1, 2))
reshaped, _ = layer(channels_first.reshape(8, 5, 10))
for name, one in (("transposed", mended), ("reshaped", reshaped)):
    print(f"{name}: up to {gap(one, output):.2f} apart")

# %%
#| check: >-
#|   The mended calls give what the layer gives without a state; reshape gives other
#|   numbers.
for one in (output, again, mended):
    assert_close(one, layer(x)[0])
assert_close(alone, output[0])
assert gap(reshaped, output) > 0.1

# %% [markdown]
r"""
### A message about dtype

Four frequent ones. NumPy makes 64-bit floats; symbols are integers, and an LSTM reads
vectors; class numbers must be integers of 64 bits. The words differ from one version of
PyTorch to the next, so these are the ones of the version that made this page:
"""

# %% tags=["nbval-ignore-output"]
numbers, scores = torch.randint(10, (8, 5)), torch.randn(8, 28)
mistakes = {
    "64-bit floats": lambda: layer(x.double()),
    "integers": lambda: layer(numbers[..., None].expand(8, 5, 10)),
    "classes as floats": lambda: cross_entropy(scores, torch.ones(8)),
    "classes of 32 bits": lambda: cross_entropy(scores, torch.ones(8).int()),
}
refused = {}
for name, mistake in mistakes.items():
    try:
        mistake()
    except (RuntimeError, ValueError) as error:
        refused[name] = str(error)
        print(textwrap.fill(f"{name}: {error}", 88))

# %%
#| check: >-
#|   All four are refused; floats of 32 bits, an embedding and classes of 64 bits are
#|   taken.
assert set(refused) == set(mistakes)
assert_close(layer(x.double().float())[0], output)
assert layer(nn.Embedding(10, 10)(numbers))[0].shape == (8, 5, 20)
assert cross_entropy(scores, torch.ones(8).int().long()).isfinite()

# %% [markdown]
r"""
### No message: batch_first forgotten

This is the most expensive mistake of the chapter, because nothing complains. The input
is $(8, 5, 10)$, eight sequences of five steps; the layer takes it for five sequences of
eight steps. Every shape fits, and the loss even falls.

How to notice? Not by shapes. Ask what each output *reads*: change one number of the
input and see which outputs change. An output of a language model must depend on its own
sequence, up to its own step, and on nothing else. `lstm.checkup.influence` does that
for every step of every sequence:
"""


# %%
# lstm/checkup.py
@torch.no_grad()
def influence(model, inputs):
    """Which outputs change when one step of one sequence of the inputs is changed.

    inputs: (N, L), symbols, or (N, L, D), numbers
    ->   (N, L, N, L), booleans: [n, t, m, s] whether the output of sequence n at step t
    depends on the input of sequence m at step s; (N, N, L) if there is one output to a
    sequence. Symbols are changed to 0 (a 0 to 1), to numbers 1 is added. The model is
    in eval mode meanwhile.
    Raises ValueError for inputs of another number of axes.
    """
    symbols = not inputs.is_floating_point()
    if inputs.dim() != (2 if symbols else 3):
        wanted = "(N, L), symbols, or (N, L, D), numbers"
        given = f"{tuple(inputs.shape)} of {inputs.dtype}"
        raise ValueError(f"expected inputs {wanted}, got {given}")
    with evaluating(model):
        before, found = model(inputs), []
        for place in torch.cartesian_prod(*map(torch.arange, inputs.shape[:2])):
            changed, (m, s) = inputs.clone(), place.tolist()
            changed[m, s] = (inputs[m, s] == 0).long() if symbols else inputs[m, s] + 1
            found.append((model(changed) != before).any(dim=-1))
    return torch.stack(found, dim=-1).unflatten(-1, inputs.shape[:2])


# %% [markdown]
r"""
Three sequences of five steps, through a layer with `batch_first=True` and through one
without. A row is an output, a column an input; the thin lines part the sequences.
"""


# %%
class Outputs(nn.Module):
    """A recurrent layer that gives back its output alone."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, inputs):
        return self.layer(inputs)[0]


few = torch.randn(3, 5, 10)
right = influence(Outputs(layer), few)
mixed = influence(Outputs(nn.LSTM(10, 20)), few)

# %%
#| fig-alt: >-
#|   Two squares of three by three fields. Left, only the fields on the diagonal are
#|   filled, each below its own diagonal: an output reads its own sequence up to its
#|   step. Right, all fields on and below the diagonal hold a thin diagonal line: an
#|   output reads one step of its own sequence and the same step of those before it.
figures.influence({"batch_first=True": right, "forgotten": mixed})
plt.show()

# %%
#| check: >-
#|   Right: its own sequence, up to now. Wrong: the same step of the sequences before.
n, t, m, s = torch.meshgrid(*map(torch.arange, (3, 5, 3, 5)), indexing="ij")
own = (n == m) & (s <= t)
assert torch.equal(right, own)
assert torch.equal(mixed, (t == s) & (m <= n))

# %% [markdown]
r"""
Three blue triangles on the diagonal: that is what a language model should look like.
On the right the memory runs from sequence to sequence, and within its own sequence an
output sees a single step. The test takes no training and no targets, and it works for
any model, two directions (then whole squares on the diagonal) and `reshape` by mistake
included.

## 14.3 What the layer gives back

### In nn.Sequential: must be Tensor, not tuple

`nn.LSTM` returns `(output, (h_n, c_n))`, and `nn.Sequential` hands on whatever it gets.
The same tuple is behind `'tuple' object has no attribute 'shape'`.
"""

# %%
wrong = nn.Sequential(nn.LSTM(10, 20, batch_first=True), nn.Linear(20, 28))
words = "linear(): argument 'input' (position 1) must be Tensor, not tuple"
caught(lambda: wrong(x), words)
caught(lambda: layer(x).shape, "'tuple' object has no attribute 'shape'")

# %% [markdown]
r"""
The mended forms: a module of four lines that takes the output (`Outputs` above), or the
last state. Better, once the model has more than one use: a class of your own, such as
`lstm.LanguageModel`, which can be handed a state, too.
"""


# %%
class LastState(Outputs):
    def forward(self, inputs):
        _, (h_n, _) = self.layer(inputs)
        return h_n[-1]  # (N, H): of the last layer, one direction


every_step = nn.Sequential(Outputs(wrong[0]), wrong[1])
at_the_end = nn.Sequential(LastState(wrong[0]), wrong[1])
print(tuple(every_step(x).shape), tuple(at_the_end(x).shape))
assert_close(every_step(x)[:, -1], at_the_end(x))

# %% [markdown]
r"""
### non-zero dropout expects num_layers greater than 1

A warning, no error: dropout acts *between* layers, and there is no "between" (section
5.7). Nothing is dropped. What was meant is mostly a dropout behind the layer:
"""

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    one_layer = nn.LSTM(10, 20, batch_first=True, dropout=0.5)
words = "non-zero dropout expects num_layers greater than 1"
print(type(said[0].message).__name__, "with the words:", words in str(said[0].message))
dropping = nn.Sequential(Outputs(nn.LSTM(10, 20, batch_first=True)), nn.Dropout(0.5))
same = torch.equal(one_layer(x)[0], one_layer(x)[0])
print("two calls in training are the same:", same)
print("with nn.Dropout behind the layer:", torch.equal(dropping(x), dropping(x)))

# %%
#| check: >-
#|   The argument alone drops nothing, the module does, and not in evaluation mode.
assert words in str(said[0].message)
assert torch.equal(one_layer(x)[0], one_layer(x)[0])
assert not torch.equal(dropping(x), dropping(x))
dropping.eval()
assert torch.equal(dropping(x), dropping(x))

# %% [markdown]
r"""
### No message: output[:, -1] of two directions

The second half of `output[:, -1]` is the reverse direction *at the last step*, where it
has read one step only. Section 4.3 measures what that costs: on a task that needs the
beginning, everything. By `influence`: which steps does each half read?
"""


# %%
class Read(nn.Module):
    """One vector (N, H) to a sequence, by a function of output and h_n."""

    def __init__(self, read):
        super().__init__()
        self.layer, self.read = (
            nn.LSTM(10, 20, batch_first=True, bidirectional=True),
            read,
        )

    def forward(self, inputs):
        output, (h_n, _) = self.layer(inputs)
        return self.read(output, h_n)


ways = {
    "output[:, -1], forward half": lambda output, h_n: output[:, -1, :20],
    "output[:, -1], reverse half": lambda output, h_n: output[:, -1, 20:],
    "h_n[-2], forward": lambda output, h_n: h_n[-2],
    "h_n[-1], reverse": lambda output, h_n: h_n[-1],
}
steps_read = {name: influence(Read(way), few)[0, 0] for name, way in ways.items()}
for name, steps in steps_read.items():
    print(f"{name:28} reads steps", steps.nonzero().flatten().tolist())

# %%
#| check: >-
#|   Three of the four have read everything; the reverse half at the last step has read
#|   one step.
assert steps_read["output[:, -1], reverse half"].tolist() == [False] * 4 + [True]
assert sum(bool(steps.all()) for steps in steps_read.values()) == 3

# %% [markdown]
r"""
### Expected target size

`cross_entropy` wants the classes on axis 1: $(N, V, L)$ beside targets $(N, L)$. A
model gives $(N, L, V)$. Either join the first two axes, or transpose. If $L$ happens to
be $V$, there is no message, and the loss is another number.
"""

# %%
scores, targets = torch.randn(8, 5, 28), torch.randint(28, (8, 5))
caught(
    lambda: cross_entropy(scores, targets), "Expected target size [8, 28], got [8, 5]"
)
joined = cross_entropy(scores.flatten(0, 1), targets.flatten())
turned = cross_entropy(scores.transpose(1, 2), targets)
square, classes = torch.randn(8, 28, 28), torch.randint(28, (8, 28))
silent = cross_entropy(square, classes) - cross_entropy(square.transpose(1, 2), classes)
print(f"the two ways apart: {(joined - turned).abs().item():.4f}")
print("L = V, no message, and another loss:", silent.abs().item() > 0.001)
assert_close(joined, turned)
assert silent.abs() > 0.001

# %% [markdown]
r"""
### nn.LSTM or nn.LSTMCell?

The cell is one step of one layer: it takes $(N, D)$ and a state $(N, H)$, and the loop
over time is yours. Its weights are the layer's, without the `_l0` in their names.
"""

# %%
cell = nn.LSTMCell(10, 20)
cell.load_state_dict({n.removesuffix("_l0"): w for n, w in layer.state_dict().items()})
h, c = zeros(8, 20)
by_cell = []
for step in x.unbind(dim=1):
    h, c = cell(step, (h, c))
    by_cell.append(h)
by_cell = torch.stack(by_cell, dim=1)
print(tuple(by_cell.shape), "equal to a rounding:", gap(by_cell, layer(x)[0]) < 1e-6)
assert gap(by_cell, layer(x)[0]) < 1e-6

# %% [markdown]
r"""
Take the layer wherever the whole input is there before the first step: one call for all
steps is faster (section 11.8). Take the cell where something has to happen between two
steps that no layer offers: an answer that becomes the next input, as in a decoder, or
attention over other states. For a state that begins anew in mid-batch the package's
layers have `reset`, and PyTorch's can be run in pieces (section 15.2).

## 14.4 The graph and the state

### backward through the graph a second time

A state is carried from one passage to the next, and with it everything it was computed
from. The first `backward` has freed that; the second wants it again.
"""


# %%
def carry(mend=lambda state: state, **how):
    """Three passages in order; the state is mended in between."""
    torch.manual_seed(0)
    layer, state = nn.LSTM(10, 20, batch_first=True), None
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for passage in torch.randn(8, 15, 10).split(5, dim=1):
        output, state = layer(passage, state)
        optimizer.zero_grad()
        output.square().mean().backward(**how)
        optimizer.step()
        state = mend(state)
    return state


caught(carry, "Trying to backward through the graph a second time")
caught(lambda: carry(retain_graph=True), "modified by an inplace operation")
carried = carry(lambda state: tuple(s.detach() for s in state))
print("detached: three passages,", tuple(carried[0].shape))

# %% [markdown]
r"""
The message proposes `retain_graph=True`, and the second line shows what comes of it:
the optimiser has changed the weights in between, *in place*, and the old graph wants
them as they were. Even where that does not happen, each passage would go back through
all before it (section 9.5). Detach: the values go on, and the gradient ends at the
passage (section 7.10).

A graph is also kept where nobody sees it, in a running sum: `total += loss` keeps the
graph of every step until memory is full; `total += loss.item()` keeps a number.

### does not require grad

The reverse: nothing leads from the loss to a weight. Under `no_grad`, behind
`.detach()`, `.item()`, `.numpy()` or `torch.tensor(...)` of a result, or with all
parameters frozen.
"""


# %%
def without_gradients():
    with torch.no_grad():
        output, _ = layer(x)
    output.mean().backward()


caught(without_gradients, "element 0 of tensors does not require grad")
cut = layer(x)[0].mean()
caught(lambda: torch.tensor(cut.item()).backward(), "element 0 of tensors does not")
cut.backward()  # mended
print("the gradient has a norm above 0:", bool(layer.weight_ih_l0.grad.norm() > 0))
assert layer.weight_ih_l0.grad.norm() > 0

# %% [markdown]
r"""
### Kept, detached or reset?

| your batches | the state before each | why |
|---|---|---|
| windows drawn at random | reset: give `None` | row $n$ has nothing to do with row $n$ of the batch before |
| a long text in columns, in order | carry and detach; leave out a smaller last batch | row $n$ goes on where it stopped (section 2.2) |
| columns in which new documents begin | carry, detach, and zero the rows that begin | the recipe of section 5.2 |
| validation | begin with `None`, whatever training holds | those pages do not follow the training's |
| generation, one step at a time | carry, under `no_grad` | the state is the whole past |

Is a state the right one? Read a sequence whole, and once more in two parts. Only the
state of *its own* first part gives the same:
"""

# %%
with torch.no_grad():
    whole, _ = layer(x)
    _, own_state = layer(x[:, :3])
    of_others = tuple(s.roll(1, dims=1) for s in own_state)  # of the sequence before
    errors = {}
    states = {"carried": own_state, "reset": None, "of other sequences": of_others}
    for name, state in states.items():
        second, _ = layer(x[:, 3:], state)
        errors[name] = gap(second, whole[:, 3:])
        print(f"{name:18}: largest error {errors[name]:.2f}")

# %%
#| check: >-
#|   Only the state of the same sequences gives the outputs of the whole.
assert errors["carried"] < 1e-6
assert min(errors["reset"], errors["of other sequences"]) > 0.05

# %% [markdown]
r"""
There is no message for the third line. A state taken from another loader's batch, or
from shuffled windows, runs without complaint. What it costs in learning, and what the
right way gains, is measured in section 9.5.

## 14.5 Lengths, padding, masks

### lengths argument should be a 1D CPU int64 tensor

With a batch on the GPU people move everything there, and packing wants the lengths on
the CPU, since it loops over them. `lengths.cpu()` mends it. Any device but the CPU
shows the message; "meta" is one that every machine has (section 5.9).
"""

# %%
lengths = torch.tensor([5, 2, 4, 3, 5, 1, 2, 4])
how = {"batch_first": True, "enforce_sorted": False}
words = "'lengths' argument should be a 1D CPU int64 tensor"
elsewhere = lengths.sort(descending=True).values.to("meta")
caught(lambda: pack_padded_sequence(x, elsewhere, batch_first=True), words)
words = "must be sorted in decreasing order"
caught(lambda: pack_padded_sequence(x, lengths, batch_first=True), words)
packed = pack_padded_sequence(x, lengths.cpu(), **how)  # mended
print(len(packed.data), "steps of", x.shape[0] * x.shape[1])
assert len(packed.data) == lengths.sum() == 26

# %% [markdown]
r"""
### Length of all samples has to be greater than 0

An empty sequence: a sentence of which the cleaning left nothing. Packing refuses it.
Leave such rows out (and their targets), or give them one step of padding and a mask.
"""

# %%
empty = lengths.clone()
empty[5] = 0
words = "Length of all samples has to be greater than 0"
caught(lambda: pack_padded_sequence(x, empty, **how), words)
there = empty > 0
packed_rest = pack_padded_sequence(x[there], empty[there], **how)
print("rows left:", int(there.sum()))
assert packed_rest.batch_sizes[0] == 7

# %% [markdown]
r"""
### No message: padding in the last step

`output[:, -1]` of a padded batch is, for a short sequence, what the layer made of the
padding behind its end. Two cures: index the last valid step, or pack and take `h_n`.
"""

# %%
valid = torch.arange(5) < lengths[:, None]  # (N, L)
padded = x * valid[..., None]
output, _ = layer(padded)
at_the_end = output[:, -1]
last_valid = output[torch.arange(8), lengths - 1]
_, (h_n, _) = layer(pack_padded_sequence(padded, lengths, **how))
errors = (at_the_end - h_n[-1]).abs().amax(dim=-1)
print("length        ", *(f"{n:4}" for n in lengths.tolist()))
print("output[:, -1] ", *(f"{e:.2f}" for e in errors.tolist()))
print("lengths - 1   ", *(f"{e:.2f}" for e in (last_valid - h_n[-1]).abs().amax(-1)))

# %%
#| check: >-
#|   Only the sequences of full length have their last state in the last step; at
#|   lengths - 1 all have.
assert torch.equal(errors > 0.01, lengths < 5)
assert_close(last_valid, h_n[-1])
alone = [layer(x[n : n + 1, :length])[1][0][0, 0] for n, length in enumerate(lengths)]
assert_close(h_n[-1], torch.stack(alone))

# %% [markdown]
r"""
### index out of range in self

The table of an embedding has the rows 0 to `num_embeddings - 1`. A vocabulary that was
counted without the padding symbol is one short. (On a GPU the same mistake says
`device-side assert triggered`, see section 14.6.)

### Embedding with padding_idx, and a loss that counts padding

`padding_idx=0` does two things: row 0 of the table *starts* as zeros, and it gets no
gradient. It does not make the layer skip the padding (its biases go on moving the
state), nor does it take the padding out of the loss. And an initialisation afterwards
overwrites the zeros, which then stay as they are for ever.
"""

# %%
caught(lambda: nn.Embedding(28, 4)(torch.tensor([3, 28])), "index out of range in self")
table = nn.Embedding(29, 10, padding_idx=0)
print("row 0 at the start:", table.weight[0].abs().sum().item())
nn.init.normal_(table.weight)
print("after nn.init, zeros:", bool((table.weight[0] == 0).all()))
with torch.no_grad():
    table.weight[0] = 0  # mended
layer(table(numbers))[0].sum().backward()
print("its gradient:", table.weight.grad[0].abs().sum().item())

# %% [markdown]
r"""
For the loss: name the padding in `ignore_index`, or multiply by a mask and divide by
*its* sum. Dividing by all places makes the loss too small, by the share of padding;
counting the padding as targets is worse, since "nothing follows nothing" is learned at
once and flatters every number afterwards.
"""

# %%
torch.manual_seed(0)
scores = torch.randn(8, 5, 28)
targets = torch.randint(1, 28, (8, 5)) * valid  # 0 behind the ends
flat = scores.flatten(0, 1), targets.flatten()
each = cross_entropy(*flat, reduction="none").view(8, 5)
by_index = cross_entropy(*flat, ignore_index=0)
by_mask = (each * valid).sum() / valid.sum()
wrong = (each * valid).mean()
print(f"valid targets: {int(valid.sum())} of {valid.numel()}")
print(f"wrong / right: {wrong / by_index:.3f}")
sure = torch.zeros_like(scores)
sure[..., 0] = 20.0  # padding, everywhere
says_nothing = cross_entropy(sure.flatten(0, 1), flat[1])
where_it_counts = cross_entropy(sure.flatten(0, 1), flat[1], ignore_index=0)
print(f"a model that says padding everywhere: {says_nothing:.1f}")
print(f"the same, where it counts: {where_it_counts:.1f}")

# %%
#| check: >-
#|   The two right ways are equal, the wrong one is 26/40 of it; row 0 of the table is
#|   mended and has no gradient.
assert_close(by_index, by_mask)
assert abs(wrong / by_index - 26 / 40) < 1e-5
assert abs(says_nothing / where_it_counts - 26 / 40) < 1e-5
assert (table.weight.grad[0] == 0).all()
assert (table.weight[0] == 0).all()

# %% [markdown]
r"""
## 14.6 Only on a GPU

Four messages that people meet when they move to a GPU. Three of them come only from
there, since there another library computes; that of two devices comes wherever there
are two. The cell at the end of the section raises three of the four where there is a
GPU; the outputs on this page are from a machine without one.

### weights are not part of single contiguous chunk of memory

A warning of cuDNN, which wants all weights of a layer in one piece. `nn.LSTM` lays them
so. They are scattered when a parameter is *replaced*: by an assignment of a new
`nn.Parameter`, by weight normalisation, dropout on weights, or several GPUs
in one process. The results are right, and each call copies the weights first.
`layer.flatten_parameters()` after the replacement mends it; better, do not replace:
`with torch.no_grad(): layer.weight_hh_l0.copy_(new)`.

### cudnn RNN backward can only be called in training mode

cuDNN keeps what it needs for going back only in training mode ([issue
5878](https://github.com/pytorch/pytorch/issues/5878)). People meet it when they ask
for the gradient of an *input* of a trained model, to explain it, or train behind a
frozen, evaluated LSTM. Two cures: leave the layer in training mode and switch off its
dropout alone; or take another road for this call, `with
torch.backends.cudnn.flags(enabled=False):`. The first, as a check that a processor can
do:
"""

# %%
stacked = nn.LSTM(10, 20, num_layers=2, dropout=0.5, batch_first=True)
wanted = stacked.eval()(x)[0]
stacked.train()
stacked.dropout = 0.0  # training mode for cuDNN, and nothing dropped
same = gap(stacked(x)[0], wanted) < 1e-6
print("training mode without dropout is evaluation:", same)
assert gap(stacked(x)[0], wanted) < 1e-6

# %% [markdown]
r"""
### Input and parameter tensors are not at the same device

`model.to(device)` changes a module in place; `batch.to(device)` does not change a
tensor, it returns another. A state that was made by hand, `torch.zeros(1, N, H)`, lies
on the CPU: write `x.new_zeros(1, N, H)`, or give none. "meta" shows the message here,
too:
"""

# %%
words = "Input and parameter tensors are not at the same device"
caught(lambda: layer(x.to("meta")), words)
print("a state beside its input:", x.new_zeros(1, 8, 20).device == x.device)

# %% [markdown]
r"""
### device-side assert triggered

A kernel found an impossible value, nearly always an index: a symbol beyond the
embedding, a class beyond the scores. The message comes late, at whatever line happens
to wait for the GPU, and afterwards that process can compute nothing more there: restart
it. Then run one batch on the CPU, where the message is exact and in its place: `index
out of range in self`, `Target 28 is out of bounds`. (We do not raise it even where
there is a GPU, for the sake of the cells below.)
"""

# %% tags=["nbval-ignore-output"]
on_gpu = {}
if torch.cuda.is_available():
    cuda_layer, cuda_x = nn.LSTM(10, 20, batch_first=True).cuda(), x.cuda()
    try:
        cuda_layer.eval()(cuda_x)[0].sum().backward()
    except RuntimeError as error:
        on_gpu["eval"] = str(error)
    try:
        cuda_layer(x)
    except (RuntimeError, ValueError) as error:
        on_gpu["device"] = str(error)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cuda_layer.weight_hh_l0 = nn.Parameter(cuda_layer.weight_hh_l0.clone())
        cuda_layer(cuda_x)
    on_gpu["chunk"] = " ".join(str(warning.message) for warning in said)
print(on_gpu or "no GPU here: nothing raised")

# %%
#| check: >-
#|   Where there is a GPU, the three say what is written above; without one, nothing is
#|   checked.
expected = {
    "eval": "RNN backward can only be called in training mode",
    "device": "not at the same device",
    "chunk": "single contiguous chunk of memory",
}
assert not on_gpu or all(words in on_gpu[name] for name, words in expected.items())

# %% [markdown]
r"""
## 14.7 A loss that does not fall

Now there is no message at all. The program runs, the loss is a number, and the number
is bad. It may be a fault, or the wrong rate, or a task that cannot be learned. What
helps is an order of questions, cheap ones first, each of which excludes something.
[Karpathy (2019)](https://karpathy.github.io/2019/04/25/recipe/) wrote down such a list
for networks in general; here is ours for recurrent ones. Go down as long as the answer
is yes.
"""

# %%
#| fig-alt: >-
#|   Nine questions from the top down, joined by arrows "yes": the loss before any
#|   update, what each output reads, gradients everywhere, one batch by heart, better
#|   than counting, no better on shuffled letters, the gradient's norm, the learning
#|   rate, the forget gate. From each an arrow "no" leads right to the suspects.
figures.checklist(
    [
        (
            "Before any update, is the loss about ln V?",
            "first weights too wide; a sum for a mean",
        ),
        (
            "Does each output read its own sequence, up to its step?",
            "axes: batch_first, reshape, view",
        ),
        ("Does every weight get a gradient?", "detach, no_grad, .item() on the way"),
        (
            "Can it learn one batch by heart?",
            "the optimiser's weights, the loss, the rate, zero_grad",
        ),
        (
            "On new data, is it better than counting?",
            "inputs and targets do not belong together",
        ),
        (
            "On shuffled data, is it no better than frequencies?",
            "the answer is in the input",
        ),
        ("Does the gradient's norm keep its size?", "zero_grad, the rate; clip"),
        ("Is a rate three times higher or lower no better?", "the learning rate"),
        (
            "Must it remember for long? Then are the forget gates open?",
            "forget bias 1 to 3",
        ),
    ]
)
plt.show()

# %% [markdown]
r"""
A list is an opinion until it is tried out. So here is a training with ten switches. The
model reads letters of *The Time Machine* and names the next: an embedding of 32, an
LSTM of 64 units, a linear layer; Adam at a rate of 0.01, minibatches of 16 windows of
32 letters. Each fault is one that people make, and takes one line.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()

# %%
vocab = Vocab(text)
V, symbols = len(vocab), vocab.encode(text)
cut = int(0.9 * len(symbols))
training, new = symbols[:cut], symbols[cut:]
RIGHT = "none"
FAULTS = (
    "output weights too wide",
    "batch_first forgotten",
    "output detached",
    "optimiser of other weights",
    "softmax before the loss",
    "zero_grad forgotten",
    "rate 0.00001",
    "rate 1",
    "inputs shuffled alone",
    "targets not shifted",
)


class Reader(nn.Module):
    """(N, L) letters to scores (N, L, V) of the next, with a fault."""

    def __init__(self, fault=RIGHT):
        super().__init__()
        self.fault, batch_first = fault, fault != "batch_first forgotten"
        self.embedding = nn.Embedding(V, 32)
        self.layer = nn.LSTM(32, 64, batch_first=batch_first)
        self.head = nn.Linear(64, V)
        if fault == "output weights too wide":
            for parameter in self.head.parameters():
                nn.init.normal_(parameter)  # torch.randn, as in many first models

    def forward(self, letters):
        output, _ = self.layer(self.embedding(letters))
        if self.fault == "output detached":
            output = output.detach()
        scores = self.head(output)
        twice = self.fault == "softmax before the loss"
        return scores.softmax(dim=-1) if twice else scores


def batches(fault, text, seed=0):
    """Minibatches for ever: inputs, targets (16, 32)."""
    inputs, targets = lstm.data.windows(text, 32)
    if fault == "targets not shifted":
        targets = inputs
    draws = torch.Generator().manual_seed(seed)
    while True:
        rows = torch.randint(len(inputs), (16,), generator=draws)
        others = torch.randint(len(inputs), (16,), generator=draws)
        yield (
            inputs[others if fault == "inputs shuffled alone" else rows],
            targets[rows],
        )


def train(fault, batches, steps, lr=0.01, seed=0):
    """->   the model; the losses; the norms of the gradient, before clipping"""
    torch.manual_seed(seed)
    model = Reader(fault)
    trained = Reader(fault) if fault == "optimiser of other weights" else model
    lr = float(fault.split()[1]) if fault.startswith("rate") else lr
    optimizer, losses, norms = torch.optim.Adam(trained.parameters(), lr), [], []
    for inputs, targets in islice(batches, steps):
        if fault != "zero_grad forgotten":
            model.zero_grad()
        loss = lstm.score(model(inputs), targets)
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    return model, losses, norms


first = next(batches(RIGHT, training))

# %% tags=["nbval-ignore-output"]
print("inputs ", vocab.decode(first[0][0].tolist()))
print("targets", vocab.decode(first[1][0].tolist()))

# %% [markdown]
r"""
The last two lines are a test of their own, and the first to be made: *look at a batch*,
decoded, as the model gets it. Here you read English, and the same moved by one letter.

## 14.8 Before the first update

Three questions that cost one batch each.

**Is the loss about $\ln V$?** A model that knows nothing gives each of $V$ symbols
about $1/V$, a loss of $\ln V$: here $\ln 28 = 3.33$. Much more means that it is sure of
something before it has seen anything. **Does each output read its own sequence, up to
its step?** By `influence` of section 14.2. **Does every weight get a gradient?** By
`lstm.checkup.gradients`, which gives the norm for each parameter, and `None` where
nothing arrives.
"""


# %%
def start(fault):
    """The loss before the first update."""
    torch.manual_seed(0)
    with torch.no_grad():
        return lstm.score(Reader(fault)(first[0]), first[1]).item()


def reads_its_own(fault):
    """Whether outputs depend on their own sequence up to their step, and no more."""
    found = influence(Reader(fault), first[0][:3, :5])
    return torch.equal(found, own)


def without(fault):
    """The parameters that get no gradient."""
    torch.manual_seed(0)
    norms = checkup.gradients(Reader(fault), *first)
    return [name for name, norm in norms.items() if not norm]


# %% tags=["nbval-ignore-output"]
for fault in (RIGHT, "output weights too wide"):
    print(f"{fault:24} loss at the start {start(fault):.1f}")

# %%
for fault in (RIGHT, "batch_first forgotten"):
    print(f"{fault:24} reads its own sequence: {reads_its_own(fault)}")
for fault in (RIGHT, "output detached"):
    print(f"{fault:16} no gradient: {', '.join(without(fault)[:2]) or '-'}")

# %%
#| check: >-
#|   Each of the three tests passes on the right training and fails on one fault.
assert abs(start(RIGHT) - math.log(V)) < 0.1
assert start("output weights too wide") > math.log(V) + 0.25
assert reads_its_own(RIGHT)
assert not reads_its_own("batch_first forgotten")
assert without(RIGHT) == []
assert len(without("output detached")) == 5

# %% [markdown]
r"""
## 14.9 One batch by heart

A model with tens of thousands of weights can learn 512 letters by heart, and it must:
what cannot even overfit will not learn anything else. Take *one* batch, train on it
again and again, and expect a loss near 0. (For a model of your own this is one line:
`lstm.fit(model, [batch], lstm.TrainConfig(steps=200, lr=0.01)).losses`.)
"""


# %%
@cache
def one_batch(fault, steps=200):
    """The loss at the end of training on a single batch."""
    batch = next(batches(fault, training))
    return train(fault, iter(lambda: batch, None), steps)[1][-1]


tried = RIGHT, "optimiser of other weights", "softmax before the loss", "rate 0.00001"

# %% tags=["nbval-ignore-output"]
for fault in tried:
    print(f"{fault:28} loss at the end {one_batch(fault):.2f}")

# %% [markdown]
r"""
The floor can even name the fault. With a softmax before `cross_entropy`, which applies
its own, the best possible scores are 1 for the right letter and 0 for the 27 others.
Then the loss is

$$
-\ln \frac{e^1}{e^1 + 27\, e^0} = \ln(e + 27) - 1 = 2.39, \tag{14.1}
$$

and no training gets below it. And a loss that stays the same in all digits is no hard
task: it is weights that do not move. Compare them before and after an update.
"""

# %%
floor = math.log(math.e + V - 1) - 1
model, stuck, _ = train("optimiser of other weights", iter(lambda: first, None), 3)
print(f"the floor by (14.1): {floor:.2f}")
print("loss of three updates, all the same:", len(set(stuck)) == 1)

# %%
#| check: >-
#|   Right, the batch is known by heart; the three faults stay above 2.3, the softmax
#|   above its floor; the weights of the other optimiser do not move.
assert one_batch(RIGHT) < 0.15
assert all(one_batch(fault) > 2.3 for fault in tried[1:])
assert one_batch("softmax before the loss") > floor
assert len(set(stuck)) == 1

# %% [markdown]
r"""
## 14.10 Better than counting, no better than chance

By heart is easy; what of new pages? Two numbers tell what a loss is worth. *Letter
frequencies*: a guesser that only knows how often each letter occurs. *Pairs and
triples*: a guesser that counts which letter follows one letter, or two (section 2.7). A
network that uses its memory must be below the pairs, soon. One at the loss of the
frequencies has not found any connection between input and target, and there may be
none: here "inputs shuffled alone", a shuffled list beside one that was not.
"""

# %%
baselines = {
    name: NGrams(training, order, V).logprobs(new).neg().mean().item()
    for order, name in enumerate(("frequencies", "pairs", "triples"), start=1)
}


@cache
def on_new_pages(fault, steps=250):
    """->   the loss on new pages, fed as in training; the training's norms"""
    model, _, norms = train(fault, batches(fault, training), steps)
    fed = batches(fault, new, seed=1)
    with torch.no_grad():
        losses = [lstm.score(model(x), y).item() for x, y in islice(fed, 12)]
    return sum(losses) / len(losses), norms


tried = RIGHT, "inputs shuffled alone", "targets not shifted"

# %% tags=["nbval-ignore-output"]
for name, loss in baselines.items():
    print(f"counted: {name:21} {loss:.2f}")
for fault in tried:
    print(f"{fault:30} {on_new_pages(fault)[0]:.2f}")

# %% [markdown]
r"""
And the third? It is *too good*. A loss near 0 on new pages of English is not possible
(section 9.2 has what is), so the answer must be in the input. There is a test that
needs no opinion on what is possible: **shuffle the letters of the text**. Then nothing
is left to be learned but how often each occurs, and whoever is better than that has
looked. The same test on other data: shuffle the targets, and the model must fall to
chance.
"""


# %%
@cache
def on_shuffled(fault, steps=120):
    """The loss, last 20 of the updates, on a text whose letters were shuffled."""
    order = torch.randperm(cut, generator=torch.Generator().manual_seed(0))
    _, losses, _ = train(fault, batches(fault, training[order]), steps)
    return sum(losses[-20:]) / 20


share = torch.bincount(training, minlength=V)[1:] / cut
entropy = -(share * share.log()).sum().item()  # what frequencies give, at best

# %% tags=["nbval-ignore-output"]
print(f"the frequencies' own loss {entropy:.2f}")
for fault in (RIGHT, "targets not shifted"):
    print(f"{fault:28} {on_shuffled(fault):.2f}")

# %%
#| check: >-
#|   Right: below the pairs on new pages, no better than frequencies on shuffled ones.
#|   Shuffled inputs: within 0.15 of the frequencies. Not shifted: below 0.1 on both.
assert on_new_pages(RIGHT)[0] < baselines["pairs"] - 0.1
assert on_shuffled(RIGHT) > entropy - 0.1
assert abs(on_new_pages("inputs shuffled alone")[0] - baselines["frequencies"]) < 0.15
assert on_new_pages("targets not shifted")[0] < 0.1
assert on_shuffled("targets not shifted") < 0.1

# %% [markdown]
r"""
## 14.11 The gradient's norm, and the learning rate

Write down the norm of the gradient at every update; clipping returns it anyway
(section 7.9), and `lstm.fit` keeps it: `history.column("norm")`. Its size means little.
What it *does* says much.
"""

# %%
#| fig-alt: >-
#|   The norm of the gradient over 250 updates on a logarithmic scale. Healthy: about
#|   0.2 throughout. With zero_grad forgotten it is several times that. At a rate of 1
#|   it jumps up at the start and stays uneven. With targets not shifted it sinks by
#|   two orders of magnitude.
kinds = RIGHT, "zero_grad forgotten", "rate 1", "targets not shifted"
curves = {
    "healthy" if fault == RIGHT else fault: torch.tensor(on_new_pages(fault)[1])
    .unfold(0, 5, 1)
    .mean(dim=-1)
    for fault in kinds
}
steps = range(5, 251)
figures.lines(curves, "update", "norm of the gradient, mean of 5", x=steps, log=True)
plt.show()


# %%
def keeps_its_size(norms):
    """Whether the norm stays between a tenth and twice that of the first update."""
    early, late = sum(norms[5:25]) / 20, sum(norms[-20:]) / 20
    return all(0.1 < part / norms[0] < 2 for part in (early, late))


# %% tags=["nbval-ignore-output"]
for name, fault in zip(curves, kinds, strict=True):
    norms = on_new_pages(fault)[1]
    early, late = sum(norms[5:25]) / 20, sum(norms[-20:]) / 20
    print(f"{name:22} first {norms[0]:.2f}, 6-25 {early:.2f}, last 20 {late:.3f}")

# %% [markdown]
r"""
A healthy norm keeps its size while the loss falls. If it is several times higher from
the second update on, gradients are being added up; if it jumps, the rate is too high;
if it sinks to nothing, everything is learned, or the units are saturated (section
14.14). The same list answers a common question: *at what should one clip?* Somewhat
above what a healthy run shows, so that clipping meets the outliers and not every step.
Here 1 is four times the usual norm.

The **learning rate** is the setting to look at first, and a sweep is cheap: some rates
a factor of three apart, a hundred and fifty updates each.
"""

# %%
rates = 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1


def reached(lr, steps=150):
    """The mean loss of the last 20 updates."""
    losses = train(RIGHT, batches(RIGHT, training), steps, lr=lr)[1]
    return sum(losses[-20:]) / 20


sweep = {lr: reached(lr) for lr in rates}

# %%
#| fig-alt: >-
#|   The loss after 150 updates against the learning rate, from 0.0001 to 0.3. It falls
#|   from 3.1 to its lowest point, 1.8, at 0.03, and rises again to the right.
panel = {"": {"LSTM": {lr: [loss] for lr, loss in sweep.items()}}}
figures.sweep(panel, "learning rate", "loss after 150 updates")
plt.show()

# %%
#| check: >-
#|   The best rate lies inside the sweep, and both ends are worse by more than 0.3. The
#|   healthy norm keeps its size; the three others do not.
best = min(sweep, key=sweep.get)
assert rates[0] < best < rates[-1]
assert min(sweep[rates[0]], sweep[rates[-1]]) > sweep[best] + 0.3
assert [keeps_its_size(on_new_pages(fault)[1]) for fault in kinds] == [True] + 3 * [
    False
]

# %% [markdown]
r"""
A valley, and one wants to stand in it: if the best of the rates is the first or the
last, the sweep was too narrow. (Our own rate of 0.01 stands a little left of the
bottom.) The rate belongs to the budget, too. After 150 updates a
low rate has not arrived; it may be the better one after 15,000.

## 14.12 Which test finds what

All tests on all faults. A mark means that the test fails, that is, it raises the alarm.
The first line is the training without a fault: there no test may.
"""

# %%
tests = {
    "start": lambda f: abs(start(f) - math.log(V)) > 0.25,
    "reads": lambda f: not reads_its_own(f),
    "gradients": lambda f: bool(without(f)),
    "one batch": lambda f: one_batch(f) > 0.15,
    "counting": lambda f: on_new_pages(f)[0] > baselines["pairs"] - 0.1,
    "shuffled": lambda f: on_shuffled(f) < entropy - 0.1,
    "norms": lambda f: not keeps_its_size(on_new_pages(f)[1]),
}
found = {
    fault: [name for name, fails in tests.items() if fails(fault)]
    for fault in (RIGHT, *FAULTS)
}

# %% tags=["nbval-ignore-output"]
marked = [
    (fault, *("●" if name in names else "" for name in tests))
    for fault, names in found.items()
]
lstm.Table(("fault", *tests), marked)

# %%
#| check: >-
#|   No false alarm; every fault is found, and no single test finds them all; the first
#|   three tests and the shuffled text find what is theirs.
assert found[RIGHT] == []
assert all(found[fault] for fault in FAULTS)
assert all(sum(name in f for f in found.values()) < len(FAULTS) for name in tests)
assert "start" in found["output weights too wide"]
assert "reads" in found["batch_first forgotten"]
assert "gradients" in found["output detached"]
assert "shuffled" in found["targets not shifted"]
assert "counting" in found["inputs shuffled alone"]
assert (
    "one batch" in found["zero_grad forgotten"]
    or "norms" in found["zero_grad forgotten"]
)

# %% [markdown]
r"""
Two columns do most of the work, "one batch" and "counting", and neither is enough. A
batch can be learned by heart with exchanged axes, with mixed pairs and with the answer
in the input. A comparison with counting does not see an answer in the input, which
looks like a triumph, nor a forgotten `zero_grad`, with which this model goes on
learning, only worse. The first three tests find little that the others do not (weights
that are too wide are outgrown within the 250 updates), but they take a second, and they
say *what* is wrong.

### Must it remember for long?

A training can pass all of this and still learn nothing, if what is to be learned lies
far back. Name the key that stood first, after 19 distractors (section 1.1): the LSTM as
PyTorch starts it stays at chance, here as in the study of section 1.13. With a forget
bias of 3 it is through within a hundred updates. One line, `open_forget_gate(layer,
3.0)`; section 5.2 has it spelt out, and section 7.12 says why.
"""

# %%
task, updates = lstm.data.Recall(length=20), {}
for bias in (0.0, 3.0):
    torch.manual_seed(0)
    memory = nn.LSTM(task.input_size, 32, batch_first=True)
    if bias:
        open_forget_gate(memory, bias)
    model = lstm.SequenceClassifier(memory, task.classes)
    updates[bias] = recall.updates_until(model, task, lr=5e-3, seed=0, budget=300)
    print(f"forget bias {bias:.0f}: {updates[bias]['updates'] or 'not within 300'}")

# %%
#| check: >-
#|   The change alone does it: nothing else differs between the two.
assert updates[0.0]["updates"] is None
assert updates[3.0]["updates"] <= 100

# %% [markdown]
r"""
## 14.13 NaN

A NaN spreads: what is added to it or multiplied by it is NaN. So by the time that the
*loss* is NaN, everything is, and the question is where it *began*. Two instruments.
`lstm.checkup.finite` hooks every module and stops at the first whose output is not
finite; it says whether its input or its weights were so before. For the way back,
PyTorch's `detect_anomaly` names the operation. And `lstm.fit` stops with a
FloatingPointError when the loss is no longer finite, rather than go on for a night.

### In the data

One missing value, in sequence 1 at step 2:
"""

# %%
broken = torch.randn(3, 5, 10)
broken[1, 2, 7] = torch.nan
model = nn.Sequential(Outputs(layer), nn.Linear(20, 1))
touched = model(broken).isnan().any(dim=-1).nonzero().tolist()
print("NaN in the output of (sequence, step):", *map(tuple, touched))


def looked():
    with checkup.finite(model):
        model(broken)


caught(looked, "0.layer (LSTM): 100 of 420 numbers are not finite")
caught(looked, "its input was not finite before")
(gradient,) = torch.autograd.grad(model(broken).mean(), layer.weight_ih_l0)
print(f"of the gradient of weight_ih: {gradient.isnan().float().mean():.0%} NaN")

# %% [markdown]
r"""
Forward, the other sequences are untouched. Backward, one value has spoiled the whole
gradient, and with the next update it would spoil every weight. Clipping does not help:
the norm is NaN, and so is everything that is divided by it, unless
`error_if_nonfinite=True` is asked for. Look for NaN *where the data enter*, and decide
what a missing value is to be: a number, and a second input that says "missing". A
constant column divided by its standard deviation of 0 is a source, too.
"""

# %%
column = torch.full((50, 1), 3.0)
print("a constant column, scaled:", ((column - column.mean()) / column.std())[0].item())
mended = (column - column.mean()) / column.std().clamp(min=1e-6)
missing = broken.isnan()
filled = torch.cat([broken.nan_to_num(0.0), missing.any(-1, keepdim=True)], dim=-1)
print("mended:", mended[0].item(), "and", tuple(filled.shape))
layer.weight_ih_l0.grad = gradient
words = "is non-finite, so it cannot be clipped"
caught(
    lambda: nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True),
    words,
)
layer.zero_grad()

# %%
#| check: >-
#|   NaN from its step on, in its sequence only; the gradient wholly; the mended inputs
#|   have none.
assert touched == [[1, 2], [1, 3], [1, 4]]
assert gradient.isnan().all()
assert mended.isfinite().all()
assert filled.isfinite().all()

# %% [markdown]
r"""
### The logarithm of 0

In 32-bit floats a softmax gives exactly 0 to what lies 104 below the highest score.
Its logarithm is $-\infty$; the gradient there is $0 \cdot \infty$, which is NaN. The
same formula in one piece, `cross_entropy` or `log_softmax` of the *scores*, never forms
the 0. A `+ 1e-8` in the logarithm hides the infinity, and gives the wrong gradient
exactly where it matters: zero.
"""

# %%
scores, truth = torch.tensor([[200.0, 0.0, 0.0]]), torch.tensor([1])
ways = {
    "softmax, log": lambda s: -s.softmax(-1).log()[0, 1],
    "softmax, log of + 1e-8": lambda s: -(s.softmax(-1) + 1e-8).log()[0, 1],
    "cross_entropy": lambda s: cross_entropy(s, truth),
}
slopes = {}
for name, way in ways.items():
    leaf = scores.clone().requires_grad_()
    loss = way(leaf)
    (slopes[name],) = torch.autograd.grad(loss, leaf)
    slope = [round(value + 0.0, 2) for value in slopes[name][0].tolist()]
    print(f"{name:24} loss {loss.item():6.1f}   gradient {slope}")


def anomaly():
    leaf = torch.zeros(3, requires_grad=True)
    with warnings.catch_warnings(), torch.autograd.detect_anomaly():
        (leaf * leaf.log()).sum().backward()


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    caught(anomaly, "returned nan values in its 0th output")

# %%
#| check: >-
#|   NaN, zero, and the right gradient.
assert slopes["softmax, log"].isnan().all()
assert (slopes["softmax, log of + 1e-8"].abs() < 1e-6).all()
assert_close(slopes["cross_entropy"], torch.tensor([[1.0, -1.0, 0.0]]))

# %% [markdown]
r"""
### A rate too high

On classes an LSTM seldom becomes NaN: its hidden states are bounded, and the logarithm
of a softmax grows no faster than the scores. On *numbers*, with a squared error, each
step that is too long makes the next one longer. The task: add two numbers out of ten,
by plain gradient descent.
"""


# %%
def adding(lr, clip=math.inf, steps=60):
    """The losses of gradient descent on the task of adding."""
    torch.manual_seed(0)
    task = lstm.data.Adding(length=10)
    model = nn.Sequential(LastState(nn.LSTM(2, 16, batch_first=True)), nn.Linear(16, 1))
    optimizer, losses = torch.optim.SGD(model.parameters(), lr), []
    for inputs, sums in islice(task.batches(32), steps):
        loss = mse_loss(model(inputs), sums)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


runs = {"rate 0.1": adding(0.1), "rate 5": adding(5.0), "5, clipped": adding(5.0, 0.02)}

# %% tags=["nbval-ignore-output"]
for name, losses in runs.items():
    bad = next((n for n, loss in enumerate(losses, 1) if not math.isfinite(loss)), None)
    begin = ", ".join(f"{loss:.2g}" for loss in losses[:5])
    print(f"{name:11} {begin}, ...; first not finite: update {bad}")

# %%
#| check: >-
#|   At the low rate all is finite and the loss falls; at 5 it grows a thousandfold
#|   within 10 updates and becomes NaN; clipped, the same rate stays finite.
assert all(map(math.isfinite, runs["rate 0.1"]))
assert runs["rate 0.1"][-1] < runs["rate 0.1"][0]
assert max(loss for loss in runs["rate 5"][:10] if loss == loss) > 1000
assert not math.isfinite(runs["rate 5"][-1])
assert all(map(math.isfinite, runs["5, clipped"]))

# %% [markdown]
r"""
Print the losses *before* the NaN: if they double and double, it is the rate; if they
are calm and then NaN at one batch, it is that batch.

### Nothing to average

A batch whose sequences are all padding has no target that counts, and the mean over
nothing is $0/0$. One such batch in an epoch is enough.
"""

# %%
scores, nothing = torch.randn(4, 28, requires_grad=True), torch.full((4,), -100)
mean = cross_entropy(scores, nothing)
total = cross_entropy(scores, nothing, reduction="sum")
counted = (nothing != -100).sum().clamp(min=1)
mended = total / counted
print("mean over nothing:", mean.item(), "  sum over max(1, count):", mended.item())
all_padding = [(first[0], torch.full((16, 32), -100))]
caught(lambda: lstm.fit(Reader(), all_padding), "the loss became nan at step 1")
assert mean.isnan()
assert mended.item() == 0

# %% [markdown]
r"""
Better still, make no such batch: count the targets before you divide.

## 14.14 The same answer for every input

The model predicts the same number whatever it reads, often the mean. First suspect: the
inputs are too large. A gate is a sigmoid of a weighted sum; prices around 4,000 make
sums in the hundreds, and a sigmoid there is 0 or 1 for every price. No difference comes
through, and no gradient goes back. Windows of 20 steps of a random walk:
"""

# %%
torch.manual_seed(0)
prices = (4000 + torch.randn(2000).cumsum(dim=0)).view(100, 20, 1)  # (N, L, D)
scaled = (prices - prices.mean()) / prices.std()
saturated, stats = nn.LSTM(1, 16, batch_first=True), {}
for name, windows in (("as they are", prices), ("scaled", scaled)):
    saturated.zero_grad()
    _, (h_n, _) = saturated(windows)
    h_n.square().mean().backward()
    spread = h_n[0].std(dim=0).mean().item()  # over the windows
    stats[name] = spread, saturated.weight_hh_l0.grad.norm().item()
    print(f"{name:12} states differ by {spread:.2f}; gradient {stats[name][1]:.3f}")

# %%
#| check: >-
#|   Raw prices: states all but equal, no gradient. Scaled, by the same layer: both are
#|   there.
assert max(stats["as they are"]) < 1e-6
assert stats["scaled"][0] > 0.01
assert stats["scaled"][1] > 0.001

# %% [markdown]
r"""
Scale by mean and standard deviation *of the training part*, and keep the two numbers
with the model. Other suspects, in the order of what it costs to look: the last step
lies in the padding (section 14.5); the output is detached (14.8 would have found it);
the loss has the shape trap of `mse_loss`, scores $(N, 1)$ beside targets $(N)$, which
PyTorch broadcasts to $(N, N)$ with a warning, and whose best answer *is* the mean:
"""

# %%
answers, truths = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 2.0, 3.0])
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    trapped = mse_loss(answers, truths).item()
    at_the_mean = mse_loss(torch.full((3, 1), 2.0), truths).item()
print("warned:", "This will likely lead to incorrect results" in str(said[0].message))
print(f"right answers cost {trapped:.2f}, always the mean {at_the_mean:.2f}")
print("mended:", mse_loss(answers[:, 0], truths).item())
assert at_the_mean < trapped
assert mse_loss(answers[:, 0], truths) == 0

# %% [markdown]
r"""
A text model that repeats one phrase is another thing: it is asked for the likeliest
letter each time. Draw instead (section 9.10).

## 14.15 Seeds, and what they do not fix

On one machine, with one version of PyTorch, on the CPU, with one number of threads, the
same seed gives the same digits. Each of these conditions counts. So does each *draw*: a
module that is made and not used moves everything behind it.
"""


# %%
def twenty(seed=0, other=None):
    """The losses of twenty updates; `other` is done between the seed and the model."""
    torch.manual_seed(seed)
    if other:
        other()
    drawn = Reader()  # the seed decides; train sets its own, so we do it by hand
    optimizer, losses = torch.optim.Adam(drawn.parameters(), 0.01), []
    for inputs, targets in islice(batches(RIGHT, training), 20):
        loss = lstm.score(drawn(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


print("twice the same seed, the same digits:", twenty() == twenty())
print("another seed:", twenty() == twenty(1))
print("an unused layer before:", twenty() == twenty(other=lambda: nn.Linear(2, 2)))
assert twenty() == twenty()
assert twenty() != twenty(1)
assert twenty() != twenty(other=lambda: nn.Linear(2, 2))

# %% [markdown]
r"""
So give what draws for itself a generator of its own (`batches` above has one, and so
should a `DataLoader`), and set the seed in the cell that draws.

What is not fixed by any seed are the *last bits*. Sums of floats depend on their order,
and the order on the number of threads, the size of the batch, the processor. Below:
twenty sums of 300,000 numbers, by one thread and by two; the same sequence alone and in
a batch of 32; and two trainings, one of which begins with one weight a millionth
larger, at two learning rates. Do the last bits grow?
"""

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
many, threads = torch.randn(20, 300_000), torch.get_num_threads()
sums = []
for count in (1, 2):
    torch.set_num_threads(count)
    sums.append(torch.stack([row.sum() for row in many]))
torch.set_num_threads(threads)
differ = (sums[0] != sums[1]).sum().item()
print(f"sums by one thread and by two: {differ} of 20 differ, up to {gap(*sums):.0e}")
wide, batch = nn.LSTM(28, 64, batch_first=True), torch.randn(32, 30, 28)
with torch.no_grad():
    together = wide(batch)[0]
    each = torch.cat([wide(one[None])[0] for one in batch])
print(f"alone and in a batch: up to {gap(together, each):.0e} apart")


def nudged(by, lr, steps=150):
    """The losses of a training of which one weight was moved at the start."""
    torch.manual_seed(0)
    model = Reader()
    with torch.no_grad():
        model.layer.weight_ih_l0[0, 0] += by
    inputs, targets = lstm.data.windows(training[: 32 * 400 + 1], 32)
    fed = lstm.data.Minibatches(inputs, targets, size=16, seed=0)
    return torch.tensor(lstm.fit(model, fed, lstm.TrainConfig(steps, lr)).losses)


apart = {lr: (nudged(0.0, lr) - nudged(1e-6, lr)).abs() for lr in (0.01, 0.03)}
for lr, differences in apart.items():
    means = (differences[n : n + 10].mean().item() for n in (20, 60, 100, 140))
    print(f"rate {lr}: losses apart by", ", ".join(f"{mean:.0e}" for mean in means))

# %%
#| check: >-
#|   Alone and in a batch agree within 1e-5. At the higher rate the two trainings end
#|   more than a hundred times as far apart as after 20 updates, and as at the lower.
assert gap(together, each) < 1e-5
assert gap(*sums) < 0.01
assert apart[0.03][140:].mean() > 100 * apart[0.01][140:].mean()
assert apart[0.03][140:].mean() > 100 * apart[0.03][20:30].mean()

# %% [markdown]
r"""
(From left to right: after 20, 60, 100 and 140 updates. On the machine that made this
page the batch made no difference; nothing promises that.) At a rate of 0.01 the last
bits do not grow, within this budget; at 0.03 the two trainings are more than a hundred
times as far apart after 140 updates as after 20, and still parting. (One nudge at one
seed: it shows that these two rates differ, and not where growth begins.) So two runs on
two machines may part after a while, and both are right; section 10.11 has a case in
which what was learned at update 500 in one run came at 1,000 in another. That is why
this book prints rounded numbers, and why a single run is not a result: three seeds at
least, with their spread (chapter 8).

On a GPU more varies. Sums by atomic additions come in any order (the gradient of an
embedding, for one), cuDNN may choose another algorithm, and PyTorch's documentation
[warns of its RNN](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html) in
particular: set `CUBLAS_WORKSPACE_CONFIG=:4096:2` or `:16:8` before the first call.
`torch.use_deterministic_algorithms(True)` raises an error where no deterministic way
exists. We have not measured on a GPU here what this changes.

| to have the same digits again | what it does not cover |
|---|---|
| `torch.manual_seed(0)` in the cell that draws; a generator for the data | draws in between; a worker of a `DataLoader` has a seed of its own |
| the same number of threads, `torch.set_num_threads` | another processor, another version of PyTorch |
| the same size of batch, also in evaluation | a last, smaller batch |
| deterministic algorithms, on a GPU | other models of GPU |

## 14.16 LSTM, GRU, attention or trees?

Sometimes the cure is another model. This section is a page to decide by. What the book
has measured is linked; what is from elsewhere is cited; what is neither we do not say.

| your task | try first | why, and where it is shown |
|---|---|---|
| any | the baseline that costs nothing: frequencies, counting, the last value | a count of six letters beats an LSTM of 256 units on one book (section 9.3); of 5,507 teams that forecast Walmart's sales, 48 % were better than the naive forecast ([Makridakis et al., 2022](https://doi.org/10.1016/j.ijforecast.2021.11.013)) |
| rows of a table, without an order in time | trees | on 45 tables of about 10,000 rows they were ahead of neural networks ([Grinsztajn et al., 2022](https://arxiv.org/abs/2207.08815)) |
| many related series with other columns: prices, holidays | ridge regression on lags, then trees, GRU or LSTM beside it | ridge was ahead of trees and LSTM on both tasks of section 13.9, and ahead of a GRU on one, while on the other the GRU came near; in the Walmart competition boosted trees were in most of the best entries; try all, on a held-out end of your own |
| a stream, one step at a time, in little memory | LSTM or GRU | the state has one size for ever (table below); how fast a single step is: section 11.8 |
| letters or words, a small text | LSTM or GRU, mixed with counts | at their best rates they lie 1 to 3 % apart (section 6.6); mixed with counts better than either (section 9.8) |
| a memory over tens of steps, few updates | GRU, or LSTM with forget bias 3 | within 3,000 updates, with 32 units: GRU in 12 of 12 runs, a fresh LSTM in 2 (section 6.6), forget bias 3 in all (section 1.13) |
| what stands *after* matters, and is there | two directions | restoring letters: much better at equal size (section 4.6); naming a digit: no gain (section 4.5); never where the future is the answer (section 4.7) |
| to follow a state exactly, over any length | a gate that reads the state: LSTM, GRU | gates that read the input only cannot, under a common conjecture ([Merrill et al., 2024](https://arxiv.org/abs/2404.08819); section 6.9) |
| long texts, much data, GPUs | attention | all steps are trained at once ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)); LSTMs were as good on the first tokens of a context and fell behind on the later ones ([Kaplan et al., 2020](https://arxiv.org/abs/2001.08361)) |
| a classifier of whole sequences of moderate length | LSTM, and read chapter 8 first | what 97.45 % is worth |

LSTM or GRU? The book's honest answer is that it found no general winner: on letters the
order hangs on the depth and on the rate, on the task of memory the GRU learns where a
fresh LSTM does not, and an open forget gate turns that round. On a CPU, PyTorch's LSTM
is faster than its GRU, for no reason in the mathematics (section 6.6).

What can be said of attention without training anything is what it must *keep* to go on
by one step: keys and values of all steps before, where an LSTM keeps $h$ and $c$.
"""

# %%
H, layers = 256, 2
kept = []
for L in (1, 10, 100, 1_000, 10_000):
    numbers = {
        "LSTM": 2 * layers * H,
        "GRU": layers * H,
        "attention": 2 * layers * H * L,
    }
    kept.append((f"{L:,}", *(f"{n:,}" for n in numbers.values())))
lstm.Table(("after steps", "LSTM", "GRU", "attention, same width"), kept)

# %%
#| check: >-
#|   The layers' states are as large as the table says, after 1 and after 100 steps.
for kind, tensors in ((nn.LSTM, 2), (nn.GRU, 1)):
    for L in (1, 100):
        state = kind(8, H, layers)(torch.zeros(L, 1, 8))[1]
        state = state if isinstance(state, tuple) else (state,)
        assert sum(s.numel() for s in state) == tensors * layers * H

# %% [markdown]
r"""
The same table read the other way: an LSTM has to choose what it keeps, since 1,024
numbers do not hold 10,000 steps, and attention need not. That is the trade.

## 14.17 What this chapter does not show

- **Other words.** The messages are those of the PyTorch that made this page, 2.13. We
  print the part that seems least likely to change, and did not run older versions. If
  yours says something else, the notebook prints `OTHER WORDS` and the whole.
- **A GPU.** Nothing in 14.6 was seen on one for this page. The cells raise three of its
  messages where there is a GPU and fail if they are other ones.
- **That the list is complete.** Ten faults, planted by us, one at a time, in one small
  model on one text, at one seed. Two at once can hide one another. The thresholds (0.15
  for a batch, 0.1 beside the counting, a tenth to twice for the norm) are right for
  this training and for no other.
- **That passing means right.** A training that passes all nine questions can still be
  wrong in its data. Look at them.
- **A ranking of model families.** Where section 14.16 names a section, the chapter
  there has measured it; where it cites a paper (Walmart's sales, the 45 tables, gates
  that read the input only, long texts), the measurement or the proof is the paper's.
  Trees were trained in section 13.9, on two tasks, and attention nowhere in this book.

## Summary

- A message of `nn.LSTM` names what was expected and what was given: states are
  $(K, N, H)$, features are last, lengths are on the CPU, the layer returns a pair.
- The expensive mistakes are silent. `influence` shows what each output reads: a
  triangle for a language model, and `batch_first` forgotten is seen at once.
- If the loss does not fall: look at a batch; $\ln V$ at the start; what is read;
  gradients everywhere; one batch by heart; better than counting; no better on shuffled
  data; norms; a sweep; the forget gate. Of ten planted faults each was found, and by no
  single test all.
- A loss that is too good is an alarm as well.
- Look for a NaN where it begins: data, logarithm, rate, a mean over nothing.
- A seed fixes what is drawn, not the last bits; at one of two rates they grew.

## Exercises

1. *(easy)* Your model for 10 classes starts at a loss of 9.2 and sums over 4 sequences
   in a batch. Is that an alarm? What loss did you expect?
   ([solution](solutions/14_trouble.ipynb#Exercise-1))
2. *(easy)* Derive the floor of (14.1) for $V$ classes. With a softmax before
   `cross_entropy` and two classes, can a loss of 0.32 be reached, can 0.30?
   ([solution](solutions/14_trouble.ipynb#Exercise-2))
3. *(medium)* Somebody writes `x.view(L, N, D)` on a batch $(N, L, D)$, gives it to a
   layer without `batch_first`, and brings the output back by `view`. Predict the
   picture of `influence` for $N = 2, L = 3$, then draw it.
   ([solution](solutions/14_trouble.ipynb#Exercise-3))
4. *(medium)* Plant an eleventh fault: the model is evaluated in training mode, with a
   dropout of 0.5 on the output. Which of the tests sees it? Write one that does.
   ([solution](solutions/14_trouble.ipynb#Exercise-4))
5. *(medium)* A batch holds one sequence of length 0. Write a mean over the valid steps
   that gives 0 for it, and whose gradient is finite.
   ([solution](solutions/14_trouble.ipynb#Exercise-5))
6. *(hard)* Two faults at once: "softmax before the loss" and "targets not shifted".
   Which tests fail, and in which order do they lead to both?
   ([solution](solutions/14_trouble.ipynb#Exercise-6))

## Further reading

- A. Karpathy, [A recipe for training neural
  networks](https://karpathy.github.io/2019/04/25/recipe/), 2019: the attitude behind
  the checklist.
- PyTorch's notes on
  [reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html).
- L. Grinsztajn, E. Oyallon, G. Varoquaux, [Why do tree-based models still outperform
  deep learning on typical tabular data?](https://arxiv.org/abs/2207.08815), 2022.
- J. Kaplan et al., [Scaling laws for neural language
  models](https://arxiv.org/abs/2001.08361), 2020: LSTMs beside attention, by the place
  in the context.
"""
