# ---
# part: Understand
# question: What does reading backwards add?
# proved: by hand equals `nn.LSTM`; digits, hidden letters, and a cheat exposed
# minutes: 3
# ---

# %% [markdown]
r"""
# 4. Reading in both directions

**What you will build.** A bidirectional LSTM, by `nn.LSTM` and by hand, and shown to be
equal. Four models that read handwritten digits row by row. Two models that restore
letters hidden in a text.

**What you will learn.** What a second direction adds, and where its results lie in
PyTorch's tensors. Why `output[:, -1]` is a silent mistake. When two directions matter,
when they do not, and when they must not be used.

**What you need.** Chapters 1 to 3. The training takes two to three minutes on two
processor cores.
"""

# %%
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

import lstm
from lstm import bench, figures
from lstm.figures import plt

device = lstm.pick_device()
# a GPU's nn.LSTM would round its factors to 10 bits; code by hand does not
lstm.full_precision()

# %% [markdown]
r"""
## 4.1 The idea

Which letter is missing in `th_ time`? The letters before it leave several answers; the
ones after it help to decide. A plain LSTM at the gap knows only the past. A
**bidirectional** network ([Schuster and Paliwal,
1997](https://doi.org/10.1109/78.650093); with LSTMs, [Graves and Schmidhuber,
2005](https://doi.org/10.1016/j.neunet.2005.06.042)) has two recurrent layers side by
side. One reads from the first step to the last, the other from the last to the first.
They share only the input, neither weights nor states. At every step their two hidden
states are laid side by side:

$$
\mathbf{H}_t = [\overrightarrow{\mathbf{H}}_t, \overleftarrow{\mathbf{H}}_t]
  \in \mathbb{R}^{n \times 2h}. \tag{4.1}
$$
"""

# %%
#| fig-alt: >-
#|   Inputs X1 to X4, each with an arrow into two states. The lower, blue chain runs to
#|   the right and ends in h_n[0], the upper, orange one to the left and ends in
#|   h_n[1]. At every step both states go up into one output.
figures.bidirectional(steps=4)
plt.show()

# %% [markdown]
r"""
Follow the colours. The blue chain has read everything when it arrives on the right, the
orange one when it arrives on the left. The two *final* states therefore sit at opposite
ends of the sequence. Keep this picture in mind.

## 4.2 Shapes, and where the final states lie

Small numbers first: four sequences ($N=4$; with two, the batch could not be told from
the two directions) of seven steps ($L=7$), three inputs ($D=3$), five units ($H=5$) in
each direction.
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(3, 5, bidirectional=True, batch_first=True).double()
x = torch.randn(4, 7, 3).double()
output, (h_n, c_n) = layer(x)
print(
    "output", tuple(output.shape), "  h_n", tuple(h_n.shape), "  c_n", tuple(c_n.shape)
)

# %% [markdown]
r"""
`output` holds (4.1) for every step of the last layer: the first $H$ features are the
forward direction's, the others the reverse direction's. `h_n` and `c_n` hold the final
states, forward first, then reverse. They keep the batch on their *second* axis even
though we asked for `batch_first`; chapter 5 comes back to that.
"""

# %%
H = 5
assert output.shape == (4, 7, 2 * H)
assert h_n.shape == c_n.shape == (2, 4, H)
assert torch.equal(output[:, -1, :H], h_n[0])  # forward: final at the last step
assert torch.equal(output[:, 0, H:], h_n[1])  # reverse: final at the first step

# %% [markdown]
r"""
## 4.3 The trap: `output[:, -1]`

Much code takes the last step of the output as the summary of a sequence. With one
direction, and no padding, that is right. With two directions it is half wrong, and
nothing complains. At the last step the reverse direction has only *begun*: it has seen
one input out of seven. We change everything but the last input and look at what moves.
"""

# %%
changed = x.clone()
changed[:, :-1] = torch.randn(4, 6, 3).double()
output_changed, (h_changed, _) = layer(changed)

moved = (output_changed[:, -1] - output[:, -1]).abs().amax(dim=0)
assert (moved[:H] > 0).all()  # the forward half has seen the change
assert (
    moved[H:] == 0
).all()  # the reverse half has not: six of seven inputs never reach it
assert (
    h_changed[1] != h_n[1]
).all()  # the true final state of the reverse direction has seen it

# %% [markdown]
r"""
The summary to use is the two final states side by side:
`torch.cat([h_n[-2], h_n[-1]], dim=-1)`, for the last layer. It also stays right when
sequences are packed (chapter 5). The package's `SequenceClassifier` does just that.
"""

# %%
summary = torch.cat([h_n[-2], h_n[-1]], dim=-1)
assert torch.equal(summary, torch.cat([output[:, -1, :H], output[:, 0, H:]], dim=-1))
assert not torch.equal(summary, output[:, -1])
print("summary", tuple(summary.shape))

# %% [markdown]
r"""
## 4.4 By hand

If a bidirectional LSTM is two LSTMs, then one `lstm_step` and a loop must be enough to
build it. The loop is the package's `scan`, quoted. With `reverse` it reads from the end
to the beginning, and turns the outputs round again, so that step $t$ of one direction
lies beside step $t$ of the other.
"""


# %%
# lstm/steps.py
def scan(step, inputs, state, weights, reverse=False):
    """Apply one step along a sequence, or from its end, carrying the state.

    inputs: (L, N, D)
    ->   outputs: (L, N, H), the hidden state after every step; and the last state
    """
    outputs = []
    for x in inputs.flip(0) if reverse else inputs:
        state = step(x, state, *weights)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if reverse else outputs), state


# %% [markdown]
r"""
`lstm.LSTM`, the package's layer, is this loop over directions and layers, with
PyTorch's names. From here on it is the "Hand" in the models' names. We build the
bidirectional LSTM from two of them, one for each direction: the second reads the
sequence turned round (`flip(0)` reverses the time axis), and its output is turned round
again.

Names show which parameters belong to which: those of the second direction end in
`_reverse`.
"""

# %%
theirs = nn.LSTM(3, 5, bidirectional=True).double()
for name, parameter in theirs.named_parameters():
    print(f"{name:22}", tuple(parameter.shape))

# %%
forward, reverse = lstm.LSTM(3, 5).double(), lstm.LSTM(3, 5).double()
for layer, suffix in ((forward, ""), (reverse, "_reverse")):
    own = {name: getattr(theirs, name + suffix) for name, _ in layer.named_parameters()}
    layer.load_state_dict(own)


def both_ways(inputs, h_0, c_0):
    """inputs: (L, N, D)   h_0, c_0: (2, N, H)   ->   output: (L, N, 2H), (h_n, c_n)"""
    ahead, end = forward(inputs, (h_0[:1], c_0[:1]))
    back, start = reverse(inputs.flip(0), (h_0[1:], c_0[1:]))
    h_n, c_n = (torch.cat(states) for states in zip(end, start, strict=True))
    return torch.cat([ahead, back.flip(0)], dim=-1), (h_n, c_n)


# %% [markdown]
r"""
The proof, as in chapter 3: the same weights, starting states that are not zero, 64-bit
floats; outputs, final states, and the gradient of every parameter, of the input and of
the states. And a third layer stands beside them, the package's own bidirectional one,
which is built in the same way.
"""

# %%
ours = lstm.LSTM(3, 5, bidirectional=True).double()
_ = ours.load_state_dict(theirs.state_dict())
leaves = [torch.randn(7, 4, 3), torch.randn(2, 4, 5), torch.randn(2, 4, 5)]
x, h_0, c_0 = leaves = [t.double().requires_grad_() for t in leaves]


def everything(output, states, parameters):
    """Output, final states, all gradients of one random mixture of the first three."""
    torch.manual_seed(1)
    tensors = [output, *states]
    scalar = sum((torch.randn_like(t) * t).sum() for t in tensors)
    return [*tensors, *torch.autograd.grad(scalar, [*parameters, *leaves])]


two = everything(
    *both_ways(x, h_0, c_0), [*forward.parameters(), *reverse.parameters()]
)
one = everything(*ours(x, (h_0, c_0)), ours.parameters())
want = everything(*theirs(x, (h_0, c_0)), theirs.parameters())
assert_close(two, want)
assert_close(one, want)
print(len(want), "tensors agree: output, h_n, c_n and", len(want) - 3, "gradients")

# %% [markdown]
r"""
## 4.5 Four models on handwritten digits

The study repository that this book grew from trains four models: LSTM, BI-LSTM (both
`nn.LSTM`), Hand-LSTM and Hand-BI-LSTM (both by hand), with 128 hidden units and weights
from $\mathcal{U}(-1/\sqrt{128}, 1/\sqrt{128})$. We give all four the same data, the
same batches and the same number of steps.

The data are handwritten digits, read as sequences: each row of pixels is one time step.
With no network at hand, scikit-learn's small digits (8 rows of 8) stand in for MNIST
(28 rows of 28).
"""

# %% tags=["nbval-ignore-output"]
images = lstm.data.load_images()
print(
    images.name,
    tuple(images.train_x.shape),
    "to train,",
    tuple(images.test_x.shape),
    "to test",
)

# %%
#| fig-alt: >-
#|   Left, a handwritten digit as grey pixels, crossed by coloured lines at six of its
#|   rows. Right, these rows as curves in the same colours: flat where the row is
#|   blank, humped where it meets a stroke.
figures.digit_rows(images.train_x[0], images.train_y[0].item())
plt.show()

# %% [markdown]
r"""
The models, from layers that swap in one line. `nn.LSTM` draws its weights from the very
distribution that the repository writes out by hand, and so does the package's layer.
With the same seed the twins start from the same numbers.
"""

# %%
rows, pixels = images.train_x.shape[1:]
kinds = {
    "LSTM": (nn.LSTM, False),
    "Hand-LSTM": (lstm.LSTM, False),
    "BI-LSTM": (nn.LSTM, True),
    "Hand-BI-LSTM": (lstm.LSTM, True),
}


def digit_reader(name):
    kind, bidirectional = kinds[name]
    torch.manual_seed(0)
    layer = kind(pixels, 128, batch_first=True, bidirectional=bidirectional)
    return lstm.SequenceClassifier(layer, 10).to(device)


for name in kinds:
    weights = torch.cat([p.flatten() for p in digit_reader(name).layer.parameters()])
    bound = 128**-0.5
    assert weights.abs().max() <= bound
    # of a uniform distribution
    assert_close(weights.std().item(), bound / 3**0.5, rtol=0.02, atol=0)

# %% [markdown]
r"""
The budget is 1,200 steps on batches of 100: on MNIST two passes over the training
images, as in the notes. `lstm.fit` switches the model to training mode, `lstm.evaluate`
to evaluation mode and back; these models have neither dropout nor batch normalisation,
so here the modes change nothing, but the habit is right.
"""


# %% tags=["nbval-ignore-output"]
def loader(x, y, shuffle):
    order = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(x, y), 100, shuffle=shuffle, generator=order)


losses, accuracy = {}, {}
for name in kinds:
    model = digit_reader(name)
    train = loader(images.train_x, images.train_y, shuffle=True)
    losses[name] = lstm.fit(model, train, lstm.TrainConfig(steps=1200), label=name)
    test = loader(images.test_x, images.test_y, shuffle=False)
    accuracy[name] = lstm.evaluate(model, test).accuracy

# %%
#| fig-alt: >-
#|   Four noisy loss curves fall on a logarithmic axis. At first they form two pairs,
#|   LSTM with Hand-LSTM and, lower, BI-LSTM with Hand-BI-LSTM; later the members of
#|   each pair drift apart and all four come close.
smooth = {
    name: torch.tensor(values).view(-1, 20).mean(dim=1)
    for name, values in losses.items()
}
figures.lines(
    smooth, "step", "training loss (mean of 20 steps)", x=range(20, 1201, 20), log=True
)
plt.show()

# %% [markdown]
r"""
At first only two curves can be told apart: each Hand curve lies on its twin's, for the
weights, the batches and the function are the same. After a few hundred steps the twins
part, too. Rounding differs in the last digit, and training multiplies the difference.
"""

# %%
for name in ("LSTM", "BI-LSTM"):
    twins = digit_reader(name).parameters(), digit_reader("Hand-" + name).parameters()
    assert all(torch.equal(a, b) for a, b in zip(*twins, strict=True))
    ours, theirs = torch.tensor(losses["Hand-" + name]), torch.tensor(losses[name])
    assert_close(ours[:20], theirs[:20], rtol=1e-3, atol=1e-3)
    assert abs(accuracy["Hand-" + name] - accuracy[name]) < 0.05

# %% [markdown]
r"""
The results on the test images. The speeds are from `make bench`: training steps of
MNIST's shape.
"""

# %% tags=["nbval-ignore-output"]
count = {
    name: sum(p.numel() for p in digit_reader(name).parameters()) for name in kinds
}
report = bench.committed()
speed = report["tasks"]["rows"]["speeds"]
where = f"images/s, {report['machine']['device']}"
table = [
    (name, f"{accuracy[name]:.2%}", f"{count[name]:,}", f"{speed[name]:,}")
    for name in kinds
]
lstm.Table(("model", "test accuracy", "parameters", where), table)

# %%
assert min(accuracy.values()) > 0.9
# the second direction changes little here
assert abs(accuracy["BI-LSTM"] - accuracy["LSTM"]) < 0.05
assert count["BI-LSTM"] > 1.9 * count["LSTM"]
assert speed["BI-LSTM"] < 0.7 * speed["LSTM"]
assert speed["Hand-LSTM"] < 0.7 * speed["LSTM"]

# %% [markdown]
r"""
On this processor two directions take about twice as long as one, and the loop by hand
twice as long as `nn.LSTM`. They have twice the parameters, and bring little. No wonder:
to name a digit, one direction that has seen all rows has seen everything, and 28 rows
are few enough to remember. It is often said that a bidirectional network "predicts
better because it uses the future". That holds where there is a future to use: where an
answer is wanted *at a step*, before the sequence is over.

## 4.6 Where the second direction matters: restoring hidden letters

We hide 15 % of the symbols of a text at random (spaces count, too), replace them by the
unknown symbol `<unk>`, index 0, and ask the network at each hidden place for the
symbol. (Training language models this way was made famous by
[BERT](https://arxiv.org/abs/1810.04805).) The last tenth of the text is held out for
the test.
"""

# %% tags=["nbval-ignore-output"]
text = lstm.data.load_text()
vocab = lstm.data.Vocab(text)
symbols = vocab.encode(text)
generator = torch.Generator().manual_seed(0)
hidden, targets = lstm.data.mask(symbols[:60], 0.15, generator)
print("".join("_" if n == 0 else vocab.symbols[n] for n in hidden))
print("".join(vocab.symbols[n] if n >= 0 else "." for n in targets))

# %%
length = 64
cut = int(0.9 * len(symbols))
train_part, test_part = (
    part[: len(part) // length * length].view(-1, length)
    for part in (symbols[:cut], symbols[cut:])
)
assert len(vocab) == 28
assert len(train_part) > 8 * len(test_part)


class HiddenLetters:
    """Minibatches of text with letters hidden, drawn anew in every pass if `fresh`."""

    def __init__(self, sequences, seed, fresh):
        self.sequences, self.seed, self.fresh = sequences, seed, fresh
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self):
        generator = (
            self.generator if self.fresh else torch.Generator().manual_seed(self.seed)
        )
        for rows in torch.randperm(len(self.sequences), generator=generator).split(32):
            yield lstm.data.mask(self.sequences[rows], 0.15, generator)


# %% [markdown]
r"""
A fair comparison gives both the same number of parameters: one direction with 188 units
against two with 128 each. The arithmetic of `lstm.shapes` says that the single
direction even has slightly more.
"""


# %%
def tagger(hidden_size, bidirectional):
    torch.manual_seed(0)
    layer = nn.LSTM(
        len(vocab), hidden_size, batch_first=True, bidirectional=bidirectional
    )
    return lstm.SequenceTagger(layer, len(vocab)).to(device)


taggers = {"one direction": tagger(188, False), "two directions": tagger(128, True)}
sizes = [sum(p.numel() for p in model.parameters()) for model in taggers.values()]
assert sizes == [
    lstm.shapes.count(28, 188) + 189 * 28,
    lstm.shapes.count(28, 128, bidirectional=True) + 257 * 28,
]
assert 0 < sizes[0] - sizes[1] < 0.005 * sizes[0]
print(dict(zip(taggers, sizes, strict=True)))

# %% tags=["nbval-ignore-output"]
restored = {}
test = HiddenLetters(test_part.repeat(10, 1), 2, fresh=False)  # hidden anew ten times
for name, model in taggers.items():
    batches = HiddenLetters(train_part, 1, fresh=True)
    config = lstm.TrainConfig(steps=800, lr=4e-3)
    lstm.fit(model, batches, config, label=name)
    result = restored[name] = lstm.evaluate(model, test)
    print(f"{name:15} accuracy {result.accuracy:.3f}", end="   ")
    print(f"perplexity {result.perplexity:.2f}")

# %%
#| fig-alt: >-
#|   Three bars, each taller than the one before: share of hidden letters restored by
#|   always naming the commonest symbol, by one direction, and, clearly the best, by
#|   two directions.
# index 1 is the commonest symbol
most_frequent = (test_part == 1).float().mean().item()
shares = {"always the\ncommonest symbol": most_frequent}
shares |= {name: result.accuracy for name, result in restored.items()}
figures.bars(shares, "", "hidden letters restored, share", ylim=(0, 1))
plt.show()

# %%
one, two = restored.values()
first, second = (next(iter(test)) for _ in range(2))
assert torch.equal(first[0], second[0])  # the same letters were hidden from both
assert two.accuracy > one.accuracy + 0.05
assert two.perplexity < 0.85 * one.perplexity
assert one.accuracy > most_frequent

# %% [markdown]
r"""
With equal parameters, the two directions restore clearly more. Look at a few lines of
the held-out text: as given to both, with an underscore for each hidden symbol, and as
restored by each, with an underscore for what was not found.
"""

# %% tags=["nbval-ignore-output"]
hidden, targets = lstm.data.mask(test_part[:3], 0.15, torch.Generator().manual_seed(3))


def lines_of(rows):
    """Rows of indices as indented lines of text, '_' for what is not known."""
    shown = (
        "".join("_" if n == 0 else vocab.symbols[n] for n in row)
        for row in rows.tolist()
    )
    return "\n".join("   " + line for line in shown)


print("original", lines_of(test_part[:3]), "as given", lines_of(hidden), sep="\n")
for name, model in taggers.items():
    model.eval()
    with torch.no_grad():
        found = model(hidden.to(device)).argmax(dim=-1).cpu()
    shown = torch.where(hidden == 0, torch.where(found == targets, found, 0), hidden)
    print(name, lines_of(shown), sep="\n")

# %% [markdown]
r"""
## 4.7 When a bidirectional model must not be used

When the future is the question. Suppose that someone trains a bidirectional *language
model*: at each step, predict the next letter. The loss falls to almost nothing, on
held-out text, too. Triumph? The reverse direction comes to each step straight from the
next letter: it has just read the answer.
"""


# %% tags=["nbval-ignore-output"]
class NextLetter:
    """Minibatches of passages, each with the passage one letter later as targets."""

    def __init__(self, part):
        self.inputs, self.targets = lstm.data.windows(part.flatten(), length)

    def __iter__(self):
        order = torch.Generator().manual_seed(0)
        for rows in torch.randperm(len(self.inputs), generator=order).split(32):
            yield self.inputs[rows], self.targets[rows]


cheat = tagger(64, bidirectional=True)
honest = tagger(64, bidirectional=False)
for name, model in {"two directions": cheat, "one direction": honest}.items():
    config = lstm.TrainConfig(steps=600, lr=1e-2)
    lstm.fit(model, NextLetter(train_part), config, label=name)
    perplexity = lstm.evaluate(model, NextLetter(test_part)).perplexity
    print(name, "held-out perplexity", round(perplexity, 2))

# %% [markdown]
r"""
The test of truth is the last position of a passage. There the answer is not in the
input, as in real use. We compare the share of right letters inside the passages and at
their ends, over held-out passages that begin every eight letters.
"""

# %%
passages = symbols[cut:].unfold(0, length + 1, 8)
inputs, targets = passages[:, :-1], passages[:, 1:]
cheat.eval()
honest.eval()
with torch.no_grad():
    right = {
        name: (model(inputs.to(device)).argmax(dim=-1).cpu() == targets)
        .float()
        .mean(dim=0)
        for name, model in {"two directions": cheat, "one direction": honest}.items()
    }
inside, at_end = right["two directions"][8:-1].mean(), right["two directions"][-1]
assert inside > 0.95  # too good to be true
assert at_end < 0.6  # and not true
# where it counts, the honest model is better
assert at_end < right["one direction"][-1]
assert right["one direction"][8:-1].mean() < 0.7

# %%
#| fig-alt: >-
#|   Share of next letters right, by position. With two directions a level line near 1
#|   plunges at the last position; with one direction a short climb leads to a level
#|   line at medium height, the upper one only at the end.
figures.lines(
    right, "position in the passage", "next letter right, share", ylim=(0, 1.05)
)
plt.show()

# %% [markdown]
r"""
The same holds wherever the answer at a step lies later in the input: forecasts made at
every step of a series, the generation of text, and anything that must answer while the
input is still arriving, such as live captions. (A finished window of the past may be
read in both directions, if what is forecast lies beyond it.) Use two directions when
the whole sequence is at hand *and* the answer is not part of it: tagging, restoring,
classifying, transcribing a recording.

## 4.8 What this chapter does not show

- One seed for each model, and modest budgets: differences of a few tenths of a percent
  on the digits mean nothing.
- Equal parameters are one kind of fairness; equal time would be another.
- The text is small, and neither restorer was tuned: the order of the two is the point,
  not the values.

## Summary

- A bidirectional LSTM is two LSTMs, one on the reversed input, joined feature by
  feature. By hand and by `nn.LSTM` they are equal, gradients included.
- The final states are `h_n[-2]` and `h_n[-1]`. `output[:, -1]` is the trap: its second
  half has seen one input.
- To name a digit, the second direction brought little: the final state has seen every
  row. To restore a letter, at equal size, it brought much.
- Never use it where the future is the answer.

## Exercises

1. *(easy)* How many parameters does `nn.LSTM(28, 128, bidirectional=True)` have? Work
   it out on paper, then check with `lstm.shapes.count`.
2. *(easy)* `output[:, 0]` has two halves: how many inputs has each of them seen?
3. *(medium)* Train the LSTM of section 4.5 on the digits' columns instead of rows.
   Which is easier, and why might it be?
4. *(medium)* Make the mistake of section 4.3 on purpose: classify digits by
   `output[:, -1]` of a BI-LSTM. How much does it cost, and why so little?
5. *(medium)* Hide whole words instead of letters. How do the two restorers of section
   4.6 compare now?
6. *(hard)* A delay in place of a second direction: let the forward LSTM of section 4.6
   answer $k$ steps late (shift the targets by $k$; fill with -100). How large must $k$
   be to come near the bidirectional model?
7. *(hard)* In a two-layer bidirectional LSTM, what has the second layer's *forward*
   direction seen at step 1? Show it by gradients.

## Further reading

- M. Schuster, K. Paliwal, [Bidirectional recurrent neural
  networks](https://doi.org/10.1109/78.650093), 1997.
- A. Graves, J. Schmidhuber, [Framewise phoneme classification with bidirectional
  LSTM](https://doi.org/10.1016/j.neunet.2005.06.042), 2005.
- J. Devlin et al., [BERT](https://arxiv.org/abs/1810.04805), 2019: hidden tokens as a
  training task.
"""
