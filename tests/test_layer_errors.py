"""Where torch raises, so do we: the same type, and a message that names what was given and what was expected."""

import inspect
import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import lstm

ZEROS = torch.zeros
BOTH = "LSTM", "GRU"

# arguments of the constructor that torch refuses, and what our message has to say
ARGUMENTS = [
    ({"input_size": 0}, "input_size must be at least 1, got 0"),
    ({"input_size": -1}, "input_size .* got -1"),
    ({"input_size": 2.0}, "input_size must be an int, got 2.0"),
    ({"input_size": "3"}, "input_size must be an int, got '3'"),
    ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
    ({"hidden_size": 2.5}, "hidden_size must be an int, got 2.5"),
    ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
    ({"num_layers": 1.5}, "num_layers must be an int, got 1.5"),
    ({"num_layers": "2"}, "num_layers must be an int, got '2'"),
    ({"num_layers": None}, "num_layers must be an int, got None"),
    ({"bias": 1}, "bias must be True or False, got 1"),
    ({"bias": None}, "bias must be True or False, got None"),
    ({"batch_first": "yes"}, "batch_first must be True or False, got 'yes'"),
    ({"dropout": -0.1}, r"dropout .* in \[0, 1\].* got -0.1"),
    ({"dropout": 1.1}, r"dropout .* in \[0, 1\].* got 1.1"),
    ({"dropout": float("nan")}, r"dropout .* in \[0, 1\].* got nan"),
    ({"dropout": True}, "dropout .* got True"),
    ({"dropout": "0.5"}, "dropout .* got '0.5'"),
    ({"dropout": "a"}, "dropout .* got 'a'"),
    ({"dropout": None}, "dropout .* got None"),
    ({"dropout": 1j}, "dropout .* got 1j"),
    ({"dropout": torch.tensor(0.5), "num_layers": 2}, r"dropout .* got tensor\(0.5"),
    ({"mode": "LSTM"}, "mode"),
    ({"hiden_size": 5}, "hiden_size"),
    ({"device": "nope"}, "nope|device"),
    ({"dtype": "float32"}, "dtype"),
    ({"dtype": torch.int64}, "floating point"),
]
PROJECTIONS = [
    ("LSTM", {"proj_size": -1}, r"at least 0 and smaller than hidden_size \(5\), got -1"),
    ("LSTM", {"proj_size": 5}, r"smaller than hidden_size \(5\), got 5"),
    ("LSTM", {"proj_size": 6}, r"smaller than hidden_size \(5\), got 6"),
    ("LSTM", {"proj_size": 2.0}, "proj_size must be an int, got 2.0"),
    ("LSTM", {"proj_size": "2"}, "proj_size must be an int, got '2'"),
    ("GRU", {"proj_size": 2}, "only an LSTM has a projection"),
    ("GRU", {"proj_size": 0}, "only an LSTM has a projection"),
]  # fmt: skip


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one, is the question
        call()
    return type(caught.value), str(caught.value)


# torch's constructor of today checks more than that of older versions
CHECKS_MORE = "batch_first should be" in inspect.getsource(nn.RNNBase.__init__)


def compare(name, arguments, call, message, new=False):
    """Both layers raise the same type on the same call; our message matches. new: older versions let it pass."""
    ours, text = raised(lambda: call(getattr(lstm, name)(**arguments)))
    if CHECKS_MORE or not new:
        theirs, _ = raised(lambda: call(getattr(nn, name)(**arguments)))
        assert ours is theirs, text
    assert re.search(message, text), text


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [(kind, *case) for kind in BOTH for case in ARGUMENTS] + PROJECTIONS,
    ids=str,
)
def test_the_constructor_refuses_what_torchs_refuses(kind, arguments, message):
    wrong = {"input_size": 3, "hidden_size": 5} | arguments
    new = bool(arguments.keys() & {"input_size", "bias", "batch_first"})
    compare(kind, wrong, lambda layer: None, message, new)


def state(kind, *shape, **kwargs):
    return (ZEROS(shape, **kwargs), ZEROS(shape, **kwargs)) if kind == "LSTM" else ZEROS(shape, **kwargs)  # fmt: skip


def packed(*shape, lengths=(7, 5), **kwargs):
    return pack_padded_sequence(ZEROS(shape, **kwargs), list(lengths))


X = ZEROS(7, 2, 3)
# what the layer is given to read
INPUTS = {
    "one axis": (lambda: ZEROS(3), r"2 or 3 axes, the last of size 3, got \(3,\)"),
    "four axes": (lambda: ZEROS(1, 7, 2, 3), r"2 or 3 axes.* got \(1, 7, 2, 3\)"),
    "features": (lambda: ZEROS(7, 2, 4), r"of size 3 \(input_size\), got \(7, 2, 4\)"),
    "features, unbatched": (lambda: ZEROS(7, 4), r"of size 3 .* got \(7, 4\)"),
    "no steps": (lambda: ZEROS(0, 2, 3), r"at least one step, got \(0, 2, 3\)"),
    "no steps, unbatched": (lambda: ZEROS(0, 3), r"at least one step, got \(0, 3\)"),
    "a list": (lambda: [1.0, 2.0], "a tensor or a PackedSequence, got list"),
    "nothing": (lambda: None, "a tensor or a PackedSequence, got NoneType"),
    "numpy": (lambda: X.numpy(), "a tensor or a PackedSequence, got ndarray"),
    "double": (lambda: X.double(), "input in torch.float32, got torch.float64"),
    "integers": (lambda: X.long(), "input in torch.float32, got torch.int64"),
    "packed features": (lambda: packed(7, 2, 4), r"of size 3 .* got \(12, 4\)"),
    "packed double": (lambda: packed(7, 2, 3).double(), "torch.float32, got torch.float64"),
    "packed axes": (lambda: packed(7, 2, 4, 3), r"2 axes, \(steps, 3\), got \(12, 4, 3\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", INPUTS)
@pytest.mark.parametrize("kind", BOTH)
def test_an_input_that_torch_refuses_is_refused(kind, case):
    given, message = INPUTS[case]
    compare(kind, {"input_size": 3, "hidden_size": 5}, lambda layer: layer(given()), message)  # fmt: skip


def test_no_steps_are_seen_where_the_batch_comes_first():
    arguments = {"input_size": 3, "hidden_size": 5, "batch_first": True}
    for kind in BOTH:
        compare(
            kind, arguments, lambda layer: layer(ZEROS(2, 0, 3)), r"got \(2, 0, 3\)"
        )


# the state it is given; h_0 is meant, in an LSTM c_0 is as wrong
STATES = {
    "batch": (X, (1, 3, 5), r"h_0 of shape \(1, 2, 5\), got \(1, 3, 5\)"),
    "batch of one": (X, (1, 1, 5), r"h_0 of shape \(1, 2, 5\), got \(1, 1, 5\)"),
    "size": (X, (1, 2, 4), r"h_0 of shape \(1, 2, 5\), got \(1, 2, 4\)"),
    "layers": (X, (2, 2, 5), r"h_0 of shape \(1, 2, 5\), got \(2, 2, 5\)"),
    "axes": (X, (2, 5), r"h_0 of shape \(1, 2, 5\), got \(2, 5\)"),
    "unbatched axes": (X[:, 0], (1, 1, 5), r"h_0 of shape \(1, 5\), got \(1, 1, 5\)"),
    "unbatched, one axis": (X[:, 0], (5,), r"h_0 of shape \(1, 5\), got \(5,\)"),
    "unbatched size": (X[:, 0], (1, 4), r"h_0 of shape \(1, 5\), got \(1, 4\)"),
    "packed batch": (packed(7, 2, 3), (1, 3, 5), r"\(1, 2, 5\), got \(1, 3, 5\)"),
    "packed size": (packed(7, 2, 3), (1, 2, 4), r"\(1, 2, 5\), got \(1, 2, 4\)"),
    "packed layers": (packed(7, 2, 3), (2, 2, 5), r"\(1, 2, 5\), got \(2, 2, 5\)"),
}


@pytest.mark.parametrize("case", STATES)
@pytest.mark.parametrize("kind", BOTH)
def test_a_state_that_does_not_fit_is_named_with_both_shapes(kind, case):
    x, shape, message = STATES[case]
    if (kind, case) == ("LSTM", "packed layers"):
        x = packed(7, 2, 3)
        shape = (0, 2, 5)  # torch takes more layers than it has, from an LSTM
        message = r"\(1, 2, 5\), got \(0, 2, 5\)"
    arguments = {"input_size": 3, "hidden_size": 5}
    compare(kind, arguments, lambda layer: layer(x, state(kind, *shape)), message)


H0 = ZEROS(1, 2, 5)
PAIRS = {
    "size of c": ((H0, ZEROS(1, 2, 4)), r"c_0 of shape \(1, 2, 5\), got \(1, 2, 4\)"),
    "axes of c": ((H0, ZEROS(2, 5)), r"c_0 of shape \(1, 2, 5\), got \(2, 5\)"),
    "type of c": ((H0, H0.double()), "c_0 in torch.float32, got torch.float64"),
    "type of both": ((H0.double(),) * 2, "h_0 in torch.float32, got torch.float64"),
    "one tensor": (H0, r"a pair of tensors \(h_0, c_0\), got one tensor of shape \(1, 2, 5\)"),
    "one in a tuple": ((H0,), "a pair .* got a tuple of Tensor"),
    "three": ((H0,) * 3, "a pair .* got a tuple of Tensor, Tensor, Tensor"),
    "nothing in it": ((None, None), "a pair .* got a tuple of NoneType, NoneType"),
    "an empty tuple": ((), "a pair .* got a tuple of nothing"),
    "a text": ("ab", "a pair .* got str"),
    "a number": (3, "a pair .* got int"),
    "a dictionary": ({"h": H0}, "a pair .* got dict"),
}  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_an_lstms_state_is_a_pair(case):
    given, message = PAIRS[case]
    compare("LSTM", {"input_size": 3, "hidden_size": 5}, lambda layer: layer(X, given), message)  # fmt: skip


@pytest.mark.parametrize("case", [c for c in PAIRS if not c.startswith(("size", "axes", "type"))])  # fmt: skip
def test_for_a_packed_batch_too_and_with_torchs_types_for_it(case):
    given, message = PAIRS[case]
    x = packed(7, 2, 3)
    compare("LSTM", {"input_size": 3, "hidden_size": 5}, lambda layer: layer(x, given), message)  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "data"),
    [
        (torch.tensor([1, 2, 2]), ZEROS(5, 3)),
        (torch.tensor([2, 2, 1], dtype=torch.int32), ZEROS(5, 3)),
    ],
    ids=["rising", "int32"],
)
@pytest.mark.parametrize("kind", BOTH)
def test_a_packing_made_wrong_by_hand_is_refused(kind, sizes, data):
    wrong = PackedSequence(data, sizes)
    message = r"int64 numbers that never rise, got \[\d, 2, \d\] in torch.int"
    compare(kind, {"input_size": 3, "hidden_size": 5}, lambda layer: layer(wrong), message)  # fmt: skip


@pytest.mark.parametrize("kind", BOTH)
def test_an_input_on_another_device_is_named_with_both(kind):
    with pytest.raises(RuntimeError, match="the input on cpu, got meta"):
        getattr(lstm, kind)(3, 5)(X.to("meta"))
    with pytest.raises(RuntimeError, match="h_0 on cpu, got meta"):
        getattr(lstm, kind)(3, 5)(X, state(kind, 1, 2, 5, device="meta"))
    with pytest.raises(RuntimeError, match="the input on cpu, got meta"):
        getattr(lstm, kind + "Cell")(3, 5)(X[0].to("meta"))


@pytest.mark.parametrize(
    "given", [(H0,), [H0], (H0, H0), "h", 3, (None,)], ids=lambda g: type(g).__name__
)
def test_a_grus_state_is_one_tensor(given):
    name = type(given).__name__
    message = f"one tensor, got (a )?{name}"
    compare("GRU", {"input_size": 3, "hidden_size": 5}, lambda layer: layer(X, given), message)  # fmt: skip


def test_a_grus_state_of_another_type_is_named():
    compare("GRU", {"input_size": 3, "hidden_size": 5}, lambda layer: layer(X, H0.double()),
            "h_0 in torch.float32, got torch.float64")  # fmt: skip


def test_a_projection_shortens_h_and_not_c():
    arguments = {"input_size": 3, "hidden_size": 5, "proj_size": 2}
    good = ZEROS(1, 2, 2), H0
    for layer in (nn.LSTM(**arguments), lstm.LSTM(**arguments)):
        layer(X, good)
    for wrong, message in (
        ((H0, H0), r"h_0 of shape \(1, 2, 2\), got \(1, 2, 5\)"),
        ((good[0], good[0]), r"c_0 of shape \(1, 2, 5\), got \(1, 2, 2\)"),
    ):
        compare("LSTM", arguments, lambda layer, wrong=wrong: layer(X, wrong), message)


def test_where_torch_drops_a_sequences_state_in_silence_we_say_so():
    """torch.nn.LSTM checks no state of a packed batch: here it takes the first two of three and loses the third."""
    given = pack_padded_sequence(ZEROS(7, 2, 3), [5, 7], enforce_sorted=False)
    for kind in BOTH:
        getattr(nn, kind)(3, 5)(given, state(kind, 1, 3, 5))
        with pytest.raises(RuntimeError, match=r"\(1, 2, 5\), got \(1, 3, 5\)"):
            getattr(lstm, kind)(3, 5)(given, state(kind, 1, 3, 5))


def test_where_torch_takes_a_wrong_number_of_features_we_say_so():
    """torch.nn.LSTM checks no packed input: four features for three pass, when all sequences are equally long."""
    given = packed(7, 2, 4, lengths=(7, 7))
    with pytest.raises(RuntimeError, match=r"of size 3 \(input_size\), got \(14, 4\)"):
        lstm.LSTM(3, 5)(given)


# cells

CELL_ARGUMENTS = [
    ({"input_size": -1}, "input_size must be at least 0, got -1"),
    ({"hidden_size": -1}, "hidden_size must be at least 0, got -1"),
    ({"input_size": 2.5}, "input_size must be an int, got 2.5"),
    ({"hidden_size": "5"}, "hidden_size must be an int, got '5'"),
    ({"hiden_size": 5}, "hiden_size"),
]


@pytest.mark.parametrize(("arguments", "message"), CELL_ARGUMENTS, ids=str)
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
def test_a_cells_constructor_refuses_what_torchs_refuses(kind, arguments, message):
    wrong = {"input_size": 3, "hidden_size": 5} | arguments
    compare(kind, wrong, lambda cell: None, message)


Y = ZEROS(2, 3)
CELL_INPUTS = {
    "three axes": (ZEROS(2, 2, 3), r"1 or 2 axes, the last of size 3, got \(2, 2, 3\)"),
    "no axes": (ZEROS(()), r"1 or 2 axes.* got \(\)"),
    "features": (ZEROS(2, 4), r"of size 3 \(input_size\), got \(2, 4\)"),
    "double": (Y.double(), "torch.float32, got torch.float64"),
    "integers": (Y.long(), "torch.float32, got torch.int64"),
    "a list": ([1.0], "a tensor, got list"),
}
CELL_STATES = {
    "three axes": (Y, (1, 2, 5), r"h of shape \(2, 5\), got \(1, 2, 5\)"),
    "batch": (Y, (3, 5), r"h of shape \(2, 5\), got \(3, 5\)"),
    "batch of one": (Y, (1, 5), r"h of shape \(2, 5\), got \(1, 5\)"),
    "size": (Y, (2, 4), r"h of shape \(2, 5\), got \(2, 4\)"),
    "one axis": (Y, (5,), r"h of shape \(2, 5\), got \(5,\)"),
    "unbatched": (Y[0], (1, 5), r"h of shape \(5,\), got \(1, 5\)"),
}
H1 = ZEROS(2, 5)
CELL_PAIRS = {
    "size of c": ((H1, ZEROS(2, 4)), r"c of shape \(2, 5\), got \(2, 4\)"),
    "batch of c": ((H1, ZEROS(1, 5)), r"c of shape \(2, 5\), got \(1, 5\)"),
    "one tensor": (H1, r"a pair of tensors \(h, c\), got one tensor"),
    "one in a tuple": ((H1,), "a pair .* got a tuple of Tensor"),
    "three": ((H1,) * 3, "a pair .* got a tuple of Tensor, Tensor, Tensor"),
    "a number": (3, "a pair .* got int"),
    "nothing in it": ((None, None), "a pair .* got a tuple of NoneType, NoneType"),
}


@pytest.mark.parametrize("case", CELL_INPUTS)
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
def test_a_cells_input_that_torch_refuses_is_refused(kind, case):
    given, message = CELL_INPUTS[case]
    compare(kind, {"input_size": 3, "hidden_size": 5}, lambda cell: cell(given), message)  # fmt: skip


@pytest.mark.parametrize("case", CELL_STATES)
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
def test_a_cells_state_that_does_not_fit_is_named_with_both_shapes(kind, case):
    x, shape, message = CELL_STATES[case]
    hx = state(kind.removesuffix("Cell"), *shape)
    compare(kind, {"input_size": 3, "hidden_size": 5}, lambda cell: cell(x, hx), message)  # fmt: skip


@pytest.mark.parametrize("case", CELL_PAIRS)
def test_an_lstm_cells_state_is_a_pair(case):
    given, message = CELL_PAIRS[case]
    compare("LSTMCell", {"input_size": 3, "hidden_size": 5}, lambda cell: cell(Y, given), message)  # fmt: skip


@pytest.mark.parametrize("given", [(H1,), [H1], 3], ids=lambda g: type(g).__name__)
def test_a_gru_cells_state_is_one_tensor(given):
    message = f"one tensor, got (a )?{type(given).__name__}"
    compare("GRUCell", {"input_size": 3, "hidden_size": 5}, lambda cell: cell(Y, given), message)  # fmt: skip
