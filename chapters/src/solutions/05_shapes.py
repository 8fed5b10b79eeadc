# ---
# minutes: 0.1
# ---

# %% [markdown]
r"""
# Solutions to chapter 5

Try the [exercises](../05_shapes.ipynb#Exercises) of chapter 5 first; its cheat sheet is
all that the first three need. Here are their solutions, and each ends in a check of
what was asked.
"""

# %%
import torch
from torch import nn
from torch.nn.functional import dropout
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.testing import assert_close

import lstm

# %% [markdown]
r"""
## Exercise 1

All shapes of `nn.LSTM(7, 11, num_layers=2, batch_first=True)` for the input
`(4, 9, 7)`. The batch comes first, so $N = 4$, $L = 9$, $D = 7$; $H = 11$ and $K = 2$.
On paper: output $(N, L, H) = (4, 9, 11)$. The states keep their order, $(K, N, H) = (2,
4, 11)$. Weights have $4H = 44$ rows; the second layer reads 11 features.
"""

# %%
lstm.shapes.table(7, 11, num_layers=2, batch_first=True, length=9, batch=4)

# %%
#| check: >-
#|   The shapes from paper are PyTorch's.
layer = nn.LSTM(7, 11, num_layers=2, batch_first=True)
output, (h_n, c_n) = layer(torch.zeros(4, 9, 7))
assert output.shape == (4, 9, 11)
assert h_n.shape == c_n.shape == (2, 4, 11)
on_paper = [(44, 7), (44, 11), (44,), (44,), (44, 11), (44, 11), (44,), (44,)]
assert [tuple(p.shape) for p in layer.parameters()] == on_paper

# %% [markdown]
r"""
## Exercise 2

What does a bias-free LSTM save? Each of the $K$ layers and directions has two biases of
$4H$ numbers, so $8HK$. Neither $D$ nor $P$ is in it.
"""

# %%
saved = []
for H, layers, two, P in ((20, 1, False, 0), (20, 3, True, 0), (32, 2, True, 5)):
    arguments = {"num_layers": layers, "bidirectional": two, "proj_size": P}
    biased = lstm.shapes.count(10, H, **arguments)
    bare = lstm.shapes.count(10, H, bias=False, **arguments)
    saved.append((biased - bare, 8 * H * layers * (2 if two else 1)))
    print(f"H = {H}, {arguments}: saves {biased - bare}, 8HK = {saved[-1][1]}")
assert all(counted == formula for counted, formula in saved)

# %% [markdown]
r"""
## Exercise 3

`summary(h_n, layers, bidirectional)`: the last layer's final states side by side. The
`view` of section 5.6 takes the first axis apart; what is wanted are all directions of
the last layer, brought behind the batch.
"""


# %%
def summary(h_n, layers, bidirectional):
    """h_n: (K, N, H)   ->   (N, directions * H), or without N for a single sequence"""
    last = h_n.view(layers, 2 if bidirectional else 1, *h_n.shape[1:])[-1]
    return torch.cat(tuple(last), dim=-1)


torch.manual_seed(0)
x, given = torch.randn(5, 8, 10), []
for layers in (1, 3):
    for two in (False, True):
        output, (h_n, _) = nn.LSTM(10, 20, layers, bidirectional=two)(x)
        given.append((summary(h_n, layers, two), output))
        print(f"{layers} layers, bidirectional={two!s:5}: {tuple(given[-1][0].shape)}")

# %%
#| check: >-
#|   Forward it is the output's last step, in reverse the first; so for one sequence.
for states, output in given:
    assert_close(states[:, :20], output[-1, :, :20])
    if states.shape[1] == 40:
        assert_close(states[:, 20:], output[0, :, 20:])
_, (h_n, _) = nn.LSTM(10, 20, bidirectional=True)(x[:, 0])
assert summary(h_n, 1, True).shape == (40,)

# %% [markdown]
r"""
## Exercise 4

The mean of the outputs over the valid steps only. A mask says which steps are valid:
step $t$ of sequence $n$ is, if $t$ is smaller than its length. With the outputs of a
packed batch the zeros behind the end add nothing, but a mask does not rely on that.
"""

# %%
torch.manual_seed(0)
sequences = [torch.randn(length, 10) for length in (5, 3, 2)]
lengths = torch.tensor([len(s) for s in sequences])
layer = nn.LSTM(10, 20)
output, _ = layer(pad_sequence(sequences))  # (L, N, H), padding read along
valid = torch.arange(len(output))[:, None] < lengths  # (L, N)
means = (output * valid[..., None]).sum(dim=0) / lengths[:, None]
print("valid steps, a row for each sequence:", *valid.T.int().tolist(), sep="\n")

# %%
#| check: >-
#|   The means are those of each sequence alone; the plain mean is not.
alone = torch.stack([layer(s)[0].mean(dim=0) for s in sequences])
assert_close(means, alone)
assert (output.mean(dim=0) - alone)[1:].abs().amax() > 0.01

# %% [markdown]
r"""
## Exercise 5

Streams side by side, in each of which a new text may begin at any step. The recipe of
section 5.2 needs one state of the whole batch and a mask of those that begin; here it
is applied before each step. (PyTorch's layer cannot reset in mid-sequence, so the
loop must call it step by step; ours can, by another way, which chapter 15 shows.)
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(10, 20, num_layers=2)
streams = torch.randn(12, 4, 10)  # (L, N, D)
begins = torch.rand(12, 4) < 0.25  # (L, N): does a text begin here?
begins[0] = True
state, outputs = (torch.zeros(2, 4, 20), torch.zeros(2, 4, 20)), []
for x, new in zip(streams, begins, strict=True):
    state = tuple(s.masked_fill(new[:, None], 0.0) for s in state)
    output, state = layer(x[None], state)  # one step: L = 1
    outputs.append(output)
outputs = torch.cat(outputs)
for n in range(4):
    print(
        f"stream {n}: texts begin at steps", begins[:, n].nonzero().flatten().tolist()
    )

# %%
#| check: >-
#|   Every text has the outputs that it has alone.
texts = 0
for n in range(4):
    starts = begins[:, n].nonzero().flatten().tolist()
    for start, end in zip(starts, [*starts[1:], 12], strict=True):
        assert_close(outputs[start:end, n], layer(streams[start:end, n])[0])
        texts += 1
assert texts == begins.sum() > 4

# %% [markdown]
r"""
## Exercise 6

Dropout keeps the mean of what it is put on: a feature is doubled half of the time and 0
otherwise. So over many draws the mean of what layer 2 receives is what it receives in
evaluation mode, up to an error that falls with the square root of the number of draws.
Layer 2 is not linear, and the mean of a function is not the function of the mean: its
sigmoids and tanhs bend, so its mean output is another. We hand all draws on as one
large batch.
"""

# %%
torch.manual_seed(0)
first, second = nn.LSTM(10, 20), nn.LSTM(20, 20)
with torch.no_grad():
    for p in (*first.parameters(), *second.parameters()):
        p *= 4  # wider weights, to bend more
draws, x = 20_000, torch.randn(5, 1, 10)
with torch.no_grad():
    plain = first(x)[0]  # in evaluation mode
    received = dropout(plain.expand(-1, draws, -1), 0.5)
    output, want = second(received)[0], second(plain)[0]
differences, errors = [], []
for samples, expected in ((received, plain), (output, want)):
    differences.append((samples.mean(dim=1) - expected[:, 0]).abs().max().item())
    errors.append((samples.std(dim=1) / draws**0.5).max().item())
for name, d, e in zip(("receives", "gives"), differences, errors, strict=True):
    print(f"what layer 2 {name}: mean off by {d:.3f}, standard error at most {e:.3f}")

# %%
#| check: >-
#|   The mean of what is received is right within five standard errors; that of the
#|   output is off by more than twenty.
assert differences[0] < 5 * errors[0]
assert differences[1] > 20 * errors[1]

# %% [markdown]
r"""
## Exercise 7

No output of a packed batch depends on any padding: then the gradient of all outputs
with respect to the padding is 0, exactly. In a padded batch, the outputs of the valid
steps depend on it through the reverse direction, which begins in it. We form a scalar
from the valid outputs with random weights, so that nothing cancels by accident.
"""

# %%
torch.manual_seed(0)
layer = nn.LSTM(10, 20, num_layers=2, bidirectional=True)
padded = pad_sequence(sequences).requires_grad_()
pull = torch.randn(5, 3, 40) * valid[..., None]  # on valid steps only
packed_output, _ = layer(pack_padded_sequence(padded, lengths))
outputs = {"packed": pad_packed_sequence(packed_output)[0], "padded": layer(padded)[0]}
gradients = {}
for name, output in outputs.items():
    (gradient,) = torch.autograd.grad((output * pull).sum(), padded)
    gradients[name] = gradient.norm(dim=-1)  # (L, N)
    print(f"{name}, a row for each sequence:")
    print(gradients[name].T.round(decimals=2))

# %%
#| check: >-
#|   Packed: zero at every padding and at no valid step. Padded: not zero at some.
assert (gradients["packed"][~valid] == 0).all()
assert (gradients["packed"][valid] > 0).all()
assert (gradients["padded"][~valid] > 0.01).any()

# %% [markdown]
r"""
## Exercise 8

A plain layer has $4HD + 4H^2 + 8H$ parameters. With a projection `weight_hh` shrinks to
$4HP$, and `weight_hr` adds $PH$; the rest stays. So the projected layer is smaller if

$$
4HP + PH < 4H^2, \qquad\text{that is}\qquad P < \tfrac{4}{5} H.
$$

$D$ and the biases do not matter. For $H = 20$ the two are equal at $P = 16$.
"""

# %%
boundary = {}
for H in (20, 100, 1024):
    plain = lstm.shapes.count(10, H)
    smaller = [P for P in range(1, H) if lstm.shapes.count(10, H, proj_size=P) < plain]
    boundary[H] = max(smaller)
    print(f"H = {H}: smaller up to P = {boundary[H]}, the bound is {0.8 * H:g}")
    assert smaller == list(range(1, boundary[H] + 1))

# %%
#| check: >-
#|   The largest such P is the last whole number below 4H/5; at 4H/5 the two are equal.
assert all(5 * P < 4 * H <= 5 * (P + 1) for H, P in boundary.items())
assert lstm.shapes.count(10, 20, proj_size=16) == lstm.shapes.count(10, 20)
