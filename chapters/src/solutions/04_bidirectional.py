# ---
# minutes: 0.5
# ---

# %% [markdown]
r"""
# Solutions to chapter 4

Try the [exercises](../04_bidirectional.ipynb#Exercises) of chapter 4 first. The first
two need no training; those that train do so for seconds.
"""

# %%
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm.data import Recall

# %% [markdown]
r"""
## Exercise 1

The parameters of `nn.LSTM(28, 128, bidirectional=True)`. One direction has two stacked
matrices, $4H \times D$ and $4H \times H$, and two biases of $4H$ numbers: $4 \cdot 128
\cdot (28 + 128 + 2) = 80{,}896$. Two directions share nothing, so there are twice as
many.
"""

# %%
on_paper = 2 * 4 * 128 * (28 + 128 + 2)
counted = lstm.shapes.count(28, 128, bidirectional=True)
held = sum(p.numel() for p in nn.LSTM(28, 128, bidirectional=True).parameters())
print(f"on paper {on_paper:,}, by lstm.shapes {counted:,}, held by the layer {held:,}")
assert on_paper == counted == held == 161_792

# %% [markdown]
r"""
## Exercise 2

What the halves of `output[:, 0]` have seen. It is the mirror image of the trap: at the
first step the forward direction has read one input, the reverse direction all of them.
We change one input at a time and count those that move a half.
"""

# %%
torch.manual_seed(0)
L, H = 7, 5
layer = nn.LSTM(3, H, bidirectional=True, batch_first=True).double()
x = torch.randn(1, L, 3).double()
before = layer(x)[0][0, 0].detach()
seen = {"forward half": 0, "reverse half": 0}
for t in range(L):
    changed = x.clone()
    changed[:, t] += 1
    moved = layer(changed)[0][0, 0].detach() != before
    seen["forward half"] += moved[:H].any().item()
    seen["reverse half"] += moved[H:].any().item()
print(seen)
assert seen == {"forward half": 1, "reverse half": L}

# %% [markdown]
r"""
## Exercise 3

The wrong reader, with help. `output[:, -1]` leaves it the forward direction, which must
carry the key past 19 distractors. With a forget bias of 3 its forget gates stand at
$\sigma(3) = 0.953$, and after 19 steps $0.953^{19} = 0.40$ of what was written is left,
where $0.5^{19}$ is two millionths. Chapter 1 saw that this is enough to learn.
"""


# %%
class LastStep(lstm.SequenceClassifier):
    """The mistake: reads the last step of the output, whatever the directions."""

    def forward(self, inputs):
        output, _ = self.layer(inputs)
        return self.linear(output[:, -1])


def named(reader, task, seed, forget=None, updates=100):
    """The share of keys that is named after training; chance is 0.25."""
    torch.manual_seed(seed)
    layer = nn.LSTM(task.input_size, 32, batch_first=True, bidirectional=True)
    if forget is not None:
        with torch.no_grad():
            layer.bias_ih_l0[32:64] = forget  # i, f, g, o; the forward direction's
            layer.bias_hh_l0[32:64] = 0
    model = reader(layer, task.classes)
    lstm.fit(model, task.batches(64, seed), lstm.TrainConfig(steps=updates, lr=1e-2))
    return lstm.evaluate(model, [next(task.batches(2000, 10_000 + seed))]).accuracy


# %% tags=["nbval-ignore-output"]
shares = {
    forget: [named(LastStep, Recall(20), seed, forget) for seed in (0, 1, 2)]
    for forget in (None, 3.0)
}
rows = [(str(bias), *(f"{v:.3f}" for v in found)) for bias, found in shares.items()]
lstm.Table(("forget bias", "seed 0", "seed 1", "seed 2"), rows)

# %%
#| check: >-
#|   As drawn by torch it guesses; with open forget gates it names the key.
assert max(shares[None]) < 0.35
assert min(shares[3.0]) > 0.9

# %% [markdown]
r"""
So `output[:, -1]` can do, if the one direction that it keeps is able to. The mistake is
to pay for two and to throw one away.

## Exercise 4

The key in the middle. Now the two directions stand equally far from it, and neither
final state has it fresh. At length 9 four distractors lie on each side, few enough for
a fresh LSTM, and either reading learns. At length 39 there are 19 on each side: then
the right reading, too, needs a memory that a fresh LSTM does not have yet.
"""


# %%
class Middle(Recall):
    """The task with its key moved to the middle."""

    def batch(self, size, generator=None):
        inputs, key = super().batch(size, generator)
        half = self.length // 2
        moved = [inputs[:, 1 : half + 1], inputs[:, :1], inputs[:, half + 1 :]]
        return torch.cat(moved, dim=1), key


x, key = next(Middle(9).batches(100))
assert (x[:, 4].argmax(-1) == key).all()
assert (x[:, :4].argmax(-1) >= 4).all()

# %% tags=["nbval-ignore-output"]
readers = {"h_n": lstm.SequenceClassifier, "output[:, -1]": LastStep}
middle = {
    (length, name): [named(reader, Middle(length), seed) for seed in (0, 1)]
    for length in (9, 39)
    for name, reader in readers.items()
}
rows = [(*case, *(f"{v:.3f}" for v in found)) for case, found in middle.items()]
lstm.Table(("length", "reading", "seed 0", "seed 1"), rows)

# %%
#| check: >-
#|   Four distractors on each side are learned by both readings, nineteen by neither.
assert min(min(found) for (length, _), found in middle.items() if length == 9) > 0.9
assert max(max(found) for (length, _), found in middle.items() if length == 39) < 0.4

# %% [markdown]
r"""
## Exercise 5

Two layers of one direction that hold the weights of one of two. Names tell which: those
of the second direction end in `_reverse`.
"""

# %%
torch.manual_seed(0)
both = nn.LSTM(3, 5, bidirectional=True).double()
ahead, back = nn.LSTM(3, 5).double(), nn.LSTM(3, 5).double()
for one, suffix in ((ahead, ""), (back, "_reverse")):
    own = {name: getattr(both, name + suffix) for name, _ in one.named_parameters()}
    one.load_state_dict(own)

x = torch.randn(7, 4, 3).double()
output, (h_n, c_n) = both(x)
there, (h_there, c_there) = ahead(x)
again, (h_again, c_again) = back(x.flip(0))
assert_close(torch.cat([there, again.flip(0)], dim=-1), output)
assert_close(torch.cat([h_there, h_again]), h_n)
assert_close(torch.cat([c_there, c_again]), c_n)
print("output", tuple(output.shape), "and states agree")

# %% [markdown]
r"""
## Exercise 6

What the second layer's forward direction has seen at step 1. It has made one step only,
but the input of that step is the first layer's output at step 1, of *both* directions,
and the reverse one comes from the end of the sequence. So it has seen everything: the
gradient of its state with respect to every input is nonzero. In one layer only the
first input counts.
"""

# %%
torch.manual_seed(0)
seen = {}
for num_layers in (1, 2):
    layer = nn.LSTM(3, 5, num_layers, bidirectional=True).double()
    x = torch.randn(7, 1, 3).double().requires_grad_()
    first = layer(x)[0][0, 0, :5]  # step 1, the forward direction of the last layer
    (gradient,) = torch.autograd.grad(first.square().sum(), x)
    seen[num_layers] = (gradient.abs().sum(dim=(1, 2)) > 0).tolist()
    print(num_layers, "layer(s):", sum(seen[num_layers]), "of 7 inputs seen at step 1")
assert seen[1] == [True] + [False] * 6
assert seen[2] == [True] * 7

# %% [markdown]
r"""
## Exercise 7

A delay in place of a second direction. Targets shifted by $k$: the answer about step
$t$ is given at step $t + k$, and depends on inputs up to there, $k$ of the future.
First the proof by gradients, then a small training with $k = 0$ and $k = 3$, on the
text that ships with the package.
"""

# %%
torch.manual_seed(0)
L, t = 9, 4
layer = nn.LSTM(3, 5, batch_first=True).double()
x = torch.randn(1, L, 3).double().requires_grad_()
depends = {}
for k in (0, 3):
    (gradient,) = torch.autograd.grad(layer(x)[0][0, t + k].square().sum(), x)
    depends[k] = gradient[0].abs().sum(-1).nonzero().flatten().tolist()
    print(f"k = {k}: the answer about step {t} depends on steps", depends[k])
assert depends == {0: [0, 1, 2, 3, 4], 3: [0, 1, 2, 3, 4, 5, 6, 7]}


# %%
class Late:
    """Minibatches of text with letters hidden, answered k steps late."""

    def __init__(self, sequences, k, seed):
        self.sequences, self.k = sequences, k
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self):
        order = torch.randperm(len(self.sequences), generator=self.generator)
        for rows in order.split(32):
            passages = self.sequences[rows]
            inputs, targets = lstm.data.mask(passages, 0.15, self.generator)
            yield self.shift(inputs, targets)

    def shift(self, inputs, targets):
        """Append k unknown symbols, so that all answers fit in; move the targets."""
        inputs = nn.functional.pad(inputs, (0, self.k), value=0)
        return inputs, nn.functional.pad(targets, (self.k, 0), value=-100)


text = lstm.data.load_text("embedded")
vocab = lstm.data.Vocab(text)
symbols, length = vocab.encode(text), 64
cut = int(0.9 * len(symbols))
train, test = (
    part[: len(part) // length * length].view(-1, length)
    for part in (symbols[:cut], symbols[cut:])
)
print(tuple(train.shape), "to train,", tuple(test.shape), "to test")

# %% tags=["nbval-ignore-output"]
late = {}
for k in (0, 3):
    for seed in (0, 1):
        torch.manual_seed(seed)
        layer = nn.LSTM(len(vocab), 64, batch_first=True)
        model = lstm.SequenceTagger(layer, len(vocab))
        config = lstm.TrainConfig(steps=300, lr=1e-2)
        lstm.fit(model, Late(train, k, seed), config)
        held_out = Late(test.repeat(20, 1), k, seed=2)
        late.setdefault(k, []).append(lstm.evaluate(model, held_out).accuracy)
for k, shares in late.items():
    print(f"k = {k}: restored", *(f"{share:.3f}" for share in shares))

# %%
#| check: >-
#|   Three letters of the future, seen by waiting, restore more hidden letters.
assert min(late[3]) > max(late[0]) + 0.02

# %% [markdown]
r"""
Waiting gives the future, at a price: the answer comes $k$ steps late, and the state has
to carry what it saw of step $t$ for $k$ steps more. Speech recognisers that must keep
up with a speaker make this bargain.
"""
