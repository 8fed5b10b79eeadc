# ---
# minutes: 0.5
# ---

# %% [markdown]
r"""
# Solutions to chapter 14

Try the [exercises](../14_trouble.ipynb#Exercises) first; the first two need a pencil.
"""

# %%
import math
from itertools import islice

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

import lstm
from lstm import checkup, figures
from lstm.data import NGrams, Vocab
from lstm.figures import plt

# %% [markdown]
r"""
## Exercise 1

A model that knows nothing of 10 classes has a loss of $\ln 10 = 2.30$ for each target.
Summed over 4 sequences with one target each, 9.21: that is no alarm about the model. It
is one about the loss: a sum grows with the batch, and with it the gradient, so that
clipping and the rate (but not Adam's direction) mean something else for each batch
size.
"""

# %%
torch.manual_seed(0)
model = lstm.SequenceClassifier(nn.LSTM(3, 16, batch_first=True), 10)
scores, classes = model(torch.randn(4, 7, 3)), torch.randint(10, (4,))
print(f"ln 10 = {math.log(10):.2f}, four times {4 * math.log(10):.2f}")
print(f"a fresh model: {cross_entropy(scores, classes, reduction='sum').item():.1f}")
assert abs(cross_entropy(scores, classes, reduction="sum") - 4 * math.log(10)) < 1

# %% [markdown]
r"""
## Exercise 2

The scores are probabilities, between 0 and 1. The loss is smallest where the right one
is as high and all others are as low as possible: 1 and 0. Then it is
$-\ln \bigl(e / (e + V - 1)\bigr) = \ln(e + V - 1) - 1$. For $V = 2$ that is 0.313: a
loss of 0.32 can be reached, one of 0.30 cannot.
"""


# %%
def floor(V):
    """The least loss of `cross_entropy` on what a softmax gave."""
    return math.log(math.e + V - 1) - 1


for V in (2, 10, 28):
    sure = torch.zeros(1, V)
    sure[0, 0] = 1000.0
    least = cross_entropy(sure.softmax(dim=-1), torch.tensor([0])).item()
    print(f"V = {V:2}: {floor(V):.3f}, by torch {least:.3f}")
    assert abs(least - floor(V)) < 1e-5
assert 0.30 < floor(2) < 0.32

# %% [markdown]
r"""
## Exercise 3

`view` keeps the order in memory: numbered sequence by sequence, place $nL + t$. The
layer takes the same six vectors for three steps of two sequences: place $tN + n$. With
$N = 2$ it reads the places 0, 2, 4 as one sequence and 1, 3, 5 as the other. If the
outputs are brought back by `view` as well, an output at place $p$ reads the places up
to $p$ of the same parity: every other step, through both sequences.
"""


# %%
class Viewed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(4, 8)

    def forward(self, inputs):
        N, L, D = inputs.shape
        return self.layer(inputs.view(L, N, D))[0].view(N, L, -1)


torch.manual_seed(0)
found = checkup.influence(Viewed(), torch.randn(2, 3, 4))
places = torch.arange(6)
predicted = (places[:, None] >= places) & ((places[:, None] - places) % 2 == 0)

# %%
#| fig-alt: >-
#|   One square of two by two fields. On and below the diagonal every second place is
#|   filled, like a chessboard, across the border between the two sequences.
figures.influence({"view": found})
plt.show()

# %%
#| check: >-
#|   The picture is the predicted one.
assert torch.equal(found.view(6, 6), predicted)

# %% [markdown]
r"""
## Exercise 4

None. The fault lies in the evaluation, so only a test that evaluates can see it. Of the
seven in the chapter's table, five look at the training's own batches, where dropout
belongs, and `influence` switches evaluation mode on by itself. There remains
"counting", the loss on new pages. We train the chapter's reader with a dropout of 0.5,
and evaluate it both ways.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()


# %%
class Reader(nn.Module):
    """The chapter's; `twice` plants a softmax before the loss (exercise 6)."""

    def __init__(self, V, twice=False, dropout=0.0):
        super().__init__()
        self.embedding, self.twice = nn.Embedding(V, 32), twice
        self.layer = nn.LSTM(32, 64, batch_first=True)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(64, V)

    def forward(self, letters):
        output, _ = self.layer(self.embedding(letters))
        scores = self.head(self.dropout(output))
        return scores.softmax(dim=-1) if self.twice else scores


vocab = Vocab(text)
V, symbols = len(vocab), vocab.encode(text)
cut = int(0.9 * len(symbols))
training, new = symbols[:cut], symbols[cut:]
fed = lstm.data.Minibatches(*lstm.data.windows(training, 32), size=16, seed=0)
torch.manual_seed(0)
model = Reader(V, dropout=0.5)
_ = lstm.fit(model, fed, lstm.TrainConfig(steps=250, lr=0.01))
inputs, targets = lstm.data.windows(new, 32)
limit = NGrams(training, 2, V).logprobs(new).neg().mean().item() - 0.1


@torch.no_grad()
def on_new_pages(model):
    return lstm.score(model(inputs), targets).item()


torch.manual_seed(0)
losses = {"training": on_new_pages(model.train()), "eval": on_new_pages(model.eval())}

# %% tags=["nbval-ignore-output"]
for mode, loss in losses.items():
    print(f"evaluated in {mode} mode: {loss:.2f} (alarm above {limit:.2f})")

# %%
#| check: >-
#|   Evaluated in training mode the loss is more than 0.05 too high, and still below
#|   what raises the alarm.
assert losses["eval"] + 0.05 < losses["training"] < limit

# %% [markdown]
r"""
So "counting" does not see it either: the loss is too high by a tenth or so, and that
shows only to one who knows the right one. What shows without it is that the loss
changes from call to call. The test is to evaluate twice and compare.
"""


# %%
def evaluates_the_same_twice(model, inputs):
    """Whether an evaluation draws nothing: two calls, the same numbers."""
    with torch.no_grad():
        return torch.equal(model(inputs), model(inputs))


torch.manual_seed(0)
model = lstm.LanguageModel(nn.LSTM(28, 16), dropout=0.5)
letters = torch.randint(28, (4, 9))
print("in training mode:  ", evaluates_the_same_twice(model.train(), letters))
print("in evaluation mode:", evaluates_the_same_twice(model.eval(), letters))
assert evaluates_the_same_twice(model, letters)
assert not evaluates_the_same_twice(model.train(), letters)

# %% [markdown]
r"""
## Exercise 5

Set what is not valid to 0, add up, and divide by the length, but at least by 1. The
setting must be a choice (`masked_fill`, `where`), no product: if the layer has put a
NaN there, 0 times NaN is NaN.
"""


# %%
def mean_of_valid(output, lengths):
    """output: (N, L, H)   lengths: (N)   ->   (N, H), zeros for a length of 0"""
    padding = torch.arange(output.shape[1]) >= lengths[:, None]
    total = output.masked_fill(padding[..., None], 0.0).sum(dim=1)
    return total / lengths.clamp(min=1)[:, None]


torch.manual_seed(0)
output = torch.randn(3, 4, 2)
output[2] = torch.nan  # an empty sequence, and nonsense in its padding
output.requires_grad_()
lengths = torch.tensor([4, 2, 0])
means = mean_of_valid(output, lengths)
(slope,) = torch.autograd.grad(means.sum(), output)
print("of the empty one:", means[2].tolist())
print("gradient finite:", bool(slope.isfinite().all()))
assert_close(means[1], output[1, :2].mean(dim=0))
assert (means[2] == 0).all()
assert slope.isfinite().all()

# %% [markdown]
r"""
## Exercise 6

The reader of exercise 4, without dropout, with both faults, one, or none. A softmax
before the loss has a floor (section 14.9), and with it one batch is not learned by
heart, whatever the targets are: that leads to the softmax, and it *hides* the other
fault, since nothing can be too good now. With the softmax mended, the loss on shuffled
letters, which nobody can know better than by their frequencies, falls to nearly 0, and
leads to the targets.
"""


# %%
order = torch.randperm(len(symbols), generator=torch.Generator().manual_seed(0))


def loss_of(twice, shifted, text, one_batch, steps=150):
    """The mean loss of the last 20 updates."""
    torch.manual_seed(0)
    model = Reader(V, twice)
    inputs, targets = lstm.data.windows(text, 32)
    targets = targets if shifted else inputs
    batches = lstm.data.Minibatches(inputs, targets, size=16, seed=0)
    fed = list(islice(batches, 1 if one_batch else None))
    config = lstm.TrainConfig(steps=steps, lr=0.01)
    return sum(lstm.fit(model, fed, config).losses[-20:]) / 20


cases = {
    "both": (True, False),
    "softmax twice": (True, True),
    "targets not shifted": (False, False),
    "none": (False, True),
}
by_heart = {name: loss_of(*case, symbols, True) for name, case in cases.items()}
shuffled = {name: loss_of(*case, symbols[order], False) for name, case in cases.items()}
share = torch.bincount(symbols, minlength=V)[1:] / len(symbols)
entropy = -(share * share.log()).sum().item()

# %% tags=["nbval-ignore-output"]
rows = [(n, f"{by_heart[n]:.2f}", f"{shuffled[n]:.2f}") for n in cases]
print(f"the floor of a softmax twice: {floor(V):.2f}")
print(f"loss of one who knows the letters' frequencies: {entropy:.2f}")
lstm.Table(("fault", "one batch", "shuffled letters"), rows)

# %%
#| check: >-
#|   With the softmax a batch is not learned by heart, with one fault or both. Without
#|   it, targets that are not shifted show on shuffled letters, where nobody is better
#|   than the frequencies.
assert min(by_heart["both"], by_heart["softmax twice"]) > 2.3
assert by_heart["targets not shifted"] < 0.15
assert shuffled["targets not shifted"] < 0.3
assert by_heart["none"] < 0.3
assert shuffled["none"] > entropy - 0.2
