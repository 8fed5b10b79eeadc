# ---
# minutes: 1
# ---

# %% [markdown]
r"""
# Solutions to chapter 8

Try the [exercises](../08_mnist.ipynb#Exercises) first; the first two need a pencil
only. Each solution ends in a check of what was asked.
"""

# %%
import math

import torch

import lstm
from lstm.data import Minibatches
from lstm.studies import mnist

device = lstm.pick_device()
lstm.full_precision()

# %% [markdown]
r"""
## Exercise 1

How many parameters? A layer has four blocks of $H\,(D + H + 2)$, the second layer reads
the first's 128 units, and the linear layer has a weight for each unit and a bias for
each digit:

\begin{align*}
4 \cdot 128 \cdot (28 + 128 + 2) &= 80{,}896, \\
4 \cdot 128 \cdot (128 + 128 + 2) &= 132{,}096,
\end{align*}

and $10 \cdot 128 + 10 = 1{,}290$ more. Columns have 28 pixels, too: nothing changes.
With both directions there are two of everything, the second layer reads 256 features,
and so does the linear layer: $2 \cdot 80{,}896 + 2 \cdot 4 \cdot 128 \cdot
(256 + 128 + 2)$ and $10 \cdot 256 + 10$.
"""

# %%
by_pencil = {
    "rows": 80_896 + 132_096 + 1_290,
    "columns": 80_896 + 132_096 + 1_290,
    "both directions": 2 * 80_896 + 2 * 4 * 128 * (256 + 128 + 2) + 2_570,
}
for reading, count in by_pencil.items():
    made = sum(p.numel() for p in mnist.make(seed=0, reading=reading).parameters())
    print(f"{reading:16} {count:,}")
    assert count == made

# %% [markdown]
r"""
## Exercise 2

Two standard errors are to be no more than the difference, 0.1 points:
$2 \sqrt{p (1 - p) / M} \le 0.001$, so $M \ge 4\,p\,(1 - p) / 0.001^2$. That is six
times MNIST's test images, and for two models, each on images of its own, the variances
add up and it takes twice as many. (On the *same* images it takes fewer: exercise 6.)
"""

# %%
p = 0.985
needed = 4 * p * (1 - p) / 0.001**2
print(f"{needed:,.0f} images")
assert 5.9 < needed / 10_000 < 6

# %% [markdown]
r"""
## Exercise 3

First a model to ask, and a second one, from the bottom up, for exercise 5: 300 updates
each, under the one-cycle schedule.
"""


# %% tags=["nbval-ignore-output"]
def trained(x, y, steps=300):
    """The chapter's model after a short training."""
    model = mnist.make(seed=0, pixels=x.shape[-1]).to(device)
    settings = lstm.TrainConfig(steps=steps, lr=0.005, schedule="one-cycle", clip=None)
    lstm.fit(model, Minibatches(x, y, size=100, seed=0), settings)
    return model


@torch.no_grad()
def scores_of(model, x):
    """x: (M, L, D)   ->   (M, 10)"""
    return torch.cat([model(part.to(device)).cpu() for part in x.split(1000)])


images = lstm.data.load_images()
down = trained(images.train_x, images.train_y)
up = trained(images.train_x.flip(1), images.train_y)  # the last row comes first
x, y = images.test_x, images.test_y
scores = {"down": scores_of(down, x), "up": scores_of(up, x.flip(1))}
for name, given in scores.items():
    print(f"{name:5} {(given.argmax(dim=-1) == y).float().mean():.2%}")

# %% [markdown]
r"""
Now the rows, one at a time, on the first 2,000 test images (the stand-in has fewer).
"""

# %% tags=["nbval-ignore-output"]
x_few, y_few = x[:2000], y[:2000]
whole = (scores_of(down, x_few).argmax(dim=-1) == y_few).float().mean().item()
ink, lost = x_few.mean(dim=(0, 2)), []
for row in range(x.shape[1]):
    erased = x_few.clone()
    erased[:, row] = 0
    named = scores_of(down, erased).argmax(dim=-1) == y_few
    lost.append(whole - named.float().mean().item())
worst = max(range(len(lost)), key=lost.__getitem__)
print("lost, in points, row by row:", *(f"{100 * share:.0f}" for share in lost))
print(f"missed most: row {worst + 1}; most ink: row {ink.argmax().item() + 1}")

# %% [markdown]
r"""
On MNIST no single row is worth more than two or three images in a hundred, not even
those of the middle, where most of the ink is: its neighbours say nearly the same. The
margins cost nothing. What is missed most need not be what is darkest; a row in which
strokes part or meet says more than a row of which there are many alike.
"""

# %%
#| check: >-
#|   The row that is missed most costs more than one image in a hundred; on MNIST that
#|   is more than the row with the least ink costs.
assert lost[worst] > 0.01
if images.name == "mnist":
    assert lost[worst] > lost[int(ink.argmin())] + 0.01

# %% [markdown]
r"""
## Exercise 4

A temperature $T$ divides the scores before the softmax. It moves no answer, since the
largest score stays the largest; above 1 it makes the model less sure, below 1 surer.
Every other test image chooses it, by the least cross entropy, and those between tell
what it is worth. (Alternate ones, in case the images stand in no random order.)
"""


# %% tags=["nbval-ignore-output"]
def summed_up(scores, y):
    """Mean sureness, accuracy and cross entropy of scores (M, 10)."""
    sureness, answers = scores.softmax(dim=-1).max(dim=-1)
    accuracy = (answers == y).float().mean().item()
    return sureness.mean().item(), accuracy, lstm.score(scores, y).item()


temperatures = [0.5 + 0.02 * n for n in range(101)]
chosen_on, told_on = ((scores["down"][n::2], y[n::2]) for n in (0, 1))
losses = [lstm.score(chosen_on[0] / T, chosen_on[1]).item() for T in temperatures]
temperature = temperatures[losses.index(min(losses))]
before = summed_up(*told_on)
after = summed_up(told_on[0] / temperature, told_on[1])
print(f"temperature {temperature:.2f}")
for name, (sureness, accuracy, loss) in (("before", before), ("after", after)):
    print(f"{name:7} sure {sureness:.2%}  right {accuracy:.2%}  loss {loss:.4f}")

# %% [markdown]
r"""
On MNIST this model is a little too modest: it is right more often than it says, and the
best temperature lies below 1. The chapter's own model, trained four times as long at a
rate that never fell, is a little too sure. Large networks that are trained until they
make no more mistakes in training are often much too sure, and then one number, fitted
like this, mends most of it ([Guo et al., 2017](https://arxiv.org/abs/1706.04599)).
"""

# %%
#| check: >-
#|   No answer moves; on the images that did not choose the temperature, the loss is not
#|   worse by more than 0.01.
assert after[1] == before[1]
assert after[2] < before[2] + 0.01

# %% [markdown]
r"""
## Exercise 5

Both models read the same pixels, in opposite order.
"""

# %% tags=["nbval-ignore-output"]
right = {name: given.argmax(dim=-1) == y for name, given in scores.items()}
both = sum(given.softmax(dim=-1) for given in scores.values()) / 2
together = (both.argmax(dim=-1) == y).float().mean().item()
wrong = {name: int((~named).sum()) for name, named in right.items()}
shared = int((~right["down"] & ~right["up"]).sum())
by_chance = wrong["down"] * wrong["up"] / len(y)
print(f"wrong: {wrong['down']} and {wrong['up']} of {len(y):,}, {shared} of them both")
print(f"if they erred independently, both on {by_chance:.1f}")
print(f"the mean of their probabilities names {together:.2%}")

# %% [markdown]
r"""
On MNIST more than half of each one's mistakes are shared, many times as many as two
independent readers would share: an image that is hard from above is hard from below.
The other half is what a second opinion is worth. There one of the two is right, and
often the surer one, so that the mean of their probabilities is ahead of either.
"""

# %%
#| check: >-
#|   Each, and both together, name more than nine images of ten; on MNIST they share
#|   more mistakes than chance would have it, and the two together are ahead of each.
alone = [named.float().mean().item() for named in right.values()]
assert min(*alone, together) > 0.9
if images.name == "mnist":
    assert shared > by_chance
    assert together > max(alone)

# %% [markdown]
r"""
## Exercise 6

Let $a$ be the number of images on which only the first model is right and $b$ that on
which only the second is. The accuracies differ by $(a - b) / M$; all other images have
no say. If the models were equally good, each of these $a + b$ images would be a fair
coin, so that the difference of the two counts has the standard deviation $\sqrt{a +
b}$. By
(8.1), as if each model had images of its own, it would be $\sqrt{s_1^2 + s_2^2}$ for
the difference of the shares. The **sign test** asks for the exact probability of a
split as uneven as this, or more.
"""

# %% tags=["nbval-ignore-output"]
M = len(y)
a = int((right["down"] & ~right["up"]).sum())
b = int((right["up"] & ~right["down"]).sum())
paired = math.sqrt(a + b) / M
unpaired = math.sqrt(sum(p * (1 - p) / M for p in alone))
tail = sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)
print(f"only down {a}, only up {b}; difference {(a - b) / M:+.2%}")
print(f"standard error of the difference: paired {paired:.3%}, by (8.1) {unpaired:.3%}")
print(f"sign test: a split as uneven by chance has probability {min(1, 2 * tail):.2g}")

# %%
#| check: >-
#|   The difference is that of the accuracies; on MNIST the paired error is the smaller.
assert abs((a - b) / M - (alone[0] - alone[1])) < 1e-6
if images.name == "mnist":
    assert paired < unpaired

# %% [markdown]
r"""
The paired error is smaller because the two err on the same images: what is hard for
both cancels in the difference. It says nothing about seeds. A model with another seed
would have another $a$ and $b$, so it tells which of these two *models* is better, not
which way of reading.

## Exercise 7

The gradient of a moved weight is the moved gradient, since the weight meets the same
numbers; and Adam treats every weight by itself, so moved weights with moved gradients
stay moved. In 64-bit floats, twenty updates:
"""

# %%
pixels = images.train_x.shape[-1]
order = torch.randperm(pixels, generator=torch.Generator().manual_seed(0))
models = [mnist.make(seed=0, pixels=pixels).double() for _ in range(2)]
with torch.no_grad():
    first = models[0].layer.weight_ih_l0
    models[1].layer.weight_ih_l0.copy_(first[:, order])
settings = lstm.TrainConfig(steps=20, lr=0.01, clip=None)
losses = []
for model, moved in zip(models, (False, True), strict=True):
    pixels_of = images.train_x[:500].double()
    pixels_of = pixels_of[:, :, order] if moved else pixels_of
    batches = Minibatches(pixels_of, images.train_y[:500], size=50, seed=0)
    losses.append(lstm.fit(model, batches, settings).losses)
apart = max(abs(one - two) for one, two in zip(*losses, strict=True))
print("20 losses, largest difference below 1e-12:", apart < 1e-12)

# %%
#| check: >-
#|   The losses are the same to rounding, the run has learned something, and the moved
#|   weights are still the moved ones.
assert apart < 1e-12
assert losses[0][-1] < losses[0][0] - 0.2
weights = [model.layer.weight_ih_l0 for model in models]
assert (weights[0][:, order] - weights[1]).abs().max() < 1e-12
