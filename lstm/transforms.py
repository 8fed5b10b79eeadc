"""What `torch.func` makes of a model: gradients of each sample, curvature, privacy.

N samples   T steps of training

A loss is a function of a dict of parameters, and of one sample where it says so. What
it runs must be made of operations that can be transformed: the book's plain layers are.
"""

import math
import warnings

import torch
from torch.func import functional_call, grad, jvp, vmap


def sample_gradients(loss, parameters, *samples):
    """The gradient of every sample: {name: (N, *shape)}.

    loss: (parameters, *one sample) -> a number   samples: tensors, N first
    """
    each = (None, *(0 for _ in samples))
    return vmap(grad(loss), in_dims=each)(parameters, *samples)


def norms(gradients):
    """The length of each sample's gradient, over all parameters   ->   (N)"""
    squares = (g.flatten(1).square().sum(1) for g in gradients.values())
    return sum(squares).sqrt()


def clipped_sum(gradients, bound):
    """Shorten each sample's gradient to a length of at most `bound`, and add them up.

    Whatever one sample is, it moves the sum by at most `bound`.
    Source: Abadi et al. (2016), algorithm 1.
    """
    shares = (bound / norms(gradients).clamp(min=1e-12)).clamp(max=1)
    return {name: torch.tensordot(shares, g, 1) for name, g in gradients.items()}


def epsilon(steps, noise, delta):
    """The privacy that `steps` sums with Gaussian noise have: (epsilon, delta).

    noise: its standard deviation, in units of what one sample can move a sum by
    Every sample takes part in every step; nothing is gained by drawing samples.
    At order a the Renyi divergence of all steps is at most steps * a / (2 noise^2), and
    epsilon that plus ln(1/delta) / (a - 1), here at the a where the sum is smallest.
    Source: Mironov (2017), propositions 1, 3 and 7. Raises ValueError for what is out
    of range.
    """
    if steps < 1 or noise <= 0 or not 0 < delta < 1:
        given = f"got {steps}, {noise} and {delta}"
        wanted = "steps from 1, noise above 0 and delta between 0 and 1"
        raise ValueError(f"expected {wanted}, {given}")
    spent = steps / (2 * noise**2)
    return spent + 2 * math.sqrt(spent * math.log(1 / delta))


def hessian_product(loss, parameters, direction):
    """The Hessian of loss(parameters) times a direction: {name: shape}.

    The derivative of the gradient along the direction, forward over reverse: about as
    much work as two gradients, and no matrix. Source: Pearlmutter (1994).
    """
    return jvp(grad(loss), (parameters,), (direction,))[1]


def refusals(layer, batch=5, length=6):
    """What `torch.func` cannot do with a recurrent layer here, and what is said.

    ->   {what: the first sentence of the error, or "" where it works}; a warning that
    it works by a loop counts as that sentence
    """
    weights = {name: p.detach() for name, p in layer.named_parameters()}
    first = next(iter(weights.values()))
    x = torch.randn(batch, length, layer.input_size, dtype=first.dtype)

    def loss(weights, x):
        return functional_call(layer, weights, (x,))[0].square().mean()

    two = {name: torch.stack([w, w]) for name, w in weights.items()}
    tried = {
        "gradient of each sample": lambda: sample_gradients(loss, weights, x),
        "many models, outputs": lambda: vmap(loss, (0, None))(two, x),
        "many models, gradients": lambda: vmap(grad(loss), (0, None))(two, x),
        "Hessian times vector": lambda: hessian_product(
            lambda w: loss(w, x), weights, weights
        ),
    }
    return {what: said_by(call) for what, call in tried.items()}


def said_by(call):
    """The first sentence of the error or of the warning that a call ends in, or ""."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            call()
        except (RuntimeError, NotImplementedError) as error:
            return sentence(error)
    noted = [w.message for w in noted if w.category is UserWarning]
    return sentence(noted[0]) if noted else ""


def sentence(error):
    """The first sentence of what an error or a warning says."""
    return str(error).splitlines()[0].split(". ")[0].rstrip(".")
