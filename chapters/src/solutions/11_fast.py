# ---
# minutes: 0.1
# ---

# %% [markdown]
r"""
# Solutions to chapter 11

Try the [exercises](../11_fast.ipynb#Exercises) first.
"""

# %%
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import linear
from torch.testing import assert_close

from lstm import bench, gru_step, rnn_step, scan

# %% [markdown]
r"""
## Exercise 1

Formula (11.1) has $2D + 3H$ in its bracket, times $4H$. With 512 units $H$ has doubled
in both places, but $2D$ has stayed as it was: so the factor is a little below four.
"""

# %%
record = bench.steps.TEXT
wide = bench.limits.operations(replace(record, hidden_size=512))
factor = wide / bench.limits.operations(record)
print(f"{wide / 1e9:.2f} thousand million, {factor:.2f} times as many")

# %%
#| check: >-
#|   The factor is 4 (2D + 3 * 512) / (2 (2D + 3 * 256)), below four.
D = record.input_size
assert factor == 2 * (2 * D + 3 * 512) / (2 * D + 3 * 256)
assert 3.8 < factor < 4

# %% [markdown]
r"""
## Exercise 2

In the notes' orientation the vector stands on the left, $\mathbf{X} \mathbf{W}$, so
that a one-hot $\mathbf{X}$ chooses a row of $\mathbf{W}_\mathrm{x}$ as it lies:
indexing does it, and nothing has to be transposed.
"""

# %%
torch.manual_seed(0)
W_x, b = torch.randn(28, 4 * 5).double(), torch.randn(4 * 5).double()
tokens = torch.randint(28, (7, 2))
one_hot = nn.functional.one_hot(tokens, 28).double()
same = torch.equal(W_x[tokens] + b, one_hot @ W_x + b)
print("row lookup and product are the same to the last digit:", same)

# %%
#| check: >-
#|   They are: all other terms of the sum are exactly 0.
assert same

# %% [markdown]
r"""
## Exercise 3

The plain RNN's step adds a product with the input and one with the state, and only then
bends the sum. So the first can be made for all steps at once.
"""


# %%
def hoisted_rnn(inputs, h, w_ih, w_hh, b_ih, b_hh):
    """inputs: (L, N, D)   h: (N, H)   ->   outputs: (L, N, H)"""
    outputs = []
    for own in linear(inputs, w_ih, b_ih + b_hh):
        h = (own + h @ w_hh.T).tanh()
        outputs.append(h)
    return torch.stack(outputs)


weights = [*nn.RNN(3, 5).double().parameters()]
x, h = torch.randn(7, 2, 3).double(), torch.randn(2, 5).double()
slope = torch.randn(7, 2, 5).double()
in_loop, _ = scan(rnn_step, x, (h,), weights)
outside = hoisted_rnn(x, h, *weights)
gradients = [torch.autograd.grad(y, weights, slope) for y in (in_loop, outside)]
apart = max((a - b).abs().max().item() for a, b in zip(*gradients, strict=True))
print("largest difference of a gradient below 1e-12:", apart < 1e-12)

# %%
#| check: >-
#|   Outputs and the gradients of all four weights agree.
assert_close(outside, in_loop)
assert apart < 1e-12

# %% [markdown]
r"""
## Exercise 4

A weight that is loaded is used once for each of the $m$ sequences. For each number $k$
of the state a tile loads 4 registers of weights and $m$ single numbers, and makes $4m$
multiply-and-adds: $(4 + m) / 4m$ loads for each. The more sequences the better, but
$4m$ sums, 4 registers of weights and one for the number of the state must fit into 32.
"""

# %%
fitting = [m for m in range(1, 33) if 4 * m + 4 + 1 <= 32]
loads = {m: (4 + m) / (4 * m) for m in fitting}
best = min(loads, key=loads.get)
print(f"{best} sequences: {loads[best]:.2f} loads for each; 1 sequence: {loads[1]:.2f}")

# %%
#| check: >-
#|   Six fit, as in the chapter, with ten loads for 24 multiply-and-adds.
assert best == max(fitting) == 6
assert loads[6] == 10 / 24

# %% [markdown]
r"""
## Exercise 5

The reset gate multiplies the *state's* part of the candidate, with its bias, before the
input's part is added. So the third of the products with the state has to stay apart.
If it is added first, the reset gate multiplies the input's part as well: another
function, with other outputs and other gradients.
"""


# %%
def hoisted_gru(inputs, h, w_ih, w_hh, b_ih, b_hh, apart=True):
    """inputs: (L, N, D)   h: (N, H)   ->   outputs: (L, N, H)"""
    outputs = []
    for own in linear(inputs, w_ih, b_ih):
        r_x, z_x, n_x = own.chunk(3, dim=-1)
        r_h, z_h, n_h = linear(h, w_hh, b_hh).chunk(3, dim=-1)
        r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
        n = (n_x + r * n_h if apart else r * (n_x + n_h)).tanh()
        h = (1 - z) * n + z * h
        outputs.append(h)
    return torch.stack(outputs)


weights = [*nn.GRU(3, 5).double().parameters()]
wanted, _ = scan(gru_step, x, (h,), weights)
right, wrong = (hoisted_gru(x, h, *weights, apart=apart) for apart in (True, False))
gradients = [torch.autograd.grad(y, weights, slope) for y in (wanted, right, wrong)]
off = [
    max((a - b).abs().max().item() for a, b in zip(gradients[0], found, strict=True))
    for found in gradients[1:]
]
print("kept apart, gradients within 1e-12:", off[0] < 1e-12)
print("added first, largest difference above 0.1:", off[1] > 0.1)

# %%
#| check: >-
#|   Kept apart it is the GRU, gradients too; added first it is not.
assert_close(right, wanted)
assert off[0] < 1e-12
assert off[1] > 0.1
