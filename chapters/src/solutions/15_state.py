# ---
# minutes: 0.2
# ---

# %% [markdown]
r"""
# Solutions to chapter 15

Try the [exercises](../15_state.ipynb#Exercises) first.
"""

# %%
import math

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

import lstm
from lstm import pieces, transforms

# %% [markdown]
r"""
## Exercise 1

Steps 0 to 3, step 4 alone, steps 5 to 9: lengths 4, 1 and 5. None begins with the state
that is handed in: the first one would, but step 0 is reset, too.
"""

# %%
reset = torch.zeros(10, 1, dtype=torch.bool)
reset[[0, 4, 5]] = True
cut = pieces.cut(reset)
lengths = [sum(size > q for size in cut.batch_sizes) for q in range(len(cut.origin))]
print("lengths, the longest first:", lengths)
print("begins with a state that is handed in:", (cut.origin == 0).tolist())
assert lengths == [5, 4, 1]
assert not (cut.origin == 0).any()

# %% [markdown]
r"""
## Exercise 2

With $s = T / (2\sigma^2)$ and $a = \ln(1/\delta)$ the bound is a square but for a
number:

$$\varepsilon = s + 2\sqrt{s a} = (\sqrt s + \sqrt a)^2 - a.$$

So $\sqrt s = \sqrt{\varepsilon + a} - \sqrt a$, and $T = 2 \sigma^2 s$, rounded down.
Here $\sigma$ is 20, $\delta$ is $10^{-4}$ and $\varepsilon$ is 2.
"""

# %%
a = math.log(1 / 1e-4)
T = int(2 * 20**2 * (math.sqrt(2 + a) - math.sqrt(a)) ** 2)
print("steps:", T)
assert transforms.epsilon(T, 20, 1e-4) <= 2 < transforms.epsilon(T + 1, 20, 1e-4)

# %% [markdown]
r"""
## Exercise 3

Before each step the part of the state that belongs to a beginning sequence is set to
zeros. $L$ calls, each of one step.
"""

# %%
torch.manual_seed(0)
theirs = nn.LSTM(3, 5, num_layers=2).double()
ours = lstm.LSTM(3, 5, num_layers=2).double()
ours.load_state_dict(theirs.state_dict())
x, reset = torch.randn(12, 4, 3).double(), torch.rand(12, 4) < 0.25
state, outputs = (torch.zeros(2, 4, 5).double(),) * 2, []
for step, begins in zip(x, reset, strict=True):
    state = tuple(s.masked_fill(begins[:, None], 0.0) for s in state)
    output, state = theirs(step[None], state)
    outputs.append(output)
output, last = ours(x, None, reset)
gap = (torch.cat(outputs) - output).abs().max().item()
print("the loop and reset= agree within 1e-12:", gap < 1e-12)
assert gap < 1e-12
assert_close(last, state)

# %% [markdown]
r"""
## Exercise 4

The derivative of the output at step 8 of one sequence by all inputs. Of its own
sequence it is zero before the last reset and after step 8, and nowhere in between.
"""

# %%
reset = torch.zeros(12, 2, dtype=torch.bool)
reset[2, 0] = reset[5, 0] = True
x = torch.randn(12, 2, 3).double().requires_grad_()
output, _ = ours(x, None, reset)
(slope,) = torch.autograd.grad(output[8, 0].sum(), x)
reached = (slope != 0).any(-1)  # (L, N)
print("sequence 0:", reached[:, 0].int().tolist())
print("sequence 1:", reached[:, 1].int().tolist())
assert reached[:, 0].nonzero().flatten().tolist() == [5, 6, 7, 8]
assert not reached[:, 1].any()

# %% [markdown]
r"""
## Exercise 5

The length of a mean is at most the mean of the lengths, and equal only if all gradients
point the same way. For one sample the ratio is 1.
"""

# %%
images = lstm.data.load_images("digits")
torch.manual_seed(0)
reader = lstm.SequenceClassifier(lstm.LSTM(8, 16, batch_first=True), 10)
fresh = {name: p.detach() for name, p in reader.named_parameters()}


def loss(weights, image, label):
    return cross_entropy(functional_call(reader, weights, (image[None],)), label[None])


ratios = {}
for size in (1, 10, 100):
    x, y = images.train_x[:size], images.train_y[:size]
    each = transforms.sample_gradients(loss, fresh, x, y)
    mean = {name: g.mean(0, keepdim=True) for name, g in each.items()}
    ratios[size] = (transforms.norms(mean) / transforms.norms(each).mean()).item()
    print(f"{size:3} digits: {ratios[size]:.1f}")

# %% [markdown]
r"""
Gradients of different digits point different ways, and the mean of many is shorter than
they are. That is why DP-SGD costs signal: the noise is measured by what a single
gradient may be at most, and what the weights follow is the mean, which is shorter.
"""

# %%
#| check: >-
#|   The ratio is 1 for one digit, and falls with their number.
assert abs(ratios[1] - 1) < 1e-5
assert ratios[100] < ratios[10] < 0.9

# %% [markdown]
r"""
## Exercise 6

`pieces.first_states` gives each piece its sequence's state, or zeros. For a learned
state we put that in the place of the zeros: where `origin` is $N$. Everything else is
as in `pieces.run`: gather, run the packed batch, put back.
"""


# %%
class Learned(nn.Module):
    """An LSTM that begins every new sequence from a state of its own."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        sizes = layer.state_sizes(1)
        self.first = nn.ParameterList(torch.randn(size).double() for size in sizes)

    def forward(self, x, hx, reset):
        cut = pieces.cut(reset)
        known = (torch.cat(p, dim=1) for p in zip(hx, self.first, strict=True))
        state = tuple(s.index_select(1, cut.origin) for s in known)
        rows = x.flatten(0, 1).index_select(0, cut.rows)
        output, state = self.layer.run_layers(rows, state, cut.batch_sizes)
        output = output.index_select(0, cut.back).view(*reset.shape, -1)
        return output, pieces.last_states(state, cut)


torch.manual_seed(0)
model = Learned(lstm.LSTM(3, 5).double())
x, hx = torch.randn(9, 2, 3).double(), (torch.randn(1, 2, 5).double(),) * 2
reset = torch.zeros(9, 2, dtype=torch.bool)
reset[3, 0] = reset[0, 1] = reset[6, 1] = True
output, _ = model(x, hx, reset)
slopes = torch.autograd.grad(output.sum(), [*model.first])

by_hand = [torch.zeros_like(s) for s in slopes]
for n, a, b in ((0, 3, 9), (1, 0, 6), (1, 6, 9)):
    alone, _ = model.layer(x[a:b, n : n + 1], tuple(model.first))
    assert_close(alone[:, 0], output[a:b, n])
    for total, part in zip(
        by_hand, torch.autograd.grad(alone.sum(), [*model.first]), strict=True
    ):
        total += part
gap = max((a - b).abs().max().item() for a, b in zip(slopes, by_hand, strict=True))
print("the sum over the three pieces, within 1e-12:", gap < 1e-12)
assert gap < 1e-12
