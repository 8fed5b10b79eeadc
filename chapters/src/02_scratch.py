# ---
# part: Understand
# question: How do equations become a language model?
# proved: >-
#   each number of a step, by hand; 500 epochs on *The Time Machine*, with a curve for
#   pages never seen
# minutes: 4
# ---

# %% [markdown]
r"""
# 2. An LSTM from bare tensors

**What you will build.** A character language model: an LSTM of fourteen tensors and
thirty lines, trained on H. G. Wells's *The Time Machine* until it continues "time
traveller" with fifty letters of the book, without a mistake.

**What you will learn.** How text becomes tensors. How the equations of chapter 1 become
a loop. What perplexity measures. And why the same training that brings it down to 1.1
on the pages that it reads drives it above 28, the value of a network that has learned
nothing, on pages of the same book that it does not read.

**What you need.** Chapter 1, whose cell of six equations is trained here on a text.
The training takes about three minutes on one processor core.

Chapter 1 trained its cell on a task with one thing to remember. Here nobody says what
is worth remembering. The task is to name the next letter, and whatever helps may be
kept. We follow **the notes**: five study notes on LSTMs, published in Chinese, from
which this book grew. Two of them work through the LSTM of *Dive into Deep Learning*,
its 9.2, and train just this network, the *scratch* version from bare tensors and the
*concise* one from PyTorch's layer. Their settings are kept to the letter: 256 hidden
units, minibatches of 32, 35 time steps, learning rate 1, 500 epochs, and the functions
of the library `d2l` that comes with that book. What the notes report stands beside what
we find, and one thing is added that they do not have: pages that the training never
sees.
"""

# %%
import contextlib
import io
import math
import random
from collections import Counter

import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot
from torch.testing import assert_close

import lstm
from lstm import bench, figures
from lstm.d2l import d2l
from lstm.figures import plt

# %% [markdown]
r"""
`lstm.d2l` gives the notes' version of d2l, 0.17, whose own version pins no longer
install, on today's PyTorch. It changes nothing in how d2l computes; its few repairs are
listed at the top of `lstm/d2l.py`.

## 2.1 The text

The loader returns an iterator over minibatches and a vocabulary. If you are offline and
have no copy of the book, a short story that ships with this project stands in, and the
first line says so.
"""

# %% tags=["nbval-ignore-output"]
batch_size, num_steps = 32, 35
train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)
corpus = train_iter.corpus
print("".join(vocab.to_tokens(corpus[:60])))
print(corpus[:20])
print(*vocab.idx_to_token)

# %% [markdown]
r"""
The text is letters and spaces only: small letters, everything else turned into spaces.
A **token** here is one character. The **vocabulary** numbers the 26 letters and the
space from 1 on, by falling frequency, and keeps 0 for unknown symbols, which makes
$V = 28$. Of the whole book the loader hands out the first 10,000 tokens only.
"""

# %%
print(len(vocab), "symbols,", len(corpus), "tokens")

# %%
#| check: >-
#|   28 symbols, the unknown one first, the others by falling frequency; 10,000 tokens.
assert len(vocab) == 28
assert set(vocab.idx_to_token) == {"<unk>", " ", *"abcdefghijklmnopqrstuvwxyz"}
assert len(corpus) == 10_000
assert vocab.idx_to_token[0] == "<unk>"
assert 0 not in corpus
counts = [count for _, count in vocab.token_freqs]
assert counts == sorted(counts, reverse=True)

# %% [markdown]
r"""
How often is each symbol used in the whole text? The space leads, then e, t, a, as in
most English texts; j, q, x and z bring up the rear.
"""

# %%
#| fig-alt: >-
#|   One bar for each symbol, in falling order. The space is the tallest, followed by
#|   e, t and a; at the right end the bars of j, q, x and z can hardly be seen.
counts = {symbol.replace(" ", "␣"): count for symbol, count in vocab.token_freqs}
assert list(counts)[:4] == ["␣", "e", "t", "a"]
assert set(list(counts)[-4:]) == set("jqxz")
frequency = {symbol: count / sum(counts.values()) for symbol, count in counts.items()}
figures.bars(frequency, "symbol", "share of the text")
plt.show()

# %% [markdown]
r"""
A network with 300,000 parameters that reads 10,000 letters five hundred times may
simply learn them by heart. To notice, we keep pages aside. The 4,000 letters that
follow in the book are the **validation pages**: during training the network is asked
about them again and again, but never updated on them. If we choose anything by them,
such as the epoch at which to stop, they are no longer quite unseen; so the 4,000
letters after those are the **test pages**, used for nothing but a last measurement.
Both are later pages of one book by one author. A text by somebody else would be harder.
"""

# %%
whole = d2l.load_corpus_time_machine()[0]
validation, test = whole[10_000:14_000], whole[14_000:18_000]
text_of = lambda tokens: "".join(vocab.to_tokens(tokens))
pages = {"training": corpus, "validation": validation, "test": test}
lstm.Table(("pages", "letters"), [(name, len(p)) for name, p in pages.items()])

# %% tags=["nbval-ignore-output"]
for name, tokens in pages.items():
    print(f"{name:11}", text_of(tokens[:60]), "…")

# %% [markdown]
r"""
Two things about d2l's loader will show again. It joins the lines of the file with *no*
space between, so that the last word of a line and the first of the next become one
word. And `vocab` silently turns a symbol that it does not know into `<unk>`; this
book's own `Vocab` raises an error instead.
"""

# %% tags=["nbval-ignore-output"]
lines = [line for line in d2l.read_time_machine() if line]
k = 10
print(repr(lines[k][-24:]), "+", repr(lines[k + 1][:24]))
seam = text_of(whole).index(lines[k] + lines[k + 1]) + len(lines[k])
print(repr(text_of(whole[seam - 24 : seam + 24])))

# %%
print(vocab["é"], "is the number of é, and of every unknown symbol")
try:
    lstm.data.Vocab(text_of(whole)).encode("café")
except ValueError as error:
    print(str(error)[:60])

# %%
#| check: >-
#|   Lines meet without a space; an unknown symbol becomes number 0.
assert "".join(lines) == text_of(whole)
assert vocab["é"] == vocab.unk == 0

# %% [markdown]
r"""
## 2.2 One minibatch

A minibatch holds 32 passages of 35 tokens. The targets are the same passages, one token
later: the task at every step is to say what comes next. Row 3 of the next minibatch
goes on where row 3 of this one stops, so the state can be carried over.
"""

# %%
random.seed(0)
batches = iter(train_iter)
x, y = next(batches)
x_next, _ = next(batches)
print("inputs", tuple(x.shape), "  targets", tuple(y.shape))

# %% tags=["nbval-ignore-output"]
print("inputs  ", repr(text_of(x[0].tolist())))
print("targets ", repr(text_of(y[0].tolist())))
print("then    ", repr(text_of(x_next[0].tolist())))

# %%
#| check: >-
#|   Targets are the inputs one token later; a row goes on in the next minibatch.
assert x.shape == y.shape == (batch_size, num_steps)
assert torch.equal(x[:, 1:], y[:, :-1])
assert torch.equal(x_next[:, 0], y[:, -1])

# %% [markdown]
r"""
The same loader, small enough to be drawn: 3 rows, windows of 7 letters. A colour is a
minibatch. The arrows carry the state of each row; what is grey no window reads.
"""

# %%
#| fig-alt: >-
#|   The beginning of the text in three rows of letters. Each row is cut into three
#|   windows of seven letters, the minibatches 1 to 3, with an arrow from each window to
#|   the next in its row; a few letters at the end of the rows are grey.
_, drawn = figures.text_windows(text_of(corpus[:80]), rows=3, length=7)
plt.show()

# %%
#| check: >-
#|   The picture shows what d2l's loader reads, where its offset is 0.
random.seed(next(s for s in range(100) if random.Random(s).randint(0, 7) == 0))
loaded = [x.tolist() for x, _ in d2l.seq_data_iter_sequential(corpus[:80], 3, 7)]
assert [[text_of(row) for row in x] for x in loaded] == drawn

# %% [markdown]
r"""
One pass over the minibatches is an **epoch**. How much of the text does it read?
"""

# %%
read = [x.numel() for x, _ in train_iter]
print(len(read), "minibatches read", sum(read), "of", len(corpus), "tokens")
assert read == 8 * [32 * 35]

# %% [markdown]
r"""
The loader lays the 10,000 tokens out as 32 rows of about 312, the first starting at a
random offset of up to 35 tokens, and cuts each row into passages of 35. Eight fit,
which are 280 tokens; the last thirty or so of every row are left out. The offset
moves them a little from epoch to epoch, but no passage ever reads across the place
where one row ends and the next begins. Section 2.11 finds the traces of these 31
seams.

A network multiplies, so a symbol must become a vector: 28 numbers, all 0 but a 1 at the
symbol's index (**one-hot**), and they must be floats, as the weights are. The time axis
comes first, so that a loop over the tensor is a loop over time.
"""

# %%
inputs = one_hot(x.T, len(vocab)).float()
assert inputs.shape == (num_steps, batch_size, len(vocab))
assert inputs.sum(dim=-1).eq(1).all()
print("a minibatch, one-hot:", tuple(inputs.shape))
one_hot(torch.tensor([0, 2]), 5)

# %% [markdown]
r"""
## 2.3 Fourteen tensors

Each gate of (1.3) to (1.5), and the candidate of (1.6), has a weight for the input, a
weight for the hidden state and a bias. An output layer turns the hidden state into one
score for each of the $V$ symbols, $\mathbf{Y}_t = \mathbf{H}_t \mathbf{W}_{hq} +
\mathbf{b}_q$, of shape $N \times V$. That makes $4 \cdot 3 + 2 = 14$ tensors. Weights
start as small random numbers, to tell the units apart; biases start at zero.

Three cells of this section and the next quote `lstm/scratch.py` word for word. The
arguments and the order of the tensors are the notes'; the loop, which they call `lstm`,
is `scratch_lstm` here, since `lstm` is the package.
"""


# %%
# lstm/scratch.py
def get_lstm_params(vocab_size, num_hiddens, device=None):
    """The 14 parameters: triples for the gates i, f, o and the candidate c; the output.

    Weights are drawn from a normal distribution of standard deviation 0.01; biases are
    zero. Returns [W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc, b_c,
    W_hq, b_q]; W_x*: (V, H)   W_h*: (H, H)   b_*: (H)   W_hq: (H, V)   b_q: (V)
    Raises ValueError unless both sizes are positive integers.
    """
    for name, size in {"vocab_size": vocab_size, "num_hiddens": num_hiddens}.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, got {size!r}")

    def weight(rows, columns):
        return torch.randn(rows, columns, device=device) * 0.01

    def triple():
        bias = torch.zeros(num_hiddens, device=device)
        return weight(vocab_size, num_hiddens), weight(num_hiddens, num_hiddens), bias

    params = [tensor for _ in "ifoc" for tensor in triple()]
    params += [weight(num_hiddens, vocab_size), torch.zeros(vocab_size, device=device)]
    return [p.requires_grad_() for p in params]


# %% [markdown]
r"""
Count them: with 28 symbols and 256 units there are about thirty times as many
parameters as there are letters to learn from.
"""

# %%
params = get_lstm_params(len(vocab), 256)
total = sum(p.numel() for p in params)
assert total == 4 * (28 * 256 + 256 * 256 + 256) + 256 * 28 + 28
print(len(params), "tensors,", total, "parameters,", end=" ")
print(f"{total / len(corpus):.1f} for every letter")

# %% [markdown]
r"""
Before the first step there is no past. Both states are zero.
"""


# %%
# lstm/scratch.py
def init_lstm_state(batch_size, num_hiddens, device=None):
    """The state before the first step, (h, c): zeros, each (N, H)."""
    shape = batch_size, num_hiddens
    return torch.zeros(shape, device=device), torch.zeros(shape, device=device)


# %% [markdown]
r"""
## 2.4 The network

Read the loop beside section 1.9: six lines, six equations. The scores of all steps are
joined into one long list, step after step, as the loss expects.
"""


# %%
# lstm/scratch.py
def scratch_lstm(inputs, state, params):
    """Run the LSTM along a sequence and score the next symbol at every step.

    inputs: (L, N, V), one-hot   state: (h, c), each (N, H)
    ->   scores: (L*N, V), step after step; and the last (h, c)
    Source: equations of Zhang et al., Dive into Deep Learning, the section on the LSTM.
    """
    W_xi, W_hi, b_i, W_xf, W_hf, b_f = params[:6]
    W_xo, W_ho, b_o, W_xc, W_hc, b_c, W_hq, b_q = params[6:]
    h, c = state
    scores = []
    for x in inputs:
        i = torch.sigmoid(x @ W_xi + h @ W_hi + b_i)  # (N, H), as f, o and g
        f = torch.sigmoid(x @ W_xf + h @ W_hf + b_f)
        o = torch.sigmoid(x @ W_xo + h @ W_ho + b_o)
        g = torch.tanh(x @ W_xc + h @ W_hc + b_c)  # the candidate
        c = f * c + i * g
        h = o * torch.tanh(c)
        scores.append(h @ W_hq + b_q)  # (N, V)
    return torch.cat(scores), (h, c)


# %% [markdown]
r"""
## 2.5 One step, number by number

Does the code compute the equations? We take a batch of $N = 2$, $D = 3$ inputs and
$H = 5$ units, and write each sum out in plain Python: no tensors, no broadcasting,
nothing to hide a mistake in.
"""

# %%
torch.manual_seed(0)
small = [torch.randn_like(p).double() for p in get_lstm_params(3, 5)]
x, h, c = (torch.randn(2, columns).double() for columns in (3, 5, 5))
scores, (h_new, c_new) = scratch_lstm(x[None], (h, c), small)
print("scores", tuple(scores.shape), "  h and c", tuple(h_new.shape))


# %%
def weighted_sum(n, j, W_x, W_h, b):
    """Sample n, unit j of x W_x + h W_h + b, by hand."""
    total = b[j].item()
    total += sum(x[n, d].item() * W_x[d, j].item() for d in range(3))
    return total + sum(h[n, k].item() * W_h[k, j].item() for k in range(5))


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


# %%
largest = 0
for n in range(2):
    for j in range(5):
        sums = [weighted_sum(n, j, *small[3 * k : 3 * k + 3]) for k in range(4)]
        i, f, o = map(sigmoid, sums[:3])
        cell = f * c[n, j].item() + i * math.tanh(sums[3])
        hidden = o * math.tanh(cell)
        differences = cell - c_new[n, j].item(), hidden - h_new[n, j].item()
        largest = max(largest, *map(abs, differences))
print(f"cell of sample 0, unit 0: {c_new[0, 0]:.4f}, hidden state {h_new[0, 0]:.4f}")
assert largest < 1e-12
print("2 x 5 cells and hidden states agree with the sums by hand to 12 digits")

# %%
W_hq, b_q = small[-2:]
for n in range(2):
    for v in range(3):
        by_hand = b_q[v].item()
        by_hand += sum(h_new[n, k].item() * W_hq[k, v].item() for k in range(5))
        assert_close(scores[n, v].item(), by_hand)
print("2 x 3 scores, too")

# %% [markdown]
r"""
A state goes in as it comes out, so a sequence may be cut anywhere: two halves, with the
state carried over, equal the whole. This is what lets training go through a long text
in pieces.
"""

# %%
sequence = torch.randn(8, 2, 3).double()
zeros = torch.zeros(2, 5).double(), torch.zeros(2, 5).double()
whole_scores, end = scratch_lstm(sequence, zeros, small)
first, middle = scratch_lstm(sequence[:4], zeros, small)
second, end_of_halves = scratch_lstm(sequence[4:], middle, small)
assert_close(torch.cat([first, second]), whole_scores)
assert_close(end_of_halves, end)
print("8 steps at once, and 4 + 4 with the state carried: the same scores and states")

# %% [markdown]
r"""
A state of another batch size does not fit, and raises an error. There is one exception,
and it is a trap: a state for a batch of 1 is stretched to any batch in silence
(broadcasting). `nn.LSTM` refuses both.
"""


# %%
def zero_state(batch):
    return [state.double() for state in init_lstm_state(batch, 5)]


try:
    scratch_lstm(sequence, zero_state(3), small)
except RuntimeError as error:
    assert "must match the size of tensor" in str(error)
    print("batch 2, state for 3: refused")
stretched, _ = scratch_lstm(sequence, zero_state(1), small)
print("batch 2, state for 1: scores", tuple(stretched.shape))

# %% [markdown]
r"""
## 2.6 Perplexity

The softmax of the scores, $e^{\text{score}}$ over the sum of all of them, gives a
probability to each possible next symbol. How good are they? Only one of them is ever
put to the test, the probability of the symbol that came. **Perplexity** is one over the
geometric mean of these,

\begin{align*}
\operatorname{PPL} &=
  \Bigl(\prod_{t=1}^{L} p(x_t \mid x_1, \dots, x_{t-1})\Bigr)^{-1/L} \\ &=
  \exp\Bigl(-\frac{1}{L} \sum_{t=1}^{L} \ln p(x_t \mid x_1, \dots, x_{t-1})\Bigr),
  \tag{2.1}
\end{align*}

or $e$ to the mean cross entropy, the loss of the training. Three symbols came, and the
model had given them 1/2, 1/4 and 1/8. The geometric mean is 1/4, the perplexity 4.
"""


# %%
def perplexity_of(probabilities):
    """Perplexity, from the probabilities that were given to the symbols that came."""
    logs = [math.log(p) for p in probabilities]
    return math.exp(-sum(logs) / len(logs))


print(f"1/2, 1/4, 1/8           {perplexity_of([1 / 2, 1 / 4, 1 / 8]):6.2f}")
print(f"always 1/28             {perplexity_of([1 / 28] * 3):6.2f}")
print(f"1/2, 1/4, and 1/10,000  {perplexity_of([1 / 2, 1 / 4, 1e-4]):6.2f}")

# %%
#| check: >-
#|   4 for 1/2, 1/4 and 1/8; V for an even guess among V; for a sure mistake, more.
assert math.isclose(perplexity_of([1 / 2, 1 / 4, 1 / 8]), 4)
assert math.isclose(perplexity_of([1 / 28] * 3), 28)
assert perplexity_of([1 / 2, 1 / 4, 1e-4]) > 40

# %% [markdown]
r"""
Perplexity is often read as a number of choices: who spreads the probability evenly over
28 symbols gets 28, who knows the symbol gets 1, and 4 is as good as guessing among
four. The third line shows where this reading ends. A model that is right about two
symbols and nearly rules out the third, wrongly, gets 43, although there are only 28
symbols to choose from. There is no upper limit. The number of choices that a model
*believes* to have (the exponential of the entropy of its own predictions) is another
number, and the two agree if each symbol comes as often as the model predicts: section
2.10 comes back to this.

d2l's `RNNModelScratch` is a thin wrapper around our three functions: it draws the
parameters with `get_lstm_params`, turns indices into one-hot floats, and calls
`scratch_lstm`; its `begin_state` calls `init_lstm_state`. We measure on passages of 280
letters, each read from a zero state, since that is how far training carries the state.
"""

# %%
device = d2l.try_gpu()


def new_network(seed=0):
    """The notes' scratch network, its weights and the loader's offsets from a seed."""
    random.seed(seed)
    torch.manual_seed(seed)
    functions = get_lstm_params, init_lstm_state, scratch_lstm
    return d2l.RNNModelScratch(len(vocab), 256, device, *functions)


# %%
@torch.no_grad()
def scores_on(net, tokens, length=280):
    """Scores and targets on passages of a length, each read from the zero state."""
    x, y = lstm.data.windows(torch.tensor(tokens, device=device), length)
    scores, _ = net(x, net.begin_state(batch_size=len(x), device=device))
    return scores, y.T.flatten()


def perplexity(net, tokens, length=280):
    return cross_entropy(*scores_on(net, tokens, length)).exp().item()


net = new_network()
untrained = perplexity(net, validation)
assert abs(untrained - 28) < 0.1
print(f"an untrained network: {untrained:.0f}")

# %% [markdown]
r"""
## 2.7 What counting achieves

Before a network is trained, it is worth knowing what can be done without one. The
simplest language models are counts, with which Shannon measured English in 1951: how
often each letter occurs, or each letter after the one before it (**bigrams**), or after
the two before it (**trigrams**). What comes after "th", for example, in the 10,000
training letters?
"""

# %% tags=["nbval-ignore-output"]
training_text = text_of(corpus)
places = [n for n in range(2, len(corpus)) if training_text[n - 2 : n] == "th"]
print(Counter(training_text[n] for n in places).most_common(6))

# %% [markdown]
r"""
Counting alone gives probability 0 to what did not occur, and one such place on a new
page makes the perplexity infinite. So counts are **smoothed**: to the counts after "th"
we add ten votes, shared out as the counts after "h" would have it, which are in turn
smoothed by the bare letters, and these by an even share for all 28 symbols,

$$p(c \mid ab) = \frac{n(abc) + 10\, p(c \mid b)}{n(ab) + 10}. \tag{2.2}$$

Here $n$ counts how often a piece stands in the training pages. Ten was the best of 5,
10 and 20 for trigrams on the validation pages.
"""


# %%
def count(text, longest):
    """How often each piece of up to `longest` letters occurs, and is followed."""
    pieces, followed = Counter(), Counter()
    for size in range(1, longest + 1):
        for n in range(len(text) - size + 1):
            pieces[text[n : n + size]] += 1
            followed[text[n : n + size - 1]] += 1
    return pieces, followed


# %%
def probability(piece, counts, votes=10):
    """p(last letter | the letters before it), as in (2.2)."""
    if not piece:
        return 1 / len(vocab)
    pieces, followed = counts
    expected = votes * probability(piece[1:], counts, votes)
    return (pieces[piece] + expected) / (followed[piece[:-1]] + votes)


def counted(text, size, votes=10):
    """Perplexity of a text under counts of pieces of `size` letters."""
    ends = range(size, len(text) + 1)
    return perplexity_of(probability(text[n - size : n], counts, votes) for n in ends)


counts = count(training_text, 4)

# %%
#| check: >-
#|   After any context the smoothed probabilities of all 28 symbols add up to 1; ten
#|   votes are the best of 5, 10 and 20 for trigrams on the validation pages.
for context in ("", "t", "th", "the", "zqx"):
    everything = (probability(context + c, counts) for c in vocab.idx_to_token[1:])
    unknown = probability(context + "?", counts)
    assert math.isclose(sum(everything) + unknown, 1)
best_of = min((5, 10, 20), key=lambda v: counted(text_of(validation), 3, v))
assert best_of == 10

# %% [markdown]
r"""
All tables are counted on the training pages, the same 10,000 letters that the network
gets, and asked about all three kinds of pages:
"""

# %% tags=["nbval-ignore-output"]
names = {"letters": 1, "bigrams": 2, "trigrams": 3, "pieces of four": 4}
tables = {
    name: {page: counted(text_of(t), size) for page, t in pages.items()}
    for name, size in names.items()
}
rows = [(name, *(f"{p:.1f}" for p in by.values())) for name, by in tables.items()]
lstm.Table(("perplexity of", *pages), [("28 alike", *["28.0"] * 3), *rows])

# %%
#| check: >-
#|   On pages that were not counted each longer piece helps; on those that were counted,
#|   far more.
for page in ("training", "validation", "test"):
    by_size = [tables[name][page] for name in names]
    assert by_size == sorted(by_size, reverse=True)
fours = tables["pieces of four"]
assert fours["training"] < 0.7 * min(fours["validation"], fours["test"])

# %% [markdown]
r"""
With growing length a table, too, learns its pages by heart: pieces of four letters are
predicted far better on the pages on which they were counted than on the others. A
number for the training pages alone says little, for a table or for a network.

## 2.8 Training: 500 epochs, and a second curve

The notes call `d2l.train_ch8`: plain stochastic gradient descent, the gradient clipped
to norm 1, and the state carried from minibatch to minibatch but detached, so that
gradients stop there (**truncated backpropagation**). To clip is to shorten the gradient
of all weights together to norm 1 where it is longer, so that no single update goes too
far. We write its loop out, with d2l's own functions, so that every tenth epoch
something else can have a look at the network.
"""

# %%
num_epochs, lr = 500, 1


def train(net, num_epochs, look=None):
    """Train as d2l.train_ch8 does; after every tenth epoch call `look`."""
    loss = nn.CrossEntropyLoss()
    update = lambda batch_size: d2l.sgd(net.params, lr, batch_size)
    for epoch in range(1, num_epochs + 1):
        parts = net, train_iter, loss, update, device, False
        value, speed = d2l.train_epoch_ch8(*parts)
        if look and epoch % 10 == 0:
            look(epoch, value)
    return value, speed


# %%
#| check: >-
#|   The loop trains as d2l.train_ch8 does: after 5 epochs all 14 tensors are the same.
ours, theirs = new_network(), new_network()
new_network()  # the seeds once more
train(ours, 5)
random.seed(0)
with contextlib.redirect_stdout(io.StringIO()):
    d2l.train_ch8(theirs, train_iter, vocab, lr, 5, device)
plt.close("all")
for a, b in zip(ours.params, theirs.params, strict=True):
    assert_close(a, b)
print("14 tensors agree")

# %% [markdown]
r"""
What we look at is the perplexity on the validation pages, and the continuation that the
network would give to "time traveller": the likeliest next letter, again and again, 50
times. Where the validation perplexity is lowest, we keep a copy of the weights. This
network was never told about those pages, so training itself goes on unchanged.
"""

# %% tags=["nbval-ignore-output"]
epochs, on_training, on_validation, said, kept = [], [], [], {}, {}


def look(epoch, value):
    epochs.append(epoch)
    on_training.append(value)
    on_validation.append(perplexity(net, validation))
    said[epoch] = d2l.predict_ch8("time traveller", 50, net, vocab, device)
    if on_validation[-1] == min(on_validation):
        kept["best"] = [p.detach().clone() for p in net.params]


net = new_network()
value, speed = train(net, num_epochs, look)
kept["last"] = [p.detach().clone() for p in net.params]
print(f"perplexity {value:.1f}, {speed:,.1f} tokens/sec on {device}")

# %% [markdown]
r"""
(Speeds are masked in the committed page, since they differ from run to run; run the
cell to see yours.)
"""

# %%
#| fig-alt: >-
#|   Perplexity, on a logarithmic axis, against the epoch, with four dashed levels: 28
#|   alike, letters, bigrams and trigrams. The training curve sets out at the level of
#|   the letters and falls all the way to about 1. The validation curve falls with it at
#|   first, comes down near the level of the trigrams, turns, and climbs steeper and
#|   steeper through all the levels until it ends above 28.
best_epoch = epochs[on_validation.index(min(on_validation))]
both = {"training pages": on_training, "validation pages": on_validation}
levels = {
    name: tables[name]["validation"] for name in ("letters", "bigrams", "trigrams")
}
axes = {
    "x": epochs,
    "log": True,
    "ylim": (0.9, 80),
    "levels": {"28 alike": 28} | levels,
}
figure = figures.lines(both, "epoch", "perplexity", **axes)
axis = figure.axes[0]
axis.axvline(best_epoch, color=figures.COLORS["cell"], linewidth=1, linestyle=":")
axis.set(xlim=(0, 640), xticks=range(0, 501, 100), yticks=(1, 2, 5, 10, 20, 50))
axis.set_yticklabels(["1", "2", "5", "10", "20", "50"])
axis.minorticks_off()
plt.show()

# %% tags=["nbval-ignore-output"]
rows = [
    (e, f"{a:.2f}", f"{b:.2f}")
    for e, a, b in zip(epochs, on_training, on_validation, strict=True)
    if e in (10, 100, best_epoch, 350, 500)
]
lstm.Table(("epoch", "on training pages", "on validation pages"), rows)

# %%
#| check: >-
#|   The first points lie at the letters' level; training ends below 1.3; the validation
#|   curve turns between epochs 150 and 350, near the trigrams, and ends above 28.
assert len(epochs) == 50
assert abs(on_training[0] / tables["letters"]["training"] - 1) < 0.1
assert min(on_training) <= 1.3  # what the notes report, reached
assert 150 <= best_epoch <= 350
assert abs(min(on_validation) / tables["trigrams"]["validation"] - 1) < 0.12
assert on_validation[-1] > 28

# %% [markdown]
r"""
In three stages, then. At first the network knows only how common each symbol is: both
curves lie at the level of the letters, the **plateau**. (Section 3.6 draws every epoch
of it.) Then, for some two hundred epochs, what it learns on one set of pages holds on
the other as well, and the curves fall together, past the bigrams. At the dotted line
they part. From there on training goes on to improve the network on its own pages, and
makes it worse on the validation pages, first slowly, then by leaps.

Had we stopped at the dotted line (**early stopping**), we would have kept the best
network of this run. Counting keeps up with it: on the validation pages the network
comes within a tenth of the trigrams, and pieces of four letters do better. This is one
run at one rate, so it ranks nothing; exercise 7 varies rate, size and seed. The test
pages, which chose neither the epoch nor the number of votes, say the same:
"""

# %% tags=["nbval-ignore-output"]
networks = {}
for name, params in kept.items():
    networks[name] = new_network()
    networks[name].params = params
when = {"best": f"the LSTM, epoch {best_epoch}", "last": "the LSTM, epoch 500"}
rows = [(name, *(f"{p:.1f}" for p in by.values())) for name, by in tables.items()]
for name, network in networks.items():
    rows += [(when[name], *(f"{perplexity(network, p):.1f}" for p in pages.values()))]
lstm.Table(("perplexity of", *pages), rows)

# %%
#| check: >-
#|   On the test pages the LSTM of the best epoch beats bigrams, not trigrams; the LSTM
#|   of epoch 500 is worse there than an untrained one.
on_test = {name: perplexity(network, test) for name, network in networks.items()}
assert tables["trigrams"]["test"] < on_test["best"] < tables["bigrams"]["test"]
assert on_test["last"] > 28

# %% [markdown]
r"""
And what does the network say to "time traveller" along the way?
"""

# %% tags=["nbval-ignore-output"]
for epoch in (50, 100, best_epoch, 350, 400, 500):
    print(f"{epoch:3}  {said[epoch].removeprefix('time traveller')}")

# %% [markdown]
r"""
For hundreds of epochs the likeliest letter leads in circles: one frequent word, then a
few. So does the network with the lowest perplexity on new pages; letters drawn at
random from its probabilities make livelier text (exercise 3). Real sentences appear
only when the curve on new pages is far up, and the next section shows whose sentences
they are.

## 2.9 The notes' figures beside ours

The notes report a perplexity of 1.3 for the scratch code and of 1.1 for the concise
code of chapter 3, both on the training pages; they have no others. Ours, from the curve
above:
"""

# %% tags=["nbval-ignore-output"]
rows = [
    ("the notes, scratch", "1.3"),
    ("the notes, concise", "1.1"),
    ("this run, scratch, last epoch", f"{on_training[-1]:.2f}"),
]
lstm.Table(("", "perplexity on training pages"), rows)

# %% [markdown]
r"""
Both also print how their networks continue two prefixes, "time traveller" and
"traveller". Here are the notes' four continuations and our two. The last column is the
length of the longest piece of each, without the prefix, that stands letter for letter
in the training pages.
"""


# %%
def longest_recited(text, source):
    """The longest substring of text that occurs in source."""
    pieces = (text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1))
    return max((piece for piece in pieces if piece in source), key=len)


# %%
prefixes = "time traveller", "traveller"
continuations = {
    "notes, scratch": (
        " for so it will leong go it we melenot ir cove i s",
        " care be can so i ngrecpely as along the time dime",
    ),
    "notes, concise": (
        " for so it will be convenient to speak of himwas e",
        "you can show black is white by argument said filby",
    ),
    "ours, scratch": tuple(
        d2l.predict_ch8(prefix, 50, net, vocab, device).removeprefix(prefix)
        for prefix in prefixes
    ),
}
recited = {
    who: [len(longest_recited(line, training_text)) for line in both]
    for who, both in continuations.items()
}

# %% tags=["nbval-ignore-output"]
for n, prefix in enumerate(prefixes):
    print(f"{prefix} …")
    for who, both in continuations.items():
        print(f"  {who:15} {both[n]:51} {recited[who][n]:2}")

# %% [markdown]
r"""
The notes' concise network and our scratch network were trained by strangers, on
different machines, from different random weights, one with PyTorch's layer and one with
fourteen tensors. Yet they say the same two lines, letter for letter. That is what
learning by heart looks like, and the last column says so: all 50 letters stand in the
training pages, down to "himwas", which is no word, but the place where the loader
joined two lines of the file. The notes' scratch network, at 1.3, has learned the page
less well and drifts off after a few words.

How long a piece would occur there by chance? We cut pages that were not trained on into
lines of 50 letters and ask the same of them.
"""

# %% tags=["nbval-ignore-output"]
unseen = text_of(validation + test)
lines_of_50 = [unseen[n : n + 50] for n in range(0, len(unseen), 50)]
chance = [len(longest_recited(line, training_text)) for line in lines_of_50]
mean = sum(chance) / len(chance)
print(f"lines of unseen pages: {mean:.1f} letters on average, {max(chance)} at most")

# %%
#| check: >-
#|   Ours recites more than lines of unseen pages have in common with the training
#|   pages; in the real text, the notes' concise lines stand whole.
assert max(recited["ours, scratch"]) > 1.5 * mean
if training_text.startswith("the time machine by h g wells"):
    assert recited["notes, concise"] == [50, 50]

# %% [markdown]
r"""
The notes also report speeds, 17,736 tokens a second for the scratch code and 234,815
for the concise code, on a GPU (`cuda:0`, not named). The ones below come from `make
bench`, which times training steps of the same shape (forward, backward, clipping,
update) side by side in several rounds, and keeps the medians with machine, versions and
date. On the two processor cores of the first rows the scratch code was more than twice
as fast as on the notes' GPU; why, was not measured. `make bench` prints yours.
"""

# %% tags=["nbval-ignore-output"]
#| fold: >-
#|   A table of the speeds that this project measured.
rows = []
for report in bench.results():
    machine, speeds = report["machine"], report["tasks"]["text"]["speeds"]
    about = f"{machine['device']}, torch {machine['torch']}, {machine['date']}"
    rows += [(name, f"{speed:,}", about) for name, speed in speeds.items()]
lstm.Table(("code", "tokens/s", "measured on"), rows)

# %% [markdown]
r"""
## 2.10 Sure and wrong

A perplexity of 1.1 on the training pages, and at the same time one on other pages that
is worse than the 28 of a network that has learned nothing. How can training on English
make a network worse at English than none? It still names the right letter far more
often than a guess would. But perplexity asks for more than the right favourite: it asks
how sure the network was. So we compare two numbers, the share of letters that it names
rightly, and the probability that it gives to its favourite on average. A model that
knows what it knows would have them equal on average.
"""

# %%
facts = {}
for epoch, network in networks.items():
    for page in ("training", "validation"):
        scores, targets = scores_on(network, pages[page])
        right = (scores.argmax(dim=1) == targets).float().mean().item()
        sure = scores.softmax(dim=1).max(dim=1).values.mean().item()
        facts[epoch, page] = right, sure, cross_entropy(scores, targets).exp().item()

# %% tags=["nbval-ignore-output"]
rows = [
    (when[epoch], page, f"{right:.0%}", f"{sure:.0%}", f"{ppl:.1f}")
    for (epoch, page), (right, sure, ppl) in facts.items()
]
lstm.Table(("", "pages", "right", "thinks it is right", "perplexity"), rows)

# %%
#| check: >-
#|   At the best epoch the network is as often right as it thinks, within 6 points; at
#|   epoch 500 it is right on new pages half as often as it thinks, or less.
right, sure, _ = facts["best", "validation"]
assert abs(right - sure) < 0.06
right, sure, _ = facts["last", "validation"]
assert right < 0.6 * sure
assert right > 0.25  # no worse than some at naming letters

# %% [markdown]
r"""
At the best epoch the two agree: the network is right about as often as it thinks. From
then on it loses little in right answers and gains much in certainty, on pages that it
never read. If that is why its perplexity is so high, then taking certainty away, and
nothing else, must bring it down. We divide all scores by a number, the **temperature**:
the favourite stays the favourite at every place, not one answer changes, only the
probabilities move together.
"""

# %%
temperatures = [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
cooled = {}
for name, network in networks.items():
    scores, targets = scores_on(network, validation)
    losses = [cross_entropy(scores / t, targets) for t in temperatures]
    cooled[when[name]] = [loss.exp().item() for loss in losses]

# %%
#| fig-alt: >-
#|   Perplexity on the validation pages against the temperature, from 1 to 5. For the
#|   network of epoch 500 it drops steeply from above the dashed level of 28 to about
#|   10 near temperature 3. For that of the best epoch it is lowest at 1 and rises.
axes = {"x": temperatures, "levels": {"28 alike": 28}}
figures.lines(cooled, "temperature", "perplexity", **axes)
plt.show()

# %%
#| check: >-
#|   Softened, and with every answer unchanged, the last network falls below 40 % of its
#|   perplexity and below 28; the best network only loses.
best, last = cooled.values()
assert min(last) < 0.4 * last[0]
assert min(last) < 28 < last[0]
assert min(best) == best[0] < min(last)

# %% [markdown]
r"""
So it is certainty that puts the last network above 28: softened, with the same answers
at every place, it is far below. It does not get back to the best epoch, though. What it
has unlearned, no temperature restores.

A perplexity near 1 on the training pages therefore shows that the code learns (that its
gradients are right is shown in section 3.5), and that 35 steps of truncated
backpropagation suffice to store 32 passages of some 300 letters. It does not show that
the model has learned English. A language model is judged on text held out from
training.

## 2.11 Where it stumbles on its own pages

One thing does not fit yet. On the training pages the last network has a perplexity of
about 1.1 in the curve, but a good deal more in our tables, which read nearly the same
letters with nearly the same weights. The main difference is how the pages are read.
Perhaps the state must not be carried for long? Perhaps it matters where a passage
begins? We change one at a time: first the length of the passages, up to the whole text
in one go.
"""

# %% tags=["nbval-ignore-output"]
net = networks["last"]
lengths = 35, 70, 140, 280, 1000, len(corpus) - 1
read = {length: perplexity(net, corpus, length) for length in lengths}
rows = [(f"{length:,}", f"{ppl:.2f}") for length, ppl in read.items()]
lstm.Table(("passages of … letters", "perplexity on training pages"), rows)

# %% [markdown]
r"""
Carrying the state farther than training ever did, 10,000 steps instead of 280, costs
nothing; it helps. Short passages are what hurts: more of their letters stand near a
beginning, before which nothing was read.

Now the place. We read passages of 280 letters that begin where the rows of the training
began (about every 312 letters, section 2.2), and then passages of the same length and
number that begin half a row later.
"""


# %%
@torch.no_grad()
def along(net, shift, length=280):
    """Perplexity at each step of passages that begin `shift` letters into each row."""
    row = (len(corpus) - 1) // batch_size
    starts = [shift + n * row for n in range(batch_size - 1)]
    x = torch.tensor([corpus[s : s + length] for s in starts], device=device)
    y = torch.tensor([corpus[s + 1 : s + length + 1] for s in starts], device=device)
    scores, _ = net(x, net.begin_state(batch_size=len(x), device=device))
    losses = cross_entropy(scores, y.T.flatten(), reduction="none")
    return losses.reshape(length, -1)


cuts = {"from the rows' beginnings": 17, "from their middles": 17 + 156}
losses = {name: along(net, shift) for name, shift in cuts.items()}

# %%
#| fig-alt: >-
#|   Perplexity along passages of 280 letters, in blocks of 14. Both curves begin high
#|   and drop to 1 within a few dozen letters. From the rows' beginnings it stays there;
#|   from their middles there is a second peak in the middle of the passage, where one
#|   row ends and the next begins.
blocks = {
    name: loss.reshape(20, -1).mean(dim=1).exp().tolist()
    for name, loss in losses.items()
}
steps = [14 * n + 7 for n in range(20)]
axes = {"x": steps, "ylim": (0, 1.3 * max(map(max, blocks.values())))}
figures.lines(blocks, "letters into the passage", "perplexity", **axes)
plt.show()

# %% tags=["nbval-ignore-output"]
for name, loss in losses.items():
    middle, rest = loss[120:190].mean().exp(), loss[190:].mean().exp()
    print(f"{name:26} letters 120 to 190: {middle:.2f}   after that: {rest:.2f}")

# %%
#| check: >-
#|   Longer passages never cost; the seam shows only in passages that cross it.
assert read[len(corpus) - 1] < read[280] < read[35]
across, within = (losses[name][120:190].mean() for name in reversed(cuts))
assert across > within + 0.5
assert all(loss[205:].mean() < within + 0.15 for loss in losses.values())

# %% [markdown]
r"""
Same weights, same text, same length: moving the cut alone brings the stumble in. It
sits where one of the 32 rows ends and the next begins. (At its right end the other
curve just reaches the letters that are left out.) There training always stopped, left
out some thirty letters, and started anew from a zero state, so hardly anything ever
asked the network to go on from one side to the other. What it has learned is not a text
but 32 pieces: it finds its way into each from anywhere, but not from one into the next.

## 2.12 What this chapter does not show

- One run is shown, from one seed. Where exactly the validation curve turns, how high it
  climbs, and whether a continuation finds its way into a page it knows, vary with the
  seed; rate and size matter, too (exercise 7).
- The pages held out are later pages of one book. How well the network does on another
  author was not measured.
- That a table of trigrams keeps up with an LSTM is a fact about 10,000 letters. How the
  two compare on more text was not measured.

## Summary

- Text becomes tokens, tokens become indices, indices become one-hot vectors, time axis
  first.
- The scratch LSTM is fourteen tensors and a loop whose body is the six equations;
  number by number it is right.
- Perplexity is one over the geometric mean of the probabilities given to what came: 28
  for an even guess, about 17 for letter frequencies, 1 for knowing, and without limit
  for being sure and wrong.
- 500 epochs reach the notes' 1.3 on the training pages and go below, by reciting. On
  other pages of the book the network is best before half of them, near what counted
  trigrams achieve, and at the end worse than untrained.
- Text held out from training shows this while it happens; a training curve cannot.

## Exercises

1. *(easy)* A model gives the right symbol probability 1 at half of the places and
   $1/28$ at the others. What is its perplexity?
   ([solution](solutions/02_scratch.ipynb#Exercise-1))
2. *(easy)* There are two symbols, and a model has a perplexity of 100 on a text. What
   does the model do, and what would its perplexity be if it always said the opposite?
   ([solution](solutions/02_scratch.ipynb#Exercise-2))
3. *(easy)* Replace the likeliest symbol in the prediction by a random draw from the
   probabilities, at temperatures 0.5 and 1. What changes?
   ([solution](solutions/02_scratch.ipynb#Exercise-3))
4. *(medium)* The four products with `x` pick rows of `W_x`. Replace one-hot and product
   by indexing, show that scores and states stay the same, and measure the speed.
   ([solution](solutions/02_scratch.ipynb#Exercise-4))
5. *(medium)* Add 1 to `b_f` at the start. Does the plateau get shorter, from three
   seeds? ([solution](solutions/02_scratch.ipynb#Exercise-5))
6. *(medium)* Train with `use_random_iter=True`, in both `load_data_time_machine` and
   `train_epoch_ch8`. The passages are then 35 letters anywhere in the text, each from a
   zero state. What becomes of the stumble of section 2.11, and why?
   ([solution](solutions/02_scratch.ipynb#Exercise-6))
7. *(hard)* Was it the rate? Train a smaller LSTM with Adam, at three rates, from three
   seeds, and stop each where its validation perplexity is lowest. How does the best
   compare with the tables of section 2.7 on the test pages?
   ([solution](solutions/02_scratch.ipynb#Exercise-7))

## Further reading

- A. Zhang et al., [Dive into Deep Learning](https://d2l.ai), the sections on language
  models and on the LSTM, which the notes follow.
- C. Shannon, [Prediction and entropy of printed
  English](https://doi.org/10.1002/j.1538-7305.1951.tb01366.x), 1951: how well people
  guess the next letter.
- D. MacKay, L. Peto, [A hierarchical Dirichlet language
  model](https://doi.org/10.1017/S1351324900000218), 1995: why smoothing takes the form
  of (2.2).
- C. Guo et al., [On calibration of modern neural
  networks](https://arxiv.org/abs/1706.04599), 2017: sure and wrong, and the
  temperature.
- A. Graves, [Generating sequences with recurrent neural
  networks](https://arxiv.org/abs/1308.0850), 2013.
- A. Karpathy, [The unreasonable effectiveness of recurrent neural
  networks](https://karpathy.github.io/2015/05/21/rnn-effectiveness/), 2015.
- R. Williams, J. Peng, [An efficient gradient-based algorithm for on-line training of
  recurrent network trajectories](https://doi.org/10.1162/neco.1990.2.4.490), 1990:
  truncated backpropagation through time.
"""
