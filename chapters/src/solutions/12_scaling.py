# ---
# minutes: 0.1
# ---

# %% [markdown]
r"""
# Solutions to chapter 12

Try the [exercises](../12_scaling.ipynb#Exercises) first. None of them needs a second
process: what several would do is done here by one, in turn.
"""

# %%
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DistributedSampler

import lstm
from lstm.data import Vocab, load_text, windows

# %% [markdown]
r"""
## Exercise 1

Three processes with 6, 3 and 1 targets, and mean gradients of 1, 2 and 11. Plain DDP
divides the sum by three: $14/3 \approx 4.67$. Right is (12.1),
$(6 \cdot 1 + 3 \cdot 2 + 1 \cdot 11)/10 = 2.3$. The factors are those of (12.3),
$3 \cdot 6/10$, $3 \cdot 3/10$ and $3 \cdot 1/10$. They add up to 3, the world size, so
that the mean of them is 1.
"""

# %%
targets, means = torch.tensor([6.0, 3.0, 1.0]), torch.tensor([1.0, 2.0, 11.0])
factors = len(targets) * targets / targets.sum()
print(f"plain {means.mean():.2f}   right {(factors * means).mean():.2f}", end="   ")
print("factors", *(f"{factor:.1f}" for factor in factors))

# %%
#| check: >-
#|   The weighted mean is the mean over all ten targets; the factors have a mean of 1.
assert_close((factors * means).mean(), means.repeat_interleave(targets.int()).mean())
assert_close(factors.mean(), torch.tensor(1.0))

# %% [markdown]
r"""
## Exercise 2

To give four processes equally many, the number of items must be a multiple of four, or
be made one: by repeating the first items, or, with `drop_last=True`, by leaving out the
last. With `shuffle=True` it is the last of the shuffled order, so that each pass leaves
out others; in an evaluation that does not help.
"""


# %%
def dealt(count, drop_last):
    """Which items four processes get, together."""
    shared = {"shuffle": False, "drop_last": drop_last}
    samplers = [DistributedSampler(range(count), 4, n, **shared) for n in range(4)]
    return sorted(item for sampler in samplers for item in sampler)


once = [n for n in range(1, 13) if dealt(n, False) == list(range(n))]
print("each item once:", once)
for count in (5, 7, 8):
    print(f"{count} items, drop_last: {dealt(count, True)}")

# %%
#| check: >-
#|   Each once for 4, 8 and 12 items; drop_last leaves out the rest of a division by 4.
assert once == [4, 8, 12]
for count in range(1, 13):
    assert dealt(count, True) == list(range(count - count % 4))

# %% [markdown]
r"""
## Exercise 3

`backward` *adds* to the gradients that are there. It does not divide by the number of
shards as DDP divides by the number of processes, so the factor is $n_s/n$ alone, that
of (12.1). With (12.3) the gradient would be $S = 3$ times too long. Adam would hardly
notice, since it divides by the gradient's size; clipping and SGD would.
"""

# %%
vocab = Vocab(load_text("embedded"))
x, y = windows(vocab.encode(load_text("embedded")), 35)
x, y = x[:32], y[:32]
torch.manual_seed(0)
model = lstm.LanguageModel(nn.LSTM(len(vocab), 32)).double()


def gradient():
    """The gradients that are there, as one vector."""
    return torch.cat([p.grad.flatten() for p in model.parameters()])


lstm.score(model(x), y).backward()
due = gradient()
off = {}
for name, S in {"n_s / n": 1, "S n_s / n": 3}.items():
    model.zero_grad()
    for own_x, own_y in zip(x.split([20, 9, 3]), y.split([20, 9, 3]), strict=True):
        loss = lstm.score(model(own_x), own_y)
        (loss * S * len(own_x) / len(x)).backward()
    off[name] = (gradient() - due).norm() / due.norm()
    shown = "below 1e-12" if off[name] < 1e-12 else f"{off[name]:.1f} of its length"
    print(f"{name:10} off: {shown}")

# %%
#| check: >-
#|   n_s / n gives the gradient of all; three times that is off by twice its length.
assert off["n_s / n"] < 1e-12
assert_close(off["S n_s / n"], torch.tensor(2.0).double())

# %% [markdown]
r"""
## Exercise 4

Two processes with equal shares have the gradients $(3, 0)$ and $(0, 0.5)$, and we clip
to a norm of 1. Their mean is $(1.5, 0.25)$, of norm 1.52, and clipped it is $(0.99,
0.16)$. Clipped before, the first becomes $(1, 0)$, the second stays, and the mean is
$(0.5, 0.25)$: not only shorter but steeper. Clipping a vector keeps its direction,
clipping the parts of a sum does not. So it comes after the all-reduce, where all
processes have the same vector and clip it alike.

The same for the LSTM, in halves of 16 windows, each clipped to half the norm of the
smaller one.
"""


# %%
def clipped(vector, norm):
    """The vector, made shorter if it is longer than norm."""
    return vector * min(1.0, norm / vector.norm().item())


def both_ways(parts, norm):
    """The mean of some gradients: clipped after, clipped before; and their cosine."""
    after = clipped(sum(parts) / len(parts), norm)
    before = sum(clipped(part, norm) for part in parts) / len(parts)
    return after, before, torch.cosine_similarity(after, before, dim=0).item()


pencil = both_ways([torch.tensor([3.0, 0.0]), torch.tensor([0.0, 0.5])], 1.0)
halves = []
for own_x, own_y in zip(x.split(16), y.split(16), strict=True):
    model.zero_grad()
    lstm.score(model(own_x), own_y).backward()
    halves.append(gradient())
letters = both_ways(halves, min(half.norm().item() for half in halves) / 2)
for name, (after, before, cosine) in {"pencil": pencil, "letters": letters}.items():
    shorter = before.norm() / after.norm()
    print(f"{name:8} cosine {cosine:.3f}   length before : after {shorter:.3f}")

# %%
#| check: >-
#|   Clipped before, both updates are shorter; the pencil's points elsewhere by more
#|   than 15 degrees, the letters' by a little.
assert_close(pencil[1], torch.tensor([0.5, 0.25]))
assert pencil[2] < 0.966
assert letters[2] < 1 - 1e-9
for after, before, _ in (pencil, letters):
    assert before.norm() < after.norm()

# %% [markdown]
r"""
For the fresh model it makes next to no difference: the two halves agree, as section
12.1 found. The pencil shows what may happen when they do not.

## Exercise 5

Cut each tensor into $S$ pieces. In each of the first $S - 1$ turns every process sends
one piece to the next, which adds it to its own; process $s$ begins with piece $s$, and
sends on what it has just added to. Then each process holds one piece that is the sum of
all. In $S - 1$ more turns the finished pieces go round, and replace what is there.
"""


# %%
def ring(tensors):
    """The sum of all, at each of S places, and how many numbers each has sent."""
    S = len(tensors)
    pieces = [list(tensor.tensor_split(S)) for tensor in tensors]
    sent = [0] * S
    for turn in range(2 * (S - 1)):
        moving = [pieces[s][(s - turn) % S] for s in range(S)]  # all at the same time
        for s, piece in enumerate(moving):
            there, n = pieces[(s + 1) % S], (s - turn) % S
            there[n] = there[n] + piece if turn < S - 1 else piece
            sent[s] += piece.numel()
    return [torch.cat(parts) for parts in pieces], sent


torch.manual_seed(0)
found = {}
for S, size in ((2, 10), (4, 1000), (5, 300_060)):
    tensors = [torch.randn(size).double() for _ in range(S)]
    results, sent = found[S, size] = ring(tensors)
    right = all((result - sum(tensors)).abs().max() < 1e-12 for result in results)
    bound = 2 * (S - 1) / S * size
    print(f"S = {S}, {size:7,} numbers: sums {right}, sent {max(sent):7,}", end=", ")
    print(f"by (12.4) {bound:7,.0f}")


# %% [markdown]
r"""
Every place sends in every turn, nobody waits, and nobody reads more than it sends. The
turns are $2(S - 1)$, though: with many processes and a small gradient it is their
number that counts, each a message with its delay, and other shapes than a ring do
better.
"""

# %%
#| check: >-
#|   Every place has the sum, and sends what (12.4) says.
for (S, size), (results, sent) in found.items():
    assert all(torch.equal(result, results[0]) for result in results)
    assert sent == [2 * (S - 1) * size // S] * S
