# ---
# part: Understand
# question: Is `nn.LSTM` the same function?
# proved: >-
#   yes: outputs, states, all gradients; and why training curves differ
# minutes: 3
# ---

# %% [markdown]
r"""
# 3. The concise LSTM, and the proof that it is the same

**What you will build.** The same recurrent layer in one line, `nn.LSTM(28, 256)`, and a
bridge that carries the parameters of chapter 2 into it.

**What you will learn.** That `torch.nn.LSTM` computes what chapter 2 computes, shown in
64-bit floats for outputs, states and every gradient. How PyTorch lays out its
parameters. And why, if the functions are equal, the two training curves of the notes
differ.

**What you need.** Chapters 1 and 2. The training takes about a minute on two processor
cores, the experiment at the end two.
"""

# %%
import random

import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import bench, figures
from lstm.d2l import curve, d2l
from lstm.figures import plt

device = d2l.try_gpu()
# a GPU's nn.LSTM would round its factors to 10 bits; code by hand does not
lstm.full_precision()

# %% tags=["nbval-ignore-output"]
batch_size, num_steps = 32, 35
train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)

# %% [markdown]
r"""
## 3.1 One line for the layer

`nn.LSTM` is the recurrent layer alone: it maps a sequence of vectors to a sequence of
hidden states. It has no output layer. d2l's `RNNModel` adds the one-hot encoding in
front and a linear layer behind.
"""

# %%
num_inputs, num_hiddens = len(vocab), 256
lstm_layer = nn.LSTM(num_inputs, num_hiddens)
X = torch.randn(num_steps, batch_size, num_inputs)
output, (h_n, c_n) = lstm_layer(X)
assert output.shape == (num_steps, batch_size, num_hiddens)
assert h_n.shape == c_n.shape == (1, batch_size, num_hiddens)
assert torch.equal(output[-1], h_n[0])  # the last output is the last hidden state
print("output", tuple(output.shape), "  h_n and c_n", tuple(h_n.shape))

# %% [markdown]
r"""
## 3.2 Training, as in the notes

The same call as in chapter 2: plain gradient descent, learning rate 1, 500 epochs.
"""

# %% tags=["nbval-ignore-output"]
#| fig-alt: >-
#|   d2l's plot of the training of nn.LSTM: perplexity drops from its highest value at
#|   the left, comes near 1 long before epoch 500, and from there on runs almost level.
random.seed(0)
torch.manual_seed(0)
model = d2l.RNNModel(nn.LSTM(num_inputs, num_hiddens), len(vocab)).to(device)
num_epochs, lr = 500, 1
d2l.train_ch8(model, train_iter, vocab, lr, num_epochs, device)

# %%
#| fig-alt: >-
#|   The same training curve on an axis from 0 to 30. It falls quickly for some tens of
#|   epochs, then steadily, and lies flat just above 1 in the last third of the run.
epochs, perplexities = curve()
figures.lines(
    {"training perplexity": perplexities}, "epoch", "perplexity", x=epochs, ylim=(0, 30)
)
plt.show()

# %%
assert epochs[-1] == 500
assert min(perplexities) <= 1.1  # what the notes report, reached

# %% [markdown]
r"""
The notes report a perplexity of 1.1 and 234,815 tokens a second on a GPU for this,
against 1.3 and 17,736 for the scratch code. Our run:
"""

# %% tags=["nbval-ignore-output"]
rows = [
    ("the notes", "1.1"),
    ("this run, last epoch", f"{perplexities[-1]:.2f}"),
    ("this run, best epoch recorded", f"{min(perplexities):.2f}"),
]
lstm.Table(("", "perplexity"), rows)

# %% [markdown]
r"""
And speeds, measured side by side by `make bench`. The function is the same; what
differs is that one call replaces dozens at every time step, and that the four products
of a step are one.
"""

# %% tags=["nbval-ignore-output"]
rows = []
for report in bench.results():
    speeds = report["tasks"]["text"]["speeds"]
    scratch_speed = speeds["scratch (the notes)"]
    machine = report["machine"]["device"]
    for name, speed in speeds.items():
        ratio = f"{speed / scratch_speed:.1f} ×"
        rows.append((name, f"{speed:,}", ratio, machine))
lstm.Table(("code", "tokens/s", "against scratch", "device"), rows)

# %%
speeds = bench.committed()["tasks"]["text"]["speeds"]
assert speeds["torch.nn.LSTM"] > 1.5 * speeds["scratch (the notes)"]

# %% [markdown]
r"""
Two questions are open. Is it really the *same* function? And if it is, why did the
notes get 1.3 with one and 1.1 with the other?

## 3.3 How PyTorch stores the parameters

Ask a small layer, with $D = 3$ inputs and $H = 5$ units:
"""

# %%
small = nn.LSTM(3, 5)
for name, parameter in small.named_parameters():
    print(f"{name:14}", tuple(parameter.shape))

# %% [markdown]
r"""
Four tensors instead of twelve. Three things differ from the notes' list, and only
these.

1. **Stacked.** The four gates' matrices lie one below the other, in the order *input,
   forget, candidate, output*, which PyTorch calls $i, f, g, o$. The notes' list has the
   order *i, f, o, c*: the last two change places.
2. **Transposed.** PyTorch multiplies from the other side, $W x$ for a column $x$, as
   `linear` does. The notes write $x W$. So `weight_ih_l0` is $(4H, D)$ where
   $\mathbf{W}_{xi}$ is $(D, H)$.
3. **Two biases.** `bias_ih_l0` and `bias_hh_l0` are added at the same place; only the
   sum counts.

`_l0` is the first layer; chapter 5 has more of them. The package's bridge, word for
word:
"""

# %%
from lstm.convert import LSTM_NAMES, TORCH_LSTM, named


# %%
# lstm/convert.py
def to_torch(params):
    """Return the state_dicts of the nn.LSTM(V, H) and nn.Linear(H, V) that do the same.

    params: the 14 tensors of `lstm.scratch.get_lstm_params`
    ->   weight_ih_l0: (4H, V), weight_hh_l0: (4H, H), bias_ih_l0, bias_hh_l0: (4H);
         weight: (V, H), bias: (V)
    Raises ValueError if the list has another length, or a tensor another shape.
    """
    p = named(params, LSTM_NAMES)
    return stack(p, TORCH_LSTM), output_layer(p)


def stack(p, gates):
    """Stack the notes' weights, transposed, in PyTorch's order of the gates."""
    biases = torch.cat([p[f"b_{gate}"] for gate in gates])
    return {
        "weight_ih_l0": torch.cat([p[f"W_x{gate}"].T for gate in gates]),
        "weight_hh_l0": torch.cat([p[f"W_h{gate}"].T for gate in gates]),
        "bias_ih_l0": biases,
        "bias_hh_l0": torch.zeros_like(biases),
    }


def output_layer(p):
    """The state_dict of the linear layer that reads the hidden state."""
    return {"weight": p["W_hq"].T.contiguous(), "bias": p["b_q"].clone()}


# %% [markdown]
r"""
`named` puts the notes' names to the fourteen tensors and checks their shapes;
`LSTM_NAMES` holds these names, and `TORCH_LSTM` PyTorch's order of the gates, `"ifco"`.
A list that does not fit is refused with a reason:
"""

# %%
assert TORCH_LSTM == "ifco"
assert LSTM_NAMES[:3] == ("W_xi", "W_hi", "b_i")
params = lstm.get_lstm_params(28, 256)
one_missing = params[:-1]
two_exchanged = [*params[:6], params[7], params[6], *params[8:]]
for wrong in (one_missing, two_exchanged):
    try:
        to_torch(wrong)
    except ValueError as error:
        print(error)

# %% [markdown]
r"""
## 3.4 The proof: outputs and states

We draw fourteen parameters of a decent size (at 0.01 every gate would be 0.5, and much
could hide), carry them over, and give both the same sequence and the same starting
state. All in 64-bit floats, where rounding errors are of the order of $10^{-16}$.
"""

# %%
torch.manual_seed(1)
params = [
    (20 * p.detach()).double().requires_grad_() for p in lstm.get_lstm_params(28, 64)
]
with torch.no_grad():
    for bias in params[2::3]:
        bias.normal_()  # biases are drawn too, or an error in them could hide
for_layer, for_linear = to_torch(params)

layer, linear = nn.LSTM(28, 64).double(), nn.Linear(64, 28).double()
layer.load_state_dict(for_layer)
_ = linear.load_state_dict(for_linear)

# %%
inputs = torch.randn(12, 4, 28).double()
H, C = torch.randn(4, 64).double(), torch.randn(4, 64).double()

scores, (H_T, C_T) = lstm.scratch_lstm(inputs, (H, C), params)
output, (h_n, c_n) = layer(inputs, (H[None], C[None]))
scores_torch = linear(output).flatten(0, 1)

assert_close(scores, scores_torch)
assert_close(H_T, h_n[0])
assert_close(C_T, c_n[0])
difference = (scores - scores_torch).abs().max().item()
assert difference < 1e-12
print("largest difference below 1e-12:", difference < 1e-12)

# %% [markdown]
r"""
## 3.5 The proof: every gradient

Equal outputs at one point could be luck. Equal gradients say that the functions agree,
to first order, in every direction around it. We take one random weighted sum of all
outputs and both states, and differentiate it with respect to all fourteen tensors, the
inputs and the initial state. One sum suffices: a difference anywhere would be missed
only by a coincidence of probability zero.
"""

# %%
leaves = [
    inputs.clone().requires_grad_(),
    H.clone().requires_grad_(),
    C.clone().requires_grad_(),
]
directions = [torch.randn_like(t) for t in (scores, H_T, C_T)]


def mix(scores, h, c):
    return sum((d * t).sum() for d, t in zip(directions, (scores, h, c), strict=True))


x, h, c = leaves
scores, (H_T, C_T) = lstm.scratch_lstm(x, (h, c), params)
by_hand = torch.autograd.grad(mix(scores, H_T, C_T), [*params, *leaves])

output, (h_n, c_n) = layer(x, (h[None], c[None]))
value = mix(linear(output).flatten(0, 1), h_n[0], c_n[0])
by_torch = torch.autograd.grad(
    value, [*layer.parameters(), *linear.parameters(), *leaves]
)

# %% [markdown]
r"""
PyTorch's gradients come stacked and transposed like its parameters, so `from_torch`
carries them back into the notes' fourteen. (Both biases of a gate have the same
gradient, so we pass one of them, and zero for the other.)
"""

# %%
names = [name for name, _ in layer.named_parameters()]
of_layer = dict(zip(names, by_torch[:4], strict=True))
assert_close(of_layer["bias_ih_l0"], of_layer["bias_hh_l0"])
of_layer["bias_hh_l0"] = torch.zeros_like(of_layer["bias_hh_l0"])
of_linear = dict(zip(("weight", "bias"), by_torch[4:6], strict=True))
carried = [*lstm.from_torch(of_layer, of_linear), *by_torch[6:]]

largest = {}
for name, ours, theirs in zip(
    (*LSTM_NAMES, "inputs", "H_0", "C_0"), by_hand, carried, strict=True
):
    assert_close(ours, theirs)
    assert ours.abs().max() > 1e-3  # a gradient of zero would prove nothing
    largest[name] = ((ours - theirs).abs().max() / ours.abs().max()).item()
assert max(largest.values()) < 1e-12
print(len(largest), "gradients agree; the largest relative difference is below 1e-12")

# %% [markdown]
r"""
So the answer to the first question is yes. The proof would have caught a mistake: here
is what happens if the notes' gate order is kept, with *o* third and *c* fourth. All
shapes fit, nothing complains, and the result is another network.
"""


# %%
def swap_last_two(stacked):
    i, f, g, o = stacked.chunk(4)
    return torch.cat([i, f, o, g])


wrong = nn.LSTM(28, 64).double()
wrong.load_state_dict(
    {name: swap_last_two(tensor) for name, tensor in for_layer.items()}
)
output_wrong, _ = wrong(inputs, (H[None], C[None]))
assert output_wrong.shape == output.shape
assert (output_wrong - output).abs().max() > 0.5

# %% [markdown]
r"""
## 3.6 Why, then, do the curves differ?

Equal functions, unequal curves: something in the *training* must differ. Three
suspects:

- **the batches**: d2l starts every epoch at a random offset;
- **the initial weights**, of the layer and of the linear layer behind it: the notes
  draw $\mathcal{N}(0, 0.01^2)$ with zero biases; `nn.LSTM` draws weights and biases
  from $\mathcal{U}(-1/\sqrt{H}, 1/\sqrt{H})$, here ±0.0625, several times as wide;
- **the second bias**: gradient descent moves both biases, so their sum moves about
  twice as fast (the clipped norm counts both, too).

We test them in a controlled run of 150 epochs. The first network is chapter 2's scratch
network. The second is `nn.LSTM` with *its* initial weights, the same batches, and the
second bias held at zero. If sections 3.4 and 3.5 are right, these two must draw the
same curve. The others change one thing each.
"""


# %%
def train(net, epochs, seed=0):
    """Train as train_ch8 does, without its drawing; the perplexity of each epoch."""
    random.seed(seed)  # the same seed, the same batches
    if isinstance(net, nn.Module):
        update = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr)
    else:
        update = lambda batch_size: d2l.sgd(net.params, lr, batch_size)
    loss = nn.CrossEntropyLoss()
    return [
        d2l.train_epoch_ch8(net, train_iter, loss, update, device, False)[0]
        for _ in range(epochs)
    ]


def concise(layer_weights=None, linear_weights=None, one_bias=False):
    """d2l's model around nn.LSTM, with given or with PyTorch's own initial weights."""
    model = d2l.RNNModel(nn.LSTM(num_inputs, num_hiddens), len(vocab)).to(device)
    if layer_weights:
        model.rnn.load_state_dict(layer_weights)
        model.linear.load_state_dict(linear_weights)
    if one_bias:
        with torch.no_grad():
            model.rnn.bias_hh_l0.zero_()
        model.rnn.bias_hh_l0.requires_grad_(False)
    return model


# %%
torch.manual_seed(0)
functions = lstm.get_lstm_params, lstm.init_lstm_state, lstm.scratch_lstm
scratch = d2l.RNNModelScratch(len(vocab), num_hiddens, device, *functions)
weights = to_torch(scratch.params)

# %%
E = 150
curves = {
    "scratch": train(scratch, E),
    "nn.LSTM, same start, one bias": train(concise(*weights, one_bias=True), E),
    "nn.LSTM, same start, two biases": train(concise(*weights), E),
    "nn.LSTM, its own start, one bias": train(concise(one_bias=True), E),
    "nn.LSTM, its own start, two biases": train(concise(), E),
}
torch.manual_seed(0)  # the first weights once more
again = d2l.RNNModelScratch(len(vocab), num_hiddens, device, *functions)
curves["scratch, other batches"] = train(again, E, seed=1)

# %%
#| fig-alt: >-
#|   Six training curves in two bundles. Scratch, nn.LSTM with the same start (its
#|   crosses sit on scratch's line), two biases and other batches run together; the two
#|   with nn.LSTM's own start bend down sooner and stay lower.
figures.lines(curves, "epoch", "training perplexity", ylim=(0, 30), crosses=1)
plt.show()

# %% [markdown]
r"""
The first two curves lie on each other (crosses on a line): after 1,200 updates in
32-bit floats their perplexities still agree to several digits. The second bias changes
little, other batches change little. The initial weights change most: wider weights
leave the plateau sooner.
"""

# %%
a, same, two_biases, own, own_two, batches = map(torch.tensor, curves.values())
gap = (a - same).abs() / a
assert gap[:40].max() < 1e-3  # one curve
assert gap.max() < 0.02  # and still one when rounding errors have had time to grow


def gain(other):
    """How much lower a curve lies than scratch's, from epoch 20 on, on average."""
    return ((a - other) / a)[20:].mean().item()


assert min(gain(own), gain(own_two)) > 0.05
for little in (gain(two_biases), gain(batches), gain(own_two) - gain(own)):
    assert abs(little) < gain(own) / 2

# %% [markdown]
r"""
So the second question is answered, too. The gap between the notes' two runs is not a
property of scratch and concise code. It comes from where training starts; other batches
and the second bias matter less. (Our run ends at epoch 150. That the gap at epoch 500
has the same cause is likely, not shown.)

## 3.7 The book's own layer

The package holds an `LSTM` of its own, built on chapter 1's `lstm_step`, with PyTorch's
names. It loads the same `state_dict` and swaps in one line. Chapter 4 uses it.
"""

# %%
ours = lstm.LSTM(28, 64).double()
ours.load_state_dict(layer.state_dict())
output_ours, state_ours = ours(inputs, (H[None], C[None]))
output, state = layer(inputs, (H[None], C[None]))
assert_close(output_ours, output)
assert_close(state_ours, state)

# %% [markdown]
r"""
## 3.8 What this chapter does not show

- Equality is shown at random points, in 64-bit floats, for one layer and one direction.
  The package's tests go further.
- In 32-bit floats, and with other kernels on a GPU, results differ in the last digits.
  Over many chaotic training steps such differences grow; equal curves for 150 epochs
  are not a promise for 500.
- A lower training perplexity is not a better model of English: section 2.10 applies
  here unchanged.

## Summary

- `nn.LSTM` computes what the scratch LSTM computes: outputs, states and all gradients
  agree to rounding.
- Layout: gates stacked $i, f, g, o$; weights transposed; two biases whose sum counts.
- Same weights, same batches, one bias: one curve. The notes' different curves come from
  different initial weights.

## Exercises

1. *(easy)* How many numbers does `nn.LSTM(28, 256)` hold, and how many of them are
   redundant, because two are only ever added?
2. *(easy)* Write `weight_hh_l0`'s rows that belong to the output gate as a slice.
3. *(medium)* Carry the trained model of section 3.2 into chapter 2's fourteen tensors
   with `from_torch`, and let `d2l.predict_ch8` continue a text with both. Do they agree
   for 50 characters? (Hint: `d2l.RNNModelScratch` takes any function for `get_params`,
   such as `lambda *_: params`.)
4. *(medium)* Draw the notes' scratch weights with a standard deviation of 0.036, that
   of $\mathcal{U}(\pm 1/16)$. How much of the gap in section 3.6 closes?
5. *(medium)* Halve the learning rate of both biases. Does "two biases" then draw the
   curve of "one bias"? Mind the clipping of the gradient.
6. *(hard)* Repeat the controlled run in 64-bit floats with `lstm.LanguageModel`, and
   plot the relative difference of the two curves against the epoch. What grows it?

## Further reading

- PyTorch's documentation of
  [torch.nn.LSTM](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html).
- A. Zhang et al., [Dive into Deep Learning](https://d2l.ai), concise implementation of
  the LSTM.
- X. Glorot, Y. Bengio, [Understanding the difficulty of training deep feedforward
  neural networks](https://proceedings.mlr.press/v9/glorot10a.html), 2010: why the scale
  of the first weights matters.
"""
