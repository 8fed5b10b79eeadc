"""torch.func on the layers: ours can be transformed; what torch's refuse is noticed."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

import lstm
import lstm.fast
from lstm import transforms

KINDS = "LSTM", "GRU"
BOTH = torch.float32, torch.float64
WHAT = "gradient of each sample", "many models, outputs", "many models, gradients"
WHAT += ("Hessian times vector",)
# torch compiles rules for it on first use
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def model(kind, seed=0):
    torch.manual_seed(seed)
    return getattr(lstm, kind)(3, 4).double()


def weights_of(layer):
    return {name: p.detach() for name, p in layer.named_parameters()}


def loss_of(layer):
    def loss(weights, x):
        return functional_call(layer, weights, (x,))[0].square().mean()

    return loss


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_each_sample_is_that_of_a_loop(kind):
    layer, x = model(kind), torch.randn(6, 5, 3).double()
    loss = loss_of(layer)
    found = transforms.sample_gradients(loss, weights_of(layer), x)
    for n in range(len(x)):
        alone = torch.autograd.grad(layer(x[n])[0].square().mean(), layer.parameters())
        assert_close(tuple(g[n] for g in found.values()), alone)
    lengths = [
        math.sqrt(sum(g[n].square().sum() for g in found.values())) for n in (0, 5)
    ]
    assert_close(transforms.norms(found)[[0, 5]], torch.tensor(lengths).double())


def test_a_sample_moves_the_clipped_sum_by_no_more_than_the_bound_and_small_ones_stay():
    gradients = {"a": torch.tensor([[3.0], [0.3]]), "b": torch.tensor([[4.0], [0.4]])}
    found = transforms.clipped_sum(gradients, bound=1.0)
    assert_close(found["a"], torch.tensor([0.6 + 0.3]))
    assert_close(found["b"], torch.tensor([0.8 + 0.4]))
    none = transforms.clipped_sum({"a": torch.zeros(2, 3)}, bound=1.0)
    assert torch.equal(none["a"], torch.zeros(3))


@pytest.mark.parametrize(("steps", "noise", "delta"), [(1, 4, 1e-5), (100, 10, 1e-3)])
def test_epsilon_is_the_smallest_over_all_orders(steps, noise, delta):
    orders = torch.linspace(1.001, 60, 400_000).double()
    bounds = steps * orders / (2 * noise**2) - math.log(delta) / (orders - 1)
    found = transforms.epsilon(steps, noise, delta)
    assert abs(found - bounds.min().item()) < 1e-4
    assert found <= bounds.min().item() + 1e-12


@pytest.mark.parametrize("given", [(0, 1, 0.1), (1, 0, 0.1), (1, 1, 0), (1, 1, 1)])
def test_a_privacy_that_cannot_be_is_refused(given):
    with pytest.raises(ValueError, match=f"got {given[0]}, {given[1]} and {given[2]}"):
        transforms.epsilon(*given)


@pytest.mark.parametrize("kind", KINDS)
def test_the_hessian_times_a_vector_is_that_of_double_backward(kind):
    layer, x = model(kind), torch.randn(6, 2, 3).double()
    direction = {k: torch.randn_like(w) for k, w in weights_of(layer).items()}
    loss = lambda w: loss_of(layer)(w, x)
    found = transforms.hessian_product(loss, weights_of(layer), direction)
    parameters = list(layer.parameters())
    first = torch.autograd.grad(
        layer(x)[0].square().mean(), parameters, create_graph=True
    )
    along = sum((g * d).sum() for g, d in zip(first, direction.values(), strict=True))
    want = torch.autograd.grad(along, parameters)
    assert_close(tuple(found.values()), want)


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("kind", KINDS)
def test_of_our_layers_nothing_is_refused(kind, dtype):
    for package in (lstm, lstm.fast):
        layer = getattr(package, kind)(3, 4, dtype=dtype)
        assert transforms.refusals(layer) == dict.fromkeys(WHAT, "")


LOOP = "performance drop because we have not yet implemented the batching rule"
NO_RULE = "Batching rule not implemented for aten::{}.input"
IN_PLACE = "doesn't match the broadcast shape"
NO_FORWARD = "forward AD with mkldnn_rnn_layer that does not support it"
OTHERS = [IN_PLACE, NO_RULE, "", ""]
REFUSED = [
    ("LSTM", torch.float32, [LOOP, NO_RULE, LOOP, NO_FORWARD]),
    ("LSTM", torch.float64, OTHERS),
    ("GRU", torch.float32, OTHERS),
    ("GRU", torch.float64, OTHERS),
]
NEW = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 11)


@pytest.mark.skipif(not NEW, reason="chapter 15 speaks of torch 2.11 and newer")
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="without oneDNN")
@pytest.mark.parametrize(("kind", "dtype", "wanted"), REFUSED)
def test_what_torchs_layers_refuse_is_what_chapter_15_says(kind, dtype, wanted):
    """Where this fails, torch has learned something: then correct section 15.5."""
    found = transforms.refusals(getattr(nn, kind)(3, 4, dtype=dtype))
    for what, part in zip(WHAT, wanted, strict=True):
        said = part.format(kind.lower())
        assert said in found[what] if said else not found[what], (what, found[what])
