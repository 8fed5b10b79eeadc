# ---
# minutes: 0.2
# ---

# %% [markdown]
r"""
# Solutions to chapter 7

Try the [exercises](../07_gradients.ipynb#Exercises) of chapter 7 first. Every solution
ends in a check of what was asked; where a gradient was to be found by hand, autograd is
the judge.
"""

# %%
import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear, one_hot
from torch.testing import assert_close

import lstm
from lstm import backward
from lstm.data import Recall
from lstm.studies import roads

# %% [markdown]
r"""
## Exercise 1

The napkin again, $h_t = w h_{t-1} + x_t$ with $w = 0.5$, now with $x = (1, 1, 0)$. The
states are $1$, $1.5$ and $0.75$. By the table: $\delta h_3 = 1$ meets $h_2 = 1.5$;
$\delta h_2 = 0.5$ meets $h_1 = 1$; $\delta h_1 = 0.25$ meets $h_0 = 0$. The sum is
$1.5 + 0.5 + 0 = 2$.

By differentiating: $h_2 = w + 1$, so $h_3 = w(w + 1) = w^2 + w$, with the derivative
$2w + 1 = 2$.
"""

# %%
w, states = 0.5, [0.0]
for x in (1.0, 1.0, 0.0):
    states.append(w * states[-1] + x)
d_h, rows = 1.0, []
for h_before in reversed(states[:-1]):
    rows.append((h_before, d_h, d_h * h_before))
    d_h = w * d_h
d_w = sum(product for *_, product in rows)
assert d_w == 2 * w + 1 == 2
lstm.Table(("old h", "d_h", "product"), rows)

# %% [markdown]
r"""
## Exercise 2

The step of section 7.3 with $\delta H_t = 0$ and $\delta C_t = 1$: a loss that asks for
the cell and not for what is shown of it. The output gate gets nothing, since it decides
only what the cell shows, $\mathbf{H}_t$, and has no part in $\mathbf{C}_t$; in (7.3) it
is the one sum with $\delta\mathbf{H}_t$ in front. The other three get their factors of
(7.3) with $\delta C_t = 1$.
"""

# %%
w_ih = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
w_hh = torch.tensor([[-2.0], [2.0], [1.0], [-2.0]])
b = torch.tensor([0.0, 0.0, 0.0, 1.0])
x, h, c = torch.tensor([[1.0]]), torch.tensor([[0.5]]), torch.tensor([[2.0]])
_, saved = backward.lstm_step_saving(x, (h, c), w_ih, w_hh, b)
d_sums, _ = backward.lstm_step_backward(torch.zeros(1, 1), torch.ones(1, 1), saved)
for name, value in zip(("I", "F", "candidate", "O"), d_sums[0].tolist(), strict=True):
    print(f"{name:10} {value:7.4f}")
assert d_sums[0, 3] == 0
assert (d_sums[0, :3] != 0).all()

# %% [markdown]
r"""
## Exercise 3

The step of the plain RNN is $\mathbf{H}_t = \tanh(\hat{\mathbf{H}}_t)$, with one sum
and no gates. Back through tanh, then through the recurrent weights: two lines.
"""


# %%
def rnn_step_backward(d_h, h_new, w_hh):
    """From the new state to the sum under tanh, and to the old state; all (N, H)."""
    d_sum = d_h * (1 - h_new**2)
    return d_sum, d_sum @ w_hh


# %% [markdown]
r"""
Autograd gets the same step, with a random $\delta\mathbf{H}_t$. The gradient of the
bias is that of the sum, added up over the batch.
"""

# %%
torch.manual_seed(0)
sizes = (2, 3), (2, 5), (5, 3), (5, 5), (5,), (2, 5)
x, h, w_ih, w_hh, b, d_new = (torch.randn(*s).double() for s in sizes)
for tensor in (h, b):
    tensor.requires_grad_()
(h_new,) = lstm.rnn_step(x, (h,), w_ih, w_hh, b)
want_h, want_b = torch.autograd.grad(h_new, (h, b), d_new)
d_sum, d_h = rnn_step_backward(d_new, h_new.detach(), w_hh)
assert_close(d_h, want_h)
assert_close(d_sum.sum(dim=0), want_b)
print("both gradients equal autograd's")

# %% [markdown]
r"""
## Exercise 4

The update gate's part of a GRU's biases is the second third. With 2 in it the gate
keeps about $\sigma(2) = 0.88$ of the state where it kept one half. We measure the whole
and the direct part of (7.6), 50 steps back, with the functions of the study `roads`
that chapter 7 uses; the inputs are random symbols, and there are three seeds.
"""


# %%
def parts(seed, added, distance=50):
    """The whole and the direct part of a fresh GRU at a distance, as sizes."""
    layer = roads.make("GRU", seed)
    with torch.no_grad():
        layer.bias_ih_l0[64:128] += added  # r, z, n
    draw = torch.Generator().manual_seed(seed)
    inputs = one_hot(torch.randint(28, (100, 2), generator=draw), 28).float()
    whole = roads.jacobians(layer, inputs, distance)[distance:]
    direct = roads.direct(layer, inputs, distance)[distance:]
    return [size.item() for size in roads.sizes(whole, direct)[:2]]


rows = []
for seed in (0, 1, 2):
    (whole, direct), (whole_2, direct_2) = parts(seed, 0), parts(seed, 2)
    rows.append((seed, whole_2 / whole, direct_2 / direct))
lstm.Table(
    ("seed", "whole, times", "direct part, times"),
    [(seed, f"{by:.1e}", f"{directly:.1e}") for seed, by, directly in rows],
)

# %% [markdown]
r"""
The direct part of a unit whose gate kept just one half would grow by
$(0.88 / 0.5)^{50} = 1.9 \cdot 10^{12}$. As a size it grows by less, since a root mean
square hears most from the units that kept most already. The whole grows less again:
before the change it consisted of detours, which were far larger than the direct part,
and the bias that opens the direct road narrows the entrance of the detours,
$1 - \mathbf{Z}_t$.
"""

# %%
#| check: >-
#|   The direct part grows by 1e10 to 1e11, the whole by some 1e7, for every seed.
assert all(1e10 < directly < 1e11 for _, _, directly in rows)
assert all(1e7 < by < 1.5e8 for _, by, _ in rows)

# %% [markdown]
r"""
## Exercise 5

Adam divides a running mean of the gradient by the root of a running mean of its square.
A constant factor stands in both and cancels, but for the `eps` of $10^{-8}$ that is
added to the root. So a hundredth of every gradient should give the same training. We
try it on the task of section 7.11, with a GRU, ten steps and 100 updates, in 64-bit
floats. The change that follows is made to the gradients after `backward`, where
clipping would stand.
"""


# %%
def losses(change, updates=100):
    """The losses of a GRU on the recall task; `change` acts on every gradient."""
    torch.manual_seed(0)
    task, layer, head = Recall(10), nn.GRU(8, 32).double(), nn.Linear(32, 4).double()
    weights, found = [*layer.parameters(), *head.parameters()], []
    optimizer = torch.optim.Adam(weights, lr=5e-3)
    for _, (inputs, keys) in zip(range(updates), task.batches(64), strict=False):
        output, _ = layer(inputs.double().transpose(0, 1))
        loss = cross_entropy(head(output[-1]), keys)
        optimizer.zero_grad()
        loss.backward()
        for weight in weights:
            weight.grad = change(weight.grad)
        optimizer.step()
        found.append(loss.item())
    return torch.tensor(found)


as_they_are = losses(lambda g: g)
hundredth = losses(lambda g: g / 100)
apart = (as_they_are - hundredth).abs()
for update in (1, 10, 50, 100):
    print(f"update {update:3}: loss {as_they_are[update - 1]:.4f}", end="")
    print(f"   apart {apart[update - 1]:.0e}")

# %% [markdown]
r"""
The two trainings differ a little, by what `eps` does to the smallest gradients,
and end at the same place. What clipping can still do for Adam is to treat updates
*unequally*. A single huge gradient stays in Adam's mean square for about a thousand
updates, and all steps after it are too short. Let one weight get a gradient of 1 for
300 updates, but of 1,000 at the hundredth:
"""


# %%
def strides(clip):
    """The length of every step of one weight, in learning rates."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer, found = torch.optim.Adam([weight], lr=1.0), []
    for update in range(1, 301):
        weight.grad = torch.tensor([1000.0 if update == 100 else 1.0])
        if clip:
            nn.utils.clip_grad_norm_([weight], 1.0)
        before = weight.item()
        optimizer.step()
        found.append(before - weight.item())
    return found


free, clipped = strides(clip=False), strides(clip=True)
for update in (99, 200, 300):
    print(f"update {update}: {free[update - 1]:.2f}", end="   ")
    print(f"clipped {clipped[update - 1]:.2f}")

# %%
#| check: >-
#|   A hundredth of every gradient trains alike; after one huge gradient the steps are
#|   less than a tenth, 200 updates later still, unless it was clipped.
assert apart.max() < 0.1
assert min(as_they_are[-1], hundredth[-1]) < 0.5 * as_they_are[0]
assert free[299] < 0.1
assert abs(clipped[299] - 1) < 0.01

# %% [markdown]
r"""
## Exercise 6

Train on five steps, name the key at every step, test on a hundred. The layer is
`nn.LSTM` as PyTorch starts it; it gets 300 updates, from each of three seeds.
"""


# %%
def trained(seed, length=5):
    """A layer and a head, trained to name the key at every step."""
    torch.manual_seed(seed)
    layer, head = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 4)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=5e-3)
    batches = Recall(length).batches(64, seed)
    for _, (inputs, keys) in zip(range(300), batches, strict=False):
        scores = head(layer(inputs)[0])
        loss = lstm.score(scores, keys[:, None].expand(-1, length))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    return layer, head


inputs, keys = Recall(100).batch(500, torch.Generator().manual_seed(1))
named = []
for seed in (0, 1, 2):
    layer, head = trained(seed)
    with torch.no_grad():
        right = head(layer(inputs)[0]).argmax(dim=-1) == keys[:, None]
    named.append([right[:, t - 1].float().mean().item() for t in (1, 5, 20, 100)])
rows = [(seed, *(f"{share:.2f}" for share in n)) for seed, n in enumerate(named)]
lstm.Table(("seed", "step 1", "step 5", "step 20", "step 100"), rows)

# %% [markdown]
r"""
It knows the key a hundred steps later, although no gradient ever went back further than
four. The weights are shared: what keeps the key from one step to the next keeps it for
as long as the inputs are of the kind that was trained on. For chapters 2 and 3 this
means that a window of 35 steps limits what the loss can *credit*, not how long a state
lasts. Something that must be kept for 300 letters can be learned if keeping it also
pays within 35. It also shows how much a task gains by being asked at every step: with
the question at the end of 20 steps, the same layer learned late or not at all.
"""

# %%
#| check: >-
#|   At step 100 every seed names at least 99 of 100 keys.
assert min(n[-1] for n in named) > 0.99

# %% [markdown]
r"""
## Exercise 7

A step back of the GRU in PyTorch's form (section 6.3),
$\mathbf{N} = \tanh(\mathbf{N}_x + \mathbf{R} \odot \mathbf{N}_h)$ and
$\mathbf{H}_t = (1 - \mathbf{Z}) \odot \mathbf{N} + \mathbf{Z} \odot \mathbf{H}_{t-1}$.
The LSTM has one sum for each gate; here the candidate has two, $\mathbf{N}_x$ from the
input and $\mathbf{N}_h$ from the state, because the reset gate stands between them.
So the step returns two stacks, and the second differs from the first by a factor
$\mathbf{R}$ in its last third.
"""


# %%
def gru_step_saving(x, h, w_ih, w_hh, b_ih, b_hh):
    """One step of the GRU, with what the way back will need."""
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, dim=-1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = (n_x + r * n_h).tanh()
    return (1 - z) * n + z * h, (h, r, z, n, n_h)


def gru_step_backward(d_h, saved):
    """d_h: (N, H)   ->   d_x_sums, d_h_sums: (N, 3H), in the order r, z, n; direct d_h

    The old state's gradient is the direct one and d_h_sums @ w_hh.
    """
    h, r, z, n, n_h = saved
    d_n = d_h * (1 - z) * (1 - n**2)
    d_z = d_h * (h - n) * z * (1 - z)
    d_r = d_n * n_h * r * (1 - r)
    d_x_sums = torch.cat([d_r, d_z, d_n], dim=-1)
    return d_x_sums, torch.cat([d_r, d_z, d_n * r], dim=-1), d_h * z


# %% [markdown]
r"""
The proof is that of section 7.6: seven steps, a first state that is not zero, and a
gradient that arrives at every output. The loop collects as (7.5) does, the input's
weights from the first stack, the recurrent ones from the second.
"""

# %%
torch.manual_seed(0)
theirs = nn.GRU(3, 5).double()
w_ih, w_hh, b_ih, b_hh = theirs.all_weights[0]
x, h_0, d_outputs = (torch.randn(*s).double() for s in ((7, 2, 3), (2, 5), (7, 2, 5)))
with torch.no_grad():
    h, steps = h_0, []
    for x_t in x:
        h, saved = gru_step_saving(x_t, h, w_ih, w_hh, b_ih, b_hh)
        steps.append(saved)
    d_h, d_w_ih, d_w_hh, d_b_ih, d_b_hh, d_x = torch.zeros(2, 5).double(), *[0] * 4, []
    for x_t, d_output, saved in reversed(list(zip(x, d_outputs, steps, strict=True))):
        d_x_sums, d_h_sums, direct = gru_step_backward(d_h + d_output, saved)
        d_h = direct + d_h_sums @ w_hh
        d_w_ih, d_w_hh = d_w_ih + d_x_sums.T @ x_t, d_w_hh + d_h_sums.T @ saved[0]
        d_b_ih, d_b_hh = d_b_ih + d_x_sums.sum(dim=0), d_b_hh + d_h_sums.sum(dim=0)
        d_x.insert(0, d_x_sums @ w_ih)

# %%
for tensor in (x, h_0):
    tensor.requires_grad_()
output, _ = theirs(x, h_0[None])
wanted = [x, h_0, w_ih, w_hh, b_ih, b_hh]
by_autograd = torch.autograd.grad(output, wanted, d_outputs)
by_hand = [torch.stack(d_x), d_h, d_w_ih, d_w_hh, d_b_ih, d_b_hh]
names = ["inputs", "h_0", *(name for name, _ in theirs.named_parameters())]
for name, ours, want in zip(names, by_hand, by_autograd, strict=True):
    assert_close(ours, want)
    print(f"{name:13} {tuple(ours.shape)!s:10} equal")

# %% [markdown]
r"""
## Exercise 8

Keep only the state before every tenth step. On the way back take the pieces from the
last to the first: run the piece forward again from its kept state, now keeping
everything, go back through it, and hand the gradient of its first state to the piece
before. Nothing is cut, since the gradient is handed on, and `lstm_backward` has a place
for it, `d_state`.
"""


# %%
def numbers(saved):
    """How many numbers are kept for the way back, the inputs among them."""
    inputs, hiddens, steps = saved
    return inputs.numel() + hiddens.numel() + sum(t.numel() for s in steps for t in s)


def sparingly(inputs, state, d_outputs, d_state, weights, every=10):
    """The weights' gradients with every tenth state kept, and how many numbers are."""
    pieces, starts = inputs.split(every), []
    for piece in pieces:
        starts.append(state)
        _, state, _ = backward.lstm_forward(piece, state, weights)
    total, most = [torch.zeros_like(w) for w in weights], 0
    kept = inputs.numel() + sum(s.numel() for start in starts for s in start)
    ends = reversed(d_outputs.split(every))
    backwards = zip(reversed(pieces), reversed(starts), ends, strict=True)
    for piece, start, d_piece in backwards:
        _, _, saved = backward.lstm_forward(piece, start, weights)
        most = max(most, kept + numbers(saved) - piece.numel())
        _, d_state, found = backward.lstm_backward(d_piece, d_state, saved, weights)
        total = [t + f for t, f in zip(total, found, strict=True)]
    return total, most


# %%
torch.manual_seed(0)
weights = [w.detach() for w in nn.LSTM(3, 5).double().all_weights[0]]
sizes = (100, 2, 3), (100, 2, 5), (2, 5), (2, 5)
inputs, d_outputs, h, c = (torch.randn(*s).double() for s in sizes)
zeros = torch.zeros(2, 5).double()
_, _, saved = backward.lstm_forward(inputs, (h, c), weights)
_, _, want = backward.lstm_backward(d_outputs, (zeros, zeros), saved, weights)
found, most = sparingly(inputs, (h, c), d_outputs, (zeros, zeros), weights)
for ours, theirs in zip(found, want, strict=True):
    assert_close(ours, theirs)
print(f"equal gradients; kept by the whole {numbers(saved):,}, sparingly {most:,}")

# %% [markdown]
r"""
The gradients are the same but for the order of the sums. The whole keeps
$L N (7H + D)$ numbers. Sparingly, the inputs, $L N D$, stay; one piece at a time costs
$10 \cdot 7 N H$, and the kept states $\frac{L}{10} \cdot 2 N H$. The price is a second
forward pass. With pieces of $\sqrt{L}$ steps the memory grows as $\sqrt{L}$, the inputs
aside.
"""

# %%
#| check: >-
#|   The counts are those of the formulas.
L, N, D, H = 100, 2, 3, 5
assert numbers(saved) == L * N * (7 * H + D)
assert most == L * N * D + 10 * 7 * N * H + L // 10 * 2 * N * H
