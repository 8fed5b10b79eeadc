# ---
# part: Practice
# question: How does a state begin anew in mid-batch, and what does `nn.LSTM` refuse?
# proved: >-
#   sequences reset in mid-batch equal separate runs within 1e-12, gradients too;
#   carried states against burn-in; per-sample gradients, a hundred models and curvature
#   by `torch.func`, each beside what `nn.LSTM` says to it
# minutes: 1.5
# ---

# %% [markdown]
r"""
# 15. State, and what `nn.LSTM` cannot do

**What you will build.** A layer that forgets where it is told to: one more argument,
`reset`, and each sequence of a batch begins anew wherever it wants, in the middle of
the others. And, with the same plain layer, three things that a fused kernel refuses or
does by a loop: gradients of single samples, a hundred models in one run, and curvature.

**What you will learn.** How to forget a state inside the loop, how to do it without a
loop of your own, and what each costs. What a stream loses when its state is thrown away
at each window, what burn-in brings back, and what a state that is carried too far does.
What it takes to train with differential privacy, and what may honestly be said of it.
And which of these things `nn.LSTM` of your version of PyTorch can do: the chapter asks
it.

**What you need.** Section 5.2 for carrying a state, section 5.9 for packing. The
chapter runs for about a minute and a half.
"""

# %%
import time
from functools import partial
from textwrap import shorten

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

import lstm
import lstm.fast
from lstm import figures, transforms
from lstm.data.memory import Recall
from lstm.figures import plt

# %% [markdown]
r"""
## 15.1 Where one sequence ends and the next begins

Thirty-two games are played side by side, or thirty-two machines write their logs. A
batch of them is a tensor $(L, N, D)$, cut out of the streams every $L$ steps. But the
games do not end when the window does. One is over at step 3, its successor begins at
step 4, and what the layer remembers of the first has no business in the second.

`nn.LSTM` takes a state before the first step and gives one after the last; in between
nobody can reach it. So whoever trains on such streams runs it one step at a time, in a
loop that multiplies the state by 0 where a game has ended. (The recurrent agents of
[CleanRL](https://docs.cleanrl.dev/rl-algorithms/ppo/) do so, and exercise 5 of chapter
5 did.) That gives away what makes the layer fast: a call of $L$ steps becomes $L$
calls.

Here is the wish, on paper. Two sequences of five steps, and a mask `reset` of the same
axes, true where a sequence *begins*: the state is forgotten before that step.
"""

# %%
torch.manual_seed(0)
layer = lstm.LSTM(3, 4).double()
x = torch.randn(5, 2, 3).double()  # (L, N, D)
h_0, c_0 = torch.randn(1, 2, 4).double(), torch.randn(1, 2, 4).double()
reset = torch.zeros(5, 2, dtype=torch.bool)  # (L, N)
reset[2, 0] = reset[4, 1] = True
output, (h_n, c_n) = layer(x, (h_0, c_0), reset)

first, _ = layer(x[:2, 0], (h_0[:, 0], c_0[:, 0]))  # sequence 0, steps 0 and 1
second, (h, c) = layer(x[2:, 0])  # its steps 2, 3, 4, from zeros
by_hand = torch.cat([first, second])
gap = (output[:, 0] - by_hand).abs().max().item()
print("sequence 0 is two runs, one behind the other, to 12 digits:", gap < 1e-12)
print("its last state is that of the second run:", torch.allclose(h_n[:, 0], h))

# %%
#| check: >-
#|   Outputs and the last state are those of the separate runs.
exact = {"rtol": 0, "atol": 1e-12}
assert_close(output[:, 0], by_hand, **exact)
assert_close((h_n[:, 0], c_n[:, 0]), (h, c), **exact)

# %% [markdown]
r"""
## 15.2 In the loop, or in pieces

**Where the loop is ours** (section 6.1 has it as `scan`), it takes one line: before the
step, the rows of the state that belong to a beginning sequence are filled with zeros.
That is all, for the way back as well: what is filled has no derivative, so no gradient
passes a reset, neither to the steps before nor to the state that was handed in.
"""

# %%
from lstm import steps


# %%
# lstm/steps.py
def scan_reset(step, inputs, state, weights, reset):
    """Apply one step along sequences that begin anew where `reset` is true.

    inputs: (L, N, D)   reset: (L, N), bool
    ->   as `scan`; before a step at which a sequence begins, its state becomes zeros
    """
    outputs = []
    for x, begin in zip(inputs, beginnings(reset), strict=True):
        state = step(x, forget(state, begin), *weights)
        outputs.append(state[0])
    return torch.stack(outputs), state


def beginnings(reset):
    """Which sequences begin at each step: L tensors of their numbers, few or none.

    reset: (L, N), bool
    """
    return reset.nonzero()[:, 1].split(reset.sum(1).tolist())


def forget(state, begin):
    """The state, a tuple, with zeros for the sequences whose numbers `begin` holds."""
    return tuple(s.index_fill(0, begin, 0) for s in state) if len(begin) else state


# %%
print("who begins, step by step:", [begin.tolist() for begin in beginnings(reset)])
h, c = forget((torch.full((2, 4), torch.nan),) * 2, beginnings(reset)[2])
print("h before step 2, if all of it was NaN:", h.tolist(), sep="\n")

# %%
#| check: >-
#|   The quoted loop gives what the layer gave, and what is forgotten may even be NaN.
weights = layer.all_weights[0]
quoted, _ = scan_reset(steps.lstm_step, x, (h_0[0], c_0[0]), weights, reset)
assert torch.equal(quoted, output)
assert not h[0].any()
assert h[1].isnan().all()

# %% [markdown]
r"""
Filled, and not multiplied by 0: zero times NaN is NaN, and a game that went wrong would
spoil its successor. In a stack every layer forgets by the same mask. `lstm.fast` does
the same in C++: a row that begins reads its state from a row of zeros.

**Where the loop is not ours**, in `nn.LSTM` on a CPU or a GPU, there is another way.
What lies between two resets owes nothing to what lies before: it begins with zeros. So
it is a sequence of its own. A batch of two sequences of five steps, in which one is cut
after two steps and the other after four, is a batch of *four* sequences, of two, three,
four and one steps. And for sequences of different lengths section 5.9 has a way:
packing. All pieces run side by side, the longest first, and at each step those that are
long enough.

The figure shows it for three sequences of eight steps. A bar is a reset; the number in
a box is a row of the batch, $tN + n$. Below, the seven pieces: two of them go on from a
state that was handed in, five from zeros.
"""

# %%
#| fig-alt: >-
#|   Above, three rows of eight numbered boxes, one colour each, with five black bars
#|   between boxes. Below, the same boxes as seven rows, none longer than five, sorted
#|   by length; beside each row the word zeros, or the state of which sequence.
shown = torch.zeros(8, 3, dtype=torch.bool)
shown[3, 0] = shown[2, 1] = shown[6, 1] = shown[0, 2] = shown[5, 2] = True
figures.packed_pieces(shown)
plt.show()

# %% [markdown]
r"""
Eight steps one after another have become five: here a reset makes the way shorter, not
longer.

What remains is to find out which row goes where. With $b_n(t)$ the last reset of
sequence $n$ up to step $t$, or 0, the age of a row is

$$
a_n(t) = t - b_n(t), \tag{15.1}
$$

and the packed order is by age, then by the rank of the piece: all rows of age 0, which
begin, then all of age 1, and so on. One sort does it, and the same permutation, turned
round, puts the outputs back. The function is short:
"""

# %%
from lstm import pieces
from lstm.pieces import Pieces, inverse


# %%
# lstm/pieces.py
def cut(reset):
    """Cut sequences where they begin anew, and pack the pieces.

    reset: (L, N), bool; at least one step and one sequence   ->   Pieces
    """
    L, N = reset.shape
    begins = reset.T.clone()  # (N, L): a sequence lies in one stretch, R in all
    begins[:, 0] = True
    starts = begins.flatten().nonzero()[:, 0]  # (Q)
    piece = begins.flatten().cumsum(0) - 1  # (R): the piece that a row belongs to
    place = torch.arange(N * L, device=reset.device)
    age = place - starts[piece]  # (R): steps since the piece began
    lengths = piece.bincount()
    order = lengths.argsort(descending=True, stable=True)  # (Q)
    rank = inverse(order)
    packed = (age * len(order) + rank[piece]).argsort()  # (R), by age, then by rank
    rows = packed % L * N + packed // L  # from (N, L) to the batch's (L, N)
    starts = starts[order]
    carried = (starts % L == 0) & ~reset.T.flatten()[starts]
    return Pieces(
        rows=rows,
        back=inverse(rows),
        batch_sizes=age.bincount().tolist(),
        origin=torch.where(carried, starts // L, N),
        last=rank[piece[L - 1 :: L]],
    )


# %% [markdown]
r"""
For the two sequences of section 15.1, on paper: the pieces are steps 0 to 3 of sequence
1, steps 2 to 4 of sequence 0, steps 0 and 1 of sequence 0, and step 4 of sequence 1.
"""

# %%
found = cut(reset)
print("batch_sizes:", found.batch_sizes)
print("rows, packed:", found.rows.tolist())
print("each piece begins with the state of (2: zeros):", found.origin.tolist())
print("the last piece of each sequence:", found.last.tolist())

# %%
#| check: >-
#|   The rows are those found on paper, and turned round they are in order again.
assert found.batch_sizes == [4, 3, 2, 1]
assert found.rows.tolist() == [1, 4, 0, 9, 3, 6, 2, 5, 8, 7]
assert found.origin.tolist() == [1, 2, 0, 2]
assert found.last.tolist() == [1, 3]
assert torch.equal(found.rows[found.back], torch.arange(10))

# %% [markdown]
r"""
What is left is to gather the rows, run the layer on the packed batch, put the rows
back, and hand out the state of each sequence's last piece. `lstm.pieces.run` does that
with any layer that takes packed sequences:
"""

# %%
theirs = nn.LSTM(3, 4).double()
theirs.load_state_dict(layer.state_dict())
in_pieces, (h, c) = pieces.run(theirs, x, (h_0, c_0), reset)
gap = (in_pieces - output).abs().max().item()
print("nn.LSTM in pieces is our layer with reset, to 12 digits:", gap < 1e-12)

# %%
#| check: >-
#|   Torch's layer, run in pieces, gives our layer's outputs and last state.
assert_close((in_pieces, h, c), (output, h_n, c_n), **exact)

# %% [markdown]
r"""
## 15.3 The proof, and the price

Against separate runs: for an LSTM of two layers, a GRU, their fast versions, and
PyTorch's own in pieces, on sequences with about one reset in five steps, with a state
handed in. Each piece is run alone by *PyTorch's* layer, and everything is compared in
64-bit floats: outputs, last states, and the gradients of the inputs, of the first state
and of all weights.
"""


# %%
def separately(layer, x, state, reset):
    """Each piece in a run of its own: outputs (L, N, H), last states, (K, N, H)."""
    outputs, lasts = [], []
    for n in range(x.shape[1]):
        starts = sorted({0} | set(reset[:, n].nonzero().flatten().tolist()))
        now, parts = [s[:, n] for s in state], []
        for a, b in zip(starts, [*starts[1:], len(x)], strict=True):
            given = None if reset[a, n] else tuple(now) if len(now) == 2 else now[0]
            part, now = layer(x[a:b, n], given)
            now = [*now] if isinstance(now, tuple) else [now]
            parts.append(part)
        outputs.append(torch.cat(parts))
        lasts.append(now)
    return torch.stack(outputs, 1), *(
        torch.stack(s, 1) for s in zip(*lasts, strict=True)
    )


def slopes(results, leaves):
    """Gradients of a sum in which every number has a share of its own."""
    torch.manual_seed(1)
    return torch.autograd.grad(
        sum((torch.randn_like(r) * r).sum() for r in results), leaves
    )


torch.manual_seed(0)
x = torch.randn(12, 4, 3).double().requires_grad_()
reset = torch.rand(12, 4) < 0.2
apart = {}
for kind in ("LSTM", "GRU"):
    theirs = getattr(nn, kind)(3, 5, num_layers=2).double()
    count = 2 if kind == "LSTM" else 1
    state = [torch.randn(2, 4, 5).double().requires_grad_() for _ in range(count)]
    want = separately(theirs, x, state, reset)
    slopes_wanted = slopes(want, [x, *state, *theirs.parameters()])
    ways = {f"nn.{kind}, in pieces": (theirs, partial(pieces.run, theirs))}
    for package in (lstm, lstm.fast):
        ours = getattr(package, kind)(3, 5, num_layers=2).double()
        ours.load_state_dict(theirs.state_dict())
        ways[f"{package.__name__}.{kind}"] = ours, ours
    for name, (layer, run) in ways.items():
        output, last = run(x, tuple(state) if count == 2 else state[0], reset)
        got = output, *(last if count == 2 else (last,))
        of_each = [*zip(got, want, strict=True)]
        found = slopes(got, [x, *state, *layer.parameters()])
        of_each += zip(found, slopes_wanted, strict=True)
        apart[name] = max((a - b).abs().max().item() for a, b in of_each)
for name, value in apart.items():
    print(f"{name:19} all within 1e-12: {value < 1e-12}")

# %%
#| check: >-
#|   All six equal separate runs of PyTorch's layer within 1e-12, gradients too.
assert all(value < 1e-12 for value in apart.values())

# %% [markdown]
r"""
What does it cost? The usual shape of this book, 32 sequences of 35 steps, 256 inputs
and 256 units, and once with 16 of either; forward and backward, without the argument,
with a mask that is false everywhere, and with a reset at about one step in a hundred
and in twenty. The four take turns, so that a busy machine slows all of them down alike.
A cell of a chapter is too short for differences of a few hundredths; `make bench
WHAT=reset` measures for six minutes, and what it found is kept beside the package:
"""

# %%
from lstm import bench

report = bench.reset.committed()
print(report["machine"]["processor"], report["machine"]["device"], sep=", ")
bench.reset.table(report)

# %%
#| check: >-
#|   With 256 units a mask without a reset costs nothing to speak of, and resets, few or
#|   many, at most 1.05 in two decimals; with 16 units less than a fifth.
cost = bench.reset.ratios(report)
large = [ratio for name, ratio in cost.items() if name.endswith(" 256 units")]
assert all(0.97 < ratio["none true"] < 1.03 for ratio in large)
assert len(large) == 4
assert max(round(max(ratio.values()), 2) for ratio in large) <= 1.05
assert max(max(ratio.values()) for ratio in cost.values()) < 1.2

# %% [markdown]
r"""
About a twentieth at most, then, in a network of some size; in a small one, where every
small operation counts, here up to a seventh. And the ways round `nn.LSTM` and `nn.GRU`?
Again each against one call of PyTorch's layer without resets, and with a reset at one
step in twenty: a call for each step, with the state forgotten between two of them
(exercise 3); in pieces; and for comparison our layers. Once for 32 sequences of 35
steps, once for as many steps in few and long sequences, 4 of 280. The last row has no
resets, but oneDNN is switched off:
"""

# %%
bench.reset.table_of_ways(report)

# %%
#| check: >-
#|   In pieces is faster than a call for each step, for an LSTM in long sequences five
#|   times and more; a GRU in long sequences is faster in pieces than without resets;
#|   our fast layers are the fastest of all ways for each shape.
ways = bench.reset.ratios(report, "ways")
assert all(way["in pieces"] < way["a call for each step"] for way in ways.values())
of_lstm, of_gru = (ways[f"{kind}, 4 of 280"] for kind in ("LSTM", "GRU"))
assert of_lstm["a call for each step"] > 5 * of_lstm["in pieces"]
assert of_gru["in pieces"] < 0.9
others = "a call for each step", "in pieces", "lstm"
assert all(
    way["lstm.fast"] < min(way[name] for name in others) for way in ways.values()
)

# %% [markdown]
r"""
Why do pieces cost an LSTM more than twice the call without resets, and a GRU a sixth
more, or even less than without? On a CPU `nn.LSTM` is handed to oneDNN, but not a
packed batch, and a GRU never (section 6.7). So we take oneDNN away from the call
without resets as well, and compare with that:
"""

# %%
for shape in bench.reset.SHAPES:
    N, L = shape.batch, shape.length
    longest = len(cut(bench.reset.mask(shape)).batch_sizes)
    print(f"{N} sequences of {L} steps, the longest piece of {longest}; in pieces over")
    for kind in ("LSTM", "GRU"):
        way = ways[f"{kind}, {N} of {L}"]
        ratio = way["in pieces"] / way["without, oneDNN off"]
        print(f"  the plain loop without resets, {kind:4}: {ratio:.1f}")

# %%
#| check: >-
#|   Against the plain loop the two kinds of layer agree: pieces cost more in short
#|   sequences, and less in long ones.
over = {n: way["in pieces"] / way["without, oneDNN off"] for n, way in ways.items()}
assert all(1 < over[f"{kind}, 32 of 35"] < 1.6 for kind in ("LSTM", "GRU"))
assert all(0.5 < over[f"{kind}, 4 of 280"] < 0.9 for kind in ("LSTM", "GRU"))

# %% [markdown]
r"""
Without oneDNN the two are alike. In 32 short sequences some piece is a whole sequence:
the loop is no shorter, and packing and unpacking come on top. In 4 long ones the loop
is a quarter as long, which is worth more than that costs. So in PyTorch alone, take
pieces rather than single steps; and where `lstm.fast` runs, its `reset`.

Errors name what was given. A mask is refused if its axes are wrong or if it holds
numbers, and so is any mask for two directions or a packed batch:
"""

# %%
small, two = lstm.LSTM(3, 5), lstm.LSTM(3, 5, bidirectional=True)
inputs, mask = torch.zeros(7, 2, 3), torch.zeros(7, 2, dtype=torch.bool)
said = []
packed = nn.utils.rnn.pack_padded_sequence(inputs, [7, 7])
for layer, given, begins in (
    (small, inputs, mask.T),
    (small, inputs, mask.float()),
    (two, inputs, mask),
    (small, packed, mask),
):
    try:
        layer(given, None, begins)
    except (TypeError, ValueError, RuntimeError) as error:
        said.append(f"{type(error).__name__}: {error}")
        print(shorten(said[-1], 84, placeholder=" …"))

# %%
#| check: >-
#|   The four are refused, with the shape, the type, the directions and the form of the
#|   input that were given.
assert "expected shape (7, 2), got (2, 7)" in said[0]
assert "got: torch.float32" in said[1]
assert "bidirectional=True" in said[2]
assert "PackedSequence" in said[3]

# %% [markdown]
r"""
(Two directions could be defined: each piece is read from its end, too. But a stream has
no end to read from, and the last state that the reverse direction would hand out
belongs to the *first* piece. We would rather refuse than choose.)

## 15.4 A stream: carry, detach, burn in

Now a stream in which the state matters. At each step a symbol comes: mostly nothing,
now and then, with probability 1/15, a mark that says 0 or 1. Asked at every step is the
last mark *of this episode*, or "none yet". Episodes begin with probability 1/40, and
nothing in the symbols shows it; only the mask does. Thirty-two such streams are read in
windows of ten steps, and many a mark lies before the window in which it is asked about:
"""

# %%
WINDOW, BEFORE = 10, 40


def stream(length, seed, count=32):
    """Symbols, where episodes begin, and the answers, each (length, count)."""
    draws = torch.Generator().manual_seed(seed)
    begins = torch.rand(length, count, generator=draws) < 1 / 40
    begins[BEFORE] = True  # what is counted begins here
    marks = torch.rand(length, count, generator=draws) < 1 / 15
    bits = torch.randint(2, (length, count), generator=draws)
    symbols, answers = torch.where(marks, 1 + bits, 0), []
    known = torch.zeros(count, dtype=torch.long)
    for symbol, new in zip(symbols, begins, strict=True):
        known = torch.where(symbol > 0, symbol, known.masked_fill(new, 0))
        answers.append(known)
    return symbols, begins, torch.stack(answers)


def steps_back(symbols, answers):
    """How far back the mark of each answer lies, (length, count); -1 without one."""
    now = torch.arange(len(symbols))[:, None]
    last = torch.where(symbols > 0, now, 0).cummax(0).values
    return torch.where(answers > 0, now - last, -1)


training, other = stream(BEFORE + 2_000, seed=0), stream(BEFORE + 1_000, seed=1)
symbols, begins, answers = (part[BEFORE:] for part in other)
back = steps_back(symbols, answers)
asked = back[back >= 0]
place = torch.arange(len(back))[:, None] % WINDOW  # in its window
outside = (back > place)[back >= 0].float().mean().item()
print(f"answers with a mark: {len(asked) / back.numel():.0%} of {back.numel():,}")
mean, most = asked.float().mean(), asked.max()
print(f"  which lies {mean:.1f} steps back on average, {most} at most")
print(f"  and before its window: {outside:.0%}")

# %%
#| check: >-
#|   Of the marks that are asked about more than half lie before the window.
assert 0.55 < outside < 0.7

# %% [markdown]
r"""
Five ways to do it:

- **from zeros**: each window begins with a state of zeros;
- **burn-in**: before each window the network reads the ten, or forty, steps before it,
  without a gradient, only to bring its state up to date ([Kapturowski et al.,
  2019](https://openreview.net/forum?id=r1lyTjAqYX), do so where windows come out of a
  store in no order);
- **carried**: the state of the last window, detached: its value goes on, the gradient
  ends (section 5.2); without `reset`, and with it.
"""


# %%
class Listener(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.layer, self.linear = lstm.fast.LSTM(3, 16), nn.Linear(16, 3)

    def forward(self, symbols, state=None, reset=None):
        output, state = self.layer.look_up(symbols, state, reset)
        return self.linear(output), state


def listen(model, data, optimizer=None, burn=0, carry=False, reset=True):
    """Go along a stream by windows, training with an optimizer; the share of right."""
    symbols, begins, answers = data
    state, right = None, []
    for t in range(BEFORE, len(symbols) - WINDOW + 1, WINDOW):
        state = state if carry else None
        if burn:
            with torch.no_grad():
                _, state = model(symbols[t - burn : t], None, begins[t - burn : t])
        now = slice(t, t + WINDOW)
        with torch.set_grad_enabled(optimizer is not None):
            scores, state = model(symbols[now], state, begins[now] if reset else None)
            loss = cross_entropy(scores.flatten(0, 1), answers[now].flatten())
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        state = tuple(s.detach() for s in state)  # carry: the gradient ends here
        right.append((scores.argmax(-1) == answers[now]).float().mean().item())
    return sum(right) / len(right)


# %% tags=["nbval-ignore-output"]
ways = {
    "each window from zeros": {},
    "burn-in of 10 steps": {"burn": 10},
    "burn-in of 40 steps": {"burn": 40},
    "carried, not reset": {"carry": True, "reset": False},
    "carried and reset": {"carry": True},
}
reached = {}
for way, how in ways.items():
    for rate in (0.01, 0.03):
        for seed in (0, 1, 2):
            model = Listener(seed)
            adam = torch.optim.Adam(model.parameters(), lr=rate)
            listen(model, training, adam, **how)
            share = listen(model, other, **how)
            reached.setdefault(way, {}).setdefault(rate, []).append(share)
best = {way: max(by_rate.values(), key=sum) for way, by_rate in reached.items()}
for way, shares in best.items():
    print(f"{way:23}", *(f"{share:.3f}" for share in shares))

# %%
#| fig-alt: >-
#|   Five rows of three dots each on an axis from 0.5 to 1. From zeros lies near 0.55,
#|   burn-in of 10 near 0.82, of 40 near 0.99, carried but not reset near 0.75, carried
#|   and reset at 1.
figures.marks(best, "share of right answers on another stream")
plt.show()

# %%
#| check: >-
#|   In every one of three seeds, at the better of two rates: carried and reset is above
#|   0.99; a burn-in of 40 steps above 0.97 and one of 10 below 0.87; without the reset
#|   it is below 0.85, from zeros below 0.6.
assert min(best["carried and reset"]) > 0.99
assert min(best["burn-in of 40 steps"]) > 0.97
assert max(best["burn-in of 10 steps"]) < 0.87
assert max(best["carried, not reset"]) < 0.85
assert max(best["each window from zeros"]) < 0.6

# %% [markdown]
r"""
Two hundred updates a run, two learning rates, three seeds. From zeros the network
cannot know what was said before the window, and no training helps. Each step of burn-in
buys back what lies within it, at the price of reading it again for every window: forty
steps before ten are four fifths of what is read. A carried state knows all of it for
nothing. But carried *too far* it is worse than a burn-in: it brings marks of an episode
that is over, and the network has no way to see that. (The symbols do not show it. In
data where something does, a network may learn to forget by itself.)

Note what the gradient did not need. It ends at the window, ten steps back at most. Does
what was learned end there, too? The last model of the loop above, which carries and
resets, by how far back the mark lies:
"""

# %% tags=["nbval-ignore-output"]
with torch.no_grad():
    scores, _ = model(symbols, None, begins)
hit = scores.argmax(-1) == answers
by_age = {}
for low, high in ((0, 9), (10, 24), (25, 49), (50, 200)):
    among = (low <= back) & (back <= high)
    by_age[low] = hit[among].float().mean().item()
    print(
        f"{low:2} to {high:3} steps: {among.sum():6,} answers, right {by_age[low]:.3f}"
    )

# %%
#| check: >-
#|   Marks of ten to forty-nine steps back, too, are answered rightly, all but 1 in 50;
#|   beyond that more than nine in ten.
assert min(by_age[low] for low in (0, 10, 25)) > 0.98
assert by_age[50] > 0.9

# %% [markdown]
r"""
No: what was learned within ten steps holds for fifty. Where the *link* between cause
and answer must be found across more than a window, a detached state does not help;
section 7.11 is about that.

**Streaming** is the same thing without training: a stream that comes in chunks of any
size, resets and all, gives what the whole stream gives at once.
"""

# %%
torch.manual_seed(0)
layer = lstm.GRU(3, 8, num_layers=2).double()
x, reset = torch.randn(60, 4, 3).double(), torch.rand(60, 4) < 0.1
whole, last = layer(x, None, reset)
gaps = {}
for size in (1, 7, 60):
    state, chunks = None, []
    for chunk, new in zip(x.split(size), reset.split(size), strict=True):
        output, state = layer(chunk, state, new)
        chunks.append(output)
    gaps[size] = max(
        (torch.cat(chunks) - whole).abs().max(), (state - last).abs().max()
    )
    print(f"in chunks of {size:2}: equal within 1e-12 {bool(gaps[size] < 1e-12)}")

# %%
#| check: >-
#|   Chunks of any of these sizes give the whole stream's outputs and last state.
assert all(value < 1e-12 for value in gaps.values())

# %% [markdown]
r"""
## 15.5 What `nn.LSTM` says to `torch.func`

The plain layer of this book is slower than `nn.LSTM` and made of nothing but PyTorch's
elementary operations. There the second fact pays. `torch.func` takes a *function* and
makes another of it: `grad` its gradient, `vmap` the same for many inputs at once, `jvp`
the derivative along a direction. For that it must look into the function, and into a
fused kernel it cannot.

We ask four things of each layer, in 32 and in 64 bits: the gradient of each sample; the
outputs of two models at once; their gradients; the Hessian times a vector. A tick means
that it is done; "loop" that PyTorch does it one by one and warns that it does.
"""

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
rows, first_words = [], {}
for package in (nn, lstm):
    for kind in ("LSTM", "GRU"):
        for dtype in (torch.float32, torch.float64):
            layer = getattr(package, kind)(3, 4, dtype=dtype)
            refused = transforms.refusals(layer)
            name = "nn" if package is nn else "lstm"
            bits = f"{8 * dtype.itemsize}"
            marks = (
                "✓" if not text else "loop" if "performance" in text else "no"
                for text in refused.values()
            )
            rows.append((f"{name}.{kind}", bits, *marks))
            first_words[rows[-1][:2]] = refused
lstm.Table(("layer", "bits", *refused), rows)

# %% [markdown]
r"""
And in its own words (of the version that made this page; the package's tests notice
when they change):
"""

# %% tags=["nbval-ignore-output"]
print("torch", torch.__version__.split("+")[0])
for text in sorted({t for d in first_words.values() for t in d.values() if t}):
    print("-", shorten(text, 84, placeholder=" …"))

# %%
#| check: >-
#|   Of the plain layers nothing is refused; of PyTorch's something.
for (name, _), refused in first_words.items():
    assert name.startswith("nn") or not any(refused.values())
assert any(any(r.values()) for (n, _), r in first_words.items() if n.startswith("nn"))

# %% [markdown]
r"""
So "`nn.LSTM` cannot" is too short a sentence. In 32 bits on a CPU it is oneDNN's
kernel: gradients of samples come out, by a loop behind the scenes; the Hessian's
product does not come at all. In 64 bits, and for the GRU, PyTorch's own loop in C++
runs: that can be differentiated along a direction, but its backward pass writes in
place, and stumbles over samples. Outputs of many models, without a gradient, are
refused everywhere. On another version, or on a GPU, the table is another; that is the
point of asking.

`lstm.fast` sees that it is being transformed and hands over to the plain layer.

## 15.6 The gradient of each sample, and privacy

The gradient of a minibatch is a mean over its samples. Who has the per-sample gradients
themselves can do more than average them. `transforms.sample_gradients` is one line,
`vmap(grad(loss))`: first the gradient for one sample, then the same for all.

Scikit-learn's digits, 8 × 8 pixels, read row by row by 16 units, as in chapter 8:
"""

# %%
images = lstm.data.load_images("digits")
x, y = images.train_x, images.train_y  # (N, 8, 8), (N)
torch.manual_seed(0)
reader = lstm.SequenceClassifier(lstm.LSTM(8, 16, batch_first=True), 10)
fresh = {name: p.detach().clone() for name, p in reader.named_parameters()}


def loss_of_one(weights, image, label):
    return cross_entropy(functional_call(reader, weights, (image[None],)), label[None])


each = transforms.sample_gradients(loss_of_one, fresh, x[:20], y[:20])
apart = 0.0
for n in range(20):
    loss = cross_entropy(reader(x[n : n + 1]), y[n : n + 1])
    alone = torch.autograd.grad(loss, list(reader.parameters()))
    for a, b in zip(each.values(), alone, strict=True):
        apart = max(apart, (a[n] - b).abs().max().item())
print({name: tuple(g.shape) for name, g in [*each.items()][:2]})
print("as in a loop over samples, within 1e-6:", apart < 1e-6)

# %%
#| check: >-
#|   The gradients of twenty samples are those of a loop.
assert apart < 1e-6

# %% [markdown]
r"""
What for? Trained weights give away what they were trained on. **Differential privacy**
bounds that: whether any one image was among the training images or not, the
probabilities of what comes out differ by a factor of at most $e^\varepsilon$, but for
events of probability $\delta$. Abadi et al. (2016) train so: shorten the gradient of
*each sample* to a length of at most $C$, add them up, and add noise of standard
deviation $\sigma C$ to every number of the sum. One sample moves the sum by at most
$C$, which the noise hides. Without the samples' gradients there is nothing to shorten.

How large is $\varepsilon$ after $T$ such sums? We take the simplest bound that is
honest. All images take part in every step, so that nothing is claimed for drawing some
at random. By Mironov (2017) the Rényi divergence of order $\alpha$ of one sum is at
most $\alpha / (2\sigma^2)$; those of $T$ sums add up; and

$$
\varepsilon = \min_{\alpha > 1}
  \frac{T \alpha}{2 \sigma^2} + \frac{\ln (1/\delta)}{\alpha - 1}
  = \frac{T}{2 \sigma^2} + \frac{\sqrt{2 T \ln(1/\delta)}}{\sigma}. \tag{15.2}
$$

By hand, for $T = 50$, $\sigma = 10$, $\delta = e^{-9}$: $0.25 + \sqrt{900}/10 = 3.25$.
Now sixty steps of Adam with $C = 1$, four times: as usual, with the shortening alone,
and with little and much noise. Adam sees only the noisy sums, so that it costs nothing
more.
"""


# %%
def train_privately(bound, noise, steps=60):
    """Weights after training; bound None: the plain sum."""
    torch.manual_seed(1)
    weights = {name: nn.Parameter(w.clone()) for name, w in fresh.items()}
    adam = torch.optim.Adam(weights.values(), lr=0.03)
    for _ in range(steps):
        now = {name: w.detach() for name, w in weights.items()}
        each = transforms.sample_gradients(loss_of_one, now, x, y)
        total = {name: g.sum(0) for name, g in each.items()}
        if bound is not None:
            total = transforms.clipped_sum(each, bound)
        for name, w in weights.items():
            hidden = noise * bound * torch.randn_like(w) if noise else 0
            w.grad = (total[name] + hidden) / len(x)
        adam.step()
    return {name: w.detach() for name, w in weights.items()}


paper = transforms.epsilon(50, 10, torch.tensor(-9.0).exp().item())
print(f"by (15.2): {paper:.2f}")

# %% tags=["nbval-ignore-output"]
rows, accuracy = [], {}
for name, bound, noise in (
    ("as usual", None, 0),
    ("shortened", 1.0, 0),
    ("and noise, σ = 5", 1.0, 5),
    ("and noise, σ = 20", 1.0, 20),
):
    weights = train_privately(bound, noise)
    scores = functional_call(reader, weights, (images.test_x,))
    accuracy[name] = (scores.argmax(-1) == images.test_y).float().mean().item()
    spent = f"{transforms.epsilon(60, noise, 1e-4):.1f}" if noise else "∞"
    rows.append((name, f"{accuracy[name]:.2f}", spent))
lstm.Table(("training", "test accuracy", "ε at δ = 0.0001"), rows)

# %%
#| check: >-
#|   The formula by hand; accuracy falls as noise grows, and stays above chance.
assert abs(paper - 3.25) < 1e-4
assert accuracy["as usual"] > accuracy["and noise, σ = 5"] + 0.05
assert accuracy["and noise, σ = 5"] > accuracy["and noise, σ = 20"] + 0.05
assert accuracy["and noise, σ = 20"] > 0.2

# %% [markdown]
r"""
One run each, and 1,500 images are few: noise is shared by all of them, so a hundred
times as many would bear a hundred times the noise. What is *not* claimed: that an
$\varepsilon$ of 8 protects anybody. The bound is for the weights at the end and all
sums on the way, against somebody who knows all other images; it takes the rate, $C$ and
the number of steps as chosen without looking at the data, and the noise as drawn by a
source that nobody can guess, which `torch.randn` is not. Bounds that use random
minibatches are tighter, and libraries count them.

## 15.7 A hundred models at once

Ten learning rates and ten seeds are a hundred trainings. They need not run one after
another: `stack_module_state` lays the weights of a hundred models on top of one
another, and `vmap` over one update is a hundred updates, each with its own rate. What
was a product of small matrices is a hundred of them in one call.

The task is to recall the first of four symbols, by 16 units; 250 updates with momentum
0.9, in 64 bits, so that we can compare.
"""

# %%
task, rates = Recall(length=4), torch.logspace(-2, 0.5, 10).double()
SEEDS, UPDATES = 10, 250


def make(seed):
    torch.manual_seed(seed)
    layer = lstm.LSTM(task.input_size, 16, batch_first=True)
    return lstm.SequenceClassifier(layer, task.classes).double()


models = [make(seed) for seed in range(SEEDS) for _ in rates]
stacked, _ = stack_module_state(models)
stacked = {name: w.detach() for name, w in stacked.items()}
print({name: tuple(w.shape) for name, w in [*stacked.items()][:2]})


def loss_on(weights, inputs, keys):
    return cross_entropy(functional_call(models[0], weights, (inputs,)), keys)


def update(weights, speed, rate, inputs, keys):
    slope = grad(loss_on)(weights, inputs, keys)
    speed = {name: 0.9 * speed[name] + slope[name] for name in weights}
    return {name: w - rate * speed[name] for name, w in weights.items()}, speed


def train(update, weights, rate):
    speed = {name: torch.zeros_like(w) for name, w in weights.items()}
    batches = task.batches(16, seed=0)
    for _ in range(UPDATES):
        inputs, keys = next(batches)
        weights, speed = update(weights, speed, rate, inputs.double(), keys)
    return weights


start = time.process_time()
all_at_once = vmap(update, in_dims=(0, 0, 0, None, None))
trained = train(all_at_once, stacked, rates.repeat(SEEDS))
together = time.process_time() - start

# %% [markdown]
r"""
Are these the models that we would have had one by one? We train three of the hundred
singly. That also says how much time was saved: about the ratio of the two speeds.
"""

# %%
start, chosen, apart = time.process_time(), (3, 42, 64), 0.0
for n in chosen:
    own = {name: w[n] for name, w in stacked.items()}
    single = train(update, own, rates[n % len(rates)])
    for name, w in single.items():
        apart = max(apart, (w - trained[name][n]).abs().max().item())
singly = (time.process_time() - start) / len(chosen)
print("the same weights as one by one, within 1e-6:", apart < 1e-6)

# %% tags=["nbval-ignore-output"]
print(f"100 models singly, by this time: {100 * singly / together:.0f} times as long")

# %%
#| check: >-
#|   Models 3, 42 and 64 have the weights that they get alone.
assert apart < 1e-6

# %%
inputs, keys = next(task.batches(512, seed=1))
losses = vmap(loss_on, (0, None, None))(trained, inputs.double(), keys)
losses = losses.view(SEEDS, len(rates))
good = (losses < 0.1).sum(0)

# %% tags=["nbval-ignore-output"]
print("rate   ", *(f"{rate:6.3f}" for rate in rates.tolist()))
print("learned", *(f"{n:6}" for n in good.tolist()), f"  of {SEEDS} seeds")

# %%
#| fig-alt: >-
#|   A median and a band over learning rates from 0.01 to 3, both axes logarithmic. At
#|   the two lowest rates the loss is chance, 1.4; from 0.07 to 0.9 the median is below
#|   0.01, with a band that reaches up to 1 in places; at the highest it is at chance.
panels = {"10 seeds, 250 updates": {"LSTM": losses.numpy()}}
figures.bands(panels, "learning rate", "loss on new sequences", rates, log=True)
plt.gca().set_xscale("log")
plt.show()

# %%
#| check: >-
#|   Below a rate of 0.03 no seed learns, and at 3 at most one; between 0.06 and 0.14 at
#|   least nine do; at 1.7 some do and some do not.
low, high, middle = rates < 0.03, rates > 2, (rates > 0.06) & (rates < 0.14)
assert (good[low] == 0).all()
assert (good[high] <= 1).all()
assert (good[middle] >= 9).all()
assert 0 < good[-2] < SEEDS

# %% [markdown]
r"""
A hundred points for the price of fewer than ten runs, and a picture that one run cannot
give. In
the middle all seeds learn, or all but one, over a factor of ten in the rate. On the
flanks the seed decides: whoever compares two models there, by one seed at one rate,
compares two tickets of a lottery. That is why this book asks for sweeps and seeds.
("Does not learn" is said of 250 updates. At the low rates more of them help.)

## 15.8 Curvature

Why do high rates fail? On a parabola of curvature $\lambda$ a step of gradient descent
multiplies the distance to the bottom by $1 - \eta\lambda$, so it needs $\eta < 2 /
\lambda$; with momentum $\beta$ the bound is $2 (1 + \beta)/\lambda$. A network has as
many curvatures as weights, the eigenvalues of its Hessian, and the largest binds.

The Hessian itself would be a matrix of millions of numbers. Its product with one
direction $\mathbf{v}$ is all that is needed, and that is the derivative of the gradient
along $\mathbf{v}$ (Pearlmutter, 1994):

$$
\mathbf{H} \mathbf{v} = \left.\frac{\mathrm{d}}{\mathrm{d} s}\,
  \nabla \mathcal{L}(\mathbf{w} + s \mathbf{v})\right|_{s = 0}. \tag{15.3}
$$

`transforms.hessian_product` is `jvp` of `grad`. We compare it with the difference of
two gradients, and with a second backward pass.
"""

# %%
weights = {name: w[42] for name, w in stacked.items()}
loss = lambda w: loss_on(w, inputs.double(), keys)
torch.manual_seed(0)
v = {name: torch.randn_like(w) for name, w in weights.items()}
exact_product = transforms.hessian_product(loss, weights, v)

up, down = (
    grad(loss)({name: w + s * v[name] for name, w in weights.items()})
    for s in (1e-5, -1e-5)
)
leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
first = torch.autograd.grad(loss(leaves), [*leaves.values()], create_graph=True)
along = sum((g * d).sum() for g, d in zip(first, v.values(), strict=True))
twice = dict(zip(v, torch.autograd.grad(along, [*leaves.values()]), strict=True))


def largest(of, other):
    return max((of[name] - other[name]).abs().max().item() for name in of)


differences = {name: (up[name] - down[name]) / 2e-5 for name in up}
by_difference = largest(exact_product, differences)
by_two = largest(exact_product, twice)
print("two gradients, their difference: within 1e-6", by_difference < 1e-6)
print("a second way back: within 1e-12", by_two < 1e-12)

# %%
#| check: >-
#|   The product is that of both other ways.
assert by_difference < 1e-6
assert by_two < 1e-12

# %% [markdown]
r"""
The largest eigenvalue comes from applying the product again and again to what came out,
twenty times: what is stretched most remains. We follow it through training, for the
first of the ten seeds, at a low rate and at a high one.
"""


# %%
def sharpness(weights, rounds=20):
    """The Hessian's eigenvalue of largest size, by power iteration."""
    torch.manual_seed(0)
    v = {name: torch.randn_like(w) for name, w in weights.items()}
    for _ in range(rounds):
        length = sum(d.square().sum() for d in v.values()).sqrt()
        v = {name: d / length for name, d in v.items()}
        product = transforms.hessian_product(loss, weights, v)
        value = sum((v[name] * product[name]).sum() for name in v).item()
        v = product
    return value


def along_training(rate):
    """Curvature and loss every 25 updates of one model, at one rate."""
    weights = {name: w[0] for name, w in stacked.items()}
    speed = {name: torch.zeros_like(w) for name, w in weights.items()}
    batches, found = task.batches(16, seed=0), []
    for n in range(UPDATES + 1):
        if n % 25 == 0:
            found.append((sharpness(weights), loss(weights).item()))
        batch, answers = next(batches)
        weights, speed = update(weights, speed, rate, batch.double(), answers)
    return zip(*found, strict=True)


curvature, course = {}, {}
for n in (3, 6):
    name = f"a rate of {rates[n].item():.2f}"
    curvature[name], course[name] = along_training(rates[n])

# %% tags=["nbval-ignore-output"]
for name in curvature:
    print(f"{name:15} curvature", *(f"{value:5.1f}" for value in curvature[name]))
    print(f"{'':15} loss     ", *(f"{value:5.1f}" for value in course[name]))
for n in (3, 6):
    limit = f"where the curvature is below {2 * (1 + 0.9) / rates[n].item():.0f}"
    print(f"a rate of {rates[n].item():.2f} can stay {limit}")

# %%
#| fig-alt: >-
#|   Curvature over 250 updates at two rates. Both start at 0.4. At the lower rate it
#|   rises to about 7 at updates 150 to 175 and falls below 0.2. At the higher it jumps
#|   to about 15 at update 75 and is below 1 from update 100 on.
updates = torch.arange(0, UPDATES + 1, 25)
figures.lines(curvature, "update", "largest curvature", updates)
plt.show()

# %%
#| check: >-
#|   At the lower rate the curvature rises tenfold and falls again, and is always below
#|   the bound for that rate. At the higher it once is above the bound for its rate, and
#|   the loss there is above chance.
low, high = curvature
bounds = [2 * (1 + 0.9) / rates[n].item() for n in (3, 6)]
assert max(curvature[low]) > 10 * curvature[low][0] > 10 * curvature[low][-1]
assert max(curvature[low]) < bounds[0]
place = curvature[high].index(max(curvature[high]))
assert curvature[high][place] > bounds[1]
assert course[high][place] > torch.tensor(4.0).log().item()

# %% [markdown]
r"""
The fresh network lies in a plain: a curvature of 0.4, which even a rate of 3 could
bear. Where the task is found out, and the loss falls, it is more than ten times as
curved; and where it is learned it is flat again. The low rate passes through the bend
below its bound. The high one comes to a place that is more curved than it can bear, is
thrown out, with a loss far above that of a guess, and learns later on a flatter road.
That fits (15.3) and the bound; but the bound is that of a parabola and of full batches,
and two runs are no proof that curvature is what fails at the highest rates.

## 15.9 What this chapter does not show

- **Agents.** The stream has the shape of a game's log, but nothing acts in it.
- **That carried states are always right.** In training on shuffled windows there is no
  state to carry; and a state that was computed by older weights is stale, which a slow
  learner forgives.
- **The price elsewhere.** Two cores, a GPU, other shapes: measure. On a GPU, to look
  where resets are true waits for the device: once a call, and twice in every layer.
- **Tracing.** The layer looks at the mask while it runs, so a trace would keep the mask
  that it was made with: `torch.jit.trace` is refused, and `vmap` can run over anything
  but the mask.
- **Privacy in practice**, beyond (15.2) and the sentences behind it.
- **That `vmap` is always faster.** A hundred large models gain nothing: one of them
  fills the machine.

## Summary

- A layer with its own loop forgets in it: a batch with resets equals separate runs
  within $10^{-12}$, every gradient included, for about a twentieth of the time at most
  with 256 units.
- What lies between two resets is a sequence of its own. So `nn.LSTM` can be reset, too:
  cut, packed, and put back.
- On a stream whose episodes end unseen, a carried state with resets answers all but
  every hundredth question; without resets, or from zeros, a fourth to almost half are
  wrong. Burn-in gets as far as it reaches.
- Gradients end at a window, values need not: a memory learned within ten steps holds
  for fifty.
- `torch.func` can transform what is made of elementary operations. What `nn.LSTM` makes
  of it depends on number type, direction of differentiation and version: ask it.
- Per-sample gradients make private training possible, and its price visible.
- A hundred models fit into one `vmap`, and show that one seed at one rate is a lottery.

## Exercises

1. *(easy)* A sequence of ten steps is reset at steps 0, 4 and 5. Which pieces are
   there, of which lengths, and which of them begins with the state that is handed in?
   ([solution](solutions/15_state.ipynb#Exercise-1))
2. *(easy)* By (15.2), how many steps may be trained with $\sigma = 20$ and $\delta =
   10^{-4}$ for an $\varepsilon$ of at most 2?
   ([solution](solutions/15_state.ipynb#Exercise-2))
3. *(medium)* Write the loop from outside: `nn.LSTM` one step at a time, the state set
   to zeros by the mask. Show that it equals `reset=`.
   ([solution](solutions/15_state.ipynb#Exercise-3))
4. *(medium)* Show by gradients that no output depends on an input before the last
   reset, and that one depends on every input from it on.
   ([solution](solutions/15_state.ipynb#Exercise-4))
5. *(medium)* The mean of the per-sample gradients is the minibatch's gradient. Is the
   length of the mean the mean of the lengths? Measure the ratio at fresh weights, for
   minibatches of 1, 10 and 100 digits.
   ([solution](solutions/15_state.ipynb#Exercise-5))
6. *(hard)* A reset to a *learned* first state, in place of zeros: build it around
   `lstm.LSTM` from what `lstm.pieces` gives, and show that its gradient is the sum over
   all pieces that begin with it. ([solution](solutions/15_state.ipynb#Exercise-6))

## Further reading

- M. Abadi et al., [Deep learning with differential
  privacy](https://arxiv.org/abs/1607.00133), 2016; I. Mironov, [Rényi differential
  privacy](https://arxiv.org/abs/1702.07476), 2017.
- S. Kapturowski et al., [Recurrent experience replay in distributed reinforcement
  learning](https://openreview.net/forum?id=r1lyTjAqYX), 2019: stale states, and
  burn-in.
- B. A. Pearlmutter, [Fast exact multiplication by the
  Hessian](https://doi.org/10.1162/neco.1994.6.1.147), 1994.
- PyTorch's [tour of
  torch.func](https://docs.pytorch.org/docs/stable/func.whirlwind_tour.html).
"""
