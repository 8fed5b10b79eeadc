# ---
# part: Train
# question: What do the units of a trained LSTM keep track of, and how can one know?
# proved: >-
#   what is recorded equals the layer; units found by a search, tested on other pages,
#   beside an untrained network, and by holding them still; three clouds of states
# minutes: 3
# ---

# %% [markdown]
r"""
# 10. Inside a trained LSTM

**What you will build.** Instruments to look into a trained network: a recorder of every
gate and state, a text whose letters are coloured by one unit, a search through all
units, a hand that holds a unit still while the others go on.

**What you will learn.** That a single unit can count the letters of a line, and that
the network reads its count. Why a correlation does not show that, however high it is:
an untrained network has such units, too. How long units remember, and how far back a
letter matters. And how the states of a whole network can be looked at as points in a
plane.

**What you need.** Chapters 1 to 3; section 9.7 helps. The training takes about a minute
and a half on one processor core.
"""

# %%
from types import SimpleNamespace

import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import LanguageModel, figures, inside, studies
from lstm.backward import lstm_step_saving
from lstm.data import Vocab
from lstm.figures import plt
from lstm.studies import inside as study

device = lstm.pick_device()
lstm.full_precision()

# %% [markdown]
r"""
## 10.1 Two units made by hand

We know the equations of an LSTM, and which number in a trained one is a forget gate. We
do not know what any of its hundred units is *for*. [Karpathy, Johnson and Li
(2015)](https://arxiv.org/abs/1506.02078) coloured texts by the cells of trained
networks and found, among many that told them nothing, some that could be read at a
glance: one that was on inside quotation marks, one that counted the letters of a line.
This chapter looks for such units, and asks each time how we would notice if we fooled
ourselves.

It helps to have seen what one looks for. So here is a network whose two units we make
ourselves. Unit 0 is a **switch**: at "(" its input gate opens and writes a 1; at every
other letter it is shut, and the forget gate keeps what is there; at ")" the forget gate
shuts, and the cell is empty. Unit 1 is a **counter**: at every letter it adds 0.1, and
at the end of a line it starts again from 0. A gate's weighted sum is 10 or −10, so that
it is open or shut within 0.0001; weights on the old hidden state are not needed.
"""

# %%
text = "to (be) or not\nto (be that is)"
vocab = Vocab(text)
by_hand = LanguageModel(nn.LSTM(len(vocab), 2))
opens, closes, ends = (vocab.symbols.index(s) for s in "()\n")
with torch.no_grad():
    for parameter in by_hand.parameters():
        parameter.zero_()
    w, b = by_hand.layer.weight_ih_l0, by_hand.layer.bias_ih_l0
    i, f, g, o = ((w[2 * n : 2 * n + 2], b[2 * n : 2 * n + 2]) for n in range(4))
    for gate, at_rest in ((i, (-10, 10)), (f, (10, 10)), (o, (10, 10)), (g, (0, 0.1))):
        gate[1][:] = torch.tensor(at_rest)
    i[0][0, opens], g[0][0, opens] = 20, 10  # the switch is written at ( ...
    f[0][0, closes] = -20  # ... and emptied at )
    i[0][1, ends] = f[0][1, ends] = -20  # the counter starts again
made = inside.record(by_hand, vocab.encode(text))
switch, counter = made.c[0].T

# %%
#| fig-alt: >-
#|   Two rows over the letters of a short text. The row "switch" is orange from each
#|   opening bracket up to the closing one and white elsewhere. The row "counter" is
#|   white at first and turns orange along the line, and again from white in the next.
figures.gates(text, {"switch": switch, "counter": counter}, "cell")
plt.show()

# %% [markdown]
r"""
(↵ is the end of a line.) Whoever sees the two rows knows what the units do. And so
would a program that compares each row with what it can read off the text itself, letter
by letter. `inside.features` does that reading off; we call what it returns features of
the text.
"""

# %%
known = inside.features(text)
for name, values in known.items():
    print(f"{name:14}", *(f"{v:.0f}" for v in values[:18].tolist()))
print(f"{'counter':14}", *(f"{v:.1f}" for v in counter[:10].tolist()), "…")

# %%
#| check: >-
#|   The switch is the feature "in ()", and the counter a tenth of "place in line", to
#|   within 0.02.
assert (switch - known["in ()"]).abs().max() < 0.02
assert (counter - 0.1 * known["place in line"]).abs().max() < 0.02

# %% [markdown]
r"""
## 10.2 To record everything

`nn.LSTM` returns hidden states and the last cell. Gates and the cells between stay
inside. So we let the book's own step run over the text with the layer's weights, and
keep what it computes on the way: `lstm_step_saving` is the step of chapter 1, which
hands out its gates, too. (`held` is for section 10.6.)
"""


# %%
# lstm/inside.py
def run_layer(inputs, weights, held=None):
    """inputs: (L, N, D)   held: (units, their h, their c), put back after every step"""
    zeros = inputs.new_zeros(inputs.shape[1], weights[1].shape[1])
    state, kept = (zeros, zeros), []
    for x in inputs:
        state, (_, *gates, _) = lstm_step_saving(x, state, *weights)
        if held:
            units, *values = held
            for tensor, value in zip(state, values, strict=True):
                tensor[:, units] = value
        kept.append((*gates, *reversed(state)))
    return [torch.stack(steps) for steps in zip(*kept, strict=True)]


# %% [markdown]
r"""
`inside.record` does this layer by layer, and gives six tensors, `i`, `f`, `g`, `o`,
`c`, `h`, each of the shape (layers, $L$, $H$). Is that the network, or another one that
resembles it? We compare with `nn.LSTM` in 64-bit floats, for two layers, and see
whether the gates, put into (1.7) and (1.8), give the states.
"""

# %%
torch.manual_seed(0)
model = LanguageModel(nn.LSTM(28, 16, num_layers=2)).double()
some = torch.randint(28, (300,))
r = inside.record(model, some)
vectors = nn.functional.one_hot(some, 28).double()
output, (h_n, c_n) = model.layer(vectors)
old = torch.cat([torch.zeros_like(r.c[:, :1]), r.c[:, :-1]], dim=1)
apart = {
    "hidden states": r.h[-1] - output,
    "last states": torch.stack([r.h[:, -1] - h_n, r.c[:, -1] - c_n]),
    "cell by (1.7)": r.f * old + r.i * r.g - r.c,
    "hidden by (1.8)": r.o * r.c.tanh() - r.h,
}
for name, difference in apart.items():
    print(f"{name:16} below 1e-12: {bool(difference.abs().max() < 1e-12)}")

# %%
#| check: >-
#|   What is recorded is what the layer computes.
assert all(difference.abs().max() < 1e-12 for difference in apart.values())

# %% [markdown]
r"""
## 10.3 Two texts, two networks

Training can only teach a unit to track what lowers the loss. Most of what does so on
letters lies a few letters back (section 9.7). So we take two texts in which something
farther back does:

- **Wrapped**: *The Time Machine* in small letters, in lines of at most 30. Whether a
  word is followed by a space or by a new line cannot be told from the word; it depends
  on the place in the line, and on whether the next word still fits.
- **Brackets**: ten words drawn at random, some of them in brackets of two kinds, never
  one inside another. After every word or mark, outside, a bracket opens with
  probability 0.15; inside, it closes with probability 0.15. Which mark may close can be
  told only from the one that opened.

The second text is made by ourselves, so that we know what is to be known about it.
"""


# %%
def subject(name, seed=0, steps=study.STEPS):
    """A text, its last tenth held out with its features, and a network trained."""
    text = study.read(name, corpus=None)
    vocab, cut = Vocab(text), int(0.9 * len(text))
    symbols = vocab.encode(text)
    known = {about: of_each[cut:] for about, of_each in study.features(text).items()}
    model = study.make(len(vocab), seed).to(device)
    losses = study.train(model, symbols[:cut], seed, steps).losses
    model.cpu()  # we shall look at it step by step
    made = {"model": model, "losses": losses, "fresh": study.make(len(vocab), seed)}
    return SimpleNamespace(
        text=text[cut:], vocab=vocab, symbols=symbols[cut:], known=known, **made
    )


# %% tags=["nbval-ignore-output"]
wrapped, brackets = subject("wrapped"), subject("brackets", steps=1_500)
for name, its in (("wrapped", wrapped), ("brackets", brackets)):
    its.seen, its.unseen = (
        inside.record(m, its.symbols) for m in (its.model, its.fresh)
    )
    on_new = inside.losses(its.model, its.symbols).mean()
    last = sum(its.losses[-50:]) / 50
    print(f"{name}: loss at the end {last:.2f}, held out {on_new:.2f}; for example")
    begin = its.text.index("\n" if name == "wrapped" else ")", 300) + 1
    print("   ", its.text[begin : begin + 62].replace("\n", "\n    "))

# %% [markdown]
r"""
Each network has one layer of 128 units and a forget bias of 1, and was trained for 900
updates of 32 windows of 128 letters, on the brackets for 1,500, with Adam at a rate of
0.005. The held-out tenth is read from its first letter to its last, by the network as
it is now (`seen`), and once more by the network as it was before the first update
(`unseen`): we shall need it.

For the brackets we can say how good the network is. After a space inside a bracket
nobody can give the mark that comes more than 0.15, a loss of $-\ln 0.15 = 1.90$. Not to
know which kind is open would cost $\ln 2 = 0.69$ more, not to know whether any is open
more still. This is learned late, hence the further updates: within 200 the words are
known, then the training loss stands nearly still, and then it falls once more.
"""

# %%
loss = inside.losses(brackets.model, brackets.symbols)
closing = torch.tensor([s in ")]" for s in brackets.text[1:]])
at_closing = loss[closing].mean().item()
best_possible = -torch.tensor(0.15).log().item()
steps = (0, 50), (200, 250), (400, 450), (1_450, 1_500)
first, early, later, last = (sum(brackets.losses[a:b]) / 50 for a, b in steps)

# %% tags=["nbval-ignore-output"]
print(f"loss at closing marks {at_closing:.2f}; best possible {best_possible:.2f}")
losses = zip(steps, (first, early, later, last), strict=True)
about = ", ".join(f"{a}-{b}: {loss:.3f}" for (a, b), loss in losses)
print(f"training loss in updates {about}")

# %%
#| check: >-
#|   At the closing marks the network is within 0.3 nats of the best that is possible,
#|   so that it knows the kind. From updates 200-250 to 400-450 its training loss falls
#|   by less than 0.02, from there to the end by more than 0.03. The other network has
#|   learned its text, too.
assert abs(at_closing - best_possible) < 0.3
assert first > 1.5
assert early - later < 0.02 < 0.03 < later - last
assert sum(wrapped.losses[-50:]) / 50 < 1.8

# %% [markdown]
r"""
So something in these 128 units knows which bracket is open. Which? Here is one unit of
the other network, over a passage of the held-out pages: the cell of unit 1, as a colour
on each letter.
"""

# %%
start = wrapped.text.index("\n", 9 * len(wrapped.text) // 16) + 1
shown = slice(start, start + 10 * 31)  # at least as much as ten lines hold
size = {"columns": 31, "rows": 10}


# %%
#| fig-alt: >-
#|   Ten short lines of the book, each letter on orange, white or blue. The
#|   colours change from letter to letter without a pattern that meets the eye.
figures.letters(wrapped.text[shown], wrapped.seen.c[0, shown, 1], "cell 1", **size)
plt.show()

# %% [markdown]
r"""
It says nothing that we could put in words, and neither do most of the other 127. We
need a search.

## 10.4 A search, and a test on other pages

For each unit and each feature we ask how closely the one goes with the other. Pearson's
correlation of two series $a$ and $b$ is

$$
r = \frac{\sum_t (a_t - \bar a)(b_t - \bar b)}
  {\sqrt{\sum_t (a_t - \bar a)^2}\,\sqrt{\sum_t (b_t - \bar b)^2}}, \tag{10.1}
$$

1 or −1 if one is a linear function of the other, near 0 if they are unrelated. By hand:
a unit has the values 0, 1, 3 and 4 at the places 1, 2, 3 and 4. The deviations from the
means are −2, −1, 1, 2 and −1.5, −0.5, 0.5, 1.5; the products add up to 7, the squares
to 10 and 5, and $r = 7/\sqrt{50} = 0.99$.

Whoever searches among 128 units finds the best of 128, even among 128 columns of noise.
So the best one is chosen on the first half of the held-out pages, and what counts is
its $r$ on the second half. For comparison the same search is done for a feature that
cannot be known: the same feature of another place, moved along by a third of the pages.
"""


# %%
def search(recording, known, moved=0):
    """For each feature: the best unit, r where it was found, r on the other half."""
    half = recording.c.shape[1] // 2
    return {
        name: inside.find_unit(recording.c[0], feature.roll(moved), half)
        for name, feature in known.items()
    }


pencil = inside.correlations(torch.tensor([[0.0], [1], [3], [4]]), torch.arange(4.0))
print(f"by (10.1): {pencil.item():.2f}")
for its in (wrapped, brackets):
    its.found = search(its.seen, its.known)
    its.chance = search(its.seen, its.known, moved=len(its.text) // 3)

# %% tags=["nbval-ignore-output"]
rows = [
    (title, name, unit, f"{r:+z.2f}", f"{tested:+z.2f}", f"{its.chance[name][2]:+z.2f}")
    for title, its in (("wrapped", wrapped), ("brackets", brackets))
    for name, (unit, r, tested) in its.found.items()
]
header = "text", "feature", "unit", "r, searched", "r, other half", "moved"
lstm.Table(header, rows)

# %%
#| check: >-
#|   On the text of brackets, what was found holds on the other half within 0.05, and
#|   features that cannot be known are below 0.15 there; a unit goes with "in brackets"
#|   by more than 0.6.
for name, (_, r, tested) in brackets.found.items():
    assert abs(r - tested) < 0.05
    assert abs(brackets.chance[name][2]) < 0.15
assert abs(brackets.found["in brackets"][2]) > 0.6
assert abs(pencil.item() - 0.99) < 0.005

# %% [markdown]
r"""
What was found on one half holds on the other, to a few hundredths, so none of it is
luck of the search. Highest are the place in the line on the wrapped text and, on the
other, what there is to know of the brackets. We look at the first. Here the unit is on
the same passage as before.
"""

# %%
unit, _, r_line = wrapped.found["place in line"]
counts = abs(r_line) > 0.8  # whether this run has a counter: not every run has
sign = 1 if r_line > 0 else -1
cell = sign * wrapped.seen.c[0, :, unit]

# %%
#| fig-alt: >-
#|   The same short lines. Now each line begins in deep blue, fades to white in its
#|   middle, and ends in orange, in the same way in every line.
label = "the cell that goes with the place in the line"
figures.letters(wrapped.text[shown], cell[shown], label, limit=1.5, **size)
plt.show()

# %% [markdown]
r"""
That is the picture to remember. Nobody told the network that there are lines, or that
they are 30 letters long, or to count. It was asked for the next letter, and one of its
units became a ruler. (We have turned its sign where it was negative. The sign is
arbitrary: negate the weights that make a unit's candidate and all weights that read its
hidden state, and the predictions stay the same.)

How does it do it? Its gates over one line and a bit:
"""

# %%
#| fig-alt: >-
#|   Six rows over forty letters: input, forget and output gate, candidate, cell, hidden
#|   state. The forget gate is dark along the line and white at the end of the line. The
#|   cell goes from blue through white to orange along the line, and back at its end.
start = wrapped.text.index("\n", start + 60) - 33
line = slice(start, start + 44)
kinds = {"input gate": "i", "forget gate": "f", "output gate": "o"}
of_unit = {n: getattr(wrapped.seen, kind)[0, line, unit] for n, kind in kinds.items()}
for name, kind in {"candidate": "g", "cell": "c", "hidden state": "h"}.items():
    of_unit[name] = sign * getattr(wrapped.seen, kind)[0, line, unit]
figures.gates(wrapped.text[line], of_unit)
plt.show()

# %% tags=["nbval-ignore-output"]
newline = torch.tensor([s == "\n" for s in wrapped.text])
gate, step = wrapped.seen.f[0, :, unit], wrapped.seen.i * wrapped.seen.g
print(f"forget gate at the end of a line {gate[newline].mean():.3f}", end=", ")
print(f"elsewhere {gate[~newline].mean():.3f}")
print(
    f"added at the end of a line {sign * step[0, newline, unit].mean():+.2f}", end=", "
)
print(f"elsewhere {sign * step[0, ~newline, unit].mean():+.3f}")

# %%
#| check: >-
#|   If this run has a counter, its forget gate is at least twice as far open within a
#|   line as at its end.
assert not counts or gate[~newline].mean() > 2 * gate[newline].mean()

# %% [markdown]
r"""
It is our counter of section 10.1, found by gradient descent: the forget gate is open
along the line and shuts at its end; at the end the cell is set to its lowest value, and
then the letters add a little, on average.

## 10.5 The untrained control

Now the other rows of the table. There is a unit that goes with the place in the word by
0.6, and one for vowels. Has the network learned to count letters in words? Before
saying so, let us search the network as it was before its first update.

And since a feature need not be held by one unit, we also ask what *all* units hold
together. A **probe** is a small model that reads a feature from the states; ours is a
weighted sum of all 128 cells and 128 hidden states, fitted on the first half by least
squares with a small penalty on the weights, and judged by its $r$ on the second.
Everything is measured on the trained network and on the untrained one.
"""


# %%
for its in (wrapped, brackets):
    its.control = study.search(its.seen, its.unseen, its.known)

# %% tags=["nbval-ignore-output"]
names = "tested", "fresh", "probe", "fresh probe"
rows = [
    (title, name, *(f"{abs(found[n]):.2f}" for n in names))
    for title, its in (("wrapped", wrapped), ("brackets", brackets))
    for name, found in its.control.items()
]
header = "best unit: trained", "untrained", "probe: trained", "untrained"
lstm.Table(("text", "feature", *header), rows)

# %%
#| check: >-
#|   In the untrained network, too, a unit goes with the place in the word by 0.45 or
#|   more, and a probe reads it, and vowels, by more than 0.85. "In brackets" it has in
#|   no unit, below 0.35; the trained one has it above 0.6, its probe above 0.98.
for its in (wrapped, brackets):
    assert abs(its.control["place in word"]["fresh"]) > 0.45
    assert its.control["place in word"]["fresh probe"] > 0.85
    assert its.control["vowel"]["fresh probe"] > 0.85
within = brackets.control["in brackets"]
assert abs(within["fresh"]) < 0.35 < 0.6 < abs(within["tested"])
assert within["fresh probe"] < 0.9 < 0.98 < within["probe"]

# %% [markdown]
r"""
That is sobering. A network of random weights, which has learned nothing at all, has a
unit that goes with the place in the word nearly as closely, and a probe reads that
place from it almost without error. A likely reason: a fresh LSTM is a fading memory of
the last letters, each letter pushes the units in its own direction, and with 128 of
them some will be pushed one way by the space and slowly drift back after it. A vowel is
a matter of the present letter alone, which is the input itself. In the untrained
network the probe even reads the place in the *line* as well as from the trained one.

So neither a correlation nor a probe shows that anything was *learned*. What training
has brought is the gap to the control: one unit with the place in the line; the
brackets, in one unit and by the probe, and their kind likewise; and on the wrapped text
part of "last of word". For the others the gap is small, or by the probe there is none.
(Three seeds are in the next section.)

On the book's pages a third network writes on from whatever you begin with. It was
trained on the plain *Time Machine* by `lstm train text`, and `lstm export` brought its
weights to the page. Each letter has the colour of one unit. A click on a letter, or the
arrow keys, show the unit's gates and states there, and what the network expects next.

<div class="interactive" data-figure="writes"></div>

Three things to try. Take the unit that goes with the place in the word, and look at its
forget gate after each space. Let it write at temperature 0, where it goes in circles
(section 9.10), and at 1.5. Begin with words from the book and see how much is recited:
underlined is what stands word for word in the pages it was trained on. But the control
is missing there: the buttons name units that go with a feature, no more.

## 10.6 Without it

Nor does a correlation show that a unit is *used*. The clock on the wall goes with the
hour of dinner, and dinner is not late when it stops. The test is to stop it. While the
network reads, we hold one unit, its cell and its hidden state, at their means, put back
after every letter; all other units go on. Then we see by how much the loss rises, at
the marks where the feature should matter and everywhere else. And since any unit may be
missed a little, we do the same with each of the 128.

With the network by hand we know the answer: hold the switch, and the counter must not
notice.
"""

# %%
still = inside.record(by_hand, vocab.encode(text), inside.at_mean(made, [0]))
print("switch ", *(f"{v:.2f}" for v in still.c[0, :9, 0]), "…")
print("counter", *(f"{v:.2f}" for v in still.c[0, :9, 1]), "…")

# %%
#| check: >-
#|   The held switch stays at its mean; the counter goes on as before.
assert_close(still.c[0, :, 0], made.c[0, :, 0].mean().expand(len(text)))
assert_close(still.c[0, :, 1], made.c[0, :, 1])

# %% [markdown]
r"""
Now the trained ones, unit by unit, on the half of the held-out pages on which nothing
was searched (the first 50 letters of each passage are not counted):
"""


# %%
def missed(its, name, marks):
    """What it costs to hold each unit, at the marks and elsewhere; the unit's |r|."""
    half = len(its.text) // 2
    rows = study.passages(its.symbols[half:], length=150)
    numbers = its.vocab.encode(marks).tolist()
    here, elsewhere = study.costs(its.model, its.seen, rows, numbers)
    r = inside.correlations(its.seen.c[0, half:], its.known[name][half:]).abs()
    return {"here": here, "elsewhere": elsewhere, "r": r}


wrapped.missed = missed(wrapped, "place in line", "\n")
brackets.missed = missed(brackets, "in brackets", ")]")

# %%
#| fig-alt: >-
#|   Points over r from 0 to 1. On the wrapped text nearly all units lie at a cost near
#|   0, and one, the counter, alone at the upper right, at about 3 nats. On the brackets
#|   a few units cost from 0.2 to more than 1 nat, some with a large r and some with a
#|   small one.
groups = {
    title: torch.stack([its.missed["r"].float(), its.missed["here"]], dim=1)
    for title, its in (("wrapped", wrapped), ("brackets", brackets))
}
axes = "correlation of the unit, without its sign", "cost of holding it, in nats"
figures.plane(groups, labels=axes)
plt.show()

# %% tags=["nbval-ignore-output"]
rows = []
for title, its, name in (
    ("wrapped", wrapped, "place in line"),
    ("brackets", brackets, "in brackets"),
):
    best = its.found[name][0]
    found = study.ranked(best, its.missed["here"], its.missed["elsewhere"])
    names = "here", "elsewhere", "next", "median"
    rows.append((title, best, found["rank"], *(f"{found[n]:+z.2f}" for n in names)))
header = "unit found", "its rank", "at the marks", "elsewhere", "best other", "median"
lstm.Table(("text", *header), rows)

# %%
#| check: >-
#|   On the brackets some unit costs more than 0.4 nats at the closing marks, the median
#|   unit less than 0.1, and holding the unit that was found costs less than 0.05
#|   elsewhere. If this run has a counter, holding it costs more than a nat at the ends
#|   of lines, more than any other unit, and less than 0.1 elsewhere.
assert brackets.missed["here"].max() > 0.4
assert brackets.missed["here"].median() < 0.1
assert abs(brackets.missed["elsewhere"][brackets.found["in brackets"][0]]) < 0.05
if counts:
    assert wrapped.missed["here"][unit] > 1
    assert wrapped.missed["here"].argmax() == unit
    assert abs(wrapped.missed["elsewhere"][unit]) < 0.1

# %% [markdown]
r"""
The counter stands alone. With it held, the network loses 3 nats at an end of a line on
average: the new line's probability falls by a factor of about twenty. Between them it
loses nothing, even gains a little. No other unit comes near. Here it is right to say
what the unit is *for*.

With the brackets it is not so simple: several units are missed at the closing marks,
and one of them goes with "in brackets" only a little. That is no paradox: to close, the
network needs the kind as well, which is another feature. And other seeds? A committed
study has three of each, all after 900 updates, and plain letters besides:
"""

# %%
#| fold: >-
#|   The rows of the study: the unit that was found, and what it costs to hold it.
studied = studies.load("inside")
table = []
for row in sorted(studied, key=lambda row: list(study.FOLLOWED).index(row["text"])):
    name, _ = study.FOLLOWED[row["text"]]
    found, cost = row["features"][name], row["costs"]
    about = f"{row['text']}, seed {row['seed']}", name
    numbers = (f"{abs(found[n]):.2f}" for n in ("tested", "fresh"))
    more = (f"{cost[n]:+z.2f}" for n in ("here", "elsewhere", "next"))
    table.append((*about, *numbers, *more, cost["rank"]))
print(studies.about("inside"))
header = "feature", "r", "untrained", "at the marks", "elsewhere", "best other", "rank"
lstm.Table(("text", *header), table)

# %% [markdown]
r"""
Read it row by row, for each holds a lesson.

- **Wrapped**: two seeds of three have a counter, and it is the unit that is missed
  most. The third has no counter. It had not learned within 900 updates where lines end,
  and its loss is higher (1.66 against 1.57 and 1.59). One picture of one seed is not
  what LSTMs do; it is what this one does. Training even cost that seed what it had: a
  probe read the place in the line by 0.97 before the first update, as in all seeds, and
  by 0.69 after the last.
- **Brackets**: in all seeds a unit goes with them by 0.7 or more, where an untrained
  network has 0.2 or less. In seed 0 that unit is the one missed most (in the network
  above, of the same seed and trained further, it is not), in seed 2 the second; in seed
  1 it ranks 59th of 128: the network can do without it, whether it ignores it or has
  the same elsewhere. To go with a feature is not to be needed for it.
- **Letters**: the unit that goes with the place in the word is missed at the spaces by
  0.06 to 0.18 nats, and in two seeds a dozen others are missed more. In the third it is
  first, by little. Nowhere does it stand alone.

Holding has its own limits. A unit at its mean is in a state that the network may never
have been in; and of two units that hold the same, each can be spared while the other is
there (exercise 5 takes them away together).

## 10.7 Setting the counter

If the network reads the counter, we can lie to it. We hold the unit not at its mean but
as it is, on average, at the 3rd letter of a line, or at the 28th, wherever the network
really is, and ask after each word how probable it finds a new line. Beside it, the
network left alone, where it really is at that place.
"""

# %%
steered = study.steer(wrapped.model, wrapped.seen, wrapped.vocab, wrapped.text, unit)

# %%
#| fig-alt: >-
#|   The probability of a new line after a word against the place in the line, 3 to 28.
#|   Two curves nearly on one another: near 0 up to 13, then rising, to about a half at
#|   28. One is of the network with the unit held, the other of the network left alone.
ways = "told so by the unit", "really there"
curves = dict(zip(ways, steered, strict=True))
axes = "place in the line", "probability of a new line"
figures.lines(curves, *axes, x=study.PLACES, ylim=(0, None), height=3.0)
plt.show()

# %%
#| fold: >-
#|   The same in the study's three seeds.
print("after a word, with the unit held as it is at a place:")
table = [
    (f"seed {row['seed']}, {way}", *(f"{p:.3f}" for p in chances))
    for row in studies.select(studied, text="wrapped")
    for way, chances in zip(ways, row["steered"], strict=True)
]
lstm.Table(("", *map(str, study.PLACES)), table)

# %%
#| check: >-
#|   If this run has a counter, turning it from place 3 to place 28 makes a new line
#|   at least twenty times as likely, and at every place the lie does within a factor of
#|   2 what the truth does.
if counts:
    told, true = map(torch.tensor, steered)
    assert told[-1] > 20 * told[0]
    assert (told / true).log().abs().max() < torch.tensor(2.0).log()

# %% [markdown]
r"""
One number out of 128 decides. Told that it is at place 28, the network gives a new line
about an even chance after any word; told that it is at place 3, less than one in a
hundred, wherever it really is. And the two curves are nearly the same: on average,
setting this one unit does what really being there does. Other units may still hold the
place; the network makes little use of it. That is a cause, shown in this network and in
one more of the study's seeds.

## 10.8 How long a unit remembers

A cell loses by its forget gate. After $n$ letters the share $F_1 F_2 \cdots F_n$ of its
old content is left. If the gate stood still at $F$, the share would be $1/e$ after
$-1/\ln F$ letters: at $F = 0.9$ after 9.5, at 0.99 after 99.5, at 0.5 after 1.4. That
is the unit's **time constant**. A gate that moves acts as a product, so it is the
logarithms that are averaged,

$$
\tau = -\frac{1}{\overline{\ln F_t}}. \tag{10.2}
$$

A gate that is 0.99 at one letter and 0.01 at the next has the mean 0.5, but not its
time constant: $-2/(\ln 0.99 + \ln 0.01) = 0.43$. One shut gate empties the cell,
whatever comes before and after.
"""

# %%
gate = torch.tensor([0.99, 0.01]).repeat(50)[:, None]
for name, f in (("moving", gate), ("mean", gate.mean(dim=0, keepdim=True))):
    print(f"{name:7} {inside.time_constants(f).item():.2f}")
taus = {
    "wrapped": inside.time_constants(wrapped.seen.f[0]).sort().values,
    "brackets": inside.time_constants(brackets.seen.f[0]).sort().values,
    "untrained": inside.time_constants(wrapped.unseen.f[0]).sort().values,
}

# %%
#| fig-alt: >-
#|   Time constants of 128 units in rising order, on a logarithmic axis. The untrained
#|   network's lie on a flat line near 3. The trained ones' rise from below 0.5 to
#|   beyond 50, most of them below 10.
figures.lines(taus, "units, in order", "time constant, letters", log=True, height=3.2)
plt.show()

# %% [markdown]
r"""
Before training all units are alike: a forget bias of 1 gives $F = \sigma(1) = 0.73$ and
a time constant of 3.2 letters, and the random weights spread it a little. Training has
pulled them apart. In this seed on the wrapped text half of the units now forget within
a letter or so, and a few have become slow, up to about a hundred letters.

Is it the gate that decides how long a unit holds? Not by necessity: input gate and
candidate can write the same thing again and again. So we measure what the cell really
does: after how many letters its correlation with its own past is below $1/e$. Both in
logarithms, over all units:
"""

# %%
memories = {}
for title, its in (("wrapped", wrapped), ("brackets", brackets)):
    its.scales = study.scales(its.seen, its.unseen)
    memories[title] = its.scales["r with memory"]

# %% tags=["nbval-ignore-output"]
rows = [
    (title, f"{its.scales['median']:.1f}", f"{its.scales['longest']:.0f}", f"{r:.2f}")
    for (title, r), its in zip(memories.items(), (wrapped, brackets), strict=True)
]
lstm.Table(("text", "median τ", "longest τ", "r with what it does"), rows)

# %%
#| check: >-
#|   Untrained, all time constants lie between 2 and 5 letters; trained, the longest is
#|   beyond 10, and they go with what the cell does by more than 0.7.
for its in (wrapped, brackets):
    assert 2 < its.scales["fresh"][0] < its.scales["fresh"][1] < 5
    assert its.scales["longest"] > 10
    assert its.scales["r with memory"] > 0.7

# %% [markdown]
r"""
They go together closely. (That is a correlation over units: it fits the gate deciding,
and does not prove it.) And the counter? Its $\tau$ is a few letters only, though it
counts to thirty: once a line its gate shuts, and by (10.2) that one letter outweighs
the others. A mean over a text hides *when* a gate moves. Section 10.4 looked at that.

[Mahto et al. (2021)](https://arxiv.org/abs/2009.12727) turn this round. They set the
forget biases of a language model so that its time constants are spread as the
dependences of the language are, over many scales, hold them there, and report a better
model, above all for rare words. What we see here is a network that had to find its
scales by itself.

## 10.9 How far back a letter matters

From units back to letters. How much does the letter $k$ steps back do to the prediction
here and now? There are two ways to ask.

*By the gradient*: how fast does the log-probability of the letter that comes change, if
the one-hot vector $k$ steps back changes a little? That is one backward pass for all
distances at once. But letters do not change a little.

*By replacing it*: put another letter there, read on, and see how far the prediction has
moved. For how far it moved from $p$ to $q$ we take the Kullback-Leibler divergence (no
distance proper: it is not symmetric),

$$
\sum_v p_v \ln \frac{p_v}{q_v}. \tag{10.3}
$$

By pencil: from $(0.5, 0.5)$ to $(0.6, 0.4)$ it is 0.0204, to $(0.7, 0.3)$ it is 0.0872:
twice the step gives about four times the divergence. It is quadratic in small steps. So
to compare it with a gradient we take its square root, and both relative to the nearest
letter.
"""

# %%
halves = torch.tensor([0.5, 0.5])
for q in ((0.6, 0.4), (0.7, 0.3)):
    divergence = (halves * (halves / torch.tensor(q)).log()).sum()
    print(f"from (0.5, 0.5) to {q}: {divergence:.4f}")

reach = study.influence(wrapped.model, wrapped.symbols)
relative = {
    "gradient": torch.tensor(reach["gradient"]) / reach["gradient"][0],
    "replaced": (torch.tensor(reach["replaced"]) / reach["replaced"][0]).sqrt(),
}

# %% tags=["nbval-ignore-output"]
rows = [(n, *(f"{v:.3f}" for v in values)) for n, values in relative.items()]
lstm.Table(("letters back", *map(str, study.DISTANCES)), rows)

# %%
#| check: >-
#|   Up to 7 letters back gradient and replacement agree within a factor of 2 on the
#|   book, of 3 on another text; on the book a letter 7 back matters less than half as
#|   much as the nearest.
real = lstm.data.find_text().name == "timemachine.txt"
near = sum(d <= 7 for d in study.DISTANCES)
apart = (relative["gradient"] / relative["replaced"]).log()[:near]
assert apart.abs().max() < torch.tensor(2.0 if real else 3.0).log()
assert not real or relative["gradient"][near - 1] < 0.5
assert abs(divergence - 0.0872) < 1e-4

# %% [markdown]
r"""
Near by they agree, though one takes infinitely small steps and the other whole letters.
Farther back they part: by the gradient the 15th letter matters less than half as much
as the 10th, by replacement no less. Is that the counter? A letter that becomes a new
line, or a new line that becomes a letter, sets it to another place; the tiny step of a
gradient hardly does. To say "because" we need to take the cause away: replace once
more, with the counter held, and then with some other unit held instead.
"""


# %%
@torch.no_grad()
def replaced(its, held, texts=128, length=61):
    """`influence_by_replacement` with units held, one draw, at study.DISTANCES."""
    draws = torch.Generator().manual_seed(0)
    starts = torch.randint(len(its.symbols) - length, (texts,), generator=draws)
    drawn = torch.stack([its.symbols[s : s + length - 1] for s in starts])

    def predicted(vectors):
        last = inside.run(its.model, vectors, held)[-1][-1][-1]
        return its.model.linear(last).log_softmax(dim=-1)

    vectors, found = inside.one_hots(its.model, drawn), []
    old = predicted(vectors)
    for distance in study.DISTANCES:
        changed = vectors.clone()
        changed[-distance] = vectors[-distance].roll(1, dims=0)
        moved = (old.exp() * (old - predicted(changed))).sum(dim=-1)
        found.append(moved[(changed != vectors).any(dim=-1).any(dim=0)].mean().item())
    return found


second = wrapped.missed["here"].argsort(descending=True)
other = next(n for n in second.tolist() if n != unit)
without = {
    "nothing held": replaced(wrapped, None),
    "the counter held": replaced(wrapped, inside.at_mean(wrapped.seen, [unit])),
    "another unit held": replaced(wrapped, inside.at_mean(wrapped.seen, [other])),
}

# %% tags=["nbval-ignore-output"]
rows = [(n, *(f"{v:.4f}" for v in values)) for n, values in without.items()]
lstm.Table(("letters back", *map(str, study.DISTANCES)), rows)

# %%
#| check: >-
#|   If this run has a counter, holding it takes away four fifths or more of what a
#|   letter 15 and 20 steps back does, and holding another unit does not.
if counts:
    for at in map(study.DISTANCES.index, (15, 20)):
        free, held, else_held = (values[at] for values in without.values())
        assert held < 0.2 * free < else_held

# %% [markdown]
r"""
With the counter held, what lies 15 or 20 letters back no longer matters. So it was the
counter. The gradient sees the counter too, but more faintly. It is the right instrument
for small changes of the input; it says less about what a different text would do.

## 10.10 The path of the states

So far we looked at units one by one. The hidden state is a point in a space of 128
dimensions, and a text is a way through it. To see it we need a plane. **Principal
components** give the one in which the points are spread the most: after the mean is
taken off, the right singular vectors of the matrix of states, largest first.

We take the hidden states of the brackets network after each space. The words are drawn
at random, so after a space nothing of the last word is of any use, and an ideal network
would remember one thing only: outside, in round brackets, or in square ones. The
components are found on the first half of the held-out text; the second half is drawn.
"""


# %%
def plane(states, among):
    """The mean of some states, and their first two principal components: (H, 2)."""
    chosen = states[among]
    mean = chosen.mean(dim=0)
    _, spread, axes = torch.linalg.svd(chosen - mean, full_matrices=False)
    share = (spread[:2].square().sum() / spread.square().sum()).item()
    return mean, axes[:2].T, share


def clouds(recording, its):
    """In the plane: all states; the spaces of the other half; how many lie apart.

    A state counts if the nearest of three means of the first half is its own one's.
    """
    half, states = len(its.text) // 2, recording.h[0]
    spaces = torch.tensor([s == " " for s in its.text])
    first, later = spaces.clone(), spaces.clone()
    first[half:], later[:half] = False, False
    mean, axes, share = plane(states, first)
    points, kind = (states - mean) @ axes, its.known["which kind"].long()
    means = torch.stack([points[first & (kind == k)].mean(dim=0) for k in (0, 1, -1)])
    nearest = torch.cdist(points[later], means).argmin(dim=1)
    right = (nearest == kind[later] % 3).double().mean().item()
    return points, {k: points[later & (kind == k)] for k in (0, 1, -1)}, share, right


points, groups, share, right = clouds(brackets.seen, brackets)
_, _, fresh_share, fresh_right = clouds(brackets.unseen, brackets)

# %%
#| fig-alt: >-
#|   Three tight clouds far apart: outside, in round and in square brackets. A chain of
#|   arrows leads from one cloud to the others and back, with small steps within them.
half = len(brackets.text) // 2
begin = next(
    n
    for n in range(half, len(brackets.text))
    if brackets.text[n] == " "
    and {*"()[]"} <= {*brackets.text[n : n + 60]}
    and brackets.known["which kind"][n] == brackets.known["which kind"][n + 60] == 0
)
names = {0: "outside", 1: "in ( )", -1: "in [ ]"}
way = [n for n in range(begin, begin + 62) if brackets.text[n] == " "]
figures.plane({names[k]: groups[k] for k in names}, points[way])
plt.show()

# %% tags=["nbval-ignore-output"]
print(brackets.text[begin : begin + 62])
print(f"share of the spread in the plane {share:.2f}, untrained {fresh_share:.2f}")
print(f"in the right cloud {right:.1%}, untrained {fresh_right:.1%}")

# %%
#| check: >-
#|   In the plane of the trained network at least 98 % of the states lie nearest
#|   to their own cloud, in the untrained one's fewer than 60.
assert right > 0.98
assert fresh_right < 0.6

# %% [markdown]
r"""
Three clouds, well apart. The arrows follow the printed passage from space to space:
across to a cloud when its bracket opens, about in it from word to word, and out of it
when it closes. They are the three states of the little machine that wrote the text;
whether the network acts on them is exercise 6. In the untrained network's plane they
lie on top of one another.

Does such a plane always show what matters? Here is the same for the wrapped text, its
first two components, and how they go with the place in the line:
"""

# %%
spaces = torch.tensor([s == " " for s in wrapped.text])
mean, axes, share = plane(wrapped.seen.h[0], spaces)
place = wrapped.known["place in line"][spaces]
by_component = inside.correlations((wrapped.seen.h[0] - mean)[spaces] @ axes, place)
by_unit = inside.correlations(wrapped.seen.h[0][spaces][:, [unit]], place)

# %% tags=["nbval-ignore-output"]
print(f"share of the spread {share:.2f}; r with the place in the line", end=" ")
print(*(f"{r:+.2f}" for r in by_component), f" of the counter {by_unit.item():+.2f}")

# %%
#| check: >-
#|   If this run has a counter, both components go with the place in the line by less
#|   than 0.5, the unit by more than 0.8.
assert not counts or by_component.abs().max() < 0.5 < 0.8 < by_unit.abs().item()

# %% [markdown]
r"""
The unit whose loss costs 3 nats does not show. One unit of 128 is a small part of the
spread, and the plane shows what is *large*, not what is *used*.

## 10.11 What this chapter does not show

- **That LSTMs have readable units.** We chose the two texts so that there would be
  something to find, and in one seed of three there was no counter even so. On the raw
  text, with capitals and dialogue in quotation marks, we looked for a unit for quotes
  in a network of 256 units after 600 updates, and the best of one half was worth
  nothing on the other; brackets that we strewed into the book's prose were not learned
  in 900 updates. (One seed each: that is a remark, no result.) Karpathy, Johnson and Li
  had more text, larger networks, and far more training.
- **What the other units do.** Of 128 we named one or two. Holding most of them one at a
  time costs almost nothing at the marks; what they do together we have not asked.
- **That features are the right ones.** We searched for what we had thought of. A unit
  that keeps track of something that nobody thought of looks like noise.
- **That holding a unit is harmless.** The mean may be a place where the state never is;
  and a unit that can be spared may have a double.
- **Anything about rates and sizes.** One size, one rate, one budget a text. The study's
  900 updates are barely enough for the brackets: in five runs of seed 0 whose first
  weights differed by a millionth, the kind was learned at some time from the 500th to
  the 1,000th update. (A remark, too.)

All instruments take any `LanguageModel` on an LSTM. A text of your own:
`python -m lstm train text --data FILE --out RUN` trains on it, and after
`from lstm import runs`, `model, vocab = runs.writer("RUN")` brings what was trained.

## Summary

- A recorder that runs the book's own step gives all gates and states, equal to
  `nn.LSTM` to within $10^{-12}$.
- In two of three seeds a network on wrapped text has a unit that goes with the place in
  the line by 0.9. Held still, it costs 3 nats at the ends of lines and nothing
  elsewhere; set as at place 28, it makes a new line about an even chance after any
  word.
- Correlation is not learning: an untrained network has units and probes for the place
  in the word and for vowels. Correlation is not use: the unit that went best with
  brackets ranked 1st, 59th and 2nd of 128 when held.
- Time constants start at 3 letters and are pulled apart by training, from below one to
  tens or hundreds. As means they hide when a gate shuts.
- Gradient and replacement agree on near letters. Farther back, what the counter does
  shows more strongly by replacement.
- The states of the brackets network, after spaces, lie in three clouds in a plane. What
  is used need not be what is spread.

## Exercises

1. *(easy)* A forget gate is 0.99 at nine letters of ten, and 0.5 at the tenth. What is
   the time constant, and what share is left after 100 letters?
   ([solution](solutions/10_inside.ipynb#Exercise-1))
2. *(easy)* Make a unit by hand, as in section 10.1, that tells round from square
   brackets: 1 in (), −1 in [], 0 outside. Check it by the feature.
   ([solution](solutions/10_inside.ipynb#Exercise-2))
3. *(medium)* How large is the best $r$ of 128 columns of noise with "in brackets",
   searched over 100, 1,000 and 10,000 letters? And if the noise is slow, with a time
   constant of 30 letters? What saves the search of section 10.4 from it?
   ([solution](solutions/10_inside.ipynb#Exercise-3))
4. *(medium)* Show that for small steps the divergence (10.3) is half of
   $\sum_v (q_v - p_v)^2 / p_v$, and find out up to which step that is right within a
   tenth. ([solution](solutions/10_inside.ipynb#Exercise-4))
5. *(hard)* In the study's seed 1 of the brackets the unit that was found could be
   spared. Train such a network, and hold the units that go with "in brackets" best
   together, 1, 2, 5, 10, 20 of them, and as many drawn at random. When does it cost?
   ([solution](solutions/10_inside.ipynb#Exercise-5))
6. *(hard)* The states after spaces lie in three clouds. Let the network of exercise 5
   read outside brackets, and move its state by the way from the cloud outside to the
   one in (): the hidden state alone, the cell alone, both. How likely does it think a
   ")" then, at once, and one word later?
   ([solution](solutions/10_inside.ipynb#Exercise-6))

## Further reading

- A. Karpathy, J. Johnson, L. Fei-Fei, [Visualizing and understanding recurrent
  networks](https://arxiv.org/abs/1506.02078), 2015: the coloured texts, and much else.
- A. Karpathy, [The unreasonable effectiveness of recurrent neural
  networks](https://karpathy.github.io/2015/05/21/rnn-effectiveness/), 2015: the same,
  told for everybody.
- S. Mahto et al., [Multi-timescale representation learning in LSTM language
  models](https://arxiv.org/abs/2009.12727), 2021: time constants, and what they are
  good for.
"""
