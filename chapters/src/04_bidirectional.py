# ---
# part: Understand
# question: What does reading backwards add?
# proved: by hand equals `nn.LSTM`; a wrong reading's price, hidden letters, a cheat
# minutes: 3
# ---

# %% [markdown]
r"""
# 4. Reading in both directions

**What you will build.** A bidirectional LSTM of your own `nn.Parameter`s, shown to be
equal to `nn.LSTM`. Four models that read handwritten digits row by row. Two models that
restore letters hidden in a text.

**What you will learn.** What a second direction adds, and where its results lie in
PyTorch's tensors. Why `output[:, -1]` is a silent mistake, and what it costs. When two
directions matter, when they do not, and when they must not be used.

**What you need.** Chapters 1 to 3. The training takes about three minutes on one
processor core.
"""

# %%
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import bench, figures, studies
from lstm.data import Recall
from lstm.figures import plt
from lstm.studies import digits

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
  \in \mathbb{R}^{N \times 2H}. \tag{4.1}
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
places = {
    "output[:, -1, :H]": output[:, -1, :H],
    "output[:, 0, :H]": output[:, 0, :H],
    "output[:, -1, H:]": output[:, -1, H:],
    "output[:, 0, H:]": output[:, 0, H:],
}
equal = [(n, torch.equal(p, h_n[0]), torch.equal(p, h_n[1])) for n, p in places.items()]
lstm.Table(("of the output", "is h_n[0], forward", "is h_n[1], reverse"), equal)

# %%
#| check: >-
#|   The forward direction ends at the last step, the reverse direction at the first.
assert output.shape == (4, 7, 2 * H)
assert h_n.shape == c_n.shape == (2, 4, H)
assert torch.equal(output[:, -1, :H], h_n[0])
assert torch.equal(output[:, 0, H:], h_n[1])
assert [row[1:].count(True) for row in equal] == [1, 0, 0, 1]

# %% [markdown]
r"""
## 4.3 The trap: `output[:, -1]`

Much code takes the last step of the output as the summary of a sequence. With one
direction, and no padding, that is right. With two directions it is half wrong, and
nothing complains. At the last step the reverse direction has only *begun*: it has seen
one input out of seven. We change everything but the last input, and look at how far
each half of three candidates for a summary moves. (`h_n[-2]` and `h_n[-1]` are `h_n[0]`
and `h_n[1]` here; counted from the end they are the last layer's, however many layers
there are.)
"""

# %%
changed = x.clone()
changed[:, :-1] = torch.randn(4, 6, 3).double()
output_changed, (h_changed, _) = layer(changed)


def summaries(output, h_n):
    """Three ways to summarise a sequence; each: (N, 2H)"""
    states = torch.cat([h_n[-2], h_n[-1]], dim=-1)
    return {
        "output[:, -1]": output[:, -1],
        "output[:, 0]": output[:, 0],
        "h_n[-2] beside h_n[-1]": states,
    }


before, after = summaries(output, h_n), summaries(output_changed, h_changed)
moved = {name: (after[name] - before[name]).abs().amax(dim=0) for name in before}
halves = [(n, f"{m[:H].max():.3f}", f"{m[H:].max():.3f}") for n, m in moved.items()]
lstm.Table(("summary", "its forward half moves by", "its reverse half by"), halves)

# %% [markdown]
r"""
The reverse half of `output[:, -1]` does not move at all: it is a function of the last
input alone. The summary to use is the two final states side by side, the last line of
the table. It also stays right when sequences are packed (chapter 5). The package's
`SequenceClassifier` takes it.
"""

# %%
#| check: >-
#|   Of output[:, -1] the reverse half is blind to all inputs but the last; the final
#|   states have seen the change in both halves.
assert (moved["output[:, -1]"][:H] > 0).all()
assert (moved["output[:, -1]"][H:] == 0).all()
assert (moved["h_n[-2] beside h_n[-1]"] > 0).all()
summary = before["h_n[-2] beside h_n[-1]"]
assert torch.equal(summary, torch.cat([output[:, -1, :H], output[:, 0, H:]], dim=-1))
assert not torch.equal(summary, output[:, -1])

# %% [markdown]
r"""
What does the mistake cost? We take a task where one direction alone has a hard time:
chapter 1's recall, where the key stands first and 19 distractors follow. The reverse
direction reads the key *last*, so its final state has it fresh. But
`output[:, -1]` holds the reverse direction's *first* state, and is left with the
forward direction, which must carry the key past 19 distractors: what a fresh `nn.LSTM`
learns late (section 1.13).

Four runs, then, each with three seeds, all of 100 updates: two readings, and two tasks.
The second task is the intervention. It turns the sequences round, so that the key comes
last, and changes nothing else: if the mistake costs only where the answer lies in what
the reverse half has not read, then here it should cost nothing.
"""


# %%
class LastStep(lstm.SequenceClassifier):
    """The mistake: reads the last step of the output, whatever the directions."""

    def forward(self, inputs):
        """inputs: (N, L, D)   ->   scores: (N, C)"""
        output, _ = self.layer(inputs)
        return self.linear(output[:, -1])


class Turned(Recall):
    """The task with its sequences turned round: the key comes last."""

    def batch(self, size, generator=None):
        inputs, key = super().batch(size, generator)
        return inputs.flip(1), key


def named(reader, task, seed, updates=100):
    """The share of keys that is named after training; chance is 0.25."""
    torch.manual_seed(seed)
    layer = nn.LSTM(task.input_size, 32, batch_first=True, bidirectional=True)
    model = reader(layer, task.classes).to(device)
    config = lstm.TrainConfig(steps=updates, lr=1e-2)
    lstm.fit(model, task.batches(64, seed), config)
    held_out = next(task.batches(2000, seed=10_000 + seed))
    return lstm.evaluate(model, [held_out]).accuracy


# %% tags=["nbval-ignore-output"]
readers = {"h_n": lstm.SequenceClassifier, "output[:, -1]": LastStep}
tasks = {"key first": Recall(20), "key last": Turned(20)}
recalled = {
    f"{place}, {reading}": [named(reader, task, seed) for seed in (0, 1, 2)]
    for place, task in tasks.items()
    for reading, reader in readers.items()
}
listed = [(name, *(f"{v:.3f}" for v in shares)) for name, shares in recalled.items()]
lstm.Table(("task, reading", "seed 0", "seed 1", "seed 2"), listed)

# %%
#| check: >-
#|   With the key first, the wrong reading stays at chance, 0.25, and the right one
#|   names every key; with the key last, both do.
right_first, wrong_first, right_last, wrong_last = recalled.values()
assert min(right_first + right_last + wrong_last) > 0.98
assert max(abs(share - 0.25) for share in wrong_first) < 0.06

# %% [markdown]
r"""
With the key first, the right reading names every key, and the wrong one guesses. With
the key last, the two readings agree: the reverse half of `output[:, -1]` has then seen
the one input that matters. The wrong reader is not unable to learn the first task,
either. It has a forward direction, and exercise 3 helps that to keep the key.
"""

# %% [markdown]
r"""
## 4.4 By hand

The study notes write their LSTM as a module: one `nn.Parameter` for each weight of
equations (1.3) to (1.8), drawn uniformly from $\pm 1/\sqrt{H}$, and a loop over the
steps. An `nn.Parameter` is a tensor that a module knows as its own, so that
`parameters()` lists it, an optimizer trains it, and `state_dict()` saves it. Here is
such a module, whole. The six lines of the loop are the six equations.
"""


# %%
class HandLSTM(nn.Module):
    """One direction, one layer.   D inputs, H units"""

    batch_first, bidirectional = False, False

    def __init__(self, D, H):
        super().__init__()
        self.input_size, self.hidden_size = D, H

        def uniform(*sizes):
            return nn.Parameter(torch.empty(*sizes).uniform_(-(H**-0.5), H**-0.5))

        self.W_xi, self.W_hi, self.b_i = uniform(D, H), uniform(H, H), uniform(H)
        self.W_xf, self.W_hf, self.b_f = uniform(D, H), uniform(H, H), uniform(H)
        self.W_xo, self.W_ho, self.b_o = uniform(D, H), uniform(H, H), uniform(H)
        self.W_xc, self.W_hc, self.b_c = uniform(D, H), uniform(H, H), uniform(H)

    def forward(self, inputs, state=None):
        """inputs: (L, N, D)   h, c: (1, N, H)   ->   output: (L, N, H), (h, c)"""
        if state is None:
            h = c = inputs.new_zeros(inputs.shape[1], self.hidden_size)
        else:
            h, c = state[0][0], state[1][0]
        outputs = []
        for x in inputs:
            i = (x @ self.W_xi + h @ self.W_hi + self.b_i).sigmoid()
            f = (x @ self.W_xf + h @ self.W_hf + self.b_f).sigmoid()
            o = (x @ self.W_xo + h @ self.W_ho + self.b_o).sigmoid()
            g = (x @ self.W_xc + h @ self.W_hc + self.b_c).tanh()
            c = f * c + i * g
            h = o * c.tanh()
            outputs.append(h)
        return torch.stack(outputs), (h[None], c[None])


# %% [markdown]
r"""
A bidirectional LSTM is two of these. The second reads the sequence turned round
(`flip(0)` reverses the time axis), and its output is turned round again, so that step
$t$ of one direction lies beside step $t$ of the other.
"""


# %%
class HandBiLSTM(nn.Module):
    """Two directions, one layer.   D inputs, H units in each direction"""

    batch_first, bidirectional = False, True

    def __init__(self, D, H):
        super().__init__()
        self.input_size, self.hidden_size = D, H
        self.ahead, self.back = HandLSTM(D, H), HandLSTM(D, H)

    def forward(self, inputs, state=None):
        """inputs: (L, N, D)   h, c: (2, N, H)   ->   output: (L, N, 2H), (h, c)"""
        starts = (None, None)
        if state is not None:
            h, c = state
            starts = (h[:1], c[:1]), (h[1:], c[1:])
        ahead, end = self.ahead(inputs, starts[0])
        back, start = self.back(inputs.flip(0), starts[1])
        states = tuple(torch.cat(pair) for pair in zip(end, start, strict=True))
        return torch.cat([ahead, back.flip(0)], dim=-1), states


hand = HandBiLSTM(3, 5).double()
for name, parameter in list(hand.named_parameters())[:3]:
    print(f"{name:10}", tuple(parameter.shape))
print("...", len(list(hand.parameters())), "parameters in all")

# %% [markdown]
r"""
PyTorch stacks the four gates' weights, in the order i, f, g, o, transposed (chapter
3), and marks those of the second direction with `_reverse`. It has two biases where we
have one: it gets ours as the first and zeros as the second.
"""

# %%
theirs = nn.LSTM(3, 5, bidirectional=True).double()
for name, parameter in theirs.named_parameters():
    print(f"{name:22}", tuple(parameter.shape))


# %%
def stacked(tensors):
    """Of one direction's twelve tensors: w_ih (4H, D), w_hh (4H, H), b (4H)."""
    w_ih, w_hh, b = (
        torch.cat([tensors[part + gate] for gate in "ifco"], dim=-1)
        for part in ("W_x", "W_h", "b_")
    )
    return w_ih.T, w_hh.T, b


with torch.no_grad():
    pairs = zip((hand.ahead, hand.back), theirs.all_weights, strict=True)
    for direction, (w_ih, w_hh, b_ih, b_hh) in pairs:
        ours = stacked(dict(direction.named_parameters()))
        for to, tensor in zip((w_ih, w_hh, b_ih), ours, strict=True):
            to.copy_(tensor)
        b_hh.zero_()

# %% [markdown]
r"""
The test, as in chapter 3: the same weights, starting states that are not zero, 64-bit
floats; outputs, final states, and the gradient of every parameter, of the input and of
the states. A third layer stands beside them, the package's own, whose weights have
PyTorch's names, so that `load_state_dict` is enough.
"""

# %%
package = lstm.LSTM(3, 5, bidirectional=True).double()
_ = package.load_state_dict(theirs.state_dict())
leaves = [torch.randn(7, 4, 3), torch.randn(2, 4, 5), torch.randn(2, 4, 5)]
leaves = [t.double().requires_grad_() for t in leaves]


def run(layer):
    """Output and final states; the gradients of one random mixture of the three."""
    for tensor in (*layer.parameters(), *leaves):
        tensor.grad = None
    output, states = layer(leaves[0], tuple(leaves[1:]))
    torch.manual_seed(1)
    tensors = [output, *states]
    sum((torch.randn_like(t) * t).sum() for t in tensors).backward()
    return tensors, [leaf.grad for leaf in leaves]


def weight_gradients(layer):
    """For each direction: of w_ih, of w_hh, of the bias."""
    if isinstance(layer, HandBiLSTM):
        own = (dict(d.named_parameters()) for d in (layer.ahead, layer.back))
        return [stacked({n: p.grad for n, p in d.items()}) for d in own]
    return [tuple(w.grad for w in weights[:3]) for weights in layer.all_weights]


found = {}
for name, layer in {"Hand": hand, "package": package, "torch": theirs}.items():
    tensors, inputs = run(layer)
    weights = [w for direction in weight_gradients(layer) for w in direction]
    found[name] = {
        "output": tensors[:1],
        "h_n, c_n": tensors[1:],
        "gradients of the weights": weights,
        "of the input and the states": inputs,
    }


def furthest(name, what):
    pairs = zip(found[name][what], found["torch"][what], strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


for what in found["torch"]:
    close = all(furthest(name, what) < 1e-14 for name in ("Hand", "package"))
    print(f"{what:28} differ from torch's by less than 1e-14: {close}")

# %%
#| check: >-
#|   Our parameters, the package's layer and nn.LSTM agree, gradients included.
assert_close(found["Hand"], found["torch"])
assert_close(found["package"], found["torch"])

# %% [markdown]
r"""
From here on "Hand" in a model's name means the package's layer, which computes the same
in fewer and larger products: the four gates at once, as in section 1.9.

## 4.5 Four models on handwritten digits

The study notes train four models: LSTM and BI-LSTM (both `nn.LSTM`), Hand-LSTM and
Hand-BI-LSTM (both by hand), with 128 hidden units in each direction. The data are
handwritten digits, read as sequences: each row of pixels is one time step. If you are
offline, scikit-learn's small digits (8 rows of 8) stand in for MNIST (28 rows of 28) in
what is computed here; the tables are of MNIST.
"""

# %% tags=["nbval-ignore-output"]
images = lstm.data.load_images()
print(images.name, tuple(images.train_x.shape), "to train,", end=" ")
print(tuple(images.test_x.shape), "to test")

# %%
#| fig-alt: >-
#|   Left, a handwritten digit as grey pixels, crossed by coloured lines at six of its
#|   rows. Right, these rows as curves in the same colours: flat where the row is
#|   blank, humped where it meets a stroke.
figures.digit_rows(images.train_x[0], images.train_y[0].item())
plt.show()

# %% [markdown]
r"""
`nn.LSTM` and the package's layer draw the same weights from the same seed. So a model
and its Hand twin start alike, and we give them the same batches. Here are their first
hundred updates.
"""

# %% tags=["nbval-ignore-output"]
losses = {}
for name in digits.MODELS:
    model = digits.make(name, 128, seed=0, pixels=images.train_x.shape[-1]).to(device)
    batches = digits.batches(images.train_x, images.train_y, seed=0)
    config = lstm.TrainConfig(steps=100, lr=digits.RATE)
    history = lstm.fit(model, batches, config, label=name)
    losses[name] = torch.tensor(history.losses)
apart = {
    name: (losses[name] - losses["Hand-" + name]).abs() for name in ("LSTM", "BI-LSTM")
}
for name, gap in apart.items():
    print(f"{name:8} and its twin: losses differ by at most", end=" ")
    print(f"{gap[:20].max():.0e} in 20 updates, {gap.max():.0e} in 100")

# %%
#| fig-alt: >-
#|   The noisy, falling training loss of BI-LSTM over a hundred updates, a line, and
#|   that of Hand-BI-LSTM, crosses: they lie on the line until about update 80, and some
#|   of the last ones beside it.
both = {name: losses[name] for name in ("BI-LSTM", "Hand-BI-LSTM")}
figures.lines(both, "update", "training loss", crosses=1)
plt.show()

# %%
#| check: >-
#|   A model and its twin make the same first twenty updates, but for rounding.
assert max(gap[:20].max() for gap in apart.values()) < 1e-3

# %% [markdown]
r"""
Two models, then, and each in two codes. The last digits are rounded differently, and
training multiplies the difference, sooner in one pair than in the other, so that long
runs part in the end as two seeds would (chapter 3). The next figure shows how far apart
seeds are. Each model made 600 updates, one pass over MNIST's 60,000 images, a half of
what the notes made, with three seeds; a fifth model makes section 4.3's mistake on
purpose.
"""

# %%
study = studies.load("digits")
at_one_rate = studies.select(study, lr=digits.RATE, units=128)
tested = {
    name: [row["accuracy"] for row in studies.select(at_one_rate, model=name)]
    for name in (*digits.MODELS, digits.MISREAD)
}

# %%
#| fig-alt: >-
#|   Five rows of dots between 0.95 and 0.98, a dot for a seed: LSTM, Hand-LSTM,
#|   BI-LSTM, Hand-BI-LSTM and the BI-LSTM that reads output[:, -1], which lies where
#|   LSTM does: its row overlaps theirs, and lies below both bidirectional ones.
broken = {name.replace(", ", ",\n", 1): shares for name, shares in tested.items()}
figures.marks(broken, "test accuracy")
plt.show()

# %%
#| fold: >-
#|   The table of the four models, and of the mistake.
speeds = bench.committed()["tasks"]["rows"]["speeds"]


def parameters(name):
    two = "BI" in name
    features = 256 if two else 128
    layer = lstm.shapes.count(28, 128, bidirectional=two)
    return f"{layer + (features + 1) * 10:,}"


summed = []
for name, shares in tested.items():
    mean, low, high = sum(shares) / len(shares), min(shares), max(shares)
    cells = f"{mean:.2%}", f"{low:.2%} to {high:.2%}"
    summed.append((name, *cells, parameters(name), speeds.get(name)))
lstm.Table(("model", "mean", "three seeds", "parameters", "images/s"), summed)

# %%
machine = bench.committed()["machine"]
print("accuracy:", studies.about("digits"))
print("speed:   ", machine["device"] + ", torch", machine["torch"], machine["date"])

# %% [markdown]
r"""
A model and its twin have run apart by now, and end no further apart than seeds do. On
that processor two directions take about twice as long as one, and the loop by hand
about twice as long as `nn.LSTM`. The mistake costs less than one digit in a hundred:
what it leaves is in effect the LSTM of one direction, and it scores like that. To name
a digit, the forward direction alone, which has read all rows, is enough, so a test on
digits would hardly have found the mistake.

One learning rate proves no ranking, and two directions of 128 units have twice the
parameters of one. So here is a sweep: four rates, three seeds, and beside the two
models an LSTM of one direction with 187 units, which has as many parameters as the
bidirectional one.
"""

# %%
swept = {
    "LSTM": ("LSTM", digits.UNITS),
    "LSTM, wider": ("LSTM", digits.MATCHED),
    "BI-LSTM": ("BI-LSTM", digits.UNITS),
}


def at(model, units, lr):
    rows = studies.select(study, model=model, units=units, lr=lr)
    return [row["accuracy"] for row in rows]


sweep = {
    name: {lr: at(model, units, lr) for lr in digits.RATES}
    for name, (model, units) in swept.items()
}

# %%
#| fig-alt: >-
#|   Test accuracy by learning rate, three models, three dots each. At 0.001 LSTM is
#|   lowest; from 0.005 on all dots lie between 0.95 and 0.98, close together.
figures.sweep({"": sweep}, "learning rate", "test accuracy")
plt.show()

# %%
#| fold: >-
#|   The table of the sweep: each model at its best rate.
best = []
for name, found in sweep.items():
    lr = max(found, key=lambda rate: sum(found[rate]))
    mean, low, high = sum(found[lr]) / len(found[lr]), min(found[lr]), max(found[lr])
    best.append((name, f"{lr:g}", f"{mean:.2%}", f"{low:.2%} to {high:.2%}"))
lstm.Table(("model", "best rate", "mean there", "three seeds"), best)

# %% [markdown]
r"""
At the lowest rate, where all models score lowest, two directions are ahead of one with
half the parameters at every seed; of the LSTM of equal parameters at two of three only,
and at 0.002 at none. At its best rate each, the bidirectional model and the LSTM of
equal parameters differ by less than three seeds of one model do: that is no ranking. It
is often said that a bidirectional network "predicts better because it uses the future".
To name a digit, one direction that has seen all rows has seen everything, and what it
keeps of 28 rows proves enough. The future helps where there is one: where an answer is
wanted *at a step*, before the sequence is over.

The files behind these tables can be made again by the command above, in half an hour.
Here is one of their runs, made anew: the LSTM with seed 0.
"""

# %% tags=["nbval-ignore-output"]
again = digits.measure("LSTM", digits.UNITS, digits.RATE, 0, images=images)
(kept,) = studies.select(at_one_rate, model="LSTM", seed=0)
print(f"{images.name}: {again['accuracy']:.4f} now, {kept['accuracy']:.4f} in the file")

# %%
#| check: >-
#|   On MNIST the run gives what the file has, within what rounding may do to a run.
assert again["accuracy"] > 0.9
if images.name == "mnist":
    assert abs(again["accuracy"] - kept["accuracy"]) < 0.01

# %% [markdown]
r"""
The two need not agree to the last image: the file may be from another processor, whose
sums are rounded otherwise. The check asks that they lie within a hundredth. How far
runs differ, chapter 8 asks.

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
print(len(vocab), "symbols, passages of", length)


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
def tagger(hidden_size, bidirectional, seed=0):
    torch.manual_seed(seed)
    options = {"batch_first": True, "bidirectional": bidirectional}
    layer = nn.LSTM(len(vocab), hidden_size, **options)
    return lstm.SequenceTagger(layer, len(vocab)).to(device)


kinds = {"one direction": (188, False), "two directions": (128, True)}
sizes = {
    name: sum(weights.numel() for weights in tagger(*kind).parameters())
    for name, kind in kinds.items()
}
print(sizes)
assert sizes["one direction"] == lstm.shapes.count(28, 188) + 189 * 28
assert 0 < sizes["one direction"] / sizes["two directions"] - 1 < 0.005

# %% [markdown]
r"""
Three seeds each, 400 updates. A seed draws the first weights and what is hidden in
training; the letters hidden in the test are the same for all.
"""

# %% tags=["nbval-ignore-output"]
restored, taggers = {name: [] for name in kinds}, {}
test = HiddenLetters(test_part.repeat(10, 1), 2, fresh=False)  # hidden anew ten times
for seed in (0, 1, 2):
    for name, kind in kinds.items():
        model = taggers[name] = tagger(*kind, seed)
        batches = HiddenLetters(train_part, 10 + seed, fresh=True)
        lstm.fit(model, batches, lstm.TrainConfig(steps=400, lr=4e-3), label=name)
        restored[name].append(lstm.evaluate(model, test))
for name, results in restored.items():
    shown = "  ".join(f"{r.accuracy:.3f} ({r.perplexity:.2f})" for r in results)
    print(f"{name:15} accuracy (perplexity)  {shown}")

# %%
#| fig-alt: >-
#|   Three rows of dots, a dot for a seed: the share of hidden letters restored by
#|   always naming the commonest symbol, by one direction, and far to the right of both
#|   by two directions. The dots of a row lie close together.
# index 1 is the commonest symbol
commonest = (test_part == 1).float().mean().item()
shares = {"always the\ncommonest": [commonest]}
shares |= {n.replace(" ", "\n"): [r.accuracy for r in v] for n, v in restored.items()}
figures.marks(shares, "hidden letters restored, share")
plt.show()

# %%
#| check: >-
#|   At every seed two directions restore more; the gap is several times what the seeds
#|   differ by.
one, two = ([r.accuracy for r in results] for results in restored.values())
first, second = (next(iter(test)) for _ in range(2))
assert torch.equal(first[0], second[0])  # the same letters were hidden from both
gap = min(two) - max(one)
assert gap > 0.04
assert gap > 2 * max(max(one) - min(one), max(two) - min(two))
assert min(one) > commonest

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
held-out text, too. But the reverse direction comes to each step straight from the next
letter: it has just read the answer.
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

# %% tags=["nbval-ignore-output"]
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
ends = {name: (r[8:-1].mean().item(), r[-1].item()) for name, r in right.items()}
listed = [(name, f"{inside:.3f}", f"{end:.3f}") for name, (inside, end) in ends.items()]
lstm.Table(("next letter right, share", "inside", "at the end"), listed)

# %%
#| fig-alt: >-
#|   Share of next letters right, by position. With two directions a level line near 1
#|   plunges at the last position; with one direction a short climb leads to a level
#|   line at medium height, the upper one only at the end.
figures.lines(
    right, "position in the passage", "next letter right, share", ylim=(0, 1.05)
)
plt.show()

# %%
#| check: >-
#|   Inside the passages the bidirectional model is too good to be true; at their ends,
#|   without the answer in the input, it is worse than the model of one direction.
(cheat_inside, cheat_end), (honest_inside, honest_end) = ends.values()
assert cheat_inside > 0.95
assert cheat_end < honest_end
assert max(cheat_end, honest_inside) < 0.7

# %% [markdown]
r"""
The same holds wherever the answer at a step lies later in the input: forecasts made at
every step of a series, the generation of text, and anything that must answer while the
input is still arriving, such as live captions. (A finished window of the past may be
read in both directions, if what is forecast lies beyond it.) Use two directions when
the whole sequence is at hand *and* the answer is not part of it: tagging, restoring,
classifying, transcribing a recording.

## 4.8 What this chapter does not show

- Each best rate of section 4.5 was chosen by the test accuracy that is reported for it.
- The wrong reading of section 4.3 stays at chance for 100 updates at one rate. How long
  a fresh LSTM needs to learn such a task, and at which rates, is chapter 1's study.
- The digits were read in one pass, half of the notes' training. Longer training may
  order the models in another way, or not at all.
- The bidirectional model was best at 0.01, the highest rate tried; a higher one might
  suit it better still.
- The restorers were trained at one learning rate. Their gap is several times what seeds
  differ by, but how large it is at each one's best rate was not measured.
- Equal parameters are one kind of fairness; equal time would be another.

## Summary

- A bidirectional LSTM is two LSTMs, one on the reversed input, joined feature by
  feature. By hand and by `nn.LSTM` they are equal, gradients included.
- The final states are `h_n[-2]` and `h_n[-1]`, counted from the end, so that they are
  the last layer's. `output[:, -1]` is the trap: its second half has seen one input.
- Where the key stands first, reading `output[:, -1]` of both directions leaves chance;
  on MNIST the same mistake costs less than one digit in a hundred.
- To name a digit, a second direction brought no more than as many parameters in one
  direction did: the final state has seen every row.
- To restore a letter, two directions bring much with equal parameters, at each of three
  seeds.
- Never use it where the future is the answer.

## Exercises

1. *(easy)* How many parameters does `nn.LSTM(28, 128, bidirectional=True)` have? Work
   it out on paper, then check with `lstm.shapes.count`.
   ([solution](solutions/04_bidirectional.ipynb#Exercise-1))
2. *(easy)* `output[:, 0]` has two halves: how many inputs has each of them seen? Show
   it as section 4.3 does. ([solution](solutions/04_bidirectional.ipynb#Exercise-2))
3. *(medium)* Help the wrong reader of section 4.3: set the forget biases of the forward
   direction to 3 (chapter 1). Does it name the key now?
   ([solution](solutions/04_bidirectional.ipynb#Exercise-3))
4. *(medium)* Put the key in the middle of the sequence. Which of the two readings
   learns within 100 updates now, and what if both directions need a memory? Try lengths
   9 and 39. ([solution](solutions/04_bidirectional.ipynb#Exercise-4))
5. *(medium)* Build the bidirectional LSTM from PyTorch's own parts: two `nn.LSTM`s of
   one direction that hold the weights of one of two.
   ([solution](solutions/04_bidirectional.ipynb#Exercise-5))
6. *(hard)* In a two-layer bidirectional LSTM, what has the second layer's *forward*
   direction seen at step 1? Show it by gradients.
   ([solution](solutions/04_bidirectional.ipynb#Exercise-6))
7. *(hard)* A delay in place of a second direction: restore hidden letters with a
   forward LSTM that answers $k$ steps late. Show first that it can: which inputs does
   its answer about step $t$ depend on? Then compare $k = 0$ and $k = 3$ after the same
   training. ([solution](solutions/04_bidirectional.ipynb#Exercise-7))

## Further reading

- M. Schuster, K. Paliwal, [Bidirectional recurrent neural
  networks](https://doi.org/10.1109/78.650093), 1997.
- A. Graves, J. Schmidhuber, [Framewise phoneme classification with bidirectional
  LSTM](https://doi.org/10.1016/j.neunet.2005.06.042), 2005.
- J. Devlin et al., [BERT](https://arxiv.org/abs/1810.04805), 2019: hidden tokens as a
  training task.
"""
