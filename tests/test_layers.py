"""lstm.LSTM against torch.nn.LSTM, over all arguments it takes."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lstm import LSTM

ARGUMENTS = [
    {"num_layers": k, "bias": b, "batch_first": f, "bidirectional": d}
    for k, b, f, d in product((1, 3), (True, False), (True, False), (True, False))
]


def pair(**kwargs):
    theirs = nn.LSTM(3, 5, **kwargs).double()
    ours = LSTM(3, 5, **kwargs).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def states(layer, *batch):
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    return tuple(
        torch.randn(count, *batch, 5, dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    )


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(
    "kwargs", ARGUMENTS, ids=lambda k: "-".join(map(str, k.values()))
)
def test_outputs_states_and_all_gradients_equal_torchs(kwargs, batched):
    ours, theirs = pair(**kwargs)
    x = torch.randn(
        *((2, 7) if batched else (7,)), 3, dtype=torch.float64, requires_grad=True
    )
    if batched and not kwargs["batch_first"]:
        x = x.transpose(0, 1).detach().requires_grad_()
    state = states(theirs, *((2,) if batched else ()))
    results = []
    for layer in (ours, theirs):
        output, (h, c) = layer(x, state)
        torch.manual_seed(1)
        scalar = sum((torch.randn_like(t) * t).sum() for t in (output, h, c))
        results.append(
            [
                output,
                h,
                c,
                *torch.autograd.grad(scalar, [x, *state, *layer.parameters()]),
            ]
        )
    assert_close(*results)


def test_no_state_means_zeros():
    ours, theirs = pair(num_layers=2, bidirectional=True)
    x = torch.randn(7, 2, 3).double()
    assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(
    "kwargs", ARGUMENTS, ids=lambda k: "-".join(map(str, k.values()))
)
def test_names_order_shapes_and_first_numbers_are_torchs(kwargs):
    torch.manual_seed(3)
    ours = LSTM(3, 5, **kwargs)
    torch.manual_seed(3)
    theirs = nn.LSTM(3, 5, **kwargs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_close(dict(ours.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)
    assert [len(w) for w in ours.all_weights] == [len(w) for w in theirs.all_weights]
    theirs.load_state_dict(ours.state_dict())


def test_dropout_acts_between_layers_in_training_only():
    ours, theirs = pair(num_layers=2, dropout=0.5)
    x = torch.randn(7, 2, 3).double()
    ours.eval()
    theirs.eval()
    assert_close(ours(x), theirs(x))
    ours.train()
    assert not torch.equal(ours(x)[0], ours(x)[0])


def test_dropout_is_where_torch_has_it():
    for ours, theirs in (
        pair(num_layers=3, dropout=1.0),
        pair(num_layers=2, dropout=1.0, bidirectional=True),
    ):
        x = torch.randn(7, 2, 3).double()  # at 1 nothing is left to chance
        assert_close(ours(x), theirs(x))
    one_layer = LSTM(3, 5, dropout=1.0)
    assert_close(
        one_layer(torch.ones(7, 2, 3)), one_layer(torch.ones(7, 2, 3)), rtol=0, atol=0
    )


def test_gradcheck():
    layer = LSTM(2, 3, num_layers=2, bidirectional=True).double()
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x)[0], x)


def test_repr_names_what_is_not_default():
    assert repr(LSTM(3, 5, bidirectional=True)) == repr(
        nn.LSTM(3, 5, bidirectional=True)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 0}, "input_size must be at least 1, got 0"),
        ({"hidden_size": -2}, "hidden_size must be at least 1, got -2"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"dropout": 1.5}, r"dropout must be a probability in \[0, 1\], got 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LSTM(**({"input_size": 3, "hidden_size": 5} | arguments))


WRONG = {
    "features": ((7, 2, 4), None, ValueError, r"last of size 3, got \(7, 2, 4\)"),
    "axes": ((7,), None, ValueError, r"2 or 3 axes"),
    "length": ((0, 2, 3), None, ValueError, r"at least one step, got \(0, 2, 3\)"),
    "h_0": (
        (7, 2, 3),
        ((1, 3, 5), (1, 2, 5)),
        ValueError,
        r"h_0 of shape \(1, 2, 5\), got \(1, 3, 5\)",
    ),
    "c_0": (
        (7, 2, 3),
        ((1, 2, 5), (2, 2, 5)),
        ValueError,
        r"c_0 of shape \(1, 2, 5\), got \(2, 2, 5\)",
    ),
    "unbatched": (
        (7, 3),
        ((1, 1, 5), (1, 5)),
        ValueError,
        r"h_0 of shape \(1, 5\), got \(1, 1, 5\)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_shapes_that_do_not_fit_are_named_both(case):
    shape, state, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        LSTM(3, 5)(torch.zeros(shape), state and tuple(map(torch.zeros, state)))


def test_what_is_not_a_tensor_or_a_pair_is_refused_by_its_type():
    packed = nn.utils.rnn.pack_padded_sequence(torch.zeros(7, 2, 3), [7, 5])
    with pytest.raises(TypeError, match="expected a tensor, got PackedSequence"):
        LSTM(3, 5)(packed)
    with pytest.raises(TypeError, match=r"as a pair \(h_0, c_0\), got Tensor"):
        LSTM(3, 5)(torch.zeros(7, 2, 3), torch.zeros(1, 2, 5))
