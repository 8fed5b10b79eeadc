# ---
# part: Understand
# question: How do equations become a language model?
# proved: each number of a step, by hand; 500 epochs on *The Time Machine*
# minutes: 2
# ---

# %% [markdown]
r"""
# 2. An LSTM from bare tensors

**What you will build.** A character language model: an LSTM of fourteen tensors and
thirty lines, trained on H. G. Wells's *The Time Machine* until it can continue "time
traveller".

**What you will learn.** How text becomes tensors. How the equations of chapter 1 become
a loop. What perplexity measures, and why a perplexity of 1.1 on 10,000 characters is
mostly memory.

**What you need.** Chapter 1. The training follows the study notes to the letter: 256
hidden units, minibatches of 32, 35 time steps, learning rate 1, 500 epochs, through the
library `d2l` of *Dive into Deep Learning*. It takes one to three minutes on two
processor cores.
"""

# %%
import math
import random

import torch
from torch.nn.functional import cross_entropy, one_hot
from torch.testing import assert_close

import lstm
from lstm import bench, figures
from lstm.d2l import curve, d2l
from lstm.figures import plt

# %% [markdown]
r"""
`lstm.d2l` gives the notes' version of d2l, 0.17, whose own version pins no longer
install, on today's PyTorch. It changes nothing in how d2l computes; its few repairs are
listed at the top of `lstm/d2l.py`.

## 2.1 The text

The loader returns an iterator over minibatches and a vocabulary. With no network and no
copy of the book at hand, a short story that ships with this project stands in, and the
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
space from 1 on, by falling frequency, and keeps 0 for unknown symbols. Only the first
10,000 tokens are used: remember that number.
"""

# %%
assert len(vocab) == 28
assert set(vocab.idx_to_token) == {"<unk>", " ", *"abcdefghijklmnopqrstuvwxyz"}
assert len(corpus) == 10_000
assert vocab.idx_to_token[0] == "<unk>"
assert 0 not in corpus
counts = [count for _, count in vocab.token_freqs]
assert counts == sorted(counts, reverse=True)
print(len(vocab), "symbols,", len(corpus), "tokens")

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
Two things about d2l's loader are worth knowing. It joins the lines of the file with
*no* space between, so that the last word of a line and the first of the next become one
word. And `vocab` silently turns a symbol that it does not know into `<unk>`; this
book's own `Vocab` raises an error instead.
"""

# %%
lines = [line for line in d2l.read_time_machine() if line]
k = 10
whole = "".join(vocab.to_tokens(d2l.load_corpus_time_machine()[0]))
assert lines[k] + lines[k + 1] in whole  # no space where the lines met

assert vocab["é"] == vocab.unk
try:
    lstm.data.Vocab(whole).encode("café")
except ValueError as error:
    print(str(error)[:60])

# %% [markdown]
r"""
## 2.2 One minibatch

A minibatch holds 32 passages of 35 tokens. The targets are the same passages, one token
later: the task at every step is to say what comes next. Row 3 of the next minibatch
goes on where row 3 of this one stops, so the state can be carried over. Eight
minibatches go through the 10,000 tokens: that is an **epoch**. Each epoch starts at a
random offset of up to 35 tokens.
"""

# %%
random.seed(0)
batches = iter(train_iter)
X, Y = next(batches)
X_next, _ = next(batches)
assert X.shape == Y.shape == (batch_size, num_steps)
assert torch.equal(X[:, 1:], Y[:, :-1])
assert torch.equal(X_next[:, 0], Y[:, -1])
assert len(list(train_iter)) == 8
print(X.shape, Y.shape)

# %% tags=["nbval-ignore-output"]
show = lambda row: "".join(vocab.to_tokens(row.tolist()))
print("inputs  ", repr(show(X[0])))
print("targets ", repr(show(Y[0])))
print("then    ", repr(show(X_next[0])))

# %% [markdown]
r"""
A network multiplies, so a symbol must become a vector: 28 numbers, all 0 but a 1 at the
symbol's index (**one-hot**), and they must be floats, as the weights are. The time axis
comes first, so that a loop over the tensor is a loop over time.
"""

# %%
inputs = one_hot(X.T, len(vocab)).float()
assert inputs.shape == (num_steps, batch_size, len(vocab))
assert inputs.sum(dim=-1).eq(1).all()
one_hot(torch.tensor([0, 2]), 5)

# %% [markdown]
r"""
## 2.3 Fourteen tensors

Each gate of (1.3) to (1.5), and the candidate of (1.6), has a weight for the input, a
weight for the hidden state and a bias. An output layer turns the hidden state into one
score for each symbol, $\mathbf{Y}_t = \mathbf{H}_t \mathbf{W}_{hq} + \mathbf{b}_q$.
That makes $4 \cdot 3 + 2 = 14$ tensors. Weights start as small random numbers, to tell
the units apart; biases start at zero.

The three cells that follow quote `lstm/scratch.py` word for word. Their names,
arguments and order are the notes'.
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
parameters as there are characters to learn from. We come back to this.
"""

# %%
params = get_lstm_params(len(vocab), 256)
total = sum(p.numel() for p in params)
assert total == 4 * (28 * 256 + 256 * 256 + 256) + 256 * 28 + 28
assert total > 29 * len(corpus)
print(len(params), "tensors,", total, "parameters")

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
X, H, C = (torch.randn(2, columns).double() for columns in (3, 5, 5))
scores, (H_new, C_new) = scratch_lstm(X[None], (H, C), small)
assert scores.shape == (2, 3)
assert H_new.shape == C_new.shape == (2, 5)


# %%
def weighted_sum(n, j, W_x, W_h, b):
    """Sample n, unit j of X W_x + H W_h + b, by hand."""
    total = b[j].item()
    total += sum(X[n, d].item() * W_x[d, j].item() for d in range(3))
    return total + sum(H[n, k].item() * W_h[k, j].item() for k in range(5))


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


# %%
for n in range(2):
    for j in range(5):
        i, f, o, c = (weighted_sum(n, j, *small[3 * k : 3 * k + 3]) for k in range(4))
        cell = sigmoid(f) * C[n, j].item() + sigmoid(i) * math.tanh(c)
        assert_close(C_new[n, j].item(), cell)
        assert_close(H_new[n, j].item(), sigmoid(o) * math.tanh(cell))
print("2 x 5 cells and hidden states agree with the sums by hand")

# %%
W_hq, b_q = small[-2:]
for n in range(2):
    for v in range(3):
        by_hand = b_q[v].item()
        by_hand += sum(H_new[n, k].item() * W_hq[k, v].item() for k in range(5))
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

# %% [markdown]
r"""
A state of another batch size does not fit, and raises an error. There is one exception,
and it is a trap: a state for a batch of 1 is stretched to any batch in silence
(broadcasting). `nn.LSTM` refuses both.
"""


# %% tags=["nbval-ignore-output"]
def zero_state(batch):
    return [state.double() for state in init_lstm_state(batch, 5)]


refusal = ""
try:
    scratch_lstm(sequence, zero_state(3), small)
except RuntimeError as error:
    refusal = str(error)
print(refusal)

# %%
assert "must match the size of tensor" in refusal
assert scratch_lstm(sequence, zero_state(1), small)[0].shape == (8 * 2, 3)

# %% [markdown]
r"""
## 2.6 Perplexity

The model gives a probability to each possible next symbol. **Perplexity** is the
exponential of the mean cross entropy,

$$\operatorname{PPL} =
  \exp\Bigl(-\frac{1}{T} \sum_{t=1}^{T} \ln p(x_t \mid x_1, \dots, x_{t-1})\Bigr),
    \tag{2.1}$$

where $p$ is what the model gave to the symbol that came. Read it as a number of
choices: perplexity 28 is guessing among 28 equally likely symbols, 1 is knowing. An
untrained network guesses; one that knows only how frequent each letter is does better.

d2l's `RNNModelScratch` is a thin wrapper around our three functions: it draws the
parameters with `get_lstm_params`, turns indices into one-hot floats, and calls `lstm`;
its `begin_state` calls `init_lstm_state`.
"""

# %%
device = d2l.try_gpu()
random.seed(0)
torch.manual_seed(0)
net = d2l.RNNModelScratch(
    len(vocab), 256, device, get_lstm_params, init_lstm_state, scratch_lstm
)


@torch.no_grad()
def perplexity(net, tokens):
    """Perplexity, and share of right guesses, on tokens read in one go from zero."""
    tokens = torch.tensor(tokens, device=device)
    state = net.begin_state(batch_size=1, device=device)
    scores, _ = net(tokens[None, :-1], state)
    right = (scores.argmax(dim=1) == tokens[1:]).float().mean().item()
    return cross_entropy(scores, tokens[1:]).exp().item(), right


shares = torch.bincount(torch.tensor(corpus)).double() / len(corpus)
by_frequency = math.exp(-(shares[shares > 0] * shares[shares > 0].log()).sum())
untrained, _ = perplexity(net, corpus)
assert abs(untrained - 28) < 0.1
assert 12 < by_frequency < 20
print(f"untrained {untrained:.0f}")

# %% [markdown]
r"""
## 2.7 Training: 500 epochs

This is the notes' call, unchanged: 500 epochs of 8 minibatches, 4,000 updates.
`train_ch8` uses plain stochastic gradient descent, clips the gradient to norm 1,
carries the state from minibatch to minibatch (detached, so that gradients stop there),
and prints the continuation of two prefixes at the end. Speeds are masked in the
committed page, since they differ from run to run; run the cell to see yours.
"""

# %% tags=["nbval-ignore-output"]
#| fig-alt: >-
#|   Drawn by d2l during training: perplexity against the epoch, up to 500. The curve
#|   falls all the way, fast in the first epochs, slower later, and ends a little above
#|   1.
num_epochs, lr = 500, 1
d2l.train_ch8(net, train_iter, vocab, lr, num_epochs, device)

# %% [markdown]
r"""
The same curve, larger, with the two baselines: one point for every tenth epoch. The
first points lie at the height of the letter frequencies: so far the network knows only
how common each symbol is. Then the curve falls, for hundreds of epochs, almost to 1.
(Section 3.6 draws every epoch: there the plateau at the start shows.)
"""

# %%
#| fig-alt: >-
#|   Training perplexity with two dashed levels. The curve sets out at the lower one,
#|   the letter frequencies, far under the level of guessing among 28, and sinks until
#|   it flattens out close to 1.
epochs, perplexities = curve()
training = {"training perplexity": perplexities}
levels = {"guessing among 28": 28, "letter frequencies": by_frequency}
figures.lines(training, "epoch", "perplexity", x=epochs, ylim=(0, 30), levels=levels)
plt.show()

# %%
assert len(epochs) == 50
assert epochs[-1] == 500
assert min(abs(p - by_frequency) for p in perplexities[:3]) < 0.1 * by_frequency
assert min(perplexities) <= 1.3  # what the notes report, reached

# %% [markdown]
r"""
## 2.8 The notes' figures beside ours

The notes report a perplexity of 1.3 and 17,736 tokens a second on a GPU (`cuda:0`, not
named). Ours, from the curve above: the value of the last epoch, and the best of the 50
that were recorded.
"""

# %% tags=["nbval-ignore-output"]
rows = [
    ("the notes", "1.3"),
    ("this run, last epoch", f"{perplexities[-1]:.2f}"),
    ("this run, best epoch recorded", f"{min(perplexities):.2f}"),
]
lstm.Table(("", "perplexity"), rows)

# %% [markdown]
r"""
The speeds come from `make bench`, which times training steps of the same shape
(forward, backward, clipping, update) side by side in several rounds, and keeps the
medians with machine, versions and date. The rows are what this project measured;
`make bench` prints yours.
"""


# %% tags=["nbval-ignore-output"]
rows = []
for report in bench.results():
    machine, speeds = report["machine"], report["tasks"]["text"]["speeds"]
    about = f"{machine['device']}, torch {machine['torch']}, {machine['date']}"
    rows += [(name, f"{speed:,}", about) for name, speed in speeds.items()]
lstm.Table(("code", "tokens/s", "measured on"), rows)

# %% [markdown]
r"""
On two processor cores this is faster than what the notes report for their GPU. The
likely reason, not measured here: each operation is so small that a GPU spends its time
waiting to be told the next one.
"""

# %%
speeds = bench.committed()["tasks"]["text"]["speeds"]
assert speeds["scratch (the notes)"] > 17_736

# %% [markdown]
r"""
## 2.9 Continuations

We ask the model for the likeliest next symbol, again and again, 50 times.
"""

# %% tags=["nbval-ignore-output"]
continuations = [
    d2l.predict_ch8(prefix, 50, net, vocab, device)
    for prefix in ("time traveller", "traveller")
]
for text in continuations:
    print(text)

# %% [markdown]
r"""
Is that writing, or reciting? We look for the longest piece of each continuation, prefix
not counted, that stands letter for letter in the training text. For comparison we do
the same with 50-letter pieces of the pages that follow in the same book, which the
network never saw.
"""


# %%
def longest_recited(text, source):
    """The longest substring of text that occurs in source."""
    pieces = (text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1))
    return max((piece for piece in pieces if piece in source), key=len)


# %%
training_text = "".join(vocab.to_tokens(corpus))
following = d2l.load_corpus_time_machine()[0][10_000:16_000]
unseen = "".join(vocab.to_tokens(following))
prefixes = "time traveller", "traveller"
written = [text[len(p) :] for text, p in zip(continuations, prefixes, strict=True)]
recited = [longest_recited(text, training_text) for text in written]
chance = [
    len(longest_recited(unseen[n : n + 50], training_text)) for n in range(0, 6000, 50)
]
assert max(map(len, recited)) > 1.5 * sum(chance) / len(chance)

# %% tags=["nbval-ignore-output"]
for piece in recited:
    print(f"{len(piece)} letters of {piece!r}")
print(f"unseen pages: {sum(chance) / len(chance):.1f} letters on average")

# %% [markdown]
r"""
Reciting. What the model "writes" matches the training text for much longer than honest
pages of the same book do.
"""

# %% [markdown]
r"""
## 2.10 What a perplexity near 1 means here, and what it does not

The number is honest: the model predicts the next character of these 10,000 nearly
always. But it was measured on the text it was trained on, and there was no other. With
about 300,000 parameters for 10,000 characters, learning by heart is the easiest way to
a low loss. The proof is what happens on the pages that follow in the same book, by the
same author.

(The perplexity on the training text is now higher than in the curve. This measurement
is stricter: the text is read in one go, the state carried over 10,000 steps, where
training never carried it beyond 280.)
"""

# %%
on_training, right = perplexity(net, corpus)
on_following, right_on_following = perplexity(net, following)
assert right > 0.8
assert right_on_following < 0.6
assert on_training < 2.5
assert on_following > 4 * on_training
assert on_following > by_frequency  # worse than a table of letter frequencies

# %%
#| fig-alt: >-
#|   Three bars of perplexity. The one for the 10,000 characters it was trained on is
#|   tiny; the one for the next 6,000 is the tallest and overtops even the third,
#|   letter frequencies without a network.
measured = {
    "the 10,000\nit was trained on": on_training,
    "the next 6,000": on_following,
    "letter frequencies\n(no network)": by_frequency,
}
figures.bars(measured, "", "perplexity")
plt.show()

# %% [markdown]
r"""
On unseen text the model is far worse than on its own. It does worse even than the bare
letter frequencies, since it is often sure and wrong. So 1.1 shows that the code learns
(that its gradients are right is shown in section 3.5), and that 35 steps of truncated
backpropagation suffice to store a text. It does not show that the model has learned
English. A language model is judged on text held out from training.

## Summary

- Text becomes tokens, tokens become indices, indices become one-hot vectors, time axis
  first.
- The scratch LSTM is fourteen tensors and a loop whose body is the six equations;
  number by number it is right.
- Perplexity is $e$ to the mean cross entropy: 28 for guessing, about 17 for letter
  frequencies, 1 for knowing.
- 500 epochs reach the notes' 1.3 and go below. That is training perplexity: mostly
  memory.

## Exercises

1. *(easy)* A model gives the right symbol probability 1 at half of the places and
   $1/28$ at the others. What is its perplexity?
2. *(easy)* Replace the likeliest symbol in the prediction by a random draw from the
   probabilities. What changes?
3. *(medium)* Train with `use_random_iter=True`, in both `load_data_time_machine` and
   `train_ch8`. The state is then zero at the start of every minibatch. What happens to
   the curve, and why?
4. *(medium)* The four products with `X` pick rows of `W_x`. Replace one-hot and product
   by indexing and measure the speed.
5. *(medium)* Add 1 to `b_f` at the start. Compare the length of the plateau, with
   section 3.6's `train`, which records every epoch.
6. *(hard)* Train on the first 8,000 tokens (`max_tokens=8000`), hold out the next
   2,000, and draw both perplexities against the epoch. When would you stop?
7. *(hard)* Find the smallest number of hidden units that still reaches a training
   perplexity of 1.3 in 500 epochs, and compare its parameters with the 10,000
   characters.

## Further reading

- A. Zhang et al., [Dive into Deep Learning](https://d2l.ai), the sections on language
  models and on the LSTM, which the notes follow.
- A. Graves, [Generating sequences with recurrent neural
  networks](https://arxiv.org/abs/1308.0850), 2013.
- A. Karpathy, [The unreasonable effectiveness of recurrent neural
  networks](https://karpathy.github.io/2015/05/21/rnn-effectiveness/), 2015.
- R. Williams, J. Peng, [An efficient gradient-based algorithm for on-line training of
  recurrent network trajectories](https://doi.org/10.1162/neco.1990.2.4.490), 1990:
  truncated backpropagation through time.
"""
