# ---
# minutes: 0.2
# ---

# %% [markdown]
r"""
# Solutions to chapter 6

Try the [exercises](../06_gru.ipynb#Exercises) first; the first two need a pencil only.
Each solution ends in a check of what was asked.
"""

# %%
import math
from unittest.mock import patch

import torch
from torch import nn
from torch.nn.functional import dropout, linear
from torch.nn.utils.rnn import pack_sequence
from torch.testing import assert_close

import lstm
from lstm import studies
from lstm.steps import gru_step, gru_step_reset_before, scan
from lstm.studies import gated

# %% [markdown]
r"""
## Exercise 1

What does the form (6.5) give for the numbers of section 6.1? There the candidate's
state is reset before the product: $(0.5 \cdot 0.5) \cdot 2 = 0.5$. In (6.3) it is reset
after: $0.5 \cdot (0.5 \cdot 2) = 0.5$. With one unit the matrix is a number, and
numbers may be multiplied in any order. It would differ with a second bias $b_{hn}$
other than 0, which (6.3) resets, too; and with two units, where the matrix mixes states
whose reset gates differ.
"""

# %%
w_ih, w_hh = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[-2.0], [2.0], [2.0]])
x, h = torch.tensor([[1.0]]), torch.tensor([[0.5]])
new = {}
for bias in (0.0, 1.0):
    b_hh = torch.tensor([0.0, 0.0, bias])
    steps = gru_step, gru_step_reset_before
    new[bias] = [step(x, (h,), w_ih, w_hh, None, b_hh)[0].item() for step in steps]
    print(f"b_hn = {bias:.0f}: (6.3) {new[bias][0]:.4f}   (6.5) {new[bias][1]:.4f}")

# %%
#| check: >-
#|   Without b_hn the two forms agree, with it they do not.
assert abs(new[0.0][0] - new[0.0][1]) < 1e-6
assert abs(new[1.0][0] - new[1.0][1]) > 0.01

# %% [markdown]
r"""
## Exercise 2

How many parameters has the GRU of two layers and two directions? A direction of the
first layer reads 28 numbers, one of the second $2 \cdot 128 = 256$, the outputs of both
directions below it. With three blocks of $H(D + H + 2)$ numbers in each of the two
directions that makes

$$
6 \cdot 128 \cdot (28 + 130) + 6 \cdot 128 \cdot (256 + 130) = 417{,}792.
$$

The command `python -m lstm shapes GRU --input-size 28 --hidden-size 128 --num-layers 2
--bidirectional` lists them.
"""

# %%
by_hand = 2 * 3 * 128 * (28 + 130) + 2 * 3 * 128 * (256 + 130)
layer = nn.GRU(28, 128, num_layers=2, bidirectional=True)
print(f"{by_hand:,}")
assert by_hand == sum(p.numel() for p in layer.parameters()) == 417_792

# %% [markdown]
r"""
## Exercise 3

`run_layers` finds `scan` and `dropout` in its module, so a fault can be planted there
and taken out again: a scan that runs the other way round, a dropout that does nothing.
Three comparisons with PyTorch look for them: one layer in one direction; three layers
in two directions, as at the end of section 6.7; and the same with dropout in training,
as in the table of section 6.8. For the last, both layers draw from the same seed.
"""


# %%
def turned_scan(step, inputs, state, weights, reverse=False):
    return scan(step, inputs, state, weights, reverse=not reverse)


def no_dropout(inputs, p, training):
    return dropout(inputs, 0.0, training)


deep = {"num_layers": 3, "bidirectional": True}
comparisons = {"1 layer": {}, "3 layers": deep, "dropout": deep | {"dropout": 0.5}}
faults = {
    "no fault": {},
    "directions turned": {"scan": turned_scan},
    "no dropout": {"dropout": no_dropout},
}


def difference(arguments):
    """The largest difference of the outputs, ours from PyTorch's."""
    torch.manual_seed(0)
    theirs = nn.LSTM(3, 5, **arguments).double()
    ours = lstm.LSTM(3, 5, **arguments).double()
    ours.load_state_dict(theirs.state_dict())
    x, outputs = torch.randn(7, 2, 3).double(), []
    for layer in (theirs, ours):
        torch.manual_seed(1)
        outputs.append(layer(x)[0])
    return (outputs[0] - outputs[1]).abs().max().item()


notices = {}
for fault, planted in faults.items():
    with patch.multiple(lstm.layers, **planted) if planted else patch.dict({}):
        found = {name: difference(given) for name, given in comparisons.items()}
    notices[fault] = [name for name, value in found.items() if value > 1e-12]
    print(f"{fault:18} noticed by:", ", ".join(notices[fault]) or "none")

# %% [markdown]
r"""
Every comparison notices the turned directions, even one layer of one direction, which
then runs backwards. The missing dropout is seen only where there is dropout: no other
comparison of the chapter runs that line with a rate above 0. So a list of options to be
compared is as good as its most boring rows.
"""

# %%
#| check: >-
#|   Each fault is noticed by the comparisons that the text names.
assert notices["no fault"] == []
assert notices["directions turned"] == list(comparisons)
assert notices["no dropout"] == ["dropout"]

# %% [markdown]
r"""
## Exercise 4

From (6.3) to (6.5), for a reset gate that is the same constant $r$ in all units. Then
$r\,(\mathbf{H} \mathbf{W}_{hn} + \mathbf{b}_{hn})
= (r\,\mathbf{H}) \mathbf{W}_{hn} + r\,\mathbf{b}_{hn}$. So all weights stay, and the
candidate's second bias becomes $r\,\mathbf{b}_{hn}$: in the package's step of (6.5) it
stands outside the reset gate.

In general the gate reads the input and the state. The bias would have to become
$\mathbf{R}_t \odot \mathbf{b}_{hn}$, another number at every step, and no constant is
equal to that. Nor does the product survive: with different gates in different units,
(6.3) scales the sums, (6.5) what is summed.
"""

# %%
torch.manual_seed(0)
r, (w_ih, w_hh, b_ih, b_hh) = 0.3, (p.detach() for p in nn.GRU(3, 5).parameters())
for tensor in (w_ih, w_hh, b_ih, b_hh):
    tensor[:5] = 0  # the reset gate reads nothing ...
b_hh[:5] = math.log(r / (1 - r))  # ... and is r
converted = b_hh.clone()
converted[10:] *= r
x, h = torch.randn(7, 2, 3), torch.randn(2, 5)
want, _ = scan(gru_step, x, (h,), (w_ih, w_hh, b_ih, b_hh))
got, _ = scan(gru_step_reset_before, x, (h,), (w_ih, w_hh, b_ih, converted))
without, _ = scan(gru_step_reset_before, x, (h,), (w_ih, w_hh, b_ih, b_hh))
print(f"unconverted, the outputs differ by {(without - want).abs().max():.3f}")
assert_close(got, want)
assert (without - want).abs().max() > 0.01

# %% [markdown]
r"""
## Exercise 5

With zero weights the candidate is $\tanh 0 = 0$, so (6.4) is
$h_t = \sigma(b)\,h_{t-1}$. After 50 steps $\sigma(b)^{50} = 0.5$, so
$\sigma(b) = 0.5^{1/50}$, and $b$ is the sigmoid's inverse of that.
"""

# %%
z = 0.5 ** (1 / 50)
b = math.log(z / (1 - z))
zeros = torch.zeros(3, 1).double()
weights = zeros, zeros, torch.tensor([0.0, b, 0.0], dtype=torch.float64)
start, nothing = torch.ones(1, 1).double(), torch.zeros(50, 1, 1).double()
states, _ = scan(gru_step, nothing, (start,), weights)
print(f"z = {z:.4f}   b = {b:.3f}   kept after 50 steps {states[-1].item():.4f}")
assert abs(states[-1].item() - 0.5) < 1e-12

# %% [markdown]
r"""
## Exercise 6

One learning rate at a time: which model with one layer has the lowest mean perplexity
on the held-out text, and do its three seeds lie apart from all of the others'?
"""

# %%
rows, called = studies.select(studies.load("gated"), layers=1), {}
for lr in gated.RATES:
    found = {
        model: [row["held_out"] for row in studies.select(rows, model=model, lr=lr)]
        for model in gated.UNITS
    }
    winner, second = sorted(found, key=lambda model: sum(found[model]))[:2]
    apart = max(found[winner]) < min(found[second])
    called[lr] = winner, apart
    print(
        f"rate {lr:5g}: {winner:12} {'by all seeds' if apart else 'not by all seeds'}"
    )

# %% [markdown]
r"""
At the three lowest rates it is the larger GRU and at 0.032 the LSTM, and each time
every seed agrees. Seeds tell how far chance could have made the difference. They say
nothing about the choice of a learning rate, which is the same for all of them. At the
two other rates they do warn.
"""

# %%
#| check: >-
#|   By all seeds, the winner is the larger GRU at the three lowest rates and the LSTM
#|   at 0.032; at the two others the seeds overlap.
assert list(called.values())[:3] == [("GRU, larger", True)] * 3
assert called[3.2e-2] == ("LSTM", True)
assert not called[1.6e-2][1]
assert not called[6.4e-2][1]

# %% [markdown]
r"""
## Exercise 7

Packing a list of sequences. Sort them by length, longest first; then take from each
step the entries of all sequences that are still running, which are the first ones.
`batch_sizes` counts them. The order and its inverse are kept, so that the result can be
put back.
"""


# %%
def pack(sequences):
    """[(L_1, D), (L_2, D), ...] -> data, batch_sizes, order, its inverse"""
    lengths = torch.tensor([len(s) for s in sequences])
    order = lengths.argsort(descending=True, stable=True)
    longest_first = [sequences[n] for n in order]
    data, batch_sizes = [], []
    for t in range(int(lengths.max())):
        running = [s[t] for s in longest_first if len(s) > t]
        data.extend(running)
        batch_sizes.append(len(running))
    return torch.stack(data), torch.tensor(batch_sizes), order, order.argsort()


torch.manual_seed(0)
sequences = [torch.randn(length, 3) for length in (2, 6, 1, 5)]
ours = pack(sequences)
theirs = pack_sequence(sequences, enforce_sorted=False)
print("batch_sizes", ours[1].tolist(), "  order", ours[2].tolist())
for one, two in zip(ours, theirs, strict=True):
    assert torch.equal(one, two)

# %% [markdown]
r"""
## Exercise 8

The scan needs the gates of all steps beforehand, and a GRU's gates need the states. So
guess the states, take the gates from the guess, scan, and take what comes out for the
next guess. The first step's gates read $\mathbf{H}_0$, which is known, so one pass
makes its state right. Then the second step's gates read a right state in the next pass,
and so on: after $k$ passes the first $k$ steps are exact, and after $L$ passes all are.
"""


# %%
def gru_pairs(x, h, w_ih, w_hh, b_ih, b_hh):
    """A GRU's a and b if the states before its steps were h: (L, N, H)."""
    r_x, z_x, n_x = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, dim=-1)
    z = (z_x + z_h).sigmoid()
    return z, (1 - z) * (n_x + (r_x + r_h).sigmoid() * n_h).tanh()


def parallel_scan(a, b, h):
    """a, b: (L, N, H)   h: (N, H)   ->   all states, (L, N, H)"""
    reach = 1
    while reach < len(a):
        a_new, b_new = a[reach:] * a[:-reach], a[reach:] * b[:-reach] + b[reach:]
        a, b = torch.cat([a[:reach], a_new]), torch.cat([b[:reach], b_new])
        reach *= 2
    return a * h + b


torch.manual_seed(0)
weights = [p.detach() for p in nn.GRU(3, 20).double().parameters()]
x, h_0 = torch.randn(256, 2, 3).double(), torch.randn(2, 20).double()
true, _ = lstm.scan(gru_step, x, (h_0,), weights)
guess, errors = torch.zeros_like(true), []
for k in range(1, len(x) + 1):
    before = torch.cat([h_0[None], guess[:-1]])
    guess = parallel_scan(*gru_pairs(x, before, *weights), h_0)
    assert_close(guess[:k], true[:k])  # k passes: the first k steps are exact
    errors.append((guess - true).abs().max().item())
    if errors[-1] < 1e-10:
        break
for k in (1, 2, 4, 8, len(errors)):
    print(f"passes {k:3}   largest error {errors[k - 1]:.0e}")

# %% [markdown]
r"""
It takes far fewer passes than steps, since this GRU forgets: an error in a guess dies
out along the sequence as the state does. Each pass is a few rounds for all steps at
once, so it may pay on a machine with many cores. For a GRU whose state makes errors
grow there is no such promise: only that $L$ passes are enough.
"""

# %%
#| check: >-
#|   At most a tenth as many passes as steps.
assert errors[-1] < 1e-10
assert len(errors) <= len(x) // 10
